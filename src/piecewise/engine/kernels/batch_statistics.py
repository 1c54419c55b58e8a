"""Statistics of each channel over a group's examples and cells, for batch normalization.

They are computed in one walk over the feature maps. Each lane adds up, for its example, the
differences from a shift and their squares; the shift is the mean of the channel's first rows. Lanes
without an example are set to zero, the lanes are summed as a tree, and the sums are divided by the
number of values. With a shift that is near the mean, neither a large mean nor the subtraction of
squares costs accuracy: the first rows are 1/32 of the values or more, so their mean is at most
sqrt(31) standard deviations away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, float_constant
from ..ir.window_terms import runs
from .reductions import cell_sums
from .text_lengths import column_of, is_left, load_lengths, value_count

_SHIFT_PART = 32
"""The shift is the mean of one row for each 32 of a channel, rounded up."""
SHIFT, SCALE, OFFSET, MEAN, VARIANCE, MEAN_GRADIENT, PROJECTION = range(0, 28, 4)
"""Where the floats of a channel are saved. SCALE is 1 / standard deviation. OFFSET is shift - mean,
in standard deviations; it exists in training only, else the shift is the mean. The backward pass
writes the last two: the mean gradient, and the negative mean of gradient * normalized value."""
SAVED_BYTES = 28
"""Bytes of a channel's floats."""


def channel_tiles(
    f: Function, layout: FeatureMapLayout, sizes: Mapping[str, tuple[str, int]]
) -> Iterator[tuple[Loop, int]]:
    """Open loops over channels, a tile of channels at a time. Yields the loop and the channels of
    its tile. ``sizes`` gives each pointer's start and its bytes per channel."""
    for first, tile, repeat in runs(layout.channels, 4):
        strided = {
            key: (f.at(start, first * size), size * tile) for key, (start, size) in sizes.items()
        }
        with f.loop("channels", repeat, strided, remark=f"{tile} at once") as c:
            yield c, tile


def present_values(f: Function, layout: FeatureMapLayout, *, padded: bool) -> tuple[str, str]:
    """The mask of lanes with an example, and the number of values per channel."""
    mask = f.first_lanes("%examples")
    if padded:
        return mask, value_count(f, layout, mask)
    values = f.op("mul", "%examples", str(layout.cells), "i64")
    return mask, f.cast("sitofp", values, "i64", "float")


def _mean(f: Function, total: str, mask: str, count: str) -> str:
    """The mean of a channel from its sums per example."""
    present = f.select(mask, total, "zeroinitializer")
    return f.op("fdiv", f.sum_lanes(present), count, "float")


