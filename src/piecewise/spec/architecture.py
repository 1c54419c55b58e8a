"""The architecture of a network: layers, shapes of activations and the table of parameters.

Shapes are inferred and all limits checked before any array is allocated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import numpy as np

from ..core.constraints import (
    MAX_AXIS,
    MAX_CLASS_NAME,
    MAX_CLASSES,
    MAX_LAYERS,
    MAX_PARAMETERS,
    MAX_VALUES,
    Integer,
    checked,
    is_integer,
)
from ..core.errors import LimitError, ShapeError, shown
from .layer_base import (
    Connectivity,
    InputShapeError,
    Layer,
    Shape,
    Tensor,
    per_class_field,
    too_many_values,
)
from .notation import PositionedLayer, parse_with_positions, write_layer, write_with_positions


class ArrayEntry(NamedTuple):
    """One row of the parameter table: an array's name, its offset in the flat buffer, its shape and
    its initialization."""

    name: str
    offset: int
    tensor: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.tensor.shape

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Stage:
    """A layer of an architecture: its number, name, input and output shapes and arrays."""

    number: int
    name: str
    layer: Layer
    input: Shape
    output: Shape
    parameters: tuple[ArrayEntry, ...]
    running_stats: tuple[ArrayEntry, ...]

    @property
    def arrays(self) -> tuple[ArrayEntry, ...]:
        """Its parameters and running statistics."""
        return self.parameters + self.running_stats

    @property
    def multiplications(self) -> int:
        """Products of a weight and a value, for one example."""
        return self.layer.multiplications(self.input)

    @property
    def convolutional(self) -> bool:
        """Whether it slides learned kernels over its input: windowed, and with parameters."""
        return self.layer.connectivity is Connectivity.WINDOWED and bool(self.parameters)


class Architecture:
    """Layers that fit each other, an input shape and classes.

    Parameters
    ----------
    layers : str or iterable of Layer
        A text in the notation, or layer records.
    input : (int, int, int)
        Channels, rows, columns.
    classes : int or iterable of str
        The number of classes, or their names.

    Raises
    ------
    NotationError
        If the text is invalid.
    ShapeError
        If the layers do not fit each other, the input or the classes.
    LimitError
        If a size is not allowed.
    """

    def __init__(
        self,
        layers: str | Iterable[Layer],
        input: Sequence[int],
        classes: int | Iterable[str],
    ) -> None:
        self.classes = class_names(classes)
        self.input = input_shape(input)
        self._text, positioned = _positioned(layers)
        positioned = _with_neurons(positioned, len(self.classes))
        self.layers = tuple(layer for layer, _ in positioned)
        self.notation = write_with_positions(_without_neurons(self.layers, len(self.classes)))[0]
        self.stages = self._stages(positioned)
        self.parameters = tuple(row for stage in self.stages for row in stage.parameters)
        self.running_stats = tuple(row for stage in self.stages for row in stage.running_stats)

    @property
    def parameter_count(self) -> int:
        return sum(row.size for row in self.parameters)

    @property
    def output(self) -> Shape:
        return self.stages[-1].output

    @property
    def multiplications(self) -> int:
        """Products of a weight and a value, for one example and one forward pass."""
        return sum(stage.multiplications for stage in self.stages)

    @property
    def reads_texts(self) -> bool:
        """Whether inputs are token numbers (N, positions) instead of images (N, C, H, W)."""
        return self.layers[0].reads_tokens

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        own = (self.layers, self.input, self.classes)
        return own == (other.layers, other.input, other.classes)

    def __hash__(self) -> int:
        return hash((self.layers, self.input, self.classes))

    def _stages(self, positioned: list[PositionedLayer]) -> tuple[Stage, ...]:
        stages: list[Stage] = []
        shape, used, stats_used = self.input, 0, 0
        counts: dict[str, int] = {}
        for number, (layer, position) in enumerate(positioned, 1):
            try:
                output = layer.output(shape)
                _refuse_tokens_after_others(layer, number)
                tensors, running_stats = layer.parameters(shape), layer.running_stats(shape)
            except InputShapeError as error:
                raise self._error(str(error), number, layer, position) from None
            counts[layer.word] = counts.get(layer.word, 0) + 1
            name = f"{layer.word}{counts[layer.word]}"
            rows, used = _rows(name, tensors, used)
            stats_rows, stats_used = _rows(name, running_stats, stats_used)
            stage = Stage(number, name, layer, shape, output, rows, stats_rows)
            self._refuse_too_large(stage, used, position)
            stages.append(stage)
            shape = output
        self._refuse_wrong_end(stages[-1], positioned[-1].position)
        return tuple(stages)

    def _refuse_too_large(self, stage: Stage, used: int, position: int) -> None:
        if used > MAX_PARAMETERS:
            raise self._error(
                f"this layer has {sum(row.size for row in stage.parameters):,} parameters on an "
                f"input of {stage.input}, which raises the total to {used:,}; the limit is "
                f"{MAX_PARAMETERS:,}; pool more before it, or take fewer features or neurons",
                stage.number, stage.layer, position,
            )  # fmt: skip
        if too_many_values(stage.output):
            raise self._error(
                f"its output, {stage.output}, has {stage.output.values:,} values, wanted at most "
                f"{MAX_VALUES:,}; take fewer features or a smaller input",
                stage.number, stage.layer, position,
            )  # fmt: skip

    def _refuse_wrong_end(self, last: Stage, position: int) -> None:
        if last.output.values != len(self.classes):
            raise self._error(
                f"the network ends with {last.output.values:,} values ({last.output}), wanted "
                f"{len(self.classes):,}, one per class; end it with full",
                last.number, last.layer, position,
            )  # fmt: skip

    def _error(self, message: str, number: int, layer: Layer, position: int) -> ShapeError:
        return ShapeError(
            f"layers, position {position}: layer {number} ({write_layer(layer)}): {message}",
            text=self._text,
            position=position,
            layer=number,
        )


def class_names(classes: int | Iterable[str]) -> tuple[str, ...]:
    """The names of the classes; for a number, "0", "1", ..."""
    if is_integer(classes):
        count: int = checked("classes", Integer(1, MAX_CLASSES), classes)
        return tuple(str(number) for number in range(count))
    unordered = isinstance(classes, str | Set | Mapping)
    if unordered or not isinstance(classes, Iterable):
        raise LimitError(f"classes: got {shown(classes)}, wanted a number or a list of names")
    names = tuple(str(name) if isinstance(name, str) else _refuse_name(name) for name in classes)
    if not 1 <= len(names) <= MAX_CLASSES:
        raise LimitError(f"classes: got {len(names):,} names, wanted 1 to {MAX_CLASSES:,}")
    for name in names:
        if len(name) > MAX_CLASS_NAME or not _is_text(name):
            raise LimitError(
                f"classes: got the name {shown(name)}, wanted at most {MAX_CLASS_NAME:,} "
                "characters, all of them Unicode"
            )
    if len(set(names)) < len(names):
        repeated = Counter(names).most_common(1)[0][0]
        raise LimitError(f"classes: got {shown(repeated)} more than once, wanted different names")
    return names


def _is_text(name: str) -> bool:
    """Whether UTF-8 can encode it; file names may hold invalid bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_name(name: object) -> str:
    raise LimitError(f"classes: got {shown(name)} among the names, wanted texts")


