"""Batch normalization: statistics of each channel over a group's examples and cells.

Each lane adds up a channel's cells for its example. Lanes without an example are set to zero, the
lanes are summed as a tree, and the sum is divided by the number of values. The computed mean has a
rounding error, which matters if the standard deviation is small. The mean of x - mean estimates
that error, and it is subtracted from each value too.
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
from .text_lengths import column_of, is_left, load_lengths, value_count

SAVED_BYTES = 16
"""Bytes that the backward pass needs per channel: mean, 1 / standard deviation, variance, and in
training the negative rounding error of the mean in standard deviations."""


_NORMALIZED = "normalized = (x - mean - offset) / std"
"""A line of the loop listing while training; at inference it has no multiply-add."""


def _channels(
    f: Function, layout: FeatureMapLayout, sizes: Mapping[str, tuple[str, int]]
) -> Iterator[tuple[Loop, int]]:
    """Open loops over channels, a tile of channels at a time. Yields the loop and the channels of
    its tile. ``sizes`` gives each pointer's start and its bytes per channel."""
    first = 0
    for tile, repeat in run_lengths(split_evenly(layout.channels, 4)):
        strided = {
            key: (f.at(start, first * size), size * tile) for key, (start, size) in sizes.items()
        }
        with f.loop("channels", repeat, strided, remark=f"{tile} at once") as c:
            yield c, tile
        first += tile * repeat


def _mean(f: Function, total: str, mask: str, count: str) -> str:
    """The mean of a channel from its sums per example."""
    present = f.select(mask, total, "zeroinitializer")
    return f.op("fdiv", f.sum_lanes(present), count, "float")


def _present(f: Function, layout: FeatureMapLayout, *, padded: bool) -> tuple[str, str]:
    """The mask of lanes with an example, and the number of values per channel."""
    mask = f.first_lanes("%examples")
    if padded:
        return mask, value_count(f, layout, mask)
    values = f.op("mul", "%examples", str(layout.cells), "i64")
    return mask, f.cast("sitofp", values, "i64", "float")


def batch_statistics(
    f: Function, layout: FeatureMapLayout, epsilon: float, *, padded: bool
) -> None:
    """Write the kernel (source, saved, examples): the group's statistics of each channel. If it is
    ``padded``, ``lengths`` of the texts follows; the source is zero after their ends."""
    f.note("batch statistics of each channel; offset: the rounding error of the mean")
    mask, count = _present(f, layout, padded=padded)
    lengths = load_lengths(f) if padded else ""
    size = layout.channel_bytes
    sizes = {"source": ("%source", size), "saved": ("%saved", SAVED_BYTES)}
    for c, tile in _channels(f, layout, sizes):
        totals = cell_sums(f, layout, c["source"], tile)
        means = [_mean(f, total, mask, count) for total in totals]
        wide = [f.broadcast(mean) for mean in means]
        zero = [(f.vector, "zeroinitializer")] * (2 * tile)
        with f.loop("cells", layout.cells, {"x": (c["source"], GROUP_BYTES)}, zero) as cell:
            sums = list(cell.carried)
            filled = is_left(f, lengths, column_of(f, layout, cell.index)) if padded else ""
            with f.note_products("sum += (x - mean) * (x - mean), offset += x - mean"):
                for o in range(tile):
                    difference = f.op("fsub", f.load(cell["x"], o * size), wide[o])
                    if padded:
                        difference = f.select(filled, difference, "zeroinitializer")
                    sums[2 * o] = f.fma(difference, difference, sums[2 * o])
                    sums[2 * o + 1] = f.op("fadd", sums[2 * o + 1], difference)
            cell.carried = sums
        f.note(f"store {tile} means, variances, standard deviations and offsets")
        for o, mean in enumerate(means):
            totals = cell.carried[2 * o : 2 * o + 2]
            variance, offset = (_mean(f, total, mask, count) for total in totals)
            scale = _store_statistics(f, c["saved"], SAVED_BYTES * o, (mean, variance), epsilon)
            negative = f.value(f"fneg float {f.op('fmul', offset, scale, 'float')}")
            f.store(negative, c["saved"], SAVED_BYTES * o + 12, "float")


def load_running_stats(f: Function, channels: int, epsilon: float) -> None:
    """Write the kernel (mean, variance, saved): the running statistics in the form of
    `batch_statistics`, without a rounding error."""
    strided = {"mean": ("%mean", 4), "variance": ("%variance", 4), "saved": ("%saved", SAVED_BYTES)}
    f.note("mean and standard deviation of each channel from the running statistics")
    with f.loop("channels", channels, strided) as c:
        f.note("store mean and standard deviation")
        variance, mean = (f.load(c[key], 0, "float") for key in ("variance", "mean"))
        _store_statistics(f, c["saved"], 0, (mean, variance), epsilon)


def _store_statistics(
    f: Function, saved: str, offset: int, statistics: tuple[str, str], epsilon: float
) -> str:
    """Store a channel's mean, variance and 1 / standard deviation; returns the last one."""
    mean, variance = statistics
    f.store(mean, saved, offset, "float")
    stabilized = f.op("fadd", variance, float_constant(epsilon), "float")
    deviation = f.value(f"call float @llvm.sqrt.f32(float {stabilized})")
    scale = f.op("fdiv", float_constant(1), deviation, "float")
    f.store(scale, saved, offset + 4, "float")
    f.store(variance, saved, offset + 8, "float")
    return scale


