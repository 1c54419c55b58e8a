"""Batch normalisation: statistics over a group's pictures and cells, channel by channel.

A channel's cells are added up for each picture in its lane, lanes without a picture are set to
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
from ..ir.loop_notes import passing
from ..ir.window_terms import run_lengths, split_evenly
from .reductions import cell_sums

KEPT_BYTES = 16
"""What the way back needs of a channel: mean, 1 / deviation, variance, and while training what the
mean is off by, in deviations, its sign turned."""


_MADE_NORMAL = "normal = (x - mean - off) / deviation"
"""A line of the readable nest while training; otherwise there is no product in it."""


def _channels(
    f: Function, stack: FeatureMapLayout, sizes: Mapping[str, tuple[str, int]]
) -> Iterator[tuple[Loop, int]]:
    """Loops over channels, a few at a time: the pointers, and how many. ``sizes``: each pointer's
    start and its bytes a channel."""
    first = 0
    for tile, repeat in run_lengths(split_evenly(stack.channels, 4)):
        moving = {
            key: (f.at(start, first * size), size * tile) for key, (start, size) in sizes.items()
        }
        with f.loop("maps", repeat, moving, what=f"{tile} at once") as c:
            yield c, tile
        first += tile * repeat


def _mean(f: Function, total: str, mask: str, count: str) -> str:
    """The mean of a channel from its sums by picture."""
    present = f.select(mask, total, "zeroinitializer")
    return f.op("fdiv", f.sum_lanes(present), count, "float")


def _present(f: Function, stack: FeatureMapLayout) -> tuple[str, str]:
    """Which lanes hold a picture, and how many values a channel has in all."""
    mask = f.first_lanes("%pictures")
    values = f.op("mul", "%pictures", str(stack.cells), "i64")
    return mask, f.cast("sitofp", values, "i64", "float")


def observe(f: Function, stack: FeatureMapLayout, epsilon: float) -> None:
    """The function (source, kept, pictures): all that is kept of each channel."""
    f.note("mean and deviation of each map over the group's pictures; off: how far off a mean is")
    mask, count = _present(f, stack)
    size = stack.channel_bytes
    sizes = {"source": ("%source", size), "kept": ("%kept", KEPT_BYTES)}
    for c, tile in _channels(f, stack, sizes):
        totals = cell_sums(f, stack, c["source"], tile)
        means = [_mean(f, total, mask, count) for total in totals]
        wide = [f.broadcast(mean) for mean in means]
        zero = [(f.vector, "zeroinitializer")] * (2 * tile)
        with f.loop("cells", stack.cells, {"x": (c["source"], GROUP_BYTES)}, zero) as cell:
            sums = list(cell.carried)
            with f.written("sum += (x - mean) * (x - mean), off += x - mean"):
                for o in range(tile):
                    away = f.op("fsub", f.load(cell["x"], o * size), wide[o])
                    sums[2 * o] = f.fma(away, away, sums[2 * o])
                    sums[2 * o + 1] = f.op("fadd", sums[2 * o + 1], away)
            cell.carried = sums
        f.note(f"keep {tile} means, variances, deviations, offs")
        for o, mean in enumerate(means):
            totals = cell.carried[2 * o : 2 * o + 2]
            variance, off = (_mean(f, total, mask, count) for total in totals)
            scale = _keep(f, c["kept"], KEPT_BYTES * o, (mean, variance), epsilon)
            less = f.value(f"fneg float {f.op('fmul', off, scale, 'float')}")
            f.store(less, c["kept"], KEPT_BYTES * o + 12, "float")


def recall(f: Function, channels: int, epsilon: float) -> None:
    """The function (mean, variance, kept): the running averages in the form of `observe`; they are
    not off."""
    moving = {"mean": ("%mean", 4), "variance": ("%variance", 4), "kept": ("%kept", KEPT_BYTES)}
    f.note("mean and deviation of each map from the running averages")
    with f.loop("maps", channels, moving) as c:
        f.note("keep mean and deviation")
        variance, mean = (f.load(c[key], 0, "float") for key in ("variance", "mean"))
        _keep(f, c["kept"], 0, (mean, variance), epsilon)


def _keep(f: Function, kept: str, place: int, statistics: tuple[str, str], epsilon: float) -> str:
    """Write what is kept of a channel, from its mean and variance; gives 1 / deviation."""
    mean, variance = statistics
    f.store(mean, kept, place, "float")
    lifted = f.op("fadd", variance, float_constant(epsilon), "float")
    deviation = f.value(f"call float @llvm.sqrt.f32(float {lifted})")
    scale = f.op("fdiv", float_constant(1), deviation, "float")
    f.store(scale, kept, place + 4, "float")
    f.store(variance, kept, place + 8, "float")
    return scale


def normalize(f: Function, stack: FeatureMapLayout, *, training: bool, relu: bool) -> None:
    """The function (source, kept, weight, bias, output)."""
    size = stack.channel_bytes
    moving = {
        "x": ("%source", size),
        "y": ("%output", size),
        "kept": ("%kept", KEPT_BYTES),
        "weight": ("%weight", 4),
        "bias": ("%bias", 4),
    }
    f.note("each value in deviations from the mean, stretched and shifted")
    with f.loop("maps", stack.channels, moving) as c:
        channel = _channel(f, c["kept"], training=training)
        weight, bias = f.load_splat(c["weight"]), f.load_splat(c["bias"])
        cells = {key: (c[key], GROUP_BYTES) for key in ("x", "y")}
        with f.loop("cells", stack.cells, cells) as cell:
            with f.written(_MADE_NORMAL):
                normal = channel.normal(f, f.load(cell["x"]))
            with f.written(f"y = {_normal_form(training=training)} * weight + bias"):
                y = f.fma(normal, weight, bias)
            f.note(f"keep y{', at least 0 (relu)' if relu else ''}")
            f.store(f.relu(y) if relu else y, cell["y"])


@dataclass(frozen=True)
class NormBackward:
    """The way back of normalisation. ``training``: the statistics are the group's own."""

    stack: FeatureMapLayout
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
        away = f.op("fsub", x, self.mean)
        return f.fma(away, self.scale, self.off) if self.off else f.op("fmul", away, self.scale)


