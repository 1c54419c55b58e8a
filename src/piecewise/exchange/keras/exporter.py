"""The TensorFlow exporter: a `.keras` file, which Keras 3 reads on TensorFlow, JAX and PyTorch."""

from __future__ import annotations

from typing import ClassVar

from ...storage.model_file import SavedModel
from ..exporter import COMMON_SUPPORT, Exporter, Files
from ..own_metadata import metadata
from ..source_code.preparation import input_code, preparation_files
from ..source_code.sentences import preparation_sentence
from .files import keras_bytes
from .layer_list import LayerList
from .layers import LayerWriter
from .texts import TextWriter

NET = "net.keras"
MODEL_NAME = "net"


class TensorFlowExporter(Exporter):
    """One file, ``net.keras``: pixels (N, rows, columns, channels) from 0 to 255, or tokens
    (N, positions), to probabilities (N, classes); the layer ``logits`` gives the logits."""

    name = "tensorflow"
    title = "TensorFlow (Keras)"
    support: ClassVar = {
        **COMMON_SUPPORT,
        "conv": "as Conv2D; a number for `pad` adds ZeroPadding2D before it, `mean` adds Rescaling "
        "after it",
        "pool": "as pooling of padded maps, so that all windows are complete; averages of windows "
        "past the edge are multiplied by a factor",
        "full": "as Dense, its weights in the order row, column, channel",
        "norm": "yes",
        "embed": "as Embedding, and layers that set the values after the end of a text to zero",
    }

    def files(self, model: SavedModel) -> Files:
        texts = {**metadata(model), "classes": list(model.architecture.classes)}
        return {
            NET: keras_bytes(keras_layers(model), MODEL_NAME, texts),
            **preparation_files(model),
        }

    def usage(self, model: SavedModel) -> str:
        code, texts = input_code(model), model.architecture.reads_texts
        x = 'inputs.astype("int32")' if texts else 'inputs.transpose(0, 2, 3, 1).astype("float32")'
        order = "" if texts else " It takes rows, columns, channels, from 0 to 255."
        return f"""\
`{NET}` is a model of Keras 3, on TensorFlow, JAX or PyTorch:

```python
import json
import zipfile

import keras  # or: from tensorflow import keras
{code.numpy}{code.imports}
net = keras.saving.load_model("{NET}")
classes = json.loads(zipfile.ZipFile("{NET}").read("metadata.json"))["classes"]
{code.lines}
x = {x}
for row in net.predict(x):
    print(classes[row.argmax()], f"{{row.max():.1%}}")
logits = keras.Model(net.inputs, net.get_layer("logits").output).predict(x)
```

{code.note} {preparation_sentence(model)}{order} On TensorFlow, `net.export("saved_model")` makes a
SavedModel.
"""


def keras_layers(model: SavedModel) -> LayerList:
    """The layers of a network in the dialect of Keras 3, from raw inputs to probabilities."""
    if model.architecture.reads_texts:
        texts = TextWriter(model)
        texts.add_texts()
        texts.add_end()
        return texts.layers
    writer = LayerWriter(model)
    writer.add_input(pixels=True)
    writer.add_stages()
    writer.add_end()
    return writer.layers
