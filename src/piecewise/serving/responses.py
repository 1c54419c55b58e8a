"""Answers of the prediction server: predictions and errors as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ..core.errors import PiecewiseError, reason
from ..predictions import Prediction
from .admission import busy
from .input_reading import RequestValues
from .refused import RefusedError
from .retry_pace import LONGEST
from .served_nets import LoadedNet, UnknownNetError


def predictions_response(
    loaded: LoadedNet, values: RequestValues, predictions: Sequence[Prediction]
) -> Response:
    """The predictions, in the order of the inputs; 422 if no input could be read."""
    rows, rest = list[dict[str, Any]](), iter(predictions)
    for name, one in zip(values.names, values.inputs, strict=True):
        if isinstance(one, PiecewiseError):
            rows.append({"input": name, "error": _plain(type(one).__name__, reason(one))})
            continue
        found = next(rest)
        rows.append({
            "input": name,
            "predicted": found.answer(loaded.net.classes),
            "probabilities": found.probabilities.tolist(),
            "logits": found.logits.tolist(),
            "warning": found.warning,
        })  # fmt: skip
    plain = {
        "net": loaded.name,
        "parameters_sha256": loaded.sha256,
        "classes": list(loaded.net.classes),
        "predictions": rows,
    }
    return JSONResponse(plain, 200 if predictions else 422)


def refused(error: RefusedError) -> Response:
    """The answer to a request that is refused."""
    return _error(error.status, "refused", str(error), error.headers)


@lru_cache(LONGEST)
def busy_answer(seconds: int) -> bytes:
    """The head and the body of the answer to a request that is refused by its head."""
    response = refused(busy(seconds, stays_open=True))
    status = HTTPStatus(response.status_code)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [b": ".join(header) for header in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])


def status_of(error: Exception) -> int:
    """The status of the answer to a request that failed."""
    if isinstance(error, RefusedError):
        return error.status
    if isinstance(error, UnknownNetError):
        return 404
    if isinstance(error, PiecewiseError):
        return 422 if isinstance(error, ValueError) else 400
    return 499 if isinstance(error, ClientDisconnect) else 500


async def on_refused(request: Request, error: Exception) -> Response:
    """A request that may not be answered, or is too large or too slow."""
    assert isinstance(error, RefusedError)
    return refused(error)


async def on_failed(request: Request, error: Exception) -> Response:
    """An input that cannot be read, or a value that is not allowed."""
    return _error(status_of(error), type(error).__name__, reason(error))


async def on_http_error(request: Request, error: Exception) -> Response:
    """No such address, or no such method there."""
    assert isinstance(error, HTTPException)
    message = {404: "there is nothing at this address; see /openapi.json",
               405: "this method is not used at this address"}  # fmt: skip
    said = message.get(error.status_code, str(error.detail))
    return _error(error.status_code, "refused", said, dict(error.headers or {}))


async def on_disconnect(request: Request, error: Exception) -> Response:
    """The client has gone; nobody reads this answer."""
    return Response(status_code=400)


async def on_unexpected(request: Request, error: Exception) -> Response:
    """A fault of the server; uvicorn logs it."""
    return _error(500, type(error).__name__, "the server failed; see its log")


def _error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": _plain(kind, message)}, status, headers)


def _plain(kind: str, message: str) -> dict[str, str]:
    return {"kind": kind, "message": message}


HANDLERS = {
    RefusedError: on_refused,
    PiecewiseError: on_failed,
    HTTPException: on_http_error,
    ClientDisconnect: on_disconnect,
    Exception: on_unexpected,
}
"""What answers a request that failed, by the kind of the error."""
