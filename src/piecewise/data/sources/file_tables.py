"""Tables that name a file and its label in each record, as metadata.csv beside pictures."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, NamedTuple
from unicodedata import normalize

from ...core.constraints import MAX_CLASS_NAME
from ...core.errors import DataError, shown
from ..file_bytes import open_limited
from ..file_kinds import wrong_kind
from ..modalities import MODALITIES
from .class_labels import canonical_label
from .csv_records import lines, records
from .csv_tables import MAX_FILE_BYTES, SUFFIXES
from .file_names import FileNames, UnsafeNameError
from .folder_scan import FolderScanner, Traversable, modality_of
from .folders import LabeledFile
from .json_lines import BadRecordError, as_cell, json_object
from .other_files import describe_others
from .table_columns import TableOptions, find_columns, label_column, split_column
from .table_encoding import as_utf8
from .table_layout import read_layout
from .text_rows import MAX_CELLS, MAX_ROWS, split_of

_FILE = (
    ("file_name",),
    ("filename", "file"),
    ("path", "filepath", "file_path", "image_path", "audio_path", "relative_path"),
    ("image", "img", "picture", "photo", "audio", "sound", "clip", "recording", "fname"),
    ("image_name", "image_id", "imageid", "img_name", "slice_file_name", "image_file", "id_code"),
    ("id", "name"),
)
"""Names of the column of files. The first group of which there is a column decides."""
_CERTAIN = 4  # groups of which a column names files, even if there is a text
_TRIED = 50  # records, of which half need to name a file


class FileTable(NamedTuple):
    """The files that a table names, with label and split; their modality; further columns by name;
    a message for each group of records that is left out; and how the table was understood."""

    modality: str
    files: list[LabeledFile]
    other_columns: dict[str, list[str]]
    skipped: list[str]
    description: str


@dataclass
class _Records:
    """The records of a table: for each its line and its cells by column name."""

    names: list[str]
    rows: Iterator[tuple[int, dict[str, str]]]
    file: str
    label: str
    split: str | None
    is_certain: bool
    """Whether it can be nothing but a table of files."""


@dataclass
class _LeftOut:
    """Names of files that are not used, and why."""

    missing: list[str] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def read_file_table(
    path: Traversable, folder: Traversable, scanner: FolderScanner, options: TableOptions
) -> FileTable | None:
    """Read a table of files in ``folder``; None if it is none: if it has no columns of files and
    labels, or if most of its first records name no file.

    Raises DataError, naming the table, if it cannot be read.
    """
    if options.text_column is not None:
        return None
    try:
        with _opened(path) as file:
            table = _records(file, path.suffix.lower(), options)
            if table is None:
                return None
            return _FileTableReader(path, folder, scanner, table).read()
    except DataError as error:
        other = wrong_kind(path, "texts") if isinstance(path, Path) else None
        raise DataError(f"{path}: {other or error}") from None


def _opened(path: Traversable) -> IO[bytes]:
    if not isinstance(path, Path):
        return io.BytesIO(path.read_bytes())
    return open_limited(path, "table", MAX_FILE_BYTES, "divide it")


def _records(file: IO[bytes], kind: str, options: TableOptions) -> _Records | None:
    """The records of a table, if it has columns of files and labels."""
    source = lines(as_utf8(file, options.encoding).file)
    if kind == ".jsonl":
        rows = _json_rows(source)
        first = list(islice(rows, _TRIED))
        names = next((list(cells) for _, cells in first if cells), [])
        rows = chain(first, rows)
    else:
        layout = read_layout(source, kind, options)
        names = [name.strip() for name in layout.first]
        rows = _table_rows(layout.lines, layout.delimiter, names, layout.line)
    has_text = _has_text(names, options)
    groups = _FILE[:_CERTAIN] if has_text else _FILE
    chosen = next((name for group in groups for name in names if name.casefold() in group), None)
    if chosen is None or len(set(names)) < len(names):
        return None
    label = label_column(names, options)
    if label is None or names[label] == chosen:
        return None
    split = split_column(names, options)
    is_certain = not has_text and any(chosen.casefold() in group for group in _FILE[:_CERTAIN])
    return _Records(
        names, rows, chosen, names[label], None if split is None else names[split], is_certain
    )


def _has_text(names: list[str], options: TableOptions) -> bool:
    try:
        find_columns(names, options)
    except DataError:
        return False
    return True


def _table_rows(
    source: Iterator[str], delimiter: str, names: list[str], line: int
) -> Iterator[tuple[int, dict[str, str]]]:
    for record in records(islice(source, 1, None), delimiter, len(names), line + 1):
        cells = record.cells if len(record.cells) == len(names) else [""] * len(names)
        yield record.line, dict(zip(names, cells, strict=True))


def _json_rows(source: Iterator[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(source, 1):
        if line.strip():
            record = dict[str, object]()
            with contextlib.suppress(BadRecordError):
                record = json_object(line)
            yield number, {name.strip(): as_cell(value) or "" for name, value in record.items()}


class _FileTableReader:
    def __init__(
        self, path: Traversable, folder: Traversable, scanner: FolderScanner, table: _Records
    ) -> None:
        self.path, self.table = path, table
        self.names = FileNames(folder, path.name.rpartition(".")[0], scanner)
        self.files: list[LabeledFile] = []
        self.others: list[dict[str, str]] = []
        self.left_out = _LeftOut()

    def read(self) -> FileTable | None:
        for count, (line, cells) in enumerate(self.table.rows):
            if count == _TRIED and not self._names_files():
                break
            if count >= MAX_ROWS or count * len(self.table.names) > MAX_CELLS:
                raise DataError(f"more than {count:,} records, which is the limit; divide it")
            self._add(line, cells)
        if self._names_files():
            return self._built()
        if not self.table.is_certain or not (names := self.left_out.missing + self.left_out.unsafe):
            return None
        raise DataError(
            f"the column {shown(self.table.file)} names files that do not exist in its folder, "
            f"such as {_first(names)}; wanted paths relative to it"
        )

    def _names_files(self) -> bool:
        found = len(self.files) + len(self.left_out.unlabelled)
        return found > 0 and found >= len(self.left_out.missing)

    def _add(self, line: int, cells: dict[str, str]) -> None:
        name = cells.get(self.table.file, "")
        label = normalize("NFC", canonical_label(cells.get(self.table.label, "")))
        try:
            file = self.names.find(name)
        except UnsafeNameError:
            self.left_out.unsafe.append(name)
            return
        if file is None:
            self.left_out.missing.append(name)
        elif not 0 < len(label) <= MAX_CLASS_NAME:
            self.left_out.unlabelled.append(name)
        else:
            split = split_of(cells.get(self.table.split, ""), line) if self.table.split else ""
            self.files.append(LabeledFile(file, label, split))
            roles = {self.table.file, self.table.label, self.table.split}
            self.others.append({key: value for key, value in cells.items() if key not in roles})

    def _built(self) -> FileTable:
        counts = Counter(modality_of(file.path) for file in self.files)
        modality = max(MODALITIES, key=lambda name: counts[name])
        chosen = [modality_of(file.path) == modality for file in self.files]
        self.left_out.others = [
            file.path.name for file, is_used in zip(self.files, chosen, strict=True) if not is_used
        ]
        files = [file for file, is_used in zip(self.files, chosen, strict=True) if is_used]
        rows = [row for row, is_used in zip(self.others, chosen, strict=True) if is_used]
        columns = [name for name in self.table.names if any(name in row for row in rows[:1])]
        other_columns = {name: [row.get(name, "") for row in rows] for name in columns if name}
        return FileTable(modality, files, other_columns, self._messages(modality), self._words())

    def _words(self) -> str:
        split = f", split {shown(self.table.split)}" if self.table.split else ""
        columns = f"file {shown(self.table.file)}, label {shown(self.table.label)}{split}"
        return f"table {self.path.name}, {columns}"

    def _messages(self, modality: str) -> list[str]:
        found, messages = self.left_out, []
        total = len(self.files) + sum(map(len, (found.missing, found.unsafe, found.unlabelled)))
        if found.missing:
            messages.append(
                f"{len(found.missing):,} of {total:,} files do not exist, such as "
                f"{_first(found.missing)}"
            )
        if found.unsafe:
            messages.append(
                f"{len(found.unsafe):,} of {total:,} names lead out of its folder, such as "
                f"{_first(found.unsafe)}; wanted paths in it"
            )
        if found.unlabelled:
            messages.append(
                f"{len(found.unlabelled):,} of {total:,} files have no label, or too long a one, "
                f"such as {_first(found.unlabelled)}"
            )
        if found.others:
            messages.append(describe_others(found.others, f" than {modality}"))
        return [f"{self.path}: {message}" for message in messages]


def _first(names: list[str]) -> str:
    return ", ".join(shown(name) for name in names[:3])


def is_table(file: Traversable) -> bool:
    """Whether a file is a table by its suffix."""
    return file.suffix.lower() in SUFFIXES


def with_split(table: FileTable, split: str) -> FileTable:
    """The table with a split for the files for which it names none."""
    files = [file if file.split else file._replace(split=split) for file in table.files]
    return table._replace(files=files)
