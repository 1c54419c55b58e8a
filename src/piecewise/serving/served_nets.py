"""The nets of the server, each under a name; a changed file is reloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..compiled import CompiledNetwork
from ..core.errors import DataError, LimitError, PiecewiseError, did_you_mean
from ..network import Network
from ..training.effort import cost_per_example

_Stamp = tuple[int, int, int]
_INPUT_TYPES = {True: (np.int64,), False: (np.uint8, np.float32)}
"""By whether the net reads texts."""


class UnknownNetError(DataError):
    """There is no net of the name that a request gives."""


@dataclass(frozen=True, eq=False)
class LoadedNet:
    """One state of a served net. Requests keep the state with which they began."""

    name: str
    net: Network
    compiled: CompiledNetwork
    sha256: str
    work: int
    """The work of one example, in multiplications."""

    @property
    def description(self) -> dict[str, Any]:
        """Plain values: what the net reads and answers."""
        net = self.net
        return {
            "name": self.name,
            "modality": net.preprocessor.modality,
            "input": list(net.input),
            "classes": list(net.classes),
            "layers": net.notation,
            "parameters_sha256": self.sha256,
            "calibrated": net.calibration.n > 0,
        }


class ServedNets:
    """The nets by name.

    Parameters
    ----------
    files : sequence of (str, str)
        The name and the model file of each net.
    threads : int, optional
        Threads of a prediction; all processors if left out.

    Raises
    ------
    ModelFileError
        If a file cannot be read.
    """

    def __init__(self, files: Sequence[tuple[str, str]], threads: int | None = None) -> None:
        self._threads = threads
        self._paths = {name: Path(file) for name, file in files}
        self._stamps = {name: _stamp(path) for name, path in self._paths.items()}
        self._loaded = {name: self._load(name) for name in self._paths}

    def get(self, name: str | None) -> LoadedNet:
        """The net of this name, or the only net; UnknownNetError."""
        if name is None:
            if len(self._loaded) == 1:
                return next(iter(self._loaded.values()))
            raise UnknownNetError(f"net: wanted the name of one: {', '.join(self._loaded)}")
        if name not in self._loaded:
            raise UnknownNetError(
                f"net: there is none of this name{did_you_mean(name, self._loaded)}"
            )
        return self._loaded[name]

    def all(self) -> list[LoadedNet]:
        """All nets."""
        return list(self._loaded.values())

    def reload_changed(self) -> list[tuple[str, str]]:
        """Load the nets whose files have changed. The name of each of them, with an empty text, or
        with the reason why the old one stays."""
        changes = []
        for name, path in self._paths.items():
            stamp = _stamp(path)
            if stamp == self._stamps[name]:
                continue
            self._stamps[name] = stamp
            try:
                self._loaded[name] = self._load(name)
                changes.append((name, ""))
            except (PiecewiseError, OSError) as error:
                changes.append((name, str(error)))
        return changes

    def _load(self, name: str) -> LoadedNet:
        net = Network.load(self._paths[name])
        compiled = net.compile(self._threads)
        for count in (1, 3):  # alone and together: the first request waits for no compiler
            for kind in _INPUT_TYPES[net.architecture.reads_texts]:
                compiled.logits(np.zeros((count, *compiled.input_shape), kind))
        work = cost_per_example(net.notation, net.input, len(net.classes))
        return LoadedNet(name, net, compiled, net.parameters_sha256, work)


def named_files(nets: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """NAME=FILE or FILE, which is called as the file without its suffix; LimitError if two nets
    have one name."""
    pairs = []
    for one in nets:
        name, equals, file = one.partition("=")
        is_named = equals and not Path(one).exists()
        pairs.append((name, file) if is_named else (Path(one).stem, one))
    names = [name for name, _ in pairs]
    for name in names:
        if not name or "/" in name or names.count(name) > 1:
            raise LimitError(
                f"NET: got the name {name!r} {names.count(name)} times, wanted another name for "
                "each net, without a slash; NAME=FILE gives one"
            )
    return tuple(pairs)


def _stamp(path: Path) -> _Stamp:
    """What changes when a file is replaced."""
    try:
        status = path.stat()
    except OSError:  # loading it says why
        return (0, 0, 0)
    return status.st_mtime_ns, status.st_size, status.st_ino
