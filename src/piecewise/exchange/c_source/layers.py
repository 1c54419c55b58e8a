"""How each layer is written in C: the record of its sizes, and the call that computes it."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.windows import Windows
from ...spec.architecture import Stage
from ...spec.layers import Convolution, Embed, Full, Norm, Pool, Relu
from ..source_code.text_steps import TextStep, text_steps
from .memory import Memory


def record_lines(stage: Stage) -> list[str]:
    """The definition of the record of a layer; none for a layer without one."""
    match layer := stage.layer:
        case Convolution():
            fields = {
                "channels": stage.input.channels,
                "features": layer.features,
                **_axes(stage),
                "divisor": f"{layer.divisor(stage.input)}.0f",
                "weight": f"{stage.name}_weight",
            }
            if layer.bias:
                fields["bias"] = f"{stage.name}_bias"
        case Pool():
            fields = {"channels": stage.input.channels, **_axes(stage)}
        case Full():
            fields = {
                "inputs": stage.input.values,
                "outputs": stage.output.values,
                "weight": f"{stage.name}_weight",
                "bias": f"{stage.name}_bias",
            }
        case Norm():
            channels, height, width = stage.input
            fields = {"channels": channels, "cells": height * width}
            fields |= {name: f"{stage.name}_{name}" for name in ("mean", "scale", "weight", "bias")}
        case _:
            return []
    kind = type(layer).__name__
    lines = [f"    .{name} = {value}," for name, value in fields.items()]
    before, after = (" x ".join(map(str, shape)) for shape in (stage.input, stage.output))
    comment = f"/* {before} -> {after} */"
    return [comment, f"static const {kind} {stage.name} = {{", *lines, "};"]


def _axes(stage: Stage) -> dict[str, str]:
    rows, columns = stage.layer.windows(stage.input)
    return {"rows": _axis(rows), "columns": _axis(columns)}


def _axis(axis: Windows) -> str:
    return f"{{{axis.size}, {axis.window}, {axis.stride}, {axis.before}, {axis.count}}}"


def step_lines(stages: Sequence[Stage], memory: Memory, texts: bool) -> list[str]:
    """The body of ``net_logits``."""
    plan: list[TextStep] | list[None] = text_steps(stages) if texts else [None] * len(stages)
    lines, x = [], "input"
    for stage, step, y in zip(stages, plan, memory.outputs, strict=True):
        lines.append(_call(stage, step, x, y))
        lines += _text_lines(stage, step, y)
        x = y
    if not stages:
        lines.append("copy(input, logits, NET_INPUTS);")
    if "length" in "".join(lines):
        lines.insert(0, "int length = text_length(input);")
    return [f"  {line}" for line in lines]


def _call(stage: Stage, step: TextStep | None, x: str, y: str) -> str:
    """The call that computes a layer from x to y."""
    match layer := stage.layer:
        case Convolution():
            return f"convolution(&{stage.name}, {x}, {y});"
        case Pool():
            width = str(stage.input.width) if step is None else "length"
            return f"{layer.kind}_pool(&{stage.name}, {x}, {y}, {width});"
        case Embed():
            return f"embed({stage.name}_weight, {layer.channels}, {x}, {y});"
        case Relu():
            return f"relu({x}, {y}, {stage.output.values});"
    return f"{layer.word}(&{stage.name}, {x}, {y});"


def _text_lines(stage: Stage, step: TextStep | None, y: str) -> list[str]:
    """The lines about the end of a text after a layer."""
    lines = []
    if step and step.is_one:
        lines.append("length = 1;")
    if step and step.rule:
        reach, stride = step.rule
        lines.append(f"length = window_count(length, {reach}, {stride});")
    if step and step.clears:
        channels, height, width = stage.output
        lines.append(f"clear_padding({y}, {channels * height}, {width}, length);")
    return lines
