"""Imports: a folder or an archive of class folders, copied into a project."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import DataError, PiecewiseError
from ..core.progress import OnProgress, Progress
from ..data.sources.folder_scan import Traversable
from ..data.sources.folders import LabeledFile, list_files
from ..data.sources.zip_archives import list_zip, open_zip
from .folder_names import checked_class_name
from .incoming import Incoming
from .moves import counted
from .project import NAMES, Project, pinned_preprocessor
from .project_files import OWN
from .uploads import Upload, checked_upload

_BATCH, _BATCH_BYTES = 200, 32 << 20
"""Files, and about how many bytes, that are saved at a time."""
MAX_MESSAGES = 100
"""Messages about files that were left out; the others are counted."""
_MAX_JSON = 1 << 20


class ImportReport(NamedTuple):
    """What an import did: the samples of each class, messages about what was left out, and how many
    messages there are."""

    classes: dict[str, int]
    skipped: list[str]
    skipped_count: int


def import_data(project: Project, path: Path, report: OnProgress | None = None) -> ImportReport:
    """Copy the samples of a folder, or of a zip archive, into a project, as one change.

    ``report`` may end the import by raising; nothing is changed then. What cannot be read is left
    out.

    Raises
    ------
    DataError
        If there are no class folders, or their files are of another kind than the project's.
    """
    root: Traversable = path if path.is_dir() else open_zip(path)
    listing = list_files(path) if path.is_dir() else list_zip(open_zip(path))
    kind = project.fixed_kind
    if kind not in (None, listing.modality):
        raise DataError(f"{path.name}: has {listing.modality}, but this project has {kind}")
    names, skipped = _class_names(root), list(listing.skipped)
    counts, found = dict[str, int](), len(skipped)
    with project.incoming() as incoming:
        for (label, part), files in _grouped(listing.files).items():
            name = names.get(label, label)
            folder = _folder_of(project, name, incoming)
            for batch in _batches(files, listing.modality, skipped):
                project.write(incoming, folder, part, batch)
                counts[name] = counts.get(name, 0) + len(batch)
                if report:
                    done = incoming.count + len(skipped) - found
                    report(Progress("importing", done, len(listing.files)))
        if incoming.count:
            project.take_in(incoming, counted("imported", incoming.count))
    plain = [message.replace(f"{path}: ", "", 1) for message in skipped]
    return ImportReport(counts, plain[:MAX_MESSAGES], len(plain))


def import_knobs(project: Project, path: Path) -> None:
    """Take over the knobs and the preprocessor of a project that was saved as an archive; those
    that are damaged are left out."""
    values = _json_of(open_zip(path), OWN, "project.json")
    settings = values.get("settings")
    if isinstance(settings, dict):
        layers, recipe = settings.get("layers"), settings.get("recipe")
        project.set_settings(layers=layers if isinstance(layers, str) else None,
                             recipe=recipe if isinstance(recipe, dict) else None)  # fmt: skip
    with suppress(PiecewiseError, KeyError, TypeError, ValueError):
        project.pin(pinned_preprocessor(values["preprocessor"]))


def _grouped(files: list[LabeledFile]) -> dict[tuple[str, str], list[LabeledFile]]:
    """The files by their class and their part; a validation split is for learning, too."""
    groups = defaultdict[tuple[str, str], list[LabeledFile]](list)
    for file in files:
        groups[file.label, "test" if file.split == "test" else "train"].append(file)
    return groups


def _batches(files: list[LabeledFile], kind: str, skipped: list[str]) -> Iterator[list[Upload]]:
    """The files that can be read, some at a time; for each of the others a message."""
    batch, size = list[Upload](), 0
    for file in files:
        try:
            batch.append(checked_upload(file.path.name, file.path.read_bytes(), kind))
        except (DataError, OSError) as error:
            skipped.append(str(error))
            continue
        size += len(batch[-1].content)
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _folder_of(project: Project, name: str, incoming: Incoming) -> str:
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
