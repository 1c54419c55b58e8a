"""Dropout: which values sit out is a function of seed, epoch, picture, layer and cell."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function, Pointers, splat
from ..ir.loop_notes import passing
from .threefry import picture_keys, threefry


@dataclass(frozen=True)
class DropoutForward:
    """Dropout of a stack. ``layer``: its number in the network, which its random words hang on."""

    stack: FeatureMapLayout
    rate: float
    layer: int
    relu: bool


def drop(f: Function, what: DropoutForward) -> None:
    """The function (source, output, factors, key, pictures): ``key`` is that of seed, purpose and
    epoch, ``pictures`` the numbers of the group's; ``factors`` are kept for the way back."""
    f.note(f"each value sits out by a chance of {what.rate:g}")
    pairs, rest = divmod(what.stack.values, 2)
    keys = threefry(
        f, picture_keys(f, "%key", "%pictures"), splat(16, what.layer, "i32"), "zeroinitializer"
    )
    size = 2 * what.stack.cell_bytes
    moving = {"x": ("%source", size), "y": ("%output", size), "factors": ("%factors", size)}
    if pairs:
        with f.loop("pairs", pairs, moving, what="2 values share a draw") as pair:
            _pair(f, what, pair, keys, f.cast("trunc", pair.index, "i64", "i32"), 2)
    if rest:
        last = {key: f.at(start, pairs * size) for key, (start, _) in moving.items()}
        _pair(f, what, last, keys, str(pairs), 1)


def _pair(
    f: Function,
    what: DropoutForward,
    place: Pointers,
    keys: tuple[str, str],
    counter: str,
    cells: int,
) -> None:
    """Two cells, or a last one, share a counter, one word each."""
    f.note(f"draw for {cells} of each picture's values, by seed, epoch, picture, layer and cell")
    f.note(
        f"keep 0 or value / {1 - what.rate:g}{', at least 0 (relu)' if what.relu else ''}"
        ", and its factor"
    )
    words = threefry(f, keys, f.broadcast(counter, "i32"), "zeroinitializer")
    bound = splat(16, ceil(what.rate * 2**24), "i32")  # word / 2**24 < rate, in whole numbers
    for cell in range(cells):
        drawn = f.op("lshr", words[cell], splat(16, 8, "i32"), "<16 x i32>")
        out = f.op("icmp ult", drawn, bound, "<16 x i32>")
        factor = f.select(out, "zeroinitializer", f.constant(1 / (1 - what.rate)))
        y = f.op("fmul", f.load(place["x"], cell * what.stack.cell_bytes), factor)
        f.store(f.relu(y) if what.relu else y, place["y"], cell * what.stack.cell_bytes)
        f.store(factor, place["factors"], cell * what.stack.cell_bytes)


def drop_backward(f: Function, stack: FeatureMapLayout, *, masked: bool) -> None:
    """The function (source, factors, upstream, output): the same factors; source is the mask."""
    moving = {
        key: (f"%{key}", stack.cell_bytes) for key in ("source", "factors", "upstream", "output")
    }
    f.note("slopes of values that sat out are 0")
    with f.loop("values", stack.values, moving) as value:
        f.note(f"keep slope * factor{passing(masked)}")
        gradient = f.op("fmul", f.load(value["upstream"]), f.load(value["factors"]))
        if masked:
            gradient = f.where_positive(f.load(value["source"]), gradient)
        f.store(gradient, value["output"])
