"""Batch normalisation: statistics over a group's examples and cells, channel by channel.

A channel's cells are added up for each example in its lane, lanes without an example are set to
zero, and the tree of the lanes is divided by the number of values. The mean of the differences to
a mean made so is what its rounding left, which is not little against a small deviation: it is taken
from each value, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, float_constant
from ..ir.loop_notes import relu_mask_text
from ..ir.window_terms import run_lengths, split_evenly
from .reductions import cell_sums

SAVED_BYTES = 16
"""What the way back needs of a channel: mean, 1 / deviation, variance, and while training what the
mean is off by, in deviations, its sign turned."""


_NORMALIZED = "normalized = (x - mean - offset) / std"
"""A line of the loop listing while training; at inference it has no multiply-add."""


def _channels(
    f: Function, layout: FeatureMapLayout, sizes: Mapping[str, tuple[str, int]]
) -> Iterator[tuple[Loop, int]]:
    """Loops over channels, a few at a time: the pointers, and how many. ``sizes``: each pointer's
    start and its bytes a channel."""
    first = 0
    for tile, repeat in run_lengths(split_evenly(layout.channels, 4)):
        strided = {
            key: (f.at(start, first * size), size * tile) for key, (start, size) in sizes.items()
        }
        with f.loop("channels", repeat, strided, remark=f"{tile} at once") as c:
            yield c, tile
        first += tile * repeat


def _mean(f: Function, total: str, mask: str, count: str) -> str:
    """The mean of a channel from its sums by example."""
    present = f.select(mask, total, "zeroinitializer")
    return f.op("fdiv", f.sum_lanes(present), count, "float")


def _present(f: Function, layout: FeatureMapLayout) -> tuple[str, str]:
    """Which lanes hold an example, and how many values a channel has in all."""
    mask = f.first_lanes("%examples")
    values = f.op("mul", "%examples", str(layout.cells), "i64")
    return mask, f.cast("sitofp", values, "i64", "float")


def batch_statistics(f: Function, layout: FeatureMapLayout, epsilon: float) -> None:
    """The function (source, kept, examples): all that is kept of each channel."""
    f.note("batch statistics of each channel; offset: the rounding error of the mean")
    mask, count = _present(f, layout)
    size = layout.channel_bytes
    sizes = {"source": ("%source", size), "saved": ("%saved", SAVED_BYTES)}
    for c, tile in _channels(f, layout, sizes):
        totals = cell_sums(f, layout, c["source"], tile)
        means = [_mean(f, total, mask, count) for total in totals]
        wide = [f.broadcast(mean) for mean in means]
        zero = [(f.vector, "zeroinitializer")] * (2 * tile)
        with f.loop("cells", layout.cells, {"x": (c["source"], GROUP_BYTES)}, zero) as cell:
            sums = list(cell.carried)
            with f.note_products("sum += (x - mean) * (x - mean), offset += x - mean"):
                for o in range(tile):
                    difference = f.op("fsub", f.load(cell["x"], o * size), wide[o])
                    sums[2 * o] = f.fma(difference, difference, sums[2 * o])
                    sums[2 * o + 1] = f.op("fadd", sums[2 * o + 1], difference)
            cell.carried = sums
        f.note(f"store {tile} means, variances, standard deviations and offsets")
        for o, mean in enumerate(means):
            totals = cell.carried[2 * o : 2 * o + 2]
            variance, off = (_mean(f, total, mask, count) for total in totals)
            scale = _store_statistics(f, c["saved"], SAVED_BYTES * o, (mean, variance), epsilon)
            less = f.value(f"fneg float {f.op('fmul', off, scale, 'float')}")
            f.store(less, c["saved"], SAVED_BYTES * o + 12, "float")


def load_running_stats(f: Function, channels: int, epsilon: float) -> None:
    """The function (mean, variance, kept): the running averages in the form of `observe`; they are
    not off."""
    strided = {"mean": ("%mean", 4), "variance": ("%variance", 4), "saved": ("%saved", SAVED_BYTES)}
    f.note("mean and standard deviation of each channel from the running statistics")
    with f.loop("channels", channels, strided) as c:
        f.note("store mean and standard deviation")
        variance, mean = (f.load(c[key], 0, "float") for key in ("variance", "mean"))
        _store_statistics(f, c["saved"], 0, (mean, variance), epsilon)


def _store_statistics(
    f: Function, saved: str, place: int, statistics: tuple[str, str], epsilon: float
) -> str:
    """Write what is kept of a channel, from its mean and variance; gives 1 / deviation."""
    mean, variance = statistics
    f.store(mean, saved, place, "float")
    lifted = f.op("fadd", variance, float_constant(epsilon), "float")
    deviation = f.value(f"call float @llvm.sqrt.f32(float {lifted})")
    scale = f.op("fdiv", float_constant(1), deviation, "float")
    f.store(scale, saved, place + 4, "float")
    f.store(variance, saved, place + 8, "float")
    return scale


def normalize(f: Function, layout: FeatureMapLayout, *, training: bool, relu: bool) -> None:
    """The function (source, kept, weight, bias, output)."""
    size = layout.channel_bytes
    strided = {
        "x": ("%source", size),
        "y": ("%output", size),
        "saved": ("%saved", SAVED_BYTES),
        "weight": ("%weight", 4),
        "bias": ("%bias", 4),
    }
    f.note("normalize each channel, then scale and shift it")
    with f.loop("channels", layout.channels, strided) as c:
        channel = _channel(f, c["saved"], training=training)
        weight, bias = f.load_splat(c["weight"]), f.load_splat(c["bias"])
        cells = {key: (c[key], GROUP_BYTES) for key in ("x", "y")}
        with f.loop("cells", layout.cells, cells) as cell:
            with f.note_products(_NORMALIZED):
                normal = channel.normal(f, f.load(cell["x"]))
            with f.note_products(f"y = {_normal_form(training=training)} * weight + bias"):
                y = f.fma(normal, weight, bias)
            f.note(f"store {'relu(y)' if relu else 'y'}")
            f.store(f.relu(y) if relu else y, cell["y"])


@dataclass(frozen=True)
class NormBackward:
    """The way back of normalisation. ``training``: the statistics are the group's own."""

    layout: FeatureMapLayout
    training: bool
    masked: bool
    needs_input_gradient: bool


