"""The engine's order of summation, implemented a second time in float32.

`test_engine_order` compares the engine with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np

from piecewise.core.array_types import Array
from piecewise.core.rng import DROPOUT, derive_key, uniform
from piecewise.engine.passes.winograd import uses_tiles
from piecewise.spec.architecture import Stage
from piecewise.spec.layer_base import Layer
from piecewise.spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu

from . import oracle_tiles
from .networks import window_starts
from .rounding import F, fma

LANES = 16


def tree(lanes: Array) -> Array:
    """(..., 16) -> (...): i + 8, i + 4, i + 2, i + 1."""
    for half in (8, 4, 2, 1):
        lanes = lanes[..., :half] + lanes[..., half : 2 * half]
    return lanes[..., 0]


class Group(NamedTuple):
    """The content of sixteen lanes: the number of images, and the seed of dropout."""

    size: int
    seed: int
    epoch: int
    pictures: Array

    @property
    def mask(self) -> Array:
        return np.arange(LANES) < self.size


Arrays = dict[str, Array]
Shard = dict[str, Array]
"""Gradients and statistics by full name."""


def axes(layer: Convolution | Pool, x: Array) -> list[tuple[list[int], int]]:
    """For rows and for columns: the starts of the windows, and their length."""
    result = []
    for axis in (0, 1):
        size = x.shape[1 + axis]
        if isinstance(layer, Convolution):
            window, stride = layer.kernel[axis], layer.stride[axis]
            padding: int | str = "same" if layer.padding == "same" else int(layer.padding[axis])
        else:
            window = size if isinstance(layer.window, str) else layer.window[axis]
            stride = (layer.stride or (0, 0))[axis] or window
            padding = "partial" if layer.edge == "partial" else 0
        result.append((window_starts(size, window, stride, padding), window))
    return result


def window_cells(
    layer: Convolution | Pool, x: Array
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """(i, j, ky, kx, r, s): cell (ky, kx) of window (i, j) lies on input cell (r, s)."""
    (rows, height), (columns, width) = axes(layer, x)
    for i, j, ky, kx in np.ndindex(len(rows), len(columns), height, width):
        r, s = rows[i] + ky, columns[j] + kx
        if 0 <= r < x.shape[1] and 0 <= s < x.shape[2]:
            yield i, j, ky, kx, r, s


def convolution(stage: Stage, x: Array, arrays: Arrays) -> Array:
    layer, weight = cast("Convolution", stage.layer), arrays["weight"]
    counts = [len(positions) for positions, _ in axes(layer, x)]
    if uses_tiles(stage):
        before = [-positions[0] for positions, _ in axes(layer, x)]
        y = oracle_tiles.convolve(weight, x, before, counts)
        return y + arrays["bias"][:, None, None, None] if layer.bias else y
    y = np.zeros((len(weight), *counts, LANES), F)
    if layer.bias:
        y += arrays["bias"][:, None, None, None]
    for c in range(len(x)):
        for i, j, ky, kx, r, s in window_cells(layer, x):
            y[:, i, j] = fma(weight[:, c, ky, kx, None], x[c, r, s], y[:, i, j])
    return y / F(weight[0].size) if layer.mean else y


def convolution_backward(
    stage: Stage, x: Array, arrays: Arrays, upstream: Array, after_it: Layer
) -> tuple[Array, Arrays]:
    """A norm after it subtracts the bias again."""
    layer = cast("Convolution", stage.layer)
    weight, dx = arrays["weight"], np.zeros_like(x)
    if layer.mean:
        upstream = upstream / F(weight[0].size)
    all_meetings = list(window_cells(layer, x))
    in_tiles = uses_tiles(stage, backward=True)
    if in_tiles:
        before = [2 + positions[0] for positions, _ in axes(layer, x)]
        turned = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
        dx = oracle_tiles.convolve(turned, upstream, before, x.shape[1:3])
    for f in range(0 if in_tiles else len(weight)):
        for i, j, ky, kx, r, s in sorted(all_meetings, key=lambda m: m[2:4]):
            dx[:, r, s] = fma(weight[f, :, ky, kx, None], upstream[f, i, j], dx[:, r, s])
    gradients = {"weight": weight_gradient(stage, x, weight, upstream)}
    if layer.bias:
        gradients["bias"] = tree(chain(upstream)) * F(not isinstance(after_it, Norm))
    return dx, gradients


def weight_gradient(stage: Stage, x: Array, weight: Array, upstream: Array) -> Array:
    layer = cast("Convolution", stage.layer)
    if uses_tiles(stage):
        before = [-positions[0] for positions, _ in axes(layer, x)]
        return oracle_tiles.weight_gradient(x, upstream, before)
    sums = np.zeros((*weight.shape, LANES), F)
    for i, j, ky, kx, r, s in window_cells(layer, x):
        sums[:, :, ky, kx] = fma(upstream[:, None, i, j], x[None, :, r, s], sums[:, :, ky, kx])
    return tree(sums)


def chain(upstream: Array) -> Array:
    """(C, H, W, 16) -> (C, 16): sums the cells of each map in sequence."""
    total = np.zeros((len(upstream), LANES), F)
    for i, j in np.ndindex(*upstream.shape[1:3]):
        total = total + upstream[:, i, j]
    return total


def lengths_of(stages: Any, x: Array) -> list[Array]:
    """The columns (16) before the padding, of each layer's input and of the last output."""
    width = x.shape[-2]
    lengths = np.full(LANES, width)
    if stages[0].layer.reads_tokens:
        filled = [np.flatnonzero(text) for text in x.T]
        lengths = np.array([positions[-1] + 1 if len(positions) else 1 for positions in filled])
    result = [lengths]
    for stage in stages:
        layer = stage.layer
        if isinstance(layer, Convolution | Pool):
            sizes = [np.zeros((1, stage.input.height, length)) for length in lengths.tolist()]
            lengths = np.array([max(1, len(axes(layer, size)[1][0])) for size in sizes])
        elif isinstance(layer, Full):
            lengths = np.ones(LANES, int)
        result.append(lengths)
    return result


