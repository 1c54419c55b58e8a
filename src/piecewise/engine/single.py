"""One picture at a time: the machine code of `alone`, and its buffers."""

from __future__ import annotations

import ctypes
import threading
from functools import partial
from math import prod

import numpy as np

from ..architecture import Architecture
from .alone import assemble_alone, packed
from .machine import Machine
from .native import this_machine
from .program import machine_code, refuse_too_large
from .runtime import Array, Float32, aligned


class Single:
    """A network for one picture at a time: the same bits as `program.Answers`."""

    def __init__(
        self,
        architecture: Architecture,
        *,
        bytes_in: bool = False,
        form: Machine | None = None,
        guard: int = 0,
    ) -> None:
        form = form or this_machine()
        made = assemble_alone(architecture, form, bytes_in=bytes_in, guard=guard)
        refuse_too_large(made.text, made.memory)
        self.architecture, self.plan = architecture, made.plan
        self._native = machine_code(made.text, form)
        kind = np.int64 if architecture.reads_texts else np.uint8 if bytes_in else np.float32
        shape = architecture.input[2:] if architecture.reads_texts else architecture.input
        self.memory = aligned(made.memory, np.uint8)
        self.given = aligned(prod(shape), kind).reshape(shape)
        self.fraction = np.ones(3, np.float32)
        self.answers = aligned(len(architecture.classes))
        self.lock = threading.Lock()
        self._weights = (np.zeros(0, np.float32), np.zeros(0, np.float32))
        self._packed = aligned(0)
        self._bind()

    def _bind(self) -> None:
        """Give the function the addresses of all buffers, once."""
        run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5)(self._native.address("alone"))
        buffers = (self.memory, self._packed, self.given, self.fraction, self.answers)
        self._run = partial(run, *(buffer.ctypes.data for buffer in buffers))

    def weigh(self, flat: Float32, averages: Float32, fraction: Float32) -> None:
        """Take these weights, unless they are what it has; ``fraction``: see `Program.give`."""
        self.fraction[:] = fraction
        given = (flat, averages)
        if all(_same_bits(*both) for both in zip(given, self._weights, strict=True)):
            return
        rows = [(row, flat) for row in self.architecture.parameters]
        rows += [(row, averages) for row in self.architecture.averages]
        arrays = {
            row.name: array[row.offset : row.offset + row.size].reshape(row.shape)
            for row, array in rows
        }
        numbers = packed(self.architecture, arrays)
        self._packed = aligned(numbers.size)
        self._packed[:] = numbers
        self._weights = (flat.copy(), averages.copy())
        self._bind()

    def logits(self, picture: Array) -> Float32:
        """A picture (C, H, W), or words (positions) -> (classes). The caller holds the lock."""
        self.given[...] = picture
        self._run()
        return self.answers.copy()


def _same_bits(a: Float32, b: Float32) -> bool:
    return a.size == b.size and bool((a.view(np.int32) == b.view(np.int32)).all())
