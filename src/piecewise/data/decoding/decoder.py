"""A decoder process: reads and prepares files, `python -m piecewise.data.decoding.decoder`.

A file that crashes a library, or takes too much time or memory, ends this process and not the one
that predicts. It ends when the other side closes the connection. The argument is the limit of its
memory in bytes, or 0.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ...core.array_types import Array
from ...core.errors import PiecewiseError
from ..modalities import preprocessor_from_json
from ..preprocessing import Preprocessor
from .messages import READY, receive_message, send_message
from .prepared_input import prepare_input


def main() -> None:
    """Answer until the other side closes the connection, which is the standard input."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the other side ends first, and closes it
        signal.signal(number, signal.SIG_IGN)
    if wanted := int(sys.argv[1]):
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
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
        answers, parts, start = list[Any](), list[bytes](), 0
        for name, size in header["files"]:
            content = None if size is None else body[start : start + size]
            start += size or 0
            answer, examples = _decoded(preprocessor, name, content)
            answers.append(answer)
            if examples is not None:
                parts.append(examples.tobytes())
        send_message(connection, answers, *parts)


def _decoded(
    preprocessor: Preprocessor, name: str, content: bytes | None
) -> tuple[list[Any] | str, Array | None]:
    """What is said about a file, and its examples: the error alone, or the number of examples, the
    warning, the note and the text. Without ``content``, the file is at the path ``name``."""
    try:
        if content is None:
            decoded = preprocessor.read(Path(name))
        else:
            decoded = preprocessor.read(content, name)
        prepared = prepare_input(preprocessor, decoded)
    except PiecewiseError as error:
        return str(error), None
    except MemoryError:
        return f"{name}: cannot be read: it needs too much memory", None
    examples = np.asarray(prepared.examples, preprocessor.dtype)
    return [len(examples), prepared.warning, prepared.note, prepared.text], examples


if __name__ == "__main__":
    main()
