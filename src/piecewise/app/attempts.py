"""Attempts: the nets that were taught in a project, with their knobs and scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any

from ..core.errors import DataError, PiecewiseError, reason, shown
from ..network import Network
from .failures import MissingError
from .mistakes import HeldOut
from .project_files import OWN, read_json, write_file, write_json

MOST = 50
"""Nets that are kept, besides pinned ones."""


@dataclass(frozen=True)
class Attempt:
    """A net that was taught: what it was taught from, and how right it is."""

    number: int
    layers: str
    recipe: dict[str, Any]
    data_sha256: str
    parameters_sha256: str
    stage: str
    samples: int
    seconds: float
    losses: list[float] = field(default_factory=list)
    score: dict[str, Any] | None = None
    note: str = ""
    pinned: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes two attempts the same: equal nets of equal data."""
        return self.parameters_sha256, self.data_sha256


class Attempts:
    """The attempts of a project, in its folder."""

    def __init__(self, root: Path) -> None:
        self._folder = root / OWN / "nets"
        self._file = root / OWN / "attempts.jsonl"
        self._lock = RLock()
        self._unsaved: dict[int, Network] = {}
        self.problem = ""
        """Why the last attempt could not be saved; empty if it is."""
        self._attempts = {one.number: one for one in _read(self._file)}
        self._choice = root / OWN / "chosen.json"
        self._chosen: int | None = read_json(self._choice).get("attempt")

    def list(self) -> list[Attempt]:
        """All attempts, the oldest first."""
        with self._lock:
            return [self._attempts[number] for number in sorted(self._attempts)]

    def add(self, attempt: Attempt, net: Network) -> Attempt:
        """Keep a net; an equal one that is there already is returned instead. If it cannot be
        saved, it is kept in memory, and `problem` says why."""
        with self._lock:
            for old in self._attempts.values():
                if old.key == attempt.key:
                    return old
            number = max(self._attempts, default=0) + 1
            attempt = replace(attempt, number=number)
            self._attempts[number] = attempt
            try:
                self.problem = ""
                self._folder.mkdir(parents=True, exist_ok=True)
                net.save(self._path(number))
                self._forget_old()
                self._save()
            except (OSError, PiecewiseError) as error:
                self.problem = f"the net is not saved: {reason(error)}"
                self._unsaved = {number: net}  # of several, the last; memory is limited
            return attempt

    def change(self, number: int, *, must_save: bool = True, **values: Any) -> Attempt:
        """Change the note, the score or the pin of an attempt. DataError if it cannot be saved;
        unless it must be, it is changed in memory then."""
        with self._lock:
            old = self.get(number)
            self._attempts[number] = replace(old, **values)
            try:
                self._save()
            except DataError:
                if must_save:
                    self._attempts[number] = old
                    raise
            return self._attempts[number]

    def get(self, number: int) -> Attempt:
        """The attempt of this number; MissingError if there is none."""
        if number not in self._attempts:
            raise MissingError(f"attempt: there is none of the number {shown(number)}")
        return self._attempts[number]

    def net(self, number: int) -> Network:
        """The net of an attempt."""
        self.get(number)
        return self._unsaved.get(number) or Network.load(self._path(number))

    def save_held_out(self, held_out: HeldOut) -> None:
        """Keep the answers of the score of an attempt; DataError if they cannot be saved."""
        write_file(self._answers_path(held_out.attempt), held_out.saved())

    def held_out(self, number: int) -> HeldOut | None:
        """The answers of the score of an attempt; None if they are not kept, or damaged."""
        return HeldOut.from_saved(number, read_json(self._answers_path(number)))

    def choose(self, number: int) -> None:
        """Remember the attempt that answers, for the next start: it may be none of the newest. If
        that cannot be saved, the newest answers then."""
        if number != self._chosen:
            self._chosen = number
            with suppress(DataError):
                write_json(self._choice, {"attempt": number})

    def latest(self) -> tuple[Attempt, Network] | None:
        """The attempt that answered last, or else the newest, whose net can be read."""
        order = sorted(self.list(), key=lambda one: (one.number != self._chosen, -one.number))
        for attempt in order:
            with suppress(PiecewiseError):
                return attempt, self.net(attempt.number)
        return None

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:04d}.safetensors"

    def _answers_path(self, number: int) -> Path:
        return self._folder.parent / "answers" / f"{number:04d}.json"

    def _forget_old(self) -> None:
        free = [one.number for one in self.list() if not one.pinned]
        for number in free[:-MOST]:
            self._path(number).unlink(missing_ok=True)
            self._answers_path(number).unlink(missing_ok=True)
            del self._attempts[number]

    def _save(self) -> None:
        lines = [json.dumps(asdict(one), ensure_ascii=False) for one in self.list()]
        write_file(self._file, ("\n".join(lines) + "\n").encode())


def _read(file: Path) -> Iterator[Attempt]:
    """The attempts of a file; lines that are damaged are left out."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        with suppress(ValueError, TypeError, RecursionError):
            attempt = Attempt(**json.loads(line))
            if isinstance(attempt.number, int) and attempt.number > 0:
                yield attempt
