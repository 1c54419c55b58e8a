"""Single-input inference at run time: the machine code of `infer_single`, and its buffers."""

from __future__ import annotations

import ctypes
import threading
from functools import partial
from math import prod

import numpy as np

from ...core.array_types import Array, Float32
from ...core.forked_child import renew_in_forked_child
from ...spec.architecture import Architecture
from ..codegen.layer_pieces import SplitThresholds
from ..codegen.single_image_program import generate_single_image_ir
from ..codegen.weight_packing import pack_weights
from ..codegen.work_sharing import MAX_HELPERS
from ..ir.target import Target
from .compiled_program import check_program_size, compile_cached
from .helper_threads import HELPERS, SharedBlock
from .llvm_compiler import host_target
from .thread_pool import aligned, processors

_LARGE = 25
"""A network with work for this many threads takes long enough to wake helpers for one input."""


class SingleImageProgram:
    """A network that runs on one example at a time, with the same bits as `InferenceProgram`."""

    def __init__(
        self,
        architecture: Architecture,
        *,
        uint8_input: bool = False,
        target: Target | None = None,
        guard: int = 0,
        thresholds: SplitThresholds | None = None,
    ) -> None:
        target = target or host_target()
        ir = generate_single_image_ir(
            architecture, target, uint8_input=uint8_input, guard=guard, thresholds=thresholds
        )
        check_program_size(ir.text, ir.memory)
        self._shares, self._useful_threads = ir.shares, ir.threads
        if ir.shares:
            HELPERS.compile()
        self.architecture, self.plan = architecture, ir.plan
        self._machine_code = compile_cached(ir.text, target)
        kind = np.int64 if architecture.reads_texts else np.uint8 if uint8_input else np.float32
        shape = architecture.input[2:] if architecture.reads_texts else architecture.input
        self.memory = aligned(ir.memory, np.uint8)
        self.input = aligned(prod(shape), kind).reshape(shape)
        self._scaling = np.ones(3, np.float32)
        self._logits = aligned(len(architecture.classes))
        self.lock = threading.Lock()
        self._own_block = SharedBlock()
        self._weights = (np.zeros(0, np.float32), np.zeros(0, np.float32))
        self._packed = aligned(0)
        self._bind()
        renew_in_forked_child(self)

    def renew_after_fork(self) -> None:
        """Start anew in a forked child: another thread may have been inside the program."""
        self.lock = threading.Lock()
        self._own_block.clear()

    def _bind(self) -> None:
        """Bind the addresses of all buffers to the native function."""
        buffers = (self.memory, self._packed, self.input, self._scaling, self._logits)
        addresses = [buffer.ctypes.data for buffer in buffers]
        blocks = [HELPERS.block.address, self._own_block.address] if self._shares else []
        kinds = [ctypes.c_void_p] * len(addresses + blocks) + [ctypes.c_int64] * self._shares
        function = ctypes.CFUNCTYPE(None, *kinds)(self._machine_code.address("infer_single"))
        self._run_shared = partial(function, *addresses, *blocks)
        self._run_serial = partial(function, *addresses, *blocks[1:] * 2, *[1] * self._shares)

    def set_weights(self, flat: Float32, running_stats: Float32, scaling: Float32) -> None:
        """Pack these weights, unless they are packed already. ``scaling``: as in
        `CompiledProgram.set_inputs`."""
        self._scaling[:] = scaling
        weights = (flat, running_stats)
        if all(_same_bits(*pair) for pair in zip(weights, self._weights, strict=True)):
            return
        rows = [(row, flat) for row in self.architecture.parameters]
        rows += [(row, running_stats) for row in self.architecture.running_stats]
        arrays = {
            row.name: array[row.offset : row.offset + row.size].reshape(row.shape)
            for row, array in rows
        }
        packed = pack_weights(self.architecture, arrays)
        self._packed = aligned(packed.size)
        self._packed[:] = packed
        self._weights = (flat.copy(), running_stats.copy())
        self._bind()

    def thread_count(self, wanted: int | None) -> int:
        """The number of threads to use: ``wanted``, or as many as are worthwhile here."""
        count = min(self._useful_threads, processors()) if wanted is None else wanted
        return min(count, 1 + MAX_HELPERS) if self._shares else 1

    def logits(self, example: Array, threads: int = 1) -> Float32:
        """An image (C, H, W), or word indices (positions) -> (classes). The caller holds the lock.
        ``threads``: a result of `thread_count`."""
        self.input[...] = example
        if threads == 1:
            self._run_serial()
        else:
            HELPERS.wake(threads - 1, large=self._useful_threads > _LARGE)
            self._run_shared(threads)
        return self._logits.copy()


def _same_bits(a: Float32, b: Float32) -> bool:
    return a.size == b.size and bool((a.view(np.int32) == b.view(np.int32)).all())
