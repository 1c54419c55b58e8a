"""Fuzzes every file reader with mutated files, and counts the outcomes.

A reader may read a file or refuse it with one of our own errors. Anything else is a failure:
another error, a crash, more than SLOWEST seconds, more than MOST_MEMORY bytes. Each case is a
number, the same for the same seed, and is done in a child process that may die:

    python scripts/fuzz_readers.py --count 2000000 --seed 0 --processes 2
    python scripts/fuzz_readers.py --seed 0 --repeat pictures 1234

The readers, and the whole files that are changed, are in `fuzz_table.py`. The exit status is 1 if
anything failed.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fuzz_table import READERS
from piecewise.core.errors import PiecewiseError

SLOWEST = 5.0  # seconds, unless `--slowest` says otherwise
MOST_MEMORY = 4 << 30  # bytes that a child may ask for, its libraries included
CHUNK = 10_000  # cases of one child

# How bytes are changed.

NUMBERS = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 1 << 15, (1 << 16) - 1, 1 << 16, 1 << 24,
           (1 << 26) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, -1, -2)  # fmt: skip
Bytes = bytearray
Draw = random.Random


def place(made: Bytes, drawn: Draw) -> int:
    """Anywhere, but half the time near the beginning."""
    return drawn.randrange(max(1, min(len(made), drawn.choice((64, len(made))))))


def bit_flipped(made: Bytes, drawn: Draw, _: list[bytes]) -> None:
    at = place(made, drawn)
    made[at : at + 1] = bytes([made[at] ^ (1 << drawn.randrange(8))]) if made else b""


def byte_changed(made: Bytes, drawn: Draw, _: list[bytes]) -> None:
    at = place(made, drawn)
    made[at : at + 1] = bytes([drawn.choice((0, 1, 127, 128, 255, drawn.randrange(256)))])


def bytes_put_in(made: Bytes, drawn: Draw, _: list[bytes]) -> None:
    at = place(made, drawn)
    made[at:at] = drawn.randbytes(drawn.choice((1, 1, 2, 4, 40)))


def bytes_random(made: Bytes, drawn: Draw, _: list[bytes]) -> None:
    at, many = place(made, drawn), drawn.choice((2, 4, 16, 100))
    made[at : at + many] = drawn.randbytes(many)


def number_put(made: Bytes, drawn: Draw, _: list[bytes]) -> None:
    at, size = drawn.randrange(max(1, min(len(made), 64))), drawn.choice((2, 4, 4, 8))
    order = drawn.choice(("little", "big"))
    number = drawn.choice(NUMBERS) % (1 << 8 * size)
    made[at : at + size] = number.to_bytes(size, order)  # type: ignore[arg-type]


def cut_out(made: Bytes, drawn: Draw, _: list[bytes]) -> None:
    at = place(made, drawn)
    del made[at : at + drawn.choice((1, 1, 2, 4, 50, len(made)))]


def block_doubled(made: Bytes, drawn: Draw, _: list[bytes]) -> None:
    at = place(made, drawn)
    block = made[at : at + drawn.choice((1, 4, 16, 100, 1_000))]
    to = drawn.choice((at, place(made, drawn), len(made)))
    made[to:to] = block * drawn.choice((1, 1, 2, 10))


def spliced(made: Bytes, drawn: Draw, others: list[bytes]) -> None:
    other = drawn.choice(others)
    made[place(made, drawn) :] = other[drawn.randrange(len(other) + 1) :]


WAYS = (bit_flipped, bit_flipped, byte_changed, byte_changed, bytes_put_in, bytes_random,
        number_put, number_put, cut_out, block_doubled, spliced)  # fmt: skip


def changed(content: bytes, drawn: Draw, others: list[bytes]) -> bytes:
    """A file with one to six changes."""
    made = bytearray(content)
    for _ in range(drawn.choice((1, 1, 1, 2, 3, 6))):
        drawn.choice(WAYS)(made, drawn, others)
    return bytes(made)


# A child: cases one after another, until they are done or one of them ends it.


def case(name: str, seed: int, number: int, seeds: list[bytes]) -> bytes:
    """The file of this number."""
    drawn = random.Random(f"{name} {seed} {number}")
    return changed(drawn.choice(seeds), drawn, seeds)


STATE = struct.Struct("<4q")  # the case that is being read; how many were read, refused, failed


def child(name: str, seed: int, first: int, last: int, state: Path, slowest: float) -> None:
    """Read the cases ``first`` to ``last``, the last excluded. Failures are printed to stdout."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    reader, make = READERS[name]
    seeds, counts = make(), {"read": 0, "refused": 0, "failed": 0}
    for content in seeds:
        reader(content)  # whole files are read, or nothing is shown by the others
    file = os.open(state, os.O_RDWR | os.O_CREAT)
    for number in range(first, last):
        os.pwrite(file, STATE.pack(number, *counts.values()), 0)
        content = case(name, seed, number, seeds)
        signal.setitimer(signal.ITIMER_REAL, slowest)  # its signal ends the process
        found, words = outcome(reader, content)
        signal.setitimer(signal.ITIMER_REAL, 0)
        counts[found] += 1
        if found == "failed":
            print(json.dumps([number, words]), flush=True)
    os.pwrite(file, STATE.pack(last, *counts.values()), 0)