def class_stage(architecture: Architecture) -> int:
    """The index of the last stage with an output per class, after which nothing mixes classes;
    LimitError if the architecture does not end with such a fully connected layer."""
    for index in range(len(architecture.stages) - 1, -1, -1):
        layer = architecture.stages[index].layer
        if layer.fully_connected:
            return index
        if layer.connectivity is not Connectivity.POINTWISE:
            break
    raise LimitError(
        f"layers: got '{architecture.notation}', wanted full as the last layer, which is replaced "
        "for other classes"
    )


def input_shape(input: Sequence[int]) -> Shape:
    """(channels, rows, columns), checked."""
    axis = Integer(1, MAX_AXIS)
    wanted = "(channels, rows, columns) such as (1, 28, 28)"
    sides = input.tolist() if isinstance(input, np.ndarray) else input
    if isinstance(sides, str) or not isinstance(sides, Sequence) or len(sides) != 3:
        raise LimitError(f"input: got {shown(input)}, wanted {wanted}")
    try:
        shape = Shape(*(axis.check(side) for side in sides))  # type: ignore[arg-type]
    except LimitError as error:
        raise LimitError(f"input: {error} on each axis of {wanted}") from None
    if too_many_values(shape):
        raise LimitError(
            f"input: got {shape}, {shape.values:,} values, wanted at most {MAX_VALUES:,}"
        )
    return shape


def _positioned(layers: str | Iterable[Layer]) -> tuple[str, list[PositionedLayer]]:
    """A text and its layers with their positions; the text of records is written first."""
    if isinstance(layers, str) or not isinstance(layers, Iterable):
        return layers, parse_with_positions(layers)
    records = []
    for record in layers:  # counted one by one, because an iterator may be endless
        if not isinstance(record, Layer):
            raise LimitError(f"layers: got {shown(record)} among the records, wanted layers")
        records.append(record)
        if len(records) > MAX_LAYERS:
            raise LimitError(f"layers: got more than {MAX_LAYERS:,}; wanted fewer")
    return write_with_positions(records)


def _with_neurons(positioned: list[PositionedLayer], classes: int) -> list[PositionedLayer]:
    """The layers, with one neuron per class in the last full layer if it has no number."""
    layers = _repositioned([layer for layer, _ in positioned], None, classes)
    return [
        PositionedLayer(layer, one.position) for layer, one in zip(layers, positioned, strict=True)
    ]


def _without_neurons(layers: tuple[Layer, ...], classes: int) -> list[Layer]:
    """The layers without the number of neurons of the last full layer if it is one per class."""
    return _repositioned(layers, classes, None)


def _repositioned(layers: Sequence[Layer], old: int | None, new: int | None) -> list[Layer]:
    """The layers, with ``new`` for ``old`` in the `per_class_field` of the last that has one."""
    repositioned = list(layers)
    for index in range(len(repositioned) - 1, -1, -1):
        layer = repositioned[index]
        name = per_class_field(type(layer))
        if name is not None:
            if getattr(layer, name) == old:
                repositioned[index] = replace(layer, **{name: new})  # type: ignore[type-var]
            break
    return repositioned


def _rows(
    stage: str, tensors: tuple[Tensor, ...], offset: int
) -> tuple[tuple[ArrayEntry, ...], int]:
    """Table rows for the arrays of a stage, from an offset, and the next offset."""
    rows = []
    for tensor in tensors:
        row = ArrayEntry(f"{stage}.{tensor.name}", offset, tensor)
        rows.append(row)
        offset += row.size
    return tuple(rows), offset


def _refuse_tokens_after_others(layer: Layer, number: int) -> None:
    if layer.reads_tokens and number > 1:
        raise InputShapeError(
            f"{layer.word} reads the words themselves, so it can only be the first layer"
        )
