"""Folders of class folders: one folder per class, optionally under train, validation and test.

All of it may lie in further folders, as in `archive/seg_train/seg_train/CLASS`; `folder_layout.py`
finds where. The files of a class may lie in further folders, too: `CLASS/session1/1.png`. The rules
are the same for folders on disk and in a zip archive (`zip_archives.py`).
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import normalize

from ...core.errors import DataError
from ..modalities import MODALITIES
from .folder_layout import FolderLayout, find_layout, is_note
from .folder_scan import MAX_DEPTH, FolderScanner, Traversable, is_link, modality_of
from .other_files import describe_others
from .split_names import SPLITS, split_of


class LabeledFile(NamedTuple):
    """A file with its class name and its split. ``inner`` is its path in the folder of its class,
    which differs from its name if it lies deeper."""

    path: Traversable
    label: str
    split: str
    inner: str = ""


class SkippedFiles(NamedTuple):
    """A message about files that are left out, and their paths."""

    message: str
    paths: list[str]


class FolderListing(NamedTuple):
    """The files of a folder of class folders: their modality (a key of `MODALITIES`), the files
    sorted by name, a message for each group of files that is left out, how the folder was
    understood, what may be wrong with it, and the files that a message of ``skipped`` is about."""

    modality: str
    files: list[LabeledFile]
    skipped: list[str]
    description: str = ""
    warnings: tuple[str, ...] = ()
    skipped_files: tuple[SkippedFiles, ...] = ()


def list_files(path: Traversable) -> FolderListing:
    """List the files under a folder of class folders; DataError if there are none. Of several
    modalities, the one with the most files is listed."""
    scanner = FolderScanner()
    counts = Counter[str]()
    for folder in scanner.contents(path).folders:
        counts += scanner.counts(folder, linked=is_link(folder))
    modality = max(MODALITIES, key=lambda name: counts[name])  # the first of equals
    if not counts[modality]:
        raise DataError(_why_empty(path, scanner))
    layout = find_layout(path, scanner, modality)
    reader = _ClassReader(scanner, modality)
    contents = [
        (split, reader.read(folder)) for parent, split in layout.parents
        for folder in scanner.contents(parent).folders if folder not in layout.left_out
    ]  # fmt: skip
    inner_splits = _inner_splits([found for _, found in contents])
    files, warnings = list[LabeledFile](), _deeper_classes(contents, inner_splits)
    for split, found in contents:
        label = normalize("NFC", found.folder.name)
        for file, inner in found.files:
            first, _, rest = inner.partition("/")
            if inner_splits:
                files.append(LabeledFile(file, label, inner_splits[first], rest))
            else:
                files.append(LabeledFile(file, label, split, inner))
    if files and all(split_of(file.label) for file in files):
        folders = _names(sorted({file.label for file in files}))
        raise DataError(
            f"{path}: the folders {folders} are splits, but there is no folder of a class in them; "
            "wanted one folder per class in each, or a table metadata.csv with file_name and label"
        )
    loose, broken = _loose_files(layout, scanner)
    skipped = layout.skipped + [one.message for one in loose] + broken
    for _, found in contents:
        skipped += [one.message for one in found.others] + found.messages
    of_messages = *loose, *(one for _, found in contents for one in found.others)
    description = _description(path, layout, files)
    return FolderListing(modality, files, skipped, description, tuple(warnings), of_messages)


class _ClassContents(NamedTuple):
    """The files of a class, each with its path in the folder; those of other kinds; and a message
    for everything else that is left out."""

    folder: Traversable
    files: list[tuple[Traversable, str]]
    others: list[SkippedFiles]
    messages: list[str]


class _ClassReader:
    """Lists the files of class folders at any depth."""

    def __init__(self, scanner: FolderScanner, modality: str) -> None:
        self.scanner, self.modality = scanner, modality

    def read(self, folder: Traversable) -> _ClassContents:
        found, others = _ClassContents(folder, [], [], []), list[str]()
        self._add(folder, "", found, others)
        if others:
            message = f"{folder}: {describe_others(others, f' than {self.modality}')}"
            found.others.append(SkippedFiles(message, [f"{folder}/{one}" for one in others]))
        if not found.files:
            found.messages.append(
                f"{folder}: none of the {self.modality} in it, so it is not a class"
            )
        return found

    def _add(
        self, folder: Traversable, inside: str, found: _ClassContents, others: list[str]
    ) -> None:
        contents = self.scanner.contents(folder)
        for file in contents.files:
            if modality_of(file) == self.modality:
                found.files.append((file, inside + file.name))
            else:
                others.append(inside + file.name)
        others += [inside + file.name for file in contents.others]
        found.messages.extend(f"{link}: a link to nothing" for link in contents.broken_links)
        for deeper in contents.folders:
            if is_link(deeper):
                found.messages.append(f"{deeper}: not read; it is a link to a folder, in a class")
            elif inside.count("/") >= MAX_DEPTH:
                found.messages.append(f"{deeper}: not read; it lies too deep in its class")
            else:
                self._add(deeper, f"{inside}{deeper.name}/", found, others)


def _inner_splits(classes: list[_ClassContents]) -> dict[str, str]:
    """The splits by folder name, if every class is divided as in CLASS/train and CLASS/test."""
    classes = [found for found in classes if found.files]
    names = {inner.partition("/")[0] for found in classes for _, inner in found.files}
    splits = {name: split for name in names if (split := split_of(name))}
    if len(splits) < len(names) or len(set(splits.values())) < 2:
        return {}
    for found in classes:
        if "train" not in {splits[inner.partition("/")[0]] for _, inner in found.files}:
            return {}
    return splits


def _deeper_classes(
    contents: list[tuple[str, _ClassContents]], inner_splits: dict[str, str]
) -> list[str]:
    """A warning if the folders in the class folders may be the classes instead: no class has a file
    of its own, and the same names occur in several."""
    holders = defaultdict[str, set[str]](set)
    for _, found in contents:
        for _, inner in found.files:
            name, deeper, _ = inner.partition("/")
            if not deeper:
                return []
            holders[name].add(found.folder.name)
    outer = sorted(set[str]().union(*holders.values()))
    repeated = sorted(name for name, classes in holders.items() if len(classes) > 1)
    if inner_splits or len(outer) < 2 or not repeated:
        return []
    return [
        f"the folders {_names(outer)} are read as the classes, and {_names(repeated)} in them as "
        "parts of each class; if the inner folders are the classes, put the files of each into one "
        "folder"
    ]


def _names(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _loose_files(
    layout: FolderLayout, scanner: FolderScanner
) -> tuple[list[SkippedFiles], list[str]]:
    """The files in each folder above the classes; and a message for each link to nothing there."""
    found, broken = list[SkippedFiles](), list[str]()
    for folder in layout.passed:
        contents = scanner.contents(folder)
        loose = [str(file) for file in contents.files if not is_note(file)]
        if loose:
            message = f"{folder}: {_files(len(loose))} in no folder of a class"
            found.append(SkippedFiles(message, loose))
        broken += [f"{link}: a link to nothing" for link in contents.broken_links]
    return found, broken


def _description(path: Traversable, layout: FolderLayout, files: list[LabeledFile]) -> str:
    """Where the classes lie, in words; empty for the usual places."""
    places = [
        (str(parent).removeprefix(str(path)).strip("/\\: "), split)
        for parent, split in layout.parents
    ]
    if layout.has_splits:
        unusual = any(inner.lower() not in SPLITS for inner, _ in places)
        words = [f"{inner} ({split})" for inner, split in places if unusual]
    else:
        words = [inner for inner, _ in places if inner]
    text = f"folders in {', '.join(words)}, one per class" if words else ""
    deeper = sorted({file.inner.partition("/")[0] for file in files if "/" in file.inner})
    if deeper:
        count = sum("/" in file.inner for file in files)
        text += "; " if text else "one folder per class; "
        text += f"{_files(count)} in deeper folders of a class ({_names(deeper)})"
    return text


def _why_empty(path: Traversable, scanner: FolderScanner) -> str:
    """The message for a folder without examples."""
    wanted = "wanted one folder per class, with files inside"
    root = scanner.contents(path)
    if root.files:
        return (
            f"{path}: {_files(len(root.files))} in no folder of a class, {wanted}, or a table "
            "metadata.csv with the columns file_name and label"
        )
    others = list(itertools.islice(_other_files(path, scanner), 10_000))
    kinds = (
        f"{name}: {' '.join(suffix[1:] for suffix in modality.suffixes)}"
        for name, modality in MODALITIES.items()
    )
    found = f" ({describe_others(others)})" if others else ""
    return f"{path}: no file in it to learn from{found}; {wanted} ({'; '.join(kinds)})"


def _other_files(path: Traversable, scanner: FolderScanner, depth: int = 0) -> Iterator[str]:
    """The names of files of no known modality in a folder, at any depth."""
    contents = scanner.contents(path)
    yield from (file.name for file in contents.others)
    for folder in contents.folders if depth < MAX_DEPTH else ():
        if not is_link(folder):
            yield from _other_files(folder, scanner, depth + 1)


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count > 1 else ''}"
