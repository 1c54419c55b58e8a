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
from ..data.file_bytes import open_regular_file
from ..trace.arithmetic import Position, Term, Why, fused
from ..trace.walk import Walk

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook, Worksheet

MOST_ROWS = 20_000
"""Rows of terms in all sheets; values beyond it are written as numbers, without formulas."""
MOST_CELLS = 1_000_000
"""Cells of the input sheet; values of a larger input are written as numbers where they are used."""
_MOST_COLUMNS = 16_000
_SPLIT = 2**29 + 1
"""Multiplying by it and taking the difference off again rounds float64 to the 24 bits of float32
(Veltkamp 1968; Dekker 1971)."""
_TITLES = ("activation", "weight", "value", "product", "cumulative sum", "description")
_NUMBER, _WEIGHT, _VALUE, _PRODUCT, _SUM, _OF = range(len(_TITLES))
_INPUT = "input"
_MARK = "Made by piecewise"
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # fixed, so that equal input gives equal files


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
        If the file cannot be written, or its name does not end in .xlsx.
    """
    if not str(path).lower().endswith(".xlsx"):
        raise DataError(f"{path}: a spreadsheet is an .xlsx file; take a name such as why.xlsx")
    first = walk.why(layer, feature, row, column)
    if len(first.terms) + 2 > MOST_ROWS:
        raise LimitError(
            f"{first.position}: got {len(first.terms):,} terms, wanted at most {MOST_ROWS - 2:,}; "
            "choose an activation of an earlier layer"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "why.xlsx"
        _SpreadsheetWriter(walk, _expanded(walk, first)).write(file, first)
        content = file.read_bytes()
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise DataError(f"{path}: not written: {error.strerror}") from None


def is_ours(path: Path) -> bool:
    """Whether a file is a spreadsheet written by piecewise, which may be overwritten."""
    try:
        with (
            open_regular_file(path) as file,
            zipfile.ZipFile(file) as book,
            book.open("docProps/core.xml") as properties,
        ):
            return _MARK.encode() in properties.read(10_000)
    except (OSError, DataError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False


def _expanded(walk: Walk, first: Why) -> dict[Position, Why]:
    """The activations that are expanded: all, or as many of each layer as fit, those with the
    largest contribution first, so that these are expanded down to the pixels."""
    expanded, complete = _expanded_within(walk, first, MOST_ROWS)
    return expanded if complete else _expanded_within(walk, first, MOST_ROWS // len(walk))[0]


def _expanded_within(walk: Walk, first: Why, most: int) -> tuple[dict[Position, Why], bool]:
    """Expanded activations with at most ``most`` rows per layer, and whether these are all."""
    expanded, filled = {first.position: first}, set[str]()
    rows = Counter({first.position.layer: len(first.terms) + 2})
    waiting = _contributions(first, 1.0)
    heapify(waiting)
    while waiting:
        fraction, position = heappop(waiting)
        if position in expanded or position.layer in filled:
            continue
        why = walk.why(*position)
        size = len(why.terms) + 2
        if rows[position.layer] + size > most or rows.total() + size > MOST_ROWS:
            filled.add(position.layer)
            continue
        rows[position.layer] += size
        expanded[position] = why
        for contribution in _contributions(why, -fraction):
            heappush(waiting, contribution)
    return expanded, not filled


def _contributions(why: Why, fraction: float) -> list[tuple[float, Position]]:
    """The activations in the terms, each with its negative fraction of the first activation.

    The fractions of the terms are those of their absolute products.
    """
    total = fsum(abs(term.product) for term in why.terms) or 1.0
    return [
        (-fraction * abs(term.product) / total, term.position)
        for term in why.terms
        if term.position and term.position.layer != _INPUT
    ]


@dataclass
class _SpreadsheetWriter:
    """Writes the blocks of activations. ``results``: the cell of each activation."""

    walk: Walk
    expanded: dict[Position, Why]
    results: dict[Position, str] = field(default_factory=dict)

    def write(self, path: Path, first: Why) -> None:
        """Write all sheets; the sheet of ``first`` is active when the file is opened."""
        import xlsxwriter  # noqa: PLC0415 - only spreadsheets need it

        with xlsxwriter.Workbook(str(path)) as book:
            book.set_properties({"created": _EPOCH, "comments": _MARK})
            self._input(book)
            for name in self.walk:
                blocks = [why for position, why in self.expanded.items() if position.layer == name]
                if blocks and name != _INPUT:
                    sheet = book.add_worksheet(name)
                    self._layer(book, sheet, blocks)
                    if name == first.position.layer:
                        sheet.activate()

    def _input(self, book: Workbook) -> None:
        """Write the input as a grid, one channel below the other, if it fits."""
        values = self.walk[_INPUT]
        if values.ndim != 3 or values.size > MOST_CELLS or values.shape[2] > _MOST_COLUMNS:
            return
        sheet, bold = book.add_worksheet(_INPUT), book.add_format({"bold": True})
        sheet.set_column(0, values.shape[2] - 1, 7)
        for channel, plane in enumerate(values.tolist()):
            top = channel * (values.shape[1] + 2)
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
        """Write the terms of an activation and its value; return the row of the next block."""
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
            sheet.write_formula(row, _SUM, _result_formula(why, start, row), bold, why.recomputed)
        else:
            sheet.write_number(row, _SUM, why.value, bold)
        steps = ", in the steps of batch norm: minus the mean, times 1 / standard deviation, ..."
        sheet.write_string(row, _OF, why.summary + (steps if why.normal else ""), bold)
        self.results[why.position] = _cell(why.position.layer, row, _SUM)
        return row + 2

    def _term(self, sheet: Worksheet, row: int, term: Term) -> None:
        """Write weight, value and product; the value refers to the cell that computes it."""
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


def _result_formula(why: Why, start: int, end: int) -> str:
    """The formula of the activation, from its terms in the rows ``start`` to ``end - 1``."""
    if why.normal:  # each step of batch norm is rounded
        mean, scale, weight, bias = (repr(one) for one in why.normal)
        away = _rounded(f"({_at(start, _VALUE)}-({mean}))")
        normal = _rounded(f"({away}*{scale})")
        return f"={_rounded(f'({normal}*({weight})+({bias}))')}"
    if why.operation != "sum":
        return f"=MAX({_at(start, _PRODUCT)}:{_at(end - 1, _PRODUCT)})"
    last = _at(end - 1, _SUM)
    return f"={last}" if why.divisor == 1 else f"={_rounded(f'({last}/{why.divisor})')}"


def _rounded(formula: str) -> str:
    """A formula that rounds the float64 value of ``formula`` to float32."""
    return f"({formula}*{_SPLIT}-({formula}*{_SPLIT}-{formula}))"


def _at(row: int, column: int) -> str:
    return f"{'ABCDEF'[column]}{row + 1}"


def _cell(sheet: str, row: int, column: int) -> str:
    from xlsxwriter.utility import xl_rowcol_to_cell  # noqa: PLC0415 - only spreadsheets need it

    return f"'{sheet}'!{xl_rowcol_to_cell(row, column)}"
