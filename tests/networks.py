"""Random networks, numbers for them, how far they stand from a kink, and layers in plain loops.

Everything follows from a seed; a `Sample` prints as what is needed to have it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, prod, sqrt
from random import Random
from typing import Any, NamedTuple

import numpy as np

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.core.ghost_batch import StepContext, ghost_batches
from piecewise.reference import model
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer import Shape
from piecewise.spec.layers import Convolution, Pool, Relu
from piecewise.spec.notation import parse

PICTURES = ("conv", "pool", "relu", "norm", "dropout", "full")
TEXTS = ("embed", *PICTURES)
OFTEN = {"conv": 6, "pool": 4, "relu": 3, "norm": 2, "dropout": 2, "full": 1}


def random_input(random: Random, kinds: Sequence[str] = PICTURES) -> tuple[int, int, int]:
    """Unequal axes, now and then a single row; with embed (1, words, positions)."""
    if "embed" in kinds:
        return 1, random.randint(2, 9), random.randint(2, 9)
    height = 1 if random.random() < 0.15 else random.randint(2, 11)
    width = random.choice([side for side in range(3, 13) if side != height])
    return random.randint(1, 3), height, width


def random_layers(
    random: Random,
    input_shape: Sequence[int],
    classes: int,
    kinds: Sequence[str] = PICTURES,
    most: int = 5,
) -> str:
    """A network in the notation, of the given kinds of layer, that fits its input and classes.

    Up to ``most`` layers and an end: full, or a convolution and pool all.
    """
    shape, written = Shape(*input_shape), []
    between = [kind for kind in kinds if kind != "embed"]
    if "embed" in kinds:
        written.append(f"embed {random.randint(1, 4)}")
        shape = parse(written[0])[0].output(shape)
    for kind in random.choices(
        between, [OFTEN[kind] for kind in between], k=random.randint(1, most)
    ):
        written.append(_random_layer(random, kind, shape))
        shape = parse(written[-1])[0].output(shape)
    return ", ".join(written + _random_end(random, shape, classes, kinds))


def _random_layer(random: Random, kind: str, shape: Shape) -> str:
    if kind == "conv":
        return _random_convolution(random, random.randint(1, 4), shape)
    if kind == "pool":
        return _random_pool(random, shape)
    if kind == "dropout":
        return f"dropout {random.choice((0, 0.25, 0.5, 0.9))}"
    return f"full {random.randint(2, 8)}" if kind == "full" else kind


def _random_end(random: Random, shape: Shape, classes: int, kinds: Sequence[str]) -> list[str]:
    if {"conv", "pool"} <= set(kinds) and ("full" not in kinds or random.random() < 0.2):
        pool = random.choice(("pool all", "pool all kind=average"))
        return [_random_convolution(random, classes, shape), pool]
    after = [kind for kind in ("norm", "dropout 0.5") if kind.split()[0] in kinds]
    return ["full", *([random.choice(after)] if after and random.random() < 0.2 else [])]


def _random_convolution(random: Random, features: int, shape: Shape) -> str:
    _, height, width = shape
    pad = "0" if max(height, width) > 12 else random.choice(("0", "0", "1", "0x1", "2x1", "same"))
    rows, columns = (int(side) for side in (pad.split("x") * 2)[:2]) if pad != "same" else (2, 2)
    kernel = _sides(random, min(4, height + 2 * rows), min(4, width + 2 * columns))
    knobs = [f"conv {features} {kernel}"]
    if random.random() < 0.5:
        knobs.append(f"stride={_sides(random, 3, 3)}")
    if pad != "0":
        knobs.append(f"pad={pad}")
    return " ".join(knobs + random.choice(([], [], [], ["mean"], ["bias=no"])))


def _random_pool(random: Random, shape: Shape) -> str:
    kind = random.choice(("", " kind=average"))
    if random.random() < 0.1:
        return f"pool all{kind}"
    drop = random.random() < 0.3
    highest = (min(4, side) if drop else 4 for side in shape[1:])
    window = _sides(random, *highest)
    stride = f" stride={_sides(random, 3, 3)}" if random.random() < 0.5 else ""
    return f"pool {window}{stride}{kind}{' edge=drop' if drop else ''}"


def _sides(random: Random, rows: int, columns: int) -> str:
    """``3`` or ``3x2``, up to the given sides, 1 less often than others."""
    high = [min(rows, columns)] if random.random() < 0.5 else [rows, columns]
    return "x".join(str(max(random.randint(1, side), random.randint(1, side))) for side in high)


class Sample(NamedTuple):
    """A network with arrays, inputs and right classes, float64 numbers that float32 holds too."""

    name: str
    architecture: Architecture
    arrays: dict[str, Array]
    x: Array
    right: Array

    def __str__(self) -> str:
        a = self.architecture
        return f"{self.name}: Architecture({a.notation!r}, {tuple(a.input)}, {len(a.classes)})"

    def to(self, dtype: type[np.floating[Any]]) -> Sample:
        """The same numbers in another precision."""
        arrays = {name: array.astype(dtype) for name, array in self.arrays.items()}
        x = self.x if self.architecture.reads_texts else self.x.astype(dtype)
        return self._replace(arrays=arrays, x=x)


def numbers_for(architecture: Architecture, name: str, count: int) -> Sample:
    """Arrays, ``count`` inputs and right classes for an architecture; ``name`` is their seed."""
    random = np.random.default_rng(list(name.encode()))
    arrays = {}
    for stage in architecture.stages:
        for row in stage.parameters + stage.running_stats:
            inputs = prod(row.shape[1:])
            array = random.normal(0, 0.5, row.shape)
            if row.tensor.name == "weight" and len(row.shape) > 1:
                array *= 3 / sqrt(inputs)
                if isinstance(stage.layer, Convolution) and stage.layer.mean:
                    array *= inputs
            elif row.tensor.name in ("weight", "variance"):
                array = random.uniform(0.5, 2, row.shape)
            arrays[row.name] = array.astype(np.float32).astype(np.float64)
    channels, height, width = architecture.input
    if architecture.reads_texts:
        x: Array = random.integers(0, height, (count, width))
    else:
        drawn = random.normal(0, 1, (count, channels, height, width))
        x = drawn.astype(np.float32).astype(np.float64)
    right = random.integers(0, len(architecture.classes), count)
    return Sample(name, architecture, arrays, x, right)


def sample(
    seed: int,
    kinds: Sequence[str] = (),
    count: int = 3,
    least: float = 0.0,
    most: int = 5,
) -> Sample:
    """A random network with numbers; if ``least`` is given, the first whose `margin` is larger.

    Of pictures, and every fourth of texts, unless ``kinds`` are given.
    """
    kinds = kinds or (TEXTS if seed % 4 == 3 else PICTURES)
    for attempt in range(200):
        name = f"seed {seed}.{attempt}"
        random = Random(name)
        shape, classes = random_input(random, kinds), random.randint(2, 4)
        notation = random_layers(random, shape, classes, kinds, most)
        found = numbers_for(Architecture(notation, shape, classes), name, count)
        if not least or margin(found) > least:
            return found
    raise AssertionError(f"seed {seed}: no network stands clear of kinks")


def network(sample: Sample) -> Network:
    """A network with a sample's numbers."""
    architecture = sample.architecture
    net = Network(architecture.layers, architecture.input, architecture.classes)
    for name, array in sample.arrays.items():
        (net.parameters if name in net.parameters else net.running_stats)[name] = array
    return net


