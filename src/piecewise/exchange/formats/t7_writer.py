"""Torch7's binary format (.t7), written: see `piecewise.exchange.formats.t7`."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from ...core.array_types import Float32
from .t7 import BOOLEAN, NIL, NUMBER, STRING, TABLE, TORCH, VERSION, TorchModule


class LongStorage(tuple[int, ...]):
    """Whole numbers that Torch keeps in a torch.LongStorage, such as a size."""

    __slots__ = ()


class T7Writer:
    """Writes objects one after another; each gets the next number.

    Texts, numbers, bools, None, mappings, sequences (tables with the keys 1, 2, ...), modules,
    `LongStorage` and float32 arrays (tensors of their own storages) are written.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._number = 0

    @property
    def content(self) -> bytes:
        """What was written."""
        return b"".join(self._parts)

    def add(self, value: object) -> None:
        """Write an object."""
        if value is None:
            self._integers(NIL)
        elif isinstance(value, bool):
            self._integers(BOOLEAN, int(value))
        elif isinstance(value, int | float):
            self._integers(NUMBER)
            self._parts.append(struct.pack("<d", value))
        elif isinstance(value, str):
            self._integers(STRING)
            self._string(value)
        elif isinstance(value, TorchModule):
            self._begin(f"nn.{value.kind}")
            self.add(value.fields)
        elif isinstance(value, LongStorage):
            self._begin("torch.LongStorage")
            self._longs(len(value), *value)
        elif isinstance(value, np.ndarray):
            self._tensor(value)
        elif isinstance(value, Mapping):
            self._table(value)
        else:
            assert isinstance(value, Sequence), value
            self._table(dict(enumerate(value, 1)))

    def _table(self, entries: Mapping[int | str, object]) -> None:
        self._number += 1
        self._integers(TABLE, self._number, len(entries))
        for key, value in entries.items():
            self.add(key)
            self.add(value)

    def _tensor(self, array: Float32) -> None:
        self._begin("torch.FloatTensor")
        if not array.size:
            self._integers(0)
            self._longs(1)
            self._integers(NIL)
            return
        array = np.ascontiguousarray(array, "<f4")
        self._integers(array.ndim)
        self._longs(*array.shape, *(step // array.itemsize for step in array.strides), 1)
        self._begin("torch.FloatStorage")
        self._longs(array.size)
        self._parts.append(array.tobytes())

    def _begin(self, class_name: str) -> None:
        """The start of an object of a class."""
        self._number += 1
        self._integers(TORCH, self._number)
        self._string(VERSION)
        self._string(class_name)

    def _string(self, text: str) -> None:
        encoded = text.encode()
        self._integers(len(encoded))
        self._parts.append(encoded)

    def _integers(self, *values: int) -> None:
        self._parts.append(struct.pack(f"<{len(values)}i", *values))

    def _longs(self, *values: int) -> None:
        self._parts.append(struct.pack(f"<{len(values)}q", *values))
