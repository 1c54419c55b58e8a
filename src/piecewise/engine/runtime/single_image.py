"""One picture at a time: the machine code of `alone`, and its buffers."""

from __future__ import annotations

import ctypes
import threading
from functools import partial
from math import prod

import numpy as np

from ...core.array_types import Array, Float32
from ...spec.architecture import Architecture
from ..codegen.layer_pieces import SplitThresholds
from ..codegen.single_image import generate_single_image_ir
from ..codegen.weight_packing import packed
from ..codegen.work_sharing import MAX_HELPERS
from ..ir.target import Target
from .compiled_program import check_program_size, compile_cached
from .helper_threads import HELPERS, SharedBlock
from .llvm_compiler import host_target
from .thread_pool import aligned, processors

_LARGE = 25
"""Threads that are worth it for a picture that takes long enough to call helpers for it alone."""


class SingleImageProgram:
    """A network for one picture at a time: the same bits as `program.Answers`."""

    def __init__(
        self,
        architecture: Architecture,
        *,
        uint8_input: bool = False,
        form: Target | None = None,
        guard: int = 0,
        cutting: SplitThresholds | None = None,
    ) -> None:
        form = form or host_target()
        made = generate_single_image_ir(
            architecture, form, uint8_input=uint8_input, guard=guard, cutting=cutting
        )
        check_program_size(made.text, made.memory)
        self._shares, self._worth = made.shares, made.threads
        if made.shares:
            HELPERS.prepare()
        self.architecture, self.plan = architecture, made.plan
        self._native = compile_cached(made.text, form)
        kind = np.int64 if architecture.reads_texts else np.uint8 if uint8_input else np.float32
        shape = architecture.input[2:] if architecture.reads_texts else architecture.input
        self.memory = aligned(made.memory, np.uint8)
        self.given = aligned(prod(shape), kind).reshape(shape)
        self.fraction = np.ones(3, np.float32)
        self.answers = aligned(len(architecture.classes))
        self.lock = threading.Lock()
        self._own = SharedBlock()
        self._weights = (np.zeros(0, np.float32), np.zeros(0, np.float32))
        self._packed = aligned(0)
        self._bind()

    def _bind(self) -> None:
        """Give the function the addresses of all buffers, once."""
        buffers = (self.memory, self._packed, self.given, self.fraction, self.answers)
        given = [buffer.ctypes.data for buffer in buffers]
        blocks = [HELPERS.block.address, self._own.address] if self._shares else []
        kinds = [ctypes.c_void_p] * len(given + blocks) + [ctypes.c_int64] * self._shares
        run = ctypes.CFUNCTYPE(None, *kinds)(self._native.address("infer_single"))
        self._run = partial(run, *given, *blocks)
        self._run_alone = partial(run, *given, *blocks[1:] * 2, *[1] * self._shares)

    def set_weights(self, flat: Float32, running_stats: Float32, fraction: Float32) -> None:
        """Take these weights, unless they are what it has; ``fraction``: as in `set_inputs`."""
        self.fraction[:] = fraction
        given = (flat, running_stats)
        if all(_same_bits(*both) for both in zip(given, self._weights, strict=True)):
            return
        rows = [(row, flat) for row in self.architecture.parameters]
        rows += [(row, running_stats) for row in self.architecture.running_stats]
        arrays = {
            row.name: array[row.offset : row.offset + row.size].reshape(row.shape)
            for row, array in rows
        }
        numbers = packed(self.architecture, arrays)
        self._packed = aligned(numbers.size)
        self._packed[:] = numbers
        self._weights = (flat.copy(), running_stats.copy())
        self._bind()

    def threads(self, most: int | None) -> int:
        """How many answer together: as many as asked for, or as are worth it here."""
        wanted = min(self._worth, processors()) if most is None else most
        return min(wanted, 1 + MAX_HELPERS) if self._shares else 1

    def logits(self, picture: Array, threads: int = 1) -> Float32:
        """A picture (C, H, W), or words (positions) -> (classes). The caller holds the lock.
        ``threads``: what `threads` said."""
        self.given[...] = picture
        if threads == 1:
            self._run_alone()
        else:
            HELPERS.call(threads - 1, large=self._worth > _LARGE)
            self._run(threads)
        return self.answers.copy()


def _same_bits(a: Float32, b: Float32) -> bool:
    return a.size == b.size and bool((a.view(np.int32) == b.view(np.int32)).all())