def outcome(reader: Callable[[bytes], None], content: bytes) -> tuple[str, str]:
    """Whether a file was "read", "refused" or "failed", and in which words."""
    try:
        reader(content)
    except PiecewiseError as error:
        words = str(error)
        if not words or "\n" in words:
            return "failed", f"an error of other than one line: {words!r}"
        return "refused", words
    except BaseException:
        return "failed", traceback.format_exc()
    return "read", ""


# The parent.


class Task(NamedTuple):
    name: str
    first: int
    last: int


@dataclass
class Tally:
    """What came of the cases of a reader."""

    read: int = 0
    refused: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.read += other.read
        self.refused += other.refused
        self.failures += other.failures


def done(task: Task, seed: int, folder: str, slowest: float) -> Tally:
    """All cases of a task, by as many children as it takes."""
    tally, first = Tally(), task.first
    state = Path(folder) / f"{task.name}-{task.first}"
    while first < task.last:
        state.write_bytes(STATE.pack(-1, 0, 0, 0))
        command = [sys.executable, sys.argv[0], "--seed", str(seed), "--slowest", str(slowest),
                   "--child", task.name, str(first), str(task.last), str(state)]  # fmt: skip
        ran = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            env=os.environ | {"TMPDIR": folder},
        )  # fmt: skip
        at, read, refused, _ = STATE.unpack(state.read_bytes())
        failed_cases = [
            json.loads(line) for line in ran.stdout.splitlines() if line.startswith("[")
        ]
        tally.add(Tally(read, refused, [(number, words) for number, words in failed_cases]))
        if at < 0:  # it did not come so far as to read one
            tally.failures.append((first, f"cannot begin: {ran.stderr.strip()}"))
            return tally
        if at < task.last:
            hung = ran.returncode == -signal.SIGALRM
            words = f"over {slowest:g} seconds" if hung else f"ended by {ran.returncode}"
            tally.failures.append((at, f"{words}\n{ran.stderr.strip()[-2_000:]}"))
        first = at + 1
    return tally


def shared_out(names: list[str], count: int, chunk: int = CHUNK) -> list[Task]:
    """So many cases, spread over the readers, in chunks, by turns."""
    shares = [count // len(names) + (n < count % len(names)) for n in range(len(names))]
    tasks = [
        (first, Task(name, first, min(first + chunk, share)))
        for name, share in zip(names, shares, strict=True)
        for first in range(0, share, chunk)
    ]
    return [task for _, task in sorted(tasks)]


def run(
    names: list[str], count: int, seed: int, processes: int, slowest: float
) -> dict[str, Tally]:
    """What came of so many cases, by reader."""
    found, tasks = {name: Tally() for name in names}, shared_out(names, count)
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(dir=shared) as folder,
        ThreadPoolExecutor(processes) as threads,
    ):
        for task, tally in zip(
            tasks, threads.map(lambda task: done(task, seed, folder, slowest), tasks), strict=True
        ):
            found[task.name].add(tally)
            for number, words in tally.failures:
                print(f"{task.name} {number}: {words}\n", file=sys.stderr, flush=True)
    return found


def repeat(name: str, seed: int, number: int) -> int:
    """One case again, here; its file is kept."""
    reader, make = READERS[name]
    content = case(name, seed, number, make())
    path = Path(tempfile.gettempdir()) / f"{name}-{seed}-{number}"
    path.write_bytes(content)
    began = time.perf_counter()
    found, words = outcome(reader, content)
    print(f"{path}: {found} in {time.perf_counter() - began:.3f} s {words}")
    return int(found == "failed")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=30_000, help="files, of all readers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", choices=list(READERS), default=list(READERS))
    parser.add_argument("--repeat", nargs=2, metavar=("READER", "NUMBER"))
    parser.add_argument("--slowest", type=float, default=SLOWEST, help="seconds for a file")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        name, first, last, state = asked.child
        child(name, asked.seed, int(first), int(last), Path(state), asked.slowest)
        return 0
    if asked.repeat:
        return repeat(asked.repeat[0], asked.seed, int(asked.repeat[1]))
    found = run(asked.only, asked.count, asked.seed, asked.processes, asked.slowest)
    for name, tally in found.items():
        failed = len(tally.failures)
        print(f"{name}: {tally.read:,} read, {tally.refused:,} refused, {failed:,} failed")
        for number, _ in tally.failures[:5]:
            print(f"  python scripts/fuzz_readers.py --seed {asked.seed} --repeat {name} {number}")
    return int(any(tally.failures for tally in found.values()))


if __name__ == "__main__":
    sys.exit(main())
