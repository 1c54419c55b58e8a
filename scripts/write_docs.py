"""Writes the generated pages of the documentation: layers, recipe, command line and API reference.

    python scripts/write_docs.py docs

`tests/test_docs.py` compares its output with the files in `docs`.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import MISSING, Field
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import api_reference
import app_routes
import docstring_markdown
import exchange_tables
import file_tables
from piecewise.cli import main as command_line
from piecewise.cli.json_keys import JSON_KEYS
from piecewise.cli.options import DATA, NETWORK, OUTPUT, SEARCH, SERVER, TRAINING
from piecewise.spec.augmentation import augmentation_fields
from piecewise.spec.layer_base import Layer, layer_fields
from piecewise.spec.layers import KINDS
from piecewise.spec.notation import usage
from piecewise.training.recipe import knobs as recipe_knobs

LAYERS_HEAD = """\
# Layers and notation

<!-- Written by scripts/write_docs.py from src/piecewise/spec/layers.py. -->

A network is a list of layers, separated by commas. `N * (...)` repeats a group of layers:

    conv 16 5, relu, pool 2, 2 * (conv 32 3 pad=same, relu), pool 3 stride=2, full 128, relu, full

- The input has the shape (channels, rows, columns). Every layer takes the activations of the layer
  before it.
- A size is one number for a square, such as `5`, or HEIGHTxWIDTH, such as `1x5`.
- Each kind of layer is numbered on its own. The parameters of the second convolution are
  `conv2.weight` and `conv2.bias`.
- `full` is a fully connected (dense) layer, `norm` is batch normalization, and `edge=partial` is
  what other packages call ceil mode. The last layer has one output per class, so it is usually a
  `full`; softmax follows it.

`pw.Network("...", input=(1, 28, 28), classes=10)` builds a net, and its `summary()` lists shapes
and parameters. The [glossary](glossary.md) explains the terms.

## Texts and their padding

A net that begins with `embed` computes as if each text ended at its last token. The same text gives
the same logits whatever the number of positions, unless a `full` reads the positions themselves.

- Token 0 is padding. Its vector is zero, and the first row of `embed1.weight` is never used. The
  length of a text is the index of its last token that is not padding, plus 1; an empty text has
  length 1.
- The output of every layer has a length: the number of positions that it would have for the text
  alone, at least 1. Its values after this length are zero and get no gradient.
- `conv` sees zeros after the end of a text. `pool kind=max` takes the largest value before the end.
  `pool kind=average` divides the sum by the number of positions before the end, not by the size of
  the window. So `embed 64, pool all kind=average` is the mean vector of the tokens of a text,
  whatever its length; that of an empty text is zero.
- `norm` counts only positions before the end, in the mean and in the variance.
- Exception: with `pad=same` and a stride above 1, the number of zeros before the text is computed
  from the number of positions of the input, so the number of positions can change the logits.
"""

RECIPE_HEAD = """\
# Hyperparameters and data augmentation

<!-- Written by scripts/write_docs.py from src/piecewise/training/recipe.py. -->

`pw.Recipe(...)` holds all hyperparameters of a training run. `piecewise train` has an option for
most of them, such as `--learning-rate`. On the command line, options that you leave out get
[defaults computed from the data](learning.md#defaults-computed-from-the-data). The table lists the
defaults of `pw.Recipe`, which do not depend on the data.

## Hyperparameters
"""

AUGMENTATION_HEAD = """\
## Data augmentation

`pw.Augmentation(...)`, or a text such as `rotation 15, scale 0.8..1.25, translation 0 0.1`, says
how far training inputs are changed at random. The changes of an input differ from epoch to epoch,
so the net overfits less. The deck calls these changes tricks.

The changes are made in this order: mirroring, scaling, rotation, translation, stroke width,
contrast, brightness, noise, clipping to -1..1, masks. In a spectrogram, time runs from left to
right, so `translation 0 0.1` shifts a sound in time only.
"""

COMMANDS_HEAD = """\
# Command line

<!-- Written by scripts/write_docs.py from the commands in src/piecewise/cli. -->

Results go to standard output, messages and progress to standard error. `--json` prints the results
as one JSON object: `schema`, the version of its keys, and the keys listed below. The exit status
is 0 for success, 1 for an error, 2 for wrong usage and 130 after Ctrl-C.
[data.md](data.md) describes DATA, [learning.md](learning.md) training, and
[see-through.md](see-through.md) the explanations.
"""


def layers_page() -> str:
    return "\n".join([LAYERS_HEAD, *(_layer(kind) for kind in KINDS)])


def _layer(kind: type[Layer]) -> str:
    description = re.split(r"\n[A-Z]\w+\n-{3,}\n", inspect.cleandoc(kind.__doc__ or ""))[0]
    lines = [
        f"## {kind.word}",
        "",
        docstring_markdown.markdown(" ".join(description.split())),
        "",
        f"    {usage(kind)}",
        "",
    ]
    if layer_fields(kind):
        lines += _table(layer_fields(kind))
    return "\n".join(lines)


def recipe_page() -> str:
    return "\n".join(
        [RECIPE_HEAD, *_table(recipe_knobs()), AUGMENTATION_HEAD, *_table(augmentation_fields())]
    )


def _table(fields: tuple[Field[Any], ...]) -> list[str]:
    rows = ["| name | meaning | values | default |", "|---|---|---|---|"]
    for field in fields:
        constraint, meaning = field.metadata["constraint"], field.metadata["meaning"]
        rows.append(f"| {field.name} | {meaning} | {constraint.description} | {_default(field)} |")
    return [*rows, ""]


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "required"
    if field.default is None:
        return "-"
    if isinstance(field.default, bool):
        return "yes" if field.default else "no"
    return str(field.metadata["constraint"].write(field.default))


def commands_page() -> str:
    sections = [COMMANDS_HEAD]
    for name, entry in command_line.COMMANDS.items():
        module = import_module(f"piecewise.cli.{entry.module}")
        sections.append(_command(name, module.command))
    return "\n".join(sections)


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"piecewise {name}")
    pieces = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {name}", "", f"    piecewise {name} {pieces}", ""]
    for paragraph in (command.help or "").split("\n\n"):
        lines += [" ".join(paragraph.split()), ""]
    lines += ["| group | option | description |", "|---|---|---|"]
    for parameter in sorted(command.params, key=_panel):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option):
            option, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
            lines.append(f"| {PANELS[_panel(parameter)]} | `{option}` | {meaning} |")
    if JSON_KEYS[name]:
        lines += ["", "Keys of `--json`:", ""]
        lines += [f"- `{key}`: {meaning}" for key, meaning in JSON_KEYS[name].items()]
    return "\n".join([*lines, ""])


PANELS = (DATA, NETWORK, TRAINING, SEARCH, SERVER, OUTPUT)
"""The groups of options, in the order of the help."""


def _panel(parameter: click.Parameter) -> int:
    return PANELS.index(getattr(parameter, "panel", None) or DATA)


PAGES = {
    "layers.md": layers_page,
    "recipe.md": recipe_page,
    "command-line.md": commands_page,
    "api.md": api_reference.page,
    "app-routes.md": app_routes.page,
    "exchange.md": exchange_tables.page,
    "../ARCHITECTURE.md": file_tables.page,
}

if __name__ == "__main__":
    for file, page in PAGES.items():
        Path(sys.argv[1], file).write_text(page(), encoding="utf-8")
