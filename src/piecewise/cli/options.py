"""Options shared by several commands, and options made from the fields of a recipe.

The help is grouped into panels. Each option states its range and its default, if it has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import rich_click as click

from ..core.constraints import THREADS, Boolean, Choice, Constraint, Integer, Real, Size2D
from ..core.errors import LimitError, PiecewiseError
from ..data.images.fitting import FRAMING_OPTIONS
from ..data.text.preprocessor import POSITIONS
from ..spec.frozen_layers import LayerName
from ..training.recipe import knobs

DATA, NETWORK, TRAINING, SEARCH = "Data", "Network", "Training", "Search"
SERVER, OUTPUT = "Server", "Output"
"""The panels of the help."""
FROM_DATA = "chosen from the data"
"""The default of an option that `training/defaults.py` or `training/candidates.py` fills in."""

Decorator = Callable[[Any], Any]


class ConstraintType(click.ParamType[Any]):
    """Reads and checks a value of the command line by a constraint."""

    def __init__(self, constraint: Constraint) -> None:
        self.constraint = constraint
        self.name = "value"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.constraint.read(value)
        except LimitError as error:
            self.fail(str(error), param, ctx)


_METAVARS: dict[type, str] = {
    Integer: "N",
    Real: "X",
    Boolean: "yes|no",
    Size2D: "SIZE",
    Choice: "NAME",
    LayerName: "LAYER",
}
"""What the help shows as the value of an option; TEXT for other constraints."""


def option(*names: str, help: str, unset: str = "", **more: Any) -> Decorator:
    """An option whose help ends with its default; ``unset``: the default in words."""
    if "default" in more:
        unset = f"{more['default']}"
    help_ = f"{help} Default: {unset}." if unset else help
    decorator: Decorator = click.option(*names, help=help_, **more)
    return decorator


def constrained_option(*names: str, constraint: Constraint, help: str, **more: Any) -> Decorator:
    """An option with a constraint; ``{range}`` in ``help`` becomes its description."""
    return option(
        *names,
        type=ConstraintType(constraint),
        help=help.replace("{range}", constraint.description),
        **{"metavar": _METAVARS.get(type(constraint), "TEXT"), **more},
    )


def choice_option(*names: str, words: Sequence[str], help: str, **more: Any) -> Decorator:
    """An option with one of these words; its help says what each of them means."""
    return option(*names, type=click.Choice(words), metavar="NAME", help=help, **more)


def net_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The argument NET, and the check that it comes before the data."""

    @wraps(function)
    def command(**values: Any) -> Any:
        _check_order(values)
        return function(**values)

    decorated: Callable[..., Any] = click.argument("net_file", metavar="NET")(command)
    return decorated


_AFTER_NET = ("source", "file", "inputs")
"""The arguments that follow NET."""


def _check_order(values: dict[str, Any]) -> None:
    """UsageError if NET is no net, but an argument after it is one."""
    from ..storage.safetensors_file import begins_as_safetensors  # noqa: PLC0415 - slow to import

    net = values["net_file"]
    if begins_as_safetensors(Path(net)):
        return
    for name in _AFTER_NET:
        given = values.get(name) or ()
        for other in (given,) if isinstance(given, str) else given:
            if begins_as_safetensors(Path(other)):
                raise click.UsageError(
                    f"NET comes first: got {net}, which is no net, before {other}, which is one"
                )


data_argument: Decorator = click.argument("source", metavar="DATA")

_PYTHON_NAMES = {"size": "image_size"}
"""Options whose parameter of the command is called otherwise than the argument in Python."""
_OF_TRAIN = {"folds": "--folds"}
"""Options of `train` that other commands advise."""


def with_option_names(sentence: str, command: click.Command) -> str:
    """A message of the package with the names of the command's options: --text-length in place of
    the argument `text_length`, in backticks or before a colon."""
    names = _OF_TRAIN | {
        one.name: next(name for name in one.opts if name.startswith("--"))
        for one in command.params
        if isinstance(one, click.Option)
    }
    names |= {name: names[own] for name, own in _PYTHON_NAMES.items() if own in names}

    for name, option_name in names.items():
        sentence = sentence.replace(f"`{name}`", option_name)
        sentence = re.sub(
            rf"(^|: )(?:recipe: )?{name}(?=: |, position )", rf"\1{option_name}", sentence
        )
    return sentence


def usage_error(error: PiecewiseError) -> click.UsageError:
    """An error of the value of an option, as wrong usage."""
    context = click.get_current_context(silent=True)
    sentence = str(error)
    return click.UsageError(with_option_names(sentence, context.command) if context else sentence)


