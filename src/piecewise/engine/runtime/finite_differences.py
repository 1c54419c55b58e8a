"""Finite differences at run time: nudge each parameter with native code, in float64."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from math import fsum
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array
from ...core.forked_child import renew_in_forked_child
from ...core.ghost_batch import GROUP_SIZE, StepContext, ghost_batches
from ...core.rng import DROPOUT, derive_key
from ...spec.architecture import Architecture, ArrayEntry
from ...spec.optimizer_constants import NUDGE_SIZE
from ..codegen.finite_difference_program import generate_finite_difference_ir
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

Callback = Callable[[], None] | None
_MULTIPLICATIONS_PER_CALL = 1_500_000_000
"""Multiplications between two calls of the callback: a fraction of a second."""
_CHUNKS_PER_THREAD = 4
"""Chunks of parameters per thread and call."""


class FiniteDifferences(NamedTuple):
    """The mean loss, its numerical gradients by parameter name, and the batch statistics; all in
    float64."""

    loss: float
    arrays: dict[str, Array]
    observed: dict[str, Array]


class FiniteDifferenceProgram:
    """The machine code that computes the finite differences of a network. ``training``: of a
    training step, or else of inference. ``frozen``: the number of frozen layers."""

    def __init__(
        self,
        architecture: Architecture,
        loss: str,
        *,
        training: bool,
        frozen: int = 0,
        target: Target | None = None,
        guard: int = 0,
    ) -> None:
        target = target or host_target()
        ir = generate_finite_difference_ir(
            architecture, target, loss, training=training, frozen=frozen, guard=guard
        )
        check_program_size(ir.text, ir.memory)
        self.architecture, self.training, self.ir = architecture, training, ir
        self._machine_code = compile_cached(ir.text, target)
        self._weights = np.zeros(0)
        stages = architecture.stages[:frozen]
        self._frozen_stats = sum(row.size for stage in stages for row in stage.running_stats)
        self.context, self.lock = ProgramContext(), threading.Lock()
        self.memories: list[Array] = []
        renew_in_forked_child(self)

    def renew_after_fork(self) -> None:
        """Start anew in a forked child: another thread may have been inside the program."""
        self.lock = threading.Lock()
        self.context.reset_barrier()

    def differences(
        self,
        arrays: Mapping[str, Array],
        inputs: Array,
        labels: Array,
        step_context: StepContext | None,
        threads: int,
        callback: Callback = None,
    ) -> FiniteDifferences:
        """Nudge each parameter. ``arrays``: parameters and running statistics by name; ``inputs``:
        floats or word indices."""
        assert (step_context is not None) == self.training
        kind = np.int64 if self.architecture.reads_texts else np.float64
        inputs = np.ascontiguousarray(inputs, kind)
        step_context = step_context or StepContext(0, 0, np.arange(len(inputs)))
        rows = self.architecture.running_stats
        running_stats = _flat(rows, arrays)
        with self.lock:
            self._weights = _flat(self.architecture.parameters, arrays)
            self._set_inputs(running_stats, inputs, labels, step_context)
            losses, stats = self._evaluate(len(inputs), running_stats.size, threads)
            gradient = self._gradient(len(inputs), threads, callback)
            self.context.release(
                "inputs", "groups", "running_stats", "losses", "observed_stats", "gradients"
            )
        observed = _mean_stats(stats, len(inputs)) if self.training else running_stats
        trained = [row for row in rows if row.offset >= self._frozen_stats]
        return FiniteDifferences(
            fsum(losses.tolist()) / len(inputs),
            _by_name(self.architecture.parameters, gradient),
            _by_name(trained, observed),
        )

    def _set_inputs(
        self, running_stats: Array, inputs: Array, labels: Array, step_context: StepContext
    ) -> None:
        """Write the inputs of the program to its context."""
        key = derive_key(step_context.seed, DROPOUT, step_context.epoch)
        self.context.write("inputs", inputs)  # the program reads word indices from here
        self.context.write("groups", self._pack_groups(inputs, labels, step_context.indices))
        self.context.write("count", len(inputs))
        self.context.write("key", np.array([key.low, key.high], np.uint32))
        self.context.write("running_stats", running_stats)
        self.context.write_double("step_size", NUDGE_SIZE)

    def _pack_groups(self, inputs: Array, labels: Array, indices: Array) -> Array:
        """The groups, each a header and an input. Unused lanes repeat the last example."""
        count = -(-len(inputs) // GROUP_SIZE)
        lanes = np.minimum(np.arange(GROUP_SIZE * count), len(inputs) - 1)
        groups = aligned(count * self.ir.group_bytes, np.uint8).reshape(count, -1)
        header = groups[:, :HEADER_BYTES].view(np.int64).reshape(count, -1, GROUP_SIZE)
        addresses = inputs.ctypes.data + np.arange(len(inputs)) * inputs[0].nbytes
        for row, values in enumerate((indices, labels, addresses)):  # in thread_header's order
            header[:, row] = values[lanes].reshape(count, GROUP_SIZE)
        if not self.architecture.reads_texts:
            packed = groups[:, HEADER_BYTES:].view(np.float64).reshape(count, -1, GROUP_SIZE)
            in_lanes = inputs.reshape(len(inputs), -1)[lanes].reshape(count, GROUP_SIZE, -1)
            packed[:] = in_lanes.transpose(0, 2, 1)
        return groups

    def _evaluate(
        self, examples: int, running_stat_count: int, threads: int
    ) -> tuple[Array, Array]:
        """Without a nudge: the loss of each example, the statistics of each group."""
        count = -(-examples // GROUP_SIZE)
        losses = aligned(GROUP_SIZE * count, np.float64)
        stats = np.zeros((count, running_stat_count))
        self.context.write("losses", losses)
        self.context.write("observed_stats", stats)
        work = examples * self.architecture.multiplications
        self._run("evaluate", min(threads, count, 1 + work // MULTIPLICATIONS_PER_THREAD))
        return losses[:examples], stats

    def _gradient(self, examples: int, threads: int, callback: Callback) -> Array:
        """The change of the mean loss per unit of each parameter. It runs a few parameters at a
        time and calls the callback in between, so that an interrupt takes effect soon."""
        sums = np.zeros(self.architecture.parameter_count)
        self.context.write("gradients", sums)
        each = 2 * examples * self.architecture.multiplications
        per_call = max(1, _MULTIPLICATIONS_PER_CALL // max(1, each))
        for number, size in self.ir.parameter_counts:
            for first in range(0, size, per_call):
                count = min(per_call, size - first)
                most = min(threads, 1 + count * each // MULTIPLICATIONS_PER_THREAD)
                chunk = -(-count // (_CHUNKS_PER_THREAD * most)) if most > 1 else count
                self.context.write("first", first)
                self.context.write("stop", first + count)
                self.context.write("chunk", chunk)
                self._run(f"differences{number}", most)
                if callback:
                    callback()
        return sums / (2 * NUDGE_SIZE * examples)

    def _run(self, name: str, threads: int) -> None:
        """Run one of the program's functions on this many threads, or on fewer if memory is
        limited, each with its own copy of the weights."""
        threads = prepare_threads(self.context, self.memories, self.ir.memory, threads)
        buffer = self.ir.plan.buffers["weights"]
        for memory in self.memories[:threads]:
            memory[buffer.offset : buffer.offset + buffer.size].view(np.float64)[:] = self._weights
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        function: Callable[[int, int], None] = kind(self._machine_code.address(name))
        run_on_threads(function, self.context.address, threads)


def _mean_stats(stats: Array, examples: int) -> Array:
    """The mean of the groups' statistics, weighted by the groups' sizes."""
    sizes = np.array([group.stop - group.start for group in ghost_batches(examples)])
    return np.asarray(np.add.accumulate(stats * sizes[:, None], axis=0)[-1] / examples)


def _flat(rows: tuple[ArrayEntry, ...], arrays: Mapping[str, Array]) -> Array:
    """The arrays of some rows of the parameter table as one flat array."""
    flat = np.zeros(sum(row.size for row in rows))
    for row in rows:
        flat[row.offset : row.offset + row.size] = arrays[row.name].ravel()
    return flat


def _by_name(rows: Sequence[ArrayEntry], flat: Array) -> dict[str, Array]:
    """The inverse of `_flat`."""
    return {row.name: flat[row.offset : row.offset + row.size].reshape(row.shape) for row in rows}
