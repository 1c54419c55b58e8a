"""A decoder process: reads files for the server, `python -m piecewise.serving.decoder`.

A file that crashes a library, or takes too much time or memory, ends this process and not the
server. It ends when the server closes the connection.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import socket
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.errors import PiecewiseError
from ..data.modalities import preprocessor_from_json
from ..data.preprocessing import Preprocessor
from ..predictions import prepare_input
from .decoder_messages import READY, receive_message, send_message

MAX_MEMORY = 4 << 30
"""Bytes of address space."""


def main() -> None:
    """Answer until the server closes the connection, which is the standard input."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the server ends first, and closes it
        signal.signal(number, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = MAX_MEMORY if most == resource.RLIM_INFINITY else min(MAX_MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    with socket.socket(fileno=os.dup(0)) as connection, suppress(ConnectionError):
        _answer_all(connection)


def _answer_all(connection: socket.socket) -> None:
    preprocessor: Preprocessor | None = None
    send_message(connection, READY)
    while True:
        header, body = receive_message(connection)
        if header["preprocessor"] is not None:
            preprocessor = preprocessor_from_json(header["preprocessor"], tuple(header["shape"]))
        assert preprocessor is not None, "it comes with the first files"
        answers, parts, start = list[dict[str, Any]](), list[bytes](), 0
        for name, size in header["files"]:
            answer, content = _decoded(preprocessor, name, body[start : start + size])
            start += size
            answers.append(answer)
            parts.append(content)
        send_message(connection, answers, *parts)


def _decoded(preprocessor: Preprocessor, name: str, content: bytes) -> tuple[dict[str, Any], bytes]:
    """What is said about a file, and its examples as .npy."""
    try:
        prepared = prepare_input(preprocessor, preprocessor.read(content, name))
    except PiecewiseError as error:
        return {"size": 0, "error": str(error)}, b""
    except MemoryError:
        return {"size": 0, "error": f"{name}: cannot be read: it needs too much memory"}, b""
    file = io.BytesIO()
    np.save(file, prepared.examples, allow_pickle=False)
    values = {"warning": prepared.warning, "note": prepared.note, "text": prepared.text}
    return {"size": file.tell(), **values}, file.getvalue()


if __name__ == "__main__":
    main()
