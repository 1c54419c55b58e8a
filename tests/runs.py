"""What the tests of run folders share: small runs, and a disk on which anything can happen.

As a program (`python -m tests.runs`) it trains in processes of its own, which it stops and kills.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from piecewise.core.errors import PiecewiseError
from piecewise.core.progress import OnProgress
from piecewise.data.xo import make_xo
from piecewise.network import Network
from piecewise.spec.augmentation import Augmentation
from piecewise.training import checkpoint, train
from piecewise.training.recipe import Recipe

FILES = [
    "checkpoint.safetensors",
    "environment.json",
    "history.jsonl",
    "net.safetensors",
    "recipe.json",
]
LESSONS = make_xo(90, size=9, seed=0)
DROPPED = "conv 4 3, norm, relu, pool 2, dropout 0.2, full"
TEXTS = np.random.default_rng(0).integers(0, 7, (90, 5))


class Run(NamedTuple):
    """A small run, as it can be said again."""

    layers: str = "conv 4 3, relu, pool 2, full"
    kind: str = "bytes"
    knobs: dict[str, Any] = {}  # noqa: RUF012
    validated: bool = False
    weighted: bool = False

    def train(
        self,
        folder: Path | None = None,
        on_progress: OnProgress | None = None,
        threads: int | None = 1,
    ) -> Network:
        """The net at its end."""
        net = self.network()
        self.run_training(net, folder, on_progress, threads)
        return net

    def network(self) -> Network:
        words = self.kind == "words"
        return Network(self.layers, (1, 7, 5) if words else (1, 9, 9), ("X", "O"))

    def run_training(
        self,
        net: Network,
        folder: Path | None = None,
        on_progress: OnProgress | None = None,
        threads: int | None = 1,
    ) -> None:
        given: Any = LESSONS.inputs
        right = LESSONS.labels
        if self.kind != "bytes":
            given = TEXTS if self.kind == "words" else net.preprocessor.to_float(given)
        recipe = Recipe(**{"epochs": 3, **self.knobs})
        weights = np.arange(70) % 3 if self.weighted else None
        validation = (given[70:], right[70:]) if self.validated else None
        train.train(net, given[:70], right[:70], recipe, validation, on_progress, threads,
                      sample_weight=weights, run_dir=folder)  # fmt: skip


RUNS = {
    "sgd": Run(),
    "nesterov, floats": Run(kind="floats", knobs={"nesterov": True, "loss": "squared"}),
    "adamw, validation": Run(knobs={"optimizer": "adamw", "batch_size": 16}, validated=True),
    "patience": Run(knobs={"patience": 2, "epochs": 20, "learning_rate": 0.3}, validated=True),
    "dropout, norm, tricks": Run(
        DROPPED,
        knobs={"augmentation": Augmentation(0.1, (0.9, 1.1), 10, 0.5, horizontal_flip=True)},
    ),
    "patience, norm, adamw": Run(
        DROPPED,
        "floats",
        {"patience": 1, "epochs": 9, "optimizer": "adamw", "learning_rate": 0.05},
        validated=True,
    ),
    "nudging": Run("conv 1 3, relu, pool 4, full", knobs={"method": "nudging", "epochs": 2}),
    "nudging, adamw, norm": Run(
        "pool 3, norm, dropout 0.1, full",
        knobs={"method": "nudging", "optimizer": "adamw", "epochs": 2},
        validated=True,
    ),
    "frozen": Run(DROPPED, knobs={"freeze_until": "norm1"}),
    "words": Run("embed 3, conv 4 1x2, relu, full", "words", {"optimizer": "adamw"}, True),
    "votes": Run(
        "embed 2, pool all kind=average", "words", {"token_scaling": "idf", "nesterov": True}
    ),
    "short": Run(knobs={"epochs": 2, "batch_size": 64, "patience": 1}, validated=True),
    "weights, a step an epoch": Run(knobs={"batch_size": 128, "epochs": 5}, weighted=True),
}
LONGER = Run(knobs={"epochs": 20})


def result(net: Network) -> list[Any]:
    """All that must be the same, however a run came to its end."""
    times = [{**epoch, "seconds": None} for epoch in net.history]
    return [net.parameters_sha256, net.recipe, times]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextlib.contextmanager
def every_step() -> Iterator[None]:
    """Training looks up after every step, and keeps every state."""
    with (
        patch.object(train, "_REPORT_INTERVAL", 0.0),
        patch.object(checkpoint, "INTERVAL", 0.0),
        patch.object(checkpoint, "COST_FACTOR", 0.0),
    ):
        yield


# A disk on which anything can happen.


class Disk:
    """Calls ``happens`` before and after everything that is done to the disk, and in the middle of
    every write."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self.happens = happens

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for name in ("open", "mkdir", "unlink", "replace", "fsync", "chmod"):
                stack.enter_context(patch.object(os, name, self._watched(getattr(os, name))))
            stack.enter_context(patch.object(io, "open", self._opened(io.open)))
            yield

    def _watched(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*a: Any, **k: Any) -> Any:
            self.happens()
            done = act(*a, **k)
            try:
                self.happens()
            except OSError:  # what failed was not done
                if act.__name__ == "open":
                    os.close(done)
                raise
            return done

        return watched

    def _opened(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Any, mode: str = "r", *a: Any, **k: Any) -> Any:
            if "r" in mode:
                return act(path, mode, *a, **k)
            if not isinstance(path, int):  # to give an open file a buffer does nothing to the disk
                self.happens()
            return _File(act(path, mode, *a, **k), self.happens)

        return opened


