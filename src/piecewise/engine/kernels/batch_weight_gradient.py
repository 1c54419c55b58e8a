"""The weight gradient of a fully connected layer for a whole batch.

Each group of the batch has left its inputs and the gradients of its outputs in a record. For each
weight, the products of a shard's examples are added in turn, and then the sums of the shards in
turn: the order in which shards with gradients of their own are added. But the sums of a tile stay
in registers, so the gradient is written once, and not cleared, read and written by each shard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.llvm_text import GROUP_BYTES, Function
from ..ir.window_terms import run_lengths, runs, split_evenly, tile_height
from .fully_connected_weight_gradient import transposed_row_bytes
from .reductions import masked_store

ARGUMENTS = "inputs upstream gradient count:examples count:groups count:shards count:tiles"
_SPAN = 2
"""Vectors of inputs per tile: few, so that those of a whole batch stay in the cache."""


@dataclass(frozen=True)
class BatchWeightGradient:
    """The gradient of the weights of ``height`` neurons at a time."""

    inputs: int
    height: int
    record_bytes: int
    """Bytes from one group's record to the next."""


def neuron_tiles(neurons: int, sums: int) -> list[tuple[int, int]]:
    """(neurons per tile, tiles) of a layer. ``sums``: vectors that fit in registers; a tile has one
    for the shard and one for the total."""
    return run_lengths(split_evenly(neurons, tile_height(neurons, sums // (2 * _SPAN))))


def batch_weight_gradient(f: Function, spec: BatchWeightGradient) -> None:
    """Write the kernel (inputs, upstream, gradient, examples, groups, shards, tiles) for the next
    ``tiles`` tiles of neurons. ``inputs`` and ``upstream`` are in the first group's record."""
    full, rest = divmod(spec.inputs, f.lanes)
    vector = 4 * f.lanes
    f.note("weight gradient of a whole batch, when all its groups have run")
    for start, span, times in runs(full, _SPAN):
        columns = {
            "inputs": (f.at("%inputs", start * vector), span * vector),
            "gradient": (f.at("%gradient", start * vector), span * vector),
        }
        with f.loop("values", times, columns, remark=f"{span * f.lanes} at once") as x:
            _tiles(f, spec, span, x["inputs"], x["gradient"])
    if rest:
        mask = "<" + ", ".join(f"i1 {int(lane < rest)}" for lane in range(f.lanes)) + ">"
        with f.nested(f"for the last {rest} values"):
            inputs, gradient = (f.at(p, full * vector) for p in ("%inputs", "%gradient"))
            _tiles(f, spec, 1, inputs, gradient, mask)


class _Tile(NamedTuple):
    """A tile of neurons by vectors of inputs, with pointers into the first group's record."""

    span: int
    inputs: str
    upstream: str


def _tiles(
    f: Function, spec: BatchWeightGradient, span: int, inputs: str, gradient: str, mask: str = ""
) -> None:
    """The gradients of all neurons for some inputs. ``mask``: the lanes that are weights."""
    strided = {
        "upstream": ("%upstream", spec.height * GROUP_BYTES),
        "gradient": (gradient, spec.height * 4 * spec.inputs),
    }
    with f.loop(
        "neurons",
        "%tiles",
        strided,
        at_least_once=True,
        trip_count="%tiles",
        remark=f"{spec.height} at once",
    ) as tile:
        totals = _sum_shards(f, spec, _Tile(span, inputs, tile["upstream"]))
        f.note(f"store the {len(totals)} totals")
        for index, total in enumerate(totals):
            neuron, x = divmod(index, span)
            offset = neuron * 4 * spec.inputs + x * 4 * f.lanes
            if mask:
                masked_store(f, total, f.at(tile["gradient"], offset), mask)
            else:
                f.store(total, tile["gradient"], offset, align=4)


def _sum_shards(f: Function, spec: BatchWeightGradient, tile: _Tile) -> list[str]:
    """The totals of a tile: the sums of the shards, added in order. They start at -0, which changes
    no number that is added to it."""
    count = spec.height * tile.span
    f.note(f"{count} totals and {count} sums in registers: {spec.height} x {tile.span}")
    nothing = [(f.vector, f.constant(-0.0))] * count
    with f.loop(
        "shards", "%shards", carried=nothing, at_least_once=True, trip_count="%shards"
    ) as shard:
        first, stop = (
            f.op("udiv", f.op("mul", "%groups", number, "i64"), "%shards", "i64")
            for number in (shard.index, f.op("add", shard.index, "1", "i64"))
        )
        sums = _sum_groups(f, spec, tile, first, stop)
        f.note(f"{count} times total += sum")
        shard.carried = [
            f.op("fadd", total, part) for total, part in zip(shard.carried, sums, strict=True)
        ]
    return shard.carried


def _sum_groups(
    f: Function, spec: BatchWeightGradient, tile: _Tile, first: str, stop: str
) -> list[str]:
    """The sums of the products of the groups ``first`` to ``stop`` - 1."""
    offset = f.op("mul", first, str(spec.record_bytes), "i64")
    records = {
        "inputs": (f.at(tile.inputs, offset), spec.record_bytes),
        "upstream": (f.at(tile.upstream, offset), spec.record_bytes),
    }
    count = f.op("sub", stop, first, "i64")
    zero = [(f.vector, "zeroinitializer")] * (spec.height * tile.span)
    with f.loop("groups", count, records, zero, at_least_once=True, trip_count="%groups") as group:
        done = f.op("shl", f.op("add", first, group.index, "i64"), "4", "i64")
        left = f.op("sub", "%examples", done, "i64")
        some = f.op("icmp slt", left, "16", "i64")
        examples = f.value(f"select i1 {some}, i64 {left}, i64 16")
        strided = {
            "inputs": (group["inputs"], transposed_row_bytes(spec.inputs)),
            "upstream": (group["upstream"], 4),
        }
        carried = [(f.vector, total) for total in group.carried]
        with f.loop(
            "examples", examples, strided, carried, at_least_once=True, trip_count="%examples"
        ) as n:
            values = [f.load(n["inputs"], x * 4 * f.lanes) for x in range(tile.span)]
            errors = [f.load_splat(n["upstream"], o * GROUP_BYTES) for o in range(spec.height)]
            pairs = [(error, value) for error in errors for value in values]
            with f.note_products("sum[f][v] += gradient[f] * value[v]"):
                n.carried = [
                    f.fma(*pair, total) for pair, total in zip(pairs, n.carried, strict=True)
                ]
        group.carried = n.carried
    return group.carried
