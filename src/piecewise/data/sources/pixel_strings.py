"""Tables with all pixels of an image in one cell, as in FER2013: emotion,pixels,Usage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from .table_layout import TableLayout

NAMES = ("pixels", "pixel", "image")
"""Names of the column with the pixels, between spaces."""
_USAGE = {"training": "train", "publictest": "validation", "privatetest": "test"}
_LEAST = 64


def split_pixel_cells(layout: TableLayout) -> TableLayout:
    """The layout with a column for each pixel; unchanged if there is no column of pixels.

    The column Usage of FER2013 becomes the split.
    """
    names = [name.strip().casefold() for name in layout.first]
    index = next((names.index(name) for name in NAMES if name in names), None)
    if index is None or not layout.sample:
        return layout
    counts = Counter(_number_count(row[index]) for row in layout.sample)
    count, rows = counts.most_common(1)[0]
    if count < _LEAST or 2 * rows < len(layout.sample):
        return layout
    usage = names.index("usage") if "usage" in names else None
    header = list(layout.first)
    if usage is not None:
        header[usage] = "split"
    header[index : index + 1] = [f"pixel{number}" for number in range(count)]
    mark = layout.delimiter
    lines = chain([mark.join(header)], _rows(layout, len(names), index, usage))
    return layout._replace(first=header, sample=[], lines=lines)


def _number_count(cell: str) -> int:
    """How many whole numbers there are in a cell; 0 if it holds something else."""
    words = cell.split()
    return len(words) if all(word.isascii() and word.isdigit() for word in words) else 0


def _rows(layout: TableLayout, columns: int, index: int, usage: int | None) -> Iterator[str]:
    """The lines after the header, with the pixels divided; others unchanged."""
    next(layout.lines, None)
    for line in layout.lines:
        cells = line.rstrip("\r\n").split(layout.delimiter)
        if len(cells) == columns:
            if usage is not None:
                word = cells[usage].strip().strip('"')
                cells[usage] = _USAGE.get(word.casefold(), word)
            cells[index] = layout.delimiter.join(cells[index].strip().strip('"').split())
        yield layout.delimiter.join(cells)
