"""The chain of piecewise layers that an importer builds from the layers of a foreign file.

A reader calls one method per layer of its file, in order. A layer that has no exact counterpart is
rewritten where that is possible (`notes` says so), or refused with its name and the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..core.array_types import Array
from ..core.errors import ModelFileError
from ..data.preprocessing import Preprocessor
from ..spec.architecture import input_shape
from ..spec.calibration import Calibration
from ..spec.layer_base import Layer, Shape
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Relu
from ..spec.parameters import all_finite
from ..storage.model_file import SavedModel
from .checked_layers import NO_ARRAYS, ONE_VALUE, assembled, default_preprocessor
from .input_scale import InputLevels, InputScale
from .rewriting import (
    as_norm,
    for_epsilon,
    is_own_epsilon,
    rows_for_channels_first,
)
from .window_layers import WindowLayers

CHANNELS_FIRST, CHANNELS_LAST = "channels first", "channels last"


class ChainBuilder(WindowLayers):
    """Builds a `SavedModel` from the layers of a foreign file, one after another.

    Parameters
    ----------
    input : (int, int, int)
        Channels, rows and columns; for texts (1, tokens of the vocabulary, positions).
    order : {"channels first", "channels last"}
        The order in which the file flattens feature maps.

    levels : InputLevels, optional
        What the user says about the pixels that the first layer reads. Without it, the inputs of
        the network are those of the file, as they are.

    Attributes
    ----------
    inputs : InputScale or None
        How pixels become the numbers that the first layer reads.
    temperature : float
        What the logits are divided by before the softmax.
    """

    def __init__(
        self,
        input: Sequence[int],
        order: str = CHANNELS_FIRST,
        levels: InputLevels | None = None,
    ) -> None:
        super().__init__(input)
        self._order = order
        self._scale: float | None = None  # a scale that no layer has taken yet
        self.inputs = None if levels is None else InputScale(self.input, levels)
        self.temperature = 1.0
        self._end = ""  # the layer that made probabilities

    # One method per kind of layer. ``where`` names the layer of the file in errors.

    def fully_connected(self, where: str, weight: Array, bias: Array | None = None) -> None:
        """A fully connected layer on all values: weight (neurons, inputs), bias (neurons)."""
        if weight.ndim != 2 or weight.shape[1] != self.shape.values:
            raise self.refused(
                where,
                f"its weight has the shape {weight.shape}, wanted {self.shape.values:,} inputs "
                f"for {self.shape}",
            )
        if self._order == CHANNELS_LAST:
            weight = rows_for_channels_first(weight, self.shape)
        bias = np.zeros(len(weight), np.float32) if bias is None else bias
        self.append(where, Full(len(weight)), {"weight": weight, "bias": bias})

    def relu(self, where: str) -> None:
        """ReLU."""
        self.append(where, Relu())

    def dropout(self, where: str, rate: float) -> None:
        """Dropout, which matters for training on only."""
        if rate > 0:
            self.append(where, Dropout(rate))

    def batch_norm(
        self,
        where: str,
        weight: Array,
        bias: Array,
        mean: Array,
        variance: Array,
        epsilon: float = Norm.epsilon,
    ) -> None:
        """Batch normalization at inference; each array has one number per channel."""
        for array in (weight, bias, mean, variance):
            if array.shape != (self.shape.channels,):
                raise self.refused(
                    where,
                    f"its numbers have the shape {array.shape}, wanted "
                    f"({self.shape.channels},), one per channel",
                )
        if not np.isfinite(variance).all() or variance.min() < 0 or epsilon < 0:
            raise self.refused(where, "its variance is negative or not finite")
        arrays = for_epsilon(weight, variance, epsilon)
        if not is_own_epsilon(epsilon):
            self.note(where, f"its epsilon {epsilon:g} went into its variance")
        self.append(where, Norm(), {**arrays, "bias": bias, "mean": mean})

    def scale(self, where: str, factor: Array | float, shift: Array | float = 0.0) -> None:
        """y = factor * x + shift, with one number for all channels or one per channel.

        The division of the deck's match belongs to the convolution before it, and a shift is the
        bias of a layer without one; a factor before the last softmax is a temperature; any other
        becomes a norm layer.
        """
        numbers = np.asarray(factor, np.float64), np.asarray(shift, np.float64)
        if any(one.size not in (1, self.shape.channels) for one in numbers):
            raise self.refused(
                where,
                f"it scales by {numbers[0].size:,} numbers, wanted 1 or "
                f"{self.shape.channels:,}, one per channel",
            )
        if self.inputs is not None and self.inputs.is_pictures and not self._layers:
            self.inputs.add(*(one.reshape(-1) for one in numbers))
            return
        factor, shift = (one.astype(np.float32) for one in numbers)
        if factor.size == 1 and not shift.any():
            if self._is_match(float(factor.reshape(()))):
                return
            self.flush()
            self._scale, self._scale_at = float(factor.reshape(())), where
            return
        if (factor == 1).all() and self._is_bias(where, shift):
            return
        self._norm_of(where, factor, shift)

    def embedding(self, where: str, table: Array, padded: bool = False) -> None:
        """An embedding: table (tokens, channels).

        Unless ``padded`` (the file treats token 0 as piecewise does), token t of the file is token
        t + 1 of the network, because 0 is padding here.
        """
        if self._layers:
            raise self.refused(where, "an embedding can only be the first layer")
        if not padded:
            table = np.concatenate([np.zeros((1, table.shape[1]), np.float32), table])
            self.note(where, "token t of the file is token t + 1 here, because 0 is padding")
        self.input = self.shape = input_shape((1, len(table), self.input.width))
        self.append(where, Embed(table.shape[1]), {"weight": table})

    def softmax(self, where: str) -> None:
        """The softmax at the end; a scale before it is a temperature."""
        if self._scale is not None:
            if not self._scale > 0:
                raise self.refused(
                    where, f"its logits are multiplied by {self._scale:g}, wanted a number above 0"
                )
            self.temperature, self._scale = 1 / self._scale, None
        self._end = where

    def sigmoid_end(self, where: str) -> None:
        """A sigmoid of one value at the end: two classes, of which the first has the logit 0."""
        self.flush()
        last = self._layers[-1] if self._layers else None
        if not isinstance(last, Full) or last.neurons != 1:
            raise self.refused(
                where, "it is a sigmoid; piecewise has relu, and softmax or one sigmoid at the end"
            )
        arrays = self._arrays[-1]
        self._layers[-1] = Full(2)
        self._arrays[-1] = {name: np.concatenate([0 * one, one]) for name, one in arrays.items()}
        self.shape, self._end = Shape(2, 1, 1), where
        self.note(where, "a sigmoid of one number became a softmax of two classes")

    # Ending.

    def check_end(self, is_flat: bool) -> None:
        """Refuse a net that ends with maps; ``is_flat`` says that the file flattens them."""
        channels, height, width = self.shape
        if not is_flat and height * width > 1:
            raise ModelFileError(
                f"it ends with maps of {self.shape}, with {channels:,} values at each of "
                f"{height * width:,} positions; {ONE_VALUE}"
            )

    def finish(
        self,
        classes: Iterable[str] | None = None,
        preprocessor: Preprocessor | None = None,
        source: str = "",
    ) -> SavedModel:
        """The model of all layers; ModelFileError if they do not make a network.

        Without ``classes``, they are numbered. ``source`` names the format in the training summary.
        """
        self.flush()
        layers, arrays, background = self._layers, self._arrays, "any"
        if self.inputs is not None and self.reads_tokens:
            self.inputs.refuse_levels("texts")
        elif self.inputs is not None:
            layers, arrays, background, notes = self.inputs.applied(layers, arrays)
            self.notes += notes
        names = self.shape.values if classes is None else list(classes)
        architecture, tensors = assembled(layers, arrays, self.input, names)
        preprocessor = preprocessor or default_preprocessor(architecture, background)
        summary = {"imported": {"format": source, "notes": self.notes}}
        calibration = Calibration(temperature=self.temperature)
        return SavedModel(
            architecture,
            0,
            preprocessor,
            tensors,
            calibration=calibration,
            training_summary=summary,
        )

    def append(
        self, where: str, layer: Layer, arrays: Mapping[str, Array | None] = NO_ARRAYS
    ) -> None:
        if self._end:
            raise self.refused(where, f"it comes after {self._end}, which makes probabilities")
        super().append(where, layer, arrays)

    def flush(self) -> None:
        """Make a norm layer of a scale that no other layer has taken."""
        if self._scale is not None:
            factor, self._scale = self._scale, None
            if factor != 1:
                self._norm_of(
                    self._scale_at, np.array(factor, np.float32), np.zeros((), np.float32)
                )

    # Helpers.

    def _is_match(self, factor: float) -> bool:
        """Whether a factor is the deck's division by the number of products; if so, take it."""
        last = self._layers[-1] if self._layers else None
        if not isinstance(last, Convolution) or last.bias or last.mean or self._scale is not None:
            return False
        products = self._arrays[-1]["weight"][0].size
        if np.float32(factor) != np.float32(1) / np.float32(products):
            return False
        self._layers[-1] = Convolution(
            last.features, last.kernel, last.stride, last.padding, True, False
        )
        return True

    def _is_bias(self, where: str, shift: Array) -> bool:
        """Whether a shift is the bias of a layer before it that has none; if so, take it."""
        last = self._layers[-1] if self._layers and self._scale is None and not self._end else None
        if shift.size not in (1, self.shape.channels) or not all_finite(shift):
            return False
        if isinstance(last, Convolution) and not last.bias and not last.mean:
            self._layers[-1] = replace(last, bias=True)
            self.allow(where, last.features, is_used=True)
        elif not isinstance(last, Full) or self._arrays[-1]["bias"].any():
            return False
        self._arrays[-1]["bias"] = np.full(self.shape.channels, shift.reshape(-1), np.float32)
        return True

    def _norm_of(self, where: str, factor: Array, shift: Array) -> None:
        self.note(where, "a scale and a shift became a norm layer")
        self.append(where, Norm(), dict(as_norm(factor, shift, self.shape.channels)))
