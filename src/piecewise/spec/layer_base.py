"""Layer records: shapes, parameter arrays, hyperparameter fields and the base class of all kinds.

A record holds a layer's hyperparameters with their constraints, and derives from them the output
shape and the parameters. It computes no activations: `piecewise.reference` does. The kinds of layer
themselves are in `piecewise.spec.layers`.
"""

from __future__ import annotations

from dataclasses import Field, field, fields
from enum import Enum
from math import inf, prod, sqrt
from typing import Any, ClassVar, Final, NamedTuple

from ..core.constraints import MAX_VALUES, Constraint, checked
from ..core.windows import Windows

PADDING = 0
"""The token of the positions after the end of a text."""


class Shape(NamedTuple):
    """The shape of one example's activations: channels (feature maps), rows, columns."""

    channels: int
    height: int
    width: int

    @property
    def values(self) -> int:
        """The number of values."""
        return prod(self)

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


class Tensor(NamedTuple):
    """The name, shape and initialization of one array of a layer.

    Initial values are uniform in ``init_mean - init_bound`` to ``init_mean + init_bound``; those of
    the first ``zero_rows`` rows are zero.
    ``minimum`` is the smallest value that the array may ever hold.
    """

    name: str
    shape: tuple[int, ...]
    init_mean: float = 0.0
    init_bound: float = 0.0
    minimum: float = -inf
    zero_rows: int = 0


def he_bound(fan_in: int) -> float:
    """The bound of He's uniform initialization, variance 2 / fan_in (He, Zhang, Ren, Sun 2015)."""
    return sqrt(6 / fan_in)


class InputShapeError(Exception):
    """A layer does not fit its input; the caller adds the layer's number and position."""


def hyperparameter(
    constraint: Constraint,
    meaning: str,
    *,
    key: str | None = None,
    per_class: bool = False,
    **default: Any,
) -> Any:
    """A dataclass field with its constraint and its line in the manual.

    ``key`` is its name in the notation; a field without one is positional. With ``per_class``, the
    last layer of the kind may leave it out (None) and gets the number of classes.
    """
    metadata = {"constraint": constraint, "meaning": meaning, "key": key, "per_class": per_class}
    return field(metadata=metadata, **default)


class Connectivity(Enum):
    """Which input values an output value depends on."""

    POINTWISE = "those at its own row and column"
    WINDOWED = "those in one window of the input"
    GLOBAL = "all of them"


class Layer:
    """The base class of all kinds of layer.

    Each kind sets the class variables without a default, and overrides the others as needed.
    ``tests/test_layer_kinds.py`` names what is missing, and compares every class variable with what
    the layer computes.
    """

    __slots__ = ()

    word: ClassVar[str]
    """The word of the notation."""
    example: ClassVar[str]
    """One layer of this kind, as errors and the manual show it."""
    connectivity: ClassVar[Connectivity]
    """Which input values an output value depends on; a windowed kind defines ``windows``."""
    fully_connected: ClassVar[bool] = False
    """Whether each output value is a bias plus a weighted sum of all input values."""
    reads_tokens: ClassVar[bool] = False
    """Whether its input is token numbers, which pick rows of its weight; only a first layer can."""
    draws: ClassVar[bool] = False
    """Whether it draws random numbers while training."""
    identity_at_inference: ClassVar[bool] = False
    """Whether it returns its input unchanged except in training."""

    momentum: Final = 0.1
    """The fraction by which a training step moves running statistics towards those of its batch.
    One value for all kinds, because the engine updates all running statistics in one loop."""

    def __post_init__(self) -> None:
        for layer_field in layer_fields(type(self)):
            name, constraint = layer_field.name, layer_field.metadata["constraint"]
            value = checked(f"{self.word}: {name}", constraint, getattr(self, name))
            object.__setattr__(self, name, value)
        self.canonicalize()

    def canonicalize(self) -> None:
        """Give equal layers equal fields; LimitError if hyperparameters contradict each other."""

    def output(self, shape: Shape) -> Shape:
        """The output shape for an input shape; InputShapeError if the layer does not fit it."""
        return shape

    def parameters(self, shape: Shape) -> tuple[Tensor, ...]:
        """The arrays that training adjusts, for an input of this shape."""
        return ()

    def running_stats(self, shape: Shape) -> tuple[Tensor, ...]:
        """The arrays of running statistics, for an input of this shape."""
        return ()

    def multiplications(self, shape: Shape) -> int:
        """Products of a weight and a value, for one example of this shape."""
        return 0

    def windows(self, shape: Shape) -> tuple[Windows, Windows]:
        """The windows along the rows and along the columns, of a windowed kind."""
        raise NotImplementedError(
            f"{type(self).__name__} in spec/layers.py does not define windows"
        )


def layer_fields(kind: type[Layer]) -> tuple[Field[Any], ...]:
    """The hyperparameter fields of a kind of layer, in the order of its record."""
    return fields(kind)  # type: ignore[arg-type]


def per_class_field(kind: type[Layer]) -> str | None:
    """The name of the field that the last layer of a kind may leave out: one per class."""
    return next((one.name for one in layer_fields(kind) if one.metadata["per_class"]), None)


def too_many_values(shape: Shape) -> bool:
    """Whether one example has more activations than the limit for a layer."""
    return shape.values > MAX_VALUES
