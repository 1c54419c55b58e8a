"""The range of the inputs of a foreign net, and the conversion of pixels to it.

The layers of piecewise read pixels as numbers from -1 to 1. Other nets read other numbers: from 0
to 1, bytes, or bytes without a mean. A norm layer in front of the net makes one of the other, so
that zeros around a map are the same ones as in the file.
"""

from __future__ import annotations

from math import isfinite, isqrt
from typing import NamedTuple

import numpy as np

from ..core.array_types import Array
from ..core.errors import LimitError, ModelFileError, shown
from ..spec.layer_base import Layer, Shape
from ..spec.layers import Convolution, Full, Norm
from .checked_layers import Arrays
from .rewriting import as_norm

Range = tuple[float, float]
OWN_RANGE: Range = (-1.0, 1.0)
FRACTIONS: Range = (0.0, 1.0)
BYTES: Range = (0.0, 255.0)
CHANNEL_ORDERS = ("rgb", "bgr")
_LARGEST_FRACTION = 2.0  # means and deviations above it are those of bytes
_CLOSE = 1e-6
_MAX_NUMBERS = 4_096  # of a mean or deviation, before they are compared with the channels


class OptionError(LimitError):
    """An option of the user that does not fit the file."""


class InputLevels(NamedTuple):
    """What a user says about the pixels that the first layer of a file reads."""

    range: Range | None = None
    """The numbers of black and white."""
    mean: tuple[float, ...] | None = None
    """What is subtracted from these: one number, or one per channel."""
    std: tuple[float, ...] | None = None
    """What the difference is divided by."""
    channel_order: str | None = None
    """The order of the colours: "rgb" or "bgr"."""

    @classmethod
    def of(
        cls, range: object = None, mean: object = None, std: object = None, order: object = None
    ) -> InputLevels:
        """The checked values; LimitError names the one that is not allowed."""
        levels = None if range is None else _numbers("range", range, "two numbers, as in 0,1")
        if levels is not None and (len(levels) != 2 or not levels[0] < levels[1]):
            raise LimitError(f"range: got {shown(range)}, wanted black below white, as in 0,1")
        wanted = "one number, or one per channel"
        means = None if mean is None else _numbers("mean", mean, wanted)
        deviations = None if std is None else _numbers("std", std, wanted)
        if deviations is not None and min(deviations) <= 0:
            raise LimitError(f"std: got {shown(std)}, wanted numbers above 0")
        if order is not None and not (isinstance(order, str) and order in CHANNEL_ORDERS):
            raise LimitError(f"channel_order: got {shown(order)}, wanted rgb or bgr")
        return cls(None if levels is None else (levels[0], levels[1]), means, deviations,
                   None if order is None else str(order))  # fmt: skip

    def first_given(self) -> str | None:
        """The name of the first value that is given."""
        return next((name for name, value in self._asdict().items() if value is not None), None)


def _numbers(name: str, value: object, wanted: str) -> tuple[float, ...]:
    """One number or several, as floats; LimitError."""
    array = np.asarray(value, object).ravel()
    try:
        numbers = tuple(float(one) for one in array[:_MAX_NUMBERS])
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    is_text = isinstance(value, str | bytes)
    if is_text or not numbers or not all(isfinite(one) and abs(one) < 1e30 for one in numbers):
        raise LimitError(f"{name}: got {shown(value)}, wanted {wanted}")
    return numbers


