"""How long a network takes until its first answer and its first step: `python -m
benchmarks.compiling NET` says it of its own process."""

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

from .nets import NETS
from .rounds import spread
from .workers import ROOT

CACHE = "PIECEWISE_CACHE"
FEW = 16
"""Pictures that are answered and learned from."""


def own(name: str) -> dict[str, float]:
    """Seconds of this process, without the interpreter's start and imports: the first answer and
    the first step."""
    described = NETS[name]
    net = described.network()
    pictures = np.zeros((FEW, *described.input), np.float32)
    ready = time.perf_counter()
    net.logits(pictures)
    answered = time.perf_counter()
    train(net, pictures, np.zeros(FEW, np.int64), Recipe(epochs=1, batch_size=FEW), threads=1)
    ended = time.perf_counter()
    return {"answer": answered - ready, "train": ended - answered}


def compiling(name: str, rounds: int) -> dict[str, Any]:
    """Cold, with an empty cache, and with what that left in it: fresh processes, round by round."""
    found: dict[str, list[dict[str, float]]] = {"cold": [], "cached": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for runs in found.values():
                runs.append(_fresh(name, Path(folder) / "cache"))
    return {
        "net": name,
        "rounds": rounds,
        **{
            kind: {what: spread([run[what] for run in runs]) for what in runs[0]}
            for kind, runs in found.items()
        },
    }


def _fresh(name: str, cache: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.compiling", name]
    environment = {**os.environ, CACHE: str(cache)}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(own(sys.argv[1])))
