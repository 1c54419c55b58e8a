"""Options for the knobs of the recipe, made from their limits and meanings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rich_click as click

from ..errors import LimitError
from ..learning.recipe import knobs
from ..limits import Choice, Limit, Sides

SHORT = {"learning_rate": ("--lr",)}
_METAVARS = {"Whole": "N", "Number": "X", "YesNo": "yes|no"}


class _Knob(click.ParamType[Any]):
    """A word of the command line, read as the knob's limit reads it."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        words = "|".join(limit.words) if isinstance(limit, Choice) else "TEXT"
        self.name = _METAVARS.get(type(limit).__name__, words)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.limit.read(value)
        except LimitError as error:
            self.fail(str(error), param, ctx)


def knob_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """An option for every knob of a recipe; None where it is not said."""
    for knob in reversed(knobs()):
        limit = knob.metadata["limit"]
        names = (f"--{knob.name.replace('_', '-')}", *SHORT.get(knob.name, ()))
        help_ = f"{knob.metadata['meaning'][0].upper()}{knob.metadata['meaning'][1:]}."
        kind = _Knob(limit)
        function = click.option(*names, knob.name, type=kind, metavar=kind.name, help=help_)(
            function
        )
    return function


def read_size(text: str | None) -> tuple[int, int] | None:
    """What --size says: rows and columns."""
    if text is None:
        return None
    try:
        sides = Sides(1, 1_024).read(text)
    except LimitError as error:
        raise click.BadParameter(str(error), param_hint="--size") from None
    assert isinstance(sides, tuple)
    return sides
