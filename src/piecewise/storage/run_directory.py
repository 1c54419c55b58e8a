"""The run directory: checkpoint, training history, recipe and model file of one training run.

- `checkpoint.safetensors`: the state of training, in one file that is replaced atomically;
- `history.jsonl`: one JSON line per epoch;
- `recipe.json`, `environment.json`: the recipe, and the software and machine;
- `net.safetensors`: the model file at the end of training, or at an interruption;
- TensorBoard event files, if requested;
- `prepared/`: the preprocessed data set (`data/loading/prepared_cache.py`).

Only the checkpoint is read again; the other files are written from it. It holds SHA-256 digests of
its JSON and of its arrays, so that a damaged checkpoint is detected.
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
from .safetensors_file import Shape, open_safetensors, parse_json

CHECKPOINT, HISTORY, NET = "checkpoint.safetensors", "history.jsonl", "net.safetensors"
RECIPE, ENVIRONMENT = "recipe.json", "environment.json"
PREPARED = "prepared"
_RUN_FILES = (CHECKPOINT, HISTORY, NET, RECIPE, ENVIRONMENT)
MAX_CHECKPOINT_BYTES = 8 << 30
_HEADER, _DIGEST = "piecewise.checkpoint", "sha256"

Arrays = Mapping[str, Float32]
Header = Mapping[str, Any]


class RunDirectory:
    """A run directory that this process has locked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load_checkpoint(
        self, expected_arrays: Callable[[Any], Mapping[str, Shape]]
    ) -> tuple[Arrays, Any] | None:
        """The arrays and the header of the checkpoint; None if there is none.

        ``expected_arrays`` returns the names and shapes of the arrays for a header, or raises
        ValueError. Raises CheckpointError if the file is damaged or not a checkpoint.
        """
        path = self.path / CHECKPOINT
        try:
            if not os.path.lexists(path):
                return None
            with open_safetensors(path, "a checkpoint", MAX_CHECKPOINT_BYTES) as file:
                text = file.metadata.get(_HEADER)
                if text is None:
                    raise ValueError("not a checkpoint")
                if file.metadata.get(_DIGEST) != hashlib.sha256(text.encode()).hexdigest():
                    raise ValueError("its header is damaged")
                header = parse_json(text)
                arrays = file.read(expected_arrays(header), "this run")
                if header.get(_DIGEST) != _digest(arrays):
                    raise ValueError("its arrays are damaged")
                return arrays, header
        except CheckpointError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(
                f"{path}: cannot be read: {reason(error)}; remove it to start the run again"
            ) from None

    def save_checkpoint(self, arrays: Arrays, header: Header) -> None:
        """Replace the checkpoint atomically."""
        plain = {name: np.ascontiguousarray(array, "<f4") for name, array in arrays.items()}
        header = {**header, _DIGEST: _digest(plain)}
        text = json.dumps(header, allow_nan=False, separators=(",", ":"))
        metadata = {_HEADER: text, _DIGEST: hashlib.sha256(text.encode()).hexdigest()}
        self._write(CHECKPOINT, safetensors_bytes(plain, metadata=metadata))

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file for human readers."""
        self._write(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())

    def write_history(self, epochs: Sequence[Mapping[str, Any]]) -> None:
        """Replace the history: one JSON line per epoch."""
        lines = [json.dumps(epoch, allow_nan=False) + "\n" for epoch in epochs]
        self._write(HISTORY, "".join(lines).encode())

    def append_history(self, epoch: Mapping[str, Any]) -> None:
        """Append one epoch to the history."""
        with self._write_errors(), (self.path / HISTORY).open("a", encoding="utf-8") as file:
            file.write(json.dumps(epoch, allow_nan=False) + "\n")

    def _write(self, name: str, content: bytes) -> None:
        with self._write_errors():
            write_atomically(self.path / name, content)

    @contextlib.contextmanager
    def _write_errors(self) -> Iterator[None]:
        """Raise CheckpointError for an OSError."""
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"{self.path}: cannot be written: {reason(error)}; the last checkpoint is unchanged"
            ) from None


@contextlib.contextmanager
def open_run_directory(path: str | os.PathLike[str]) -> Iterator[RunDirectory]:
    """Open the run directory at a path, or create it.

    Raises CheckpointError if another process uses it, or if it holds other files.
    """
    directory = Path(path)
    handle = _open_or_create(directory)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            if not lock(handle):
                raise CheckpointError(
                    f"{directory}: another run is using this directory; use another one"
                )
        _check_contents(directory)
        yield RunDirectory(directory)
    finally:
        os.close(handle)


def prepared_inputs_path(path: str | os.PathLike[str]) -> Path:
    """The directory for preprocessed inputs in a run directory; raises as `open_run_directory`."""
    with open_run_directory(path) as directory:
        return directory.path / PREPARED


def _open_or_create(directory: Path) -> int:
    """The file descriptor of the directory."""
    try:
        directory.mkdir(exist_ok=True)
        return os.open(directory, os.O_RDONLY)
    except FileNotFoundError:
        raise CheckpointError(f"{directory}: there is no directory {directory.parent}") from None
    except FileExistsError:
        raise CheckpointError(f"{directory}: a file, wanted a directory for the run") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{directory}: cannot be opened: {reason(error)}") from None


def _check_contents(directory: Path) -> None:
    """Refuse a directory that holds other files and no run.

    A new run writes its recipe first; only preprocessed inputs may be there before it.
    """
    try:
        names = sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise CheckpointError(f"{directory}: cannot be opened: {reason(error)}") from None
    if CHECKPOINT in names:
        return
    run_files = _RUN_FILES if RECIPE in names else ()
    if PREPARED in names and is_cache_folder(directory / PREPARED):
        names.remove(PREPARED)
    for name in names:
        if name not in run_files and not (run_files and name.startswith("events.out.tfevents.")):
            raise CheckpointError(
                f"{directory}: holds {shown(name)} and no run; use an empty or a new directory"
            )


def _digest(arrays: Arrays) -> str:
    """The SHA-256 of the arrays' values; names and shapes are checked separately."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name], "<f4").data)
    return digest.hexdigest()
