"""NumPy: a script of a page with all that it needs, and its arrays."""

from __future__ import annotations

from typing import ClassVar

from ...spec.architecture import Stage
from ...spec.layer_base import Layer
from ...spec.layers import Convolution, Embed, Full, Norm, Pool
from ...storage.model_file import SavedModel
from ..exporter import Exporter, Files, inference_stages
from ..formats.npz import npz_bytes
from ..source_code import (
    WIDTH,
    byte_scaling,
    call,
    functions,
    input_sentence,
    is_flat_after,
    layer_lines,
    number,
    preparation_sentence,
    python_names,
    random_inputs,
    shape_text,
    template,
    title,
    used_functions,
    window_arguments,
    with_comment,
)
from ..text_steps import TextStep, text_lines, text_steps


class NumPyExporter(Exporter):
    """Writes net.py and net.npz."""

    name: ClassVar[str] = "numpy"
    title: ClassVar[str] = "NumPy"
    support: ClassVar[dict[str, str]] = {
        "conv": "yes",
        "relu": "yes",
        "pool": "yes",
        "full": "yes",
        "dropout": "as nothing: it matters for training only",
        "norm": "yes",
        "embed": "yes",
    }

    def files(self, model: SavedModel) -> Files:
        rows = [row for stage in model.architecture.stages for row in stage.arrays]
        arrays = {row.name: model.tensors[row.name] for row in rows}
        return {"net.py": _source(model).encode(), "net.npz": npz_bytes(arrays)}

    def usage(self, model: SavedModel) -> str:
        return f"""\
`net.py` needs NumPy only. Run this in its folder, or `python net.py inputs.npy`:

```python
import numpy as np
from net import CLASSES, predict, probabilities

inputs = {random_inputs(model, "np.random")}
print(predict(inputs))
for row in probabilities(inputs):
    print(CLASSES[row.argmax()], f"{{row.max():.1%}}")
```

{input_sentence(model)} {preparation_sentence(model)}
"""


def _source(model: SavedModel) -> str:
    """The text of net.py."""
    architecture = model.architecture
    channels, height, width = architecture.input
    texts = architecture.reads_texts
    steps = "\n".join(_steps(model))
    available = functions(__package__, "functions.py.txt")
    if texts:
        available = functions(__package__, "text_functions.py.txt") | available
    helpers = "\n\n\n".join(used_functions(steps, available))
    source = template(__package__, "net.py.txt").substitute(
        title=title(model, "as a NumPy script"),
        layers="\n".join(layer_lines(model, WIDTH)),
        inputs=input_sentence(model),
        constants="\n".join(_constants(model)),
        argument="tokens" if texts else "inputs",
        shape=f"(N, {width})" if texts else f"(N, {channels}, {height}, {width})",
        classes=len(architecture.classes),
        steps=steps,
        helpers=helpers.replace("$epsilon", number(Norm.epsilon)),
    )
    if "sliding_window_view(" not in source:
        source = source.replace("from numpy.lib.stride_tricks import sliding_window_view\n", "")
    return source


def _constants(model: SavedModel) -> list[str]:
    """The classes and the temperature."""
    classes = python_names("CLASSES", model.architecture.classes)
    return [*classes, f"TEMPERATURE = {number(model.calibration.temperature)}"]


def _steps(model: SavedModel) -> list[str]:
    """The body of ``logits``."""
    architecture = model.architecture
    stages = inference_stages(model)
    plan: list[TextStep] | list[None] = [None] * len(stages)
    if architecture.reads_texts:
        plan, lines = text_steps(stages), []
    else:
        scaled = byte_scaling(model.preprocessor.scaling, "x")
        lines = [
            "    x = inputs.astype(np.float32)",
            "    if inputs.dtype == np.uint8:",
            f"        x = {scaled}",
        ]
    flat = False
    for stage, step in zip(stages, plan, strict=True):
        lines += _stage_lines(stage, step, flat)
        flat = is_flat_after(stage, flat)
    if "lengths" in "".join(lines):
        lines = ["    lengths = text_lengths(tokens)", *lines]
    return [*lines, "    return x" + ("" if flat else ".reshape(len(x), -1)")]


def _stage_lines(stage: Stage, step: TextStep | None, flat: bool) -> list[str]:
    """The lines of a stage; ``step`` for texts, ``flat`` if x is (N, C)."""
    layer, x = stage.layer, "x"
    if isinstance(layer, Embed):
        x = "tokens"
    elif isinstance(layer, Convolution | Pool) and flat:
        x = "x[:, :, None, None]"
    name, arguments = _call(layer, stage, step)
    products = layer.divisor(stage.input) if isinstance(layer, Convolution) else 1
    tail = f" / {products}" if products > 1 else ""
    lines = call(f"x = {name}", [x, *arguments], tail)
    if isinstance(layer, Full):
        lines = with_comment(lines, f"(N, {layer.neurons})")
    elif stage.output != stage.input:
        lines = with_comment(lines, shape_text(stage.output))
    return lines + text_lines(step, "np")


def _call(layer: Layer, stage: Stage, step: TextStep | None) -> tuple[str, list[str]]:
    """The function of a layer, and its arguments after x."""
    arrays = [f'*arrays_of("{stage.name}")'] if stage.arrays else []
    if isinstance(layer, Convolution):
        return "convolution", arrays + window_arguments(stage)
    if isinstance(layer, Pool):
        name = f"{layer.kind}_pool"
        if step is not None:
            return f"text_{name}", ["lengths", *window_arguments(stage)]
        return name, window_arguments(stage)
    return layer.word, arrays
