"""Training steps that several processes share: each computes the gradients of some shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ...core.array_types import Array, Float32, Int64
from ...core.ghost_batch import GROUP_SIZE
from ...spec.architecture import Architecture
from ..codegen.network_program import ProgramSpec
from ..ir.program_context import STEPS_DONE, STOPPED
from ..kernels.embedding_marks import MAX_SHARDS
from .compiled_program import TrainingProgram

Term = tuple[int, Float32]
"""Values to add to a sum, and the index in the sum where they begin."""


class GradientExchange(Protocol):
    """Adds arrays of several processes (ranks). All ranks make the same calls in the same order."""

    rank: int
    size: int

    def sum_in_order(self, total: Float32, terms: Sequence[Term], members: int) -> None:
        """Set ``total`` on every rank to the value that it has on rank 0, plus the terms of rank 0,
        of rank 1, and so on, one after the other. The ranks from ``members`` on have no terms."""

    def unite(self, marks: Array) -> None:
        """Set ``marks`` on every rank to the bitwise or of the ranks' bytes."""


class SplitTrainingProgram(TrainingProgram):
    """Training steps whose shards are divided among the ranks of an exchange.

    The shards are added in their order, as by one process, and each rank makes the same optimizer
    step. So all ranks hold the same parameters, with the bits of a single process.
    """

    def __init__(
        self, architecture: Architecture, spec: ProgramSpec, exchange: GradientExchange
    ) -> None:
        assert spec.split, "the program needs its two entry functions"
        super().__init__(architecture, spec)
        self.exchange = exchange

    def run_steps(
        self, order: Array, labels: Array, batch: int, first: int, rates: Float32, threads: int
    ) -> tuple[Float32, int]:
        losses = self._begin_steps(order, labels, batch, first, rates)
        done = self.context.word(STEPS_DONE)
        for index in range(len(rates)):
            start = (first + index) * batch
            self.context.write("first", first + index)
            self.context.write("rates", rates[index : index + 1])
            self._run_step(losses[start : start + batch], threads)
            if done[0] == index or not np.isfinite(self.running_stats).all():
                break
        stop = (first + len(rates)) * batch
        return losses[first * batch : stop], int(done[0])

    def _run_step(self, losses: Float32, threads: int) -> None:
        """One step; ``losses``: the output, one per example of the step."""
        shards = min(-(-len(losses) // GROUP_SIZE), self.max_shards)
        rank, members = self.exchange.rank, min(self.exchange.size, shards)
        own = range(0)
        if rank < members:
            own = range(shards * rank // members, shards * (rank + 1) // members)
            self.context.write("first_shard", own.start)
            self.context.write("stop_shard", own.stop)
            self.run(self._thread_count(threads, len(losses) // members, len(own)))
        self._sum_shards(own, members, losses)
        if not np.isfinite(losses).all():
            self.context.word(STOPPED)[0] = 1
        else:
            self.run(self._thread_count(threads, len(losses), shards), self._code.apply_shards)

    def _sum_shards(self, own: range, members: int, losses: Float32) -> None:
        """Set the first shard to the sum of the shards of all ranks, and the losses to those of all
        examples. Of a large embedding table, only the marked blocks are exchanged."""
        layout = self.ir.layout
        rows, cells = self.shards.reshape(-1, layout.shard_floats), 16 * layout.marked_blocks
        tables, rest = rows[:, :cells].reshape(len(rows), -1, 16), rows[:, cells:]
        blocks = self._unite_marks()
        terms = [_packed(tables[shard], rest[shard], blocks) for shard in own]
        size = 16 * len(blocks) + rest.shape[1]
        total = np.zeros(size + len(losses), np.float32)
        added: list[Term] = [(0, term) for term in terms]
        if self.exchange.rank == 0:
            total[:size], total[size:] = terms[0], losses
            del added[0]
        elif terms:
            added.append((size, losses))
        self.exchange.sum_in_order(total, added, members)
        for shard in own:
            tables[shard, blocks] = 0
        tables[0, blocks] = total[: 16 * len(blocks)].reshape(-1, 16)
        rest[0] = total[16 * len(blocks) : size]
        losses[:] = total[size:]

    def _unite_marks(self) -> Int64:
        """The blocks of a large embedding table that any rank has added to; marks them in the first
        shard and in no other one."""
        if not self.ir.layout.table:
            return np.empty(0, np.int64)
        marks = self.marks[: MAX_SHARDS * self.ir.layout.marked_blocks].reshape(-1, MAX_SHARDS)
        united = np.asarray(marks.any(axis=1), np.uint8)
        self.exchange.unite(united)
        blocks = np.flatnonzero(united)
        marks[blocks] = np.eye(1, MAX_SHARDS, dtype=np.uint8)
        return blocks


def _packed(table: Float32, rest: Float32, blocks: Int64) -> Float32:
    """The values of a shard that are exchanged."""
    return np.concatenate([table[blocks].ravel(), rest]) if len(table) else rest
