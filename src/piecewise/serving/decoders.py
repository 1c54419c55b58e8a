"""Decoder processes of the server: files are read there, within limits of time and memory.

Each thread of a small pool has a process of its own. If a file ends the process, or takes too long,
only this file gets an error, and the next one a new process.
"""

from __future__ import annotations

import asyncio
import io
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from ..core.errors import DataError, PiecewiseError
from ..network import Network
from ..predictions import PreparedInput
from .decoder_messages import receive_message, send_message

DECODERS = 4
"""Decoder processes of a server process, at most; they are started when they are needed."""
SECONDS = 20.0
"""Seconds that a process has for the files that it gets at a time."""
_START_SECONDS = 120.0
COMMAND = (sys.executable, "-P", "-m", "piecewise.serving.decoder")
"""Starts a process; -P, so that it imports nothing from the current folder."""
_MOST_FILES, _MOST_BYTES = 16, 1 << 20
"""Files that a process gets at a time, and their bytes, unless one is larger."""


class RawFile(NamedTuple):
    """A file of a request: the name that the client gave it, and its content."""

    name: str
    content: bytes

    @property
    def short_name(self) -> str:
        """The name in messages."""
        return self.name[:200] or "input"


Decoded = PreparedInput | PiecewiseError
"""For a file that cannot be read, the reason."""


class Decoders:
    """The decoder processes of a server process.

    Parameters
    ----------
    seconds : float
        The limit of time for the files that a process gets at once.
    command : sequence of str
        What starts a process.
    """

    def __init__(self, seconds: float = SECONDS, command: Sequence[str] = COMMAND) -> None:
        self.seconds, self._command = seconds, command
        self._threads = ThreadPoolExecutor(DECODERS, thread_name_prefix="piecewise decode")
        self._own, self._all = threading.local(), list[_DecoderProcess]()
        self._lock, self._is_closed = threading.Lock(), False

    def start(self) -> None:
        """Start a process now: the first file does not wait for it."""
        self._threads.submit(self._process)

    async def decode(self, net: Network, files: Sequence[RawFile]) -> list[Decoded]:
        """The files as inputs of a net. Requests take turns after each few files."""
        loop, found = asyncio.get_running_loop(), list[Decoded]()
        for some in _portions(files):
            found += await loop.run_in_executor(self._threads, self._decode, net, some)
        return found

    def close(self) -> None:
        """End the processes; files that are being read get an error."""
        with self._lock:
            self._is_closed = True
            for one in self._all:
                one.kill()
        self._threads.shutdown(cancel_futures=True)
        for one in self._all:
            one.end()

    def _decode(self, net: Network, files: Sequence[RawFile]) -> list[Decoded]:
        process = self._process()
        try:
            return process.decode(net, files, self.seconds)
        except TimeoutError:
            why = f"it takes more than {self.seconds:g} seconds"
        except OSError:
            why = "its content ends the decoder"
        process.end()
        if len(files) > 1:  # the others are read without it
            return [one for file in files for one in self._decode(net, [file])]
        return [DataError(f"{files[0].short_name}: cannot be read: {why}")]

    def _process(self) -> _DecoderProcess:
        """The process of this thread."""
        process: _DecoderProcess | None = getattr(self._own, "process", None)
        if process is not None and not process.has_ended:
            return process
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the server stops")
            process = self._own.process = _DecoderProcess(self._command)
            self._all = [one for one in self._all if not one.has_ended] + [process]
        process.wait_until_ready()
        return process


class _DecoderProcess:
    """A process, and the connection to it."""

    _net: Network | None = None

    def __init__(self, command: Sequence[str]) -> None:
        self._connection, other = socket.socketpair()
        with other:
            process = subprocess.Popen(  # noqa: S603 - a program of ours
                list(command),
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._process: subprocess.Popen[bytes] = process

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_until_ready(self) -> None:
        """Wait until it can read files; RuntimeError if it cannot start."""
        self._connection.settimeout(_START_SECONDS)
        try:
            receive_message(self._connection)
        except OSError:
            self.end()
            raise RuntimeError("a decoder process cannot start") from None

    def decode(self, net: Network, files: Sequence[RawFile], seconds: float) -> list[Decoded]:
        """The inputs of a net; TimeoutError, or OSError if the process has ended."""
        own, is_new = net.preprocessor, net is not self._net
        header = {"preprocessor": own.to_json() if is_new else None, "shape": own.shape,
                  "files": [(file.short_name, len(file.content)) for file in files]}  # fmt: skip
        self._connection.settimeout(seconds)
        send_message(self._connection, header, *(file.content for file in files))
        self._net = net
        answers, body = receive_message(self._connection)
        found, start = list[Decoded](), 0
        for one in answers:
            end = start + one["size"]
            found.append(_input(one, body[start:end]))
            start = end
        return found

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()

    def end(self) -> None:
        """End the process now, and wait until it has ended."""
        self._process.kill()
        self._process.wait()
        self._connection.close()


def _input(answer: dict[str, str], content: bytes) -> Decoded:
    if "error" in answer:
        return DataError(answer["error"])
    examples = np.load(io.BytesIO(content), allow_pickle=False)
    return PreparedInput(examples, answer["warning"], answer["note"], answer["text"])


def _portions(files: Sequence[RawFile]) -> Iterator[list[RawFile]]:
    """The files in their order, some at a time."""
    some, size = list[RawFile](), 0
    for file in files:
        if some and (len(some) == _MOST_FILES or size + len(file.content) > _MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(file)
        size += len(file.content)
    if some:
        yield some
