"""A pool of decoder processes: files are read and prepared there, within limits.

Each thread of a small pool has a process of its own. If a file ends the process, or takes too long,
only this file gets an error, and the next one a new process.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core.array_types import Array
from ...core.errors import DataError, PiecewiseError
from ..preprocessing import Preprocessor
from .messages import receive_message, send_message
from .prepared_input import PreparedInput

COMMAND = (sys.executable, "-P", "-m", "piecewise.data.decoding.decoder")
"""Starts a process; -P, so that it imports nothing from the current folder. The limit of its memory
is added."""
_START_SECONDS = 120.0
_NO_START = "a decoder process cannot start"


class RawFile(NamedTuple):
    """The content of a file, and its name in messages."""

    name: str
    content: bytes


File = RawFile | Path | str
"""A path is read by the process."""
Decoded = PreparedInput | PiecewiseError
"""For a file that cannot be read, the reason."""


class DecoderPool:
    """Decoder processes; each is started when it is needed.

    Parameters
    ----------
    processes : int
        The number of processes, at most.
    seconds : float, optional
        The time that a process has for the files that it gets at once; no limit if left out.
    memory : int, optional
        The bytes of address space of a process; no limit if left out.
    command : sequence of str, optional
        What starts a process.
    """

    def __init__(
        self,
        processes: int,
        seconds: float | None = None,
        memory: int | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.seconds, self._command = seconds, (*command, str(memory or 0))
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="piecewise decode")
        self._own, self._all = threading.local(), list[_DecoderProcess]()
        self._lock, self._is_closed = threading.Lock(), False

    def start(self) -> Future[_DecoderProcess]:
        """Start a process now: the first file does not wait for it. The result is RuntimeError if
        it cannot start."""
        return self._threads.submit(self._process)

    def submit(self, preprocessor: Preprocessor, files: Sequence[File]) -> Future[list[Decoded]]:
        """Files as inputs of a net with this preprocessor, from one of the processes."""
        return self._threads.submit(self._decode, preprocessor, files)

    def close(self) -> None:
        """End the processes; files that are being read get an error."""
        with self._lock:
            self._is_closed = True
            for one in self._all:
                one.kill()
        self._threads.shutdown(cancel_futures=True)
        for one in self._all:
            one.end()

    def _decode(self, preprocessor: Preprocessor, files: Sequence[File]) -> list[Decoded]:
        process = self._process()
        try:
            return process.decode(preprocessor, files, self.seconds)
        except TimeoutError:
            why = f"it takes more than {self.seconds:g} seconds"
        except OSError:
            why = "it crashes the decoder (the file may be damaged)"
        process.end()
        if len(files) > 1:  # the others are read without it
            return [one for file in files for one in self._decode(preprocessor, [file])]
        return [DataError(f"{_name(files[0])}: cannot be read: {why}")]

    def _process(self) -> _DecoderProcess:
        """The process of this thread."""
        process: _DecoderProcess | None = getattr(self._own, "process", None)
        if process is not None and not process.has_ended:
            return process
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the decoder processes are closed")
            process = self._own.process = _DecoderProcess(self._command)
            self._all = [one for one in self._all if not one.has_ended] + [process]
        process.wait_until_ready()
        return process


class _DecoderProcess:
    """A process, and the connection to it; RuntimeError if it cannot start."""

    _preprocessor: Preprocessor | None = None

    def __init__(self, command: Sequence[str]) -> None:
        self._connection, other = socket.socketpair()
        with other:
            try:
                process = subprocess.Popen(  # noqa: S603 - a program of ours
                    list(command),
                    stdin=other.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:  # there are too many processes, or too little memory
                self._connection.close()
                raise RuntimeError(_NO_START) from error
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
            raise RuntimeError(_NO_START) from None

    def decode(
        self, preprocessor: Preprocessor, files: Sequence[File], seconds: float | None
    ) -> list[Decoded]:
        """The inputs of a net; TimeoutError, or OSError if the process has ended."""
        is_new = preprocessor is not self._preprocessor
        contents = [file.content for file in files if isinstance(file, RawFile)]
        header = {
            "preprocessor": preprocessor.to_json() if is_new else None,
            "shape": preprocessor.shape,
            "files": [
                (_name(file), len(file.content) if isinstance(file, RawFile) else None)
                for file in files
            ],
        }
        self._connection.settimeout(seconds)
        send_message(self._connection, header, *contents)
        self._preprocessor = preprocessor
        answers, body = receive_message(self._connection)
        values = np.frombuffer(body, preprocessor.dtype)
        return list(_inputs(answers, values.reshape(-1, *preprocessor.example_shape)))

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()

    def end(self) -> None:
        """End the process now, and wait until it has ended."""
        self._process.kill()
        self._process.wait()
        self._connection.close()


def _name(file: File) -> str:
    return file.name if isinstance(file, RawFile) else str(file)


def _inputs(answers: Sequence[Any], examples: Array) -> Iterator[Decoded]:
    """What a process has answered about each file."""
    start = 0
    for answer in answers:
        if isinstance(answer, str):
            yield DataError(answer)
            continue
        count, warning, note, text = answer
        yield PreparedInput(examples[start : start + count], warning, note, text)
        start += count
