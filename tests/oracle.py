"""The engine's order of every sum, and its exp and log, written out a second time in float32;
`test_engine_order` holds the engine against it."""

from __future__ import annotations

from collections.abc import Iterator
from math import factorial
from typing import Any, NamedTuple, cast

import numpy as np

from piecewise.core.array_types import Array
from piecewise.core.rng import DROPOUT, derive_key, uniform
from piecewise.spec.architecture import Stage
from piecewise.spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool

from .networks import starts

LANES = 16
F = np.float32


def fma(a: Any, b: Any, c: Any) -> Array:
    """a * b + c of float32, rounded once: the product is exact in float64, their sum is rounded to
    odd there, and so the rounding to float32 is the only one."""
    product = np.asarray(a, np.float64) * np.asarray(b, np.float64)
    c = np.asarray(c, np.float64)
    total = np.asarray(product + c)
    part = total - product
    rest = (product - (total - part)) + (c - part)
    bits = total.view(np.int64)
    away = np.where((rest > 0) == (total > 0), 1, -1)
    odd = np.where((rest != 0) & (bits & 1 == 0), bits + away, bits)
    return odd.view(np.float64).astype(F)


def tree(lanes: Array) -> Array:
    """(..., 16) -> (...): i + 8, i + 4, i + 2, i + 1."""
    for half in (8, 4, 2, 1):
        lanes = lanes[..., :half] + lanes[..., half : 2 * half]
    return lanes[..., 0]


class Group(NamedTuple):
    """What sixteen lanes hold: how many of them a picture, and what dropout draws from."""

    there_are: int
    seed: int
    epoch: int
    pictures: Array

    @property
    def there(self) -> Array:
        return np.arange(LANES) < self.there_are


Own = dict[str, Array]
Shard = dict[str, Array]
"""Gradients and statistics by full name."""


def axes(layer: Convolution | Pool, x: Array) -> list[tuple[list[int], int]]:
    """For rows and for columns: where windows start, and how long they are."""
    found = []
    for axis in (0, 1):
        size = x.shape[1 + axis]
        if isinstance(layer, Convolution):
            window, stride = layer.kernel[axis], layer.stride[axis]
            padding: int | str = "same" if layer.padding == "same" else int(layer.padding[axis])
        else:
            window = size if isinstance(layer.window, str) else layer.window[axis]
            stride = (layer.stride or (0, 0))[axis] or window
            padding = "partial" if layer.edge == "partial" else 0
        found.append((starts(size, window, stride, padding), window))
    return found


def meetings(layer: Convolution | Pool, x: Array) -> Iterator[tuple[int, int, int, int, int, int]]:
    """(i, j, ky, kx, r, s): window (i, j) has cell (r, s) under its own cell (ky, kx)."""
    (rows, high), (columns, wide) = axes(layer, x)
    for i, j, ky, kx in np.ndindex(len(rows), len(columns), high, wide):
        r, s = rows[i] + ky, columns[j] + kx
        if 0 <= r < x.shape[1] and 0 <= s < x.shape[2]:
            yield i, j, ky, kx, r, s


def convolved(layer: Convolution, x: Array, own: Own) -> Array:
    weight = own["weight"]
    counts = [len(positions) for positions, _ in axes(layer, x)]
    y = np.zeros((len(weight), *counts, LANES), F)
    if layer.bias:
        y += own["bias"][:, None, None, None]
    for c in range(len(x)):
        for i, j, ky, kx, r, s in meetings(layer, x):
            y[:, i, j] = fma(weight[:, c, ky, kx, None], x[c, r, s], y[:, i, j])
    return y / F(weight[0].size) if layer.mean else y


def convolved_back(layer: Convolution, x: Array, own: Own, up: Array) -> tuple[Array, Own]:
    weight, dx = own["weight"], np.zeros_like(x)
    if layer.mean:
        up = up / F(weight[0].size)
    every = list(meetings(layer, x))
    for f in range(len(weight)):
        for i, j, ky, kx, r, s in sorted(every, key=lambda m: m[2:4]):
            dx[:, r, s] = fma(weight[f, :, ky, kx, None], up[f, i, j], dx[:, r, s])
    sums = np.zeros((*weight.shape, LANES), F)
    for i, j, ky, kx, r, s in every:
        sums[:, :, ky, kx] = fma(up[:, None, i, j], x[None, :, r, s], sums[:, :, ky, kx])
    found = {"weight": tree(sums)}
    return dx, found | ({"bias": tree(chain(up))} if layer.bias else {})


def chain(up: Array) -> Array:
    """(C, H, W, 16) -> (C, 16): a map's cells one after the other."""
    total = np.zeros((len(up), LANES), F)
    for i, j in np.ndindex(*up.shape[1:3]):
        total = total + up[:, i, j]
    return total


