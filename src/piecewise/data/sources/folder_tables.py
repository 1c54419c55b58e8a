"""Which tables in a folder name its files: metadata.csv, labels.csv, or train.csv and test.csv."""

from __future__ import annotations

from collections import Counter

from ...core.errors import DataError
from ..modalities import MODALITIES
from .file_tables import FileTable, is_table, read_file_table, with_split
from .folder_scan import FolderScanner, Traversable
from .split_names import split_of, split_of_table
from .table_columns import TableOptions

_MAX_TABLES = 20
_METADATA = "metadata."
_EXAMPLES = ("sample", "example", "submission")


def find_file_tables(path: Traversable, options: TableOptions) -> FileTable | None:
    """The tables that name the files in a folder, in its only folder, or in its splits, as one.

    None if there are none. DataError if several tables name the files of the same split.
    """
    scanner = FolderScanner()
    folder = path
    for _ in range(3):
        if tables := _tables_in(folder, scanner, options):
            return _joined(folder, tables, scanner)
        contents = scanner.contents(folder)
        tables = {}
        for one in contents.folders:
            if split := split_of(one.name):
                for name, (_, table) in _tables_in(one, scanner, options).items():
                    tables[f"{one.name}/{name}"] = split, table
        if tables:
            return _joined(folder, tables, scanner)
        if len(contents.folders) != 1:
            return None
        folder = contents.folders[0]
    return None


def _tables_in(
    folder: Traversable, scanner: FolderScanner, options: TableOptions
) -> dict[str, tuple[str, FileTable]]:
    """The tables of files in a folder by name, each with its split."""
    found = {}
    for file in [one for one in scanner.contents(folder).others if is_table(one)][:_MAX_TABLES]:
        if file.name.lower().startswith(_EXAMPLES):
            continue
        try:
            table = read_file_table(file, folder, scanner, options)
        except DataError:
            if file.name.lower().startswith(_METADATA):
                raise
            continue  # another kind of table
        if table is not None:
            found[file.name] = split_of_table(file.name) or "train", table
    metadata = {name: one for name, one in found.items() if name.lower().startswith(_METADATA)}
    return metadata or found


def _joined(
    path: Traversable, tables: dict[str, tuple[str, FileTable]], scanner: FolderScanner
) -> FileTable:
    """One table of all splits."""
    splits = Counter(split for split, _ in tables.values())
    if len(tables) > 1 and max(splits.values()) > 1:
        names = ", ".join(tables)
        raise DataError(f"{path}: several tables name its files: {names}; give one of them")
    counts = Counter[str]()
    for _, table in tables.values():
        counts[table.modality] += len(table.files)
    modality = max(MODALITIES, key=lambda name: counts[name])
    chosen = [with_split(one, split) for split, one in tables.values() if one.modality == modality]
    messages = [message for one in chosen for message in one.skipped]
    named = {file.path for one in chosen for file in one.files}
    unnamed = scanner.counts(path)[modality] - len(named)
    if unnamed > 0:
        messages.append(f"{path}: {unnamed:,} {modality} that no record with a label names")
    columns = set(chosen[0].other_columns).intersection(*(one.other_columns for one in chosen))
    return FileTable(
        modality,
        [file for one in chosen for file in one.files],
        {name: [value for one in chosen for value in one.other_columns[name]]
         for name in chosen[0].other_columns if name in columns},
        messages,
        "; ".join(one.description for one in chosen),
    )  # fmt: skip
