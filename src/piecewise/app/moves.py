"""Changes of a project as moves of files, so that each can be undone and redone.

Adding a file, moving it to another class, removing it (to a folder of removed files) and renaming
a class are all moves. Nothing is ever deleted. A change is written to the log before its files are
moved; if the program ends in between, the next start moves the rest. The log is a file of JSON
lines: changes, and after an undo or redo the number of changes that are done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..core.atomic_write import sync_folder, write_atomically
from ..core.errors import DataError
from .failures import ConflictError

_MOST = 1_000
"""Changes that are kept."""
Names = dict[str, str]
"""The names of classes whose folders have others."""


class Move(NamedTuple):
    """A move of a file or folder, both paths relative to the project."""

    source: str
    target: str

    @property
    def reverse(self) -> Move:
        """The move back."""
        return Move(self.target, self.source)


class Change(NamedTuple):
    """What a person did: a sentence, the moves, and the names and the order of the classes and
    the knobs, before and after."""

    sentence: str
    moves: tuple[Move, ...]
    names: tuple[Names, Names] | None = None
    order: tuple[list[str], list[str]] | None = None
    settings: tuple[dict[str, Any], dict[str, Any]] | None = None


class Restore(Protocol):
    """Saves what a change says about classes: after it, or before it."""

    def __call__(self, change: Change, *, is_done: bool) -> None:
        """Save the names and the order of the classes, and the knobs."""


class ChangeLog:
    """The changes of a project, and how many of them are done; the others are undone.

    ``restore`` saves what a change says about classes.
    """

    def __init__(self, root: Path, file: Path, restore: Restore) -> None:
        self._root, self._file, self._restore = root, file, restore
        self.count = 0
        """One more after every change, undo and redo."""
        lines, last = _read(file)
        self._changes, self._done = lines.changes, lines.done
        self.has_finished = last is not None and self._finish(*last)
        """Whether the last change was interrupted, and is done now."""
        if lines.count > 2 * _MOST or lines.is_torn:
            self._rewrite()

    @property
    def can_redo(self) -> bool:
        """Whether a change was undone last."""
        return self._done < len(self._changes)

    def apply(self, change: Change) -> None:
        """Do a change: move its files, and keep it. What was undone before is forgotten."""
        line = json.dumps(change._asdict(), ensure_ascii=False)
        self._do(line, change, is_forward=True)
        self._changes = [*self._changes[: self._done], change][-_MOST:]
        self._done = len(self._changes)

    def undo(self) -> Change:
        """Undo the last change; ConflictError if there is none."""
        if not self._done:
            raise ConflictError("undo: there is nothing to undo")
        change = self._changes[self._done - 1]
        self._do(json.dumps({"done": self._done - 1}), change, is_forward=False)
        self._done -= 1
        return change

    def redo(self) -> Change:
        """Do the change that was undone last; ConflictError if there is none."""
        if not self.can_redo:
            raise ConflictError("redo: there is nothing to do again")
        change = self._changes[self._done]
        self._do(json.dumps({"done": self._done + 1}), change, is_forward=True)
        self._done += 1
        return change

    def _do(self, line: str, change: Change, *, is_forward: bool) -> None:
        """Write a line to the log, then move the files; all or nothing."""
        try:
            size = self._append(line)
        except OSError as error:
            raise DataError(f"nothing was changed: {error.strerror}") from None
        try:
            self._restore(change, is_done=is_forward)
            self._move(_moves(change, is_forward=is_forward))
        except DataError:
            os.truncate(self._file, size)
            self._restore(change, is_done=not is_forward)
            raise
        self.count += 1

    def _move(self, moves: Sequence[Move]) -> None:
        """Do moves, all or none."""
        root, finished = self._root, list[Move]()
        folders = {(root / path).parent for move in moves for path in move}
        try:
            for move in moves:
                target = root / move.target
                target.parent.mkdir(parents=True, exist_ok=True)
                if os.path.lexists(target):
                    raise DataError(f"{move.target}: the name is taken")
                (root / move.source).rename(target)
                finished.append(move)
        except (OSError, DataError) as error:
            for move in reversed(finished):
                (root / move.target).rename(root / move.source)
            words = error.strerror if isinstance(error, OSError) else str(error)
            raise DataError(f"nothing was changed: {words}") from None
        for folder in folders:
            if folder.is_dir():  # a folder may have moved itself
                sync_folder(folder)

    def _finish(self, change: Change, is_forward: bool) -> bool:
        """Do the moves of the last change that were not done when the program ended; whether there
        were any."""
        left = [move for move in _moves(change, is_forward=is_forward)
                if os.path.lexists(self._root / move.source)
                and not os.path.lexists(self._root / move.target)]  # fmt: skip
        if left:
            self._move(left)
            self._restore(change, is_done=is_forward)
        return bool(left)

    def _append(self, line: str) -> int:
        """Add a line to the log, on disk; the size of the log before."""
        with self._file.open("ab") as file:
            size = file.tell()
            try:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self._file, size)
                raise
        return size

    def _rewrite(self) -> None:
        """Write the log anew, without what is forgotten."""
        lines = [json.dumps(change._asdict(), ensure_ascii=False) for change in self._changes]
        lines.append(json.dumps({"done": self._done}))
        write_atomically(self._file, ("\n".join(lines) + "\n").encode())


class _Lines:
    """What the lines of a log say."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.done = self.count = 0
        self.is_torn = False

    def add(self, value: Any) -> tuple[Change, bool] | None:
        """Take in a line; the change that it does (True) or undoes (False)."""
        self.count += 1
        if "done" not in value:
            self.changes = [*self.changes[: self.done], _change(value)][-_MOST:]
            self.done = len(self.changes)
            return self.changes[-1], True
        before, self.done = self.done, min(max(0, int(value["done"])), len(self.changes))
        if self.done == before or not self.changes:
            return None
        return self.changes[min(before, self.done)], self.done > before


