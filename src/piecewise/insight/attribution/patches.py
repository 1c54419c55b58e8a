"""Top patches: the patches of examples that activate a feature most and least.

The extreme activations of all examples are computed in batches, by a net of the first layers. Only
the selected examples are walked through, to find the position.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.array_types import Array, Float32
from ...core.constraints import Integer, checked, is_integer
from ...core.errors import DataError, LimitError, did_you_mean, shown
from ...core.ghost_batch import GROUP_SIZE
from ...core.plain_values import PlainRecord
from ...data.audio.decoding import Sound
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.dataset import Dataset
from ...data.sources.discovery import RawDataset, discover
from ...inputs import check_inputs
from ...network import Network
from ...spec.architecture import Stage
from ...spec.layer_base import Layer
from ...spec.layers import Convolution, Pool
from ...trace.arithmetic import Position
from .coordinates import input_coordinates
from .receptive_field import ReceptiveField, receptive_field

MOST_EXAMPLES = 20_000
"""Examples that are searched; more are subsampled evenly."""
_SHOWN = Integer(1, 1_000)
_VALUES = 1 << 24  # input values per batch


@dataclass(frozen=True)
class PatchMatch(PlainRecord):
    """A patch of an example, and how much it activates a feature."""

    index: int
    """The number of the example."""
    name: str
    """Its name."""
    position: Position
    """Layer, feature, row and column of the activation."""
    value: float
    """The activation."""
    field: ReceptiveField
    """Receptive field of the activation, in cells of the input."""
    description: str
    """The receptive field in words."""
    patch: Array
    """The input values in the receptive field."""


@dataclass(frozen=True)
class TopPatches(PlainRecord):
    """The patches that activate a feature most and least; at most one per example."""

    layer: str
    """The layer of the feature."""
    feature: int
    """The number of the feature."""
    best: tuple[PatchMatch, ...]
    """The largest activations, largest first."""
    worst: tuple[PatchMatch, ...]
    """The smallest activations, smallest first."""
    n_searched: int
    """Number of examples that were searched."""
    n_examples: int
    """Number of examples that were passed."""


def top_patches(
    net: Network,
    inputs: Array,
    layer: str,
    feature: int,
    most: int = 9,
    names: Sequence[str] = (),
    raw: Callable[[int], Any] | None = None,
) -> TopPatches:
    """Find the patches of examples that activate a feature most and least.

    Of equal activations, the first example counts. After a ReLU the smallest activations are all
    zero; for the worst matches, use the layer before it.

    Parameters
    ----------
    net : Network
        The net.
    inputs : array (N, channels, height, width) or (N, positions)
        Preprocessed examples. Of more than 20,000, every n-th is searched.
    layer : str
        Name of the layer, such as "conv1".
    feature : int
        Channel of the layer's output, from 0.
    most : int, default 9
        Number of patches on each side, at most 1,000.
    names : sequence of str, optional
        One name per example; its index by default.
    raw : callable, optional
        Returns the original of an example by its index. With it, descriptions give the seconds of
        the recording, and unknown words as they were written.

    Returns
    -------
    TopPatches

    Raises
    ------
    DataError, LimitError
        If the examples do not fit the net, or the layer or the feature does not exist.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(20, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> top = pw.top_patches(net, xo.inputs, "conv1", 0, most=3)
    >>> len(top.best), top.best[0].patch.shape
    (3, (1, 3, 3))
    """
    stage = _stage(net, layer, feature)
    count, first = int(checked("most", _SHOWN, most)), check_inputs(net, inputs[:1])
    if len(names) not in (0, len(inputs)):
        got = f"{len(names)} names for {len(inputs)} examples"
        raise DataError(f"top_patches: got {got}, wanted one each")
    chosen = np.arange(min(len(inputs), MOST_EXAMPLES)) * len(inputs)
    chosen //= max(1, len(chosen))
    probe = _probe(net, stage, int(feature))
    step = max(GROUP_SIZE, _VALUES // first[0].size // GROUP_SIZE * GROUP_SIZE)
    blocks = [
        probe.logits(inputs[chosen[start : start + step]]) for start in range(0, len(chosen), step)
    ]
    search = _PatchSearch(net, inputs, stage.name, int(feature), names, raw)
    best, worst = (
        tuple(
            search.match(index, sign)
            for index in chosen[np.argsort(-extremes, kind="stable")[:count]].tolist()
        )
        for sign, extremes in zip((1, -1), np.concatenate(blocks).T, strict=True)
    )
    return TopPatches(stage.name, int(feature), best, worst, len(chosen), len(inputs))


def _stage(net: Network, layer: str, feature: int) -> Stage:
    stages = {stage.name: stage for stage in net.architecture.stages}
    stage = stages.get(layer)
    if stage is None:
        guess = did_you_mean(str(layer), stages)
        raise LimitError(f"layer: got {shown(layer)}, wanted one of {', '.join(stages)}{guess}")
    last = stage.output.channels - 1
    if not is_integer(feature) or not 0 <= feature <= last:
        wanted = f"a whole number from 0 to {last}"
        raise LimitError(f"feature: got {shown(feature)}, wanted {wanted}")
    return stage


def map_maxima(net: Network, examples: Array, layer: str) -> Float32:
    """The largest value of every feature map of a layer for every example (N, channels)."""
    stage = _stage(net, layer, 0)
    return _first_layers(net, stage, (Pool("all"),), stage.output.channels).logits(examples)


def _probe(net: Network, stage: Stage, feature: int) -> Network:
    """A net whose logits are the maximum and the negative minimum of a feature map: the layers up
    to this one, a 1x1 convolution with the weights 1 and -1, and global max pooling. Nothing is
    rounded, because the weights of all other maps are 0."""
    probe = _first_layers(net, stage, (Convolution(2, (1, 1), bias=False), Pool("all")), 2)
    signs = np.zeros((2, stage.output.channels, 1, 1), np.float32)
    signs[:, feature, 0, 0] = 1, -1
    probe.parameters[list(probe.parameters)[-1]] = signs
    return probe


def _first_layers(net: Network, stage: Stage, ends: tuple[Layer, ...], outputs: int) -> Network:
    """A net of the layers up to ``stage`` with their parameters, and of other layers after it."""
    layers = (*net.layers[: stage.number], *ends)
    first = Network(layers, net.input, outputs, 0, net.preprocessor)
    for own, arrays in (
        (first.parameters, net.parameters),
        (first.running_stats, net.running_stats),
    ):
        for name in own:
            if name in arrays and _before(net, name, stage):
                own[name] = arrays[name]
    return first


def _before(net: Network, name: str, stage: Stage) -> bool:
    """Whether an array, by its name, belongs to ``stage`` or an earlier one."""
    layer = name.rpartition(".")[0]
    return any(one.name == layer for one in net.architecture.stages[: stage.number])


@dataclass(frozen=True)
class _PatchSearch:
    """The arguments of `top_patches`."""

    net: Network
    pictures: Array
    layer: str
    feature: int
    names: Sequence[str]
    raw: Callable[[int], Any] | None

    def match(self, index: int, sign: int) -> PatchMatch:
        """The patch where an example's feature map is largest (smallest if ``sign`` is -1)."""
        net, example = self.net, self.pictures[index]
        example = example if example.ndim == 1 else example.reshape(net.input)
        walk = net.walk(example)
        plane = walk[self.layer][self.feature, :, : walk.length(self.layer)]
        row, column = (int(at) for at in np.unravel_index((sign * plane).argmax(), plane.shape))
        field = receptive_field(net.architecture, self.layer, row, column)
        text = example if example.ndim == 1 else None
        where = input_coordinates(net.preprocessor, text, self.raw and self.raw(index))
        return PatchMatch(
            index,
            str(self.names[index]) if len(self.names) else str(index),
            Position(self.layer, self.feature, row, column),
            float(plane[row, column]),
            field,
            where.describe_field(field),
            np.array(field.cut(example)),
        )


def excerpt(
    sound: Sound, preprocessor: AudioPreprocessor, field: ReceptiveField, seconds: float = 0.5
) -> Sound:
    """The seconds of a recording around the centre of a receptive field, moved inside the recording
    near its ends; all of a shorter recording."""
    if not seconds > 0:
        raise LimitError(f"seconds: got {shown(seconds)}, wanted more than 0")
    # The middle step is centred on its sample of the recording.
    middle = preprocessor.first_step(sound) + (field.left + field.right - 1) / 2
    centre = middle * preprocessor.hop / preprocessor.rate * sound.rate
    count = min(len(sound.samples), max(1, round(seconds * sound.rate)))
    start = min(max(0, round(centre - count / 2)), len(sound.samples) - count)
    return Sound(sound.samples[start : start + count], sound.rate)


def wav_bytes(sound: Sound) -> bytes:
    """A sound as a 16-bit mono WAV file; `read_sound` returns the same samples."""
    steps = np.rint(sound.samples.astype(np.float64) * 32_768)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(sound.rate)
        written.writeframes(np.clip(steps, -32_768, 32_767).astype("<i2").tobytes())
    return file.getvalue()


class Originals:
    """The examples of a data set before preprocessing, read again by their names."""

    def __init__(self, data: Dataset, path: Path) -> None:
        """``path``: where ``data`` was read from. DataError if ``data`` has no names."""
        if len(data.names) != len(data):
            raise DataError(
                f"{path}: got a data set whose examples have no names, wanted one that was read "
                "from there"
            )
        self._names = data.names
        self._raw: RawDataset = discover(path)
        self._path = path
        self._index = {name: index for index, name in enumerate(self._raw.names)}

    def __getitem__(self, index: int) -> Any:
        """An image (rows, columns, channels), a `Sound` or a text, by its index in the data set.
        DataError if it no longer exists or cannot be read."""
        original = self._index.get(self._names[index])
        if original is None:
            raise DataError(
                f"{self._path}: holds no {self._names[index]}, which the data set was made of; "
                "read the data set again"
            )
        return self._raw.examples[original]