def normalize(f: Function, layout: FeatureMapLayout, *, training: bool, relu: bool) -> None:
    """Write the kernel (source, saved, weight, bias, output)."""
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
    """The backward pass of batch norm. ``training``: the statistics are the group's own."""

    layout: FeatureMapLayout
    training: bool
    masked: bool
    needs_input_gradient: bool
    padded: bool = False
    """Whether the source is padded after the end of each text; the upstream gradient is zero
    there."""


class _Channel(NamedTuple):
    """A channel's numbers, each in all lanes."""

    mean: str
    scale: str
    """1 / standard deviation."""
    offset: str = ""
    """In training, the negative rounding error of the mean in standard deviations."""
    factor: str = ""
    """Weight / standard deviation."""
    mean_gradient: str = ""
    """In training, the mean gradient of the channel, which is subtracted."""
    projection: str = ""
    """In training, the negative mean of gradient * normalized value."""

    def normal(self, f: Function, x: str) -> str:
        """The normalized value."""
        difference = f.op("fsub", x, self.mean)
        return (
            f.fma(difference, self.scale, self.offset)
            if self.offset
            else f.op("fmul", difference, self.scale)
        )


def _channel(f: Function, saved: str, offset: int = 0, *, training: bool) -> _Channel:
    """The numbers that `batch_statistics` or `load_running_stats` stored for a channel."""
    offsets = (0, 4, 12) if training else (0, 4)
    return _Channel(*(f.load_splat(saved, offset + more) for more in offsets))


def _normal_form(*, training: bool) -> str:
    """The normalized value, as the loop listing shows it."""
    return "normalized" if training else "(x - mean) / std"


def normalize_backward(f: Function, spec: NormBackward) -> None:
    """Write the kernel (source, saved, weight, upstream, weight_gradient, bias_gradient, output,
    examples). The source is also the ReLU mask. If it is padded, ``lengths`` follows."""
    inputs = " and input" if spec.needs_input_gradient else ""
    f.note(f"gradients of weight, bias{inputs}")
    mask, count = _present(f, spec.layout, padded=spec.padded)
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
        offsets = (SAVED_BYTES * o for o in range(tile))
        channels = [_channel(f, c["saved"], offset, training=spec.training) for offset in offsets]
        totals = _parameter_sums(f, spec, c, channels)
        for o, channel in enumerate(channels):
            weight_gradient, bias_gradient = (
                f.sum_lanes(total) for total in totals[2 * o : 2 * o + 2]
            )
            for key, more in (("dweight", weight_gradient), ("dbias", bias_gradient)):
                old = f.load(c[key], 4 * o, "float")
                f.store(f.op("fadd", old, more, "float"), c[key], 4 * o, "float")
            if spec.needs_input_gradient:
                pointers = {key: f.at(c[key], o * size) for key in ("x", "upstream", "out")}
                factor = f.op("fmul", f.load_splat(c["weight"], 4 * o), channel.scale)
                mean_gradient, projected = (
                    f.op("fdiv", s, count, "float") for s in (bias_gradient, weight_gradient)
                )
                negative = f.broadcast(f.value(f"fneg float {projected}"))
                numbers = channel._replace(
                    factor=factor, mean_gradient=f.broadcast(mean_gradient), projection=negative
                )
                _source_gradient(f, spec, pointers, numbers, mask)


def _parameter_sums(
    f: Function, spec: NormBackward, c: Loop, channels: list[_Channel]
) -> list[str]:
    """For each channel the sums per example of gradient * normalized value and of the gradient."""
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
    f: Function, spec: NormBackward, pointers: dict[str, str], c: _Channel, mask: str
) -> None:
    """The input gradient of one channel."""
    cells = {key: (start, GROUP_BYTES) for key, start in pointers.items()}
    means = "; mean_gradient, projection: over all its cells" if spec.training else ""
    with f.loop("cells", spec.layout.cells, cells, remark=f"of one channel{means}") as cell:
        x, rest = f.load(cell["x"]), f.load(cell["upstream"])
        if spec.training:  # before any other rounding: most of the value may cancel here
            with f.note_products(_NORMALIZED):
                normal = c.normal(f, x)
            with f.note_products("centered = gradient - mean_gradient - normalized * projection"):
                rest = f.fma(normal, c.projection, f.op("fsub", rest, c.mean_gradient))
        value = "centered" if spec.training else "gradient"
        f.note(f"store {value} * weight / std{relu_mask_text(spec.masked)}")
        gradient = f.op("fmul", rest, c.factor)
        if spec.training:  # a lane without an example has no gradient
            gradient = f.select(mask, gradient, "zeroinitializer")
        if spec.masked:
            gradient = f.where_positive(x, gradient)
        f.store(gradient, cell["out"])


def add_statistics(f: Function, channels: int) -> None:
    """Write the kernel (saved, mean, variance, examples): add the group's statistics, weighted by
    its number of examples, to the shard's."""
    count = f.cast("sitofp", "%examples", "i64", "float")
    strided = {"saved": ("%saved", SAVED_BYTES), "mean": ("%mean", 4), "variance": ("%variance", 4)}
    f.note("add the group's statistics to the shard's")
    with f.loop("channels", channels, strided) as c:
        f.note("shard's mean and variance += number of examples * mean and variance")
        for key, offset in (("mean", 0), ("variance", 8)):
            seen = f.op("fmul", f.load(c["saved"], offset, "float"), count, "float")
            f.store(f.op("fadd", f.load(c[key], 0, "float"), seen, "float"), c[key], 0, "float")
