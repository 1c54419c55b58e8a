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
from ..codegen.network_program import Assembly, Purpose, assemble
from ..ir.program_context import CLAIM, DONE, SPARE, STOPPED, WEIGHTS
from ..ir.target import Target
from ..kernels.geometric_augmentation import told
from ..kernels.intensity_augmentation import shades_told
from .code_cache import cached
from .llvm_compiler import Native, compiled, compiler, loaded, this_machine
from .thread_pool import MOST_THREADS, Context, aligned, run_together

MOST_SHARDS = 16
"""Into how many parts a step's groups are gathered, at most."""
SHARD_MEMORY = 1 << 28
"""Bytes for all shards together; a net with more parameters takes fewer shards."""
WORTH_A_THREAD = 16_000_000
"""Multiplications that take about as long as it takes to call another thread and wait for it."""
MOST_CODE = 200_000
"""Lines of LLVM text that are still compiled: about ten seconds' work."""
MOST_MEMORY = 1 << 32
"""Bytes that all threads may need for their stacks."""


def refuse_too_large(text: str, memory: int) -> None:
    """LimitError where a program would take too long to compile or too much memory to run."""
    lines = text.count("\n")
    if lines > MOST_CODE:
        raise LimitError(
            f"layers: the program would have {lines:,} lines, wanted at most {MOST_CODE:,}; "
            "take fewer layers of different shapes"
        )
    if memory > MOST_MEMORY:
        raise LimitError(
            f"layers: a thread would need {memory / 2**30:.1f} GB for the stacks of sixteen "
            f"pictures, wanted at most {MOST_MEMORY / 2**30:.0f} GB; pool more, or take fewer "
            "features or a smaller input"
        )


def machine_code(text: str, form: Target) -> Native:
    """LLVM text as machine code: from the cache if it was compiled before."""
    key = "\n".join([__version__, compiler(), form.processor, form.features, text])
    return loaded(cached(key, lambda: compiled(text, form)), form)


