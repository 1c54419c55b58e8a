"""Toolkits side by side: round by round, one after the other, each at rest while another runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from .agreement import distance
from .nets import ANSWERED, NETS, Net, operations, write_given
from .workers import Worker

OURS = "piecewise"
MEMORY_KEPT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(1 << 28),
}
"""glibc hands no memory back between steps: without it PyTorch pays for page faults at each one."""
REST = 0.2
"""Seconds after which the threads of a toolkit that was asked look for no more work."""
PEAK = "peak"
KINDS = ("train", "answer", "single")
"""What is measured: learning, answering a batch, answering one picture."""


@dataclass(frozen=True)
class Toolkit:
    """A toolkit in one of its configurations: how its worker is started, and what it can do."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    doors: tuple[str, ...] = KINDS


def toolkits(threads: int) -> list[Toolkit]:
    """All that are compared, this package first."""
    count = str(threads)
    return [
        Toolkit(OURS, "ours"),
        Toolkit("PyTorch as installed", "pytorch", ("installed", count)),
        Toolkit("PyTorch tuned", "pytorch", ("tuned", count), MEMORY_KEPT),
        Toolkit("ONNX Runtime", "onnx_runtime", (count,), doors=("answer", "single")),
    ]


@dataclass
class Team:
    """A worker of each toolkit, all for the same number of threads."""

    threads: int
    toolkits: list[Toolkit]
    workers: dict[str, Worker]
    rest: float

    def ask(self, toolkit: str, what: str, **values: Any) -> Any:
        """What the worker answers; then a rest, so that its threads do not disturb the next."""
        answer = self.workers[toolkit].ask(what, **values)
        time.sleep(0.0 if toolkit == OURS else self.rest)
        return answer

    def who(self, what: str) -> list[str]:
        return [toolkit.name for toolkit in self.toolkits if what in toolkit.doors]


@contextmanager
def team(threads: int, rest: float = REST) -> Iterator[Team]:
    """Workers that end with the block."""
    with ExitStack() as stack:
        workers = {}
        for one in toolkits(threads):
            worker = Worker(one.module, *one.arguments, environment=one.environment)
            stack.callback(worker.close)
            workers[one.name] = worker
        yield Team(threads, toolkits(threads), workers, rest)


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median of some rounds, the lowest and the highest, to four digits."""
    found = {"median": median(values), "low": min(values), "high": max(values)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def measured(
    group: Team,
    name: str,
    batch: int,
    rounds: int,
    seconds: float,
    folder: Path,
    kinds: Sequence[str] = KINDS,
) -> dict[str, Any]:
    """A network at one batch size: how far the toolkits are apart, and then the figures of each
    thing that is measured."""
    net, given = NETS[name], folder / f"{name}.npz"
    if not given.exists():
        write_given(net, given)
    place = {"net": name, "batch": batch, "threads": group.threads}
    chosen = {one: group.ask(one, "prepare", path=str(given), batch=batch) for one in group.workers}
    agreed = _agreement(group, f"{name}, batch {batch}", folder)
    figures = []
    for what in kinds:
        if what == "train" or (batch == net.batches[0] and not (what == "single" and net.probe)):
            found = _rounds(group, what, rounds, seconds)
            figures.append(place | figure(net, what, found))
    return {"agreement": place | {"apart": agreed, "ways": chosen}, "figures": figures}


def _agreement(group: Team, said: str, folder: Path) -> dict[str, dict[str, float]]:
    """How far each other toolkit is from this package; AssertionError if it is too far."""
    paths = {name: folder / f"{name}.steps.npz" for name in group.workers}
    for name, path in paths.items():
        group.ask(name, "check", path=str(path), threads=group.threads)
    return {
        name: distance(paths[OURS], path, f"{said}: {name}").to_json()
        for name, path in paths.items()
        if name != OURS
    }


def _rounds(group: Team, what: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """The seconds that each toolkit took for one time, round by round; and the peak beside them.
    Every round begins with another toolkit."""
    names = group.who(what)
    times = {name: _times(group, name, what, seconds) for name in names}
    found: dict[str, list[float]] = {name: [] for name in (*names, PEAK)}
    for number in range(rounds):
        found[PEAK].append(group.ask(OURS, "peak", threads=group.threads))
        first = number % len(names)
        for name in names[first:] + names[:first]:
            took = group.ask(name, what, times=times[name], threads=group.threads)
            found[name].append(took if what == "single" else took / times[name])
    return found


def _times(group: Team, name: str, what: str, seconds: float) -> int:
    """How many times to do it so that it takes about so many seconds; warmed up on the way."""
    times = 1
    for _ in range(8):
        took: float = group.ask(name, what, times=times, threads=group.threads)
        took *= times if what == "single" else 1
        if times > 1 and took > seconds / 3:
            break
        times = max(2, min(8 * times, ceil(times * seconds / took)))
    return max(1, ceil(times * seconds / took))


def figure(net: Net, what: str, found: dict[str, list[float]]) -> dict[str, Any]:
    """What there is to say about the rounds of one thing: figures, shares of the peak, ratios."""
    answering, learning = operations(net.network())
    pictures = {"train": net.pictures, "answer": ANSWERED, "single": 1}[what]
    work = pictures * (learning if what == "train" else answering)
    names = [name for name in found if name != PEAK]
    lines = {}
    for name in names:
        pace = [pictures / took for took in found[name]]
        latency = [1e6 * took for took in found[name]]
        shares = [work / took / most for took, most in zip(found[name], found[PEAK], strict=True)]
        lines[name] = {
            "figure": spread(latency if what == "single" else pace),
            "share of peak": spread(shares),
        }
    others = [name for name in names if name != OURS]
    ratios = {name: _ratio(found[OURS], found[name]) for name in others}
    best = [min(each) for each in zip(*(found[name] for name in others), strict=True)]
    return {
        "what": what,
        "unit": "microseconds a picture" if what == "single" else "pictures a second",
        "rounds": len(best),
        "toolkits": lines,
        "times as fast as": ratios | {"the fastest other": _ratio(found[OURS], best)},
        "peak": spread(found[PEAK]),
    }


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """How many times as fast the first is, round by round."""
    return spread([their / my for my, their in zip(mine, theirs, strict=True)])
