"""The loop listing of a function, recorded while its code is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple


class Note(NamedTuple):
    """One line of the loop listing."""

    depth: int
    text: str
    remark: str = ""
    """Text beside the line."""
    products: int = 0
    """The number of fused multiply-adds that the line stands for."""
    kernel: str = ""
    """The kernel that is called here, or an empty string."""
    arguments: tuple[tuple[str, str], ...] = ()
    """The integer arguments of that call, by name."""
    layer: str = ""
    """The layer that the code belongs to."""


def relu_mask_text(masked: bool) -> str:
    """The listing's remark about a gradient that is zero where ReLU's output was zero."""
    return ", 0 where relu was 0" if masked else ""


class LoopNotes:
    """Records the lines of the loop listing and counts fused multiply-adds."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.products = 0
        self.layer = ""
        """The layer that the code being written belongs to, in a function of several layers."""
        self._depth = 0

    def note(self, text: str, remark: str = "") -> None:
        """Record a line."""
        self.notes.append(Note(self._depth, text, remark, layer=self.layer))

    @contextmanager
    def nested(self, text: str, remark: str = "") -> Iterator[None]:
        """Record a line and indent the lines recorded inside."""
        self.note(text, remark)
        self._depth += 1
        yield
        self._depth -= 1

    @contextmanager
    def note_products(self, text: str) -> Iterator[None]:
        """Record the code written inside as one line, with its number of fused multiply-adds."""
        before = self.products
        yield
        count = self.products - before
        if count:
            self.notes.append(
                Note(self._depth, f"{count} times {text}", "", count, layer=self.layer)
            )

    def note_call(self, kernel: str, arguments: Sequence[str], values: Sequence[str]) -> None:
        """Record a call of a kernel with these declared arguments."""
        numbers = tuple(
            (declared.removeprefix("i64 "), value.removeprefix("i64 "))
            for declared, value in zip(arguments, values, strict=True)
            if declared.startswith("i64 ")
        )
        self.notes.append(Note(self._depth, "", "", 0, kernel, numbers, self.layer))
