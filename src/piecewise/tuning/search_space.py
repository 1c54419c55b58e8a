"""The search space of `piecewise tune`: layers and hyperparameters.

The first trials are the default nets. The others choose the number, the size and the order of the
layers, and hyperparameters around their defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..training.candidates import Candidate, TrainingTask
from ..training.defaults import Shape, scaled_augmentation
from ..training.recipe import Recipe

BLOCKS = "blocks"
"""The value of ``net`` for nets that are built of blocks."""
_LEAST_SIDE = 4
"""Maps of fewer rows or columns are not pooled any more."""
_MOST_FEATURES = 128
_FACTOR = 10.0
"""How far learning rate and weight decay may be from their defaults."""


class Suggest(Protocol):
    """The part of an Optuna trial that chooses values."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of these values."""

    def suggest_int(self, name: str, low: int, high: int) -> int:
        """A whole number."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""


@dataclass(frozen=True)
class SearchSpace:
    """The choices for a task.

    Parameters
    ----------
    task : TrainingTask
        What is to be learned; what the user set is not searched.
    candidates : tuple of Candidate
        The default nets.
    """

    task: TrainingTask
    candidates: tuple[Candidate, ...]

    @property
    def nets(self) -> list[str]:
        """The values of ``net``."""
        names = [candidate.name for candidate in self.candidates]
        has_blocks = "layers" not in self.task.chosen and self.task.kind != "texts"
        return (
            [*names, BLOCKS] if has_blocks and most_blocks(self.task.preprocessor.shape) else names
        )

    def defaults(self) -> list[dict[str, Any]]:
        """The values of the first trials: those of the default nets."""
        rows = []
        for candidate in self.candidates:
            row: dict[str, Any] = {"net": candidate.name}
            for name in ("optimizer", "batch_size"):
                if name in self._searched(candidate):
                    row[name] = getattr(candidate.recipe, name)
            for name in ("learning_rate_factor", "weight_decay_factor", "augmentation_strength"):
                if name in self._searched(candidate):
                    row[name] = 1.0
            rows.append(row)
        return rows

    def suggest(self, trial: Suggest) -> Candidate:
        """The layers and the recipe of a trial."""
        name = trial.suggest_categorical("net", self.nets)
        chosen = {one.name: one for one in self.candidates}
        base = self._blocks(trial) if name == BLOCKS else chosen[name]
        searched, recipe = self._searched(base), base.recipe
        if "optimizer" in searched:
            optimizer = trial.suggest_categorical("optimizer", ("sgd", "adamw"))
            if optimizer != recipe.optimizer:
                recipe = self.task.config(layers=base.layers, optimizer=optimizer).recipe
        values: dict[str, Any] = {}
        if "batch_size" in searched:
            values["batch_size"] = trial.suggest_categorical("batch_size", self._batch_sizes())
        for field in ("learning_rate", "weight_decay"):
            if f"{field}_factor" in searched:
                factor = trial.suggest_float(f"{field}_factor", 1 / _FACTOR, _FACTOR, log=True)
                limit: Any = Recipe.knob(field)
                values[field] = min(limit.high, factor * getattr(recipe, field))
        if "augmentation_strength" in searched:
            strength = trial.suggest_float("augmentation_strength", 0.0, 1.0)
            values["augmentation"] = scaled_augmentation(base.recipe.augmentation, strength)
        return replace(base, recipe=replace(recipe, **values))

    def _searched(self, candidate: Candidate) -> set[str]:
        """The names of the hyperparameters that a net's trial chooses."""
        chosen, is_text = self.task.chosen, self.task.kind == "texts"
        names = {"learning_rate": "learning_rate_factor", "weight_decay": "weight_decay_factor"}
        if not is_text:
            names |= {"optimizer": "optimizer", "batch_size": "batch_size"}
        if candidate.recipe.augmentation != type(candidate.recipe.augmentation)():
            names["augmentation"] = "augmentation_strength"
        return {name for field, name in names.items() if field not in chosen}

    def _batch_sizes(self) -> tuple[int, ...]:
        """Batch sizes with at least four steps an epoch, and those of the default nets."""
        count = len(self.task.split.labels)
        usual = {size for size in (16, 32, 64, 128) if 4 * size <= count}
        return tuple(sorted(usual | {one.recipe.batch_size for one in self.candidates}))

    def _blocks(self, trial: Suggest) -> Candidate:
        """A net of convolutions and poolings."""
        shape = self.task.preprocessor.shape
        layers = block_layers(
            shape,
            trial.suggest_int("blocks", 1, most_blocks(shape)),
            trial.suggest_categorical("features", (8, 16, 32)),
            trial.suggest_int("convolutions", 1, 2),
            kernel=trial.suggest_categorical("kernel", (3, 5)),
            norm=trial.suggest_categorical("norm", (True, False)),
            head=trial.suggest_categorical("head", ("full", "hidden", "mean")),
            dropout=trial.suggest_float("dropout", 0.0, 0.6),
        )
        return Candidate.of(BLOCKS, self.task.config(layers=layers))


def most_blocks(shape: Shape) -> int:
    """The largest number of blocks of an input: each halves the maps."""
    side, count = min(shape[1:]), 0
    while side >= _LEAST_SIDE:
        side, count = -(-side // 2), count + 1
    return count


def block_layers(
    shape: Shape,
    blocks: int,
    features: int,
    convolutions: int,
    *,
    kernel: int,
    norm: bool,
    head: str,
    dropout: float,
) -> str:
    """The notation of a net of blocks: convolutions with twice as many features in each block, a
    pooling after each, and a head."""
    items, side = list[str](), min(shape[1:])
    for _ in range(blocks):
        size = kernel if side > kernel else 3
        block = f"conv {features} {size} pad=same, {'norm, ' if norm else ''}relu"
        items += [block if convolutions == 1 else f"{convolutions} * ({block})", "pool 2"]
        side, features = -(-side // 2), min(_MOST_FEATURES, 2 * features)
    if head == "mean":
        items[-1] = "pool all kind=average"
    drop = [f"dropout {round(dropout, 2):g}"] if dropout >= 0.005 else []
    hidden = ["full 64, relu"] if head == "hidden" else []
    return ", ".join([*items, *drop, *hidden, "full"])