def _channel(f: Function, kept: str, place: int = 0, *, training: bool) -> _Channel:
    """What `observe` kept of a channel, or, when not training, `recall`."""
    places = (0, 4, 12) if training else (0, 4)
    return _Channel(*(f.load_splat(kept, place + more) for more in places))


def _normal_form(*, training: bool) -> str:
    """A value's normal form in words."""
    return "normal" if training else "(x - mean) / deviation"


def normalize_backward(f: Function, what: NormBackward) -> None:
    """The function (source, kept, weight, upstream, weight_gradient, bias_gradient, output,
    pictures). The source is also the mask."""
    f.note(
        "the slopes of weights and biases"
        + (", and of the input" if what.needs_input_gradient else "")
    )
    mask, count = _present(f, what.stack)
    size = what.stack.channel_bytes
    sizes = {
        "x": ("%source", size),
        "upstream": ("%upstream", size),
        "out": ("%output", size),
        "kept": ("%kept", KEPT_BYTES),
        "weight": ("%weight", 4),
        "dweight": ("%weight_gradient", 4),
        "dbias": ("%bias_gradient", 4),
    }
    for c, tile in _channels(f, what.stack, sizes):
        places = (KEPT_BYTES * o for o in range(tile))
        channels = [_channel(f, c["kept"], place, training=what.training) for place in places]
        totals = _parameter_sums(f, what, c, channels)
        for o, channel in enumerate(channels):
            dweight, dbias = (f.sum_lanes(total) for total in totals[2 * o : 2 * o + 2])
            for key, more in (("dweight", dweight), ("dbias", dbias)):
                old = f.load(c[key], 4 * o, "float")
                f.store(f.op("fadd", old, more, "float"), c[key], 4 * o, "float")
            if what.needs_input_gradient:
                place = {key: f.at(c[key], o * size) for key in ("x", "upstream", "out")}
                factor = f.op("fmul", f.load_splat(c["weight"], 4 * o), channel.scale)
                shift, stretch = (f.op("fdiv", s, count, "float") for s in (dbias, dweight))
                less = f.broadcast(f.value(f"fneg float {stretch}"))
                whole = channel._replace(factor=factor, shift=f.broadcast(shift), less=less)
                _pass_on(f, what, place, whole, mask)


