"""A full layer's weight gradient: every error times every value, picture by picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.llvm_text import GROUP_BYTES, Function
from ..ir.window_terms import run_lengths, split_evenly
from .reductions import masked_load, masked_store


def turned_row_bytes(values: int) -> int:
    """Bytes of a picture's values, rounded up to whole vectors of sixteen."""
    return 4 * 16 * -(-values // 16)


def turn(f: Function, values: int) -> None:
    """The function (source, turned): [values][16] -> [16][values rounded up to 16]."""
    row = turned_row_bytes(values)
    moving = {"source": ("%source", 16 * GROUP_BYTES), "turned": ("%turned", 64)}
    f.note("each picture's values laid one after the other")
    with f.loop("blocks", -(-values // 16), moving, what="16 values of 16 pictures") as block:
        rows = [f.load(block["source"], index * GROUP_BYTES) for index in range(16)]
        for index, column in enumerate(f.transpose(rows)):
            f.store(column, block["turned"], index * row)


@dataclass(frozen=True)
class FullWeightGradient:
    """A gradient of ``neurons`` x ``inputs`` weights. ``sums``: the most vectors that a tile may
    carry."""

    inputs: int
    neurons: int
    sums: int


class _Tile(NamedTuple):
    """Some neurons by some vectors of inputs, and where their numbers begin."""

    neurons: int
    span: int
    turned: str
    upstream: str
    gradient: str


def outer(f: Function, what: FullWeightGradient) -> None:
    """The function (turned, upstream, gradient, count): a full layer's weight gradient, to which
    each of ``count`` pictures adds upstream times value, picture by picture.

    turned [16][inputs rounded up], upstream [neurons][16], gradient [neurons][inputs].
    """
    f.note(f"the slopes of {what.neurons} x {what.inputs} weights, picture by picture")
    whole, rest = divmod(what.inputs, f.lanes)
    spans = split_evenly(whole, 4) if whole else []
    wide = max(spans, default=1)
    row, vector = 4 * what.inputs, 4 * f.lanes
    neuron = 0
    for count, repeat in run_lengths(split_evenly(what.neurons, max(1, min(8, what.sums // wide)))):
        moving = {
            "upstream": (f.at("%upstream", neuron * GROUP_BYTES), count * GROUP_BYTES),
            "gradient": (f.at("%gradient", neuron * row), count * row),
        }
        with f.loop("neurons", repeat, moving, what=f"{count} at once") as tiles:
            start, upstream = 0, tiles["upstream"]
            for span, times in run_lengths(spans):
                columns = {
                    "turned": (f.at("%turned", start * vector), span * vector),
                    "gradient": (f.at(tiles["gradient"], start * vector), span * vector),
                }
                turn = (
                    f"{span * f.lanes} at once, {f.lanes} to a vector: {count * span} in registers"
                )
                with f.loop("values", times, columns, what=turn) as x:
                    _add(f, what, _Tile(count, span, x["turned"], upstream, x["gradient"]))
                start += span * times
            if rest:
                place = whole * vector
                turned, gradient = f.at("%turned", place), f.at(tiles["gradient"], place)
                there = "<" + ", ".join(f"i1 {int(lane < rest)}" for lane in range(f.lanes)) + ">"
                with f.under(f"for the last {rest} values", f"{count} in registers"):
                    _add(f, what, _Tile(count, 1, turned, upstream, gradient), there)
        neuron += count * repeat


def _add(f: Function, what: FullWeightGradient, tile: _Tile, there: str = "") -> None:
    """All pictures' part of a tile. ``there``: which lanes are weights, if not all."""
    neurons, span, turned, upstream, gradient = tile
    vector = 4 * f.lanes
    places = [o * 4 * what.inputs + x * vector for o in range(neurons) for x in range(span)]
    if there:
        found = [masked_load(f, f.at(gradient, place), there) for place in places]
    else:
        found = [f.load(gradient, place, align=4) for place in places]
    moving = {"turned": (turned, turned_row_bytes(what.inputs)), "upstream": (upstream, 4)}
    carried = [(f.vector, value) for value in found]
    with f.loop("pictures", "%count", moving, carried, at_least_once=True) as n:
        values = [f.load(n["turned"], x * vector) for x in range(span)]
        errors = [f.load_splat(n["upstream"], o * GROUP_BYTES) for o in range(neurons)]
        pairs = [(error, value) for error in errors for value in values]
        with f.written("weight's slope[f][v] += slope[f] * value[v]"):
            n.carried = [f.fma(*pair, total) for pair, total in zip(pairs, n.carried, strict=True)]
    for place, value in zip(places, n.carried, strict=True):
        if there:
            masked_store(f, value, f.at(gradient, place), there)
        else:
            f.store(value, gradient, place, align=4)
