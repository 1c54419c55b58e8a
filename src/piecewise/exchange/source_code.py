"""Source code that exporters write: literals, calls that fit the width, and templates.

Python code comes out as common formatters lay it out, with lines of at most 88 characters. Names of
classes are data from elsewhere: they enter code as escaped literals only.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from string import Template

from ..core.array_types import Float32
from ..spec.architecture import Stage
from ..spec.layer_base import Connectivity, Shape
from ..storage.model_file import SavedModel

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


def title(model: SavedModel, form: str) -> str:
    """What a file is, in a sentence; ``form`` is "in C99", say."""
    channels, height, width = model.architecture.input
    if model.architecture.reads_texts:
        size = plural(width, "token")
    else:
        size = f"{channels} x {height} x {width} numbers"
    classes = plural(len(model.architecture.classes), "class")
    return f"A net of piecewise {form}: {model.preprocessor.modality} of {size}, {classes}."


def plural(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("s") else "s")


def layer_lines(model: SavedModel, width: int) -> list[str]:
    """The layers of a network in lines of at most ``width`` characters, broken between layers."""
    layers = ["Layers: " + (first := model.architecture.notation.split(", "))[0], *first[1:]]
    joined = ", ".join(layer.replace(" ", "\0") for layer in layers)
    lines = textwrap.wrap(joined, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def input_sentence(model: SavedModel) -> str:
    """What the numbers of an input are, for documentation."""
    if model.architecture.reads_texts:
        last = model.architecture.input.height - 1
        return f"Inputs are numbers of tokens, 0 to {last}; 0 is padding at the end of a text."
    return "Inputs are bytes, or float32 numbers that are scaled already."


def random_inputs(model: SavedModel, library: str) -> str:
    """An expression for four random inputs, for examples: in "np.random" or in "torch"."""
    channels, height, width = model.architecture.input
    if model.architecture.reads_texts:
        return f"{library}.randint(0, {height}, (4, {width}))"
    kind = "torch.uint8" if library == "torch" else "np.uint8"
    return f"{library}.randint(0, 256, (4, {channels}, {height}, {width}), dtype={kind})"


def preparation_sentence(model: SavedModel) -> str:
    """How piecewise prepares inputs, for the texts about the use of an export."""
    sentence = f"How piecewise prepares them: {model.preprocessor.description}."
    if model.architecture.reads_texts:
        sentence += (
            " Number i + 2 is entry i of its vocabulary, 1 stands for any other, 0 for padding."
        )
    return sentence


@cache
def template(package: str, name: str) -> Template:
    """A template file beside a module; ``$name`` in it is replaced."""
    return Template((files(package) / name).read_text("utf-8"))


@cache
def functions(package: str, name: str) -> dict[str, str]:
    """The functions, or the types, in a file beside a module, by their names; two empty lines
    separate them."""
    found = {}
    for source in template(package, name).template.strip("\n").split("\n\n\n"):
        found[_defined_name(source)] = source
    return found


def _defined_name(source: str) -> str:
    """The name that a definition of Python or C gives."""
    if typedef := re.search(r"^} (\w+);$", source, re.MULTILINE):
        return typedef[1]
    found = re.search(r"^(?:def|static)\b[\w *]*?(\w+)\(", source, re.MULTILINE)
    assert found, source
    return found[1]


def used_functions(code: str, available: dict[str, str]) -> list[str]:
    """The functions or types that code uses, directly or through each other, in the order of their
    file. Names of types begin with a capital letter."""
    used: set[str] = set()
    pending = [code]
    while pending:
        text = pending.pop()
        for name, source in available.items():
            after = r"\b" if name[0].isupper() else r"\("
            if name not in used and re.search(rf"\b{name}{after}", text):
                used.add(name)
                pending.append(source)
    return [source for name, source in available.items() if name in used]
