"""The recipe: the hyperparameters of training, with their constraints and defaults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

from ..core.argument_names import check_names, names_checked
from ..core.array_types import Float64
from ..core.constraints import (
    FRACTION,
    LOSS,
    SEED,
    Boolean,
    Choice,
    Constraint,
    Integer,
    Real,
    checked,
)
from ..spec.augmentation import AUGMENTATION, Augmentation
from ..spec.frozen_layers import LayerName
from .schedule import SCHEDULES, learning_rates


def _knob(limit: Constraint, meaning: str, default: Any) -> Any:
    return field(default=default, metadata={"constraint": limit, "meaning": meaning})


_NAMED = "recipe", "a hyperparameter"
TOKEN_SCALINGS = ("none", "idf", "idf-words")
ALIASES = {"lr": "learning_rate", "batchsize": "batch_size", "augment": "augmentation"}


@names_checked(*_NAMED, ALIASES)
@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of training. docs/recipe.md describes each of them.

    Raises
    ------
    LimitError
        If a value is outside the range that docs/recipe.md states.

    Examples
    --------
    >>> import piecewise as pw
    >>> recipe = pw.Recipe(epochs=20, optimizer="adamw", learning_rate=4e-3)
    >>> recipe.batch_size
    32
    """

    epochs: int = _knob(Integer(1, 100_000), "passes over the training inputs", 5)
    batch_size: int = _knob(Integer(1, 65_536), "inputs per step; multiples of 16 are fastest", 32)
    learning_rate: float = _knob(Real(1e-9, 1e3), "step size of the optimizer", 0.05)
    schedule: str = _knob(
        Choice(SCHEDULES),
        "how the learning rate changes; one-cycle: it rises for a quarter of the steps, then falls",
        "one-cycle",
    )
    optimizer: str = _knob(
        Choice(("sgd", "adamw")),
        "rule that turns gradients into a parameter update",
        "sgd",
    )
    momentum: float = _knob(
        FRACTION,
        "with sgd: velocity = momentum x velocity + gradient; a step subtracts learning rate x "
        "velocity",
        0.9,
    )
    nesterov: bool = _knob(Boolean(), "with sgd: whether to use Nesterov momentum", default=False)
    token_scaling: str = _knob(
        Choice(TOKEN_SCALINGS),
        "with sgd, for texts: the factor of the gradients of a token's vector; idf: its squared "
        "inverse document frequency, so that rare tokens learn faster; idf-words: the same, three "
        "times as large for words as for other n-grams",
        "none",
    )
    weight_decay: float = _knob(
        Real(0, 1),
        "factor of the weight decay; sgd adds factor x parameter to the gradient; adamw subtracts "
        "learning rate x factor x parameter from the parameter at each step",
        5e-4,
    )
    loss: str = _knob(LOSS, "loss function to minimize", "cross-entropy")
    method: str = _knob(
        Choice(("backpropagation", "nudging")),
        "how gradients are computed; nudging: by finite differences, which is slow",
        "backpropagation",
    )
    augmentation: Augmentation = _knob(  # noqa: RUF009 - nobody can change one
        AUGMENTATION, "how training inputs are augmented", Augmentation()
    )
    validation_fraction: float = _knob(
        Real(0, 0.9),
        "fraction of each class that is used for validation if the data have no validation split",
        0.1,
    )
    patience: int = _knob(
        Integer(0, 100_000),
        "stop after this many epochs without a better validation accuracy, and restore the best "
        "epoch; 0: never",
        0,
    )
    freeze_until: str | None = _knob(
        LayerName(),
        "the last layer that is not trained; it and all layers before it keep their parameters and "
        "running statistics",
        None,
    )
    seed: int = _knob(SEED, "seeds the splits, shuffling, dropout and augmentation", 0)

    def __post_init__(self) -> None:
        for knob in knobs():
            name, limit = knob.name, knob.metadata["constraint"]
            value = checked(f"recipe: {name}", limit, getattr(self, name))
            object.__setattr__(self, name, value)

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values; ``Recipe(**values)`` restores it.

        Returns
        -------
        dict
        """
        return {**asdict(self), "augmentation": self.augmentation.to_json()}

    @staticmethod
    def knob(name: str) -> Constraint:
        """The constraint of a hyperparameter, which also parses and formats it.

        Parameters
        ----------
        name : str
            The name of the hyperparameter.

        Returns
        -------
        Constraint

        Raises
        ------
        LimitError
            If there is no such hyperparameter.
        """
        check_knob_names([name])
        limit: Constraint = next(
            knob.metadata["constraint"] for knob in knobs() if knob.name == name
        )
        return limit

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of one step; see `learning_rates`.

        Parameters
        ----------
        step : int
            The step, counted from 0.
        steps : int
            The number of steps of the training.

        Returns
        -------
        float
        """
        return float(self.learning_rates(step, 1, steps)[0])

    def learning_rates(self, first: int, count: int, steps: int) -> Float64:
        """The learning-rate schedule (`training/schedule.py`).

        Parameters
        ----------
        first : int
            The first step, counted from 0.
        count : int
            The number of steps to return learning rates for.
        steps : int
            The number of steps of the training.

        Returns
        -------
        array of float64 (count,)
        """
        return learning_rates(self.schedule, self.learning_rate, first, count, steps)


def knobs() -> tuple[Field[Any], ...]:
    """The hyperparameters of a recipe, each with its constraint and meaning."""
    return fields(Recipe)


def check_knob_names(names: Iterable[str]) -> None:
    """Raise LimitError, with the nearest name, for a name that is no hyperparameter."""
    check_names(names, [knob.name for knob in knobs()], *_NAMED, ALIASES)
