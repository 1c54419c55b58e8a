"""The ONNX exporter: a file that takes raw inputs, and one that takes the inputs of the layers."""

from __future__ import annotations

from typing import ClassVar

from ...data.audio.preprocessor import AudioPreprocessor
from ...data.text.preprocessor import TextPreprocessor
from ...storage.model_file import SavedModel
from ..exporter import COMMON_SUPPORT, Exporter, Files
from ..own_metadata import metadata
from ..source_code.preparation import preparation_files, raw_code
from .graph import Graph
from .layers import add_layers_alone
from .pictures import PIXELS
from .raw_inputs import add_net
from .sound_bands import SAMPLES

NET, LAYERS = "net.onnx", "layers.onnx"


class OnnxExporter(Exporter):
    """Two files, each with the outputs logits and probabilities (N, classes), and with the class
    names in its metadata: ``net.onnx`` takes raw inputs, ``layers.onnx`` those of the layers.

    Raw inputs are pixels, tokens, or the samples of sounds; of a long sound, the outputs are the
    mean of its windows. Scripts that read files or texts are beside them.
    """

    name = "onnx"
    title = "ONNX"
    support: ClassVar = {
        **COMMON_SUPPORT,
        "norm": "yes",
        "embed": "as Gather, and operators that set the values after the end of a text to zero",
    }

    def files(self, model: SavedModel) -> Files:
        texts = metadata(model)
        files = {}
        for name, add in ((NET, add_net), (LAYERS, add_layers_alone)):
            graph = Graph(name.removesuffix(".onnx"))
            add(graph, model)
            files[name] = graph.to_bytes(texts)
        return files | preparation_files(model)

    def usage(self, model: SavedModel) -> str:
        name = _raw_name(model)
        code = raw_code(model, name)
        begins = f"takes {name}" if name == "tokens" else f"takes {name} and prepares them itself"
        return f"""\
`{NET}` {begins}; `{LAYERS}` takes what the first layer reads.

```python
import json

{code.numpy}import onnxruntime
{code.imports}
net = onnxruntime.InferenceSession("{NET}")
classes = json.loads(net.get_modelmeta().custom_metadata_map["classes"])
{code.lines}
logits, probabilities = net.run(["logits", "probabilities"], {{"{name}": {name}}})
for row in probabilities:
    print(classes[row.argmax()], f"{{row.max():.1%}}")
```

{code.note}
"""


def _raw_name(model: SavedModel) -> str:
    """The name of the raw input."""
    preprocessor = model.preprocessor
    if isinstance(preprocessor, TextPreprocessor) or model.architecture.reads_texts:
        return "tokens"
    return SAMPLES if isinstance(preprocessor, AudioPreprocessor) else PIXELS
