"""Compiled batch programs: machine code with its memory, for inference and for training."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ...core.array_types import Array, Float32
from ...core.errors import LimitError
from ...core.forked_child import renew_in_forked_child
from ...core.ghost_batch import GROUP_SIZE
from ...core.rng import Key, derive_key, fold_in
from ...core.version import __version__
from ...spec.architecture import Architecture
from ...spec.augmentation import Augmentation
from ..codegen.network_program import NetworkIR, ProgramSpec, generate_network_ir
from ..ir.program_context import NEXT_ITEM, NEXT_WEIGHTS, STEPS_DONE, STOPPED, WEIGHTS
from ..ir.target import Target
from ..kernels.embedding_marks import MAX_SHARDS
from ..kernels.geometric_augmentation import geometry_parameters
from ..kernels.intensity_augmentation import intensity_parameters
from .code_cache import cached
from .llvm_compiler import MachineCode, compile_ir, compiler_version, host_target, load_object
from .thread_pool import MAX_THREADS, ProgramContext, aligned, processors, run_on_threads

MAX_SHARD_BYTES = 1 << 28
"""Bytes of all shards together; a network with more parameters has fewer shards."""
MULTIPLICATIONS_PER_THREAD = 16_000_000
"""Multiplications that take about as long as starting another thread and waiting for it."""
WORK_PER_THREAD = 2_000_000
"""Multiplications of the forward passes of a step, per thread: with less, waiting for the slowest
thread in every step takes longer than it saves."""
MAX_LINES = 200_000
"""Lines of LLVM IR that are still compiled: about ten seconds."""
MAX_MEMORY = 1 << 32
"""Bytes of all threads' memory together."""


def check_program_size(text: str, memory: int) -> None:
    """Raise LimitError if a program takes too long to compile or too much memory to run."""
    lines = text.count("\n")
    if lines > MAX_LINES:
        raise LimitError(
            f"layers: the program would have {lines:,} lines, wanted at most {MAX_LINES:,}; "
            "use fewer layers, or repeat layers of the same shape"
        )
    if memory > MAX_MEMORY:
        raise LimitError(
            f"layers: a thread would need {memory / 2**30:.1f} GB for the feature maps of sixteen "
            f"examples, wanted at most {MAX_MEMORY / 2**30:.0f} GB; use more pooling, or fewer "
            "features or a smaller input"
        )


def compile_cached(text: str, target: Target) -> MachineCode:
    """Compile LLVM IR to machine code, or load it from the code cache."""
    key = "\n".join([__version__, compiler_version(), target.processor, target.features, text])
    return load_object(cached(key, lambda: compile_ir(text, target)), target)


