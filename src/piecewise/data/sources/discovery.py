"""Dataset discovery: lists the examples, labels and splits of any supported source, unprepared."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...core.array_types import Array, Strings, Uint8
from ...core.errors import NO_NAME, DataError
from ..file_bytes import check_no_address
from ..modalities import MODALITIES
from . import csv_tables
from .class_labels import quantity_error
from .file_tables import FileTable, read_file_table, with_split
from .folder_scan import FolderScanner, Traversable
from .folder_tables import find_file_tables
from .folders import FolderListing, LabeledFile, list_files
from .idx import IdxFiles, describe_idx, find_idx, read_idx_images
from .name_list import UnlabelledFiles
from .npz import read_npz
from .other_files import advice_for
from .table_columns import TableOptions
from .text_rows import TextTable
from .zip_archives import ArchiveEntry, list_zip, open_zip

WANTED = (
    "a folder with one folder per class, a .zip of one, an .npz of pictures, or a .csv, .tsv or "
    ".jsonl of texts"
)


class LazyFiles(Sequence[Any]):
    """Files that are read and decoded when they are indexed; DataError if one cannot be read."""

    def __init__(self, files: Sequence[LabeledFile], modality: str) -> None:
        self.files, self._read = files, MODALITIES[modality].preprocessor.read

    def __len__(self) -> int:
        return len(self.files)

    def paths(self) -> Iterator[Traversable | str]:
        """Where each file is; of a list of names, the names, which take less time than paths."""
        if isinstance(self.files, UnlabelledFiles):
            return iter(self.files.names)
        return (file.path for file in self.files)

    def size(self, index: int) -> int:
        """The bytes of a file, uncompressed; 0 if unknown."""
        path = self.files[index].path
        if isinstance(path, ArchiveEntry):
            return path.info.file_size if path.info else 0
        try:
            return path.stat().st_size if isinstance(path, Path) else 0
        except OSError:
            return 0

    def __getitem__(self, index: Any) -> Any:
        path: Traversable = self.files[index].path
        if isinstance(path, Path):
            return self._read(path)
        return self._read(path.read_bytes(), str(path))


@dataclass
class RawDataset:
    """Examples as they are stored: images (N, rows, columns, channels), texts or files, with the
    class name, the split ("train", "validation" or "test") and the name of each."""

    modality: str
    """A key of `MODALITIES`."""
    examples: Sequence[Any] | Uint8
    labels: list[str]
    splits: Strings
    names: Sequence[str]
    class_order: list[str] | None = None
    """The class names in the order of the file, if it gives one."""
    numeric_labels: bool = False
    """Whether the labels are numbers and the file gives no class names."""
    fields: Mapping[str, Sequence[Any] | Array] = field(default_factory=dict)
    """Further columns or arrays of the file (N,), by name."""
    skipped: list[str] = field(default_factory=list)
    """A message for each file or record that is left out."""
    description: str = ""
    """How the file was understood."""
    warnings: list[str] = field(default_factory=list)
    """What may be wrong with the file."""
    label_error: str = ""
    """Why the labels are no classes; empty if they are."""

    is_table: bool = False
    """Whether a table holds the examples, or names their files."""
    source_files: list[Path] = field(default_factory=list)
    """The files that hold the examples, if these are several and not files themselves."""

    def __len__(self) -> int:
        return len(self.labels)


def discover(path: Path, table_options: TableOptions | None = None) -> RawDataset:
    """List the examples of the data set at a path; DataError if there are none."""
    suffix, options = path.suffix.lower(), table_options or TableOptions()
    if _is_folder(path):
        raw = _from_folder(path, path, options) or _from_listing(list_files(path))
    elif suffix == ".zip":
        root = open_zip(path)
        raw = _from_folder(path, root, options) or _from_listing(list_zip(root))
    elif suffix == ".npz":
        raw = _from_npz(path)
    elif suffix in csv_tables.SUFFIXES:
        table = read_file_table(path, path.parent, FolderScanner(), options)
        raw = _from_files(table) if table else _from_table(path, options)
    else:
        raise DataError(f"{path}: {_what_it_is(path)}wanted {WANTED}")
    if not len(raw):
        raise DataError(f"{path}: it contains no examples")
    if not raw.is_table:
        options.check_unused(path, raw.modality)
    return raw


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder rather than a file; DataError if it is neither."""
    check_no_address(path)
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file or folder") from None
    except OSError as error:  # the name is too long, or access is denied
        raise DataError(f"{path}: {error.strerror}") from None
    except ValueError:  # a zero byte in it
        raise DataError(f"{path}: {NO_NAME}") from None


