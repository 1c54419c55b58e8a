"""Trials: train each candidate briefly and keep the best.

The judge is the mean log loss on held-out examples, at the temperature that fits them best. It
tells candidates apart with far fewer examples than the accuracy does. Of candidates that are
nearly as good as the best, the first one is chosen: it is nearest to the default.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.array_types import Bool, Float32, Float64, Labels
from ..core.errors import TrainingError
from ..core.progress import OnProgress, in_turn
from ..data.preprocessing import Preprocessor
from ..network import Network
from ..reference.losses import cross_entropy
from .calibrate import fit_temperature
from .candidates import Candidate
from .defaults import without_small_rest
from .effort import cost_per_example
from .recipe import Recipe
from .splits import Split, validation_mask
from .train import train

STAGE = "trials"
"""The stage that progress reports of trials name."""
EPOCHS = 6
"""A trial has at least as many epochs; if that is too much work, it trains on fewer examples."""
MAX_JUDGED = 2_000
"""Held-out examples that a trial is measured on, at most."""
NEAR = 0.5
"""A candidate is nearly as good as the best one if its mean loss is higher by at most as many
standard errors of their difference."""


@dataclass(frozen=True)
class TrialResult:
    """How a candidate did in its trial."""

    candidate: Candidate
    accuracy: float
    """On ``n`` held-out examples."""
    loss: float
    """The mean log loss on the same examples."""
    n: int
    examples: int
    """Training examples of the trial."""
    epochs: int
    chosen: bool = False
    note: str = ""
    """Why the candidate cannot be chosen."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file.

        Returns
        -------
        dict
        """
        augmentation = Recipe.knob("augmentation").write(self.candidate.recipe.augmentation)
        return {
            "name": self.candidate.name,
            "layers": self.candidate.layers,
            "augmentation": augmentation,
            "learning_rate": self.candidate.recipe.learning_rate,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "n": self.n,
            "examples": self.examples,
            "epochs": self.epochs,
            "chosen": self.chosen,
            "note": self.note,
        }


@dataclass(frozen=True)
class _Trained:
    """A trained candidate with its losses (N,) and its logits on the held-out examples."""

    result: TrialResult
    losses: Float64
    logits: Float32
    net: Network


def run_trials(
    candidates: Sequence[Candidate],
    training: Split,
    held_out: Split,
    classes: tuple[str, ...],
    preprocessor: Preprocessor,
    work: float,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
) -> tuple[TrialResult, ...]:
    """Train each candidate with its share of ``work`` and mark the one to choose.

    The result is the same for any number of threads.
    """
    seed = candidates[0].recipe.seed
    if len(held_out.labels) > MAX_JUDGED:
        fraction = MAX_JUDGED / len(held_out.labels)
        held_out = held_out.where(validation_mask(held_out.labels, seed, fraction))
    trained: list[_Trained | None] = []
    prepared: dict[int, tuple[Split, Split]] = {}  # candidates may share a preprocessor
    for number, candidate in enumerate(candidates):
        own, splits = candidate.preprocessor, (training, held_out)
        if own is not None:
            if id(own) not in prepared:
                prepared[id(own)] = training.prepared(own), held_out.prepared(own)
            splits = prepared[id(own)]
        note = f"{number + 1} of {len(candidates)}: {candidate.name}"
        report = in_turn(on_progress, STAGE, number, len(candidates), note)
        trial = _Trial(candidate, *splits, classes, preprocessor)
        trained.append(trial.run(work / len(candidates), report, threads))
    results = _without_twins([one for one in trained if one], held_out, classes)
    return _chosen(results)


@dataclass(frozen=True)
class _Trial:
    """The trial of one candidate, on splits that its preprocessor has prepared."""

    candidate: Candidate
    training: Split
    held_out: Split
    classes: tuple[str, ...]
    preprocessor: Preprocessor

    def run(
        self, work: float, on_progress: OnProgress | None, threads: int | None
    ) -> _Trained | None:
        """Train and measure; None if the training diverges."""
        candidate, training, held_out = self.candidate, self.training, self.held_out
        own = candidate.preprocessor or self.preprocessor
        cost = cost_per_example(candidate.layers, own.shape, len(self.classes))
        training, epochs = _shortened(candidate.recipe, training, work / cost)
        batch = without_small_rest(candidate.recipe.batch_size, len(training.labels))
        recipe = replace(candidate.recipe, epochs=epochs, patience=0, batch_size=batch)
        net = Network(candidate.layers, own.shape, self.classes, recipe.seed, own)
        try:
            train(net, training.inputs, training.labels, recipe, None, on_progress, threads,
                  keep_digests=False)  # fmt: skip
            logits = net.logits(held_out.inputs)
        except TrainingError:
            return None
        losses = log_losses(logits, held_out.labels)
        accuracy = float((logits.argmax(axis=1) == held_out.labels).mean())
        count = len(held_out.labels)
        result = TrialResult(candidate, accuracy, mean(losses), count, len(training.labels), epochs)
        return _Trained(result, losses, logits, net)


def _shortened(recipe: Recipe, training: Split, affordable: float) -> tuple[Split, int]:
    """The examples and the epochs of a trial that may read as many examples as is affordable."""
    count, least = len(training.labels), min(recipe.epochs, EPOCHS)
    epochs = min(recipe.epochs, int(affordable / max(1, count)))
    if epochs >= least:
        return training, epochs
    fraction = affordable / least / count
    some = validation_mask(training.labels, recipe.seed, fraction)
    return training.where(some), least


def log_losses(logits: Float32, labels: Labels) -> Float64:
    """The log loss of each example (N,), at the temperature that fits these examples best."""
    temperature = fit_temperature(logits.astype(np.float64), labels)
    return np.asarray(cross_entropy(logits / np.float32(temperature), labels)[0], np.float64)


def mean(values: Float64) -> float:
    """The mean, rounded once: the same on every machine."""
    return math.fsum(values.tolist()) / len(values)


def _chosen(trained: list[_Trained]) -> tuple[TrialResult, ...]:
    """The results, with a mark at the first candidate that is nearly as good as the best."""
    possible = [one for one in trained if not one.result.note]
    if not possible:
        return tuple(one.result for one in trained)
    best = min(possible, key=lambda one: one.result.loss)
    first = next(one for one in possible if _is_near(one.losses, best.losses))
    return tuple(replace(one.result, chosen=one is first) for one in trained)


def _is_near(losses: Float64, best: Float64) -> bool:
    differences = losses - best
    middle = mean(differences)
    variance = mean((differences - middle) ** 2) / max(1, len(differences) - 1)
    return middle <= NEAR * math.sqrt(variance)


def _without_twins(
    trained: list[_Trained], held_out: Split, classes: tuple[str, ...]
) -> list[_Trained]:
    """The same, with a note at mirroring candidates if two classes are mirror images."""
    plain = next((one for one in trained if not _is_mirrored(one)), None)
    if plain is None or not any(_is_mirrored(one) for one in trained):
        return trained
    mirrored = plain.net.logits(np.ascontiguousarray(held_out.inputs[..., ::-1]))
    twins = mirrored_twins(plain.logits, mirrored, held_out.labels)
    if twins is None:
        return trained
    note = f"mirrored, {classes[twins[0]]} looks like {classes[twins[1]]}"
    return [
        replace(one, result=replace(one.result, note=note)) if _is_mirrored(one) else one
        for one in trained
    ]


def _is_mirrored(one: _Trained) -> bool:
    return one.result.candidate.recipe.augmentation.horizontal_flip


def mirrored_twins(logits: Float32, mirrored: Float32, labels: Labels) -> tuple[int, int] | None:
    """A class and the other one that most of its images are taken for when they are mirrored.

    Only images (N,) count that are recognized as they are; two at least.
    """
    right: Bool = logits.argmax(axis=1) == labels
    for label in np.unique(labels[right]).tolist():
        answers = np.bincount(mirrored[right & (labels == label)].argmax(axis=1))
        other = int(answers.argmax())
        if other != label and answers[other] >= 2 and 2 * answers[other] > answers.sum():
            return label, other
    return None