def without_padding(x: Array, lengths: Array) -> Array:
    """(C, H, W, 16) with zeros in the padding."""
    return np.where(np.arange(x.shape[-2])[:, None] < lengths, x, F(0))


def pooling(layer: Pool, x: Array, lengths: Array) -> Array:
    results: dict[tuple[int, int], Array] = {}
    cells: dict[tuple[int, int], Array] = {}
    for i, j, _, _, r, s in window_cells(layer, x):
        if (i, j) not in results:
            results[i, j], cells[i, j] = x[:, r, s], np.ones(LANES, F)
            continue
        cells[i, j] = cells[i, j] + (s < lengths)
        previous, value = results[i, j], x[:, r, s]
        larger = np.where((value > previous) & (s < lengths), value, previous)
        results[i, j] = larger if layer.kind == "max" else previous + value
    y = np.zeros((len(x), *(len(positions) for positions, _ in axes(layer, x)), LANES), F)
    for position, value in results.items():
        y[:, position[0], position[1]] = (
            value if layer.kind == "max" else value / F(cells[position])
        )
    return y


def pooling_backward(layer: Pool, x: Array, y: Array, upstream: Array, lengths: Array) -> Array:
    dx, assigned = np.zeros_like(x), np.zeros(y.shape, bool)
    all_meetings = list(window_cells(layer, x))
    contributions: dict[tuple[int, ...], Array] = {}
    for i, j, ky, kx, r, s in all_meetings:
        if layer.kind == "max":  # the first of several equal values
            wins = (x[:, r, s] == y[:, i, j]) & ~assigned[:, i, j] & (s < lengths)
            assigned[:, i, j] |= wins
            contributions[i, j, ky, kx] = np.where(wins, upstream[:, i, j], F(0))
        else:
            cells = sum((m[:2] == (i, j)) & (m[5] < lengths) for m in all_meetings)
            contributions[i, j, ky, kx] = upstream[:, i, j] / np.maximum(cells, 1).astype(F)
    for i, j, ky, kx, r, s in sorted(all_meetings, key=lambda m: m[2:4]):
        dx[:, r, s] = dx[:, r, s] + contributions[i, j, ky, kx]
    return dx


def full(x: Array, arrays: Arrays) -> Array:
    values, y = x.reshape(-1, LANES), np.repeat(arrays["bias"][:, None], LANES, 1)
    for index, value in enumerate(values):
        y = fma(arrays["weight"][:, index, None], value, y)
    return y[:, None, None]