class _Channel(NamedTuple):
    """A channel's numbers, each in all lanes."""

    mean: str
    scale: str
    """1 / deviation."""
    off: str = ""
    """While training, what the mean is off by, in deviations, its sign turned as it is added."""
    factor: str = ""
    """Weight / deviation."""
    shift: str = ""
    """While training, what all values of the channel do together is taken out: this much."""
    less: str = ""
    """And so much of each value's normal form, below zero as it is added."""

    def normal(self, f: Function, x: str) -> str:
        """A value with the mean taken away, in deviations."""
        difference = f.op("fsub", x, self.mean)
        return (
            f.fma(difference, self.scale, self.off)
            if self.off
            else f.op("fmul", difference, self.scale)
        )


def _channel(f: Function, saved: str, place: int = 0, *, training: bool) -> _Channel:
    """What `batch_statistics` kept of a channel, or, when not training, `load_running_stats`."""
    places = (0, 4, 12) if training else (0, 4)
    return _Channel(*(f.load_splat(saved, place + more) for more in places))


def _normal_form(*, training: bool) -> str:
    """A value's normal form in words."""
    return "normalized" if training else "(x - mean) / std"


def normalize_backward(f: Function, spec: NormBackward) -> None:
    """The function (source, kept, weight, upstream, weight_gradient, bias_gradient, output,
    examples). The source is also the mask."""
    inputs = " and input" if spec.needs_input_gradient else ""
    f.note(f"gradients of weight, bias{inputs}")
    mask, count = _present(f, spec.layout)
    size = spec.layout.channel_bytes
    sizes = {
        "x": ("%source", size),
        "upstream": ("%upstream", size),
        "out": ("%output", size),
        "saved": ("%saved", SAVED_BYTES),
        "weight": ("%weight", 4),
        "dweight": ("%weight_gradient", 4),
        "dbias": ("%bias_gradient", 4),
    }
    for c, tile in _channels(f, spec.layout, sizes):
        places = (SAVED_BYTES * o for o in range(tile))
        channels = [_channel(f, c["saved"], place, training=spec.training) for place in places]
        totals = _parameter_sums(f, spec, c, channels)
        for o, channel in enumerate(channels):
            dweight, dbias = (f.sum_lanes(total) for total in totals[2 * o : 2 * o + 2])
            for key, more in (("dweight", dweight), ("dbias", dbias)):
                old = f.load(c[key], 4 * o, "float")
                f.store(f.op("fadd", old, more, "float"), c[key], 4 * o, "float")
            if spec.needs_input_gradient:
                place = {key: f.at(c[key], o * size) for key in ("x", "upstream", "out")}
                factor = f.op("fmul", f.load_splat(c["weight"], 4 * o), channel.scale)
                shift, stretch = (f.op("fdiv", s, count, "float") for s in (dbias, dweight))
                less = f.broadcast(f.value(f"fneg float {stretch}"))
                whole = channel._replace(factor=factor, shift=f.broadcast(shift), less=less)
                _source_gradient(f, spec, place, whole, mask)


