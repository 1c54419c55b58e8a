"""How each layer is written in PyTorch: its module, and its line in ``forward``."""

from __future__ import annotations

from ...spec.architecture import Stage
from ...spec.layer_base import Layer
from ...spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from ..source_code.python_code import (
    Sides,
    call,
    number,
    padding_of,
    shape_text,
    window_of,
    with_comment,
)
from ..source_code.text_steps import TextStep, text_lines

INDENT = 8


def module_lines(stage: Stage, flat: bool) -> list[str]:
    """The assignment of the module of a stage; ``flat`` if its input is (N, C)."""
    layer = stage.layer
    if isinstance(layer, Pool) and layer.window == "all":
        return []
    head, arguments = _module(layer, stage, flat)
    return call(f"self.{stage.name} = nn.{head}", arguments, indent=INDENT)


def _module(layer: Layer, stage: Stage, flat: bool) -> tuple[str, list[str]]:
    """The class of a module and its arguments."""
    match layer:
        case Convolution():
            return "Conv2d", _convolution(layer, stage)
        case Pool():
            return _pool(layer, stage)
        case Full():
            return "Linear", [str(stage.input.values), str(stage.output.values)]
        case Norm():
            return ("BatchNorm1d" if flat else "BatchNorm2d"), [str(stage.input.channels)]
        case Dropout():
            return "Dropout", [number(layer.rate)]
        case Embed():
            return "Embedding", [str(stage.input.height), str(layer.channels), "padding_idx=0"]
    assert isinstance(layer, Relu)
    return "ReLU", []


def _convolution(layer: Convolution, stage: Stage) -> list[str]:
    window, stride = window_of(stage)
    arguments = [str(stage.input.channels), str(layer.features), _sides(window)]
    if stride != (1, 1):
        arguments.append(f"stride={_sides(stride)}")
    padding = _symmetric_padding(layer, stage)
    if padding and any(padding):
        arguments.append(f"padding={_sides(padding)}")
    return arguments if layer.bias else [*arguments, "bias=False"]


def _symmetric_padding(layer: Convolution, stage: Stage) -> Sides | None:
    """The padding that a convolution has on both sides; None if the sides differ."""
    if not isinstance(layer.padding, str):
        return layer.padding
    (top, bottom), (left, right) = padding_of(stage)
    return (top, left) if (top, left) == (bottom, right) else None


def _pool(layer: Pool, stage: Stage) -> tuple[str, list[str]]:
    (height, width), stride = window_of(stage)
    if layer.edge == "partial":  # here a window must not be longer than the map
        height, width = min(height, stage.input.height), min(width, stage.input.width)
    arguments = [_sides((height, width))]
    if stride != (height, width):
        arguments.append(f"stride={_sides(stride)}")
    if padding_of(stage) != ((0, 0), (0, 0)):
        arguments.append("ceil_mode=True")
    # Averages of windows past the edge are those of the cells that exist.
    return ("MaxPool2d" if layer.kind == "max" else "AvgPool2d"), arguments


def step_lines(stage: Stage, step: TextStep | None, flat: bool) -> list[str]:
    """The lines of a stage in ``forward``; ``step`` for texts, ``flat`` if x is (N, C)."""
    layer, lines = stage.layer, []
    if isinstance(layer, Convolution | Pool) and flat:
        lines.append("x = x[:, :, None, None]")
    if isinstance(layer, Full) and not flat:
        lines.append("x = x.flatten(1)")
    lines += [f"x = {_expression(layer, stage, step)}"]
    lines = [" " * INDENT + line for line in lines]
    if isinstance(layer, Full):
        lines = with_comment(lines, f"(N, {layer.neurons})")
    elif stage.output != stage.input:
        lines = with_comment(lines, shape_text(stage.output))
    return lines + text_lines(step, "torch", INDENT)


def _expression(layer: Layer, stage: Stage, step: TextStep | None) -> str:
    name = f"self.{stage.name}"
    match layer:
        case Convolution():
            return _convolved(layer, stage)
        case Embed():
            return f"{name}(tokens).masked_fill(tokens[:, :, None] == 0, 0).mT[:, :, None]"
        case Pool():
            return _pooled(layer, name, step)
    return f"{name}(x)"


def _convolved(layer: Convolution, stage: Stage) -> str:
    argument = "x"
    if _symmetric_padding(layer, stage) is None:
        (top, bottom), (left, right) = padding_of(stage)
        argument = f"F.pad(x, ({left}, {right}, {top}, {bottom}))"
    products = layer.divisor(stage.input)
    return f"self.{stage.name}({argument})" + (f" / {products}" if products > 1 else "")


def _pooled(layer: Pool, name: str, step: TextStep | None) -> str:
    kind = layer.kind
    if layer.window == "all":
        if step is None:
            return (
                "x.amax((2, 3), keepdim=True)" if kind == "max" else "x.mean((2, 3), keepdim=True)"
            )
        name = f"nn.{'Max' if kind == 'max' else 'Avg'}Pool2d(x.shape[2:])"
    return f"{name}(x)" if step is None else f"text_{kind}_pool({name}, x, lengths)"


def _sides(sides: Sides) -> str:
    """Two sides as an argument: one number if they are equal."""
    return str(sides[0] if sides[0] == sides[1] else sides)
