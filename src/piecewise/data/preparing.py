"""Examples read, several files at a time, and prepared: each once, and in one array."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..engine.runtime import processors
from ..errors import DataError
from .gathering import Files, Gathered
from .media import MEDIA
from .picture_preparation import PicturePreparation
from .preparation import Preparation
from .sizes import Sizes, size_of, unknown_sizes

MOST_BYTES = 8 << 30
"""Of all prepared examples together."""
KEPT = 256 << 20
"""Bytes of what was looked at that are kept, so as not to be read twice."""
MOST_THREADS = 8
_AT_ONCE = 16  # files that a thread is given at a time

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""
Decide = Callable[[Iterator[Any]], Preparation]


class Prepared(NamedTuple):
    """Examples as the net takes them, which of those gathered they are, and a sentence for each of
    the others."""

    inputs: npt.NDArray[Any]
    kept: npt.NDArray[np.int64]
    skipped: list[str]


@dataclass
class Reading:
    """What is read of a data set at ``place``, told to ``progress``."""

    gathered: Gathered
    place: Path
    progress: Progress | None = None
    sizes: Sizes = field(init=False)
    """How large each was (N, 2), as far as it was looked at; see `size_of`."""

    def __post_init__(self) -> None:
        self._kept: dict[int, Any] = {}
        self._last = ""
        self.sizes = unknown_sizes(len(self.gathered))
        if isinstance(self.gathered.raw, np.ndarray):
            self.sizes[:] = self.gathered.raw.shape[1:3]

    def decided(self, decide: Decide) -> Preparation:
        """The preparation that evenly many of the examples not for testing ask for."""
        chosen = np.flatnonzero(self.gathered.parts != "test")
        if not len(chosen):
            chosen = np.arange(len(self.gathered))
        sample = MEDIA[self.gathered.reads].sample
        for indices in (chosen[:: max(1, len(chosen) // sample)], chosen):
            looked_at = self._looked_at(indices.tolist())
            if (first := next(looked_at, None)) is not None:
                return decide(itertools.chain([first], looked_at))
        raise self._nothing()

    def _looked_at(self, indices: list[int]) -> Iterator[Any]:
        """What is in these examples, without those that cannot be read."""
        room = KEPT
        for index, found in self._each(indices, _as_it_is):
            if isinstance(found, DataError):
                self._last = str(found)
                continue
            room -= _bytes_of(found)
            if room >= 0:
                self._kept[index] = found
            yield found

    def prepared(self, preparation: Preparation) -> Prepared:
        """All examples, prepared; DataError if not one can be read, or they are too many."""
        raw, count = self.gathered.raw, len(self.gathered)
        shape = (count, *preparation.example_shape)
        self._check_room(shape, preparation)
        if isinstance(raw, np.ndarray) and isinstance(preparation, PicturePreparation):
            stacks = raw.transpose(0, 3, 1, 2)
            if stacks.shape == shape:
                inputs = preparation.align(np.ascontiguousarray(stacks))
                return Prepared(inputs, np.arange(count), [])
        inputs = np.empty(shape, preparation.dtype)
        kept: list[int] = []
        skipped: list[str] = []
        for done, (index, found) in enumerate(self._each(range(count), preparation.fit), 1):
            if isinstance(found, DataError):
                skipped.append(str(found))
            else:
                inputs[len(kept)] = found
                kept.append(index)
            if self.progress:
                self.progress(done, count)
        if not kept:
            self._last = skipped[-1]
            raise self._nothing()
        return Prepared(inputs[: len(kept)], np.array(kept), skipped)

    def _check_room(self, shape: tuple[int, ...], preparation: Preparation) -> None:
        needed = prod(shape) * preparation.dtype.itemsize
        if needed > MOST_BYTES:
            one = "x".join(str(side) for side in shape[1:])
            raise DataError(
                f"{self.place}: {shape[0]:,} {preparation.reads} of {one} are {needed:,} bytes, "
                f"wanted at most {MOST_BYTES:,}; take a smaller size"
            )

    def _nothing(self) -> DataError:
        count, reads = len(self.gathered), self.gathered.reads
        return DataError(
            f"{self.place}: not one of its {count:,} {reads} can be read; {self._last}"
        )

    def _each(self, indices: Sequence[int], use: Callable[[Any], Any]) -> Iterator[tuple[int, Any]]:
        """What ``use`` makes of each example, or the DataError of reading it, in this order; files
        are read by several threads, a little ahead."""

        def found(some: Sequence[int]) -> list[Any]:
            return [self._one(index, use) for index in some]

        runs = [indices[at : at + _AT_ONCE] for at in range(0, len(indices), _AT_ONCE)]
        threads = min(processors(), MOST_THREADS)
        if threads == 1 or len(runs) == 1 or not isinstance(self.gathered.raw, Files):
            for some in runs:
                yield from zip(some, found(some), strict=True)
            return
        with ThreadPoolExecutor(threads) as readers:
            ahead: deque[Future[list[Any]]] = deque()
            coming = iter(runs)
            try:
                for some in runs:
                    while len(ahead) < 2 * threads and (more := next(coming, None)) is not None:
                        ahead.append(readers.submit(found, more))
                    yield from zip(some, ahead.popleft().result(), strict=True)
            finally:  # whoever asked may have had enough
                readers.shutdown(cancel_futures=True)

    def _one(self, index: int, use: Callable[[Any], Any]) -> Any:
        try:
            given = self._kept.get(index)
            given = self.gathered.raw[index] if given is None else given
            self.sizes[index] = size_of(given)
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
