"""Python code that exporters write: literals, and calls wrapped to the line width.

The code has the layout of common formatters, with lines of at most 88 characters. Names of classes
are data from elsewhere: they enter code as escaped literals only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.array_types import Float32
from ...spec.architecture import Stage
from ...spec.layer_base import Connectivity, Shape

WIDTH = 88
"""Characters of a line of Python code."""

Sides = tuple[int, int]
Padding = tuple[Sides, Sides]
"""Rows of zeros above and below, columns of zeros to the left and to the right."""


def call(head: str, arguments: Sequence[str], tail: str = "", indent: int = 4) -> list[str]:
    """The lines of a call: on one line if it fits, else its arguments on a line of their own, else
    one argument a line. ``head`` ends before the bracket, ``tail`` begins after it."""
    left, inner = " " * indent, " " * (indent + 4)
    joined = ", ".join(arguments)
    if len(one := f"{left}{head}({joined}){tail}") <= WIDTH:
        return [one]
    if len(one := f"{inner}{joined}") <= WIDTH:
        return [f"{left}{head}(", one, f"{left}){tail}"]
    return [f"{left}{head}(", *(f"{inner}{one}," for one in arguments), f"{left}){tail}"]


def with_comment(lines: list[str], comment: str) -> list[str]:
    """The lines, with a comment at the end if the last line has room for it."""
    last = f"{lines[-1]}  # {comment}"
    return [*lines[:-1], last] if len(last) <= WIDTH else lines


def python_string(text: str) -> str:
    """A Python literal of a text, in double quotes unless that needs more escapes."""
    literal = repr(text)
    if literal[0] == "'" and '"' not in literal:
        return f'"{literal[1:-1]}"'
    return literal


def python_names(name: str, texts: Iterable[str]) -> list[str]:
    """The lines of a tuple of texts at the top of a file."""
    literals = [python_string(text) for text in texts]
    if len(literals) == 1:
        return [f"{name} = ({literals[0]},)"]
    return call(f"{name} = ", literals, indent=0)


def number(value: float) -> str:
    """A literal of a number, without a fraction if it is whole."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def byte_scaling(scaling: Float32, variable: str) -> str:
    """The expression that maps a byte to the number that the layers read: (2 * x - 255) / 255."""
    a, b, c = (float(one) for one in scaling)
    shift = f"{'-' if b < 0 else '+'} {number(abs(b))}"
    return f"({number(a)} * {variable} {shift}) / {number(c)}"


def shape_text(shape: Shape) -> str:
    """The shape of a batch, as comments give it: (N, 8, 12, 12)."""
    return f"(N, {shape.channels}, {shape.height}, {shape.width})"


def padding_of(stage: Stage) -> Padding:
    """The padding that the windows of a stage need."""
    rows, columns = stage.layer.windows(stage.input)
    return (rows.before, rows.after), (columns.before, columns.after)


def window_of(stage: Stage) -> tuple[Sides, Sides]:
    """The sides of the windows of a stage, and the steps from one to the next."""
    rows, columns = stage.layer.windows(stage.input)
    return (rows.window, columns.window), (rows.stride, columns.stride)


def window_arguments(stage: Stage) -> list[str]:
    """Window, stride and padding of a stage as keyword arguments; those without effect are left
    out."""
    window, stride = window_of(stage)
    padding = padding_of(stage)
    arguments = [] if stage.parameters else [f"window={window}"]
    if stride != (1, 1) or not stage.parameters:
        arguments.append(f"stride={stride}")
    if padding != ((0, 0), (0, 0)):
        arguments.append(f"padding={padding}")
    return arguments


def is_flat_after(stage: Stage, flat: bool) -> bool:
    """Whether the output of a stage is (N, C) in code that flattens before ``full``; ``flat`` says
    it of the input."""
    windowed = stage.layer.connectivity is Connectivity.WINDOWED
    return stage.layer.fully_connected or (flat and not windowed)
