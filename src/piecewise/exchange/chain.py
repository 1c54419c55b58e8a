"""The chain of layers that an importer builds: what a foreign file says, as layers of piecewise.

A reader calls one method per layer of its file, in order. A layer that has no exact counterpart is
rewritten where that is possible (`notes` says so), or refused with its name and the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..core.array_types import Array, Float32
from ..core.constraints import MAX_LAYERS, MAX_PARAMETERS
from ..core.errors import LimitError, ModelFileError, NotationError, shown
from ..data.images.preprocessor import ImagePreprocessor
from ..data.preprocessing import Preprocessor
from ..data.text.preprocessor import TextPreprocessor
from ..spec.architecture import Architecture, input_shape
from ..spec.calibration import Calibration
from ..spec.layer_base import InputShapeError, Layer, Shape
from ..spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu
from ..spec.parameters import all_finite
from ..storage.model_file import SavedModel
from .rewriting import (
    Pads,
    as_norm,
    convolution_padding,
    dense_kernel,
    dilated_kernel,
    for_epsilon,
    is_own_epsilon,
    pool_edge,
    rows_for_channels_first,
)

CHANNELS_FIRST, CHANNELS_LAST = "channels first", "channels last"


class ChainBuilder:
    """Builds a `SavedModel` from the layers of a foreign file, one after another.

    Parameters
    ----------
    input : (int, int, int)
        Channels, rows and columns; for texts (1, tokens of the vocabulary, positions).
    order : {"channels first", "channels last"}
        The order in which the file flattens feature maps.

    Attributes
    ----------
    shape : Shape
        The output shape of the layers so far.
    notes : list of str
        How layers were rewritten, a sentence each.
    temperature : float
        What the logits are divided by before the softmax.
    """

    def __init__(self, input: Sequence[int], order: str = CHANNELS_FIRST) -> None:
        self.input = input_shape(input)
        self.shape: Shape = self.input
        self.notes: list[str] = []
        self._order = order
        self._layers: list[Layer] = []
        self._arrays: list[dict[str, Float32]] = []
        self._parameters = 0
        self._shifted = False  # whether the tokens of the file are one lower than ours
        self._scale: float | None = None  # a scale that no layer has taken yet
        self.temperature = 1.0
        self._end = ""  # the layer that made probabilities

    # One method per kind of layer. ``where`` names the layer of the file in errors.

    def convolution(
        self,
        where: str,
        weight: Array,
        bias: Array | None = None,
        stride: tuple[int, int] = (1, 1),
        pads: Pads = (0, 0, 0, 0),
        groups: int = 1,
        dilation: tuple[int, int] = (1, 1),
    ) -> None:
        """A convolution (cross-correlation): weight (O, C / groups, KH, KW), bias (O), ``pads``
        rows and columns of zeros: top, left, bottom, right."""
        self._check_groups(where, weight, groups)
        if groups > 1:
            self._allow(where, weight.shape[0] * self.shape.channels * weight[0, 0].size)
            weight = dense_kernel(weight, groups)
            self._note(where, f"its {groups} groups became one kernel with zeros between them")
        if dilation != (1, 1):
            sides = [1 + (k - 1) * d for k, d in zip(weight.shape[2:], dilation, strict=True)]
            self._allow(where, weight.shape[0] * weight.shape[1] * sides[0] * sides[1])
            weight = dilated_kernel(weight, dilation)
            self._note(where, "its dilated kernel became a larger one with zeros")
        padding, kernel = convolution_padding(self.shape, weight, stride, pads)
        if kernel.shape != weight.shape:
            self._note(where, "its uneven padding became rows or columns of zeros in its kernel")
        layer = Convolution(
            len(kernel),
            (kernel.shape[2], kernel.shape[3]),
            stride,
            padding,
            False,
            bias is not None,
        )
        self._add(where, layer, {"weight": kernel, "bias": bias})

    def fully_connected(self, where: str, weight: Array, bias: Array | None = None) -> None:
        """A fully connected layer on all values: weight (neurons, inputs), bias (neurons)."""
        if weight.ndim != 2 or weight.shape[1] != self.shape.values:
            raise self.refused(where, f"its weight, {weight.shape}, does not fit {self.shape}")
        if self._order == CHANNELS_LAST:
            weight = rows_for_channels_first(weight, self.shape)
        bias = np.zeros(len(weight), np.float32) if bias is None else bias
        self._add(where, Full(len(weight)), {"weight": weight, "bias": bias})

    def max_pool(
        self,
        where: str,
        window: tuple[int, int],
        stride: tuple[int, int],
        pads: Pads = (0, 0, 0, 0),
        partial: bool = False,
    ) -> None:
        """Max pooling; ``partial`` for windows past the edge (ceil mode)."""
        self._pool(where, "max", window, stride, pads, partial)

    def average_pool(
        self,
        where: str,
        window: tuple[int, int],
        stride: tuple[int, int],
        pads: Pads = (0, 0, 0, 0),
        partial: bool = False,
        counts_padding: bool = False,
    ) -> None:
        """Average pooling; with ``counts_padding``, windows divide by their full size."""
        if counts_padding and self._overhangs(window, stride, pads, partial):
            if partial:
                raise self.refused(where, "its averages count padding past the edge")
            channels = self.shape.channels
            self._allow(where, channels * channels * window[0] * window[1])
            mean = np.full((channels, 1, *window), 1 / (window[0] * window[1]), np.float32)
            self._note(where, "averages that count padding became a convolution")
            self.convolution(where, mean, None, stride, pads, channels)
            return
        self._pool(where, "average", window, stride, pads, partial)

    def global_pool(self, where: str, kind: str) -> None:
        """Pooling of whole maps; ``kind`` is max or average."""
        self._add(where, Pool("all", kind=kind))

    def relu(self, where: str) -> None:
        """ReLU."""
        self._add(where, Relu())

    def dropout(self, where: str, rate: float) -> None:
        """Dropout, which matters for training on only."""
        if rate > 0:
            self._add(where, Dropout(rate))

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
                raise self.refused(where, f"got {array.shape} numbers for {self.shape}")
        if not np.isfinite(variance).all() or variance.min() < 0 or epsilon < 0:
            raise self.refused(where, "its variance is negative or not finite")
        arrays = for_epsilon(weight, variance, epsilon)
        if not is_own_epsilon(epsilon):
            self._note(where, f"its epsilon {epsilon:g} went into its variance")
        self._add(where, Norm(), {**arrays, "bias": bias, "mean": mean})

    def scale(self, where: str, factor: Array | float, shift: Array | float = 0.0) -> None:
        """y = factor * x + shift, with one number for all channels or one per channel.

        The division of the deck's match belongs to the convolution before it, and a shift is the
        bias of a layer without one; a factor before the last softmax is a temperature; any other
        becomes a norm layer.
        """
        factor, shift = np.asarray(factor, np.float32), np.asarray(shift, np.float32)
        if factor.size == 1 and not shift.any():
            if self._is_match(float(factor.reshape(()))):
                return
            self._flush_scale()
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
            self._shifted = True
            self._note(where, "token t of the file is token t + 1 here, because 0 is padding")
        self.input = self.shape = input_shape((1, len(table), self.input.width))
        self._add(where, Embed(table.shape[1]), {"weight": table})

    def softmax(self, where: str) -> None:
        """The softmax at the end; a scale before it is a temperature."""
        if self._scale is not None:
            if not self._scale > 0:
                raise self.refused(where, f"a softmax of logits times {self._scale:g}")
            self.temperature, self._scale = 1 / self._scale, None
        self._end = where

    def sigmoid_end(self, where: str) -> None:
        """A sigmoid of one value at the end: two classes, of which the first has the logit 0."""
        self._flush_scale()
        last = self._layers[-1] if self._layers else None
        if not isinstance(last, Full) or last.neurons != 1:
            raise self.refused(where, "a sigmoid; piecewise has relu, and softmax at the end")
        arrays = self._arrays[-1]
        self._layers[-1] = Full(2)
        self._arrays[-1] = {name: np.concatenate([0 * one, one]) for name, one in arrays.items()}
        self.shape, self._end = Shape(2, 1, 1), where
        self._note(where, "a sigmoid of one number became a softmax of two classes")

    # Ending.

    def finish(
        self,
        classes: Iterable[str] | None = None,
        preprocessor: Preprocessor | None = None,
        source: str = "",
    ) -> SavedModel:
        """The model of all layers; ModelFileError if they do not make a network.

        Without ``classes``, they are numbered. ``source`` names the format in the training summary.
        """
        self._flush_scale()
        names = list(classes) if classes is not None else self.shape.values
        try:
            architecture = Architecture(self._layers, self.input, names)
        except (LimitError, NotationError) as error:
            raise ModelFileError(str(error)) from None
        tensors: dict[str, Float32] = {}
        for stage, arrays in zip(architecture.stages, self._arrays, strict=True):
            tensors |= {row.name: arrays[row.tensor.name] for row in stage.arrays}
        if preprocessor is None:
            preprocessor = default_preprocessor(architecture)
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

    def refused(self, where: str, why: str) -> ModelFileError:
        """The error for a layer that cannot be imported."""
        return ModelFileError(f"layer {shown(where, 80)}: {why}")

    @property
    def layers(self) -> tuple[tuple[Layer, dict[str, Float32]], ...]:
        """The layers so far, each with its arrays by their short names."""
        return tuple(zip(self._layers, self._arrays, strict=True))

    # Helpers.

    def _add(self, where: str, layer: Layer, arrays: dict[str, Array | None] | None = None) -> None:
        self._flush_scale()
        if self._end:
            raise self.refused(where, f"it comes after {self._end}, which makes probabilities")
        if len(self._layers) == MAX_LAYERS:
            raise self.refused(where, f"more than {MAX_LAYERS:,} layers")
        try:
            wanted = layer.parameters(self.shape) + layer.running_stats(self.shape)
            output = layer.output(self.shape)
        except (InputShapeError, LimitError) as error:
            raise self.refused(where, str(error)) from None
        given = {name: array for name, array in (arrays or {}).items() if array is not None}
        own = {}
        for tensor in wanted:
            array = given.pop(tensor.name, None)
            if array is None or array.shape != tensor.shape:
                got = "none" if array is None else array.shape
                raise self.refused(
                    where, f"its {tensor.name}: got {got}, wanted {tensor.shape} for {self.shape}"
                )
            own[tensor.name] = np.ascontiguousarray(array, np.float32)
            if not all_finite(own[tensor.name]):
                raise self.refused(where, f"its {tensor.name} has values that are not finite")
        self._allow(where, sum(array.size for array in own.values()), is_used=True)
        self._layers.append(layer)
        self._arrays.append(own)
        self.shape = output

    def _pool(
        self,
        where: str,
        kind: str,
        window: tuple[int, int],
        stride: tuple[int, int],
        pads: Pads,
        partial: bool,
    ) -> None:
        edge = pool_edge(self.shape, window, stride, pads, partial)
        if edge is None:
            raise self.refused(
                where, f"its padding {pads}: piecewise pools the cells of the map, without padding"
            )
        self._add(where, Pool(window, stride, kind, edge))

    def _overhangs(
        self, window: tuple[int, int], stride: tuple[int, int], pads: Pads, partial: bool
    ) -> bool:
        """Whether any window extends past the edge."""
        return pool_edge(self.shape, window, stride, pads, partial) != "drop"

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
            self._allow(where, last.features, is_used=True)
        elif not isinstance(last, Full) or self._arrays[-1]["bias"].any():
            return False
        self._arrays[-1]["bias"] = np.full(self.shape.channels, shift.reshape(-1), np.float32)
        return True

    def _flush_scale(self) -> None:
        """Make a norm layer of a scale that no other layer has taken."""
        if self._scale is not None:
            factor, self._scale = self._scale, None
            if factor != 1:
                self._norm_of(
                    self._scale_at, np.array(factor, np.float32), np.zeros((), np.float32)
                )

    def _norm_of(self, where: str, factor: Array, shift: Array) -> None:
        channels = self.shape.channels
        if any(one.size not in (1, channels) for one in (factor, shift)):
            raise self.refused(where, f"a scale of {factor.size} numbers for {self.shape}")
        self._note(where, "a scale and a shift became a norm layer")
        self._add(where, Norm(), dict(as_norm(factor, shift, channels)))

    def _check_groups(self, where: str, weight: Array, groups: int) -> None:
        fits = weight.ndim == 4 and groups >= 1 and weight.shape[1] * groups == self.shape.channels
        if not fits or weight.shape[0] % groups:
            raise self.refused(
                where, f"its weight, {weight.shape}, in {groups} groups does not fit {self.shape}"
            )

    def _allow(self, where: str, count: int, *, is_used: bool = False) -> None:
        """Refuse more parameters than a network may have, before they are allocated."""
        if self._parameters + count > MAX_PARAMETERS:
            raise self.refused(where, f"more than {MAX_PARAMETERS:,} parameters")
        self._parameters += count if is_used else 0

    def _note(self, where: str, sentence: str) -> None:
        self.notes.append(f"{where}: {sentence}")


def default_preprocessor(architecture: Architecture) -> Preprocessor:
    """The preprocessor of an imported network whose file does not say how inputs are prepared."""
    if not architecture.reads_texts:
        return ImagePreprocessor(architecture.input)
    # The words are not known: each token has a name of its own.
    _, height, width = architecture.input
    words = tuple(f"token{number}" for number in range(height - 2))
    return TextPreprocessor("words", words, width)
