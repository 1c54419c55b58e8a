"""Saliency maps: occlusion, gradient x input and Grad-CAM.

- *Occlusion* (Zeiler and Fergus, 2014): the decrease of the logit when a patch of the input is
  covered.
- *Gradient x input* (Shrikumar et al., 2016): the gradient of the logit, times the input.
- *Grad-CAM* (Selvaraju et al., 2017): feature maps, weighted by the mean gradient of the logit. It
  shows where features occur, not whether this location matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, fsum, sqrt
from typing import Any

import numpy as np

from ...core.array_types import Array, Float32
from ...core.constraints import is_integer
from ...core.errors import LimitError, shown
from ...core.ghost_batch import GROUP_SIZE
from ...core.plain_values import PlainRecord
from ...data.text.preprocessor import UNKNOWN, TextPreprocessor
from ...inputs import layer_inputs
from ...network import Network
from ...spec.class_numbers import class_number
from ...spec.layer_base import PADDING, Connectivity
from ...trace.backprop import LOGIT
from .receptive_field import centres

OCCLUSION, GRADIENT, GRAD_CAM = "occlusion", "gradient x input", "Grad-CAM"
FRACTION = 7
"""The side of a cover is a seventh of the geometric mean of the input's sides; covers overlap by
half."""
LETTERS = 3
"""Letters covered at a time; words are covered one by one."""
MOST_COVERS = 1 << 16
"""Covers of one input, at most."""
_VALUES = 1 << 22  # values of covered inputs per batch


@dataclass(frozen=True)
class Attribution(PlainRecord):
    """A saliency map: how much each cell of an input contributes to the score of a class."""

    method: str
    """One of "occlusion", "gradient x input" and "Grad-CAM"."""
    label: int
    """Class number."""
    values: Float32
    """(rows, columns) of the input, or (1, positions) of a text; values above zero are evidence for
    the class, below zero against it."""
    unit: str
    """Either "logit", or "strength" for values without a unit."""
    description: str = ""
    """The method and its parameters in words."""


def attributions(net: Network, example: Array, label: int | str | None = None) -> list[Attribution]:
    """Compute saliency maps of one input by all methods that fit the net.

    Occlusion (Zeiler and Fergus, 2014), gradient x input (Shrikumar et al., 2016) and, for nets
    with feature maps, Grad-CAM (Selvaraju et al., 2017).

    Parameters
    ----------
    net, example, label
        See `explain`.

    Returns
    -------
    list of Attribution

    Raises
    ------
    DataError
        If the example does not fit the net.
    LimitError
        If there is no such class.

    References
    ----------
    M. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
    A. Shrikumar et al., "Not Just a Black Box: Learning Important Features Through Propagating
    Activation Differences", 2016.
    R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", ICCV 2017.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(1, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> [one.method for one in pw.attributions(net, xo.inputs[0])]
    ['occlusion', 'gradient x input', 'Grad-CAM']
    """
    label = _label(net, example, label)
    maps = [occlusion(net, example, label), gradient_times_input(net, example, label)]
    if _maps(net):
        maps.append(grad_cam(net, example, label))
    return maps


def occlusion(
    net: Network, example: Array, label: int | str | None = None, side: int | None = None
) -> Attribution:
    """The decrease of a class's logit when patches of an input are covered.

    ``example``: (C, H, W), bytes or float32, or words (positions). ``label``: the predicted class
    by default. Squares of ``side`` cells (see `FRACTION`), half a side apart, are covered with the
    background of drawings, with silence, or with a photo's mean colour. In texts, ``side`` words
    (1) or letters (`LETTERS`) are replaced by the unknown word; unknown words and padding
    therefore have no effect. The value of a cell is the mean decrease over all covers that contain
    it. LimitError if ``side`` is outside the input, or needs more than `MOST_COVERS`.
    """
    label = _label(net, example, label)
    if _is_text(net, example):
        return _words_occluded(net, np.asarray(example), label, side)
    x = layer_inputs(net, np.asarray(example)[None])[0]
    _, height, width = x.shape
    side = _checked_side(side, ceil(sqrt(height * width) / FRACTION), max(height, width))
    high, wide = min(side, height), min(side, width)
    tops, lefts = _starts(height, high), _starts(width, wide)
    _check_count(len(tops) * len(lefts), side)
    spans = [(slice(top, top + high), slice(left, left + wide)) for top in tops for left in lefts]
    cover, name = _cover(net, x)
    decreases = _decreases(net, x, label, spans, cover)
    description = f"{high}x{wide} cells at a time covered with {name}"
    return Attribution(
        OCCLUSION, label, _means(decreases, spans, (height, width)), "logit", description
    )


def _words_occluded(net: Network, words: Array, label: int, side: int | None) -> Attribution:
    preprocessor, count = net.preprocessor, len(words)
    units = preprocessor.units if isinstance(preprocessor, TextPreprocessor) else "words"
    side = _checked_side(side, min(count, LETTERS if units == "letters" else 1), count)
    unknown = min(UNKNOWN, net.input[1] - 1)
    starts = range(count) if side == 1 else _starts(count, side)
    spans = [slice(start, start + side) for start in starts]
    spans = [span for span in spans if (words[span] != PADDING).any()]
    _check_count(len(spans), side)
    decreases = _decreases(net, words, label, spans, np.where(words == PADDING, PADDING, unknown))
    values = _means(decreases, [(slice(0, 1), span) for span in spans], (1, count))
    values[0, words == PADDING] = 0
    description = (
        f"{side} {units if side > 1 else units[:-1]} at a time replaced by the unknown word"
    )
    return Attribution(OCCLUSION, label, values, "logit", description)


def gradient_times_input(
    net: Network, example: Array, label: int | str | None = None
) -> Attribution:
    """The gradient of a class's logit with respect to the input, times the input.

    Channels are summed. Of texts, the values are those of the embedding. Arguments as of
    `occlusion`.
    """
    label = _label(net, example, label)
    walk = net.walk(example)
    name = net.architecture.stages[0].name if net.architecture.reads_texts else "input"
    stack = walk[name].astype(np.float64)
    products = walk.backprop(label, LOGIT).errors[name].astype(np.float64) * stack
    # In a column of a one-hot text all but one are zero: their sum is exact in any order.
    planes = products.sum(axis=1, keepdims=True) if _is_text(net, example) else products
    values = np.add.accumulate(planes, axis=0)[-1]
    description = "the gradient of the logit with respect to each input value, times the value"
    return Attribution(GRADIENT, label, values.astype(np.float32), "logit", description)


def grad_cam(
    net: Network, example: Array, label: int | str | None = None, layer: str | None = None
) -> Attribution:
    """Grad-CAM: the sum of a layer's feature maps, weighted by their mean gradient, after a ReLU.

    It is resized to the input: each input cell has the value whose receptive field has the nearest
    centre. ``layer``: the name of a layer; by default the last convolution with its norm and ReLU,
    or the last layer with rows and columns. LimitError if there is none. The other arguments as of
    `occlusion`.
    """
    label = _label(net, example, label)
    maps = _maps(net)
    layer = _default(net) if layer is None else layer
    if layer not in maps:
        if not maps:
            raise LimitError(
                "Grad-CAM: got a net whose layers have no rows and columns, wanted one with a "
                "convolution, say; take occlusion or gradient x input"
            )
        raise LimitError(f"layer: got {shown(layer)}, wanted one of {', '.join(maps)}")
    walk = net.walk(example)
    stack = walk[layer].astype(np.float64)
    gradients = walk.backprop(label, LOGIT).errors[layer]
    weights = [fsum(plane) / len(plane) for plane in gradients.reshape(len(gradients), -1).tolist()]
    strength = np.zeros(stack.shape[1:])
    for weight, plane in zip(weights, stack, strict=True):
        strength += weight * plane
    is_text = _is_text(net, example)
    values = _resized(net, layer, np.maximum(strength, 0), is_text)
    if is_text:
        values[0, np.asarray(example) == PADDING] = 0
    description = f"the feature maps of {layer}, weighted by the mean gradient of the logit"
    return Attribution(GRAD_CAM, label, values, "strength", description)


def _resized(net: Network, layer: str, strength: Array, is_text: bool) -> Float32:
    """Resize a map (rows, columns) of a layer to the input; to (1, positions) for texts."""
    picked = [
        np.abs(np.arange(size)[:, None] - np.array(centres(net.architecture, layer, axis))).argmin(
            1
        )
        for axis, size in enumerate(net.input[1:])
    ]
    if is_text:  # the rows of a one-hot text are words, one in each column
        strength, picked[0] = strength.max(axis=0)[None], np.zeros(1, np.int64)
    resized: Float32 = strength[np.ix_(*picked)].astype(np.float32)
    return resized


def _maps(net: Network) -> list[str]:
    """The layers that have rows or columns."""
    stages = net.architecture.stages
    return [stage.name for stage in stages if stage.output.height * stage.output.width > 1]


def _default(net: Network) -> str | None:
    maps, stages = _maps(net), net.architecture.stages
    numbers = [stage.number - 1 for stage in stages if stage.convolutional and stage.name in maps]
    if not numbers:
        return maps[-1] if maps else None
    last = numbers[-1]
    for stage in stages[last + 1 :]:
        if stage.layer.connectivity is not Connectivity.POINTWISE:
            break
        last += 1
    return stages[last].name


def _is_text(net: Network, example: Array) -> bool:
    """Whether the example consists of word numbers; a net without embed reads them one-hot."""
    return np.ndim(example) == 1 and (
        net.architecture.reads_texts or isinstance(net.preprocessor, TextPreprocessor)
    )


def _label(net: Network, example: Array, label: int | str | None) -> int:
    """A checked class number; the predicted one by default."""
    if label is None:
        return int(net.logits(np.asarray(example)[None])[0].argmax())
    return class_number(net.classes, label)


def _checked_side(side: int | None, chosen: int, most: int) -> int:
    side = chosen if side is None else side
    if not is_integer(side) or not 1 <= side <= most:
        raise LimitError(f"side: got {shown(side)}, wanted a whole number from 1 to {most}")
    return int(side)


def _check_count(count: int, side: int) -> None:
    if count > MOST_COVERS:
        raise LimitError(
            f"side: got {side}, which makes {count:,} covers, wanted at most {MOST_COVERS:,}; "
            "take a larger side"
        )


def _starts(size: int, side: int) -> list[int]:
    """Start of each cover along an axis: half a side apart, the last one at the end."""
    last = size - side
    return [*range(0, last, max(1, side // 2)), last]


def _cover(net: Network, x: Float32) -> tuple[Float32, str]:
    """The values that cover an input, in its shape, and their name."""
    if net.preprocessor.background != "any":  # -1 for dark and light: see `Preprocessor.to_float`
        name = "silence" if net.preprocessor.kind == "sounds" else "the background"
        return np.full_like(x, -1), name
    means = [fsum(plane) / len(plane) for plane in x.reshape(len(x), -1).tolist()]
    colours = np.array(means, np.float32)[:, None, None]
    return np.broadcast_to(colours, x.shape), "its mean colour"


def _decreases(net: Network, x: Array, label: int, spans: list[Any], cover: Array) -> list[float]:
    """The decrease of the logit under each cover. ``spans``: cells of the last axes."""
    if not spans:
        return []
    before = float(net.logits(x[None])[0, label])
    decreases: list[float] = []
    for some in _blocks(
        spans, max(GROUP_SIZE, _VALUES // max(1, x.size) // GROUP_SIZE * GROUP_SIZE)
    ):
        covered = np.repeat(x[None], len(some), axis=0)
        for one, span in zip(covered, some, strict=True):
            where = (..., *span) if isinstance(span, tuple) else (..., span)
            one[where] = cover[where]
        decreases += [before - after for after in net.logits(covered)[:, label].tolist()]
    return decreases


def _blocks(spans: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(spans), size):
        yield spans[start : start + size]


def _means(
    decreases: list[float], spans: list[tuple[slice, slice]], shape: tuple[int, int]
) -> Float32:
    """The mean decrease of each cell, summed in the order of the covers."""
    sums, counts = np.zeros(shape), np.zeros(shape, np.int64)
    for decrease, span in zip(decreases, spans, strict=True):
        sums[span] += decrease
        counts[span] += 1
    return (sums / np.maximum(counts, 1)).astype(np.float32)
