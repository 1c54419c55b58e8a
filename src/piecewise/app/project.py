"""A project of the app: a folder of data, and the changes that a person makes in it.

A file is written completely or not at all. Every change can be undone.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path
from typing import Any

from ..core.errors import DataError, shown
from ..data.preprocessing import Preprocessor
from .failures import ConflictError
from .folder_names import can_be_folder, checked_class_name, folder_for
from .incoming import Incoming
from .listing import MAX_SAMPLES, PARTS
from .moves import Change, ChangeLog, Move, counted
from .project_contents import NAMES, ProjectContents
from .project_files import OWN, last_number, open_locked, write_json
from .sample_moves import plan_moves
from .strokes import Drawing, to_png
from .uploads import Upload, checked_upload

MAX_CLASSES = 100
"""Classes of a project."""


class Project(ProjectContents):
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
        self._lock_file = open_locked(folder)
        super().__init__(folder)
        self._guard = threading.RLock()
        self._arrivals = 0
        shutil.rmtree(folder / OWN / "incoming", ignore_errors=True)
        self._log = ChangeLog(folder, folder / OWN / "undo.jsonl", self._restore)
        if self._log.has_finished:
            self._listing.refresh()
        self._bins = last_number(folder / OWN / "removed")

    def close(self) -> None:
        """Let other processes open the folder."""
        self._lock_file.close()

    # Settings.

    def rename(self, name: str) -> None:
        """Call the project by another name; the folder keeps its own."""
        self._set("name", checked_class_name(name))

    def pin(self, preprocessor: Preprocessor | None, *, imported: bool = False) -> None:
        """Keep a preprocessor, so that one more sample does not change the input's size.
        ``imported``: it is that of an imported net."""
        value = preprocessor and {"shape": list(preprocessor.shape), "imported": imported,
                                  "values": preprocessor.to_json()}  # fmt: skip
        try:
            self._set("preprocessor", value)
        except DataError:  # saved with the next setting
            self._values = {**self._values, "preprocessor": value}

    @property
    def changes(self) -> int:
        """One more after every change that a person makes, undoes or makes again."""
        return self._log.count

    def set_settings(self, *, can_undo: bool = False, **values: Any) -> None:
        """Change settings; None takes one back. ``can_undo``: so that it can be undone."""
        before, after = self.settings, {**self.settings, **values}
        after = {name: one for name, one in after.items() if one is not None}
        if not can_undo:
            self._set("settings", after)
        elif after != before:
            self._log.apply(Change("turned knobs", (), settings=(before, after)))

    # Classes.

    def add_class(self, name: str) -> str:
        """A new class; its folder."""
        with self._guard:
            name = self._free_name(name)
            with self.incoming() as incoming:
                folder = self.new_class(name, incoming)
                incoming.write(self._listing.path_of("train", folder), [])
                self.take_in(incoming, f"added the class {name}")
            return folder

    def new_class(self, name: str, incoming: Incoming) -> str:
        """The folder of a class that comes with incoming files."""
        new = incoming.new_classes
        if len(self.classes()) + len(new) >= MAX_CLASSES:
            raise DataError(f"class: a project has at most {MAX_CLASSES} classes")
        folder = folder_for(name, {*self._listing.folders, *new, *PARTS, OWN})
        new[folder] = name
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
            order = [target if one == folder else one for one in self._order]
            self._apply(Change(f"renamed {old} to {name}", tuple(moves), (self._names, names),
                               (self._order, order)))  # fmt: skip
            return target

    def remove_class(self, folder: str) -> None:
        """Remove a class with its samples; they wait among the removed files."""
        with self._guard:
            bin_ = self._bin()
            moves = [Move(source, f"{bin_}/{source}") for source, _ in
                     self._folder_moves(self._known(folder), folder)]  # fmt: skip
            name = self._names.get(folder, folder)
            names = {key: one for key, one in self._names.items() if key != folder}
            self._apply(Change(f"removed {name}", tuple(moves), (self._names, names)))

    def merge(self, folder: str, into: str) -> None:
        """Move all samples of a class to another one, and remove the class."""
        with self._guard:
            self._known(into)
            if self._known(folder) == into:
                raise DataError(f"class: {shown(folder)} cannot be merged into itself")
            bin_ = self._bin()
            moves = [move for part in PARTS for move in
                     self._plan(self._listing.ids(part, folder), into, part)[0]]  # fmt: skip
            moves += [Move(path, f"{bin_}/{path}") for path, _ in
                      self._folder_moves(folder, folder)]  # fmt: skip
            names = {key: one for key, one in self._names.items() if key != folder}
            name, other = self._names.get(folder, folder), self._names.get(into, into)
            self._apply(Change(f"merged {name} into {other}", tuple(moves), (self._names, names)))

    def set_order(self, folders: Sequence[str]) -> None:
        """Put the classes in another order."""
        with self._guard:
            order = list(dict.fromkeys(self._known(folder) for folder in folders))
            before = [one.folder for one in self.classes()]
            self._apply(Change("changed the order of the classes", (), None, (before, order)))

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

    def incoming(self) -> Incoming:
        """Files to write for `take_in`."""
        with self._guard:
            self._arrivals += 1
            return Incoming(self.root / OWN / "incoming" / str(self._arrivals))

    def write(
        self, incoming: Incoming, folder: str, part: str, uploads: Sequence[Upload]
    ) -> list[str]:
        """Write files of a class, which may be new, for `take_in`; their ids."""
        parent = self._listing.path_of(part, folder)
        with self._guard:
            if self._listing.total + incoming.count + len(uploads) > MAX_SAMPLES:
                raise DataError(f"a project has at most {MAX_SAMPLES:,} samples")
            number = self._numbers(folder, len(uploads))
        files = [(f"{at:04d}{end}{suffix}", content)
                 for at, (end, suffix, content) in enumerate(uploads, number)]  # fmt: skip
        incoming.write(parent, files)
        return [f"{part}/{folder}/{name}" for name, _ in files]

    def take_in(self, incoming: Incoming, sentence: str) -> None:
        """Make incoming files samples, as one change."""
        with self._guard:
            bin_, new = self._bin(), incoming.new_classes
            incoming.move_to(self.root / bin_)
            moves = [move for parent, files in incoming.files.items()
                     for move in self._moves_in(bin_, parent, files)]  # fmt: skip
            others = {folder: name for folder, name in new.items() if folder != name}
            names = (self._names, {**self._names, **others}) if new else None
            self._apply(Change(sentence, tuple(moves), names))

    def move(self, ids: Sequence[str], folder: str | None, part: str) -> list[str]:
        """Move samples to a class, or leave them in theirs, and to a part; their new ids."""
        with self._guard:
            moves, new = self._plan(ids, folder and self._known(folder), part)
            self._apply(Change(counted("moved", len(new)), tuple(moves)))
            return new

    def remove(self, ids: Sequence[str]) -> None:
        """Remove samples; they wait among the removed files."""
        with self._guard:
            bin_ = self._bin()
            found = map(self._listing.lookup, dict.fromkeys(ids))
            paths = [self._listing.path_of(*one) for one in found]
            moves = tuple(Move(path, f"{bin_}/{path}") for path in paths)
            self._apply(Change(counted("removed", len(moves)), moves))

    def undo(self) -> str:
        """Undo the last change; what it was."""
        with self._guard:
            change = self._log.undo()
            self._changed()
            return change.sentence

    def redo(self) -> str:
        """Do the change that was undone last; what it was."""
        with self._guard:
            change = self._log.redo()
            self._changed()
            return change.sentence

    # Helpers.

    def _add(self, folder: str, part: str, uploads: Sequence[Upload]) -> list[str]:
        """Save files, as a change that can be undone."""
        with self._guard, self.incoming() as incoming:
            ids = self.write(incoming, self._known(folder), part, uploads)
            self.take_in(incoming, counted("added", len(ids)))
            return ids

    def _moves_in(self, bin_: str, parent: str, files: Sequence[str]) -> Iterator[Move]:
        """The moves of the incoming files of a folder: one for all if the folder is new."""
        names = (
            [f"{parent}/{file}" for file in files] if (self.root / parent).exists() else [parent]
        )
        return (Move(f"{bin_}/{name}", name) for name in names)

    def _plan(
        self, ids: Sequence[str], folder: str | None, part: str
    ) -> tuple[list[Move], list[str]]:
        return plan_moves(self._listing, ids, folder, part, self._numbers)

    def _bin(self) -> str:
        """A new folder for what a change removes, or adds when it is done again."""
        self._bins += 1
        return f"{OWN}/removed/{self._bins:04d}"

    def _numbers(self, folder: str, count: int) -> int:
        """The first of some numbers for new files of a class."""
        removed = (self.root / OWN / "removed").glob(f"*/**/{escape(folder)}/*")
        return self._listing.give_numbers(folder, count, (file.name for file in removed))

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

    def _apply(self, change: Change) -> None:
        self._log.apply(change)
        self._changed()

    def _restore(self, change: Change, *, is_done: bool) -> None:
        """Save the names and the order of the classes and the knobs after a change, or before."""
        names = change.names and change.names[is_done]
        if names is not None and names != self._names:
            write_json(self.root / NAMES, names)
            self._names = dict(names)
        if change.order is not None:
            self._set("order", change.order[is_done])
        if change.settings is not None:
            self._set("settings", change.settings[is_done])

    def _changed(self) -> None:
        """Read the folder anew after a change."""
        self._listing.refresh()
        self.version += 1

    def _set(self, name: str, value: Any) -> None:
        with self._guard:
            values = {**self._values, name: value}
            write_json(self.root / OWN / "project.json", values)
            self._values = values
            self.version += 1
