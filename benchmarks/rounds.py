"""Timing in rounds: the toolkits run in turn, and each is idle while another runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from .agreement import distance
from .machine import environment
from .networks import BATCH_IMAGES, NETS, Net, operations, write_inputs
from .workers import Worker

OURS = "piecewise"
KEEP_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(1 << 28),
}
"""Make glibc keep freed memory; without this, PyTorch has page faults in every step."""
REST = 0.2
"""Seconds after which the threads of a toolkit stop polling for work."""
PEAK = "peak"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}
"""TensorFlow without its messages."""
ANSWERS = ("infer", "single")
KINDS = ("train", *ANSWERS)
"""What is measured: training, inference on a batch, inference on one image."""


@dataclass(frozen=True)
class Toolkit:
    """A toolkit in one configuration: how its worker is started, and the commands it knows."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = KINDS
    python: str = sys.executable


def toolkits(threads: int) -> list[Toolkit]:
    """All toolkits, piecewise first. Those with an environment of their own are left out where
    scripts/toolkits has not made it."""
    count = str(threads)
    others = [
        Toolkit(
            "OpenVINO", "openvino_worker", (count,), commands=ANSWERS, python=_python("openvino")
        ),
        Toolkit("JAX", "jax_worker", (count,), python=_python("jax")),
        Toolkit("TensorFlow", "tensorflow_worker", (count,), QUIET, python=_python("tensorflow")),
    ]
    return [
        Toolkit(OURS, "piecewise_worker"),
        Toolkit("PyTorch as installed", "pytorch", ("installed", count)),
        Toolkit("PyTorch tuned", "pytorch", ("tuned", count), KEEP_MEMORY),
        Toolkit("ONNX Runtime", "onnx_runtime", (count,), commands=ANSWERS),
        *(one for one in others if Path(one.python).exists()),
    ]


def _python(toolkit: str) -> str:
    """The interpreter of a toolkit's own environment."""
    return str(environment(toolkit) / "bin" / "python")


@dataclass
class WorkerGroup:
    """One worker per toolkit, all with the same number of threads."""

    threads: int
    toolkits: list[Toolkit]
    workers: dict[str, Worker]
    rest: float

    def ask(self, toolkit: str, what: str, **values: Any) -> Any:
        """The worker's answer. A pause follows, so that its threads do not disturb the next one."""
        answer = self.workers[toolkit].ask(what, **values)
        time.sleep(0.0 if toolkit == OURS else self.rest)
        return answer

    def toolkits_for(self, what: str) -> list[str]:
        return [toolkit.name for toolkit in self.toolkits if what in toolkit.commands]


@contextmanager
def start_workers(threads: int, rest: float = REST) -> Iterator[WorkerGroup]:
    """Start the workers; they end with the block."""
    with ExitStack() as stack:
        workers = {}
        for one in toolkits(threads):
            worker = Worker(
                one.module, *one.arguments, environment=one.environment, python=one.python
            )
            stack.callback(worker.close)
            workers[one.name] = worker
        yield WorkerGroup(threads, toolkits(threads), workers, rest)


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median, the lowest and the highest of some rounds, to four digits."""
    timings = {"median": median(values), "low": min(values), "high": max(values)}
    return {name: float(f"{value:.4g}") for name, value in timings.items()}


def measure_network(
    group: WorkerGroup,
    name: str,
    batch: int,
    rounds: int,
    seconds: float,
    folder: Path,
    kinds: Sequence[str] = KINDS,
) -> dict[str, Any]:
    """Measure a network at one batch size: the differences between the toolkits, and then the
    times of each kind."""
    net, inputs = NETS[name], folder / f"{name}.npz"
    if not inputs.exists():
        write_inputs(net, inputs)
    setting = {"net": name, "batch": batch, "threads": group.threads}
    backends = {
        one: group.ask(one, "prepare", path=str(inputs), batch=batch) for one in group.workers
    }
    differences = _agreement(group, f"{name}, batch {batch}", folder)
    measurements = []
    for what in kinds:
        if what == "train" or (batch == net.batches[0] and not (what == "single" and net.probe)):
            timings = _rounds(group, what, rounds, seconds)
            measurements.append(setting | summarize_rounds(net, what, timings))
    return {
        "agreement": setting | {"differences": differences, "backends": backends},
        "measurements": measurements,
    }


def _agreement(group: WorkerGroup, said: str, folder: Path) -> dict[str, dict[str, float]]:
    """The differences between the other toolkits and piecewise; AssertionError if too large."""
    paths = {name: folder / f"{name}.steps.npz" for name in group.workers}
    for name, path in paths.items():
        group.ask(name, "check", path=str(path), threads=group.threads)
    return {
        name: distance(paths[OURS], path, f"{said}: {name}").to_json()
        for name, path in paths.items()
        if name != OURS
    }


def _rounds(group: WorkerGroup, what: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """The seconds per repetition of each toolkit, and the machine's peak, per round. The order of
    the toolkits rotates."""
    names = group.toolkits_for(what)
    times = {name: _times(group, name, what, seconds) for name in names}
    timings: dict[str, list[float]] = {name: [] for name in (*names, PEAK)}
    for number in range(rounds):
        timings[PEAK].append(group.ask(OURS, "peak", threads=group.threads))
        first = number % len(names)
        for name in names[first:] + names[:first]:
            took = group.ask(name, what, times=times[name], threads=group.threads)
            timings[name].append(took if what == "single" else took / times[name])
    return timings


def _times(group: WorkerGroup, name: str, what: str, seconds: float) -> int:
    """The number of repetitions that take about this many seconds; this also warms up."""
    times = 1
    for _ in range(8):
        took: float = group.ask(name, what, times=times, threads=group.threads)
        took *= times if what == "single" else 1
        if times > 1 and took > seconds / 3:
            break
        times = max(2, min(8 * times, ceil(times * seconds / took)))
    return max(1, ceil(times * seconds / took))


def summarize_rounds(net: Net, what: str, timings: dict[str, list[float]]) -> dict[str, Any]:
    """Summarize the rounds of one kind: values, fractions of the peak, and ratios."""
    answering, learning = operations(net.network())
    pictures = {"train": net.pictures, "infer": BATCH_IMAGES, "single": 1}[what]
    work = pictures * (learning if what == "train" else answering)
    names = [name for name in timings if name != PEAK]
    lines = {}
    for name in names:
        pace = [pictures / took for took in timings[name]]
        latency = [1e6 * took for took in timings[name]]
        shares = [
            work / took / most for took, most in zip(timings[name], timings[PEAK], strict=True)
        ]
        lines[name] = {
            "value": spread(latency if what == "single" else pace),
            "fraction of peak": spread(shares),
        }
    others = [name for name in names if name != OURS]
    ratios = {name: _ratio(timings[OURS], timings[name]) for name in others}
    best = [min(each) for each in zip(*(timings[name] for name in others), strict=True)]
    return {
        "what": what,
        "unit": "microseconds per image" if what == "single" else "images per second",
        "rounds": len(best),
        "toolkits": lines,
        "times as fast as": ratios | {"the fastest other": _ratio(timings[OURS], best)},
        "peak": spread(timings[PEAK]),
    }


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """How many times as fast the first is, in each round."""
    return spread([their / my for my, their in zip(mine, theirs, strict=True)])
