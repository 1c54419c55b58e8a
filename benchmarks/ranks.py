"""Measure training by several processes: `mpiexec -n 2 python -m benchmarks.ranks --threads 1`."""

from __future__ import annotations

import argparse
import time

import numpy as np

import piecewise as pw
from piecewise.core.progress import Progress
from piecewise.training.ranks import current_ranks

from .networks import NETS


def main() -> None:
    """Print the examples per second of the fastest epoch, and the hash of the parameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(NETS), default="photos")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    net = NETS[options.only].network()
    rng = np.random.default_rng(0)
    inputs = rng.random((4 * options.batch, *net.input), np.float32)
    labels = rng.integers(0, len(net.classes), len(inputs))
    times = [time.perf_counter()]

    def add_time(progress: Progress) -> None:
        if progress.epoch:
            times.append(time.perf_counter())

    recipe = pw.Recipe(epochs=options.epochs, batch_size=options.batch, learning_rate=0.01)
    pw.train(net, inputs, labels, recipe, on_progress=add_time, threads=options.threads)
    ranks = current_ranks()
    if ranks is None or ranks.rank == 0:
        rate = len(inputs) / np.diff(times).min()
        print(
            f"{ranks.size if ranks else 1} ranks x {options.threads} threads, {options.only}: "
            f"{rate:,.0f} examples per second, parameters {net.parameters_sha256[:12]}"
        )


if __name__ == "__main__":
    main()
