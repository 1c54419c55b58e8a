"""Random networks with inputs, their distance from kinks, and layers as plain loops.

Everything follows from a seed. A `Sample` prints what is needed to create it again.
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
from piecewise.reference.padding import Lengths, before_padding, stage_lengths
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer_base import Shape
from piecewise.spec.layers import Convolution, Pool, Relu
from piecewise.spec.notation import parse

PICTURES = ("conv", "pool", "relu", "norm", "dropout", "full")
TEXTS = ("embed", *PICTURES)
KIND_WEIGHTS = {"conv": 6, "pool": 4, "relu": 3, "norm": 2, "dropout": 2, "full": 1}


def random_input(random: Random, kinds: Sequence[str] = PICTURES) -> tuple[int, int, int]:
    """An input shape with unequal sides, sometimes one row; with embed (1, words, positions)."""
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
    max_layers: int = 5,
) -> str:
    """A network in the notation, of the given kinds of layer, that fits its input and classes.

    At most ``max_layers`` layers, then full, or a convolution and pool all.
    """
    shape, layers = Shape(*input_shape), []
    inner_kinds = [kind for kind in kinds if kind != "embed"]
    if "embed" in kinds:
        layers.append(f"embed {random.randint(1, 4)}")
        shape = parse(layers[0])[0].output(shape)
    for kind in random.choices(
        inner_kinds, [KIND_WEIGHTS[kind] for kind in inner_kinds], k=random.randint(1, max_layers)
    ):
        layers.append(_random_layer(random, kind, shape))
        shape = parse(layers[-1])[0].output(shape)
    return ", ".join(layers + _random_end(random, shape, classes, kinds))


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
    last_kinds = [kind for kind in ("norm", "dropout 0.5") if kind.split()[0] in kinds]
    return ["full", *([random.choice(last_kinds)] if last_kinds and random.random() < 0.2 else [])]


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
    """``3`` or ``3x2``, up to the given sides; 1 is less frequent than the others."""
    high = [min(rows, columns)] if random.random() < 0.5 else [rows, columns]
    return "x".join(str(max(random.randint(1, side), random.randint(1, side))) for side in high)


class Sample(NamedTuple):
    """A network with arrays, inputs and labels: float64 values that are exact in float32."""

    name: str
    architecture: Architecture
    arrays: dict[str, Array]
    x: Array
    labels: Array

    def __str__(self) -> str:
        a = self.architecture
        return f"{self.name}: Architecture({a.notation!r}, {tuple(a.input)}, {len(a.classes)})"

    def to(self, dtype: type[np.floating[Any]]) -> Sample:
        """The same values in another precision."""
        arrays = {name: array.astype(dtype) for name, array in self.arrays.items()}
        x = self.x if self.architecture.reads_texts else self.x.astype(dtype)
        return self._replace(arrays=arrays, x=x)


def numbers_for(architecture: Architecture, name: str, count: int) -> Sample:
    """Arrays, ``count`` inputs and labels for an architecture; ``name`` is their seed."""
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
        lengths = random.integers(0, width + 1, (count, 1))  # 0 is padding, at the end or inside
        x[np.arange(width) >= lengths] = 0
    else:
        values = random.normal(0, 1, (count, channels, height, width))
        x = values.astype(np.float32).astype(np.float64)
    labels = random.integers(0, len(architecture.classes), count)
    return Sample(name, architecture, arrays, x, labels)


def sample(
    seed: int,
    kinds: Sequence[str] = (),
    count: int = 3,
    min_margin: float = 0.0,
    max_layers: int = 5,
) -> Sample:
    """A random network with inputs; with ``min_margin``, the first whose `margin` is larger.

    For images, and for texts at every fourth seed, unless ``kinds`` are passed.
    """
    kinds = kinds or (TEXTS if seed % 4 == 3 else PICTURES)
    for attempt in range(200):
        name = f"seed {seed}.{attempt}"
        random = Random(name)
        shape, classes = random_input(random, kinds), random.randint(2, 4)
        notation = random_layers(random, shape, classes, kinds, max_layers)
        candidate = numbers_for(Architecture(notation, shape, classes), name, count)
        if not min_margin or margin(candidate) > min_margin:
            return candidate
    raise AssertionError(f"seed {seed}: every network is too close to a kink")


def network(sample: Sample) -> Network:
    """A network with the arrays of a sample."""
    architecture = sample.architecture
    net = Network(architecture.layers, architecture.input, architecture.classes)
    for name, array in sample.arrays.items():
        (net.parameters if name in net.parameters else net.running_stats)[name] = array
    return net


def margin(sample: Sample, context: StepContext | None = None, *, zeros: bool = True) -> float:
    """The smallest distance of a value from a kink.

    Inputs of a ReLU are compared with 0, the largest value of a pooling window with the next
    smaller one (equal values are copies, or zeros after a ReLU), and logits with 0 and 1, where
    the absolute loss has its kinks. Without ``zeros``, values that are exactly 0 are ignored:
    they come from dropout or a ReLU, and rounding does not change them. So are those of texts,
    which come from padding.
    """

    def min_distance(values: Array) -> float:
        values = values if zeros else values[values != 0]
        return float(np.abs(values).min(initial=inf))

    smallest, zeros = inf, zeros and not sample.architecture.reads_texts
    for group in ghost_batches(len(sample.x)):
        x, batch_context = sample.x[group], context and context.subset(group)
        outputs, _ = model.forward(sample.architecture.stages, sample.arrays, x, batch_context)
        all_lengths = stage_lengths(sample.architecture.stages, x)
        for stage, layer_input in zip(sample.architecture.stages, [x, *outputs[:-1]], strict=True):
            if isinstance(stage.layer, Relu):
                smallest = min(smallest, min_distance(layer_input))
            elif isinstance(stage.layer, Pool) and stage.layer.kind == "max":
                lengths = all_lengths[stage.number - 1]
                smallest = min(smallest, _least_lead(stage.layer, layer_input, lengths))
        logits = outputs[-1]
        smallest = min(smallest, min_distance(logits), float(np.abs(logits - 1).min()))
    return smallest


def _least_lead(layer: Pool, x: Array, lengths: Lengths) -> float:
    """The smallest difference between the largest and the next value of a window."""
    if lengths is not None:
        x = np.where(before_padding(x, lengths), x, -inf)
    rows, columns = layer.windows(Shape(*x.shape[1:]))
    smallest = inf
    for i, j in np.ndindex(rows.count, columns.count):
        cells = x[:, :, list(rows.cells(i))][:, :, :, list(columns.cells(j))]
        values = cells.reshape(*x.shape[:2], -1)
        largest = values.max(axis=2, keepdims=True)
        others = np.where(values < largest, values, -inf).max(axis=2, keepdims=True)
        lead = np.where(np.isinf(largest), inf, largest) - others
        smallest = min(smallest, float(lead.min()))
    return smallest


def assert_near(
    actual: Any, expected: Any, tolerance: float, description: object, min_scale: float = 0.0
) -> None:
    """Asserts that the largest difference is at most ``tolerance`` times the largest expected
    value (or times ``min_scale``, if that is larger)."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (
        f"{description}: {actual.shape}, expected {expected.shape}"
    )
    scale = max(min_scale, float(np.abs(expected).max()))
    difference = float(np.abs(actual - expected).max())
    assert difference <= tolerance * scale, (
        f"{description}: off by {difference:.3g} where the largest is {scale:.3g}"
    )


