"""A network's machine code, and what Python asks of it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ...core.array_types import Array, Float32
from ...core.errors import LimitError
from ...core.ghost_batch import GROUP_SIZE
from ...core.rng import Key, derive_key, fold_in
from ...core.version import __version__
from ...spec.architecture import Architecture
from ...spec.augmentation import Augmentation
from ..codegen.network_program import NetworkIR, ProgramSpec, generate_network_ir
from ..ir.program_context import NEXT_ITEM, NEXT_WEIGHTS, STEPS_DONE, STOPPED, WEIGHTS
from ..ir.target import Target
from ..kernels.geometric_augmentation import geometry_parameters
from ..kernels.intensity_augmentation import intensity_parameters
from .code_cache import cached
from .llvm_compiler import MachineCode, compiled, compiler, host_target, loaded
from .thread_pool import MAX_THREADS, ProgramContext, aligned, run_on_threads

MAX_SHARDS = 16
"""Into how many parts a step's groups are gathered, at most."""
MAX_SHARD_BYTES = 1 << 28
"""Bytes for all shards together; a net with more parameters takes fewer shards."""
MULTIPLICATIONS_PER_THREAD = 16_000_000
"""Multiplications that take about as long as it takes to call another thread and wait for it."""
MAX_LINES = 200_000
"""Lines of LLVM text that are still compiled: about ten seconds' work."""
MAX_MEMORY = 1 << 32
"""Bytes that all threads may need for their stacks."""


def check_program_size(text: str, memory: int) -> None:
    """LimitError where a program would take too long to compile or too much memory to run."""
    lines = text.count("\n")
    if lines > MAX_LINES:
        raise LimitError(
            f"layers: the program would have {lines:,} lines, wanted at most {MAX_LINES:,}; "
            "take fewer layers of different shapes"
        )
    if memory > MAX_MEMORY:
        raise LimitError(
            f"layers: a thread would need {memory / 2**30:.1f} GB for the stacks of sixteen "
            f"pictures, wanted at most {MAX_MEMORY / 2**30:.0f} GB; pool more, or take fewer "
            "features or a smaller input"
        )


def compile_cached(text: str, form: Target) -> MachineCode:
    """LLVM text as machine code: from the cache if it was compiled before."""
    key = "\n".join([__version__, compiler(), form.processor, form.features, text])
    return loaded(cached(key, lambda: compiled(text, form)), form)


