"""The ONNX exporter: a file that takes raw inputs, and one that takes the inputs of the layers."""

from __future__ import annotations

from typing import ClassVar

from ...data.audio.preprocessor import AudioPreprocessor
from ...data.images.preprocessor import ImagePreprocessor
from ...data.text.preprocessor import TextPreprocessor
from ...storage.model_file import SavedModel
from ..exporter import Exporter, Files
from ..own_metadata import metadata
from ..source_code.tokenizer import tokenizer_files
from .graph import Graph
from .layers import add_layers_alone
from .pictures import reads_pixels
from .raw_inputs import add_net

NET, LAYERS = "net.onnx", "layers.onnx"


class OnnxExporter(Exporter):
    """Two files, each with the outputs logits and probabilities (N, classes), and with the class
    names in its metadata: ``net.onnx`` takes raw inputs, ``layers.onnx`` those of the layers.

    Raw inputs are pixels, tokens, or the samples of sounds; of a long sound, the outputs are the
    mean of its windows. A tokenizer and its vocabulary are beside the files for texts.
    """

    name = "onnx"
    title = "ONNX"
    support: ClassVar = {
        "conv": "yes",
        "relu": "yes",
        "pool": "yes",
        "full": "yes",
        "dropout": "left out (dropout acts only in training)",
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
        if isinstance(model.preprocessor, TextPreprocessor):
            files |= tokenizer_files(model.preprocessor)
        return files

    def usage(self, model: SavedModel) -> str:
        name, value, more = _example(model)
        return f"""\
```python
import json

import numpy as np
import onnxruntime
{more}
net = onnxruntime.InferenceSession("{NET}")
classes = json.loads(net.get_modelmeta().custom_metadata_map["classes"])
{name} = {value}
logits, probabilities = net.run(["logits", "probabilities"], {{"{name}": {name}}})
print(classes[probabilities[0].argmax()], probabilities[0].max())
```
"""


def _example(model: SavedModel) -> tuple[str, str, str]:
    """The name of the raw input, how to make one, and what to import for it."""
    preprocessor, shape = model.preprocessor, model.architecture.input
    if isinstance(preprocessor, TextPreprocessor):
        code = 'np.array([tokenize("your text")], np.int64)'
        return "tokens", code, "from tokenizer import tokenize  # the file beside the net\n"
    if model.architecture.reads_texts:
        return "tokens", f"np.zeros((1, {shape.width}), np.int64)  # 0 after the end of a text", ""
    if isinstance(preprocessor, AudioPreprocessor):
        code = f"np.zeros((1, {preprocessor.rate}), np.float32)"
        return "samples", f"{code}  # mono, -1 to 1, {preprocessor.rate:,} a second", ""
    if isinstance(preprocessor, ImagePreprocessor) and reads_pixels(preprocessor):
        code = 'np.asarray(Image.open("picture.png").convert("RGB"))[None]'
        return "pixels", f"{code}  # of any size", "from PIL import Image\n"
    pixels = f"np.zeros({(1, *shape)}, np.uint8)"
    return "pixels", f"{pixels}  # your pictures: channels, rows, columns", ""
