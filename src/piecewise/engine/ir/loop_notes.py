"""The readable nest of a function: noted by what writes the function, while it writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple


class Note(NamedTuple):
    """A line of the readable nest."""

    depth: int
    text: str
    remark: str = ""
    """What stands beside it."""
    products: int = 0
    """The multiplications with an addition that it stands for."""
    kernel: str = ""
    """The kernel that is called here, if one is,"""
    arguments: tuple[tuple[str, str], ...] = ()
    """with these numbers by name,"""
    layer: str = ""
    """for this layer."""


def relu_mask_text(masked: bool) -> str:
    """The listing's remark about a gradient that is zero where ReLU's output was zero."""
    return ", 0 where relu was 0" if masked else ""


class LoopNotes:
    """What keeps the nest, and how many multiplications with an addition are written so far."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.products = 0
        self.layer = ""
        """The layer that what is written is for, where a function does several."""
        self._depth = 0

    def note(self, text: str, remark: str = "") -> None:
        """A line of the readable nest."""
        self.notes.append(Note(self._depth, text, remark, layer=self.layer))

    @contextmanager
    def nested(self, text: str, remark: str = "") -> Iterator[None]:
        """A line of the readable nest, and deeper what is noted inside."""
        self.note(text, remark)
        self._depth += 1
        yield
        self._depth -= 1

    @contextmanager
    def note_products(self, text: str) -> Iterator[None]:
        """What is written inside as a line of the readable nest: its multiplications counted."""
        before = self.products
        yield
        count = self.products - before
        if count:
            self.notes.append(
                Note(self._depth, f"{count} times {text}", "", count, layer=self.layer)
            )

    def note_call(self, kernel: str, arguments: Sequence[str], given: Sequence[str]) -> None:
        """A call of a kernel with these declared arguments as a line of the readable nest."""
        numbers = tuple(
            (declared.removeprefix("i64 "), value.removeprefix("i64 "))
            for declared, value in zip(arguments, given, strict=True)
            if declared.startswith("i64 ")
        )
        self.notes.append(Note(self._depth, "", "", 0, kernel, numbers, self.layer))
