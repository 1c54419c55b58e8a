"""Unlabelled sources: every input of a folder, a zip archive or a table, for prediction.

Folders are read at any depth, and neither classes nor splits are looked for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np

from ...core.errors import DataError
from ..file_bytes import check_no_address
from ..modalities import MODALITIES, MODALITY_OF_SUFFIX
from . import csv_tables
from .discovery import LazyFiles, RawDataset
from .folder_scan import is_user_file, is_user_name, suffix_of
from .folders import LabeledFile
from .name_list import NameList, UnlabelledFiles
from .table_columns import TableOptions
from .zip_archives import ArchiveEntry, open_zip


def list_unlabelled(
    path: Path, modality: str, options: TableOptions = csv_tables.DEFAULT_OPTIONS
) -> RawDataset | None:
    """The inputs of a modality in a folder, a `.zip` or a table of texts.

    Returns None for any other path, which is an input itself. Raises DataError, naming the path,
    if there is no input in it.
    """
    check_no_address(path)
    suffix = path.suffix.lower()
    if _is_folder(path):
        return _from_folder(path, modality)
    if suffix == ".zip":
        return _from_archive(path, modality)
    if suffix in csv_tables.SUFFIXES:
        if modality != "texts":
            raise DataError(f"{path}: got a table of texts, wanted {modality} for this net")
        return _from_table(path, options)
    if suffix == ".npz":
        raise DataError(
            f"{path}: an .npz of arrays, wanted files; `piecewise evaluate` reads labelled arrays, "
            "and net.predict in Python reads any"
        )
    return None


def listed_inputs(files: Sequence[Path], texts: Sequence[str], modality: str) -> RawDataset:
    """Files and texts that were named one by one; a file need not exist."""
    if texts:
        return _raw(modality, list(texts), list(texts))
    examples = LazyFiles([LabeledFile(file, "", "test") for file in files], modality)
    return _raw(modality, examples, [str(file) for file in files])


def _raw(
    modality: str, examples: Sequence[object], names: Sequence[str], skipped: Sequence[str] = ()
) -> RawDataset:
    """Examples without labels."""
    splits = np.broadcast_to(np.array("test"), len(names))  # takes no memory
    return RawDataset(modality, examples, [""] * len(names), splits, names, skipped=list(skipped))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):  # reading it will say what is wrong
        return False


def _from_folder(path: Path, modality: str) -> RawDataset:
    suffixes, names, others = MODALITIES[modality].suffixes, NameList(), set[str]()
    for folder, found in _walk(path):
        chosen = [name for name in found if suffix_of(name).lower() in suffixes]
        names.add(folder, chosen)
        if not names:
            others.update(suffix_of(name).lower() for name in found)
    if not names:
        raise _nothing(path, others, modality)
    return _raw(modality, LazyFiles(UnlabelledFiles(names), modality), names)


def _from_archive(path: Path, modality: str) -> RawDataset:
    suffixes, every = MODALITIES[modality].suffixes, list(_walk_archive(open_zip(path)))
    chosen = [LabeledFile(file, "", "test") for file in every if file.suffix.lower() in suffixes]
    if not chosen:
        raise _nothing(path, {file.suffix.lower() for file in every}, modality)
    return _raw(modality, LazyFiles(chosen, modality), [str(file.path) for file in chosen])


def _nothing(path: Path, found: Collection[str], modality: str) -> DataError:
    """The error about a folder or an archive with files of these suffixes only."""
    others = {MODALITY_OF_SUFFIX.get(suffix, "other files") for suffix in found}
    what = f"only {' and '.join(sorted(others))}" if others else "it is empty"
    kinds = " ".join(suffix[1:] for suffix in MODALITIES[modality].suffixes)
    return DataError(f"{path}: {what}: no {modality} in it, wanted files of these kinds: {kinds}")


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder in a folder, at any depth and by name, with the names of its regular files; links
    to folders are not followed."""
    folders = [folder]
    while folders:
        inner, names = list[Path](), list[str]()
        here = folders.pop()
        for entry in _entries(here):
            if _is(entry.is_dir):
                inner += [Path(entry.path)] * (not entry.is_symlink())
            elif _is(entry.is_file):
                names.append(entry.name)
        yield "" if here == Path() else str(here), names
        folders += reversed(inner)


def _is(check: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; False if it cannot be examined, as a link to itself."""
    try:
        return check()
    except OSError:
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The files and folders of a person in a folder, by name."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if is_user_name(entry.name)]
    except OSError as error:
        raise DataError(f"{error.filename}: {error.strerror}") from None
    return sorted(found, key=attrgetter("name"))


def _walk_archive(entry: ArchiveEntry) -> Iterator[ArchiveEntry]:
    for child in sorted(entry.children, key=lambda child: child.name):
        if not is_user_file(child):
            continue
        if child.is_dir():
            yield from _walk_archive(child)
        else:
            yield child


def _from_table(path: Path, options: TableOptions) -> RawDataset:
    table = csv_tables.read_text_table(path, options, labelled=False)
    names = [f"{path}: line {line}" for line in table.lines]
    return _raw("texts", table.texts, names, table.skipped)
