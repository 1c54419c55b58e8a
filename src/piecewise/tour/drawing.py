"""Draws images and feature maps in the terminal.

It uses shades of grey if the terminal supports colour, otherwise characters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..core.array_types import Floating

_UNLIMITED = 1_000  # columns, to measure the natural width of a block

INK, BACKGROUND = "##", " ."
BLACK, WHITE = 16, 231  # of the 256 colours; no theme changes them


def truncated(value: float) -> str:
    """A number as the deck prints it: two decimals, cut off and not rounded, without a zero before
    the point."""
    hundredths = math.trunc(value * 100 + math.copysign(1e-9, value))
    sign = "-" if hundredths < 0 else ""
    integer, decimals = divmod(abs(hundredths), 100)
    return f"{sign}{integer or ''}.{decimals:02d}"


def ninths(value: float) -> str:
    """The match of a 3x3 feature as a fraction of 9."""
    return f"{round(value * 9)}/9"


def picture(plane: Floating) -> Text:
    """Ink and background, two characters per pixel."""
    return _block(plane, lambda value: INK if value > 0 else BACKGROUND)


def halves(plane: Floating, *, ascii_only: bool) -> Text:
    """Ink and background, one character for two pixels, one above the other: for larger images."""
    characters = " '.:" if ascii_only else " \N{UPPER HALF BLOCK}\N{LOWER HALF BLOCK}\N{FULL BLOCK}"
    ink = np.pad(plane > 0, ((0, len(plane) % 2), (0, 0)))
    codes = ink[::2] + 2 * ink[1::2]
    return Text("\n".join("".join(characters[code] for code in row) for row in codes), no_wrap=True)


def numbers(plane: Floating) -> Text:
    """Values cut to two decimals, five characters per value."""
    return _block(plane, lambda value: truncated(value).rjust(4) + " ")


def titled(title: str, block: RenderableType) -> Group:
    """A block under its title."""
    return Group(Text(title, style="bold"), block)


class beside:  # noqa: N801 - it is used as a function of its blocks
    """Blocks next to each other, indented by two columns, or below each other if the terminal is
    too narrow; an empty line follows."""

    def __init__(self, *blocks: RenderableType) -> None:
        self.blocks = blocks

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        row = Padding(_row(self.blocks), (0, 0, 1, 2), expand=False)
        width = Measurement.get(console, options.update(max_width=_UNLIMITED), row).maximum
        if width <= options.max_width:
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
    """A table; the first ``left`` columns are aligned left, the others right."""
    grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for index, title in enumerate(titles):
        grid.add_column(title, justify="left" if index < left else "right")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    return Padding(grid, (0, 0, 1, 2), expand=False)


def prose(text: str) -> Padding:
    """Sentences, wrapped at the width of the terminal."""
    return Padding(Text(" ".join(text.split())), (0, 0, 1, 0), expand=False)


def lines(text: str) -> Padding:
    """Text with its own line breaks."""
    return Padding(Text(text, no_wrap=True), (0, 0, 1, 2), expand=False)


def _block(plane: Floating, format_value: Any) -> Text:
    text = Text(no_wrap=True)
    for row, line in enumerate(plane.tolist()):
        for value in line:
            text.append(format_value(value), style=_shade(value))
        if row + 1 < len(plane):
            text.append("\n")
    return text


def _shade(value: float) -> str:
    """Black on light for ink, white on dark for background: 24 greys from -1 to 1."""
    level = round((min(1.0, max(-1.0, value)) + 1) / 2 * 23)
    foreground = BLACK if level > 11 else WHITE
    return f"color({foreground}) on color({232 + level})"