def pooled(layer: Pool, x: Array) -> Array:
    best: dict[tuple[int, int], Array] = {}
    cells: dict[tuple[int, int], int] = {}
    for i, j, _, _, r, s in meetings(layer, x):
        if (i, j) not in best:
            best[i, j], cells[i, j] = x[:, r, s], 1
            continue
        cells[i, j] += 1
        before, value = best[i, j], x[:, r, s]
        larger = np.where(value > before, value, before)
        best[i, j] = larger if layer.kind == "max" else before + value
    y = np.zeros((len(x), *(len(positions) for positions, _ in axes(layer, x)), LANES), F)
    for place, value in best.items():
        y[:, place[0], place[1]] = value if layer.kind == "max" else value / F(cells[place])
    return y


def pooled_back(layer: Pool, x: Array, y: Array, up: Array) -> Array:
    dx, taken = np.zeros_like(x), np.zeros(y.shape, bool)
    every = list(meetings(layer, x))
    given: dict[tuple[int, ...], Array] = {}
    for i, j, ky, kx, r, s in every:
        if layer.kind == "max":  # the first of equals
            wins = (x[:, r, s] == y[:, i, j]) & ~taken[:, i, j]
            taken[:, i, j] |= wins
            given[i, j, ky, kx] = np.where(wins, up[:, i, j], F(0))
        else:
            cells = sum(m[:2] == (i, j) for m in every)
            given[i, j, ky, kx] = up[:, i, j] / F(cells)
    for i, j, ky, kx, r, s in sorted(every, key=lambda m: m[2:4]):
        dx[:, r, s] = dx[:, r, s] + given[i, j, ky, kx]
    return dx


def voted(x: Array, own: Own) -> Array:
    values, y = x.reshape(-1, LANES), np.repeat(own["bias"][:, None], LANES, 1)
    for index, value in enumerate(values):
        y = fma(own["weight"][:, index, None], value, y)
    return y[:, None, None]


