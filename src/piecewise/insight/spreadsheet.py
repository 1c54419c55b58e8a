"""The arithmetic of one activation as a spreadsheet with live formulas, down to the pixels.

There is one sheet per layer, the input first. Each activation that is expanded is a block of rows,
one per term: weight, value, product and cumulative sum. Values are references to the cells that
compute them, so that a changed pixel changes every activation that depends on it. Formulas round as
the engine rounds, so that the spreadsheet computes the same value.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.atomic_write import write_atomically
from ..core.errors import DataError, LimitError
from ..trace.arithmetic import Position, Term, Why, fused
from ..trace.walk import Walk

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook, Worksheet

MOST_ROWS = 20_000
"""Of terms, in all sheets; a value that there is no room to open stands as a number."""
MOST_CELLS = 1_000_000
"""Of the input's sheet; values of a larger input stand as numbers where they are used."""
_MOST_COLUMNS = 16_000
_SPLIT = 2**29 + 1
"""Multiplying by it and taking the difference off again rounds float64 to the 24 bits of float32
(Veltkamp 1968; Dekker 1971)."""
_TITLES = ("number", "weight", "value", "product", "sum so far", "of")
_NUMBER, _WEIGHT, _VALUE, _PRODUCT, _SUM, _OF = range(len(_TITLES))
_INPUT = "input"
_MARK = "Made by piecewise"
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # no clock: the same number, the same file


def export_spreadsheet(
    walk: Walk,
    path: str | os.PathLike[str],
    layer: str,
    feature: int,
    row: int = 0,
    column: int = 0,
) -> None:
    """Write the arithmetic of one activation to an .xlsx file.

    Parameters
    ----------
    walk : Walk
        The activations of an input.
    path : path
        The file; it is written atomically.
    layer : str
        Name of the layer.
    feature, row, column : int
        Position of the activation in the layer.

    Raises
    ------
    LimitError
        If there is no such activation, or it has too many terms.
    DataError
        If the file cannot be written.
    """
    first = walk.why(layer, feature, row, column)
    if len(first.terms) + 2 > MOST_ROWS:
        raise LimitError(
            f"{first.position}: got {len(first.terms):,} terms, wanted at most {MOST_ROWS - 2:,}; "
            "take a number of an earlier layer"
        )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "why.xlsx"
        _Book(walk, _opened(walk, first)).write(made, first)
        content = made.read_bytes()
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise DataError(f"{path}: not written: {error.strerror}") from None


