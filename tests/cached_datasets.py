"""Data sets that are read and kept, for tests of both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from piecewise.core.progress import Progress
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.loading import prepared_cache

FILES = [prepared_cache.INPUTS, prepared_cache.MANIFEST]


def pictures_in(home: Path) -> Path:
    """Forty colourful pictures of two classes, and one that is broken."""
    noise = np.random.default_rng(0)
    for number in range(40):
        (place := home / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (20, 24, 3), np.uint8)).save(
            place / f"{number:02}.png"
        )
    (home / "b" / "41.png").write_bytes(b"\x89PNG")
    return home


class Read:
    """A data set read, and what was done for it."""

    def __init__(self, data: Path, cache: Path | None, **wishes: Any) -> None:
        reports: list[Progress] = []
        self.found = read_data(data, cache=cache, on_progress=reports.append, **wishes)
        self.done = list(dict.fromkeys(report.stage for report in reports))

    @property
    def anew(self) -> bool:
        return "reading" in self.done


def same(one: Dataset, other: Dataset) -> None:
    assert one.inputs.dtype == other.inputs.dtype
    assert np.array_equal(one.inputs, other.inputs)
    assert one.labels.tolist() == other.labels.tolist()
    for name in ("classes", "preprocessor", "skipped", "names"):
        assert getattr(one, name) == getattr(other, name), name


READ = """
import os, sys, signal, threading
from pathlib import Path
from piecewise.data.dataset import read_data
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.loading import loader, ordered_map
from piecewise.data.modalities import MODALITIES
MODALITIES["pictures"] = MODALITIES["pictures"]._replace(parallel_from_bytes=0)
loader.processors = lambda: 3
begun, there, released = [], threading.Event(), threading.Event()
class Pool(ordered_map.ThreadPoolExecutor):
    def shutdown(self, *given, **named):
        if there.is_set():
            released.set()
        super().shutdown(*given, **named)
def counted(given, use, threads):
    def one(index):
        begun.append(index)
        if there.is_set():
            released.wait()  # so that nothing is read meanwhile
        return use(index)
    return ordered_map.ordered_map(given, one, threads)
ordered_map.ThreadPoolExecutor, loader.ordered_map = Pool, counted
def report(progress):
    if progress.stage == "reading" and progress.done == int(sys.argv[3]):
        there.set()
        print("there", flush=True)
        if sys.argv[4] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
try:
    chosen = ImagePreprocessor((3, 64, 64))
    read_data(sys.argv[1], chosen, cache=sys.argv[2], on_progress=report)
except KeyboardInterrupt:
    print([thread.name for thread in threading.enumerate()], flush=True)
    print(len(begun), flush=True)
"""


def reading(data: Path, cache: Path, after: int, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", READ, str(data), str(cache), str(after), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
