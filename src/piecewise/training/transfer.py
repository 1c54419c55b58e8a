"""Fine-tuning: the classes, the data and the recipe of a training that starts from a trained
network."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..core.array_types import Bool
from ..core.errors import DataError, LimitError
from ..data.dataset import Dataset
from ..network import Network
from ..spec.architecture import class_stage
from .candidates import Candidate, TrainingTask
from .defaults import LARGE_BATCH
from .recipe import Recipe
from .splits import Groups, Split

RATE = 0.5
"""The default learning rate, as a fraction of that of a new network."""
EPOCHS = 0.5
"""The default number of epochs, as a fraction of that of a new network."""
MIN_EPOCHS = 2
KEPT = ("optimizer", "momentum", "nesterov", "token_scaling", "schedule", "weight_decay", "loss")
"""What the recipe of the network decides, unless the user does."""


def classes_after(start: Network, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of the data: those that the network knows in its order, then the others."""
    known = [name for name in start.classes if name in classes]
    return (*known, *(name for name in classes if name not in known))


def data_for(start: Network, data: Dataset, name: str) -> Dataset:
    """The data with the order of `classes_after`; DataError if another preprocessor made them,
    LimitError if the network cannot learn other classes."""
    if data.preprocessor.to_json() != start.preprocessor.to_json():
        raise DataError(
            f"{name}: prepared by another preprocessor than that of the network to start from; "
            "read the data with read_data(path, start.preprocessor)"
        )
    classes = classes_after(start, data.classes)
    if classes != start.classes:
        class_stage(start.architecture)
    if classes == data.classes:
        return data
    number_of = np.array([classes.index(one) for one in data.classes], np.int64)
    return replace(data, labels=number_of[data.labels], classes=classes)


def unseen(start: Network, split: Split, groups: Groups) -> Bool:
    """Which examples (N,) the network was not trained on, nor on others of their group or
    recording."""
    seen = start.training_digests.contain(split.inputs)
    for owners in (groups, split.recordings):
        if owners is not None:
            seen = np.isin(owners, owners[seen])
    return ~seen


def seen_held_out(start: Network, splits: dict[str, Split], folds: int) -> dict[str, int]:
    """By score, how many of its examples the network was trained on; those with none left out."""
    held_out = {"folds" if name == "train" else name: part for name, part in splits.items()}
    if not folds:
        del held_out["folds"]
    counts = {
        name: int(start.training_digests.contain(part.inputs).sum())
        for name, part in held_out.items()
    }
    return {name: count for name, count in counts.items() if count}


def next_candidate(task: TrainingTask, start: Network) -> Candidate:
    """The layers of the network and the recipe that taught it, with a lower learning rate, and the
    epochs, batches and augmentation that these data need."""
    previous = _recipe_of(start)
    kept = {} if previous is None else {name: getattr(previous, name) for name in KEPT}
    config = task.config(layers=start.notation, **kept)
    recipe = config.recipe
    mirrored = previous is not None and previous.augmentation.horizontal_flip
    if mirrored and "augmentation" not in task.chosen:
        augmentation = replace(recipe.augmentation, horizontal_flip=True)
        recipe = replace(recipe, augmentation=augmentation)
    if "learning_rate" not in task.chosen:
        recipe = replace(recipe, learning_rate=_next_rate(start, previous, recipe))
    if "epochs" not in task.chosen:
        recipe = replace(recipe, epochs=max(MIN_EPOCHS, round(EPOCHS * recipe.epochs)))
    return Candidate("the network to start from", config.layers, recipe)


def _recipe_of(net: Network) -> Recipe | None:
    """The recipe that a network was trained with; None if there is none, or one of another
    version."""
    try:
        return Recipe(**net.recipe) if net.recipe else None
    except (LimitError, TypeError):
        return None


def _next_rate(start: Network, previous: Recipe | None, recipe: Recipe) -> float:
    """The learning rate after the previous one, which depends on the batch size. Only the first of
    several trainings lowers it."""
    if previous is None or previous.optimizer != recipe.optimizer:
        return RATE * recipe.learning_rate
    batches = min(recipe.batch_size, LARGE_BATCH) / min(previous.batch_size, LARGE_BATCH)
    factor = 1.0 if start.training_summary.get("start") else RATE
    return factor * previous.learning_rate * math.sqrt(batches)
