"""A whole training, from the start of a process to a scored net, here and in PyTorch:

    python -m benchmarks.whole mnist.npz [--quick] [--seed N] [--rounds N]

PyTorch gets the layers, the batches, the learning rates, the tricks (but for stroke weight) and the
split that `piecewise train` chose; it reads the data the same way and saves its weights.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from piecewise.data.dataset import read_data
from piecewise.training.experiment import plan_training
from piecewise.training.recipe import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole", description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"piecewise": [], "PyTorch": []}
    with tempfile.TemporaryDirectory() as folder:
        net = str(Path(folder, "net.safetensors"))
        own = [sys.executable, "-m", "piecewise", "train", chosen.data, "-o", net, "--json"]
        own += ["--seed", chosen.seed, *(["--quick"] if chosen.quick else [])]
        other = [sys.executable, "-m", "benchmarks.whole_pytorch", chosen.data, chosen.seed]
        for _ in range(chosen.rounds):
            seconds, told = timed(own)
            found["piecewise"].append((seconds, told["test"]["accuracy"]))
            seconds, accuracy = timed([*other, json.dumps([told["layers"], told["recipe"]])])
            found["PyTorch"].append((seconds, accuracy))
    for name, rounds in found.items():
        times = sorted(one[0] for one in rounds)
        print(
            f"{name:<10}{median(times):7.1f} s ({times[0]:.1f} to {times[-1]:.1f}), "
            f"{100 * median(one[1] for one in rounds):.2f} % right"
        )
    pairs = zip(found["PyTorch"], found["piecewise"], strict=True)
    ratio = median(other[0] / own[0] for other, own in pairs)
    print(f"piecewise is {ratio:.1f} times as fast")


def timed(command: list[str]) -> tuple[float, Any]:
    """A process's seconds, start and end included, and what it printed."""
    began = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, json.loads(run.stdout)


def same_lesson(data: str, seed: str, layers: str, recipe: dict[str, Any]) -> Any:
    """The data, divided as the command line divides it."""
    knobs = {**Recipe(**recipe).to_json(), "seed": int(seed)}
    return plan_training(read_data(data), data, layers=layers, folds=0, **knobs)


def rates(given: Any) -> np.ndarray[Any, Any]:
    """The learning rate of every step."""
    recipe, count = given.plan.recipe, len(given.parts["train"].labels)
    steps: int = recipe.epochs * -(-count // recipe.batch_size)
    found: np.ndarray[Any, Any] = recipe.learning_rates(0, steps, steps)
    return found


if __name__ == "__main__":
    main()