def prepare_threads(context: ProgramContext, memories: list[Array], size: int, threads: int) -> int:
    """Allocate ``size`` bytes for each thread that has none yet, and reset the counter of work
    items. How many threads run: as many as asked for, or as there is memory for."""
    threads = max(1, min(threads, MAX_THREADS, MAX_MEMORY // size))
    while len(memories) < threads:
        memories.append(aligned(size, np.uint8))
    context.write("thread_memories", np.array([m.ctypes.data for m in memories], np.int64))
    context.at(NEXT_ITEM)[0] = 0
    return threads


class ProgramCode:
    """Machine code for a network and a purpose. It can be run by many programs at once."""

    def __init__(
        self, architecture: Architecture, purpose: ProgramSpec, form: Target, guard: int
    ) -> None:
        self.ir: NetworkIR = generate_network_ir(architecture, form, purpose, guard)
        check_program_size(self.ir.text, self.ir.memory)
        self._native = compile_cached(self.ir.text, form)
        entry = "train" if purpose.name == "train" else "infer"
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        self.run: Callable[[int, int], None] = kind(self._native.address(entry))
        self.draw_order: Callable[[int, int, int], None] | None = None
        if purpose.name == "train":
            kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
            self.draw_order = kind(self._native.address("draw_order"))


@lru_cache(64)
def program_code(
    architecture: Architecture, purpose: ProgramSpec, form: Target, guard: int = 0
) -> ProgramCode:
    """The code, compiled when it is first wanted."""
    return ProgramCode(architecture, purpose, form, guard)


class CompiledProgram:
    """A network's code for one purpose, with memory for its threads. One caller at a time: whoever
    shares it holds the ``lock``."""

    def __init__(
        self,
        architecture: Architecture,
        purpose: ProgramSpec,
        form: Target | None = None,
        guard: int = 0,
    ) -> None:
        self.architecture, self.purpose = architecture, purpose
        self.machine = form or host_target()
        code = program_code(architecture, purpose, self.machine, guard)
        self.ir, self._run = code.ir, code.run
        self._code = code
        self.context = ProgramContext()
        self.memories: list[Array] = []
        self.lock = threading.Lock()

    def run(self, threads: int) -> None:
        """So many threads through the program at once, or as many as there is memory for."""
        threads = prepare_threads(self.context, self.memories, self.ir.memory, threads)
        self.context.write("threads", threads)
        run_on_threads(self._run, self.context.address, threads)

    def set_inputs(self, pictures: Array, fraction: Float32) -> None:
        """The pictures, bytes or float32 or words in int64, one after the other in memory.
        ``fraction``: the numbers a, b, c that make (a * byte + b) / c of a byte."""
        self.context.write("inputs", pictures)
        self.context.write("stride", pictures[0].nbytes)
        self.context.write("byte_scaling", fraction)


class InferenceProgram(CompiledProgram):
    """The way forward of a network."""

    def __init__(
        self,
        architecture: Architecture,
        *,
        uint8_input: bool = False,
        form: Target | None = None,
        guard: int = 0,
        name: str = "infer",
    ) -> None:
        super().__init__(architecture, ProgramSpec(name, uint8_input), form, guard)

    def logits(
        self,
        pictures: Array,
        flat: Float32,
        running_stats: Float32,
        fraction: Float32,
        threads: int,
    ) -> Float32:
        """Pictures (N, ...) -> (N, classes)."""
        with self.lock:
            return self._logits(pictures, flat, running_stats, fraction, threads)

    def _logits(
        self,
        pictures: Array,
        flat: Float32,
        running_stats: Float32,
        fraction: Float32,
        threads: int,
    ) -> Float32:
        answers = np.empty((len(pictures), len(self.architecture.classes)), np.float32)
        self.set_inputs(pictures, fraction)
        self.context.point(WEIGHTS, flat)
        self.context.write("running_stats", running_stats)
        self.context.write("logits", answers)
        self.context.write("count", len(pictures))
        work = len(pictures) * self.architecture.multiplications
        self.run(min(threads, len(pictures) // GROUP_SIZE, 1 + work // MULTIPLICATIONS_PER_THREAD))
        self.context.release("inputs", "logits", "running_stats", str(WEIGHTS))
        return answers


class FeatureMapProgram(InferenceProgram):
    """The way forward with every stack kept."""

    def __init__(
        self, architecture: Architecture, form: Target | None = None, guard: int = 0
    ) -> None:
        super().__init__(architecture, form=form, guard=guard, name="feature maps")

    def feature_maps(
        self, picture: Array, flat: Float32, running_stats: Float32
    ) -> dict[str, Float32]:
        """One picture -> each layer's stack by name, (C, H, W)."""
        places, found, before = self.ir.plan.buffers, {}, picture
        with self.lock:
            self._logits(picture[None], flat, running_stats, np.ones(3, np.float32), 1)
            for stage in self.architecture.stages:
                place = places.get(stage.name)
                if place is not None:  # dropout that lets everything through has none
                    lanes = self.memories[0][place.offset : place.offset + place.size]
                    before = lanes.view(np.float32)[::GROUP_SIZE].reshape(stage.output).copy()
                found[stage.name] = before
        return found


class TrainingProgram(CompiledProgram):
    """Steps down the slope, or the slope alone. If its purpose is weighted, the losses it gives are
    those of the pictures times their weights."""

    def __init__(
        self,
        architecture: Architecture,
        purpose: ProgramSpec,
        form: Target | None = None,
        guard: int = 0,
    ) -> None:
        super().__init__(architecture, purpose, form, guard)
        layout = self.ir.layout
        size = 16 * layout.blocks
        self.weights, self._spare = aligned(size), aligned(size)
        self.running_stats = aligned(16 * -(-layout.running_stats // 16))
        self.optimizer_state = aligned(size)
        self.second_moments = aligned(size if purpose.optimizer == "adamw" else 0)
        self.max_shards = max(1, min(MAX_SHARDS, MAX_SHARD_BYTES // (4 * layout.shard_floats)))
        self.shards = aligned(0)
        self._weights_given = 0
        self.dropout_key = derive_key(0)
        """Of seed and purpose: what dropout's draws hang on."""
        self.context.write("running_stats", self.running_stats)
        self.context.write("optimizer_state", self.optimizer_state)
        self.context.write("second_moments", self.second_moments)
        self.context.point(WEIGHTS, self.weights)
        self.context.point(NEXT_WEIGHTS, self._spare)
        self.set_dropout_epoch(0)
        if purpose.augments:
            self.set_augmentation(Augmentation(), "any", 0, 0)

    def load_parameters(self, flat: Float32, running_stats: Float32) -> None:
        """Start from these numbers."""
        self.current_weights[: flat.size] = flat
        self.running_stats[: running_stats.size] = running_stats

    @property
    def current_weights(self) -> Float32:
        """The weights as they are (and what fills their last block)."""
        first = self.context.at(WEIGHTS)[0] == self.weights.ctypes.data
        return self.weights if first else self._spare

    @property
    def gradient(self) -> Float32:
        """After `slope`: flat like the parameters."""
        return self.shards[: self.ir.layout.parameters].copy()

    def set_dropout_epoch(self, epoch: int) -> None:
        """From now on dropout's draws are this epoch's."""
        key = fold_in(self.dropout_key, epoch)
        self.context.write("key", np.array([key.low, key.high], np.uint32))

    def set_augmentation(self, tricks: Augmentation, ground: str, seed: int, epoch: int) -> None:
        """From now on pictures are changed as in this epoch; only if the purpose says so."""
        shape = self.architecture.input
        self.context.write("geometry", geometry_parameters(tricks, shape, ground, seed, epoch))
        self.context.write("intensity", intensity_parameters(tricks, shape, seed, epoch))

    def set_sample_weights(self, weights: Float32) -> None:
        """How much each picture counts, by its number as with labels: at least 0. Only if the
        purpose is weighted, and then before the first step."""
        assert self.purpose.weighted, "the program reads no weights"
        assert weights.dtype == np.float32, "weights are float32"
        assert weights.ndim == 1, "a weight a picture"
        self._weights_given = len(weights)
        self.context.write("sample_weights", weights)

    def shuffled_order(self, key: Key, count: int) -> Array:
        """`randomness.shuffled`, quicker: the numbers 0 to ``count`` - 1 in the order of a key."""
        words, drawn = (
            np.array([key.low, key.high], np.uint32),
            aligned(-(-count // 32) * 32, np.uint64),
        )
        assert self._code.draw_order is not None
        self._code.draw_order(words.ctypes.data, drawn.ctypes.data, count)
        drawn.sort()
        return (drawn[:count] & np.uint64(0xFFFFFFFF)).view(np.int64)

    def compute_gradient(self, labels: Array, threads: int) -> Float32:
        """All pictures as one batch: their losses, and the gradient of the mean in `gradient`."""
        nothing = np.zeros((1, 4), np.float32)
        order = np.arange(len(labels))
        losses, _ = self.run_steps(order, labels, len(labels), 0, nothing, threads)
        return losses

    def run_steps(
        self, order: Array, labels: Array, batch: int, first: int, rates: Float32, threads: int
    ) -> tuple[Float32, int]:
        """Steps ``first`` on of an epoch, one for each row of ``rates`` (rate, rate x decay, and
        AdamW's two corrections): the loss of each picture they ran on, and how many steps were
        good; if fewer than wanted, the next one's loss or weights were not finite.

        ``order``: the picture at each position of the epoch; ``labels``: of each picture, int64.
        """
        c, layout = self.context, self.ir.layout
        if self.purpose.weighted:
            assert self._weights_given >= len(labels), "not every picture has a weight"
        shards = min(-(-batch // GROUP_SIZE), self.max_shards)
        if self.shards.size < shards * layout.shard_floats:
            self.shards = aligned(shards * layout.shard_floats)
        start, stop = first * batch, min(len(order), (first + len(rates)) * batch)
        losses = np.zeros(len(order), np.float32)
        values: dict[str, Array | int] = {
            "order": order,
            "labels": labels,
            "losses": losses,
            "rates": rates,
            "shards": self.shards,
            "batch": batch,
            "count": len(order),
            "max_shards": self.max_shards,
            "first": first,
            "stop": first + len(rates),
        }
        for name, value in values.items():
            c.write(name, value)
        c.at(STEPS_DONE)[0] = c.at(STOPPED)[0] = 0
        self.run(min(threads, shards))
        return losses[start:stop], int(c.at(STEPS_DONE)[0])