def prepare_threads(context: ProgramContext, memories: list[Array], size: int, threads: int) -> int:
    """Allocate ``size`` bytes for each thread that has none yet, and reset the counter of work
    items. Returns the number of threads to run: ``threads``, or fewer if there are fewer processors
    (threads without one would keep the others waiting) or if memory is limited."""
    threads = max(1, min(threads, processors(), MAX_THREADS, MAX_MEMORY // size))
    if len(memories) < threads or not context.holds("thread_memories"):
        memories += [aligned(size, np.uint8) for _ in range(threads - len(memories))]
        context.write("thread_memories", np.array([m.ctypes.data for m in memories], np.int64))
    context.word(NEXT_ITEM)[0] = 0
    return threads


class ProgramCode:
    """The machine code of a network for one spec. Several programs can share it."""

    def __init__(
        self, architecture: Architecture, spec: ProgramSpec, target: Target, guard: int
    ) -> None:
        self.ir: NetworkIR = generate_network_ir(architecture, target, spec, guard)
        check_program_size(self.ir.text, self.ir.memory)
        self._machine_code = compile_cached(self.ir.text, target)
        training = "compute_shards" if spec.split else "train"
        self.run = self._entry(training if spec.kind == "train" else "infer")
        self.apply_shards = self._entry("apply_shards") if spec.split else None
        self.draw_order: Callable[[int, int, int], None] | None = None
        if spec.kind == "train":
            kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
            self.draw_order = kind(self._machine_code.address("draw_order"))

    def _entry(self, name: str) -> Callable[[int, int], None]:
        """An entry function ``name(context, thread)``."""
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        return kind(self._machine_code.address(name))


@lru_cache(64)
def program_code(
    architecture: Architecture, spec: ProgramSpec, target: Target, guard: int = 0
) -> ProgramCode:
    """The code of a spec, compiled on first use."""
    return ProgramCode(architecture, spec, target, guard)


class CompiledProgram:
    """A network's machine code with memory for its threads. It runs one call at a time: callers
    that share a program hold its ``lock``."""

    def __init__(
        self,
        architecture: Architecture,
        spec: ProgramSpec,
        target: Target | None = None,
        guard: int = 0,
    ) -> None:
        self.architecture, self.spec = architecture, spec
        self._code = program_code(architecture, spec, target or host_target(), guard)
        self.ir = self._code.ir
        self.context = ProgramContext()
        self.memories: list[Array] = []
        self.lock = threading.Lock()
        renew_in_forked_child(self)

    def renew_after_fork(self) -> None:
        """Start anew in a forked child: another thread may have been inside the program."""
        self.lock = threading.Lock()
        self.context.reset_barrier()

    def run(self, threads: int, entry: Callable[[int, int], None] | None = None) -> None:
        """Run the program, or another of its entry functions, on this many threads, or on fewer if
        memory is limited."""
        threads = prepare_threads(self.context, self.memories, self.ir.memory, threads)
        self.context.write("threads", threads)
        run_on_threads(entry or self._code.run, self.context.address, threads)

    def set_inputs(self, inputs: Array, scaling: Float32) -> None:
        """Set the inputs: bytes, float32, or word indices in int64, contiguous. ``scaling``: the
        numbers a, b, c that turn a byte into (a * byte + b) / c."""
        self.context.write("inputs", inputs)
        self.context.write("stride", inputs[0].nbytes)
        self.context.write("byte_scaling", scaling)


class InferenceProgram(CompiledProgram):
    """Batch inference: the forward pass of a network."""

    def __init__(
        self,
        architecture: Architecture,
        *,
        uint8_input: bool = False,
        target: Target | None = None,
        guard: int = 0,
        kind: str = "infer",
    ) -> None:
        super().__init__(architecture, ProgramSpec(kind, uint8_input), target, guard)

    def logits(
        self, inputs: Array, flat: Float32, running_stats: Float32, scaling: Float32, threads: int
    ) -> Float32:
        """Inputs (N, ...) -> logits (N, classes)."""
        with self.lock:
            return self._logits(inputs, flat, running_stats, scaling, threads)

    def _logits(
        self, inputs: Array, flat: Float32, running_stats: Float32, scaling: Float32, threads: int
    ) -> Float32:
        logits = np.empty((len(inputs), len(self.architecture.classes)), np.float32)
        self.set_inputs(inputs, scaling)
        self.context.set_pointer(WEIGHTS, flat)
        self.context.write("running_stats", running_stats)
        self.context.write("logits", logits)
        self.context.write("count", len(inputs))
        work = len(inputs) * self.architecture.multiplications
        self.run(min(threads, len(inputs) // GROUP_SIZE, 1 + work // MULTIPLICATIONS_PER_THREAD))
        self.context.release("inputs", "logits", "running_stats", str(WEIGHTS))
        return logits


class FeatureMapProgram(InferenceProgram):
    """Inference that keeps the feature maps of every layer."""

    def __init__(
        self, architecture: Architecture, target: Target | None = None, guard: int = 0
    ) -> None:
        super().__init__(architecture, target=target, guard=guard, kind="feature maps")

    def feature_maps(
        self, example: Array, flat: Float32, running_stats: Float32
    ) -> dict[str, Float32]:
        """One input -> the feature maps (C, H, W) of each layer by name."""
        buffers, maps, previous = self.ir.plan.buffers, {}, example
        with self.lock:
            self._logits(example[None], flat, running_stats, np.ones(3, np.float32), 1)
            for stage in self.architecture.stages:
                buffer = buffers.get(stage.name)
                if buffer is not None:  # dropout has none: at inference it changes nothing
                    lanes = self.memories[0][buffer.offset : buffer.offset + buffer.size]
                    previous = lanes.view(np.float32)[::GROUP_SIZE].reshape(stage.output).copy()
                maps[stage.name] = previous
        return maps


class TrainingProgram(CompiledProgram):
    """Training steps with an optimizer, or the gradient alone if the spec's optimizer is "none".
    With a weighted spec, losses are multiplied by the sample weights; with a scaled one, gradients
    by factors of the parameters."""

    def __init__(
        self,
        architecture: Architecture,
        spec: ProgramSpec,
        target: Target | None = None,
        guard: int = 0,
    ) -> None:
        super().__init__(architecture, spec, target, guard)
        layout = self.ir.layout
        size = 16 * layout.blocks
        self._weights, self._next_weights = aligned(size), aligned(size)
        self.running_stats = aligned(16 * -(-layout.running_stat_count // 16))
        self.optimizer_state = aligned(size)
        self.second_moments = aligned(size if spec.optimizer == "adamw" else 0)
        self.max_shards = max(1, min(MAX_SHARDS, MAX_SHARD_BYTES // (4 * layout.shard_floats)))
        self.shards, self._records = aligned(0), aligned(0)
        self.marks = aligned(layout.table.mark_bytes if layout.table else 0, np.uint8)
        self._sample_weight_count = 0
        self._multiplications = architecture.multiplications
        self.dropout_key = derive_key(0)
        self.context.write("running_stats", self.running_stats)
        self.context.write("optimizer_state", self.optimizer_state)
        self.context.write("second_moments", self.second_moments)
        self.context.write("marks", self.marks)
        self.context.set_pointer(WEIGHTS, self._weights)
        self.context.set_pointer(NEXT_WEIGHTS, self._next_weights)
        self.set_dropout_epoch(0)
        if spec.augments:
            self.set_augmentation(Augmentation(), "any", 0, 0)

    def load_parameters(self, flat: Float32, running_stats: Float32) -> None:
        """Set the parameters and running statistics to start from."""
        self.current_weights[: flat.size] = flat
        self.running_stats[: running_stats.size] = running_stats

    @property
    def current_weights(self) -> Float32:
        """The current weights, padded to a multiple of sixteen."""
        first = self.context.word(WEIGHTS)[0] == self._weights.ctypes.data
        return self._weights if first else self._next_weights

    @property
    def gradient(self) -> Float32:
        """The gradient after `compute_gradient`, flat like the parameters."""
        return self.shards[: self.ir.layout.parameter_count].copy()

    def set_dropout_epoch(self, epoch: int) -> None:
        """Use the dropout masks of this epoch from now on."""
        key = fold_in(self.dropout_key, epoch)
        self.context.write("key", np.array([key.low, key.high], np.uint32))

    def set_augmentation(
        self, augmentation: Augmentation, background: str, seed: int, epoch: int
    ) -> None:
        """Augment images as in this epoch from now on; only if the spec augments."""
        shape = self.architecture.input
        self.context.write(
            "geometry", geometry_parameters(augmentation, shape, background, seed, epoch)
        )
        self.context.write("intensity", intensity_parameters(augmentation, shape, seed, epoch))

    def set_sample_weights(self, weights: Float32) -> None:
        """Set the sample weights, at least 0, in the order of the labels. Required before the
        first step of a weighted spec, and refused otherwise."""
        assert self.spec.weighted, "the program reads no weights"
        assert weights.dtype == np.float32, "weights are float32"
        assert weights.ndim == 1, "one weight per example"
        self._sample_weight_count = len(weights)
        self.context.write("sample_weights", weights)

    def set_gradient_scales(self, scales: Float32) -> None:
        """Set the factor of each parameter's gradient. Required before the first step of a scaled
        spec, and refused otherwise."""
        assert self.spec.scaled, "the program reads no scales"
        assert scales.dtype == np.float32, "scales are float32"
        assert scales.size == self.ir.layout.parameter_count, "one scale per parameter"
        padded = aligned(16 * self.ir.layout.blocks)
        padded[: scales.size] = scales
        self.context.write("gradient_scales", padded)

    def shuffled_order(self, key: Key, count: int) -> Array:
        """The numbers 0 to ``count`` - 1 in the order of a key: `rng.shuffled`, but faster."""
        words = np.array([key.low, key.high], np.uint32)
        drawn = aligned(-(-count // 32) * 32, np.uint64)
        assert self._code.draw_order is not None
        self._code.draw_order(words.ctypes.data, drawn.ctypes.data, count)
        drawn.sort()
        return (drawn[:count] & np.uint64(0xFFFFFFFF)).view(np.int64)

    def compute_gradient(self, labels: Array, threads: int) -> Float32:
        """Use all inputs as one batch. Returns their losses; the gradient of the mean loss is in
        `gradient`."""
        no_rates = np.zeros((1, 4), np.float32)
        order = np.arange(len(labels))
        losses, _ = self.run_steps(order, labels, len(labels), 0, no_rates, threads)
        return losses

    def run_steps(
        self, order: Array, labels: Array, batch: int, first: int, rates: Float32, threads: int
    ) -> tuple[Float32, int]:
        """Run the steps of an epoch from step ``first`` on, one for each row of ``rates`` (rate,
        rate x decay, and AdamW's two bias corrections).

        ``order``: the index of the example at each position; ``labels``: the class index of each
        example, int64. Returns the losses of the examples and the number of completed steps. If
        there are fewer than rows, the next step's loss or weights were not finite.
        """
        start, stop = first * batch, min(len(order), (first + len(rates)) * batch)
        losses = self._begin_steps(order, labels, batch, first, rates)
        self.run(self._thread_count(threads, batch, min(-(-batch // GROUP_SIZE), self.max_shards)))
        return losses[start:stop], int(self.context.word(STEPS_DONE)[0])

    def _thread_count(self, threads: int, examples: int, shards: int) -> int:
        """The threads for a step: no more than there is work for."""
        work = examples * self._multiplications
        return min(threads, shards, 1 + work // WORK_PER_THREAD)

    def _begin_steps(
        self, order: Array, labels: Array, batch: int, first: int, rates: Float32
    ) -> Float32:
        """Write the arguments of `run_steps` to the context. Returns the losses at all positions,
        which the steps fill."""
        c, layout = self.context, self.ir.layout
        if self.spec.weighted:
            assert self._sample_weight_count >= len(labels), "not every example has a weight"
        if c.word(STOPPED)[0]:  # the last step did not clear what it had added
            self.shards[:] = self.marks[:] = 0
        shards = min(-(-batch // GROUP_SIZE), self.max_shards)
        if self.shards.size < shards * layout.shard_floats:
            self.shards = aligned(shards * layout.shard_floats)
        record_floats = -(-batch // GROUP_SIZE) * layout.record_bytes // 4
        if self._records.size < record_floats:
            self._records = aligned(record_floats)
        losses = np.zeros(len(order), np.float32)
        values: dict[str, Array | int] = {
            "order": order,
            "labels": labels,
            "losses": losses,
            "rates": rates,
            "shards": self.shards,
            "records": self._records,
            "batch": batch,
            "count": len(order),
            "max_shards": self.max_shards,
            "first": first,
            "stop": first + len(rates),
        }
        for name, value in values.items():
            c.write(name, value)
        c.word(STEPS_DONE)[0] = c.word(STOPPED)[0] = 0
        return losses
