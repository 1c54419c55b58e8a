"""A run folder: all that is left of a training run, and all it needs to go on.

- `state.safetensors`: where training stands, all in one file that is replaced whole;
- `history.jsonl`: a line of JSON for each epoch that is through;
- `recipe.json`, `environment.json`: what it was made with;
- `net.safetensors`: the model file, as good as it is at the last state;
- event files for TensorBoard, where its package is installed.

Only the state is read again; the rest is written from it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from ..errors import RunError, shown
from .locks import lock
from .whole import remove_leftovers, write_whole

STATE, HISTORY, NET = "state.safetensors", "history.jsonl", "net.safetensors"
LARGEST_STATE = 8 << 30
_KEY = "piecewise.run"

Arrays = Mapping[str, npt.NDArray[np.float32]]


class RunFolder:
    """An open run folder. One process at a time has it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def read(self) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]] | None:
        """The arrays and plain values of the last `keep`; None before the first. RunError if the
        file is not one of these."""
        state = self.place / STATE
        if not state.exists():
            return None
        try:
            if state.stat().st_size > LARGEST_STATE:
                raise RunError(f"{state}: more than {LARGEST_STATE:,} bytes")
            with safe_open(state, framework="numpy") as file:
                text = (file.metadata() or {}).get(_KEY)
                if text is None:
                    raise RunError(f"{state}: not written by a run")
                names = [name for name in file.keys() if file.get_slice(name).get_dtype() == "F32"]  # noqa: SIM118
                return {name: file.get_tensor(name) for name in names}, json.loads(text)
        except (OSError, ValueError, SafetensorError) as error:
            raise RunError(f"{state}: cannot be read: {error}; remove it to start anew") from None

    def keep(self, arrays: Arrays, facts: Mapping[str, Any]) -> None:
        """Replace the state, whole or not at all."""
        plain = {name: np.ascontiguousarray(array, "<f4") for name, array in arrays.items()}
        text = json.dumps(facts, allow_nan=False, separators=(",", ":"))
        self._write(STATE, safetensors_bytes(plain, metadata={_KEY: text}))

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
            write_whole(self.place / name, content)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(
                f"{self.place}: cannot be written: {error.strerror or error}; what was kept before "
                "is as it was"
            ) from None


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[RunFolder]:
    """The run folder at a path, made if there is none. RunError if another process has it open, or
    if there is something else."""
    place = Path(path)
    try:
        place.mkdir(exist_ok=True)
        handle = os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        raise RunError(f"{place}: there is no folder {place.parent}") from None
    except FileExistsError:
        raise RunError(f"{place}: a file, wanted a folder for the run") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{place}: cannot be opened: {getattr(error, 'strerror', error)}") from None
    try:
        if not lock(handle):
            raise RunError(f"{place}: another run is using this folder; take another one")
        _refuse_strangers(place)
        remove_leftovers(place)
        yield RunFolder(place)
    finally:
        os.close(handle)


def _refuse_strangers(place: Path) -> None:
    """A folder that holds other things and no run is not for runs."""
    names = sorted(path.name for path in place.iterdir())
    ours = (STATE, HISTORY, NET, "recipe.json", "environment.json")
    if STATE in names:
        return
    for name in names:
        if name not in ours and not name.startswith((".", "events.out.tfevents.")):
            raise RunError(
                f"{place}: holds {shown(name)} and no run; take an empty folder, or a new name"
            )