def _what_it_is(path: Path) -> str:
    """What a file that is no data set is, and what to do with it; empty if that is unknown."""
    if shape := describe_idx(path):
        return f"an idx file of {shape}; give the folder that holds it and its labels; "
    if advice := advice_for(path.suffix):
        return f"{path.suffix} files are not read; {advice.replace('them', 'it')}; "
    return ""


def _from_folder(path: Path, root: Traversable, options: TableOptions) -> RawDataset | None:
    """The data set of a folder without class folders: idx files, or files that a table names."""
    if idx_files := find_idx(root):
        return _from_idx(path, idx_files)
    table = find_file_tables(root, options)
    return _from_files(table) if table else None


def _from_files(table: FileTable) -> RawDataset:
    files = with_split(table, "train").files
    labels = [file.label for file in files]
    return RawDataset(
        table.modality,
        LazyFiles(files, table.modality),
        labels,
        np.array([file.split for file in files]),
        [str(file.path) for file in files],
        fields=table.other_columns,
        skipped=table.skipped,
        description=table.description,
        label_error=quantity_error(labels),
        is_table=True,
    )


def _from_idx(path: Path, found: IdxFiles) -> RawDataset:
    content = read_idx_images(found)
    return RawDataset(
        "pictures", content.images, content.labels, content.splits,
        _NumberedNames(str(path), len(content.labels)), content.class_order,
        numeric_labels=found.mapping is None, description=content.description,
        source_files=found.paths(),
    )  # fmt: skip


def _from_listing(listing: FolderListing) -> RawDataset:
    files = listing.files
    return RawDataset(
        listing.modality,
        LazyFiles(files, listing.modality),
        [file.label for file in files],
        np.array([file.split for file in files]),
        [str(file.path) for file in files],
        skipped=listing.skipped,
        description=listing.description,
        warnings=list(listing.warnings),
    )


def _from_npz(path: Path) -> RawDataset:
    content = read_npz(path)
    labels, classes, numeric = content.labels, content.classes, False
    if labels.dtype.kind == "U" or classes is None:
        numeric = labels.dtype.kind != "U"
        names = [str(label) for label in labels.tolist()]
        order = [str(label) for label in np.unique(labels).tolist()] if numeric else classes
    else:
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
            raise DataError(
                f"{path}: labels from {labels.min()} to {labels.max()}, wanted 0 to "
                f"{len(classes) - 1}, one for each of its {len(classes)} class names"
            )
        names, order = [classes[label] for label in labels.tolist()], classes
    return RawDataset(
        "pictures", content.images, names, content.splits, _NumberedNames(str(path), len(names)),
        order, numeric, content.fields, description=content.description,
        warnings=list(content.warnings),
        label_error=quantity_error(names) if numeric else "",
    )  # fmt: skip


def _from_table(path: Path, options: TableOptions) -> RawDataset:
    table = csv_tables.read_table(path, options)
    names = [f"{path}: line {line}" for line in table.lines]
    raw = RawDataset(
        "texts", [], table.labels, table.splits, names,
        skipped=table.skipped, description=table.description, warnings=list(table.warnings),
        label_error=quantity_error(table.labels), is_table=True,
    )  # fmt: skip
    if isinstance(table, TextTable):
        raw.examples, raw.fields = table.texts, table.other_columns
    else:
        raw.modality, raw.examples = "pictures", table.images
    return raw


class _NumberedNames(Sequence[str]):
    """Names for examples without one: the path of the file and the index in it."""

    def __init__(self, path: str, count: int) -> None:
        self.path, self.indices = path, range(count)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return f"{self.path}: picture {self.indices[index]}"