class InputScale:
    """factor * x + shift in front of the first layer of a file: what the user and the file say.

    Parameters
    ----------
    shape : Shape
        The input of the net.
    levels : InputLevels
        What the user says.

    Raises
    ------
    OptionError
        If the user says something that the input does not have.
    """

    def __init__(self, shape: Shape, levels: InputLevels) -> None:
        self.shape, self._levels = shape, levels
        self.known_range: Range | None = None
        """The numbers of black and white that the file states."""
        self.is_bgr = levels.channel_order == "bgr"
        """Whether the first layer reads blue, green, red."""
        self.hint = ""
        """What to add to the advice if the file says nothing."""
        self.is_pictures = shape.height > 1 and shape.width > 1
        """Whether the inputs are pictures, whose pixels are scaled."""
        if levels.channel_order is not None and shape.channels != 3:
            raise OptionError(f"channel_order: got it for {shape}, wanted 3 channels")
        self._factor: Array = 1 / self._per_channel("std", levels.std, 1.0)
        self._shift: Array = -self._per_channel("mean", levels.mean, 0.0) * self._factor
        self._is_stated = False  # whether the file scales its inputs

    def refuse_levels(self, kind: str) -> None:
        """OptionError if the user says something about pixels, because the inputs are others."""
        name = self._levels.first_given()
        if name is not None:
            raise OptionError(f"{name}: the inputs are {kind}, no pictures; leave the option out")

    def add(self, factor: Array, shift: Array) -> None:
        """Apply a scale and a shift of the file, one number each or one per channel."""
        self._is_stated = True
        self._factor, self._shift = self._factor * factor, self._shift * factor + shift

    def _per_channel(self, name: str, numbers: tuple[float, ...] | None, default: float) -> Array:
        channels = self.shape.channels
        if numbers is None:
            return np.full(channels, default)
        if len(numbers) not in (1, channels):
            count = f"{len(numbers):,} numbers"
            raise OptionError(f"{name}: got {count}, wanted 1 or {channels:,}, one per channel")
        return np.broadcast_to(np.array(numbers, np.float64), channels)

    def applied(
        self, layers: list[Layer], arrays: list[Arrays]
    ) -> tuple[list[Layer], list[Arrays], str, list[str]]:
        """The layers behind this scale, the background of the preprocessor, and notes."""
        if not self.is_pictures:
            self.refuse_levels(f"values of the shape {self.shape}")
            return layers, arrays, "any", self._note_of_values()
        low, high = self._range()
        factor = self._factor * (high - low) / 2
        shift = self._factor * (high + low) / 2 + self._shift
        notes, background = self._notes((low, high)), "any"
        if abs(shift).max() < _CLOSE and abs(abs(factor.sum()) - len(factor)) < _CLOSE and (
            np.ptp(factor) < _CLOSE
        ):  # fmt: skip
            background = "any" if factor[0] > 0 else "light"
        else:
            numbers = as_norm(factor.astype("f4"), shift.astype("f4"), self.shape.channels)
            if not all(np.isfinite(one).all() for one in numbers.values()):
                raise ModelFileError("the scale of its inputs has numbers that are not finite")
            layers, arrays = [Norm(), *layers], [numbers, *arrays]
        if self.is_bgr:
            arrays = _reversed_channels(layers, arrays, self.shape)
            notes.append("inputs: the net reads blue, green, red; here it reads red, green, blue")
        return layers, arrays, background, notes

    def _range(self) -> Range:
        """Black and white as the user or the file says, or as the scale of the file tells.

        The mean that is subtracted, and the deviation that is divided by, are those of the pixels
        that the net was trained on: numbers above 2 are bytes, negative means belong to numbers
        from -1 to 1, and others to fractions.
        """
        if self._levels.range is not None:
            return self._levels.range
        if self.known_range is not None:
            return self.known_range
        mean, deviation = -self._shift / self._factor, 1 / abs(self._factor)
        is_said = self._is_stated or self._levels.first_given() in ("mean", "std")
        if not is_said or not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
            return OWN_RANGE
        if mean.min() < -_CLOSE:
            return OWN_RANGE
        return BYTES if max(mean.max(), deviation.max()) > _LARGEST_FRACTION else FRACTIONS

    def _notes(self, levels: Range) -> list[str]:
        """What was assumed about the inputs, and how to say otherwise."""
        if self._levels.range is not None:
            return []
        numbers = f"{levels[0]:g} to {levels[1]:g}"
        if self.known_range is not None:
            return [f"inputs: the file reads pixels as numbers from {numbers}"]
        advice = "import it again with `range` (0,1 or 0,255), `mean`, `std` or `channel_order`"
        if self._is_stated or self._levels.first_given() in ("mean", "std"):
            reads = f"inputs: from their scale, pixels are taken as numbers from {numbers}"
            return [f"{reads}; if that is wrong, {advice}"]
        return [
            f"inputs: the file does not say which numbers pixels are, so they are {numbers}; if "
            f"the net was trained on others, {advice}{self.hint}"
        ]

    def _note_of_values(self) -> list[str]:
        channels, height, width = self.shape
        side = isqrt(channels)
        if height * width > 1 or side * side != channels or side < 8:
            return []
        return [
            f"inputs: {channels:,} values without rows and columns; if they are pictures, import "
            f"it again with `input` 1x{side}x{side}"
        ]


def _reversed_channels(layers: list[Layer], arrays: list[Arrays], shape: Shape) -> list[Arrays]:
    """The arrays of a net that reads the channels in the other order; ModelFileError."""
    changed = list(arrays)
    for at, (layer, own) in enumerate(zip(layers, arrays, strict=True)):
        if isinstance(layer, Norm):
            changed[at] = {name: array[::-1].copy() for name, array in own.items()}
        elif isinstance(layer, Convolution | Full):
            weight = own["weight"]
            cells = weight.reshape(len(weight), shape.channels, -1)[:, ::-1]
            changed[at] = {**own, "weight": np.ascontiguousarray(cells).reshape(weight.shape)}
            return changed
    raise OptionError("channel_order: got bgr, but no layer of the file joins the channels")
