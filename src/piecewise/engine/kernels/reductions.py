"""Sums over the lanes of a group, and over the cells of a map."""

from __future__ import annotations

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function
from ..ir.window_terms import run_lengths, split_evenly


def reduce_lanes(f: Function) -> None:
    """The function (sums, gradient, count): to each of ``count`` numbers of the gradient add the
    tree of its sixteen sums. Sixteen trees at a time: half of a round's additions are another's."""
    blocks = f.op("lshr", f.op("add", "%count", "15", "i64"), "4", "i64")
    moving = {"sums": ("%sums", 16 * GROUP_BYTES), "gradient": ("%gradient", 64)}
    f.note("the 16 pictures' sums of each of %count numbers added up, onto those of the shard")
    turns = "%count / 16 rounded up,"
    with f.loop("blocks", blocks, moving, at_least_once=True, turns=turns) as block:
        f.note("16 numbers: pictures i + 8, then i + 4, i + 2, i + 1")
        level = [f.load(block["sums"], index * GROUP_BYTES) for index in range(16)]
        for half in (8, 4, 2, 1):
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [_folded(f, a, b, half) for a, b in pairs]
        done = f.op("shl", block.index, "4", "i64")
        there = f.first_lanes(f.op("sub", "%count", done, "i64"))
        found = masked_load(f, block["gradient"], there)
        masked_store(f, f.op("fadd", found, level[0]), block["gradient"], there)


def _folded(f: Function, a: str, b: str, half: int) -> str:
    """Two vectors of partial trees, each ``2 * half`` lanes wide, as one of trees half as wide."""
    low = [lane for lane in range(32) if lane % (2 * half) < half]
    high = [lane for lane in range(32) if lane % (2 * half) >= half]
    return f.op("fadd", f.shuffle(a, b, low), f.shuffle(a, b, high))


def masked_load(f: Function, pointer: str, there: str) -> str:
    """The floats at a place, zero where the mask says no."""
    v, n = f.vector, f.lanes
    given = f"ptr align 4 {pointer}, <{n} x i1> {there}, {v} zeroinitializer"
    return f.value(f"call {v} @llvm.masked.load.v{n}f32.p0({given})")


def masked_store(f: Function, value: str, pointer: str, there: str) -> None:
    """Floats to a place, only where the mask says yes."""
    v, n = f.vector, f.lanes
    given = f"{v} {value}, ptr align 4 {pointer}, <{n} x i1> {there}"
    f.line(f"call void @llvm.masked.store.v{n}f32.p0({given})")


def sum_cells(f: Function, upstream: FeatureMapLayout) -> None:
    """The function (upstream, sums): each channel's cells added up for each picture, row by row;
    sums [channel][16]."""
    f.note("the cells of each map added up, for each picture")
    channel, size = 0, upstream.channel_bytes
    for count, repeat in run_lengths(split_evenly(upstream.channels, 8)):
        moving = {
            "upstream": (f.at("%upstream", channel * size), count * size),
            "sums": (f.at("%sums", channel * GROUP_BYTES), count * GROUP_BYTES),
        }
        with f.loop("maps", repeat, moving, what=f"{count} at once") as channels:
            totals = cell_sums(f, upstream, channels["upstream"], count)
            for o, total in enumerate(totals):
                f.store(total, channels["sums"], o * GROUP_BYTES)
        channel += count * repeat


def cell_sums(f: Function, stack: FeatureMapLayout, start: str, channels: int) -> list[str]:
    """The cells of some channels added up, a vector a channel; the first begins at ``start``."""
    zero = [(f.vector, "zeroinitializer")] * channels
    with f.loop("cells", stack.cells, {"x": (start, stack.cell_bytes)}, zero) as cell:
        f.note(f"{channels} times sum += cell")
        cell.carried = [
            f.op("fadd", total, f.load(cell["x"], o * stack.channel_bytes))
            for o, total in enumerate(cell.carried)
        ]
    return cell.carried
