"""Export to Torch7: net.t7 with an nn.Sequential of the modules that Torch has."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...core.array_types import Float32
from ...spec.architecture import Stage
from ...spec.layers import Convolution, Norm, Pool
from ...storage.model_file import SavedModel
from ..exporter import COMMON_SUPPORT, Exporter, Files, inference_stages, stage_arrays
from ..formats.t7 import TorchModule
from ..formats.t7_writer import LongStorage, T7Writer
from ..own_metadata import one_line
from ..pool_axis import PoolAxis, pool_axes
from ..readable import json_text
from ..source_code.preparation import input_code, preparation_files
from ..source_code.python_code import byte_scaling
from ..source_code.sentences import preparation_sentence

NET, CLASSES = "net.t7", "classes.json"
INPUT_FIELD, CLASSES_FIELD, METADATA_FIELD = "input_size", "classes", "piecewise"
"""Fields of the nn.Sequential that Torch does not use, and the importer reads."""


class TorchExporter(Exporter):
    """Writes modules of the package nn, for evaluation."""

    name = "torch"
    title = "Torch7"
    support: ClassVar = {
        **COMMON_SUPPORT,
        "conv": "as nn.SpatialConvolution; `mean` adds nn.MulConstant after it; `pad=same` with "
        "unequal padding adds nn.SpatialZeroPadding before it",
        "pool": "as nn.SpatialMaxPooling or nn.SpatialAveragePooling; as two of them, one per "
        "axis, if only one axis has windows past the edge",
        "full": "as nn.Linear",
        "norm": "as nn.SpatialBatchNormalization",
        "embed": "no: Torch7's modules cannot skip padding, so it would change predictions",
    }

    def files(self, model: SavedModel) -> Files:
        writer = T7Writer()
        writer.add(_sequential(model))
        classes = json_text(model.architecture.classes)
        return {NET: writer.content, CLASSES: classes.encode(), **preparation_files(model)}

    def usage(self, model: SavedModel) -> str:
        return _USAGE.format(
            code=input_code(model),
            scaled=byte_scaling(model.preprocessor.scaling, "inputs.astype(np.float32)"),
            preparation=preparation_sentence(model),
        )


_USAGE = """\
Torch reads it by `net = torch.load("net.t7")` after `require "nn"`; the last module is the softmax,
the one before divides the logits by the temperature. OpenCV before version 5 runs it, too:

```python
import json
from pathlib import Path

import cv2
import numpy as np
{code.imports}
classes = json.loads(Path("classes.json").read_text("utf-8"))
net = cv2.dnn.readNetFromTorch("net.t7")
{code.lines}
net.setInput({scaled})
for row in net.forward():
    print(classes[row.argmax()], f"{{row.max():.1%}}")
```

The modules read bytes that are scaled as above. {code.note} {preparation}
"""


def _sequential(model: SavedModel) -> TorchModule:
    """The modules of a network."""
    modules: list[TorchModule] = []
    flat = False  # whether the values are in a row, without rows and columns
    for stage in inference_stages(model):
        layer, arrays = stage.layer, stage_arrays(model, stage)
        if isinstance(layer, Convolution | Pool) and flat:
            modules.append(_reshape(stage.input))
        if layer.word == "full" and not flat:
            modules.append(_reshape((stage.input.values,)))
        if isinstance(layer, Convolution):
            modules += _convolution(stage, layer, arrays)
        elif isinstance(layer, Pool):
            modules += _pooling(layer, pool_axes(stage))
        elif isinstance(layer, Norm):
            modules.append(_norm(arrays, flat))
        elif layer.word == "full":
            modules.append(_module("Linear", weight=arrays["weight"], bias=arrays["bias"]))
        else:
            modules.append(_module("ReLU", threshold=0, val=0, inplace=False))
        flat = layer.word == "full" or (flat and not isinstance(layer, Convolution | Pool))
    if not flat:
        modules.append(_reshape((model.architecture.output.values,)))
    modules.append(_multiplication(1 / model.calibration.temperature))
    modules.append(_module("SoftMax"))
    fields = {
        INPUT_FIELD: list(model.architecture.input),
        CLASSES_FIELD: list(model.architecture.classes),
        METADATA_FIELD: one_line(model),
    }
    return _module("Sequential", **fields, modules=modules)  # OpenCV reads nothing after modules


def _module(kind: str, **fields: object) -> TorchModule:
    """A module with the fields that every module has."""
    empty = np.empty(0, np.float32)
    common = {"_type": "torch.FloatTensor", "train": False, "output": empty, "gradInput": empty}
    return TorchModule(kind, {**common, **fields})


def _reshape(shape: tuple[int, ...]) -> TorchModule:
    size = LongStorage(shape)
    return _module(
        "Reshape", size=size, batchsize=LongStorage((1, *shape)), batchMode=True,
        nelement=int(np.prod(shape)),
    )  # fmt: skip


def _convolution(stage: Stage, layer: Convolution, arrays: dict[str, Float32]) -> list[TorchModule]:
    rows, columns = layer.windows(stage.input)
    pads = {"padH": rows.before, "padW": columns.before}
    modules = []
    if rows.after > rows.before or columns.after > columns.before:
        modules.append(_module(
            "SpatialZeroPadding", pad_l=columns.before, pad_r=columns.after, pad_t=rows.before,
            pad_b=rows.after,
        ))  # fmt: skip
        pads = {"padH": 0, "padW": 0}
    modules.append(_module(
        "SpatialConvolution", nInputPlane=stage.input.channels, nOutputPlane=layer.features,
        kH=rows.window, kW=columns.window, dH=rows.stride, dW=columns.stride, **pads, **arrays,
    ))  # fmt: skip
    if layer.mean:
        modules.append(_multiplication(1 / np.float32(layer.divisor(stage.input))))
    return modules


def _multiplication(factor: float | np.float32) -> TorchModule:
    return _module("MulConstant", constant_scalar=float(np.float32(factor)), inplace=False)


def _pooling(layer: Pool, axes: tuple[PoolAxis, PoolAxis]) -> list[TorchModule]:
    """Pooling in ceil mode or floor mode; where the axes differ in it, one after the other."""
    rows, columns = axes
    one = PoolAxis(1, 1, 1, 1)
    for ceil in (False, True):
        if all(axis.is_ceil if ceil else axis.is_floor for axis in axes):
            return [_pool(layer, rows, columns, ceil)]
    return [_pool(layer, rows, one, rows.is_ceil), _pool(layer, one, columns, columns.is_ceil)]


def _pool(layer: Pool, rows: PoolAxis, columns: PoolAxis, ceil: bool) -> TorchModule:
    sides = {
        "kH": rows.window, "kW": columns.window, "dH": rows.stride, "dW": columns.stride,
        "padH": 0, "padW": 0, "ceil_mode": ceil,
    }  # fmt: skip
    if layer.kind == "max":
        return _module("SpatialMaxPooling", **sides)
    return _module("SpatialAveragePooling", **sides, count_include_pad=True, divide=True)


def _norm(arrays: dict[str, Float32], flat: bool) -> TorchModule:
    kind = "BatchNormalization" if flat else "SpatialBatchNormalization"
    return _module(
        kind, eps=Norm.epsilon, momentum=Norm.momentum, affine=True, nDim=2 if flat else 4,
        running_mean=arrays["mean"], running_var=arrays["variance"],
        weight=arrays["weight"], bias=arrays["bias"],
    )  # fmt: skip
