"""The weight gradients of large fully connected layers, computed for a whole batch at once.

A shard of its own for each group of a batch would write and read all weight gradients of such a
layer several times, which takes longer than to compute them. So the groups leave inputs and output
gradients in records. When all have run, the threads claim tiles of neurons and write their
gradients, summed over the shards, to the first shard.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..ir.thread_header import RECORD_OFFSET
from ..passes.fully_connected import NeuronTiles
from .training_loop_writer import LoopWriter

_TILES_PER_ITEM = 8
"""Tiles of neurons that a thread claims at once."""


def set_record(w: LoopWriter, memory: str, group: str) -> None:
    """Tell the passes where the record of a group of the batch is."""
    if w.layout.record_bytes:
        offset = w.integer("mul", group, w.layout.record_bytes)
        w.f.store(w.f.at(w.load_context("records", "ptr"), offset), memory, RECORD_OFFSET, "ptr")


def compute_batch_gradients(w: LoopWriter, examples: str, groups: str, shards: str) -> None:
    """Claim tiles of neurons and write their gradients to the first shard."""
    f, tiles = w.f, [tiles for record in w.layout.records for tiles in record.tiles]
    records, gradients = w.load_pointers("records", "shards")
    with f.repeat() as done:
        item = w.claim()
        f.break_if(done, w.integer("icmp sge", item, sum(map(_items, tiles))))
        for claimed, first in _claimed(w, tiles, item):
            record = claimed.record
            neuron = w.integer("mul", first, claimed.height)
            neuron = w.integer("add", neuron, claimed.first_neuron)
            left = w.integer("sub", str(claimed.repeats), first)
            pointers = (
                f.at(records, record.offset),
                f.at(f.at(records, record.upstream_offset), w.integer("shl", neuron, 6)),
                f.at(
                    f.at(gradients, 4 * record.first_weight),
                    w.integer("mul", neuron, 4 * record.inputs),
                ),
            )
            counts = (examples, groups, shards, w.minimum(left, str(_TILES_PER_ITEM)))
            arguments = [f"ptr {pointer}" for pointer in pointers]
            f.call(claimed.kernel, *arguments, *(f"i64 {count}" for count in counts))


def _items(tiles: NeuronTiles) -> int:
    return -(-tiles.repeats // _TILES_PER_ITEM)


def _claimed(
    w: LoopWriter, every: list[NeuronTiles], item: str
) -> Iterator[tuple[NeuronTiles, str]]:
    """Open a block for each kind of tiles that is executed if the item is one of its. Yields the
    tiles and the item's first one."""
    before = 0
    for tiles in every:
        offset = w.integer("sub", item, before)
        with w.f.when(w.integer("icmp ult", offset, _items(tiles))):
            yield tiles, w.integer("mul", offset, _TILES_PER_ITEM)
        before += _items(tiles)
