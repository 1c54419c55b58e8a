"""Worker processes: each request and each answer is a line of JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from piecewise.core.array_types import Array

from .agreement import write_steps
from .clock import now
from .networks import BATCH_IMAGES, BenchmarkInputs

ROOT = Path(__file__).parents[1]


def process_arguments(module: str, description: str | None, **names: list[str] | None) -> list[str]:
    """The arguments of a process that another benchmark starts, or its help. ``names``: the
    allowed values of each, None for any."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{module}",
        description=description,
        epilog="Other benchmarks start this process; see python -m benchmarks --help.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, allowed in names.items():
        parser.add_argument(name, choices=allowed)
    options = vars(parser.parse_args())
    return [options[name] for name in names]


class Worker:
    """A child process that runs one of the modules of this package; close it when done."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        self._child = subprocess.Popen(
            [python, "-m", f"benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(environment or {})},
        )
        self._name = " ".join((module, *arguments))

    def ask(self, what: str, **values: Any) -> Any:
        """The result of the child's command of that name."""
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
        """End the child: it stops at the end of its input."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()


def serve(commands: Mapping[str, Callable[..., Any]]) -> None:
    """In a child: answer requests until the input ends. Output of libraries goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        what, values = json.loads(line)
        try:
            answer = ["value", commands[what](**values)]
        except Exception:  # reported to the parent, which stops
            answer = ["error", traceback.format_exc()]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class InferenceWorker:
    """Timing of inference, the same for every toolkit. A toolkit that only answers defines
    `logits`."""

    inputs: BenchmarkInputs
    batch: int

    def logits(self, images: Array) -> Array:
        """The logits of images (N, C, H, W) or texts (N, positions), from an array to an array."""
        raise NotImplementedError

    def check(self, path: str, threads: int) -> None:
        """Write the logits of the first batch for `distance`."""
        write_steps(path, self.logits(self.inputs.pictures[: self.batch]), [], [])

    def infer_batch(self, threads: int) -> None:
        """Run inference on a batch."""
        self.logits(self.inputs.pictures[:BATCH_IMAGES])

    def infer_one(self, picture: Array, threads: int) -> None:
        """Run inference on one image (1, C, H, W), from an array to an array."""
        self.logits(picture)

    def infer(self, times: int, threads: int) -> float:
        """Seconds for this many repetitions of a batch."""
        began = now()
        for _ in range(times):
            self.infer_batch(threads)
        return now() - began

    def single(self, times: int, threads: int) -> float:
        """The median of the seconds for one image."""
        seconds = []
        for number in range(times):
            picture = self.inputs.pictures[number % BATCH_IMAGES][None]
            began = now()
            self.infer_one(picture, threads)
            seconds.append(now() - began)
        return float(np.median(seconds))
