"""Changes of a project as moves of files, so that each can be undone and redone.

Adding a file, moving it to another class, removing it (to a folder of removed files) and renaming
a class are all moves. The log has one JSON line for each change; a change is undone by the moves in
reverse. Nothing is ever deleted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..core.atomic_write import write_atomically
from ..core.errors import DataError
from .failures import ConflictError

_MOST = 1_000
"""Changes that are kept."""


class Move(NamedTuple):
    """A move of a file or folder, both paths relative to the project."""

    source: str
    target: str


class Change(NamedTuple):
    """What a person did: a sentence, the moves, and the names of classes before and after."""

    sentence: str
    moves: tuple[Move, ...]
    names: tuple[dict[str, str], dict[str, str]] | None = None


class ChangeLog:
    """The changes of a project, and how many of them are done; the others are undone."""

    def __init__(self, root: Path, file: Path) -> None:
        self._root, self._file = root, file
        self._changes, self._done = _read(file)

    @property
    def done(self) -> int:
        """The number of changes that are done."""
        return self._done

    @property
    def can_redo(self) -> bool:
        """Whether a change was undone last."""
        return self._done < len(self._changes)

    def apply(self, change: Change) -> None:
        """Do a change: move its files, and keep it. What was undone before is forgotten."""
        self._move(change.moves)
        self._changes = [*self._changes[: self._done], change][-_MOST:]
        self._done = len(self._changes)
        self._save()

    def record(self, change: Change) -> None:
        """Keep a change whose files are where they belong already."""
        self.apply(change._replace(moves=()))
        self._changes[-1] = change
        self._save()

    def undo(self) -> Change:
        """Undo the last change; ConflictError if there is none."""
        if not self._done:
            raise ConflictError("undo: there is nothing to undo")
        change = self._changes[self._done - 1]
        self._move([Move(move.target, move.source) for move in reversed(change.moves)])
        self._done -= 1
        self._save()
        return change

    def redo(self) -> Change:
        """Do the change that was undone last; ConflictError if there is none."""
        if not self.can_redo:
            raise ConflictError("redo: there is nothing to do again")
        change = self._changes[self._done]
        self._move(change.moves)
        self._done += 1
        self._save()
        return change

    def _move(self, moves: Sequence[Move]) -> None:
        """Do moves, all or none."""
        finished: list[Move] = []
        try:
            for move in moves:
                source, target = self._root / move.source, self._root / move.target
                if target.exists():
                    raise DataError(f"{move.target}: the name is taken")
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
                finished.append(move)
        except (OSError, DataError) as error:
            for move in reversed(finished):
                os.rename(self._root / move.target, self._root / move.source)  # noqa: PTH104
            words = error.strerror if isinstance(error, OSError) else str(error)
            raise DataError(f"nothing was changed: {words}") from None

    def _save(self) -> None:
        lines = [json.dumps({"done": self._done})]
        lines += [json.dumps(change._asdict(), ensure_ascii=False) for change in self._changes]
        write_atomically(self._file, ("\n".join(lines) + "\n").encode())


def _read(file: Path) -> tuple[list[Change], int]:
    """The changes of a log; none if it is missing or damaged, because the files are the truth."""
    try:
        head, *lines = file.read_text("utf-8").splitlines()
        changes = [_change(json.loads(line)) for line in lines[:_MOST]]
        done = json.loads(head)["done"]
        return changes, min(max(0, int(done)), len(changes))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return [], 0


def _change(value: Any) -> Change:
    """A change from JSON; ValueError if a path leads out of the project."""
    moves = tuple(Move(str(source), str(target)) for source, target in value["moves"])
    for path in (path for move in moves for path in move):
        parts = path.split("/")
        if not path or path.startswith("/") or "\\" in path or {"", ".", ".."} & set(parts):
            raise ValueError(f"a path leads out of the project: {path}")
    names = value["names"]
    pair = None if names is None else (_names(names[0]), _names(names[1]))
    return Change(str(value["sentence"]), moves, pair)


def _names(value: Any) -> dict[str, str]:
    return {str(folder): str(name) for folder, name in dict(value).items()}