def _parameter_sums(
    f: Function, spec: NormBackward, c: Loop, channels: list[_Channel]
) -> list[str]:
    """For each channel the sums by example of upstream x normal form, and of upstream."""
    size = spec.layout.channel_bytes
    cells = {key: (c[key], GROUP_BYTES) for key in ("x", "upstream")}
    zero = [(f.vector, "zeroinitializer")] * (2 * len(channels))
    description = _normal_form(training=spec.training)
    with f.loop("cells", spec.layout.cells, cells, zero) as cell:
        sums = list(cell.carried)
        with f.note_products(_NORMALIZED):
            values = (f.load(cell["x"], o * size) for o in range(len(channels)))
            normals = [one.normal(f, x) for one, x in zip(channels, values, strict=True)]
        with f.note_products(
            f"weight_gradient += gradient * {description}, bias_gradient += gradient"
        ):
            for o, normal in enumerate(normals):
                upstream = f.load(cell["upstream"], o * size)
                sums[2 * o] = f.fma(upstream, normal, sums[2 * o])
                sums[2 * o + 1] = f.op("fadd", sums[2 * o + 1], upstream)
        cell.carried = sums
    return cell.carried


def _source_gradient(
    f: Function, spec: NormBackward, place: dict[str, str], c: _Channel, mask: str
) -> None:
    """One channel's gradient of the source."""
    cells = {key: (start, GROUP_BYTES) for key, start in place.items()}
    means = "; mean_gradient, projection: over all its cells" if spec.training else ""
    with f.loop("cells", spec.layout.cells, cells, remark=f"of one channel{means}") as cell:
        x, rest = f.load(cell["x"]), f.load(cell["upstream"])
        if spec.training:  # before any other rounding: most of the value may cancel here
            with f.note_products(_NORMALIZED):
                normal = c.normal(f, x)
            with f.note_products("centered = gradient - mean_gradient - normalized * projection"):
                rest = f.fma(normal, c.less, f.op("fsub", rest, c.shift))
        value = "centered" if spec.training else "gradient"
        f.note(f"store {value} * weight / std{relu_mask_text(spec.masked)}")
        gradient = f.op("fmul", rest, c.factor)
        if spec.training:  # a lane without an example has no gradient
            gradient = f.select(mask, gradient, "zeroinitializer")
        if spec.masked:
            gradient = f.where_positive(x, gradient)
        f.store(gradient, cell["out"])


def add_statistics(f: Function, channels: int) -> None:
    """The function (kept, mean, variance, examples): a group's statistics, counted by its
    examples, added to the shard's."""
    count = f.cast("sitofp", "%examples", "i64", "float")
    strided = {"saved": ("%saved", SAVED_BYTES), "mean": ("%mean", 4), "variance": ("%variance", 4)}
    f.note("add the group's statistics to the shard's")
    with f.loop("channels", channels, strided) as c:
        f.note("shard's mean and variance += number of examples * mean and variance")
        for key, place in (("mean", 0), ("variance", 8)):
            seen = f.op("fmul", f.load(c["saved"], place, "float"), count, "float")
            f.store(f.op("fadd", f.load(c[key], 0, "float"), seen, "float"), c[key], 0, "float")
