"""What a net that knows other classes adds to the training on a few examples:

    python -m benchmarks.transfer DATA [--to OTHER] [--examples N] [--seeds N]

A first net is trained on the first half of the classes of DATA. Then the other classes are taught
with N examples each: to a new net; and to the first net, with all layers trained, and with its
first layers frozen. With --to, the first net is trained on all of DATA, and the classes of OTHER
are taught. The accuracy is on the test split, or without one on all other examples of the new
classes; the table has the mean over seeds, each of which draws other examples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np

from piecewise.core.array_types import Int64
from piecewise.data.dataset import Dataset, read_data
from piecewise.network import Network
from piecewise.training.experiment import run_training
from piecewise.training.plan import plan_training

MAX_FIRST = 20_000
"""Examples that the first net is trained on, at most."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--to")
    parser.add_argument("--examples", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    data = read_data(options.data)
    known = len(data.classes) if options.to else len(data.classes) // 2
    first, accuracy = first_net(data, np.arange(known))
    print(f"first net: {', '.join(first.classes)}; layers {first.notation}; {accuracy:.4f} right")
    own, prepared, new = data, data, np.arange(known, len(data.classes))
    if options.to:
        own, prepared = read_data(options.to), read_data(options.to, first.preprocessor)
        new = np.arange(len(own.classes))
    print(f"{options.examples} examples each of {', '.join(own.classes[one] for one in new)}")
    for name, task, knobs in methods(first, own, prepared):
        measured = [
            taught(few(task, new, options.examples, seed), seed, **knobs)
            for seed in range(options.seeds)
        ]
        accuracies = [accuracy for accuracy, _ in measured]
        print(
            f"{name:<40} {mean(accuracies):.4f} ({min(accuracies):.4f} to {max(accuracies):.4f})  "
            f"{mean(seconds for _, seconds in measured):5.1f} CPU s",
            flush=True,
        )


def methods(
    first: Network, own: Dataset, prepared: Dataset
) -> Iterator[tuple[str, Dataset, dict[str, Any]]]:
    """The name of each way to teach the new classes, its data and its options."""
    yield "a new net", own, {}
    yield "the first net, all layers trained", prepared, {"start": first}
    stages = first.architecture.stages
    pools = [stage.name for stage in stages if stage.name.startswith("pool")]
    for name in dict.fromkeys([*pools, stages[-2].name]):
        knobs = {"start": first, "freeze_until": name}
        yield f"the first net, frozen until {name}", prepared, knobs


def first_net(data: Dataset, classes: Int64) -> tuple[Network, float]:
    """A net for some of the classes, and its accuracy on held-out examples."""
    rows = np.flatnonzero(np.isin(data.labels, classes))
    training = rows[data.splits[rows] == "train"]
    left_out = np.random.default_rng(0).permutation(training)[MAX_FIRST:]
    rows = np.setdiff1d(rows, left_out)
    result = run_training(plan_training(chosen(data, rows, data.splits[rows]), folds=0))
    scores = result.scores.get("test") or result.scores["validation"]
    return result.net, scores.accuracy


def few(data: Dataset, classes: Int64, count: int, seed: int) -> Dataset:
    """``count`` training examples of each class, and all test examples of these classes."""
    random, has_test = np.random.default_rng(seed), bool((data.splits == "test").any())
    training = list[int]()
    for one in classes:
        of_class = np.flatnonzero((data.labels == one) & (data.splits != "test"))
        training += random.permutation(of_class)[:count].tolist()
    rows = np.flatnonzero(np.isin(data.labels, classes))
    rows = np.setdiff1d(rows[(data.splits[rows] == "test") | (not has_test)], training)
    splits = np.repeat(["train", "test"], [len(training), len(rows)])
    return chosen(data, np.concatenate([training, rows]).astype(np.int64), splits)


def chosen(data: Dataset, rows: Int64, splits: Any) -> Dataset:
    """These examples, with the classes that they have."""
    numbers, labels = np.unique(data.labels[rows], return_inverse=True)
    return replace(
        data,
        inputs=data.inputs[rows],
        labels=labels,
        classes=tuple(data.classes[one] for one in numbers.tolist()),
        splits=splits,
        groups=None,
        names=(),
        group_suggestions=(),
        sizes=None,
        texts=None if data.texts is None else [data.texts[row] for row in rows.tolist()],
        recordings=None if data.recordings is None else data.recordings[rows],
    )


def taught(data: Dataset, seed: int, **knobs: Any) -> tuple[float, float]:
    """The test accuracy and the CPU seconds of a training with default options."""
    began = time.process_time()
    plan = plan_training(data, folds=0, validation_fraction=0.0, seed=seed, **knobs)
    result = run_training(plan)
    return result.scores["test"].accuracy, time.process_time() - began


if __name__ == "__main__":
    main()
