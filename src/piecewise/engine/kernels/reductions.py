"""Reductions: sums over the lanes of a group and over the cells of a channel."""

from __future__ import annotations

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function
from ..ir.window_terms import runs


def reduce_lanes(f: Function) -> None:
    """Write the kernel (sums, gradient, count): add the sum of sixteen lanes to each of ``count``
    gradients. Sixteen trees are reduced together, which halves the additions of each round."""
    blocks = f.op("lshr", f.op("add", "%count", "15", "i64"), "4", "i64")
    strided = {"sums": ("%sums", 16 * GROUP_BYTES), "gradient": ("%gradient", 64)}
    f.note("sum each of %count gradients over the 16 examples and add it to the shard's")
    turns = "%count / 16 rounded up,"
    with f.loop("blocks", blocks, strided, at_least_once=True, trip_count=turns) as block:
        f.note("16 gradients: add examples i and i + 8, then i + 4, i + 2, i + 1")
        level = [f.load(block["sums"], index * GROUP_BYTES) for index in range(16)]
        for half in (8, 4, 2, 1):
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [_folded(f, a, b, half) for a, b in pairs]
        done = f.op("shl", block.index, "4", "i64")
        mask = f.first_lanes(f.op("sub", "%count", done, "i64"))
        old = masked_load(f, block["gradient"], mask)
        masked_store(f, f.op("fadd", old, level[0]), block["gradient"], mask)


def _folded(f: Function, a: str, b: str, half: int) -> str:
    """Two vectors of partial trees, each ``2 * half`` lanes wide, as one of trees half as wide."""
    low = [lane for lane in range(32) if lane % (2 * half) < half]
    high = [lane for lane in range(32) if lane % (2 * half) >= half]
    return f.op("fadd", f.shuffle(a, b, low), f.shuffle(a, b, high))


def masked_load(f: Function, pointer: str, mask: str) -> str:
    """Load floats where the mask is set, zero elsewhere."""
    v, n = f.vector, f.lanes
    arguments = f"ptr align 4 {pointer}, <{n} x i1> {mask}, {v} zeroinitializer"
    return f.value(f"call {v} @llvm.masked.load.v{n}f32.p0({arguments})")


def masked_store(f: Function, value: str, pointer: str, mask: str) -> None:
    """Store floats where the mask is set."""
    v, n = f.vector, f.lanes
    arguments = f"{v} {value}, ptr align 4 {pointer}, <{n} x i1> {mask}"
    f.line(f"call void @llvm.masked.store.v{n}f32.p0({arguments})")


def sum_cells(f: Function, upstream: FeatureMapLayout) -> None:
    """Write the kernel (upstream, sums): the sum of each channel's cells for each example, row by
    row; sums [channel][16]."""
    f.note("sum of the cells of each channel, per example")
    size = upstream.channel_bytes
    for channel, count, repeat in runs(upstream.channels, 8):
        strided = {
            "upstream": (f.at("%upstream", channel * size), count * size),
            "sums": (f.at("%sums", channel * GROUP_BYTES), count * GROUP_BYTES),
        }
        with f.loop("channels", repeat, strided, remark=f"{count} at once") as channels:
            totals = cell_sums(f, upstream, channels["upstream"], count)
            for o, total in enumerate(totals):
                f.store(total, channels["sums"], o * GROUP_BYTES)


def cell_sums(
    f: Function, layout: FeatureMapLayout, start: str, channels: int, cells: int | None = None
) -> list[str]:
    """The sums of the cells of some channels, or of their first ``cells``, one vector per channel;
    the first starts at ``start``."""
    zero = [(f.vector, "zeroinitializer")] * channels
    with f.loop("cells", cells or layout.cells, {"x": (start, layout.cell_bytes)}, zero) as cell:
        f.note(f"{channels} times sum += cell")
        cell.carried = [
            f.op("fadd", total, f.load(cell["x"], o * layout.channel_bytes))
            for o, total in enumerate(cell.carried)
        ]
    return cell.carried
