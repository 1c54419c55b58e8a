"""Export to Caffe: deploy.prototxt with the layers, net.caffemodel with their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ...core.array_types import Float32
from ...spec.architecture import Stage
from ...spec.layers import Convolution, Norm, Pool
from ...storage.model_file import SavedModel
from ..exporter import COMMON_SUPPORT, Exporter, Files, inference_stages, stage_arrays
from ..formats.prototxt import Message, Value, Word, written
from ..own_metadata import one_line
from ..pool_axis import PoolAxis, pool_axes
from ..readable import json_text
from ..rewriting import even_padding
from ..source_code.preparation import input_code, preparation_files
from ..source_code.python_code import byte_scaling
from ..source_code.sentences import preparation_sentence
from .schema import encoded

TEXT, BINARY, CLASSES = "deploy.prototxt", "net.caffemodel", "classes.json"
NET_NAME = "piecewise"
COMMENT = "# piecewise: "
"""The start of the line of the text that holds the metadata."""
INPUT, LOGITS, PROBABILITIES = "data", "logits", "probabilities"
"""Names of blobs."""


class CaffeExporter(Exporter):
    """Writes the layers as Caffe names them; a layer keeps its name."""

    name = "caffe"
    title = "Caffe"
    support: ClassVar = {
        **COMMON_SUPPORT,
        "conv": "as Convolution; `mean` adds a Power layer after it; `pad=same` with unequal "
        "padding adds a row or column of zeros to the kernel",
        "pool": "as Pooling; with `edge=drop`, a Slice before it cuts off the cells of the "
        "windows that are left out",
        "norm": "as BatchNorm and Scale",
        "embed": "no: Caffe's layers cannot skip padding, so it would change predictions",
    }

    def files(self, model: SavedModel) -> Files:
        net = _Net(model)
        return {
            TEXT: f"{COMMENT}{one_line(model)}\n{written(net.message)}".encode(),
            BINARY: b"".join(encoded(net.message, net.blobs)),
            CLASSES: json_text(model.architecture.classes).encode(),
            **preparation_files(model),
        }

    def usage(self, model: SavedModel) -> str:
        return _USAGE.format(
            code=input_code(model),
            scaled=byte_scaling(model.preprocessor.scaling, "inputs.astype(np.float32)"),
            preparation=preparation_sentence(model),
        )


_USAGE = """\
`deploy.prototxt` has the layers, `net.caffemodel` their parameters. Caffe reads both by
`caffe.Net("deploy.prototxt", "net.caffemodel", caffe.TEST)`, OpenCV before version 5 so:

```python
import json
from pathlib import Path

import cv2
import numpy as np
{code.imports}
classes = json.loads(Path("classes.json").read_text("utf-8"))
net = cv2.dnn.readNetFromCaffe("deploy.prototxt", "net.caffemodel")
{code.lines}
net.setInput({scaled})
logits, probabilities = net.forward(["logits", "probabilities"])
for row in probabilities:
    print(classes[row.argmax()], f"{{row.max():.1%}}")
```