def margin(sample: Sample, context: StepContext | None = None, *, zeros: bool = True) -> float:
    """How far the values at kinks are from them: what a ReLU gets from 0, the largest of a window
    from the next (equals aside: they are copies of one value, or zeros behind a ReLU), and
    logits from right answers, where the absolute loss has its kink. Without ``zeros``, what is 0
    to the last bit is passed over: dropout or a ReLU put it there, and no rounding moves it."""

    def least(values: Array) -> float:
        values = values if zeros else values[values != 0]
        return float(np.abs(values).min(initial=inf))

    nearest = inf
    for group in ghost_batches(len(sample.x)):
        x, part = sample.x[group], context and context.subset(group)
        outputs, _ = model.forward(sample.architecture.stages, sample.arrays, x, part)
        for stage, given in zip(sample.architecture.stages, [x, *outputs[:-1]], strict=True):
            if isinstance(stage.layer, Relu):
                nearest = min(nearest, least(given))
            elif isinstance(stage.layer, Pool) and stage.layer.kind == "max":
                nearest = min(nearest, _least_lead(stage.layer, given))
        logits = outputs[-1]
        nearest = min(nearest, least(logits), float(np.abs(logits - 1).min()))
    return nearest


def _least_lead(layer: Pool, x: Array) -> float:
    """How far the largest value of a window leads, in the window where it leads least."""
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    least = inf
    for i, j in np.ndindex(rows.count, columns.count):
        cells = x[:, :, list(rows.cells(i))][:, :, :, list(columns.cells(j))]
        values = cells.reshape(*x.shape[:2], -1)
        largest = values.max(axis=2, keepdims=True)
        rest = np.where(values < largest, values, -inf).max(axis=2, keepdims=True)
        least = min(least, float((largest - rest).min()))
    return least


