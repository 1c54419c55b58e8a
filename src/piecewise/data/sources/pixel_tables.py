"""Tables of pixels: a label and the numbers of a square image on each line, as in MNIST as CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.array_types import Array, Strings, Uint8
from ...core.constraints import MAX_CLASS_NAME
from ...core.errors import DataError, shown
from ..text.decoding import normalize_nfc
from .class_labels import canonical_label
from .pixel_scale import NamedImages, check_scale, fit_pixel_scale
from .table_columns import TableOptions, is_example, label_column, listed, split_column
from .table_layout import TableLayout
from .text_rows import MAX_ROWS, check_skipped, split_of

MAX_NUMBERS = 200_000_000
"""Rows times pixels."""
MAX_PIXELS = 100_000
"""Pixels of an image, times its channels."""
_SMALLEST_SIDE = 8
_PIXEL = re.compile(
    r"(?:pixels?|px|pix|p|x|feature|attr|v|f)?[ _.-]?\d+(?:[ _.x-]\d+)?", re.IGNORECASE
)
_CERTAIN = re.compile(r"pi?x.*|\d+x\d+", re.IGNORECASE)
"""Names that only pixels have; numbered columns may be a table of other measurements."""
_NUMBER = re.compile(r"\s*-?\d{1,9}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,2})?\s*")
_LINES = 2_000  # lines parsed at a time


class PixelColumns(NamedTuple):
    """The columns of a table of pixels: the label, the split (or None), the pixels in their order,
    and the shape (channels, rows, columns) of the images; whether the first line names them, and
    whether they can be nothing but pixels."""

    label: int
    split: int | None
    pixels: list[int]
    shape: tuple[int, int, int]
    has_header: bool
    is_certain: bool


class PixelTable(NamedTuple):
    """The examples of a table of pixels: images (N, rows, columns, channels), a label and a split
    each, the line that each is on, and a message for each record that was skipped."""

    images: Uint8
    labels: list[str]
    splits: Strings
    lines: list[int]
    skipped: list[str]
    description: str
    warnings: tuple[str, ...]


def find_pixels(layout: TableLayout, options: TableOptions) -> PixelColumns | None:
    """The columns of a table of pixels; None if it is none. DataError if its label is unclear."""
    names = layout.first
    pixels = [index for index, name in enumerate(names) if _PIXEL.fullmatch(name.strip())]
    if len(names) > _SMALLEST_SIDE**2 and _is_row(layout):
        return _without_names(layout, options)
    if len(pixels) < max(_SMALLEST_SIDE**2, len(names) - 10):
        return None
    split = split_column(names, options)
    label = label_column(names, options)
    if label is None:
        others = [index for index in range(len(names)) if index not in (*pixels, split)]
        if len(others) != 1:
            raise DataError(
                f"a table of pixels with the columns {listed(names)}; wanted a column 'label', or "
                "`label_column`"
            )
        label = others[0]
    pixels = [index for index in pixels if index not in (label, split)]
    is_certain = all(_CERTAIN.fullmatch(names[index].strip()) for index in pixels)
    return PixelColumns(label, split, pixels, _shape(len(pixels)), True, is_certain)


def _is_row(layout: TableLayout) -> bool:
    """Whether the first line holds numbers, and perhaps the name of a class, rather than names."""
    words = [index for index, cell in enumerate(layout.first) if not _NUMBER.fullmatch(cell)]
    return not words or (len(words) == 1 and is_example(layout.first, layout.sample, words[0]))


def _without_names(layout: TableLayout, options: TableOptions) -> PixelColumns:
    """The columns of a table of numbers: the label is the first column or the last, whichever has
    several values. A first line 0, 1, 2 ... numbers the columns."""
    count = len(layout.first)
    has_header = any(layout.first == [str(n + start) for n in range(count)] for start in (0, 1))
    rows = layout.sample if has_header else [layout.first, *layout.sample]
    numbers = [str(number) for number in range(1, count + 1)]
    split, label = split_column(numbers, options), label_column(numbers, options)
    if label is None:
        ends = [index for index in (0, count - 1) if index != split]
        varied = [index for index in ends if len({row[index] for row in rows}) > 1]
        if len(varied) != 1:
            raise DataError(
                f"{count:,} columns of numbers without names; say which is the label with "
                "`label_column`, by its number from 1"
            )
        label = varied[0]
    pixels = [index for index in range(count) if index not in (label, split)]
    return PixelColumns(label, split, pixels, _shape(len(pixels)), has_header, False)


def _shape(count: int) -> tuple[int, int, int]:
    """The shape of a square image of so many numbers, grey or in colour; DataError."""
    for channels in (1, 3):
        side = isqrt(count // channels)
        if channels * side * side == count and side >= _SMALLEST_SIDE and count <= MAX_PIXELS:
            return channels, side, side
    raise DataError(
        f"a table of {count:,} numbers in each row, wanted the pixels of a square image, such as "
        f"784 for 28x28, at most {MAX_PIXELS:,}; save other images as an .npz with 'images' and "
        "'labels'"
    )


def read_pixels(layout: TableLayout, columns: PixelColumns, path: Path) -> PixelTable:
    """Read a table of pixels; DataError."""
    reader = _PixelReader(layout, columns, path)
    source = layout.lines
    line = layout.line
    if columns.has_header:
        next(source, None)
        line += 1
    while some := list(islice(source, _LINES)):
        reader.add(some, line)
        line += len(some)
    return reader.build()


@dataclass
class _PixelReader:
    """Collects the rows of a table of pixels."""

    layout: TableLayout
    columns: PixelColumns
    path: Path
    blocks: list[Array] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, lines: Sequence[str], first: int) -> None:
        """Parse lines, the first of which has the number ``first``."""
        count = len(self.columns.pixels)
        rows = [(number, one) for number, one in enumerate(lines, first) if one.strip()]
        self._check_size(len(rows), count)
        good = list[tuple[int, str]]()
        for number, one in rows:
            why = self._add_label(number, one)
            if why:
                self.skipped.append(f"{self.path}: line {number:,}: {why}")
            else:
                good.append((number, one))
        if not good:
            return
        try:
            self.blocks.append(self._numbers([one for _, one in good]))
        except ValueError:
            self._add_each(good)

    def _check_size(self, more: int, count: int) -> None:
        rows = len(self.labels) + len(self.skipped) + more
        if rows > MAX_ROWS or rows * count > MAX_NUMBERS:
            most = min(MAX_ROWS, MAX_NUMBERS // count)
            raise DataError(
                f"more than {most:,} rows of {count:,} pixels, which is the limit; divide it, "
                "or save it as an .npz"
            )

    def _add_label(self, number: int, line: str) -> str:
        """Add the label and the split of a line; why it is skipped, if it is."""
        delimiter, columns = self.layout.delimiter, self.columns
        cells = line.count(delimiter) + 1
        if cells != len(self.layout.first):
            return f"{cells:,} columns, wanted {len(self.layout.first):,} as on the first line"
        label = canonical_label(_cell(line, delimiter, columns.label))
        if not label or len(label) > MAX_CLASS_NAME:
            return "there is no label" if not label else "a label that is too long"
        split = "" if columns.split is None else _cell(line, delimiter, columns.split)
        self.splits.append(split_of(split, number))
        self.labels.append(normalize_nfc(label))
        self.lines.append(number)
        return ""

    def _numbers(self, lines: Sequence[str]) -> Array:
        """The pixels of some lines (n, pixels); ValueError if some are no numbers."""
        for dtype in (np.int32, np.float32):
            try:
                found = np.loadtxt(
                    lines, dtype, delimiter=self.layout.delimiter, comments=None, ndmin=2,
                    usecols=self.columns.pixels, quotechar='"',
                )  # fmt: skip
            except (ValueError, OverflowError):
                continue
            if not np.isfinite(found).all():
                break
            is_byte = found.dtype == np.int32 and found.min() >= 0 and found.max() <= 255
            return found.astype(np.uint8) if is_byte else found.astype(np.float32)
        raise ValueError

    def _add_each(self, rows: Sequence[tuple[int, str]]) -> None:
        """Parse rows one by one, and skip those that hold something else than numbers."""
        start, kept = len(self.labels) - len(rows), list[int]()
        for index, (number, line) in enumerate(rows):
            try:
                self.blocks.append(self._numbers([line]))
                kept.append(start + index)
            except ValueError:
                why = "a pixel that is no finite number"
                self.skipped.append(f"{self.path}: line {number:,}: {why}")
        self.labels[start:] = [self.labels[index] for index in kept]
        self.splits[start:] = [self.splits[index] for index in kept]
        self.lines[start:] = [self.lines[index] for index in kept]

    def build(self) -> PixelTable:
        check_skipped(len(self.labels), self.skipped, self.path)
        channels, rows, width = self.columns.shape
        blocks, splits = self.blocks, np.array(self.splits)
        pixels = np.concatenate(blocks)
        self.blocks = []
        images, scale, warnings = _as_bytes(pixels, splits)
        images = images.reshape(len(images), channels, rows, width).transpose(0, 2, 3, 1)
        names = self.layout.first
        label = (
            f"label {shown(names[self.columns.label].strip())}"
            if self.columns.has_header
            else f"no header, label in column {self.columns.label + 1}"
        )
        if not self.columns.is_certain:
            warnings.append(
                f"its {channels * rows * width:,} columns of numbers are read as the pixels of "
                f"images of {rows}x{width}; a table of other measurements is not for a ConvNet"
            )
        description = f"a table of pixels of {rows}x{width}, {label}, {scale}"
        return PixelTable(
            images, self.labels, splits, self.lines, self.skipped, description, tuple(warnings)
        )


def _as_bytes(pixels: Array, splits: Strings) -> tuple[Uint8, str, list[str]]:
    """The pixels as bytes, their scale and warnings, decided as for an `.npz`."""
    is_train = splits == "train"
    learned = [NamedImages("train", pixels[is_train] if is_train.any() else pixels)]
    scale = fit_pixel_scale(learned)
    others = [name for name in ("validation", "test") if is_train.any() and (splits == name).any()]
    warnings = [
        check_scale(scale, learned, NamedImages(name, pixels[splits == name])) for name in others
    ]
    return scale.to_bytes(pixels), scale.description, [one for one in warnings if one]


def _cell(line: str, delimiter: str, index: int) -> str:
    """A cell of a line without delimiters inside quotes."""
    if index == line.count(delimiter):
        cell = line.rpartition(delimiter)[2]
    else:
        cell = line.split(delimiter, index + 1)[index]
    return cell.strip().strip('"')