The layers read bytes that are scaled as above. {code.note} {preparation}
"""


class _Net:
    """The message of a network and the blobs of its layers, made layer by layer."""

    def __init__(self, model: SavedModel) -> None:
        self._model = model
        self._top, self._flat = INPUT, False
        self.blobs: dict[str, Sequence[Float32]] = {}
        shape: list[Value] = [1, *model.architecture.input]
        self._layers: list[Value] = [{
            "name": [INPUT], "type": ["Input"], "top": [INPUT],
            "input_param": [{"shape": [{"dim": shape}]}],
        }]  # fmt: skip
        for stage in inference_stages(model):
            self._stage(stage)
        self._end(model.calibration.temperature)
        self.message: Message = {"name": [NET_NAME], "layer": self._layers}

    def _stage(self, stage: Stage) -> None:
        arrays = stage_arrays(self._model, stage)
        layer = stage.layer
        if isinstance(layer, Convolution):
            self._as_maps(stage)
            self._convolution(stage, layer, arrays)
        elif isinstance(layer, Pool):
            self._as_maps(stage)
            self._pool(stage, layer)
        elif isinstance(layer, Norm):
            self._norm(stage, arrays)
        elif layer.word == "full":
            count: list[Value] = [stage.output.channels]
            self._add(stage.name, "InnerProduct", {"inner_product_param": [{"num_output": count}]},
                      [arrays["weight"], arrays["bias"]])  # fmt: skip
            self._flat = True
        else:
            self._add(stage.name, "ReLU")

    def _as_maps(self, stage: Stage) -> None:
        """Make maps of one cell of the values of a fully connected layer."""
        if self._flat:
            shape: Message = {"dim": [0, -1, 1, 1]}
            self._add(f"{stage.name}_maps", "Reshape", {"reshape_param": [{"shape": [shape]}]})
            self._flat = False

    def _convolution(self, stage: Stage, layer: Convolution, arrays: dict[str, Float32]) -> None:
        padding, weight = even_padding(layer.windows(stage.input), arrays["weight"])
        parameters: Message = {
            "num_output": [layer.features],
            "bias_term": [layer.bias],
            **_sides("pad", padding),
            **_sides("kernel", weight.shape[2:]),
            **_sides("stride", layer.stride),
        }
        blobs = [weight, arrays["bias"]] if layer.bias else [weight]
        self._add(stage.name, "Convolution", {"convolution_param": [parameters]}, blobs)
        if layer.mean:
            self._scale(f"{stage.name}_mean", 1 / np.float32(layer.divisor(stage.input)))

    def _pool(self, stage: Stage, layer: Pool) -> None:
        kind = Word("MAX" if layer.kind == "max" else "AVE")
        axes = pool_axes(stage)
        if all(axis.window == axis.size for axis in axes):
            parameters: Message = {"pool": [kind], "global_pooling": [True]}
        else:
            for number, axis in enumerate(axes):
                self._cut(stage, 2 + number, axis)
            parameters = {
                "pool": [kind],
                **_sides("kernel", [axis.window for axis in axes]),
                **_sides("stride", [axis.stride for axis in axes]),
            }
        self._add(stage.name, "Pooling", {"pooling_param": [parameters]})

    def _cut(self, stage: Stage, number: int, axis: PoolAxis) -> None:
        """Cut off what no window covers, because Caffe would begin another window there."""
        if axis.is_ceil:
            return
        name = f"{stage.name}_{'rows' if number == 2 else 'columns'}"
        slicing: Message = {"axis": [number], "slice_point": [axis.used]}
        rest = f"{name}_rest"
        self._add(name, "Slice", {"top": [name, rest], "slice_param": [slicing]})
        self._layers.append({"name": [f"{rest}_unused"], "type": ["Silence"], "bottom": [rest]})

    def _norm(self, stage: Stage, arrays: dict[str, Float32]) -> None:
        parameters: Message = {"use_global_stats": [True], "eps": [Norm.epsilon]}
        statistics = [arrays["mean"], arrays["variance"], np.ones(1, np.float32)]
        self._add(stage.name, "BatchNorm", {"batch_norm_param": [parameters]}, statistics)
        self._add(f"{stage.name}_scale", "Scale", {"scale_param": [{"bias_term": [True]}]},
                  [arrays["weight"], arrays["bias"]])  # fmt: skip

    def _end(self, temperature: float) -> None:
        """Name the logits, and make probabilities of them."""
        self._add(LOGITS, "Flatten")
        if temperature != 1:
            self._scale("temperature", np.float32(1 / temperature))
        self._add(PROBABILITIES, "Softmax")

    def _scale(self, name: str, factor: np.float32) -> None:
        self._add(name, "Power", {"power_param": [{"scale": [float(factor)]}]})

    def _add(
        self, name: str, kind: str, fields: Message | None = None, blobs: Sequence[Float32] = ()
    ) -> None:
        """Add a layer that reads the last blob, and whose first blob is read next."""
        self._layers.append(
            {"name": [name], "type": [kind], "bottom": [self._top], "top": [name], **(fields or {})}
        )
        self._top = name
        if blobs:
            self.blobs[name] = blobs


def _sides(name: str, sides: tuple[int, ...] | list[int]) -> Message:
    """The fields of the rows and columns of a kernel, a stride or a padding."""
    return {f"{name}_h": [int(sides[0])], f"{name}_w": [int(sides[1])]}
