"""Requests that are refused before or while they are read."""

from __future__ import annotations

from collections.abc import Mapping


class RefusedError(Exception):
    """A request that is refused: the status, a sentence, the field that it is about, and the
    headers of the answer."""

    def __init__(
        self,
        status: int,
        message: str,
        where: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.where, self.headers = status, where, dict(headers or {})
