"""Lengths of texts in a group, and the padding after them.

Every layer of a text has a length for each example: sixteen i32, one per lane. The cells of a row
from there on are padding, and zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...spec.layer_base import PADDING
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function, Module, splat

LENGTHS = "<16 x i32>"
LENGTHS_BYTES = 64
"""Bytes of the lengths of one layer."""


def text_lengths(
    f: Function, module: Module, positions: int, tables: Sequence[Sequence[int]], *, single: bool
) -> None:
    """Write the kernel (words, lengths). ``words`` is sixteen pointers to the token numbers (i64)
    of an example or, if ``single``, the token numbers of one example, which all lanes repeat.
    ``lengths`` [table][16] are those of ``tables``, by the index of the last token plus 1."""
    module.declarations |= {
        f"declare i32 @llvm.vector.reduce.{operation}.v16i32({LENGTHS})"
        for operation in ("add", "smin")
    }
    f.note("lengths: up to the last token that is not padding, and after each layer")
    lanes = {"lengths": ("%lengths", 4)}
    if single:
        length = _length(f, "%words", positions)
        with f.loop("lanes", 16, lanes) as lane:
            _store_lengths(f, module, tables, length, lane["lengths"])
        return
    with f.loop("examples", 16, lanes | {"words": ("%words", 8)}) as lane:
        length = _length(f, f.load(lane["words"], 0, "ptr"), positions)
        _store_lengths(f, module, tables, length, lane["lengths"])


def _length(f: Function, words: str, positions: int) -> str:
    """The index of the last token that is not padding, plus 1, as an i64; at least 1."""
    with f.loop("positions", positions, {"word": (words, 8)}, [("i64", "1")]) as position:
        f.note("length = position + 1, unless its token is padding")
        token = f.load(position["word"], 0, "i64")
        filled = f.op("icmp ne", token, str(PADDING), "i64")
        after = f.op("add", position.index, "1", "i64")
        length = f.value(f"select i1 {filled}, i64 {after}, i64 {position.carried[0]}")
        position.carried = [length]
    return position.carried[0]


def _store_lengths(
    f: Function, module: Module, tables: Sequence[Sequence[int]], length: str, lengths: str
) -> None:
    f.note(f"store {len(tables)} {'lengths' if len(tables) > 1 else 'length'}")
    offset = f.op("shl", length, "3", "i64")
    for number, table in enumerate(tables):
        entry = f.load(f.at(module.table(table), offset), 0, "i64")
        f.store(f.cast("trunc", entry, "i64", "i32"), lengths, number * LENGTHS_BYTES, "i32")


def load_lengths(f: Function) -> str:
    """The lengths of a kernel's argument ``lengths``."""
    return f.load("%lengths", 0, LENGTHS)


def cells_left(f: Function, lengths: str, start: str | int) -> str:
    """The cells of each text from column ``start`` on, or a number below 1."""
    if start == 0:
        return lengths
    wide = splat(16, start, "i32") if isinstance(start, int) else broadcast_index(f, start)
    return f.op("sub", lengths, wide, LENGTHS)


def broadcast_index(f: Function, index: str) -> str:
    """An i64 as an i32 in all lanes."""
    return f.broadcast(f.cast("trunc", index, "i64", "i32"), "i32")


def is_left(f: Function, left: str, cell: int | str) -> str:
    """The mask of lanes with more than ``cell`` cells left."""
    wide = splat(16, cell, "i32") if isinstance(cell, int) else broadcast_index(f, cell)
    return f.op("icmp sgt", left, wide, LENGTHS)


def divisor_of(f: Function, left: str, columns: str, rows: str) -> str:
    """The cells of a window of at most ``columns`` columns (a vector of i32) that hold text, times
    ``rows`` (a vector of i32), as real numbers; at least one column."""
    one = splat(16, 1, "i32")
    for limit, comparison in ((columns, "icmp slt"), (one, "icmp sgt")):
        nearer = f.op(comparison, left, limit, LENGTHS)
        left = f.select(nearer, left, limit, LENGTHS)
    return f.cast("sitofp", f.op("mul", left, rows, LENGTHS), LENGTHS, f.vector)


def value_count(f: Function, layout: FeatureMapLayout, mask: str) -> str:
    """The values of a channel that hold text, of the examples in the lanes of ``mask``."""
    present = f.select(mask, load_lengths(f), "zeroinitializer", LENGTHS)
    positions = f.value(f"call i32 @llvm.vector.reduce.add.v16i32({LENGTHS} {present})")
    wide = f.cast("sext", positions, "i32", "i64")
    values = f.op("mul", wide, str(layout.shape.height), "i64")
    return f.cast("sitofp", values, "i64", f.real)


def column_of(f: Function, layout: FeatureMapLayout, cell: str) -> str:
    """The column of a cell, by its number in a channel."""
    return cell if layout.shape.height == 1 else f.op("urem", cell, str(layout.shape.width), "i64")


def clear_padding(f: Function, layout: FeatureMapLayout) -> None:
    """Write the kernel (values, lengths): set the padding of each text to zero, in place. Columns
    that all sixteen examples fill are left out."""
    lengths = load_lengths(f)
    shortest = f.value(f"call i32 @llvm.vector.reduce.smin.v16i32({LENGTHS} {lengths})")
    first = f.cast("sext", shortest, "i32", "i64")
    columns = f.op("sub", str(layout.shape.width), first, "i64")
    start = f.at("%values", f.op("mul", first, str(layout.cell_bytes), "i64"))
    left = cells_left(f, lengths, first)
    f.note("positions after the end of a text become 0")
    rows = layout.channels * layout.shape.height
    with f.loop("rows", rows, {"x": (start, layout.row_bytes)}) as row:
        cells = {"x": (row["x"], layout.cell_bytes)}
        turns = f"up to {layout.shape.width - 1}"
        with f.loop("columns", columns, cells, trip_count=turns) as column:
            f.note("store value, or 0 after the end")
            filled = is_left(f, left, column.index)
            f.store(f.select(filled, f.load(column["x"]), "zeroinitializer"), column["x"])
