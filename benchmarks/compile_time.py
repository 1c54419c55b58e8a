"""Compile time: seconds until a network's first inference and its first training step.

`python -m benchmarks.compile_time NET` measures its own process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from piecewise import Recipe, train

from .networks import NETS, random_inputs
from .rounds import spread
from .workers import ROOT, process_arguments

CACHE = "PIECEWISE_CACHE"
FEW = 16
"""Images for inference and training."""


def own(name: str) -> dict[str, float]:
    """Seconds of this process for the first inference and the first step, without the start of
    the interpreter and the imports."""
    measured = NETS[name]
    net = measured.network()
    pictures = random_inputs(measured, np.random.default_rng(0))[:FEW]
    labels = np.arange(FEW) % measured.classes
    ready = time.perf_counter()
    net.logits(pictures)
    answered = time.perf_counter()
    train(net, pictures, labels, Recipe(epochs=1, batch_size=FEW), threads=1)
    ended = time.perf_counter()
    return {"infer": answered - ready, "train": ended - answered}


def measure_compile_time(name: str, rounds: int) -> dict[str, Any]:
    """The times of new processes: "cold" with an empty cache, "cached" with a filled one."""
    results: dict[str, list[dict[str, float]]] = {"cold": [], "cached": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for runs in results.values():
                runs.append(_fresh(name, Path(folder) / "cache"))
    return {
        "net": name,
        "rounds": rounds,
        **{
            kind: {what: spread([run[what] for run in runs]) for what in runs[0]}
            for kind, runs in results.items()
        },
    }


def _fresh(name: str, cache: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.compile_time", name]
    environment = {**os.environ, CACHE: str(cache)}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    results: dict[str, float] = json.loads(done.stdout)
    return results


if __name__ == "__main__":
    print(json.dumps(own(process_arguments("compile_time", __doc__, net=list(NETS))[0])))
