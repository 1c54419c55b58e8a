"""Errors of the app that are answered with a status of their own."""

from __future__ import annotations

from typing import Any

from ..core.errors import DataError


class MissingError(DataError):
    """There is no class, sample, attempt or other thing of this name (404)."""


class ConflictError(DataError):
    """The state of the project does not allow this now, or another window changed it (409)."""


class OtherValueError(ConflictError):
    """Another window has changed a value meanwhile; ``now`` is what it is now."""

    def __init__(self, message: str, now: Any) -> None:
        super().__init__(message)
        self.now = now