def is_ours(path: Path) -> bool:
    """Whether a file is a spreadsheet that was written here, which another may replace."""
    try:
        with zipfile.ZipFile(path) as book, book.open("docProps/core.xml") as properties:
            return _MARK.encode() in properties.read(10_000)
    except (OSError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False


def _opened(walk: Walk, first: Why) -> dict[Position, Why]:
    """The numbers that get a block: all there are, or, without room for them, some of each layer,
    those with the largest share in the first number before others, so that what counts most is
    opened down to the pixels."""
    opened, whole = _opened_within(walk, first, MOST_ROWS)
    return opened if whole else _opened_within(walk, first, MOST_ROWS // len(walk))[0]


def _opened_within(walk: Walk, first: Why, most: int) -> tuple[dict[Position, Why], bool]:
    """With at most so many rows of a layer, and whether that was room enough."""
    opened, filled = {first.position: first}, set[str]()
    rows = Counter({first.position.layer: len(first.terms) + 2})
    waiting = _parts(first, 1.0)
    heapify(waiting)
    while waiting:
        share, place = heappop(waiting)
        if place in opened or place.layer in filled:
            continue
        found = walk.why(*place)
        size = len(found.terms) + 2
        if rows[place.layer] + size > most or rows.total() + size > MOST_ROWS:
            filled.add(place.layer)
            continue
        rows[place.layer] += size
        opened[place] = found
        for part in _parts(found, -share):
            heappush(waiting, part)
    return opened, not filled


def _parts(why: Why, share: float) -> list[tuple[float, Position]]:
    """What a number is made of, each with its share in the first one, its sign turned: that of its
    product among all, as far as they go in either direction."""
    whole = fsum(abs(term.product) for term in why.terms) or 1.0
    return [
        (-share * abs(term.product) / whole, term.position)
        for term in why.terms
        if term.position and term.position.layer != _INPUT
    ]


@dataclass
class _Book:
    """Blocks, and where their results stand: a sheet's name and a cell in it."""

    walk: Walk
    opened: dict[Position, Why]
    results: dict[Position, str] = field(default_factory=dict)

    def write(self, path: Path, first: Why) -> None:
        """All sheets; that of the first number is seen when the file is opened."""
        import xlsxwriter  # noqa: PLC0415 - only spreadsheets need it

        with xlsxwriter.Workbook(str(path)) as book:
            book.set_properties({"created": _EPOCH, "comments": _MARK})
            self._input(book)
            for name in self.walk:
                blocks = [why for place, why in self.opened.items() if place.layer == name]
                if blocks and name != _INPUT:
                    sheet = book.add_worksheet(name)
                    self._layer(book, sheet, blocks)
                    if name == first.position.layer:
                        sheet.activate()

    def _input(self, book: Workbook) -> None:
        """The input as a grid, channel under channel, if there is room for it."""
        stack = self.walk[_INPUT]
        if stack.ndim != 3 or stack.size > MOST_CELLS or stack.shape[2] > _MOST_COLUMNS:
            return
        sheet, bold = book.add_worksheet(_INPUT), book.add_format({"bold": True})
        sheet.set_column(0, stack.shape[2] - 1, 7)
        for channel, plane in enumerate(stack.tolist()):
            top = channel * (stack.shape[1] + 2)
            sheet.write_string(top, 0, f"channel {channel}, rows and columns from 0", bold)
            for y, cells in enumerate(plane):
                for x, value in enumerate(cells):
                    sheet.write_number(top + 1 + y, x, value)
                    self.results[Position(_INPUT, channel, y, x)] = _cell(_INPUT, top + 1 + y, x)

    def _layer(self, book: Workbook, sheet: Worksheet, blocks: list[Why]) -> None:
        bold = book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        sheet.set_column(_NUMBER, _NUMBER, 22)
        sheet.set_column(_WEIGHT, _SUM, 17)
        sheet.set_column(_OF, _OF, 48)
        for column, title in enumerate(_TITLES):
            sheet.write_string(0, column, title, bold)
        row = 1
        for why in blocks:
            row = self._block(sheet, row, why, bold)

    def _block(self, sheet: Worksheet, row: int, why: Why, bold: Any) -> int:
        """A number: its terms, then what they come to; the row where the next may begin."""
        start, total = row, 0.0
        for term in why.terms:
            total = fused(term.weight, term.value, total)
            self._term(sheet, row, term)
            if why.operation == "sum" and not why.normal:
                before = "" if row == start else f"+{_at(row - 1, _SUM)}"
                formula = _rounded(f"({_at(row, _PRODUCT)}{before})")
                sheet.write_formula(row, _SUM, f"={formula}", None, total)
            row += 1
        sheet.write_string(row, _NUMBER, str(why.position), bold)
        if why.terms:
            sheet.write_formula(row, _SUM, _ending(why, start, row), bold, why.recomputed)
        else:
            sheet.write_number(row, _SUM, why.value, bold)
        steps = ", in norm's own steps: less the mean, times 1 / deviation, ..."
        sheet.write_string(row, _OF, why.summary + (steps if why.normal else ""), bold)
        self.results[why.position] = _cell(why.position.layer, row, _SUM)
        return row + 2

    def _term(self, sheet: Worksheet, row: int, term: Term) -> None:
        """Weight, value and product; the value points to where it comes from, if that is there."""
        sheet.write_number(row, _WEIGHT, term.weight)
        known = self.results.get(term.position) if term.position else None
        if known:
            sheet.write_formula(row, _VALUE, f"={known}", None, term.value)
        else:
            sheet.write_number(row, _VALUE, term.value)
        product = f"={_at(row, _WEIGHT)}*{_at(row, _VALUE)}"
        sheet.write_formula(row, _PRODUCT, product, None, term.product)
        description = " x ".join(filter(None, [term.name, term.position and str(term.position)]))
        sheet.write_string(row, _OF, description)


def _ending(why: Why, start: int, end: int) -> str:
    """The formula of what the terms, in the rows from ``start`` to before ``end``, come to."""
    if why.normal:  # in its own steps: each is rounded
        mean, scale, weight, bias = (repr(one) for one in why.normal)
        away = _rounded(f"({_at(start, _VALUE)}-({mean}))")
        normal = _rounded(f"({away}*{scale})")
        return f"={_rounded(f'({normal}*({weight})+({bias}))')}"
    if why.operation != "sum":
        return f"=MAX({_at(start, _PRODUCT)}:{_at(end - 1, _PRODUCT)})"
    last = _at(end - 1, _SUM)
    return f"={last}" if why.divisor == 1 else f"={_rounded(f'({last}/{why.divisor})')}"


def _rounded(formula: str) -> str:
    """A formula's float64 rounded to float32."""
    return f"({formula}*{_SPLIT}-({formula}*{_SPLIT}-{formula}))"


def _at(row: int, column: int) -> str:
    return f"{'ABCDEF'[column]}{row + 1}"


def _cell(sheet: str, row: int, column: int) -> str:
    from xlsxwriter.utility import xl_rowcol_to_cell  # noqa: PLC0415 - only spreadsheets need it

    return f"'{sheet}'!{xl_rowcol_to_cell(row, column)}"
