"""Imports: class folders, archives of them, tables of texts, and files of one class, copied into a
project as one change.

Each of these functions takes ``report``, which may end the import by raising; nothing is changed
then. What cannot be read is left out, and a message names it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import DataError, PiecewiseError
from ..core.progress import OnProgress, Progress
from ..data.modalities import MODALITIES
from ..data.sources.class_labels import quantity_error
from ..data.sources.csv_tables import read_text_table
from ..data.sources.folder_scan import InnerPath, Traversable, modality_of
from ..data.sources.folders import FolderListing, SkippedFiles, list_files
from ..data.sources.zip_archives import list_zip, open_zip
from .folder_names import checked_class_name
from .incoming import Incoming
from .moves import counted
from .packs import files_in
from .project import Project
from .project_contents import NAMES
from .project_files import OWN, pinned_preprocessor
from .uploads import Upload, checked_upload

_BATCH, _BATCH_BYTES = 200, 32 << 20
"""Files, and about how many bytes, that are saved at a time."""
MAX_MESSAGES = 10_000
"""Messages, and names of files, about what was left out; the others are counted."""
_MAX_JSON = 1 << 20


class ImportReport(NamedTuple):
    """What an import did: the samples of each class, messages about what was left out, how many
    files and folders that is, and, by the message, the paths of the files that one is about."""

    classes: dict[str, int]
    skipped: list[str]
    skipped_count: int
    files: dict[str, list[str]]


class Batch(NamedTuple):
    """Some files of a class: the name of the class, the part, and the files."""

    label: str
    part: str
    uploads: list[Upload]

    def in_seat(self, seat: str) -> Batch:
        """The files for learning, with names that end in the seat: their group (`SEAT_GROUPS`)."""
        uploads = [one._replace(end=f"_{seat}") for one in self.uploads]
        return Batch(self.label, "train", uploads)


def import_data(
    project: Project, path: Path, report: OnProgress | None = None, seat: str = ""
) -> ImportReport:
    """Copy the samples of a folder, or of a zip archive, into a project; all are of one ``seat`` if
    it is given.

    Raises
    ------
    DataError
        If there are no class folders, or their files are of another kind than the project's.
    """
    return import_tree(project, *open_tree(path), str(path), report, seat)


def open_tree(path: Path) -> tuple[Traversable, FolderListing]:
    """The class folders of a folder, or of a zip archive; DataError if there are none."""
    if path.is_dir():
        return path, list_files(path)
    root = open_zip(path)
    return root, list_zip(root)


def import_tree(
    project: Project, root: Traversable, listing: FolderListing, name: str,
    report: OnProgress | None = None, seat: str = "",
) -> ImportReport:  # fmt: skip
    """Copy the samples of a tree of class folders, as `import_data` does; ``name`` is what messages
    call it."""
    kind = project.fixed_kind
    if kind not in (None, listing.modality):
        raise DataError(f"{name}: has {listing.modality}, but this project has {kind}")
    skipped = list(listing.skipped)
    batches = tree_batches(root, listing, skipped)
    if seat:
        batches = (one.in_seat(seat) for one in batches)
    done = import_batches(project, batches, skipped, len(listing.files), name, report)
    return _with_files(done, listing.skipped_files, name)


def tree_batches(root: Traversable, listing: FolderListing, skipped: list[str]) -> Iterator[Batch]:
    """The samples of a tree of class folders; ``skipped`` gets a message for each that cannot be
    read."""
    names = _class_names(root)
    groups = defaultdict[tuple[str, str], list[Traversable]](list)
    for file in listing.files:  # a validation split is for learning, too
        part = "test" if file.split == "test" else "train"
        groups[names.get(file.label, file.label), part].append(file.path)
    for (label, part), files in groups.items():
        for batch in _batches(files, listing.modality, skipped):
            yield Batch(label, part, batch)


def import_files(
    project: Project, folder: str, part: str, root: Traversable, report: OnProgress | None = None
) -> ImportReport:
    """Copy files, in whatever folders they are, into one class."""
    files = list(files_in(root))
    kinds = Counter(modality_of(file) for file in files)
    kind = project.fixed_kind or max(MODALITIES, key=lambda one: kinds[one])
    name = next(one.name for one in project.classes() if one.folder == folder)
    skipped: list[str] = []
    batches = (Batch(name, part, batch) for batch in _batches(files, kind, skipped))
    return import_batches(project, batches, skipped, len(files), "", report)


def import_table(
    project: Project, path: Path, name: str, report: OnProgress | None = None
) -> ImportReport:
    """Copy the texts of a .csv, .tsv or .jsonl table into a project, a file each; ``name`` is what
    messages call the table. DataError if `piecewise train` would not read it as texts."""
    try:
        table = read_text_table(path)
    except DataError as error:
        raise DataError(str(error).replace(str(path), name)) from None
    if message := quantity_error(table.labels):
        raise DataError(f"{name}: {message}")
    if project.fixed_kind not in (None, "texts"):
        raise DataError(f"{name}: has texts, but this project has {project.fixed_kind}")
    groups = defaultdict[tuple[str, str], list[Upload]](list)
    for text, label, split in zip(table.texts, table.labels, table.splits, strict=True):
        part = "test" if split == "test" else "train"
        groups[label, part].append(Upload("", ".txt", text.encode()))
    batches = (Batch(label, part, texts[at : at + _BATCH])
               for (label, part), texts in groups.items()
               for at in range(0, len(texts), _BATCH))  # fmt: skip
    skipped = [message.replace(str(path), name) for message in table.skipped]
    return import_batches(project, batches, skipped, len(table.texts), name, report)


def import_knobs(project: Project, path: Path) -> None:
    """Take over the knobs and the preprocessor of a project that was saved as an archive; those
    that are damaged are left out."""
    values = _json_of(open_zip(path), OWN, "project.json")
    settings = values.get("settings")
    if isinstance(settings, dict):
        layers, recipe = settings.get("layers"), settings.get("recipe")
        project.set_settings(layers=layers if isinstance(layers, str) else None,
                             recipe=recipe if isinstance(recipe, dict) else None)  # fmt: skip
    with suppress(PiecewiseError, AttributeError, KeyError, TypeError, ValueError):
        pinned = values["preprocessor"]
        imported = pinned.get("imported") is True
        project.pin(pinned_preprocessor(pinned), imported=imported)


def import_batches(
    project: Project, batches: Iterable[Batch], skipped: list[str], total: int, name: str = "",
    report: OnProgress | None = None,
) -> ImportReport:  # fmt: skip
    """Save files as one change; ``skipped`` grows while they are read."""
    counts, found = Counter[str](), len(skipped)
    with project.incoming() as incoming:
        for label, part, uploads in batches:
            project.write(incoming, folder_of(project, label, incoming), part, uploads)
            counts[label] += len(uploads)
            if report:
                report(Progress("importing", incoming.count + len(skipped) - found, total))
        if incoming.count:
            project.take_in(incoming, counted("imported", incoming.count))
    plain = [message.removeprefix(f"{name}: ") for message in skipped]
    return ImportReport(dict(counts), plain[:MAX_MESSAGES], len(plain), {})


def _with_files(done: ImportReport, skipped: Sequence[SkippedFiles], name: str) -> ImportReport:
    """The report with the files that its messages are about, each of which counts."""
    files, left = dict[str, list[str]](), MAX_MESSAGES
    for message, paths in skipped:
        plain = [path.removeprefix(f"{name}: ") for path in paths[:left]]
        files[message.removeprefix(f"{name}: ")] = plain
        left -= len(plain)
    more = sum(len(one.paths) - 1 for one in skipped)
    return done._replace(skipped_count=done.skipped_count + more, files=files)


def _batches(files: list[Traversable], kind: str, skipped: list[str]) -> Iterator[list[Upload]]:
    """The files that can be read, some at a time; for each of the others a message."""
    batch, size = list[Upload](), 0
    for file in files:
        path = file.inner_path if isinstance(file, InnerPath) else file.name
        try:
            batch.append(checked_upload(path, file.read_bytes(), kind))
        except (DataError, OSError) as error:
            skipped.append(str(error))
            continue
        size += len(batch[-1].content)
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def folder_of(project: Project, name: str, incoming: Incoming) -> str:
    """The folder of the class of this name, a new one if there is none."""
    name = checked_class_name(name)
    known = {one.name: one.folder for one in project.classes()}
    known |= {new: folder for folder, new in incoming.new_classes.items()}
    return known.get(name) or project.new_class(name, incoming)


def _class_names(root: Traversable) -> dict[str, str]:
    """The names of classes whose folders have others."""
    values = _json_of(root, NAMES)
    return {folder: name for folder, name in values.items() if isinstance(name, str)}


def _json_of(root: Traversable, *path: str) -> dict[str, Any]:
    """The JSON object of a small file below a folder; an empty one if there is none."""
    entry: Traversable | None = root
    for name in path:
        entry = next((one for one in entry.iterdir() if one.name == name), None) if entry else None
    try:
        content = entry.read_bytes() if entry is not None and entry.is_file() else b""
        value = json.loads(content) if len(content) <= _MAX_JSON else {}
    except (DataError, OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