class _File:
    """A file that is written piece by piece."""

    def __init__(self, file: Any, happens: Callable[[], None]) -> None:
        self._file, self._happens = file, happens

    def write(self, content: Any) -> None:
        half = len(content) // 2
        for part in (content[:half], content[half:]):
            self._happens()
            self._file.write(part)
            self._file.flush()
        self._happens()

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        number: int = self._file.fileno()
        return number

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._happens()


def at(number: int, act: Callable[[], None], *, always: bool = False) -> Callable[[], None]:
    """Does something the ``number``-th time it is called, or from then on; counted from 0."""
    left = number + 1

    def happens() -> None:
        nonlocal left
        left -= 1
        if left == 0 or (always and left < 0):
            act()

    return happens


# Processes that end before their time.


def in_a_child(act: Callable[[], list[Any]]) -> tuple[int, int]:
    """What a process of its own does: its id, and where it writes what came of it."""
    reading, writing = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(writing)
        return child, reading
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        with every_step(), contextlib.suppress(KeyboardInterrupt):
            os.write(writing, json.dumps(act()).encode())
            code = 0
    except PiecewiseError as error:
        sys.stderr.write(f"{error}\n")
    finally:
        os._exit(code)


def ended(child: tuple[int, int]) -> list[Any] | None:
    """What came of a process; None if it came to no end."""
    with os.fdopen(child[1], "rb") as file:
        found = file.read()
    os.waitpid(child[0], 0)
    return json.loads(found) if found else None


def whole(run: Run, folder: Path) -> list[Any]:
    """To the end, and saved beside the folder too."""
    net = run.train(folder)
    net.save(folder.parent / "net.safetensors")
    return result(net)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_every_write(run: Run, place: Path, pace: int) -> list[dict[str, Any]]:
    """Killed at each thing done to the disk in turn (or each ``pace``-th), then gone on with: what
    came of each. The last one gets through."""
    outcomes = list[dict[str, Any]]()
    while not outcomes or outcomes[-1]["killed"]:
        (here := place / str(len(outcomes))).mkdir()
        disk = Disk(at(len(outcomes) * pace, die))
        with disk.used():
            child = in_a_child(lambda here=here: whole(run, here / "run"))  # type: ignore[misc]
        killed = ended(child) is None
        outcomes.append({"killed": killed, **_gone_on(run, here)})
    return outcomes


def at_random_times(
    run: Run, place: Path, count: int, stop: signal.Signals
) -> list[dict[str, Any]]:
    """Stopped up to three times at random times, then gone on with; until it was stopped so
    often altogether."""
    drawn, outcomes, stopped, lasts = random.Random(count), list[dict[str, Any]](), 0, math.inf
    for number in range(3):
        began = time.perf_counter()
        ended(in_a_child(lambda number=number: result(run.train(place / f"{number}"))))  # type: ignore[misc]
        lasts = min(lasts, time.perf_counter() - began)
    while stopped < count:
        (here := place / f"run {len(outcomes)}").mkdir()
        for _ in range(drawn.randint(1, 3)):
            child = in_a_child(lambda here=here: whole(run, here / "run"))  # type: ignore[misc]
            time.sleep(drawn.uniform(0, lasts))
            os.kill(child[0], stop)
            stopped += ended(child) is None
        outcomes.append(_gone_on(run, here))
    return outcomes


def _gone_on(run: Run, here: Path) -> dict[str, Any]:
    """What comes of a folder in the end, and what files are there then."""
    found = ended(in_a_child(lambda: whole(run, here / "run")))
    there = names(here / "run") if (here / "run").exists() else []
    return {"result": found, "files": there, "beside": names(here)}


def main(how: str, name: str, place: Path, count: int) -> list[Any]:
    """What a run comes to by itself, and what it comes to when it is stopped."""
    run = RUNS[name]
    wanted = json.loads(json.dumps(result(run.train())))
    if how == "writes":
        return [wanted, at_every_write(run, place, count)]
    return [wanted, at_random_times(run, place, count, signal.Signals[how])]


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
    )