def _parameter_sums(
    f: Function, what: NormBackward, c: Loop, channels: list[_Channel]
) -> list[str]:
    """For each channel the sums by picture of upstream x normal form, and of upstream."""
    size = what.stack.channel_bytes
    cells = {key: (c[key], GROUP_BYTES) for key in ("x", "upstream")}
    zero = [(f.vector, "zeroinitializer")] * (2 * len(channels))
    told = _normal_form(training=what.training)
    with f.loop("cells", what.stack.cells, cells, zero) as cell:
        sums = list(cell.carried)
        with f.written(_MADE_NORMAL):
            values = (f.load(cell["x"], o * size) for o in range(len(channels)))
            normals = [one.normal(f, x) for one, x in zip(channels, values, strict=True)]
        with f.written(f"weight's slope += slope * {told}, bias's += slope"):
            for o, normal in enumerate(normals):
                upstream = f.load(cell["upstream"], o * size)
                sums[2 * o] = f.fma(upstream, normal, sums[2 * o])
                sums[2 * o + 1] = f.op("fadd", sums[2 * o + 1], upstream)
        cell.carried = sums
    return cell.carried


def _pass_on(
    f: Function, what: NormBackward, place: dict[str, str], c: _Channel, mask: str
) -> None:
    """One channel's gradient of the source."""
    cells = {key: (start, GROUP_BYTES) for key, start in place.items()}
    told = "; shift and stretch: what all its values do together" if what.training else ""
    with f.loop("cells", what.stack.cells, cells, what=f"of one map{told}") as cell:
        x, rest = f.load(cell["x"]), f.load(cell["upstream"])
        if what.training:  # before any other rounding, for here nearly all may cancel
            with f.written(_MADE_NORMAL):
                normal = c.normal(f, x)
            with f.written("rest = slope - shift - normal * stretch"):
                rest = f.fma(normal, c.less, f.op("fsub", rest, c.shift))
        kept = "rest" if what.training else "slope"
        f.note(f"keep {kept} * weight / deviation{passing(what.masked)}")
        gradient = f.op("fmul", rest, c.factor)
        if what.training:  # a lane without a picture has no part in the shift
            gradient = f.select(mask, gradient, "zeroinitializer")
        if what.masked:
            gradient = f.where_positive(x, gradient)
        f.store(gradient, cell["out"])


def note_statistics(f: Function, channels: int) -> None:
    """The function (kept, mean, variance, pictures): a group's statistics, counted by its
    pictures, added to the shard's."""
    count = f.cast("sitofp", "%pictures", "i64", "float")
    moving = {"kept": ("%kept", KEPT_BYTES), "mean": ("%mean", 4), "variance": ("%variance", 4)}
    f.note("the group's statistics for the running averages")
    with f.loop("maps", channels, moving) as c:
        f.note("mean and variance, times pictures, onto those of the shard")
        for key, place in (("mean", 0), ("variance", 8)):
            seen = f.op("fmul", f.load(c["kept"], place, "float"), count, "float")
            f.store(f.op("fadd", f.load(c[key], 0, "float"), seen, "float"), c[key], 0, "float")
