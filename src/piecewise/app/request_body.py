"""The bodies of requests: read piece by piece, within limits of size and time."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from ..serving.refused import RefusedError

MAX_BODY = 64 << 20
"""Bytes of a request."""
MAX_JSON = 4 << 20
"""Bytes of a request in JSON."""
MAX_IMPORT = 2 << 30
"""Bytes of an archive to import."""
_IMPORT = "/api/import"
PATIENCE = 20.0
"""Seconds for the next piece of a request to come."""


def most_bytes(path: str) -> int:
    """The bytes of a request to a path, at most."""
    return MAX_IMPORT if path == _IMPORT else MAX_BODY


@asynccontextmanager
async def file_body(request: Request, folder: Path) -> AsyncIterator[Path]:
    """The body of a request, at most `most_bytes`, in a temporary file."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="import-", suffix=".zip") as file:
            async for part in _parts(request, most_bytes(request.scope["path"])):
                file.write(part)
            file.flush()
            yield Path(file.name)
    except OSError as error:
        raise RefusedError(422, f"the file cannot be saved: {error.strerror}") from None


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; an empty one without a body."""
    body = await bytes_body(request, MAX_JSON)
    if not body:
        return {}
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the request is not JSON") from None
    if not isinstance(values, dict):
        raise RefusedError(400, "the request is not a JSON object")
    return values


async def bytes_body(request: Request, most: int = MAX_BODY) -> bytes:
    """The body of a request of at most so many bytes."""
    return b"".join([part async for part in _parts(request, most)])


async def _parts(request: Request, most: int) -> AsyncIterator[bytes]:
    """The body of a request, piece by piece; RefusedError if it is too long or stops coming."""
    stream, size = aiter(request.stream()), 0
    while True:
        try:
            part = await asyncio.wait_for(anext(stream), PATIENCE)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RefusedError(408, f"nothing came for {PATIENCE:g} seconds") from None
        except ClientDisconnect:
            raise RefusedError(400, "the request ended too early") from None
        size += len(part)
        if size > most:
            raise RefusedError(413, f"a request has at most {most:,} bytes")
        yield part
