"""Embedding: a row of the table for each position's word."""

from __future__ import annotations

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function


def look_up(f: Function, stack: FeatureMapLayout, *, relu: bool) -> None:
    """The function (words, weight, output): ``words`` sixteen pointers, one a picture, each to as
    many i64 as there are positions; ``output`` [channel][position][16]."""
    f.note("the numbers of each position's word")
    with f.loop("pictures", 16, {"words": ("%words", 8), "out": ("%output", f.bytes)}) as lane:
        words = f.load(lane["words"], 0, "ptr")
        moving = {"word": (words, 8), "out": (lane["out"], stack.cell_bytes)}
        with f.loop("positions", stack.cells, moving) as position:
            row = {
                "weight": (_row(f, "%weight", position["word"], stack), f.bytes),
                "out": (position["out"], stack.channel_bytes),
            }
            with f.loop("channels", stack.channels, row) as c:
                f.note(f"keep weight[word][c]{', at least 0 (relu)' if relu else ''}")
                value = f.load(c["weight"], 0, f.real)
                if relu:
                    below = f.op("fcmp olt", value, "0.0", f.real)
                    value = f.value(f"select i1 {below}, {f.real} 0.0, {f.real} {value}")
                f.store(value, c["out"], 0, f.real)


def look_up_backward(f: Function, stack: FeatureMapLayout) -> None:
    """The function (words, upstream, gradient, count): picture by picture, position by position,
    added to the row of the word."""
    pictures = {"words": ("%words", 8), "upstream": ("%upstream", 4)}
    f.note("each position's slopes onto those of its word")
    with f.loop("pictures", "%count", pictures, at_least_once=True) as lane:
        words = f.load(lane["words"], 0, "ptr")
        moving = {"word": (words, 8), "upstream": (lane["upstream"], GROUP_BYTES)}
        with f.loop("positions", stack.cells, moving) as position:
            row = {
                "gradient": (_row(f, "%gradient", position["word"], stack), 4),
                "upstream": (position["upstream"], stack.channel_bytes),
            }
            with f.loop("channels", stack.channels, row) as c:
                f.note("weight's slope[word][c] += slope[c]")
                old, more = (f.load(c[key], 0, "float") for key in ("gradient", "upstream"))
                f.store(f.op("fadd", old, more, "float"), c["gradient"], 0, "float")


def _row(f: Function, table: str, word: str, stack: FeatureMapLayout) -> str:
    """The pointer to the row of the word at a place."""
    return f.at(table, f.op("mul", f.load(word, 0, "i64"), str(f.bytes * stack.channels), "i64"))
