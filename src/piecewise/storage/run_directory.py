"""A run folder: all that is left of a training run, and all it needs to go on.

- `checkpoint.safetensors`: where training stands, all in one file that is replaced whole;
- `history.jsonl`: a line of JSON for each epoch that is through;
- `recipe.json`, `environment.json`: what it was made with;
- `net.safetensors`: the model file, as good as it was when training ended or was stopped;
- event files for TensorBoard, where they were asked for;
- `prepared/`: the data set as the net takes it (`data/loading/prepared_cache.py`).

Only the state is read again; the rest is written from it. It holds digests of its text and of its
numbers, so that one that was damaged is not gone on from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as safetensors_bytes

from ..core.array_types import Float32
from ..core.atomic_write import write_atomically
from ..core.errors import CheckpointError, reason, shown
from ..core.locks import lock
from ..data.loading.prepared_cache import is_cache_folder
from . import safetensors_file
from .safetensors_file import Shape

STATE, HISTORY, NET = "checkpoint.safetensors", "history.jsonl", "net.safetensors"
RECIPE, ENVIRONMENT = "recipe.json", "environment.json"
PREPARED = "prepared"
_OURS = (STATE, HISTORY, NET, RECIPE, ENVIRONMENT)
LARGEST_STATE = 8 << 30
_TEXT, _DIGEST = "piecewise.run", "sha256"

Arrays = Mapping[str, Float32]
Facts = Mapping[str, Any]


class RunDirectory:
    """An open run folder. One process at a time has it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def read(self, wanted: Callable[[Any], Mapping[str, Shape]]) -> tuple[Arrays, Any] | None:
        """The arrays and plain values of the last `keep`; None before the first. ``wanted`` says
        which arrays go with the values, or ValueError. RunError if the file is not one of these,
        or not as it was written."""
        state = self.place / STATE
        try:
            if not os.path.lexists(state):
                return None
            with safetensors_file.opened(state, "the state of a run", LARGEST_STATE) as file:
                text = file.metadata.get(_TEXT)
                if text is None:
                    raise ValueError("not written by a run")
                if file.metadata.get(_DIGEST) != hashlib.sha256(text.encode()).hexdigest():
                    raise ValueError("it is not as it was written")
                facts = safetensors_file.plain_values(text)
                arrays = file.read(wanted(facts), "this run")
                if facts.get(_DIGEST) != _digest(arrays):
                    raise ValueError("its numbers are not as they were written")
                return arrays, facts
        except CheckpointError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            words = f"cannot be read: {reason(error)}; remove it to start anew"
            raise CheckpointError(f"{state}: {words}") from None

    def keep(self, arrays: Arrays, facts: Facts) -> None:
        """Replace the state, whole or not at all."""
        plain = {name: np.ascontiguousarray(array, "<f4") for name, array in arrays.items()}
        facts = {**facts, _DIGEST: _digest(plain)}
        text = json.dumps(facts, allow_nan=False, separators=(",", ":"))
        texts = {_TEXT: text, _DIGEST: hashlib.sha256(text.encode()).hexdigest()}
        self._write(STATE, safetensors_bytes(plain, metadata=texts))

    def write_json(self, name: str, value: Any) -> None:
        """A file of plain values, for a reader."""
        self._write(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())

    def write_history(self, epochs: Sequence[Mapping[str, Any]]) -> None:
        """All epochs anew, a line each."""
        lines = [json.dumps(epoch, allow_nan=False) + "\n" for epoch in epochs]
        self._write(HISTORY, "".join(lines).encode())

    def append_history(self, epoch: Mapping[str, Any]) -> None:
        """One more line."""
        with self._told(), (self.place / HISTORY).open("a", encoding="utf-8") as file:
            file.write(json.dumps(epoch, allow_nan=False) + "\n")

    def _write(self, name: str, content: bytes) -> None:
        with self._told():
            write_atomically(self.place / name, content)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"{self.place}: cannot be written: {reason(error)}; what was kept before "
                "is as it was"
            ) from None


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[RunDirectory]:
    """The run folder at a path, made if there is none. RunError if another process has it open, or
    if there is something else."""
    place = Path(path)
    handle = _made(place)
    try:
        with contextlib.suppress(OSError):  # where the file system knows no locks
            if not lock(handle):
                raise CheckpointError(
                    f"{place}: another run is using this folder; take another one"
                )
        _refuse_strangers(place)
        yield RunDirectory(place)
    finally:
        os.close(handle)


def prepared_inputs_path(path: str | os.PathLike[str]) -> Path:
    """The folder in a run folder that prepared inputs are kept in. RunError as `opened`: nothing is
    put where no run can be."""
    with opened(path) as folder:
        return folder.place / PREPARED


def _made(place: Path) -> int:
    """The handle of the folder, made if there is none."""
    try:
        place.mkdir(exist_ok=True)
        return os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        raise CheckpointError(f"{place}: there is no folder {place.parent}") from None
    except FileExistsError:
        raise CheckpointError(f"{place}: a file, wanted a folder for the run") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{place}: cannot be opened: {reason(error)}") from None


def _refuse_strangers(place: Path) -> None:
    """A folder that holds other things and no run is not for runs. A run begins with its recipe;
    before it there may be inputs."""
    try:
        names = sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise CheckpointError(f"{place}: cannot be opened: {reason(error)}") from None
    if STATE in names:
        return
    ours = _OURS if RECIPE in names else ()
    if PREPARED in names and is_cache_folder(place / PREPARED):
        names.remove(PREPARED)
    for name in names:
        if name not in ours and not (ours and name.startswith("events.out.tfevents.")):
            raise CheckpointError(
                f"{place}: holds {shown(name)} and no run; take an empty folder, or a new name"
            )


def _digest(arrays: Arrays) -> str:
    """Of the numbers; names and shapes are checked apart from it."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name], "<f4").data)
    return digest.hexdigest()
