"""The routes of the app: a method, a path, the fields of the request, and what it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .fields import TEXT, RequestField, Values, checked_values

JSON, BYTES, FILE = "JSON", "bytes", "file"
"""What the body of a request holds: its fields; or one file, which the action gets as ``content``
in memory, or on disk. The fields are then in the address."""
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class AppRoute:
    """A route: the action gets the checked values of the fields and those of the path. In the table
    it is a method of a class, in a server that of an object."""

    method: str
    path: str
    action: Callable[..., Any]
    fields: tuple[RequestField, ...] = ()
    body: str = JSON

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path, which are fields, too."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def summary(self) -> str:
        """What the route does: the docstring of its action."""
        return " ".join((self.action.__doc__ or "").split())

    def checked(self, given: Mapping[str, Any]) -> Values:
        """The values of a request; RefusedError (400)."""
        own = {one.name for one in self.fields}
        path = [RequestField(name, TEXT) for name in self.parameters if name not in own]
        return checked_values([*self.fields, *path], given)
