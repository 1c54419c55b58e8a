"""Data loader: reads the examples of a data set in parallel and prepares them into one array."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...core.array_types import Array, Float32, Int64
from ...core.errors import DataError
from ...core.progress import OnProgress, Progress
from ...engine.runtime.thread_pool import processors
from ..modalities import MODALITIES
from ..preprocessing import Preprocessor
from ..sources.discovery import LazyFiles, RawDataset
from .ordered_map import ordered_map

MAX_BYTES = 8 << 30
"""Of all prepared examples together."""
REUSE_BYTES = 256 << 20
"""Bytes of examples decoded to fit the preprocessor that are kept in memory for `prepare`."""
MAX_THREADS = 8
_BATCH = 16, 1 << 20  # files, and about how many bytes of them, that a thread takes at a time
_FITTING, READING = "fitting", "reading"
"""Stages that `OnProgress` reports."""

FitPreprocessor = Callable[..., Preprocessor]
"""A function of an iterator over decoded examples, and of their labels if it takes them; see
`Modality`."""


class PreparedExamples(NamedTuple):
    """The network's inputs, the index of each in the raw data set (several inputs in a row have the
    same if it is a long sound), and the index and message of every example that could not be
    read."""

    inputs: Array
    indices: Int64
    skipped: list[tuple[int, str]]


class InputWriter(Protocol):
    """Collects prepared examples in their order."""

    def add(self, examples: Array) -> None:
        """Append examples (n, ...)."""

    def all(self) -> Array:
        """All examples added so far."""


class InMemoryWriter:
    """Collects prepared examples in an array with the capacity ``shape``, which grows if needed."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.array, self.count = np.empty(shape, dtype), 0

    def add(self, examples: Array) -> None:
        needed = self.count + len(examples)
        if needed > len(self.array):
            larger = np.empty((needed + needed // 2, *self.array.shape[1:]), self.array.dtype)
            larger[: self.count] = self.array[: self.count]
            self.array = larger
        self.array[self.count : self.count + len(examples)] = examples
        self.count += len(examples)

    def all(self) -> Array:
        return self.array[: self.count]


OpenWriter = Callable[[tuple[int, ...], np.dtype[Any]], InputWriter]
"""Makes a writer for inputs of a type and of this shape, or more of them."""


@dataclass
class DatasetLoader:
    """Reads the raw data set that was discovered at ``path``."""

    raw: RawDataset
    path: Path
    on_progress: OnProgress | None = None
    sizes: Float32 = field(init=False)
    """The size of each example (N, 2), NaN until it is read; see `Preprocessor.size`."""

    def __post_init__(self) -> None:
        self._decoded: dict[int, Any] = {}
        self._last_error = ""
        self.sizes = np.full((len(self.raw), 2), np.nan, np.float32)
        if isinstance(self.raw.examples, np.ndarray):
            self.sizes[:] = self.raw.examples.shape[1:3]

    def fit_preprocessor(self, fit: FitPreprocessor) -> Preprocessor:
        """Fit a preprocessor to an evenly spaced sample of the examples outside the test split."""
        chosen = np.flatnonzero(self.raw.splits != "test")
        if not len(chosen):
            chosen = np.arange(len(self.raw))
        modality = MODALITIES[self.raw.modality]
        for indices in (chosen[:: max(1, len(chosen) // modality.sample_size)], chosen):
            labels = list[str]()
            options = {"labels": labels} if modality.fits_to_labels else {}
            with closing(self._readable(indices.tolist(), labels)) as examples:
                if (first := next(examples, None)) is not None:
                    return fit(itertools.chain([first], examples), **options)
        raise self._nothing_readable()

    def _readable(self, indices: list[int], labels: list[str]) -> Generator[Any, None, None]:
        """The decoded examples at these indices, without those that cannot be read; the label of
        each is added to ``labels``."""
        reusable = REUSE_BYTES
        with closing(self._each(indices, _identity, _FITTING)) as results:
            for index, example in results:
                if isinstance(example, DataError):
                    self._last_error = str(example)
                    continue
                reusable -= _memory_of(example)
                if reusable >= 0:
                    self._decoded[index] = example
                labels.append(self.raw.labels[index])
                yield example

    def prepare(
        self, preprocessor: Preprocessor, open_writer: OpenWriter = InMemoryWriter
    ) -> PreparedExamples:
        """Prepare all examples with a writer that ``open_writer`` makes; DataError if none can be
        read, or if they need more than `MAX_BYTES`."""
        count = len(self.raw)
        shape = (count, *preprocessor.example_shape)
        self._check_memory(shape, preprocessor)
        if (inputs := self._transform_batch(preprocessor)) is not None:
            if open_writer is not InMemoryWriter:
                writer = open_writer(shape, preprocessor.dtype)
                writer.add(inputs)
                inputs = writer.all()
            return PreparedExamples(inputs, np.arange(count), [])
        writer = open_writer(shape, preprocessor.dtype)
        indices: list[int] = []
        skipped: list[tuple[int, str]] = []
        with closing(self._each(range(count), preprocessor.windows, READING)) as results:
            for index, result in results:
                if isinstance(result, DataError):
                    skipped.append((index, str(result)))
                else:
                    indices += [index] * len(result)
                    self._check_memory((len(indices), *shape[1:]), preprocessor)
                    writer.add(result)
        if not indices:
            self._last_error = skipped[-1][1]
            raise self._nothing_readable()
        return PreparedExamples(writer.all(), np.array(indices), skipped)

    def stream(
        self, function: Callable[[Any], Any], start: int = 0
    ) -> Generator[tuple[int, Any], None, None]:
        """The index and ``function``'s result of each decoded example from the index ``start``, in
        their order, or the DataError of reading it. Only a few batches of examples are in memory at
        a time."""
        return self._each(range(start, len(self.raw)), function, READING, start)

    def _transform_batch(self, preprocessor: Preprocessor) -> Array | None:
        """All examples at once, where they lie in one array that allows it."""
        examples = self.raw.examples
        return preprocessor.transform_batch(examples) if isinstance(examples, np.ndarray) else None

    def _check_memory(self, shape: tuple[int, ...], preprocessor: Preprocessor) -> None:
        needed = prod(shape) * preprocessor.dtype.itemsize
        if needed > MAX_BYTES:
            size = "x".join(str(side) for side in shape[1:])
            raise DataError(
                f"{self.path}: {shape[0]:,} {preprocessor.modality} of {size} are {needed:,} "
                f"bytes, wanted at most {MAX_BYTES:,}; choose a smaller size"
            )

    def _nothing_readable(self) -> DataError:
        return DataError(
            f"{self.path}: none of its {len(self.raw):,} {self.raw.modality} can be read; "
            f"{self._last_error}"
        )

    def _each(
        self,
        indices: Sequence[int],
        function: Callable[[Any], Any],
        stage: str,
        done_before: int = 0,
    ) -> Generator[tuple[int, Any], None, None]:
        """The index and ``function``'s result of each example, or the DataError of reading it."""
        batches, threads = self._batches(indices)
        total = done_before + len(indices)
        if done_before and self.on_progress:
            self.on_progress(Progress(stage, done_before, total, resumed=True))
        with closing(ordered_map(batches, partial(self._one, function), threads)) as results:
            for number, result in enumerate(results):
                yield indices[number], result
                if self.on_progress:
                    self.on_progress(Progress(stage, done_before + number + 1, total))

    def _batches(self, indices: Sequence[int]) -> tuple[list[Sequence[int]], int]:
        """The indices in batches for a thread each, and the number of threads."""
        examples = self.raw.examples
        if not isinstance(examples, LazyFiles) or not indices:
            return [indices], 1
        sizes = np.cumsum([examples.size(index) for index in indices])
        files, size = _BATCH
        batches = list[Sequence[int]]()
        start = 0
        while start < len(indices):
            before = sizes[start - 1] if start else 0
            end = int(np.searchsorted(sizes, before + size, "right"))
            end = min(start + files, max(start + 1, end))
            batches.append(indices[start:end])
            start = end
        parallel = sizes[-1] >= MODALITIES[self.raw.modality].parallel_from_bytes * len(sizes)
        return batches, min(processors(), MAX_THREADS) if parallel else 1

    def _one(self, function: Callable[[Any], Any], index: int) -> Any:
        try:
            example = self._decoded.get(index)
            example = self.raw.examples[index] if example is None else example
            self.sizes[index] = MODALITIES[self.raw.modality].preprocessor.size(example)
            return function(example)
        except DataError as error:
            return error


def _identity(example: Any) -> Any:
    return example


def _memory_of(example: Any) -> int:
    """The approximate memory of an example, in bytes."""
    fields = example if isinstance(example, tuple) else (example,)
    return sum(getattr(one, "nbytes", 0) or 100 for one in fields) + 4 * (
        len(example) if isinstance(example, str) else 0
    )