def full_backward(x: Array, arrays: Arrays, upstream: Array) -> tuple[Array, Array]:
    """The gradients of x and of the bias; the shard adds up the gradient of the weight."""
    dx = np.zeros((x.size // LANES, LANES), F)
    for neuron, error in enumerate(upstream[:, 0, 0]):
        dx = fma(arrays["weight"][neuron, :, None], error, dx)
    return dx.reshape(x.shape), tree(upstream[:, 0, 0])


def full_weight_gradient(x: Array, upstream: Array, group: Group, total: Array) -> Array:
    """The gradient of the weight, summed over the images of a shard in sequence."""
    errors, values = upstream[:, 0, 0], x.reshape(-1, LANES)
    for n in range(group.size):
        total = fma(errors[:, None, n], values[None, :, n], total)
    return total


def embed_backward(words: Array, upstream: Array, group: Group, total: Array) -> None:
    """Adds the gradient of each position to its word's row, text by text."""
    for n, position in np.ndindex(group.size, len(words)):
        if words[position, n]:
            total[words[position, n]] += upstream[:, 0, position, n]


class NormCache(NamedTuple):
    normal: Array
    scale: Array
    mean: Array
    variance: Array
    values: np.float32


def norm(x: Array, arrays: Arrays, group: Group | None, lengths: Array) -> tuple[Array, NormCache]:
    """Normalizes by the statistics of a group, or by the running statistics without one."""
    mean = shift = arrays["mean"]
    variance, difference, count = arrays["variance"], None, F(1)
    if group:
        columns, first = F(lengths[: group.size].sum()), -(-x.shape[1] // 32)
        count = F(x.shape[1]) * columns
        shift = tree(np.where(group.mask, chain(x[:, :first]), F(0))) / (F(first) * columns)
        centered = without_padding(x - shift[:, None, None, None], lengths)
        total = np.zeros((len(x), LANES), F)
        for i, j in np.ndindex(*x.shape[1:3]):
            total = fma(centered[:, i, j], centered[:, i, j], total)
        difference, square = (
            tree(np.where(group.mask, lanes, F(0))) / count for lanes in (chain(centered), total)
        )
        mean, variance = shift + difference, np.maximum(square - difference * difference, F(0))
    scale = F(1) / np.sqrt(variance + F(Norm.epsilon))
    broadcast = [
        array[:, None, None, None] for array in (shift, scale, arrays["weight"], arrays["bias"])
    ]
    normal = (x - broadcast[0]) * broadcast[1]
    if difference is not None:
        normal = fma(x - broadcast[0], broadcast[1], -(difference * scale)[:, None, None, None])
    return fma(normal, broadcast[2], broadcast[3]), NormCache(normal, scale, mean, variance, count)


def norm_backward(
    cells: list[tuple[int, int]], arrays: Arrays, upstream: Array, cache: NormCache, group: Group
) -> tuple[Array, Arrays]:
    """The gradients, with the cells added in this order."""
    scale, weight = (array[:, None, None, None] for array in (cache.scale, arrays["weight"]))
    total, plain = np.zeros((2, len(upstream), LANES), F)
    for i, j in cells:
        total = fma(upstream[:, i, j], cache.normal[:, i, j], total)
        plain = plain + upstream[:, i, j]
    gradients = {"weight": tree(total), "bias": tree(plain)}
    shift, stretch = (
        (gradients[name] / cache.values)[:, None, None, None] for name in ("bias", "weight")
    )
    dx = fma(cache.normal, -stretch, upstream - shift) * (weight * scale)
    return np.where(group.mask, dx, F(0)), gradients


def norm_order(stages: Any, number: int, x: Array) -> list[tuple[int, int]]:
    """The order in which batch norm, stage ``number``, adds the gradients of its cells: row by row,
    or window by window if the max pooling that follows is fused into it."""
    following = [s.layer for s in stages[number:] if not isinstance(s.layer, Relu)][:1]
    if not stages[0].layer.reads_tokens and following and isinstance(following[0], Pool):
        pool = following[0]
        (rows, height), (columns, width) = axes(pool, x)
        apart = all(
            window <= 4 and all(b - a == window for a, b in pairwise(starts))
            for starts, window in ((rows, height), (columns, width))
        )
        if pool.kind == "max" and apart:
            return [(r, s) for _, _, _, _, r, s in window_cells(pool, x)]
    return list(np.ndindex(*x.shape[1:3]))


def dropout_factors(layer: Dropout, stage: Stage, group: Group) -> Array:
    """(C, H, W, 16): the factors of dropout."""
    key = derive_key(group.seed, DROPOUT, group.epoch, group.pictures, stage.number)
    uniforms = uniform(key, stage.input.values)  # (16, values)
    mask = np.where(uniforms < layer.rate, F(0), F(1 / (1 - layer.rate)))
    return mask.T.reshape(*stage.input, LANES)


def forward(
    stages: Any, arrays: Arrays, x: Array, group: Group | None
) -> tuple[list[Array], list[Any]]:
    """The input of each layer followed by the logits, and the cache of each layer."""
    activations, caches = [x], list[Any]()
    all_lengths = lengths_of(stages, x)
    for stage, lengths, after in zip(stages, all_lengths, all_lengths[1:], strict=False):
        layer, layer_arrays, cache = stage.layer, arrays_of(stage, arrays), cast("Any", None)
        x = activations[-1]
        if isinstance(layer, Convolution):
            y = convolution(stage, x, layer_arrays)
        elif isinstance(layer, Pool):
            y = pooling(layer, x, lengths)
        elif isinstance(layer, Full):
            y = full(x, layer_arrays)
        elif isinstance(layer, Norm):
            y, cache = norm(x, layer_arrays, group, lengths)
        elif isinstance(layer, Embed):
            table = layer_arrays["weight"].copy()
            table[0] = 0
            y = table[x].transpose(2, 0, 1)[:, None]  # words (positions, 16)
        elif isinstance(layer, Dropout):
            cache = dropout_factors(layer, stage, group) if group else F(1)
            y = x * cache
        else:
            y = np.where(x < 0, F(0), x)
        activations.append(without_padding(y, after))
        caches.append(cache)
    return activations, caches


def arrays_of(stage: Stage, arrays: Arrays) -> Arrays:
    return {row.tensor.name: arrays[row.name] for row in stage.parameters + stage.running_stats}


def backward(
    stages: Any,
    arrays: Arrays,
    forward_result: tuple[list[Array], list[Any]],
    upstream: Array,
    group: Group,
    shard: Shard,
) -> None:
    """Adds the gradients and statistics of a group to its shard."""
    activations, caches = forward_result
    all_lengths = lengths_of(stages, activations[0])
    for stage, x, y, cache, lengths, after in reversed(
        list(zip(stages, activations, activations[1:], caches, all_lengths, all_lengths[1:],
                 strict=False))
    ):  # fmt: skip
        upstream = without_padding(upstream, after)
        layer, layer_arrays, gradients = stage.layer, arrays_of(stage, arrays), Arrays()
        if isinstance(layer, Convolution):
            after_it = stages[stage.number].layer
            upstream, gradients = convolution_backward(stage, x, layer_arrays, upstream, after_it)
        elif isinstance(layer, Pool):
            upstream = pooling_backward(layer, x, y, upstream, lengths)
        elif isinstance(layer, Full):
            name = f"{stage.name}.weight"
            shard[name] = full_weight_gradient(x, upstream, group, shard[name])
            upstream, gradients["bias"] = full_backward(x, layer_arrays, upstream)
        elif isinstance(layer, Norm):
            for name, observed in (("mean", cache.mean), ("variance", cache.variance)):
                shard[f"{stage.name}.{name}"] = shard[f"{stage.name}.{name}"] + observed * F(
                    group.size
                )
            cells = norm_order(stages, stage.number, x)
            upstream, gradients = norm_backward(cells, layer_arrays, upstream, cache, group)
        elif isinstance(layer, Embed):
            embed_backward(x, upstream, group, shard[f"{stage.name}.weight"])
        elif isinstance(layer, Dropout):
            upstream = upstream * cache
        else:
            upstream = np.where(y > 0, upstream, F(0))
        for name, array in gradients.items():
            shard[f"{stage.name}.{name}"] = shard[f"{stage.name}.{name}"] + array


def in_lanes(values: Array) -> Array:
    """Up to sixteen images (N, ...) -> (..., 16), padded with copies of the first."""
    filled = np.concatenate([values, np.repeat(values[:1], LANES - len(values), 0)])
    return np.moveaxis(filled, 0, -1)