def voted_back(x: Array, own: Own, up: Array) -> tuple[Array, Array]:
    """The gradients of x and of the bias; the weight's is a matter of the shard."""
    dx = np.zeros((x.size // LANES, LANES), F)
    for neuron, upstream in enumerate(up[:, 0, 0]):
        dx = fma(own["weight"][neuron, :, None], upstream, dx)
    return dx.reshape(x.shape), tree(up[:, 0, 0])


def voted_weight(x: Array, up: Array, group: Group, total: Array) -> Array:
    """The gradient of the weight: the pictures of a shard, one after the other."""
    errors, values = up[:, 0, 0], x.reshape(-1, LANES)
    for n in range(group.there_are):
        total = fma(errors[:, None, n], values[None, :, n], total)
    return total


def looked_up_back(words: Array, up: Array, group: Group, total: Array) -> None:
    """Words (positions, 16): picture by picture, each position to its word's row."""
    for n, position in np.ndindex(group.there_are, len(words)):
        total[words[position, n]] += up[:, 0, position, n]


class Kept(NamedTuple):
    mean: Array
    normal: Array
    scale: Array
    variance: Array
    values: np.float32


def normalized(x: Array, own: Own, group: Group | None) -> tuple[Array, Kept]:
    """With a group: by its statistics; without: by the running averages."""
    mean, variance, off, count = own["mean"], own["variance"], None, F(1)
    if group:
        count = F(group.there_are * x[0].size // LANES)
        mean = tree(np.where(group.there, chain(x), F(0))) / count
        away, total = x - mean[:, None, None, None], np.zeros((len(x), LANES), F)
        for i, j in np.ndindex(*x.shape[1:3]):
            total = fma(away[:, i, j], away[:, i, j], total)
        variance = tree(np.where(group.there, total, F(0))) / count
        off = tree(np.where(group.there, chain(away), F(0))) / count
    scale = F(1) / np.sqrt(variance + F(Norm.epsilon))
    wide = [array[:, None, None, None] for array in (mean, scale, own["weight"], own["bias"])]
    normal = (x - wide[0]) * wide[1]
    if off is not None:
        normal = fma(x - wide[0], wide[1], -(off * scale)[:, None, None, None])
    return fma(normal, wide[2], wide[3]), Kept(mean, normal, scale, variance, count)


def normalized_back(x: Array, own: Own, up: Array, kept: Kept, group: Group) -> tuple[Array, Own]:
    scale, weight = (array[:, None, None, None] for array in (kept.scale, own["weight"]))
    normal, total = kept.normal, np.zeros((len(x), LANES), F)
    for i, j in np.ndindex(*x.shape[1:3]):
        total = fma(up[:, i, j], normal[:, i, j], total)
    found = {"weight": tree(total), "bias": tree(chain(up))}
    shift, stretch = (
        (found[name] / kept.values)[:, None, None, None] for name in ("bias", "weight")
    )
    dx = fma(normal, -stretch, up - shift) * (weight * scale)
    return np.where(group.there, dx, F(0)), found


def factors(layer: Dropout, stage: Stage, group: Group) -> Array:
    """(C, H, W, 16): what dropout multiplies with."""
    key = derive_key(group.seed, DROPOUT, group.epoch, group.pictures, stage.number)
    drawn = uniform(key, stage.input.values)  # (16, values)
    kept = np.where(drawn < layer.rate, F(0), F(1 / (1 - layer.rate)))
    return kept.T.reshape(*stage.input, LANES)


def exp(x: Array) -> Array:
    """2**k times the Taylor series of the rest."""
    x = np.where(x < -104, F(-104), x)
    k = x * F(1.4426950408889634) + F(1.5 * 2**23) - F(1.5 * 2**23)
    rest = fma(k, F(2.12194440054690583e-4), fma(k, F(-0.693359375), x))
    series = np.full_like(x, 1 / factorial(7))
    for n in range(6, -1, -1):
        series = fma(series, rest, F(1 / factorial(n)))
    whole = k.astype(np.int32)  # in two steps, because 2**k may be too small to be exact
    for part in (whole // 2, whole - whole // 2):
        series = series * np.ldexp(F(1), part)
    return series


def log(x: Array) -> Array:
    """Of 2**power times a mantissa from sqrt(1/2) to sqrt(2)."""
    power = (x.view(np.int32) - 0x3F3504F3) // 2**23
    m = np.ldexp(x, -power)
    t = (m - F(1)) / (m + F(1))
    series = np.full_like(x, 2 / 11)
    for n in range(9, 0, -2):
        series = fma(series, t * t, F(2 / n))
    rest = fma(power, F(-2.12194440054690583e-4), t * series)
    return fma(power, F(0.693359375), rest)


def by_loss(
    loss: str, logits: Array, right: Array, group: Group, batch: int, weights: Array | None
) -> tuple[Array, Array]:
    """Logits (K, 16) -> the losses (16), and the gradient of the logits."""
    wanted = (np.arange(len(logits))[:, None] == right).astype(F)
    total, away = np.zeros(LANES, F), logits - wanted
    if loss == "cross-entropy":
        below = logits - logits.max(axis=0)
        powers = exp(below)
        for power in powers:
            total = total + power
        gradient, total = powers / total - wanted, log(total) - below[right, np.arange(LANES)]
    else:
        for part in away:
            total = total + (np.abs(part) if loss == "absolute" else part * part)
        gradient = np.sign(away) if loss == "absolute" else F(2) * away
    if weights is not None:
        total, gradient = total * weights, gradient * weights
    return total, np.where(group.there, gradient / F(batch), F(0))


def forward(
    stages: Any, arrays: Own, x: Array, group: Group | None
) -> tuple[list[Array], list[Any]]:
    """What each layer is given, last of all the logits; and what each keeps."""
    stacks, kept = [x], list[Any]()
    for stage in stages:
        layer, own, keeps = stage.layer, own_of(stage, arrays), cast("Any", None)
        x = stacks[-1]
        if isinstance(layer, Convolution):
            y = convolved(layer, x, own)
        elif isinstance(layer, Pool):
            y = pooled(layer, x)
        elif isinstance(layer, Full):
            y = voted(x, own)
        elif isinstance(layer, Norm):
            y, keeps = normalized(x, own, group)
        elif isinstance(layer, Embed):
            y = own["weight"][x].transpose(2, 0, 1)[:, None]  # words (positions, 16)
        elif isinstance(layer, Dropout):
            keeps = factors(layer, stage, group) if group else F(1)
            y = x * keeps
        else:
            y = np.where(x < 0, F(0), x)
        stacks.append(y)
        kept.append(keeps)
    return stacks, kept


def own_of(stage: Stage, arrays: Own) -> Own:
    return {row.tensor.name: arrays[row.name] for row in stage.parameters + stage.running_stats}


def backward(
    stages: Any,
    arrays: Own,
    forth: tuple[list[Array], list[Any]],
    up: Array,
    group: Group,
    shard: Shard,
) -> None:
    """Everything a group adds to its shard."""
    stacks, kept = forth
    for stage, x, y, keeps in reversed(
        list(zip(stages, stacks[:-1], stacks[1:], kept, strict=True))
    ):
        layer, own, found = stage.layer, own_of(stage, arrays), Own()
        if isinstance(layer, Convolution):
            up, found = convolved_back(layer, x, own, up)
        elif isinstance(layer, Pool):
            up = pooled_back(layer, x, y, up)
        elif isinstance(layer, Full):
            name = f"{stage.name}.weight"
            shard[name] = voted_weight(x, up, group, shard[name])
            up, found["bias"] = voted_back(x, own, up)
        elif isinstance(layer, Norm):
            for name, seen in (("mean", keeps.mean), ("variance", keeps.variance)):
                shard[f"{stage.name}.{name}"] = shard[f"{stage.name}.{name}"] + seen * F(
                    group.there_are
                )
            up, found = normalized_back(x, own, up, keeps, group)
        elif isinstance(layer, Embed):
            looked_up_back(x, up, group, shard[f"{stage.name}.weight"])
        elif isinstance(layer, Dropout):
            up = up * keeps
        else:
            up = np.where(y > 0, up, F(0))
        for name, array in found.items():
            shard[f"{stage.name}.{name}"] = shard[f"{stage.name}.{name}"] + array


def in_lanes(values: Array) -> Array:
    """Up to sixteen pictures (N, ...) -> (..., 16); the first once more where there is none."""
    filled = np.concatenate([values, np.repeat(values[:1], LANES - len(values), 0)])
    return np.moveaxis(filled, 0, -1)
