"""A network's parameters nudged natively: what runs, and how its numbers lie."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping
from math import fsum
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array
from ...core.ghost_batch import GROUP_SIZE, StepContext, ghost_batches
from ...core.rng import DROPOUT, derive_key
from ...spec.architecture import Architecture, ArrayEntry
from ...spec.optimizers import NUDGE_SIZE
from ..codegen.finite_differences import generate_finite_difference_ir
from ..ir.target import Target
from ..ir.thread_header import HEADER_BYTES
from .compiled_program import (
    MULTIPLICATIONS_PER_THREAD,
    check_program_size,
    compile_cached,
    prepare_threads,
)
from .llvm_compiler import host_target
from .thread_pool import ProgramContext, aligned, run_on_threads

Between = Callable[[], None] | None
_AT_ONCE = 1_500_000_000
"""Multiplications between one look at what else there is to do and the next: a fraction of a
second."""
_PIECES = 4
"""Pieces that a thread's share is claimed in."""


class FiniteDifferences(NamedTuple):
    """The mean loss over the pictures, its slopes by parameter name, the statistics seen; all in
    float64."""

    loss: float
    arrays: dict[str, Array]
    observed: dict[str, Array]


class FiniteDifferenceProgram:
    """The machine code that nudges a network. ``training``: whether it is nudged in a training
    step, or as it answers."""

    def __init__(
        self,
        architecture: Architecture,
        loss: str,
        *,
        training: bool,
        form: Target | None = None,
        guard: int = 0,
    ) -> None:
        form = form or host_target()
        made = generate_finite_difference_ir(
            architecture, form, loss, training=training, guard=guard
        )
        check_program_size(made.text, made.memory)
        self.architecture, self.training, self.program = architecture, training, made
        self._native = compile_cached(made.text, form)
        self._weights = np.zeros(0)
        self.context, self.lock = ProgramContext(), threading.Lock()
        self.memories: list[Array] = []

    def nudges(
        self,
        arrays: Mapping[str, Array],
        x: Array,
        right: Array,
        moment: StepContext | None,
        threads: int,
        between: Between = None,
    ) -> FiniteDifferences:
        """Of parameters and averages by name, on pictures x, or words, with right classes."""
        assert (moment is not None) == self.training
        kind = np.int64 if self.architecture.reads_texts else np.float64
        x, moment = np.ascontiguousarray(x, kind), moment or StepContext(0, 0, np.arange(len(x)))
        rows = self.architecture.running_stats
        running_stats = _flat(rows, arrays)
        with self.lock:
            self._weights = _flat(self.architecture.parameters, arrays)
            self._tell(running_stats, x, right, moment)
            losses, seen = self._look(len(x), running_stats.size, threads)
            slopes = self._slopes(len(x), threads, between)
            self.context.release(
                "inputs", "groups", "running_stats", "losses", "observed_stats", "gradients"
            )
        observed = _mean_seen(seen, len(x)) if self.training else running_stats
        return FiniteDifferences(
            fsum(losses.tolist()) / len(x),
            _by_name(self.architecture.parameters, slopes),
            _by_name(rows, observed),
        )

    def _tell(self, running_stats: Array, x: Array, right: Array, moment: StepContext) -> None:
        """Tell the program what is nudged."""
        key = derive_key(moment.seed, DROPOUT, moment.epoch)
        self.context.write("inputs", x)  # words are read where they lie
        self.context.write("groups", self._laid(x, right, moment.indices))
        self.context.write("count", len(x))
        self.context.write("key", np.array([key.low, key.high], np.uint32))
        self.context.write("running_stats", running_stats)
        self.context.write_double("step_size", NUDGE_SIZE)

    def _laid(self, x: Array, right: Array, numbers: Array) -> Array:
        """The groups, each a header and an input; lanes without a picture get the last one's."""
        count = -(-len(x) // GROUP_SIZE)
        lanes = np.minimum(np.arange(GROUP_SIZE * count), len(x) - 1)
        blocks = aligned(count * self.program.block, np.uint8).reshape(count, -1)
        head = blocks[:, :HEADER_BYTES].view(np.int64).reshape(count, -1, GROUP_SIZE)
        words = x.ctypes.data + np.arange(len(x)) * x[0].nbytes
        for place, told in enumerate((numbers, right, words)):  # as header.py says
            head[:, place] = told[lanes].reshape(count, GROUP_SIZE)
        if not self.architecture.reads_texts:
            inputs = blocks[:, HEADER_BYTES:].view(np.float64).reshape(count, -1, GROUP_SIZE)
            inputs[:] = (
                x.reshape(len(x), -1)[lanes].reshape(count, GROUP_SIZE, -1).transpose(0, 2, 1)
            )
        return blocks

    def _look(self, pictures: int, running_stats: int, threads: int) -> tuple[Array, Array]:
        """The loss of each picture, the statistics of each group."""
        count = -(-pictures // GROUP_SIZE)
        losses, seen = aligned(GROUP_SIZE * count, np.float64), np.zeros((count, running_stats))
        self.context.write("losses", losses)
        self.context.write("observed_stats", seen)
        work = pictures * self.architecture.multiplications
        self._run("look", min(threads, count, 1 + work // MULTIPLICATIONS_PER_THREAD))
        return losses[:pictures], seen

    def _slopes(self, pictures: int, threads: int, between: Between) -> Array:
        """How the mean loss changes with each parameter, per unit; some parameters at a time, so
        that nobody waits long to interrupt it."""
        slopes = np.zeros(self.architecture.parameter_count)
        self.context.write("gradients", slopes)
        each = 2 * pictures * self.architecture.multiplications
        at_once = max(1, _AT_ONCE // max(1, each))
        for number, size in self.program.learning:
            for first in range(0, size, at_once):
                count = min(at_once, size - first)
                most = min(threads, 1 + count * each // MULTIPLICATIONS_PER_THREAD)
                self.context.write("first", first)
                self.context.write("stop", first + count)
                self.context.write("chunk", -(-count // (_PIECES * most)) if most > 1 else count)
                self._run(f"nudge{number}", most)
                if between:
                    between()
        return slopes / (2 * NUDGE_SIZE * pictures)

    def _run(self, name: str, threads: int) -> None:
        """So many threads through one of the program's functions at once, or as many as there is
        memory for, each with weights of its own."""
        threads = prepare_threads(self.context, self.memories, self.program.memory, threads)
        place = self.program.plan.buffers["weights"]
        for memory in self.memories[:threads]:
            memory[place.offset : place.offset + place.size].view(np.float64)[:] = self._weights
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        function: Callable[[int, int], None] = kind(self._native.address(name))
        run_on_threads(function, self.context.address, threads)


def _mean_seen(seen: Array, pictures: int) -> Array:
    """The mean of the groups' statistics, each counted by its pictures."""
    sizes = np.array([group.stop - group.start for group in ghost_batches(pictures)])
    return np.asarray(np.add.accumulate(seen * sizes[:, None], axis=0)[-1] / pictures)


def _flat(rows: tuple[ArrayEntry, ...], arrays: Mapping[str, Array]) -> Array:
    """The arrays of some lines of the table, one after the other."""
    flat = np.zeros(sum(row.size for row in rows))
    for row in rows:
        flat[row.offset : row.offset + row.size] = arrays[row.name].ravel()
    return flat


def _by_name(rows: tuple[ArrayEntry, ...], flat: Array) -> dict[str, Array]:
    """The other way round."""
    return {row.name: flat[row.offset : row.offset + row.size].reshape(row.shape) for row in rows}