def shift_rows(layout: FeatureMapLayout) -> int:
    """The rows whose mean is the shift."""
    return -(-layout.shape.height // _SHIFT_PART)


def batch_statistics(
    f: Function, layout: FeatureMapLayout, epsilon: float, *, padded: bool
) -> None:
    """Write the kernel (source, saved, examples): the group's statistics of each channel. If it is
    ``padded``, ``lengths`` of the texts follows; the source is zero after their ends."""
    f.note("batch statistics of each channel; shift: the mean of its first rows")
    first = layout._replace(shape=layout.shape._replace(height=shift_rows(layout)))
    _, first_count = present_values(f, first, padded=padded)
    mask, count = present_values(f, layout, padded=padded)
    lengths = load_lengths(f) if padded else ""
    size = layout.channel_bytes
    sizes = {"source": ("%source", size), "saved": ("%saved", SAVED_BYTES)}
    for c, tile in channel_tiles(f, layout, sizes):
        totals = cell_sums(f, layout, c["source"], tile, cells=first.cells)
        shifts = [_mean(f, total, mask, first_count) for total in totals]
        wide = [f.broadcast(shift) for shift in shifts]
        zero = [(f.vector, "zeroinitializer")] * (2 * tile)
        with f.loop("cells", layout.cells, {"x": (c["source"], GROUP_BYTES)}, zero) as cell:
            sums = list(cell.carried)
            filled = is_left(f, lengths, column_of(f, layout, cell.index)) if padded else ""
            with f.note_products("sum += x - shift, squares += (x - shift) * (x - shift)"):
                for o in range(tile):
                    difference = f.op("fsub", f.load(cell["x"], o * size), wide[o])
                    if padded:
                        difference = f.select(filled, difference, "zeroinitializer")
                    sums[2 * o] = f.op("fadd", sums[2 * o], difference)
                    sums[2 * o + 1] = f.fma(difference, difference, sums[2 * o + 1])
            cell.carried = sums
        f.note(f"store {tile} shifts, means, variances, standard deviations and offsets")
        for o, shift in enumerate(shifts):
            means = (_mean(f, total, mask, count) for total in cell.carried[2 * o : 2 * o + 2])
            _store_shifted(f, f.at(c["saved"], SAVED_BYTES * o), (shift, *means), epsilon)


def _store_shifted(f: Function, saved: str, statistics: tuple[str, ...], epsilon: float) -> None:
    """Store a channel's statistics from its shift, and from the mean difference from the shift and
    the mean squared difference."""
    shift, difference, square = statistics
    below = f.op("fmul", difference, difference, "float")
    variance = f.op("fsub", square, below, "float")
    negative = f.op("fcmp olt", variance, float_constant(0), "float")  # by rounding
    variance = f.value(f"select i1 {negative}, float {float_constant(0)}, float {variance}")
    scale = _store_statistics(f, saved, (shift, variance), epsilon)
    offset = f.value(f"fneg float {f.op('fmul', difference, scale, 'float')}")
    f.store(offset, saved, OFFSET, "float")
    f.store(f.op("fadd", shift, difference, "float"), saved, MEAN, "float")


def load_running_stats(f: Function, channels: int, epsilon: float) -> None:
    """Write the kernel (mean, variance, saved): the running statistics in the form of
    `batch_statistics`, with the mean as the shift."""
    strided = {"mean": ("%mean", 4), "variance": ("%variance", 4), "saved": ("%saved", SAVED_BYTES)}
    f.note("mean and standard deviation of each channel from the running statistics")
    with f.loop("channels", channels, strided) as c:
        f.note("store mean and standard deviation")
        variance, mean = (f.load(c[key], 0, "float") for key in ("variance", "mean"))
        _store_statistics(f, c["saved"], (mean, variance), epsilon)


def _store_statistics(f: Function, saved: str, statistics: tuple[str, str], epsilon: float) -> str:
    """Store a channel's shift, variance and 1 / standard deviation; returns the last one."""
    shift, variance = statistics
    f.store(shift, saved, SHIFT, "float")
    stabilized = f.op("fadd", variance, float_constant(epsilon), "float")
    deviation = f.value(f"call float @llvm.sqrt.f32(float {stabilized})")
    scale = f.op("fdiv", float_constant(1), deviation, "float")
    f.store(scale, saved, SCALE, "float")
    f.store(variance, saved, VARIANCE, "float")
    return scale


def add_statistics(f: Function, channels: int) -> None:
    """Write the kernel (saved, mean, variance, examples): add the group's statistics, weighted by
    its number of examples, to the shard's."""
    count = f.cast("sitofp", "%examples", "i64", "float")
    strided = {"saved": ("%saved", SAVED_BYTES), "mean": ("%mean", 4), "variance": ("%variance", 4)}
    f.note("add the group's statistics to the shard's")
    with f.loop("channels", channels, strided) as c:
        f.note("shard's mean and variance += number of examples * mean and variance")
        for key, offset in (("mean", MEAN), ("variance", VARIANCE)):
            seen = f.op("fmul", f.load(c["saved"], offset, "float"), count, "float")
            f.store(f.op("fadd", f.load(c[key], 0, "float"), seen, "float"), c[key], 0, "float")
