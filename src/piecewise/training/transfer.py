"""Going on from a trained network: the classes, the data and the recipe of its next training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.array_types import Bool
from ..core.errors import DataError
from ..data.dataset import Dataset
from ..network import Network
from .candidates import Candidate, TrainingTask
from .splits import Groups, Split

RATE = 0.5
"""The default learning rate, as a fraction of that of a new network."""
EPOCHS = 0.5
"""The default number of epochs, as a fraction of that of a new network."""
MIN_EPOCHS = 2


def classes_after(start: Network, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of the data: those that the network knows in its order, then the others."""
    known = [name for name in start.classes if name in classes]
    return (*known, *(name for name in classes if name not in known))


def data_for(start: Network, data: Dataset, name: str) -> Dataset:
    """The data with the order of `classes_after`; DataError if another preprocessor made them."""
    if data.preprocessor.to_json() != start.preprocessor.to_json():
        raise DataError(
            f"{name}: prepared by another preprocessor than that of the network to start from; "
            "read the data with read_data(path, start.preprocessor)"
        )
    classes = classes_after(start, data.classes)
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
    """The layers of the network, with a lower learning rate and fewer epochs than for a new one."""
    config = task.config(layers=start.notation)
    recipe = config.recipe
    if "learning_rate" not in task.chosen:
        recipe = replace(recipe, learning_rate=RATE * recipe.learning_rate)
    if "epochs" not in task.chosen:
        recipe = replace(recipe, epochs=max(MIN_EPOCHS, round(EPOCHS * recipe.epochs)))
    return Candidate("the network to start from", config.layers, recipe)
