"""Trainings that several processes share: `mpiexec -n 2 python -m tests.rank_trainings hashes 1`.

Each rank prints lines that begin with its number.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import piecewise as pw
from piecewise.core.errors import TrainingError
from piecewise.training import checkpoint
from piecewise.training.cross_validation import cross_validate
from piecewise.training.ranks import Ranks, current_ranks
from piecewise.training.step import BackpropagationSteps

PICTURES = (
    "conv 5 3 pad=same, norm, relu, pool 2, conv 18 3, relu, pool 2, dropout 0.3, full 9, full"
)
TEXTS = "embed 16, dropout 0.4, conv 8 1x3, norm, relu, pool all, full"
VOCABULARY, POSITIONS = 17_000, 12
STEPS = 36
"""Steps of `long_run`."""


def train_pictures(threads: int, **options: Any) -> str:
    """A conv net with norm, dropout and augmentation; the hash of its state."""
    xo = pw.make_xo(190, size=12, seed=3)
    net = pw.Network(PICTURES, (1, 12, 12), ("X", "O"), seed=4, preprocessor=xo.preprocessor)
    augmentation = pw.Augmentation(translation=0.1, brightness=0.2, noise=0.1)
    values = {"epochs": 3, "batch_size": 72, "seed": 5, "augmentation": augmentation}
    recipe = pw.Recipe(**{**values, **options.pop("recipe", {})})
    held_out = (xo.inputs[:40], xo.labels[:40])
    pw.train(net, xo.inputs, xo.labels, recipe, held_out, threads=threads, **options)
    return net.parameters_sha256


def train_weighted(threads: int) -> str:
    """The same net by AdamW, with sample weights and a batch of more shards than ranks."""
    weights = np.random.default_rng(0).random(190)
    recipe = {"batch_size": 160, "optimizer": "adamw", "learning_rate": 0.003}
    return train_pictures(threads, sample_weight=weights, recipe=recipe)


def train_texts(threads: int) -> str:
    """A net whose embedding table is so large that only its marked blocks are exchanged."""
    rng = np.random.default_rng(1)
    texts, labels = rng.integers(0, VOCABULARY, (150, POSITIONS)), np.arange(150) % 3
    net = pw.Network(TEXTS, (1, VOCABULARY, POSITIONS), ("a", "b", "c"), seed=2)
    pw.train(net, texts, labels, pw.Recipe(epochs=3, batch_size=64, seed=5), threads=threads)
    return net.parameters_sha256


def hashes(threads: int) -> list[str]:
    """The hashes of all nets."""
    return [train_pictures(threads), train_weighted(threads), train_texts(threads)]


def small_data(count: int = 60) -> pw.Dataset:
    """Pictures without a validation or test split."""
    xo = pw.make_xo(count, size=9, seed=0)
    splits = np.full(count, "train")
    return pw.Dataset(xo.inputs, xo.labels, ("X", "O"), splits, xo.preprocessor)


def job_answers(threads: int | None) -> list[str]:
    """The results of folds, label issues and leave-one-out retraining, and the error of folds."""
    data = small_data()
    options: dict[str, Any] = {"layers": "conv 4 3, relu, full", "epochs": 2, "folds": 3}
    result = pw.run_training(pw.plan_training(data, **options), threads=threads)
    issues = pw.find_label_issues(data, 5, layers="full", threads=threads)
    chosen = slice(0, 12)
    causes = pw.influential_examples(
        result.net, data.inputs[chosen], data.labels[chosen], data.inputs[20], data.labels[20],
        epochs=2, seeds=1, threads=threads,
    )  # fmt: skip
    diverging = {**options, "learning_rate": 1e3, "optimizer": "sgd"}
    folds = cross_validate(pw.plan_training(data, **options), None, None, threads)
    try:
        cross_validate(pw.plan_training(data, **diverging), None, None, threads)
        error = "no error"
    except TrainingError as raised:
        error = str(raised)
    every: list[Any] = [result.scores["folds"], result.linear["folds"], *issues, *causes]
    logits = hashlib.sha256(folds.logits.tobytes()).hexdigest()
    return [json.dumps([one.to_json() for one in every], sort_keys=True), logits, error]


def long_run(run_dir: Path, threads: int = 1) -> str:
    """A training with a checkpoint after every step."""
    checkpoint.INTERVAL = checkpoint.COST_FACTOR = 0.0
    return train_pictures(threads, run_dir=run_dir, recipe={"epochs": 12})


class Failure:
    """Lets this process raise an error, or be killed, at a step: before it, in its exchange, or
    while it saves a checkpoint (rank 0)."""

    def __init__(self, how: str, step: int, place: str) -> None:
        self.how, self.first, self.place, self.step = how, step, place, 0
        begin, wait, move = BackpropagationSteps._settings, Ranks._wait, os.replace

        def settings(runner: BackpropagationSteps, steps: int) -> Any:
            self.step = runner.state.step
            self.reached("before")
            return begin(runner, steps)

        BackpropagationSteps._settings = settings  # type: ignore[assignment, method-assign]
        Ranks._wait = self.before(wait, "exchange")  # type: ignore[method-assign]
        os.replace = self.before(move, "checkpoint")

    def before(self, function: Callable[..., Any], place: str) -> Callable[..., Any]:
        """The function, which fails if it is the place."""

        def failing(*arguments: Any, **options: Any) -> Any:
            self.reached(place)
            return function(*arguments, **options)

        return failing

    def reached(self, place: str) -> None:
        if place != self.place or self.step < self.first:
            return
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError("broken on purpose")


def main(arguments: list[str]) -> None:
    ranks = current_ranks()
    rank = ranks.rank if ranks else 0

    def say(*lines: str) -> None:
        sys.stdout.write("".join(f"{rank} {line}\n" for line in lines))
        sys.stdout.flush()

    if arguments[0] == "hashes":
        say(*hashes(int(arguments[1])))
    elif arguments[0] == "jobs":
        say(*job_answers(1))
    elif arguments[0] == "tune":
        result = pw.tune(small_data(), 6, storage=arguments[1], effort="quick", epochs=2)
        say(result.training.net.parameters_sha256)
    elif arguments[0] == "resume":
        say(long_run(Path(arguments[1])))
    elif arguments[0] == "differ":
        try:
            train_pictures(1, recipe={"seed": rank})
        except TrainingError as error:
            say(str(error))
        say(train_texts(1))  # the next training works
    else:
        how, run_dir, failing, step, place = arguments
        if rank == int(failing):
            Failure(how, int(step), place)
        try:
            long_run(Path(run_dir))
        except (RuntimeError, TrainingError) as error:
            say(f"{type(error).__name__}: {error}")
            raise


if __name__ == "__main__":
    main(sys.argv[1:])
