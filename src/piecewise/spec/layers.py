"""The kinds of layer: one frozen record each, with its hyperparameters.

The notation, the manual and the tests of invalid values are generated from these records. What a
layer computes is defined in `piecewise.reference`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ..core.constraints import FRACTION, Boolean, Choice, Flag, Integer, Size2D
from ..core.errors import LimitError
from ..core.windows import Windows, complete_windows, partial_windows, same_windows
from .layer_base import (
    PADDING,
    Connectivity,
    InputShapeError,
    Layer,
    Shape,
    Tensor,
    he_bound,
    hyperparameter,
)


@dataclass(frozen=True, slots=True)
class Convolution(Layer):
    """Convolution: the sum of the products of a kernel and a patch, plus a bias. With ``mean`` (the
    deck's match), the sum is divided by the number of products, and there is no bias."""

    word: ClassVar[str] = "conv"
    example: ClassVar[str] = "conv 16 5x5 stride=2 pad=same"
    connectivity: ClassVar[Connectivity] = Connectivity.WINDOWED

    features: int = hyperparameter(Integer(1, 65_536), "feature maps, one kernel each")
    kernel: tuple[int, int] = hyperparameter(Size2D(1, 1_024), "rows and columns of a kernel")
    stride: tuple[int, int] = hyperparameter(
        Size2D(1, 1_024), "cells from one patch to the next", key="stride", default=(1, 1)
    )
    padding: tuple[int, int] | str = hyperparameter(
        Size2D(0, 1_024, word="same"),
        "rows and columns of zeros on each side; same: enough for ceil(input / stride) outputs",
        key="pad",
        default=(0, 0),
    )
    mean: bool = hyperparameter(
        Flag(),
        "average the products instead of adding them, without a bias (the deck's match)",
        key="mean",
        default=False,
    )
    bias: bool = hyperparameter(Boolean(), "a number added to each map", key="bias", default=True)

    def canonicalize(self) -> None:
        if self.mean:
            object.__setattr__(self, "bias", False)

    def windows(self, shape: Shape) -> tuple[Windows, Windows]:
        """The patches along the rows and along the columns."""
        rows, columns = (self._axis(axis, shape[1 + axis]) for axis in (0, 1))
        return rows, columns

    def _axis(self, axis: int, size: int) -> Windows:
        window, stride = self.kernel[axis], self.stride[axis]
        if self.padding == "same":
            return same_windows(size, window, stride)
        padding = int(self.padding[axis])
        return complete_windows(size, window, stride, padding, padding)

    def output(self, shape: Shape) -> Shape:
        rows, columns = self.windows(shape)
        if not (rows.count and columns.count):
            height, width = self.kernel
            if shape.height == 1 and height > 1 and columns.count:
                remedy = f"write 1x{width}: the input has one row"
            else:
                remedy = "take a smaller kernel, pad=same, or pool less before it"
            raise InputShapeError(
                f"the kernel, {height}x{width}, is larger than its input, {shape}; {remedy}"
            )
        return Shape(self.features, rows.count, columns.count)

    def parameters(self, shape: Shape) -> tuple[Tensor, ...]:
        products = shape.channels * prod(self.kernel)
        # The deck's features are small images of values -1 and +1.
        init_bound = 1.0 if self.mean else he_bound(products)
        weight = Tensor(
            "weight", (self.features, shape.channels, *self.kernel), init_bound=init_bound
        )
        return (weight, Tensor("bias", (self.features,))) if self.bias else (weight,)

    def multiplications(self, shape: Shape) -> int:
        return self.output(shape).values * shape.channels * prod(self.kernel)

    def divisor(self, shape: Shape) -> int:
        """The divisor of the sum of products: their number with ``mean``, else 1."""
        return shape.channels * prod(self.kernel) if self.mean else 1


@dataclass(frozen=True, slots=True)
class Relu(Layer):
    """ReLU: negative values become zero."""

    word: ClassVar[str] = "relu"
    example: ClassVar[str] = "relu"
    connectivity: ClassVar[Connectivity] = Connectivity.POINTWISE


@dataclass(frozen=True, slots=True)
class Pool(Layer):
    """Pooling: the maximum or the average of every window, without the padding of texts."""

    word: ClassVar[str] = "pool"
    example: ClassVar[str] = "pool 3 stride=2"
    connectivity: ClassVar[Connectivity] = Connectivity.WINDOWED

    window: tuple[int, int] | str = hyperparameter(
        Size2D(1, 1_024, word="all"), "rows and columns of the window; all: the whole map"
    )
    stride: tuple[int, int] | None = hyperparameter(
        Size2D(1, 1_024, optional=True),
        "cells from one window to the next; the window's sides if left out",
        key="stride",
        default=None,
    )
    kind: str = hyperparameter(
        Choice(("max", "average")),
        "the largest value of a window, or the average",
        key="kind",
        default="max",
    )
    edge: str = hyperparameter(
        Choice(("partial", "drop")),
        "partial: windows past the edge use the cells that exist; drop: they are left out",
        key="edge",
        default="partial",
    )

    def canonicalize(self) -> None:
        if self.window == "all":
            if self.stride is not None:
                raise LimitError("pool: stride: pool all has one window, so it takes no stride")
        elif self.stride == self.window:
            object.__setattr__(self, "stride", None)

    def windows(self, shape: Shape) -> tuple[Windows, Windows]:
        """The windows along the rows and along the columns."""
        if isinstance(self.window, str):
            return complete_windows(shape.height, shape.height, 1), complete_windows(
                shape.width, shape.width, 1
            )
        windows = partial_windows if self.edge == "partial" else complete_windows
        strides = self.stride or self.window
        rows, columns = (
            windows(shape[1 + axis], self.window[axis], strides[axis]) for axis in (0, 1)
        )
        return rows, columns

    def output(self, shape: Shape) -> Shape:
        rows, columns = self.windows(shape)
        if not (rows.count and columns.count):
            raise InputShapeError(
                f"the window, {rows.window}x{columns.window}, is larger than its input, {shape}, "
                "and edge=drop leaves nothing; take a smaller window or edge=partial"
            )
        return Shape(shape.channels, rows.count, columns.count)


@dataclass(frozen=True, slots=True)
class Full(Layer):
    """Fully connected layer: each output is a weighted sum of all inputs plus a bias; in the deck,
    every value votes for every output."""

    word: ClassVar[str] = "full"
    example: ClassVar[str] = "full 128"
    connectivity: ClassVar[Connectivity] = Connectivity.GLOBAL
    fully_connected: ClassVar[bool] = True

    neurons: int | None = hyperparameter(
        Integer(1, 1_048_576, optional=True),
        "number of outputs; may be omitted in the last layer, where it is the number of classes",
        per_class=True,
        default=None,
    )

    def output(self, shape: Shape) -> Shape:
        if self.neurons is None:
            raise InputShapeError(
                "only the last full may leave out its neurons; write full 64, say"
            )
        return Shape(self.neurons, 1, 1)

    def parameters(self, shape: Shape) -> tuple[Tensor, ...]:
        neurons = self.output(shape).channels
        weight = Tensor("weight", (neurons, shape.values), init_bound=he_bound(shape.values))
        return weight, Tensor("bias", (neurons,))

    def multiplications(self, shape: Shape) -> int:
        return self.output(shape).channels * shape.values


@dataclass(frozen=True, slots=True)
class Dropout(Layer):
    """Dropout: in training, a random fraction of the values becomes zero, and the others are scaled
    up so that their expected sum is the same."""

    word: ClassVar[str] = "dropout"
    example: ClassVar[str] = "dropout 0.5"
    connectivity: ClassVar[Connectivity] = Connectivity.POINTWISE
    draws: ClassVar[bool] = True
    identity_at_inference: ClassVar[bool] = True

    rate: float = hyperparameter(FRACTION, "the fraction that becomes zero")


@dataclass(frozen=True, slots=True)
class Norm(Layer):
    """Batch normalization: each map is normalized to mean 0 and standard deviation 1, then scaled
    and shifted by two learned numbers."""

    word: ClassVar[str] = "norm"
    example: ClassVar[str] = "norm"
    connectivity: ClassVar[Connectivity] = Connectivity.POINTWISE
    epsilon: ClassVar[float] = 1e-5
    """Added to the variance, so that a constant map does not divide by zero."""

    def parameters(self, shape: Shape) -> tuple[Tensor, ...]:
        return Tensor("weight", (shape.channels,), init_mean=1.0), Tensor("bias", (shape.channels,))

    def running_stats(self, shape: Shape) -> tuple[Tensor, ...]:
        variance = Tensor("variance", (shape.channels,), init_mean=1.0, minimum=0.0)
        return Tensor("mean", (shape.channels,)), variance


@dataclass(frozen=True, slots=True)
class Embed(Layer):
    """Embedding: each position's token selects a row of a learned table. The input shape is (1,
    size of the vocabulary, positions); the output has one row of positions. Token 0 is padding, a
    vector of zeros: all layers compute as if the text ended at its last token that is
    not padding."""

    word: ClassVar[str] = "embed"
    example: ClassVar[str] = "embed 32"
    connectivity: ClassVar[Connectivity] = Connectivity.POINTWISE
    reads_tokens: ClassVar[bool] = True

    channels: int = hyperparameter(Integer(1, 65_536), "numbers in the vector of a token")

    def output(self, shape: Shape) -> Shape:
        if shape.channels != 1:
            raise InputShapeError(
                f"embed reads texts, and its input is {shape}; make it the first layer, with "
                "input=(1, size of the vocabulary, positions)"
            )
        return Shape(self.channels, 1, shape.width)

    def parameters(self, shape: Shape) -> tuple[Tensor, ...]:
        shape_of_table = (shape.height, self.channels)
        return (Tensor("weight", shape_of_table, init_bound=0.1, zero_rows=PADDING + 1),)


KINDS: tuple[type[Layer], ...] = (Convolution, Relu, Pool, Full, Dropout, Norm, Embed)
BY_WORD: dict[str, type[Layer]] = {kind.word: kind for kind in KINDS}
