"""Messages to and from decoder processes: a JSON header and bytes, never pickles."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, NamedTuple

_SIZES = struct.Struct("!QQ")
MAX_MESSAGE = 4 << 30
"""Bytes of a message, at most."""
READY = "ready"
"""The header of the first message of a decoder process."""


class DecoderMessage(NamedTuple):
    """A message."""

    header: Any
    body: bytes


def send_message(connection: socket.socket, header: Any, *parts: bytes) -> None:
    """Send a message; OSError if the other side is gone, or does not read in time."""
    text = json.dumps(header).encode()
    connection.sendall(_SIZES.pack(len(text), sum(map(len, parts))) + text)
    for part in parts:
        connection.sendall(part)


def receive_message(connection: socket.socket) -> DecoderMessage:
    """Wait for a message; OSError if the other side is gone, or does not answer in time."""
    header, body = _SIZES.unpack(_receive(connection, _SIZES.size))
    if header + body > MAX_MESSAGE:
        raise OSError("the message is too long")
    text = _receive(connection, header)
    return DecoderMessage(json.loads(text), _receive(connection, body))


def _receive(connection: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        count = connection.recv_into(view[done:])
        if not count:
            raise ConnectionResetError("the other side has ended")
        done += count
    return bytes(data)