def assert_near(
    found: Any, wanted: Any, tolerance: float, said: object, least: float = 0.0
) -> None:
    """The largest difference is within ``tolerance`` of the largest wanted number (of ``least``,
    if that is larger)."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, f"{said}: {found.shape}, wanted {wanted.shape}"
    scale = max(least, float(np.abs(wanted).max()))
    off = float(np.abs(found - wanted).max())
    assert off <= tolerance * scale, f"{said}: off by {off:.3g} where the largest is {scale:.3g}"


def starts(size: int, window: int, stride: int, padding: int | str) -> list[int]:
    """Where windows start along an axis, from the manual's words: ``padding`` cells on each side,
    or same, or partial."""
    if padding == "partial":
        found = [0]
        while found[-1] + window < size and found[-1] + stride < size:
            found.append(found[-1] + stride)
        return found
    if padding == "same":
        count = (size + stride - 1) // stride
        zeros = max(0, (count - 1) * stride + window - size)
        return [index * stride - zeros // 2 for index in range(count)]
    return list(range(-int(padding), size + int(padding) - window + 1, stride))


def convolution_loops(
    layer: Convolution, x: Array, own: dict[str, Array], upstream: Array
) -> tuple[Array, dict[str, Array]]:
    """y, and the gradients of x and the layer's own arrays, cell by cell."""
    weight, (_, _, height, width) = own["weight"], x.shape
    same, (high, wide) = layer.padding == "same", layer.kernel
    rows = starts(height, high, layer.stride[0], "same" if same else int(layer.padding[0]))
    columns = starts(width, wide, layer.stride[1], "same" if same else int(layer.padding[1]))
    share = 1 / prod(weight.shape[1:]) if layer.mean else 1.0
    y = np.zeros((len(x), layer.features, len(rows), len(columns)))
    found = {"x": np.zeros_like(x), **{name: np.zeros_like(array) for name, array in own.items()}}
    for n, f, i, j in np.ndindex(y.shape):
        if layer.bias:
            y[n, f, i, j] = own["bias"][f]
            found["bias"][f] += upstream[n, f, i, j]
        for c, ky, kx in np.ndindex(weight.shape[1:]):
            r, s = rows[i] + ky, columns[j] + kx
            if 0 <= r < height and 0 <= s < width:
                y[n, f, i, j] += x[n, c, r, s] * weight[f, c, ky, kx] * share
                found["x"][n, c, r, s] += upstream[n, f, i, j] * weight[f, c, ky, kx] * share
                found["weight"][f, c, ky, kx] += upstream[n, f, i, j] * x[n, c, r, s] * share
    return y, found


def pooling_loops(
    layer: Pool, x: Array, own: dict[str, Array], upstream: Array
) -> tuple[Array, dict[str, Array]]:
    """y, and the gradient of x, cell by cell."""
    pictures, channels, *sides = x.shape
    window = tuple(sides) if isinstance(layer.window, str) else layer.window
    padding = "partial" if layer.edge == "partial" else 0
    strides = layer.stride or window
    rows, columns = (starts(sides[i], window[i], strides[i], padding) for i in (0, 1))
    y, dx = np.zeros((pictures, channels, len(rows), len(columns))), np.zeros_like(x)
    for n, c, i, j in np.ndindex(y.shape):
        down = range(rows[i], min(rows[i] + window[0], sides[0]))
        across = range(columns[j], min(columns[j] + window[1], sides[1]))
        values = {(r, s): x[n, c, r, s] for r in down for s in across}
        if layer.kind == "max":
            first = max(values, key=values.__getitem__)  # of equals the first
            values = {first: values[first]}
        y[n, c, i, j] = sum(values.values()) / len(values)
        for r, s in values:
            dx[n, c, r, s] += upstream[n, c, i, j] / len(values)
    return y, {"x": dx}


LOOPS: dict[str, Callable[[Any, Array, dict[str, Array], Array], tuple[Array, dict[str, Array]]]]
LOOPS = {"conv": convolution_loops, "pool": pooling_loops}
