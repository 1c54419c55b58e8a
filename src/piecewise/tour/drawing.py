"""Pictures and maps as blocks of a terminal: shades where there are colours, characters
everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Plane = npt.NDArray[np.floating[Any]]

_ENDLESS = 1_000  # columns, when a block is asked how wide it would like to be

INK, BACKGROUND = "##", " ."
BLACK, WHITE = 16, 231  # the 256 colours' own, which no theme changes


def truncated(value: float) -> str:
    """A number as the deck prints it: two decimals, cut and not rounded, no zero before the
    point."""
    hundredths = math.trunc(value * 100 + math.copysign(1e-9, value))
    sign = "-" if hundredths < 0 else ""
    whole, rest = divmod(abs(hundredths), 100)
    return f"{sign}{whole or ''}.{rest:02d}"


def ninths(value: float) -> str:
    """A match of a 3x3 feature as the fraction it is."""
    return f"{round(value * 9)}/9"


def picture(plane: Plane) -> Text:
    """Ink and ground, two characters a pixel."""
    return _block(plane, lambda value: INK if value > 0 else BACKGROUND)


def halves(plane: Plane, *, ascii_only: bool) -> Text:
    """Ink and ground, two pixels, one above the other, a character: for larger pictures."""
    marks = " '.:" if ascii_only else " \N{UPPER HALF BLOCK}\N{LOWER HALF BLOCK}\N{FULL BLOCK}"
    ink = np.pad(plane > 0, ((0, len(plane) % 2), (0, 0)))
    codes = ink[::2] + 2 * ink[1::2]
    return Text("\n".join("".join(marks[code] for code in row) for row in codes), no_wrap=True)


def numbers(plane: Plane) -> Text:
    """Values cut to two decimals, five characters a value."""
    return _block(plane, lambda value: truncated(value).rjust(4) + " ")


def titled(title: str, block: RenderableType) -> Group:
    """A block under its title."""
    return Group(Text(title, style="bold"), block)


class beside:  # noqa: N801 - it is used as a function of its blocks
    """Blocks next to each other, two columns in from the left, or below each other where the
    terminal is too narrow for that; an empty line ends every block."""

    def __init__(self, *blocks: RenderableType) -> None:
        self.blocks = blocks

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        row = Padding(_row(self.blocks), (0, 0, 1, 2), expand=False)
        wanted = Measurement.get(console, options.update(max_width=_ENDLESS), row).maximum
        if wanted <= options.max_width:
            yield row
            return
        for block in self.blocks:
            yield Padding(block, (0, 0, 1, 2), expand=False)


def _row(blocks: Sequence[RenderableType]) -> Table:
    grid = Table.grid(padding=(0, 3))
    for _ in blocks:
        grid.add_column(vertical="middle", no_wrap=True)
    grid.add_row(*blocks)
    return grid


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> Padding:
    """A table, its first ``left`` columns words and the others numbers."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for index, title in enumerate(titles):
        drawn.add_column(title, justify="left" if index < left else "right")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return Padding(drawn, (0, 0, 1, 2), expand=False)


def prose(text: str) -> Padding:
    """Sentences, their line breaks left to the terminal's width."""
    return Padding(Text(" ".join(text.split())), (0, 0, 1, 0), expand=False)


def lines(text: str) -> Padding:
    """Text that is laid out already."""
    return Padding(Text(text, no_wrap=True), (0, 0, 1, 2), expand=False)


def _block(plane: Plane, written: Any) -> Text:
    text = Text(no_wrap=True)
    for row, line in enumerate(plane.tolist()):
        for value in line:
            text.append(written(value), style=_shade(value))
        if row + 1 < len(plane):
            text.append("\n")
    return text


def _shade(value: float) -> str:
    """Black on light for ink, white on dark for ground: 24 greys from -1 to 1."""
    level = round((min(1.0, max(-1.0, value)) + 1) / 2 * 23)
    written = BLACK if level > 11 else WHITE
    return f"color({written}) on color({232 + level})"