def _read(file: Path) -> tuple[_Lines, tuple[Change, bool] | None]:
    """The lines of a log, and what the last one does or undoes. There are none if the log is
    missing or damaged, because the files are the truth; a line that was being written is left out.
    """
    lines, last = _Lines(), None
    try:
        *whole, rest = file.read_text("utf-8").split("\n")
        for line in whole:
            last = lines.add(json.loads(line))
    except FileNotFoundError:
        return _Lines(), None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        lines, last = _Lines(), None
        rest = "damaged"
    lines.is_torn = bool(rest)
    return lines, last


def _moves(change: Change, *, is_forward: bool) -> Sequence[Move]:
    """The moves that do a change, or undo it."""
    return change.moves if is_forward else [one.reverse for one in reversed(change.moves)]


def _change(value: Any) -> Change:
    """A change from JSON; ValueError if a path leads out of the project."""
    moves = tuple(Move(str(source), str(target)) for source, target in value["moves"])
    for path in (path for move in moves for path in move):
        parts = path.split("/")
        if not path or path.startswith("/") or "\\" in path or {"", ".", ".."} & set(parts):
            raise ValueError(f"a path leads out of the project: {path}")
    names = value["names"]
    pair = None if names is None else (_names(names[0]), _names(names[1]))
    order = value.get("order")
    orders = None if order is None else (list(map(str, order[0])), list(map(str, order[1])))
    knobs = value.get("settings")
    settings = None if knobs is None else (dict(knobs[0]), dict(knobs[1]))
    return Change(str(value["sentence"]), moves, pair, orders, settings)


def _names(value: Any) -> Names:
    return {str(folder): str(name) for folder, name in dict(value).items()}


def counted(verb: str, count: int) -> str:
    """What was done to some samples."""
    return f"{verb} {count} sample{'' if count == 1 else 's'}"
