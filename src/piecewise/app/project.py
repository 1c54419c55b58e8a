"""A project of the app: a folder of data, and what the app keeps about it in .piecewise.

The folder is what `piecewise train` reads: train/CLASS/FILE and test/CLASS/FILE. Everything else
lies in .piecewise, which readers skip. A file is written completely or not at all. Every change can
be undone.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import DataError, shown
from ..data.modalities import MODALITY_OF_SUFFIX, preprocessor_from_json
from ..data.preprocessing import Preprocessor
from .failures import ConflictError, MissingError
from .folder_names import can_be_folder, checked_class_name, folder_for
from .listing import MAX_SAMPLES, PARTS, Listing
from .moves import Change, ChangeLog, Move
from .project_files import OWN, open_locked, read_json, write_file, write_json
from .strokes import Drawing, from_png, to_png
from .uploads import Upload, checked_upload

NAMES = "classes.json"
MAX_CLASSES = 100
"""Classes of a project."""


class ProjectClass(NamedTuple):
    """A class: its folder, its name, and its samples for learning and for the test."""

    folder: str
    name: str
    train: int
    test: int


class SamplePage(NamedTuple):
    """Some samples of a class: how many there are, and the ids of those that were asked for."""

    total: int
    ids: list[str]


class Project:
    """A project folder, opened by one process.

    Parameters
    ----------
    folder : Path
        A folder of data, or a new one.

    Raises
    ------
    DataError
        If the folder cannot be used, or another process has opened it.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self._lock_file = open_locked(folder)
        self._guard = threading.RLock()
        self._values = read_json(folder / OWN / "project.json")
        self._names = {str(key): str(name) for key, name in read_json(folder / NAMES).items()}
        self._listing = Listing(folder)
        self._log = ChangeLog(folder, folder / OWN / "undo.jsonl")
        self.version = 0
        """One more after every change of samples, classes or settings."""

    def close(self) -> None:
        """Let other processes open the folder."""
        self._lock_file.close()

    # Description.

    @property
    def name(self) -> str:
        """The name of the project: what a person called it, or its folder."""
        return str(self._values.get("name") or self.root.resolve().name)

    def rename(self, name: str) -> None:
        """Call the project by another name; the folder keeps its own."""
        self._set("name", checked_class_name(name))

    @property
    def kind(self) -> str:
        """The modality of the samples; pictures as long as there are none."""
        return self.fixed_kind or "pictures"

    @property
    def fixed_kind(self) -> str | None:
        """The modality of the samples; None as long as there are none."""
        first = next(iter(self._listing.all_ids()), None)
        return first and MODALITY_OF_SUFFIX["." + first.rsplit(".", 1)[1].lower()]

    def classes(self) -> list[ProjectClass]:
        """All classes, in the order that a person gave them."""
        folders = self._listing.folders
        known = [folder for folder in self._order if folder in folders]
        known += [folder for folder in folders if folder not in known]
        return [ProjectClass(folder, self._names.get(folder, folder),
                             *(len(self._listing.files(part, folder)) for part in PARTS))
                for folder in known]  # fmt: skip

    def samples(self, folder: str, part: str, start: int = 0, count: int = 200) -> SamplePage:
        """Samples of a class in a part, the newest first."""
        ids = self._listing.ids(part, self._known(folder))[::-1]
        return SamplePage(len(ids), ids[start : start + count])

    def content(self, sample_id: str) -> bytes:
        """The bytes of a sample's file."""
        return self._listing.path(sample_id).read_bytes()

    def path(self, sample_id: str) -> Path:
        """The file of a sample."""
        return self._listing.path(sample_id)

    def drawing(self, sample_id: str) -> Drawing | None:
        """The strokes of a sample that was drawn; None for other samples."""
        return from_png(self.content(sample_id))

    def labelled(self, part: str) -> tuple[list[str], list[int]]:
        """The ids of all samples of a part, and the number of the class of each."""
        ids: list[str] = []
        labels: list[int] = []
        for number, one in enumerate(self.classes()):
            found = self._listing.ids(part, one.folder)
            ids += found
            labels += [number] * len(found)
        return ids, labels

    def data_sha256(self) -> str:
        """A hash of the classes, the names of the samples and the sizes of their files."""
        digest = hashlib.sha256()
        for one in self.classes():
            digest.update(json.dumps([one.folder, one.name]).encode())
            for part in PARTS:
                for sample_id in self._listing.ids(part, one.folder):
                    size = self._listing.path(sample_id).stat().st_size
                    digest.update(f"{sample_id} {size}\n".encode())
        return digest.hexdigest()

    # Settings.

    @property
    def preprocessor(self) -> Preprocessor | None:
        """The preprocessor that the first training pinned; None before."""
        value = self._values.get("preprocessor")
        return None if value is None else pinned_preprocessor(value)

    def pin(self, preprocessor: Preprocessor | None) -> None:
        """Keep a preprocessor, so that one more sample does not change the input's size."""
        self._set("preprocessor", preprocessor and {
            "shape": list(preprocessor.shape), "values": preprocessor.to_json()
        })  # fmt: skip

    @property
    def settings(self) -> dict[str, Any]:
        """The knobs that a person turned: layers, recipe and others."""
        value = self._values.get("settings")
        return dict(value) if isinstance(value, dict) else {}

    def set_settings(self, **values: Any) -> None:
        """Change settings; None takes one back."""
        settings = {**self.settings, **values}
        self._set("settings", {name: one for name, one in settings.items() if one is not None})

    # Classes.

    def add_class(self, name: str) -> str:
        """A new class; its folder."""
        with self._guard:
            name = self._free_name(name)
            if len(self.classes()) == MAX_CLASSES:
                raise DataError(f"class: a project has at most {MAX_CLASSES} classes")
            folder = folder_for(name, set(self._listing.folders) | set(PARTS) | {OWN})
            (self.root / self._listing.path_of("train", folder)).mkdir(parents=True)
            names = {**self._names, folder: name} if folder != name else self._names
            self._log.record(Change(f"added the class {name}", (), (self._names, names)))
            self._changed(names)
            return folder

    def rename_class(self, folder: str, name: str) -> str:
        """Call a class by another name; its folder, which is the name where that is possible."""
        with self._guard:
            old = self._names.get(self._known(folder), folder)
            name = self._free_name(name, but=folder)
            others = (set(self._listing.folders) - {folder}) | set(PARTS) | {OWN}
            target = folder_for(name, others) if can_be_folder(name) else folder
            names = {key: one for key, one in self._names.items() if key != folder}
            if target != name:
                names[target] = name
            moves = [] if target == folder else self._folder_moves(folder, target)
            change = Change(f"renamed {old} to {name}", tuple(moves), (self._names, names))
            self._apply(change, names)
            self._set("order", [target if one == folder else one for one in self._order])
            return target

    def remove_class(self, folder: str) -> None:
        """Remove a class with its samples; they wait among the removed files."""
        with self._guard:
            bin_ = self._bin()
            moves = [Move(source, f"{bin_}/{source}") for source, _ in
                     self._folder_moves(self._known(folder), folder)]  # fmt: skip
            name = self._names.get(folder, folder)
            names = {key: one for key, one in self._names.items() if key != folder}
            self._apply(Change(f"removed {name}", tuple(moves), (self._names, names)), names)

    def merge(self, folder: str, into: str) -> None:
        """Move all samples of a class to another one, and remove the class."""
        with self._guard:
            self._known(into)
            if self._known(folder) == into:
                raise DataError(f"class: {shown(folder)} cannot be merged into itself")
            number, moves, bin_ = self._next_number(into), list[Move](), self._bin()
            for part in PARTS:
                files = self._listing.files(part, folder)
                for at, file in enumerate(files, number):
                    target = self._listing.path_of(part, into, f"{at:04d}{_rest(file)}")
                    moves.append(Move(self._listing.path_of(part, folder, file), target))
                number += len(files)
            moves += [Move(path, f"{bin_}/{path}") for path, _ in
                      self._folder_moves(folder, folder)]  # fmt: skip
            names = {key: one for key, one in self._names.items() if key != folder}
            name, other = self._names.get(folder, folder), self._names.get(into, into)
            self._apply(Change(f"merged {name} into {other}", tuple(moves), (self._names, names)),
                        names)  # fmt: skip

    def set_order(self, folders: Sequence[str]) -> None:
        """Put the classes in another order."""
        self._set("order", list(dict.fromkeys(self._known(folder) for folder in folders)))

    # Samples.

    def add_drawing(self, folder: str, part: str, drawing: Drawing) -> str:
        """Save a drawing; its id."""
        return self._add(folder, part, [Upload("", ".png", to_png(drawing))])[0]

    def add_texts(self, folder: str, part: str, texts: Sequence[str]) -> list[str]:
        """Save texts, a file each; their ids."""
        return self._add(folder, part, [Upload("", ".txt", text.encode()) for text in texts])

    def add_file(self, folder: str, part: str, name: str, content: bytes) -> str:
        """Save a file byte for byte, after it was decoded once; its id. DataError if it cannot be
        read, or is of another kind than the samples of the project."""
        return self._add(folder, part, [checked_upload(name, content, self.fixed_kind)])[0]

    def import_files(self, folder: str, part: str, uploads: Sequence[Upload]) -> list[str]:
        """Save some files of an import; their ids. `imported` ends it."""
        with self._guard:
            return self._written(folder, part, uploads)

    def imported(self, ids: Sequence[str]) -> None:
        """Make an import a change that can be undone."""
        with self._guard:
            paths = [self._listing.path_of(*self._listing.lookup(one)) for one in ids]
            moves = tuple(Move(f"{self._bin()}/{path}", path) for path in paths)
            self._log.record(Change(_counted("imported", len(moves)), moves))
            self._changed()

    def move(self, ids: Sequence[str], folder: str, part: str) -> list[str]:
        """Move samples to another class or part; their new ids."""
        with self._guard:
            self._known(folder)
            number, moves, new = self._next_number(folder), [], []
            for sample_id in ids:
                old_part, old_folder, file = self._listing.lookup(sample_id)
                name = file
                if old_folder != folder or file in self._listing.files(part, folder):
                    name = f"{number:04d}{_rest(file)}"
                    number += 1
                moves.append(Move(self._listing.path_of(old_part, old_folder, file),
                                  self._listing.path_of(part, folder, name)))  # fmt: skip
                new.append(f"{part}/{folder}/{name}")
            moves = [one for one in moves if one.source != one.target]
            self._apply(Change(_counted("moved", len(ids)), tuple(moves)))
            return new

    def remove(self, ids: Sequence[str]) -> None:
        """Remove samples; they wait among the removed files."""
        with self._guard:
            bin_ = self._bin()
            paths = [
                self._listing.path_of(*self._listing.lookup(one)) for one in dict.fromkeys(ids)
            ]
            moves = tuple(Move(path, f"{bin_}/{path}") for path in paths)
            self._apply(Change(_counted("removed", len(moves)), moves))

    def undo(self) -> str:
        """Undo the last change; what it was."""
        with self._guard:
            change = self._log.undo()
            self._changed(change.names and change.names[0])
            return change.sentence

    def redo(self) -> str:
        """Do the change that was undone last; what it was."""
        with self._guard:
            change = self._log.redo()
            self._changed(change.names and change.names[1])
            return change.sentence

    # Helpers.

    @property
    def _order(self) -> list[str]:
        """The order of the class folders that a person gave."""
        value = self._values.get("order")
        return list(dict.fromkeys(map(str, value))) if isinstance(value, list) else []

    def _add(self, folder: str, part: str, uploads: Sequence[Upload]) -> list[str]:
        """Save files, as a change that can be undone."""
        with self._guard:
            bin_ = self._bin()
            ids = self._written(folder, part, uploads)
            paths = [self._listing.path_of(*self._listing.lookup(one)) for one in ids]
            moves = tuple(Move(f"{bin_}/{path}", path) for path in paths)
            self._log.record(Change(_counted("added", len(ids)), moves))
            return ids

    def _written(self, folder: str, part: str, uploads: Sequence[Upload]) -> list[str]:
        if len(self._listing.all_ids()) + len(uploads) > MAX_SAMPLES:
            raise DataError(f"a project has at most {MAX_SAMPLES:,} samples")
        number, ids = self._next_number(self._known(folder)), []
        for end, suffix, content in uploads:
            name = f"{number:04d}{end}{suffix}"
            write_file(self.root / self._listing.path_of(part, folder, name), content)
            ids.append(f"{part}/{folder}/{name}")
            number += 1
        self._changed()
        return ids

    def _bin(self) -> str:
        """A folder for what the next change removes."""
        return f"{OWN}/removed/{self._log.done + 1}-{self.version}"

    def _next_number(self, folder: str) -> int:
        removed = (self.root / OWN / "removed").glob(f"*/**/{escape(folder)}/*")
        return self._listing.next_number(folder, [file.name for file in removed])

    def _known(self, folder: str) -> str:
        if folder not in self._listing.folders:
            raise MissingError(f"class: there is none of the folder {shown(folder)}")
        return folder

    def _free_name(self, name: str, but: str = "") -> str:
        """A checked name that no other class has."""
        name = checked_class_name(name)
        for one in self.classes():
            if one.folder != but and one.name == name:
                raise ConflictError(f"class: there is one of the name {shown(name)} already")
        return name

    def _folder_moves(self, folder: str, target: str) -> list[Move]:
        """The moves of a class's folders, which exist, to those of another name."""
        paths = [(self._listing.path_of(part, folder), self._listing.path_of(part, target))
                 for part in PARTS]  # fmt: skip
        return [Move(*pair) for pair in paths if (self.root / pair[0]).is_dir()]

    def _apply(self, change: Change, names: dict[str, str] | None = None) -> None:
        self._log.apply(change)
        self._changed(names)

    def _changed(self, names: dict[str, str] | None = None) -> None:
        """Read the folder anew after a change, and keep the names of classes."""
        if names is not None and names != self._names:
            self._names = dict(names)
            write_json(self.root / NAMES, self._names)
        self._listing.refresh()
        self.version += 1

    def _set(self, name: str, value: Any) -> None:
        with self._guard:
            self._values = {**self._values, name: value}
            write_json(self.root / OWN / "project.json", self._values)
            self.version += 1


def pinned_preprocessor(value: Any) -> Preprocessor:
    """The preprocessor of what `Project.pin` writes; damaged values raise PiecewiseError, KeyError,
    TypeError or ValueError."""
    return preprocessor_from_json(value["values"], tuple(value["shape"]))


def _rest(file: str) -> str:
    """A file name without the number at its beginning."""
    return file.lstrip("0123456789")


def _counted(verb: str, count: int) -> str:
    return f"{verb} {count} sample{'' if count == 1 else 's'}"
