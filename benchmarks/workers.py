"""Child processes that stay alive and obey: a line of JSON asks, a line of JSON answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from piecewise.core.array_types import Array

from .nets import ANSWERED, Given

ROOT = Path(__file__).parents[1]


class Worker:
    """A child that runs one of the modules here; close it, or use it in a ``with``."""

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )
        self._name = " ".join((module, *arguments))

    def ask(self, what: str, **values: Any) -> Any:
        """What the child's function of that name returns."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps([what, values]) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name}: ended at {what!r} with {self._child.wait()}")
        kind, value = json.loads(line)
        if kind == "error":
            raise RuntimeError(f"{self._name}: {what}:\n{value}")
        return value

    def close(self) -> None:
        """End the child: it stops where its input does."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()


def serve(doors: Mapping[str, Callable[..., Any]]) -> None:
    """In a child: answer until nothing more is asked. What libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        what, values = json.loads(line)
        try:
            answer = ["value", doors[what](**values)]
        except Exception:  # told to the parent, which stops
            answer = ["error", traceback.format_exc()]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Answering:
    """What a worker does with every toolkit alike: it times answers."""

    given: Given

    def whole(self, threads: int) -> None:
        """Answer a batch."""
        raise NotImplementedError

    def one(self, picture: Array, threads: int) -> None:
        """Answer one picture (1, C, H, W): from an array to an array."""
        raise NotImplementedError

    def answer(self, times: int, threads: int) -> float:
        """Seconds for answering a batch so many times."""
        began = time.perf_counter()
        for _ in range(times):
            self.whole(threads)
        return time.perf_counter() - began

    def single(self, times: int, threads: int) -> float:
        """The median of the seconds for one picture."""
        seconds = []
        for number in range(times):
            picture = self.given.pictures[number % ANSWERED][None]
            began = time.perf_counter()
            self.one(picture, threads)
            seconds.append(time.perf_counter() - began)
        return float(np.median(seconds))
