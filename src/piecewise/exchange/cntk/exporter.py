"""The CNTK exporter: ONNX as CNTK 2.7 reads it, from the inputs of the layers on.

CNTK reads operators of opset 7 in files of IR version 3, which list constants among the inputs. It
reads no bytes and no integers, so preprocessing stays outside of the file.
"""

from __future__ import annotations

from typing import ClassVar

from ...storage.model_file import SavedModel
from ..exporter import COMMON_SUPPORT, Exporter, Files
from ..onnx.graph import Graph
from ..onnx.layers import add_layers_alone
from ..own_metadata import metadata
from ..source_code.preparation import input_code, preparation_files
from ..source_code.python_code import byte_scaling
from ..source_code.sentences import preparation_sentence

NET = "net.onnx"
OPSET, IR_VERSION = 7, 3


class CntkExporter(Exporter):
    """One file, ``net.onnx``, that takes float32 (N, C, H, W), with the outputs logits and
    probabilities (N, classes)."""

    name = "cntk"
    title = "CNTK"
    support: ClassVar = {
        **COMMON_SUPPORT,
        "norm": "yes",
        "embed": "no: CNTK's reader of ONNX lacks the integer operators that find the end of a "
        "text",
    }

    def files(self, model: SavedModel) -> Files:
        graph = Graph("net", OPSET, IR_VERSION, lists_constants=True)
        add_layers_alone(graph, model)
        return {NET: graph.to_bytes(metadata(model)), **preparation_files(model)}

    def usage(self, model: SavedModel) -> str:
        code = input_code(model)
        scaled = byte_scaling(model.preprocessor.scaling, "inputs.astype(np.float32)")
        return f"""\
```python
import cntk
import numpy as np
{code.imports}
net = cntk.Function.load("{NET}", format=cntk.ModelFormat.ONNX)
{code.lines}
x = {scaled}
for output, values in net.eval({{net.arguments[0]: x}}).items():
    print(output.name, values)  # the logits, and the probabilities of the classes
```

The layers read bytes that are scaled as above. {code.note} {preparation_sentence(model)}
"""
