"""Attempts: the nets that were taught in a project, with their knobs and scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any

from ..core.errors import PiecewiseError, shown
from ..network import Network
from .failures import MissingError
from .project_files import OWN, write_file

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
        self._attempts = {one.number: one for one in _read(self._file)}

    def list(self) -> list[Attempt]:
        """All attempts, the oldest first."""
        with self._lock:
            return [self._attempts[number] for number in sorted(self._attempts)]

    def add(self, attempt: Attempt, net: Network) -> Attempt:
        """Keep a net; an equal one that is there already is returned instead."""
        with self._lock:
            for old in self._attempts.values():
                if old.key == attempt.key:
                    return old
            number = max(self._attempts, default=0) + 1
            attempt = replace(attempt, number=number)
            self._folder.mkdir(parents=True, exist_ok=True)
            net.save(self._path(number))
            self._attempts[number] = attempt
            self._forget_old()
            self._save()
            return attempt

    def change(self, number: int, **values: Any) -> Attempt:
        """Change the note, the score or the pin of an attempt."""
        with self._lock:
            self._attempts[number] = replace(self.get(number), **values)
            self._save()
            return self._attempts[number]

    def get(self, number: int) -> Attempt:
        """The attempt of this number; MissingError if there is none."""
        if number not in self._attempts:
            raise MissingError(f"attempt: there is none of the number {shown(number)}")
        return self._attempts[number]

    def net(self, number: int) -> Network:
        """The net of an attempt."""
        self.get(number)
        return Network.load(self._path(number))

    def latest(self) -> tuple[Attempt, Network] | None:
        """The newest attempt whose net can be read."""
        for attempt in reversed(self.list()):
            with suppress(PiecewiseError):
                return attempt, self.net(attempt.number)
        return None

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:04d}.safetensors"

    def _forget_old(self) -> None:
        free = [one.number for one in self.list() if not one.pinned]
        for number in free[:-MOST]:
            self._path(number).unlink(missing_ok=True)
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