def window_starts(size: int, window: int, stride: int, padding: int | str) -> list[int]:
    """The starts of windows along an axis as the manual defines them: ``padding`` is a number of
    cells on each side, same or partial."""
    if padding == "partial":
        positions = [0]
        while positions[-1] + window < size and positions[-1] + stride < size:
            positions.append(positions[-1] + stride)
        return positions
    if padding == "same":
        count = (size + stride - 1) // stride
        zeros = max(0, (count - 1) * stride + window - size)
        return [index * stride - zeros // 2 for index in range(count)]
    return list(range(-int(padding), size + int(padding) - window + 1, stride))


def convolution_loops(
    layer: Convolution, x: Array, arrays: dict[str, Array], upstream: Array
) -> tuple[Array, dict[str, Array]]:
    """y, and the gradients of x and of the layer's arrays, cell by cell."""
    weight, (_, _, height, width) = arrays["weight"], x.shape
    is_same, (kernel_height, kernel_width) = layer.padding == "same", layer.kernel
    rows = window_starts(
        height, kernel_height, layer.stride[0], "same" if is_same else int(layer.padding[0])
    )
    columns = window_starts(
        width, kernel_width, layer.stride[1], "same" if is_same else int(layer.padding[1])
    )
    scale = 1 / prod(weight.shape[1:]) if layer.mean else 1.0
    y = np.zeros((len(x), layer.features, len(rows), len(columns)))
    gradients = {
        "x": np.zeros_like(x),
        **{name: np.zeros_like(array) for name, array in arrays.items()},
    }
    for n, f, i, j in np.ndindex(y.shape):
        if layer.bias:
            y[n, f, i, j] = arrays["bias"][f]
            gradients["bias"][f] += upstream[n, f, i, j]
        for c, ky, kx in np.ndindex(weight.shape[1:]):
            r, s = rows[i] + ky, columns[j] + kx
            if 0 <= r < height and 0 <= s < width:
                y[n, f, i, j] += x[n, c, r, s] * weight[f, c, ky, kx] * scale
                gradients["x"][n, c, r, s] += upstream[n, f, i, j] * weight[f, c, ky, kx] * scale
                gradients["weight"][f, c, ky, kx] += upstream[n, f, i, j] * x[n, c, r, s] * scale
    return y, gradients


def pooling_loops(
    layer: Pool, x: Array, arrays: dict[str, Array], upstream: Array
) -> tuple[Array, dict[str, Array]]:
    """y, and the gradient of x, cell by cell."""
    count, channels, *sides = x.shape
    window = tuple(sides) if isinstance(layer.window, str) else layer.window
    padding = "partial" if layer.edge == "partial" else 0
    strides = layer.stride or window
    rows, columns = (window_starts(sides[i], window[i], strides[i], padding) for i in (0, 1))
    y, dx = np.zeros((count, channels, len(rows), len(columns))), np.zeros_like(x)
    for n, c, i, j in np.ndindex(y.shape):
        down = range(rows[i], min(rows[i] + window[0], sides[0]))
        across = range(columns[j], min(columns[j] + window[1], sides[1]))
        values = {(r, s): x[n, c, r, s] for r in down for s in across}
        if layer.kind == "max":
            largest = max(values, key=values.__getitem__)  # the first of several equal values
            values = {largest: values[largest]}
        y[n, c, i, j] = sum(values.values()) / len(values)
        for r, s in values:
            dx[n, c, r, s] += upstream[n, c, i, j] / len(values)
    return y, {"x": dx}


LOOPS: dict[str, Callable[[Any, Array, dict[str, Array], Array], tuple[Array, dict[str, Array]]]]
LOOPS = {"conv": convolution_loops, "pool": pooling_loops}
