"""What the layers of a text net do with the ends of texts, as rules that exporters write out.

`spec/text_lengths.py` defines the lengths by tables; the rules here give the same numbers. A text
of ``reach`` positions has one window, and every ``stride`` more positions give another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...core.windows import Windows
from ...spec.architecture import Stage
from ...spec.layer_base import Connectivity, Layer
from ...spec.layers import Convolution, Norm, Pool


class TextStep(NamedTuple):
    """What a stage does with the length of a text."""

    rule: tuple[int, int] | None
    """(reach, stride): the new length is 1 + max(length - reach, 0) // stride; None if it stays."""
    is_one: bool
    """Whether the new length is 1, as after pooling of whole maps."""
    clears: bool
    """Whether the positions after the new end have to be set to zero."""

    @property
    def changes(self) -> bool:
        """Whether the length changes."""
        return self.is_one or self.rule is not None


def text_steps(stages: Sequence[Stage]) -> list[TextStep]:
    """One step for each stage; lengths that nothing needs any more do not change."""
    steps: list[TextStep] = []
    is_needed = False
    for stage, clears in zip(reversed(stages), reversed(_clears(stages)), strict=True):
        is_needed |= clears
        is_one = is_needed and _is_one(stage)
        rule = _rule(stage) if is_needed and not is_one else None
        steps.append(TextStep(rule, is_one, clears))
        is_needed = (is_needed and not is_one) or isinstance(stage.layer, Pool)
    return steps[::-1]


def _clears(stages: Sequence[Stage]) -> list[bool]:
    """Whether each stage sets positions to zero: at once after pooling, whose windows without text
    may hold infinity; after a convolution and a norm, before the next layer that mixes positions.
    """
    clears, pending = [], False
    for stage, following in zip(stages, [*stages[1:], None], strict=True):
        is_pool = isinstance(stage.layer, Pool)
        pending |= is_pool or isinstance(stage.layer, Convolution | Norm)
        pending &= stage.output.width > 1
        mixes = following is None or following.layer.connectivity is not Connectivity.POINTWISE
        clears.append(pending and (mixes or is_pool))
        pending &= not clears[-1]
    return clears


def _is_one(stage: Stage) -> bool:
    is_global = stage.layer.connectivity is Connectivity.GLOBAL
    return is_global or (isinstance(stage.layer, Pool) and stage.layer.window == "all")


def _rule(stage: Stage) -> tuple[int, int] | None:
    layer = stage.layer
    if layer.connectivity is not Connectivity.WINDOWED:
        return None
    columns = layer.windows(stage.input)[1]
    rule = _reach(layer, columns), columns.stride
    return None if rule == (1, 1) else rule


def _reach(layer: Layer, columns: Windows) -> int:
    """The positions that the first window of a text needs before it has a second one."""
    if isinstance(layer, Convolution):
        if isinstance(layer.padding, str):  # "same": as many windows as ceil(length / stride)
            return 1
        return columns.window - 2 * layer.padding[1]
    if isinstance(layer, Pool) and layer.edge == "partial":
        return max(1, columns.window - columns.stride + 1)
    return columns.window


def text_lines(step: TextStep | None, library: str, indent: int = 4) -> list[str]:
    """The lines about the ends of texts after a layer, in Python; none for other inputs."""
    lines = []
    if step and step.is_one:
        lines.append(f"lengths = {library}.ones_like(lengths)")
    if step and step.rule:
        reach, stride = step.rule
        lines.append(f"lengths = window_count(lengths, reach={reach}, stride={stride})")
    if step and step.clears:
        lines.append("x = without_padding(x, lengths)")
    return [" " * indent + line for line in lines]
