"""The time of a complete training, from the start of the process to the test accuracy:

    python -m benchmarks.training_time mnist.npz [--quick] [--seed N] [--rounds N]

The same training runs in piecewise and in PyTorch. PyTorch gets the layers, batches, learning
rates, augmentation (without the stroke width) and split that `piecewise train` chose. It reads the
data in the same way and saves its weights.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from piecewise.data.dataset import read_data
from piecewise.training.plan import plan_training
from piecewise.training.recipe import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training_time",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", help="a data set with a test split")
    parser.add_argument("--quick", action="store_true", help="train with --quick")
    parser.add_argument("--seed", default="0", help="seed of both trainings (default: 0)")
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each (default: 3)")
    options = parser.parse_args()
    results: dict[str, list[tuple[float, float]]] = {"piecewise": [], "PyTorch": []}
    with tempfile.TemporaryDirectory() as folder:
        net = str(Path(folder, "net.safetensors"))
        own = [sys.executable, "-m", "piecewise", "train", options.data, "-o", net, "--json"]
        own += ["--seed", options.seed, *(["--quick"] if options.quick else [])]
        other = [
            sys.executable,
            "-m",
            "benchmarks.training_time_pytorch",
            options.data,
            options.seed,
        ]
        for _ in range(options.rounds):
            seconds, report = timed(own)
            if "test" not in report:
                sys.exit(f"{options.data}: no test split, wanted data with one")
            results["piecewise"].append((seconds, report["test"]["accuracy"]))
            seconds, accuracy = timed([*other, json.dumps([report["layers"], report["recipe"]])])
            results["PyTorch"].append((seconds, accuracy))
    for name, rounds in results.items():
        times = sorted(one[0] for one in rounds)
        print(
            f"{name:<10}{median(times):7.1f} s ({times[0]:.1f} to {times[-1]:.1f}), "
            f"accuracy {100 * median(one[1] for one in rounds):.2f} %"
        )
    pairs = zip(results["PyTorch"], results["piecewise"], strict=True)
    ratio = median(other[0] / own[0] for other, own in pairs)
    print(f"piecewise is {ratio:.1f} times as fast")


def timed(command: list[str]) -> tuple[float, Any]:
    """The seconds of a process, start and end included, and its output. If it fails, this process
    ends with the last line of its messages."""
    began = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit((run.stderr.strip().splitlines() or [f"{shlex.join(command)} failed"])[-1])
    return time.perf_counter() - began, json.loads(run.stdout)


def same_plan(data: str, seed: str, layers: str, recipe: dict[str, Any]) -> Any:
    """The training plan, with the same split as the command line."""
    options = {**Recipe(**recipe).to_json(), "seed": int(seed)}
    return plan_training(read_data(data), data, layers=layers, folds=0, **options)


def learning_rates(plan: Any) -> np.ndarray[Any, Any]:
    """The learning rate of every step."""
    recipe, count = plan.config.recipe, len(plan.splits["train"].labels)
    steps: int = recipe.epochs * -(-count // recipe.batch_size)
    rates: np.ndarray[Any, Any] = recipe.learning_rates(0, steps, steps)
    return rates


if __name__ == "__main__":
    main()
