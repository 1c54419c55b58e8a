"""Errors as answers: a status, and ``{"error": {"kind", "message", "where"}}``.

``kind`` is the name of the exception, or "refused"; ``where`` the field, file or setting that the
message is about, or empty. A position in the notation follows after a colon: ``layers:17``. If
another window has changed the value, ``now`` is what it is now.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..core.errors import DataError, LimitError, NotationError, reason
from ..serving.refused import RefusedError
from .failures import ConflictError, MissingError, OtherValueError

REFUSED = "refused"


def error_answer(status: int, kind: str, message: str, where: str = "", **more: Any) -> Response:
    """The answer about an error."""
    error = {"kind": kind, "message": message, "where": where, **more}
    return JSONResponse({"error": error}, status)


async def failed(request: Request, error: Exception) -> Response:
    """An error of piecewise."""
    message = reason(error)
    where = f"layers:{error.position}" if isinstance(error, NotationError) else _where(message)
    more = {"now": error.now} if isinstance(error, OtherValueError) else {}
    return error_answer(_status(error), type(error).__name__, message, where, **more)


def _status(error: Exception) -> int:
    if isinstance(error, MissingError):
        return 404
    if isinstance(error, ConflictError):
        return 409
    return 422 if isinstance(error, LimitError | NotationError | DataError) else 400


def _where(message: str) -> str:
    """What a message is about: the words before its colons, ``recipe: epochs: got ...``."""
    *before, _ = message.split(": ")
    names = []
    for part in before:
        if not part or any(one.isspace() for one in part):
            break
        names.append(part)
    return ".".join(names)


async def refused(request: Request, error: Exception) -> Response:
    """A request that is refused before it does anything."""
    assert isinstance(error, RefusedError)
    return error_answer(error.status, REFUSED, str(error), error.where)


async def not_found(request: Request, error: Exception) -> Response:
    """No such path, or a method that it does not have."""
    status = getattr(error, "status_code", 404)
    return error_answer(status, REFUSED, "there is nothing at this address")


async def unexpected(request: Request, error: Exception) -> Response:
    """A fault of the app."""
    return error_answer(500, type(error).__name__, "the app failed; see its terminal")
