"""Names of arguments: a wrong one raises an error that names the nearest right one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar

from .errors import LimitError, did_you_mean, shown

_Class = TypeVar("_Class", bound=type)


def check_names(
    names: Iterable[str],
    known: Iterable[str],
    what: str,
    noun: str,
    aliases: Mapping[str, str] | None = None,
) -> None:
    """LimitError, beginning with ``what``, for a name that is not known; ``aliases``: the right
    names for some wrong ones."""
    choices = list(known)
    for name in names:
        if name not in choices:
            near = did_you_mean((aliases or {}).get(name, name), choices)
            raise LimitError(f"{what}: {shown(name)} is not {noun}{near}")


def names_checked(
    what: str, noun: str, aliases: Mapping[str, str] | None = None
) -> Callable[[_Class], _Class]:
    """A decorator of classes whose constructor then raises LimitError for an unknown argument, in
    place of TypeError."""

    def decorate(decorated: _Class) -> _Class:
        initialize: Any = decorated.__init__  # type: ignore[misc]
        known = list(inspect.signature(initialize).parameters)[1:]

        @wraps(initialize)
        def checked(self: Any, *arguments: Any, **named: Any) -> None:
            check_names(named, known, what, noun, aliases)
            initialize(self, *arguments, **named)

        decorated.__init__ = checked  # type: ignore[misc]
        return decorated

    return decorate
