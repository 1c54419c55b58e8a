"""The recipe of a sketch: a training that is there at once, and that does not diverge.

The defaults of `training/defaults.py` are chosen for nets with batch norm and for many steps. A
sketch differs in both: a person chooses the layers, often without `norm`, and a few drawings give a
few steps. Then the default learning rate is too high. For a net whose last layer reads all pixels,
the loss is so curved that each update overshoots; and a one-cycle schedule of few steps begins at
its peak. So batches are smaller, which gives more steps, and nets without `norm` get a quarter of
the learning rate. If a training diverges nevertheless, the same net is trained again with a quarter
of that.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ..core.array_types import Array
from ..core.ghost_batch import GROUP_SIZE
from ..data.preprocessing import Preprocessor
from ..spec.architecture import Architecture
from ..spec.layers import Norm
from ..training.defaults import (
    LARGE_BATCH,
    TrainingConfig,
    batch_size_for,
    config_for,
    without_small_rest,
)
from ..training.effort import cost_per_example

SKETCH_WORK = 1.2e9
"""The multiplications of a sketch: a function of sizes and counts, never of a clock."""
SKETCH_EPOCHS = 3, 40
"""The least and the most epochs of a sketch."""
SKETCH_SAMPLES = 2_000
"""Samples of a sketch, the same number of each class where there are more."""
FEW = 16
"""The steps of an epoch, at least, if batches are not smaller than `GROUP_SIZE` then."""
CAREFUL = 0.25
"""The factor of the learning rate of nets without batch norm, and of a training that diverged."""
RETRIES = 3
"""Trainings after one that diverged."""


def sketch_config(
    inputs: Array, preprocessor: Preprocessor, classes: int, layers: str | None,
    knobs: dict[str, Any],
) -> TrainingConfig:  # fmt: skip
    """The layers and the recipe of a sketch of these training inputs. What a person chose is kept:
    ``layers``, and the hyperparameters among ``knobs``."""
    config = config_for(inputs, preprocessor, classes, layers=layers, effort="quick", **knobs)
    recipe, count, shape = config.recipe, len(inputs), preprocessor.shape
    computed: dict[str, Any] = {}
    if "epochs" not in knobs:
        computed["epochs"] = sketch_epochs(config.layers, count, shape, classes)
    batch = recipe.batch_size
    if "batch_size" not in knobs:
        batch = computed["batch_size"] = _batch_size(count)
    if "learning_rate" not in knobs and recipe.optimizer == "sgd":
        sizes = [min(LARGE_BATCH, one) for one in (batch, recipe.batch_size)]
        rate = recipe.learning_rate * math.sqrt(sizes[0] / sizes[1])
        computed["learning_rate"] = rate * (1 if _has_norm(config, shape, classes) else CAREFUL)
    return replace(config, recipe=replace(recipe, **computed))


def sketch_epochs(layers: str, count: int, shape: tuple[int, int, int], classes: int) -> int:
    """The epochs of a sketch of so many samples."""
    least, most = SKETCH_EPOCHS
    work = max(1, count * cost_per_example(layers, shape, classes))
    return max(least, min(most, int(SKETCH_WORK / work)))


def more_careful(config: TrainingConfig) -> TrainingConfig:
    """The config after its training diverged."""
    rate = config.recipe.learning_rate * CAREFUL
    return replace(config, recipe=replace(config.recipe, learning_rate=rate))


def _batch_size(count: int) -> int:
    """The default batch size; for few inputs, at least `FEW` steps an epoch if possible."""
    if count >= FEW * batch_size_for(count):
        return batch_size_for(count)
    batch = max(GROUP_SIZE, count // FEW // GROUP_SIZE * GROUP_SIZE)
    return without_small_rest(batch, count)


def _has_norm(config: TrainingConfig, shape: tuple[int, int, int], classes: int) -> bool:
    stages = Architecture(config.layers, shape, classes).stages
    return any(isinstance(stage.layer, Norm) for stage in stages)
