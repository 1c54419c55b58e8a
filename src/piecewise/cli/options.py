"""Options that several commands share, and options made from the fields of a recipe.

The help is grouped into panels. Each option names its range and its default where it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rich_click as click

from ..core.constraints import THREADS, Constraint, Size2D
from ..core.errors import LimitError
from ..training.recipe import knobs

DATA, NETWORK, TRAINING, OUTPUT = "Data", "Network", "Training", "Output"
"""The panels of the help."""
FROM_DATA = "chosen from the data"
"""The default of an option that `training/defaults.py` fills in."""

Decorator = Callable[[Any], Any]


class LimitType(click.ParamType[Any]):
    """A value of the command line, read and checked by a limit."""

    def __init__(self, limit: Constraint) -> None:
        self.limit = limit
        self.name = "value"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.limit.read(value)
        except LimitError as error:
            self.fail(str(error), param, ctx)


def option(*names: str, help: str, unset: str = "", **more: Any) -> Decorator:
    """An option. ``unset``: in the help, its default, or what happens if it is left out."""
    if "default" in more:
        unset = f"{more['default']}"
    help_ = f"{help} Default: {unset}." if unset else help
    decorator: Decorator = click.option(*names, help=help_, **more)
    return decorator


def limited_option(*names: str, limit: Constraint, help: str, **more: Any) -> Decorator:
    """An option whose value a limit checks. ``{range}`` in ``help`` becomes the limit in words."""
    return option(
        *names, type=LimitType(limit), help=help.replace("{range}", limit.description), **more
    )


json_option: Decorator = option(
    "--json", "as_json", is_flag=True, panel=OUTPUT, help="Print plain values as JSON, not text."
)
text_option: Decorator = option(
    "--text", panel=DATA, help="A text to use in place of INPUT, for a net that reads texts."
)
threads_option: Decorator = limited_option(
    "--threads",
    limit=THREADS,
    metavar="N",
    panel=TRAINING,
    unset="all processors",
    help="Number of threads ({range}). The results are the same for any number.",
)
image_size_option: Decorator = limited_option(
    "--image-size",
    limit=Size2D(1, 1_024),
    metavar="SIZE",
    panel=DATA,
    unset=FROM_DATA,
    help="Size in pixels that images are resized to, such as 28 or 24x32 ({range}).",
)


def groups_option(effect: str) -> Decorator:
    """The option that names who made which example; ``effect``: what the command does with it."""
    help_ = (
        "The field or column that names who made each example, or a pattern over file names, such "
        f"as '*_{{group}}_*'. {effect}"
    )
    return option("--groups", metavar="NAME", panel=DATA, unset="no groups", help=help_)


_NAMES = {
    "learning_rate": ("--learning-rate", "--lr"),
    "augmentation": ("--augment",),
    "validation_fraction": ("--validation-fraction",),
}
"""Names of options that are not those of the recipe's fields."""
_METAVARS = {"Whole": "N", "Number": "X", "YesNo": "yes|no", "Choice": "NAME"}
_DEFAULTS = {
    **dict.fromkeys(
        ("epochs", "batch_size", "learning_rate", "optimizer", "augmentation"), FROM_DATA
    ),
    "nesterov": "yes",
}
"""Defaults of `piecewise train` that are not those of the recipe's fields."""
_AUGMENTATIONS = "such as 'rotation 15, translation 0.1, flip', or none; see docs/recipe.md"


def recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each field of a recipe; its value is None if the option is left out."""
    for field in reversed(knobs()):
        limit, meaning = field.metadata["constraint"], field.metadata["meaning"]
        range_ = _AUGMENTATIONS if field.name == "augmentation" else limit.description
        default = _DEFAULTS.get(field.name) or limit.write(field.default)
        function = option(
            *_NAMES.get(field.name, (f"--{field.name.replace('_', '-')}",)),
            field.name,
            type=LimitType(limit),
            metavar=_METAVARS.get(type(limit).__name__, "TEXT"),
            panel=DATA if field.name == "validation_fraction" else TRAINING,
            unset=default,
            help=f"{meaning[0].upper()}{meaning[1:]} ({range_}).",
        )(function)
    return function
