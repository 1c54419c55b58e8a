"""The prepared inputs of a source in their order. Decoder processes read the files if they are
many."""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ...core.errors import DataError, PiecewiseError
from ...core.progress import OnProgress, Progress
from ...engine.runtime.thread_pool import processors
from ..loading.loader import MAX_THREADS, READING, DatasetLoader
from ..modalities import MODALITIES
from ..preprocessing import Preprocessor
from ..sources.discovery import LazyFiles, RawDataset
from ..sources.folder_scan import Traversable
from .pool import Decoded, DecoderPool, File, RawFile
from .prepared_input import PreparedInput, prepare_input

_FILES, _BYTES = 64, 1 << 20
"""Files that a process gets at a time, and the bytes of their contents, unless one is larger."""
_BYTES_AHEAD = 64 << 20
"""Bytes of contents that wait for a process."""
_EXAMPLES_AHEAD = 256 << 20
"""Bytes of examples that are read ahead, if each file has one; `_FILES` of them may have more."""

Results = Generator[tuple[int, PreparedInput | PiecewiseError], None, None]
"""The index of each input and the input, or why it cannot be read."""


def prepared_inputs(
    raw: RawDataset,
    preprocessor: Preprocessor,
    start: int = 0,
    ahead: int = 0,
    on_progress: OnProgress | None = None,
) -> Results:
    """The inputs from the index ``start`` on. Closing the generator ends the processes.

    Only a few inputs are in memory at a time: ``ahead``, those that are read while the ones before
    them are used, and some more. With few files, starting processes would take longer than reading.
    If the processes cannot start, this one reads the files.
    """
    many = MODALITIES[raw.modality].processes_from
    if isinstance(raw.examples, LazyFiles) and len(raw) - start >= many and can_use_processes():
        count = min(processors(), MAX_THREADS)
        pool = DecoderPool(count)
        try:  # the caller may close the generator early
            if _can_start(pool, count):
                limit = _most_ahead(preprocessor, ahead, count)
                yield from _by_processes(
                    raw, raw.examples, preprocessor, start, limit, pool, on_progress
                )
                return
        finally:
            pool.close()
    loader = DatasetLoader(raw, Path(), on_progress)
    yield from loader.stream(partial(prepare_input, preprocessor), start)


def can_use_processes() -> bool:
    """Whether decoder processes run here, and are faster than reading in this process."""
    return processors() > 1 and sys.platform != "win32"


def _can_start(pool: DecoderPool, count: int) -> bool:
    """Start so many processes, and return whether they can read files."""
    try:
        for one in [pool.start() for _ in range(count)]:
            one.result()
    except RuntimeError:
        return False
    return True


def _most_ahead(preprocessor: Preprocessor, ahead: int, count: int) -> int:
    """The inputs that are read ahead for so many processes."""
    example_bytes = math.prod(preprocessor.example_shape) * preprocessor.dtype.itemsize
    return min(ahead + 2 * count * _FILES, max(1, _EXAMPLES_AHEAD // example_bytes))


def _by_processes(
    raw: RawDataset,
    files: LazyFiles,
    preprocessor: Preprocessor,
    start: int,
    ahead: int,
    pool: DecoderPool,
    on_progress: OnProgress | None,
) -> Results:
    portions, pending = _portions(files, start), deque[_Pending]()
    done, total, inputs, size = start, len(raw), 0, 0
    if start and on_progress:
        on_progress(Progress(READING, start, total, resumed=True))
    while True:
        while inputs < ahead and size < _BYTES_AHEAD and (portion := next(portions, None)):
            pending.append(_Pending.of(portion, pool, preprocessor))
            inputs, size = inputs + len(portion), size + pending[-1].size
        if not pending:
            return
        results = (oldest := pending.popleft()).results()
        inputs, size = inputs - len(results), size - oldest.size
        yield from enumerate(results, done)
        done += len(results)
        if on_progress:
            on_progress(Progress(READING, done, total))


class _Pending(NamedTuple):
    """Files that processes read: the errors of those that could not be sent, the bytes of the
    others, and the results to come."""

    errors: list[DataError | None]
    size: int
    future: Future[list[Decoded]]

    @classmethod
    def of(
        cls, portion: list[File | DataError], pool: DecoderPool, preprocessor: Preprocessor
    ) -> _Pending:
        sent = [one for one in portion if not isinstance(one, DataError)]
        size = sum(len(one.content) for one in sent if isinstance(one, RawFile))
        errors = [one if isinstance(one, DataError) else None for one in portion]
        return cls(errors, size, pool.submit(preprocessor, sent))

    def results(self) -> list[Decoded]:
        found = iter(self.future.result())
        return [next(found) if error is None else error for error in self.errors]


def _portions(files: LazyFiles, start: int) -> Iterator[list[File | DataError]]:
    """The files from an index on, some at a time; those in an archive with their contents."""
    some, size = list[File | DataError](), 0
    for path in islice(files.paths(), start, None):
        file = _file(path)
        some.append(file)
        size += len(file.content) if isinstance(file, RawFile) else 0
        if len(some) == _FILES or size >= _BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _file(path: Traversable | str) -> File | DataError:
    """A file as a process gets it, or why it cannot be read."""
    if isinstance(path, Path | str):
        return path
    try:
        return RawFile(str(path), path.read_bytes())
    except DataError as error:
        return error
