"""Examples read, several files at a time, and prepared: each once, and in one array."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError
from ...core.progress import OnProgress, Progress
from ...engine.runtime.thread_pool import processors
from ..modalities import MODALITIES
from ..preprocessing import Preprocessor
from ..sources.discovery import Files, Gathered
from .ordered_map import in_order

MOST_BYTES = 8 << 30
"""Of all prepared examples together."""
KEPT = 256 << 20
"""Bytes of what was looked at that are kept, so as not to be read twice."""
MOST_THREADS = 8
_AT_ONCE = 16, 1 << 20  # files, and about how many bytes of them, that a thread takes at a time
_LOOKING, _READING = "looking", "reading"

Decide = Callable[[Iterator[Any]], Preprocessor]


class Prepared(NamedTuple):
    """Examples as the net takes them, which of those gathered they are, and a sentence for each of
    the others, with its number."""

    inputs: npt.NDArray[Any]
    kept: npt.NDArray[np.int64]
    skipped: list[tuple[int, str]]


class Inputs(Protocol):
    """Where prepared examples go, in their order."""

    def add(self, examples: npt.NDArray[Any]) -> None:
        """Some more of them (n, ...)."""

    def all(self) -> npt.NDArray[Any]:
        """All that were added."""


class InMemory:
    """Prepared examples in an array; with room for ``shape`` and no more."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.array, self.count = np.empty(shape, dtype), 0

    def add(self, examples: npt.NDArray[Any]) -> None:
        self.array[self.count : self.count + len(examples)] = examples
        self.count += len(examples)

    def all(self) -> npt.NDArray[Any]:
        return self.array[: self.count]


Sizes = npt.NDArray[np.float32]
Open = Callable[[tuple[int, ...], np.dtype[Any]], Inputs]
"""Makes room for inputs of this shape, or a few less, and type."""


@dataclass
class Reading:
    """Reads a data set at ``place`` and reports to ``on_progress``."""

    gathered: Gathered
    place: Path
    on_progress: OnProgress | None = None
    sizes: Sizes = field(init=False)
    """How large each was (N, 2), as far as it was looked at; see `Preprocessor.size`."""

    def __post_init__(self) -> None:
        self._kept: dict[int, Any] = {}
        self._last = ""
        self.sizes = np.full((len(self.gathered), 2), np.nan, np.float32)
        if isinstance(self.gathered.raw, np.ndarray):
            self.sizes[:] = self.gathered.raw.shape[1:3]

    def decided(self, decide: Decide) -> Preprocessor:
        """The preparation that evenly many of the examples not for testing ask for."""
        chosen = np.flatnonzero(self.gathered.parts != "test")
        if not len(chosen):
            chosen = np.arange(len(self.gathered))
        sample = MODALITIES[self.gathered.reads].sample
        for indices in (chosen[:: max(1, len(chosen) // sample)], chosen):
            with closing(self._looked_at(indices.tolist())) as looked_at:
                if (first := next(looked_at, None)) is not None:
                    return decide(itertools.chain([first], looked_at))
        raise self._nothing()

    def _looked_at(self, indices: list[int]) -> Generator[Any, None, None]:
        """What is in these examples, without those that cannot be read."""
        room = KEPT
        with closing(self._each(indices, _as_it_is, _LOOKING)) as each:
            for index, found in each:
                if isinstance(found, DataError):
                    self._last = str(found)
                    continue
                room -= _bytes_of(found)
                if room >= 0:
                    self._kept[index] = found
                yield found

    def prepared(self, preprocessor: Preprocessor, opened: Open = InMemory) -> Prepared:
        """All examples, prepared, in what ``opened`` makes room with; DataError if not one can be
        read, or they are too many."""
        raw, count = self.gathered.raw, len(self.gathered)
        shape = (count, *preprocessor.example_shape)
        self._check_room(shape, preprocessor)
        if (
            isinstance(raw, np.ndarray)
            and (fitted := preprocessor.transform_batch(raw)) is not None
        ):
            if opened is InMemory:
                return Prepared(fitted, np.arange(count), [])
            (inputs := opened(shape, preprocessor.dtype)).add(fitted)
            return Prepared(inputs.all(), np.arange(count), [])
        inputs = opened(shape, preprocessor.dtype)
        kept: list[int] = []
        skipped: list[tuple[int, str]] = []
        with closing(self._each(range(count), preprocessor.transform, _READING)) as each:
            for index, found in each:
                if isinstance(found, DataError):
                    skipped.append((index, str(found)))
                else:
                    inputs.add(found[None])
                    kept.append(index)
        if not kept:
            self._last = skipped[-1][1]
            raise self._nothing()
        return Prepared(inputs.all(), np.array(kept), skipped)

    def _check_room(self, shape: tuple[int, ...], preprocessor: Preprocessor) -> None:
        needed = prod(shape) * preprocessor.dtype.itemsize
        if needed > MOST_BYTES:
            one = "x".join(str(side) for side in shape[1:])
            raise DataError(
                f"{self.place}: {shape[0]:,} {preprocessor.reads} of {one} are {needed:,} bytes, "
                f"wanted at most {MOST_BYTES:,}; take a smaller size"
            )

    def _nothing(self) -> DataError:
        count, reads = len(self.gathered), self.gathered.reads
        return DataError(
            f"{self.place}: not one of its {count:,} {reads} can be read; {self._last}"
        )

    def _each(
        self, indices: Sequence[int], use: Callable[[Any], Any], stage: str
    ) -> Generator[tuple[int, Any], None, None]:
        """What ``use`` makes of each example, or the DataError of reading it, in this order."""
        runs, threads = self._shared_out(indices)
        with closing(in_order(runs, partial(self._one, use), threads)) as each:
            for done, found in enumerate(each):
                yield indices[done], found
                if self.on_progress:
                    self.on_progress(Progress(stage, done + 1, len(indices)))

    def _shared_out(self, indices: Sequence[int]) -> tuple[list[Sequence[int]], int]:
        """These examples as they are taken at a time, and by how many threads."""
        if not isinstance(self.gathered.raw, Files):
            return [indices], 1
        sizes = np.cumsum([self.gathered.raw.size(index) for index in indices])
        files, size = _AT_ONCE
        runs = list[Sequence[int]]()
        start = 0
        while start < len(indices):
            before = sizes[start - 1] if start else 0
            end = int(np.searchsorted(sizes, before + size, "right"))
            end = min(start + files, max(start + 1, end))
            runs.append(indices[start:end])
            start = end
        gains = sizes[-1] >= MODALITIES[self.gathered.reads].worth_sharing * len(sizes)
        return runs, min(processors(), MOST_THREADS) if gains else 1

    def _one(self, use: Callable[[Any], Any], index: int) -> Any:
        try:
            given = self._kept.get(index)
            given = self.gathered.raw[index] if given is None else given
            self.sizes[index] = MODALITIES[self.gathered.reads].preprocessor.size(given)
            return use(given)
        except DataError as error:
            return error


def _as_it_is(given: Any) -> Any:
    return given


def _bytes_of(given: Any) -> int:
    """About how much memory an example takes."""
    parts = given if isinstance(given, tuple) else (given,)
    return sum(getattr(part, "nbytes", 0) or 100 for part in parts) + 4 * (
        len(given) if isinstance(given, str) else 0
    )
