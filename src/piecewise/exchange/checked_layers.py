"""Layers of a foreign file, each checked against the one before when it is added."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..core.array_types import Array, Float32
from ..core.constraints import MAX_LAYERS, MAX_PARAMETERS
from ..core.errors import LimitError, ModelFileError, NotationError, shown
from ..data.images.preprocessor import ImagePreprocessor
from ..data.preprocessing import Preprocessor
from ..data.text.preprocessor import TextPreprocessor
from ..spec.architecture import Architecture, input_shape
from ..spec.layer_base import InputShapeError, Layer, Shape
from ..spec.parameters import all_finite

Arrays = dict[str, Float32]
"""The arrays of one layer by their short names: weight, bias, mean, variance."""
NO_ARRAYS: Mapping[str, Array | None] = {}


ONE_VALUE = (
    "piecewise needs one value per class, so end the net with a global pooling or a fully "
    "connected layer"
)
WANTED_INPUT = "give channels, rows and columns with `input`"


class CheckedLayers:
    """Layers with their arrays, the first of which reads an input of this shape.

    Attributes
    ----------
    input : Shape
    shape : Shape
        The output shape of the layers so far.
    notes : list of str
        How layers were rewritten, a sentence each.
    """

    def __init__(self, input: Sequence[int]) -> None:
        self.input = file_shape(input)
        self.shape: Shape = self.input
        self.notes: list[str] = []
        self._layers: list[Layer] = []
        self._arrays: list[Arrays] = []
        self._parameters = 0

    @property
    def layers(self) -> tuple[tuple[Layer, Arrays], ...]:
        """The layers so far, each with its arrays."""
        return tuple(zip(self._layers, self._arrays, strict=True))

    @property
    def reads_tokens(self) -> bool:
        """Whether the inputs are texts."""
        return bool(self._layers) and self._layers[0].reads_tokens

    def flush(self) -> None:
        """Add what waits for a layer after it."""

    def append(
        self, where: str, layer: Layer, arrays: Mapping[str, Array | None] = NO_ARRAYS
    ) -> None:
        """Add a layer; ModelFileError, which names it, if it or its arrays do not fit."""
        self.flush()
        if len(self._layers) == MAX_LAYERS:
            raise self.refused(where, f"with it, the net has more than {MAX_LAYERS:,} layers")
        try:
            wanted = layer.parameters(self.shape) + layer.running_stats(self.shape)
            output = layer.output(self.shape)
        except (InputShapeError, LimitError) as error:
            raise self.refused(where, str(error)) from None
        own = {}
        for tensor in wanted:
            array = arrays.get(tensor.name)
            if array is None or array.shape != tensor.shape:
                got = "none" if array is None else array.shape
                raise self.refused(
                    where, f"its {tensor.name}: got {got}, wanted {tensor.shape} for {self.shape}"
                )
            own[tensor.name] = np.ascontiguousarray(array, np.float32)
            if not all_finite(own[tensor.name]):
                raise self.refused(where, f"its {tensor.name} has values that are not finite")
        self.allow(where, sum(array.size for array in own.values()), is_used=True)
        self._layers.append(layer)
        self._arrays.append(own)
        self.shape = output

    def allow(self, where: str, count: int, *, is_used: bool = False) -> None:
        """Refuse more parameters than a network may have, before they are allocated."""
        if self._parameters + count > MAX_PARAMETERS:
            raise self.refused(
                where, f"with it, the net has more than {MAX_PARAMETERS:,} parameters"
            )
        self._parameters += count if is_used else 0

    def note(self, where: str, sentence: str) -> None:
        """Add a note about a layer."""
        self.notes.append(f"{where}: {sentence}")

    def refused(self, where: str, why: str) -> ModelFileError:
        """The error for a layer that cannot be imported."""
        return ModelFileError(f"layer {shown(where, 80)}: {why}")


def file_shape(input: Sequence[int]) -> Shape:
    """The input shape that a file or a user states; ModelFileError if it is not allowed."""
    try:
        return input_shape(input)
    except LimitError as error:
        sentence = str(error).removeprefix("input: ")
        raise ModelFileError(f"the shape of its input, {shown(tuple(input))}: {sentence}") from None


def assembled(
    layers: Sequence[Layer], arrays: Sequence[Arrays], input: Shape, classes: int | Iterable[str]
) -> tuple[Architecture, dict[str, Float32]]:
    """The architecture of some layers and their arrays by full names; ModelFileError if they do
    not make a network."""
    try:
        architecture = Architecture(layers, input, classes)
    except (LimitError, NotationError) as error:
        raise ModelFileError(re.sub("^(classes|input): ", r"its \1: ", str(error))) from None
    tensors: dict[str, Float32] = {}
    for stage, own in zip(architecture.stages, arrays, strict=True):
        tensors |= {row.name: own[row.tensor.name] for row in stage.arrays}
    return architecture, tensors


def default_preprocessor(architecture: Architecture, background: str = "any") -> Preprocessor:
    """The preprocessor of an imported network whose file does not say how inputs are prepared."""
    if not architecture.reads_texts:
        return ImagePreprocessor(architecture.input, background)
    # The words are not known: each token has a name of its own.
    _, height, width = architecture.input
    words = tuple(f"token{number}" for number in range(height - 2))
    return TextPreprocessor("words", words, width)