def prepare_threads(context: Context, memories: list[Array], size: int, threads: int) -> int:
    """Allocate ``size`` bytes for each thread that has none yet, and reset the counter of work
    items. How many threads run: as many as asked for, or as there is memory for."""
    threads = max(1, min(threads, MOST_THREADS, MOST_MEMORY // size))
    while len(memories) < threads:
        memories.append(aligned(size, np.uint8))
    context.write("memories", np.array([m.ctypes.data for m in memories], np.int64))
    context.at(CLAIM)[0] = 0
    return threads


class Code:
    """Machine code for a network and a purpose. It can be run by many programs at once."""

    def __init__(
        self, architecture: Architecture, purpose: Purpose, form: Target, guard: int
    ) -> None:
        self.assembly: Assembly = assemble(architecture, form, purpose, guard)
        refuse_too_large(self.assembly.text, self.assembly.memory)
        self._native = machine_code(self.assembly.text, form)
        entry = "learn" if purpose.name == "learn" else "answer"
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        self.run: Callable[[int, int], None] = kind(self._native.address(entry))
        self.draw_order: Callable[[int, int, int], None] | None = None
        if purpose.name == "learn":
            kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
            self.draw_order = kind(self._native.address("draw_order"))


@lru_cache(64)
def code_for(architecture: Architecture, purpose: Purpose, form: Target, guard: int = 0) -> Code:
    """The code, compiled when it is first wanted."""
    return Code(architecture, purpose, form, guard)


class Program:
    """A network's code for one purpose, with memory for its threads. One caller at a time: whoever
    shares it holds the ``lock``."""

    def __init__(
        self,
        architecture: Architecture,
        purpose: Purpose,
        form: Target | None = None,
        guard: int = 0,
    ) -> None:
        self.architecture, self.purpose = architecture, purpose
        self.machine = form or this_machine()
        code = code_for(architecture, purpose, self.machine, guard)
        self.assembly, self._run = code.assembly, code.run
        self._code = code
        self.context = Context()
        self.memories: list[Array] = []
        self.lock = threading.Lock()

    def run(self, threads: int) -> None:
        """So many threads through the program at once, or as many as there is memory for."""
        threads = prepare_threads(self.context, self.memories, self.assembly.memory, threads)
        self.context.write("threads", threads)
        run_together(self._run, self.context.address, threads)

    def give(self, pictures: Array, fraction: Float32) -> None:
        """The pictures, bytes or float32 or words in int64, one after the other in memory.
        ``fraction``: the numbers a, b, c that make (a * byte + b) / c of a byte."""
        self.context.write("inputs", pictures)
        self.context.write("stride", pictures[0].nbytes)
        self.context.write("fraction", fraction)


class Answers(Program):
    """The way forward of a network."""

    def __init__(
        self,
        architecture: Architecture,
        *,
        bytes_in: bool = False,
        form: Target | None = None,
        guard: int = 0,
        name: str = "answer",
    ) -> None:
        super().__init__(architecture, Purpose(name, bytes_in), form, guard)

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
        self.give(pictures, fraction)
        self.context.point(WEIGHTS, flat)
        self.context.write("running_stats", running_stats)
        self.context.write("answers", answers)
        self.context.write("count", len(pictures))
        work = len(pictures) * self.architecture.multiplications
        self.run(min(threads, len(pictures) // GROUP_SIZE, 1 + work // WORTH_A_THREAD))
        self.context.release("inputs", "answers", "running_stats", str(WEIGHTS))
        return answers


class Walker(Answers):
    """The way forward with every stack kept."""

    def __init__(
        self, architecture: Architecture, form: Target | None = None, guard: int = 0
    ) -> None:
        super().__init__(architecture, form=form, guard=guard, name="walk")

    def stacks(self, picture: Array, flat: Float32, running_stats: Float32) -> dict[str, Float32]:
        """One picture -> each layer's stack by name, (C, H, W)."""
        places, found, before = self.assembly.plan.places, {}, picture
        with self.lock:
            self._logits(picture[None], flat, running_stats, np.ones(3, np.float32), 1)
            for stage in self.architecture.stages:
                place = places.get(stage.name)
                if place is not None:  # dropout that lets everything through has none
                    lanes = self.memories[0][place.offset : place.offset + place.size]
                    before = lanes.view(np.float32)[::GROUP_SIZE].reshape(stage.output).copy()
                found[stage.name] = before
        return found


class Learner(Program):
    """Steps down the slope, or the slope alone. If its purpose is weighted, the losses it gives are
    those of the pictures times their weights."""

    def __init__(
        self,
        architecture: Architecture,
        purpose: Purpose,
        form: Target | None = None,
        guard: int = 0,
    ) -> None:
        super().__init__(architecture, purpose, form, guard)
        job = self.assembly.job
        size = 16 * job.blocks
        self.weights, self._spare = aligned(size), aligned(size)
        self.running_stats = aligned(16 * -(-job.running_stats // 16))
        self.state = aligned(size)
        self.second = aligned(size if purpose.optimizer == "adamw" else 0)
        self.most_shards = max(1, min(MOST_SHARDS, SHARD_MEMORY // (4 * job.shard_floats)))
        self.shards = aligned(0)
        self._weights_given = 0
        self.draws = derive_key(0)
        """Of seed and purpose: what dropout's draws hang on."""
        self.context.write("running_stats", self.running_stats)
        self.context.write("state", self.state)
        self.context.write("second", self.second)
        self.context.point(WEIGHTS, self.weights)
        self.context.point(SPARE, self._spare)
        self.draw_for(0)
        if purpose.changes:
            self.trick(Augmentation(), "any", 0, 0)

    def begin(self, flat: Float32, running_stats: Float32) -> None:
        """Start from these numbers."""
        self.now[: flat.size] = flat
        self.running_stats[: running_stats.size] = running_stats

    @property
    def now(self) -> Float32:
        """The weights as they are (and what fills their last block)."""
        first = self.context.at(WEIGHTS)[0] == self.weights.ctypes.data
        return self.weights if first else self._spare

    @property
    def gradient(self) -> Float32:
        """After `slope`: flat like the parameters."""
        return self.shards[: self.assembly.job.parameters].copy()

    def draw_for(self, epoch: int) -> None:
        """From now on dropout's draws are this epoch's."""
        key = fold_in(self.draws, epoch)
        self.context.write("key", np.array([key.low, key.high], np.uint32))

    def trick(self, tricks: Augmentation, ground: str, seed: int, epoch: int) -> None:
        """From now on pictures are changed as in this epoch; only if the purpose says so."""
        shape = self.architecture.input
        self.context.write("tricks", told(tricks, shape, ground, seed, epoch))
        self.context.write("shades", shades_told(tricks, shape, seed, epoch))

    def give_weights(self, weights: Float32) -> None:
        """How much each picture counts, by its number as with labels: at least 0. Only if the
        purpose is weighted, and then before the first step."""
        assert self.purpose.weighted, "the program reads no weights"
        assert weights.dtype == np.float32, "weights are float32"
        assert weights.ndim == 1, "a weight a picture"
        self._weights_given = len(weights)
        self.context.write("picture_weights", weights)

    def order(self, key: Key, count: int) -> Array:
        """`randomness.shuffled`, quicker: the numbers 0 to ``count`` - 1 in the order of a key."""
        words, drawn = (
            np.array([key.low, key.high], np.uint32),
            aligned(-(-count // 32) * 32, np.uint64),
        )
        assert self._code.draw_order is not None
        self._code.draw_order(words.ctypes.data, drawn.ctypes.data, count)
        drawn.sort()
        return (drawn[:count] & np.uint64(0xFFFFFFFF)).view(np.int64)

    def slope(self, labels: Array, threads: int) -> Float32:
        """All pictures as one batch: their losses, and the gradient of the mean in `gradient`."""
        nothing = np.zeros((1, 4), np.float32)
        order = np.arange(len(labels))
        losses, _ = self.steps(order, labels, len(labels), 0, nothing, threads)
        return losses

    def steps(
        self, order: Array, labels: Array, batch: int, first: int, rates: Float32, threads: int
    ) -> tuple[Float32, int]:
        """Steps ``first`` on of an epoch, one for each row of ``rates`` (rate, rate x decay, and
        AdamW's two corrections): the loss of each picture they ran on, and how many steps were
        good; if fewer than wanted, the next one's loss or weights were not finite.

        ``order``: the picture at each position of the epoch; ``labels``: of each picture, int64.
        """
        c, job = self.context, self.assembly.job
        if self.purpose.weighted:
            assert self._weights_given >= len(labels), "not every picture has a weight"
        shards = min(-(-batch // GROUP_SIZE), self.most_shards)
        if self.shards.size < shards * job.shard_floats:
            self.shards = aligned(shards * job.shard_floats)
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
            "most_shards": self.most_shards,
            "first": first,
            "stop": first + len(rates),
        }
        for name, value in values.items():
            c.write(name, value)
        c.at(DONE)[0] = c.at(STOPPED)[0] = 0
        self.run(min(threads, shards))
        return losses[start:stop], int(c.at(DONE)[0])
