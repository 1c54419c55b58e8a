"""Writes the generated pages of the documentation: layers, recipe, command line and API reference.

    python scripts/write_docs.py docs

`tests/test_docs.py` compares its output with the files in `docs`.
"""

from __future__ import annotations

import sys
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

import click

import api_reference
from piecewise.cli import main as command_line
from piecewise.cli.options import DATA, NETWORK, OUTPUT, TRAINING
from piecewise.spec.augmentation import augmentation_fields
from piecewise.spec.layer import Layer, layer_fields
from piecewise.spec.layers import KINDS
from piecewise.spec.notation import usage
from piecewise.training.recipe import knobs as recipe_knobs

LAYERS_HEAD = """\
# Layers and their notation

<!-- Written by scripts/write_docs.py from the records in src/piecewise/spec/layers.py. -->

A network is a list of layers between commas; `N * ( ... )` repeats a part of it:

    conv 16 5, relu, pool 2, 2 * (conv 32 3 pad=same, relu), pool 3 stride=2, full 128, relu, full

A SIZE is one number for a square, or HEIGHTxWIDTH. Each kind of layer numbers its own: the arrays
of the second convolution are `conv2.weight` and `conv2.bias`.
"""

RECIPE_HEAD = """\
# The recipe

<!-- Written by scripts/write_docs.py from src/piecewise/training/recipe.py. -->

`pw.Recipe(...)` holds everything about a training run but the network and the pictures. `piecewise
train` has options for some of them (`--learning-rate`); it chooses the epochs by the number of
pictures.
"""

TRICKS_HEAD = """\
## Tricks

`pw.Augmentation(...)`, or a text such as `rotation 15, scaling 0.8..1.25, translation 0 0.1, flip`:
how far pictures are changed on their way into a step, each in its own way in each epoch. They are
mirrored, scaled and turned, shifted, and their strokes made bolder or finer; then come contrast,
light and noise, after which no number is beyond -1 or 1; then masks. A sound's picture has time
from left to right: `translation 0 0.1` shifts it in time alone.
"""

COMMANDS_HEAD = """\
# The command line

<!-- Written by scripts/write_docs.py from the commands themselves. -->

Results go to standard output, messages and progress to standard error. `--json` prints plain
values. Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
"""


def layers_page() -> str:
    return "\n".join([LAYERS_HEAD, *(_layer(kind) for kind in KINDS)])


def _layer(kind: type[Layer]) -> str:
    meaning = " ".join((kind.__doc__ or "").split())
    lines = [f"## {kind.word}", "", meaning, "", f"    {usage(kind)}", ""]
    if layer_fields(kind):
        lines += _table(layer_fields(kind))
    return "\n".join(lines)


def recipe_page() -> str:
    return "\n".join(
        [RECIPE_HEAD, *_table(recipe_knobs()), TRICKS_HEAD, *_table(augmentation_fields())]
    )


def _table(fields: tuple[Field[Any], ...]) -> list[str]:
    rows = ["| knob | what it is | what it may be | if left out |", "|---|---|---|---|"]
    for knob in fields:
        limit, meaning = knob.metadata["constraint"], knob.metadata["meaning"]
        rows.append(f"| {knob.name} | {meaning} | {limit.description} | {_default(knob)} |")
    return [*rows, ""]


def _default(knob: Field[Any]) -> str:
    if knob.default is MISSING:
        return "must be said"
    if knob.default is None:
        return "-"
    if isinstance(knob.default, bool):
        return "yes" if knob.default else "no"
    written = knob.metadata["constraint"].write(knob.default)
    return f"{written}"


def commands_page() -> str:
    parts = [COMMANDS_HEAD]
    for name, home in command_line.COMMANDS.items():
        module = __import__(f"piecewise.cli.{home.module}", fromlist=["command"])
        parts.append(_command(name, module.command))
    return "\n".join(parts)


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"piecewise {name}")
    pieces = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {name}", "", f"    piecewise {name} {pieces}", ""]
    for paragraph in (command.help or "").split("\n\n"):
        lines += [" ".join(paragraph.split()), ""]
    lines += ["| group | option | what it does |", "|---|---|---|"]
    for parameter in sorted(command.params, key=_panel):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option):
            option, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
            lines.append(f"| {PANELS[_panel(parameter)]} | `{option}` | {meaning} |")
    return "\n".join([*lines, ""])


PANELS = (DATA, NETWORK, TRAINING, OUTPUT)
"""The groups of options, in the order of the help."""


def _panel(parameter: click.Parameter) -> int:
    return PANELS.index(getattr(parameter, "panel", None) or DATA)


PAGES = {
    "layers.md": layers_page,
    "recipe.md": recipe_page,
    "command-line.md": commands_page,
    "api.md": api_reference.page,
}

if __name__ == "__main__":
    for file, page in PAGES.items():
        Path(sys.argv[1], file).write_text(page(), encoding="utf-8")