json_option: Decorator = option(
    "--json", "as_json", is_flag=True, panel=OUTPUT, help="Print plain values as JSON, not text."
)
text_option: Decorator = option(
    "--text", panel=DATA, help="A text to use in place of INPUT, for a net that reads texts."
)
threads_option: Decorator = constrained_option(
    "--threads",
    constraint=THREADS,
    panel=TRAINING,
    unset="all processors",
    help="Number of threads ({range}). The results are the same for any number.",
)
image_size_option: Decorator = constrained_option(
    "--image-size",
    constraint=Size2D(1, 1_024),
    panel=DATA,
    unset=FROM_DATA,
    help="Size in pixels that images are resized to, such as 28 or 24x32 ({range}).",
)
framing_option: Decorator = choice_option(
    "--framing",
    words=FRAMING_OPTIONS.words,
    default="auto",
    panel=DATA,
    help="How drawings are scaled to the size of the input: ink crops and centres the ink; canvas "
    "scales the whole image, so that the place and size of the ink are kept; auto chooses canvas "
    "if place and size distinguish the classes.",
)

text_length_option: Decorator = constrained_option(
    "--text-length",
    constraint=POSITIONS,
    panel=DATA,
    unset="the length of most texts, within limits",
    help="Number of words (or of letters, in texts without recurring words) that are read from the "
    "start of each text ({range}). Nets that read n-grams do not use it.",
)


encoding_option: Decorator = option(
    "--encoding",
    metavar="NAME",
    panel=DATA,
    unset="UTF-8, UTF-16 with a byte order mark, or cp1252",
    help="Encoding of a table, such as cp1251 or shift_jis.",
)

_TABLE_OPTIONS = {
    "text": "texts (a name, or a number from 1)",
    "label": "labels",
    "split": "splits: train, validation or test",
}


def table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how to read a table. The command gets them as one value,
    ``table``: arguments of `read_data`."""
    names = [*(f"{role}_column" for role in _TABLE_OPTIONS), "encoding"]

    @wraps(function)
    def command(**values: Any) -> Any:
        table = {name: values.pop(name) for name in names}
        return function(table=table, **values)

    command = encoding_option(command)
    for role, meaning in reversed(_TABLE_OPTIONS.items()):
        command = column_option(role, meaning)(command)
    return command


def column_option(role: str, meaning: str) -> Decorator:
    """An option that names a column of a table; ``meaning``: what the column holds."""
    return option(
        f"--{role}-column",
        metavar="NAME",
        panel=DATA,
        unset="a column with a common name",
        help=f"Column of a table that holds the {meaning}.",
    )


def training_data_option(effect: str = "", *, required: bool = False) -> Decorator:
    """The option --data; ``effect``: a sentence on how the command uses the data."""
    help_ = f"The data that the net was trained on. {effect}".strip()
    return option("--data", "source", metavar="DATA", required=required, panel=DATA, help=help_)


def output_option(help: str, *, metavar: str = "FILE", required: bool = False) -> Decorator:
    """The option --output."""
    return option("-o", "--output", metavar=metavar, required=required, panel=OUTPUT, help=help)


def groups_option(effect: str) -> Decorator:
    """The option --groups; ``effect``: a sentence on how the command uses the groups."""
    help_ = (
        "The field or column that names who made each example, or a pattern over file names, such "
        f"as '*_{{group}}_*'. {effect}"
    )
    return option("--groups", metavar="NAME", panel=DATA, unset="no groups", help=help_)


def layers_option(help: str, *, unset: str) -> Decorator:
    """The option --layers."""
    return option("--layers", metavar="LAYERS", panel=NETWORK, unset=unset, help=help)


_NAMES = {
    "learning_rate": ("--learning-rate", "--lr"),
    "augmentation": ("--augment",),
}
"""Options whose names are not those of the fields with dashes."""
_DEFAULTS = {
    **dict.fromkeys(
        (
            "epochs",
            "batch_size",
            "learning_rate",
            "optimizer",
            "weight_decay",
            "augmentation",
            "token_scaling",
        ),
        FROM_DATA,
    ),
    "nesterov": "yes",
}
"""Defaults of `piecewise train` that differ from those of the fields."""
_AUGMENTATIONS = "such as 'rotation 15, horizontal_flip', or none; see docs/recipe.md"


def recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each field of a recipe; its value is None if the option is left out."""
    for field in reversed(knobs()):
        constraint, meaning = field.metadata["constraint"], field.metadata["meaning"]
        is_augmentation = field.name == "augmentation"
        range_ = _AUGMENTATIONS if is_augmentation else constraint.description
        default = _DEFAULTS.get(field.name) or constraint.write(field.default)
        function = constrained_option(
            *_NAMES.get(field.name, (f"--{field.name.replace('_', '-')}",)),
            field.name,
            constraint=constraint,
            panel=DATA if field.name == "validation_fraction" else TRAINING,
            unset=default,
            help=f"{meaning[0].upper()}{meaning[1:]} ({range_}).",
        )(function)
    return function
