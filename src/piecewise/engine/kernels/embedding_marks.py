"""Marks of a large embedding table: which blocks of its gradient a shard has added to.

A step reads few of the tokens in a large vocabulary, so most of the table's gradient is zero. The
marks let the optimizer step sum, and clear, only the blocks that are not. A block is sixteen
parameters, and may hold parts of several rows. It has one byte per shard.
"""

from __future__ import annotations

from typing import NamedTuple

from ...spec.architecture import Architecture
from ...spec.layer_base import PADDING
from ...spec.layers import Embed
from ..ir.llvm_text import Function

MAX_SHARDS = 16
"""Shards of a batch, at most: partial sums of the gradient that threads compute separately. One
vector holds the marks of a block."""

MIN_BLOCKS = 1 << 14
"""The smallest table with marks: 1 MiB. The shards of a smaller one stay in the processor's cache,
where they are cleared and added in less time than marks take."""


class MarkedTable(NamedTuple):
    """The embedding table at the start of the parameters."""

    rows: int
    channels: int
    positions: int
    """Tokens of a text."""

    @property
    def blocks(self) -> int:
        """Blocks of sixteen parameters that belong to the table alone."""
        return self.rows * self.channels // 16

    @property
    def mark_bytes(self) -> int:
        """Bytes of all marks. One block more than `blocks`, because the end of the last row may
        share a block with other parameters."""
        return MAX_SHARDS * (self.blocks + 1)


def large_table(architecture: Architecture) -> MarkedTable | None:
    """The table of a network that begins with an embedding, if it is large."""
    first = architecture.stages[0]
    if not isinstance(first.layer, Embed):
        return None
    rows, channels = first.parameters[0].shape
    table = MarkedTable(rows, channels, first.output.width)
    return table if table.blocks >= MIN_BLOCKS else None


def mark_blocks(f: Function, table: MarkedTable) -> None:
    """Write the kernel (words, marks, count): mark the blocks of every token that is not padding.
    ``marks`` points to the shard's mark of the first block."""
    with f.loop("examples", "%count", {"words": ("%words", 8)}, at_least_once=True) as example:
        words = {"word": (f.load(example["words"], 0, "ptr"), 8)}
        with f.loop("positions", table.positions, words) as position:
            token = f.load(position["word"], 0, "i64")
            with f.when(f.op("icmp ne", token, str(PADDING), "i64")):
                _mark_row(f, table, token)


def _mark_row(f: Function, table: MarkedTable, token: str) -> None:
    """Mark the blocks of a token's row."""
    start = f.op("mul", token, str(table.channels), "i64")
    first = f.op("lshr", start, "4", "i64")
    count: int | str = table.channels // 16
    if table.channels % 16:
        end = f.op("add", start, str(table.channels + 15), "i64")
        count = f.op("sub", f.op("lshr", end, "4", "i64"), first, "i64")
    marks = f.at("%marks", f.op("mul", first, str(MAX_SHARDS), "i64"))
    with f.loop("blocks", count, {"mark": (marks, MAX_SHARDS)}, at_least_once=True) as block:
        # most are marked already; storing again would take the line from other threads
        unmarked = f.op("icmp eq", f.load(block["mark"], 0, "i8"), "0", "i8")
        with f.when(unmarked):
            f.store("1", block["mark"], 0, "i8")
