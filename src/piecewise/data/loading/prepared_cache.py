"""Prepared inputs in a folder, so that a data set is decoded once.

- `inputs.npy`: the inputs, as NumPy reads and maps them;
- `made-of.json`: what they were made of, how, and the digests of both files.

They are taken only if all of that is the same and every byte is as it was written: the digest of
the array is that of its blocks' digests, so that several threads can check it, which takes a small
part of the time that decoding does. The first bytes of the array are not read as NumPy would, but
compared with what they must be. What is not as it should be is made anew.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.lib.format as npy
import numpy.typing as npt

from ...core.atomic_write import atomic_writer, remove_leftovers, write_atomically
from ...core.errors import reason
from ...core.progress import Progress
from ...core.version import __version__
from ...engine.runtime.thread_pool import processors
from ..modalities import preprocessor_from_json
from ..preprocessing import Preprocessor
from .fingerprint import CHECKING, Contents, contents_of
from .loader import MOST_BYTES, Prepared, Reading
from .ordered_map import in_order

INPUTS, NOTE = "inputs.npy", "made-of.json"
LARGEST_NOTE = 64 << 20
"""Bytes; checked before it is read."""
_FORM = "piecewise inputs 1"
_BLOCK = 4 << 20  # bytes that are hashed by themselves
_HEAD = 256  # bytes before the numbers
_SPARE = 1 << 20  # bytes that a disk should have left
_LIBRARIES = ("numpy", "pillow", "pillow-heif", "soundfile", "soxr")


class Stored(NamedTuple):
    """The preparation, the examples prepared by it, and a sentence if they could not be kept."""

    preprocessor: Preprocessor
    prepared: Prepared
    told: str | None = None


def stored(
    folder: Path, reading: Reading, decided: Callable[[], Preprocessor], wishes: dict[str, Any]
) -> Stored:
    """The examples of a data set, prepared as ``decided`` says; from the folder if they are there,
    made of the same files by the same ``wishes`` (plain values), else made anew and kept in it.

    The inputs are mapped from the file, read-only. A folder that cannot be written into is told and
    costs nothing more. Raises what reading does.
    """
    contents = contents_of(reading.gathered, reading.place, reading.on_progress)
    plain = json.dumps({"data": contents.digest, "wishes": wishes, "made by": _made_by()})
    of = json.loads(plain)  # as it comes back out of the note
    found = _taken(folder, of, reading)
    if found:
        return found
    preprocessor = decided()
    try:
        return _made(folder, of, contents, reading, preprocessor)
    except _NotKeptError as error:
        told = f"{folder}: the prepared inputs are not kept: {error}"
        return Stored(preprocessor, reading.prepared(preprocessor), told)


def holds_inputs_only(folder: Path) -> bool:
    """Whether a folder is one that inputs are kept in: nothing else that anybody could miss."""
    try:
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except OSError:
        return False
    return names <= {INPUTS, NOTE}


def _made_by() -> dict[str, str | None]:
    """Whatever could read the same file to other bytes."""
    from importlib import metadata  # noqa: PLC0415 - it takes a while to load

    made_by: dict[str, str | None] = {"form": _FORM, "piecewise": __version__}
    for name in _LIBRARIES:
        try:
            made_by[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            made_by[name] = None
    return made_by


# Taken from the folder.


def _taken(folder: Path, of: dict[str, Any], reading: Reading) -> Stored | None:
    """What is in the folder; None if it is not just this, or not as it was written."""
    try:
        for name in (INPUTS, NOTE):
            remove_leftovers(folder / name)
        note = _read_note(folder / NOTE)
        if note["of"] != of:
            return None
        preprocessor = preprocessor_from_json(note["preprocessor"], _three(note["shape"]))
        kept, skipped = _sorted_out(note["skipped"], len(reading.gathered))
        shape = (len(kept), *preprocessor.example_shape)
        inputs = _mapped(folder / INPUTS, shape, preprocessor.dtype, note["blocks"], reading)
        return Stored(preprocessor, Prepared(inputs, kept, skipped))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _read_note(path: Path) -> Any:
    """The plain values of the note; ValueError if it is not as it was written."""
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST_NOTE:
            raise ValueError("no note")
        text = file.read(LARGEST_NOTE)
    note = json.loads(text)
    if text != _written(note["what"]):
        raise ValueError("not as it was written")
    return note["what"]


def _written(what: dict[str, Any]) -> bytes:
    plain = json.dumps(what, sort_keys=True, allow_nan=False)
    digest = hashlib.sha256(plain.encode()).hexdigest()
    return json.dumps({"sha256": digest, "what": what}, indent=1, sort_keys=True).encode() + b"\n"


def _three(shape: Any) -> tuple[int, int, int]:
    channels, rows, columns = shape
    return channels, rows, columns


def _sorted_out(skipped: Any, count: int) -> tuple[npt.NDArray[np.int64], list[tuple[int, str]]]:
    """The numbers of the examples that are kept, and those that were skipped, of so many."""
    left_out = [(int(index), str(sentence)) for index, sentence in skipped]
    kept = np.ones(count, bool)
    for index, _ in left_out:
        if not 0 <= index < count:
            raise ValueError("skipped what is not there")
        kept[index] = False
    if not kept.any():
        raise ValueError("nothing kept")
    return np.flatnonzero(kept), left_out


def _mapped(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], blocks: Any, reading: Reading
) -> npt.NDArray[Any]:
    """The array in a file, every byte of it checked; ValueError if it is another."""
    size = prod(shape) * dtype.itemsize
    if size > MOST_BYTES:
        raise ValueError("too large")
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size != _HEAD + size:
            raise ValueError("another size")
        if file.read(_HEAD) != _head(shape, dtype):
            raise ValueError("another array")
        if _blocks_of(file, size, reading) != blocks:
            raise ValueError("not as it was written")
        return np.memmap(file, dtype, "r", _HEAD, shape)


def _blocks_of(file: IO[bytes], size: int, reading: Reading) -> str:
    """The digest of the digests of the blocks in a file, after its first bytes."""
    one_reads = threading.Lock()

    def digest(number: int) -> bytes:
        with one_reads:
            file.seek(_HEAD + number * _BLOCK)
            block = file.read(_BLOCK)
        return hashlib.sha256(block).digest()

    count, whole = -(-size // _BLOCK), hashlib.sha256()
    with closing(in_order([[number] for number in range(count)], digest, processors())) as digests:
        for number, one in enumerate(digests):
            whole.update(one)
            if reading.on_progress:
                reading.on_progress(Progress(CHECKING, number + 1, count))
    return whole.hexdigest()


# Made anew.


class _NotKeptError(Exception):
    """Why inputs cannot be kept."""


@contextmanager
def _keeping() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _NotKeptError(reason(error)) from None


def _made(
    folder: Path,
    of: dict[str, Any],
    contents: Contents,
    reading: Reading,
    preprocessor: Preprocessor,
) -> Stored:
    """All examples prepared into the folder, whose note comes last: without it there is nothing."""
    with _keeping():
        folder.mkdir(exist_ok=True)
        for name in (NOTE, INPUTS):  # what they need may be needed
            (folder / name).unlink(missing_ok=True)
    with ExitStack() as until_written:
        writer = _Writer(folder / INPUTS, until_written)
        prepared = reading.prepared(preprocessor, writer.opened)
    note = {
        "of": of,
        "preprocessor": preprocessor.to_json(),
        "shape": list(preprocessor.shape),
        "skipped": prepared.skipped,
        "blocks": writer.digest,
    }
    return Stored(preprocessor, prepared, _noted(folder, note, contents))


class _Writer:
    """Inputs that go straight into a file. They are written, and not mapped, so that a full disk is
    an error like any other."""

    def __init__(self, path: Path, until_written: ExitStack) -> None:
        self.path, self.until_written = path, until_written
        self.count, self._blocks = 0, hashlib.sha256()
        self._block, self._room = hashlib.sha256(), _BLOCK

    @property
    def digest(self) -> str:
        """Of what was written, as `_blocks_of` has it; once, at the end."""
        if self._room < _BLOCK:
            self._blocks.update(self._block.digest())
        return self._blocks.hexdigest()

    def opened(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> _Writer:
        self.shape, self.dtype = shape, dtype
        with _keeping():
            size = prod(shape) * dtype.itemsize
            if shutil.disk_usage(self.path.parent).free < size + _SPARE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.file = self.until_written.enter_context(atomic_writer(self.path))
            self.file.write(bytes(_HEAD))
        return self

    def add(self, examples: npt.NDArray[Any]) -> None:
        content = np.ascontiguousarray(examples, self.dtype).reshape(-1).view(np.uint8).data
        with _keeping():
            self.file.write(content)
        self.count += len(examples)
        while content:
            part, content = content[: self._room], content[self._room :]
            self._block.update(part)
            self._room -= len(part)
            if not self._room:
                self._blocks.update(self._block.digest())
                self._block, self._room = hashlib.sha256(), _BLOCK

    def all(self) -> npt.NDArray[Any]:
        """Put the file in its place, and map it."""
        shape = (self.count, *self.shape[1:])
        with _keeping():
            self.file.seek(0)
            self.file.write(_head(shape, self.dtype))
            about = os.fstat(self.file.fileno())
            self.until_written.close()
            with self.path.open("rb") as file:
                if not os.path.samestat(os.fstat(file.fileno()), about):
                    raise OSError(errno.EBUSY, "another program writes there")
                return np.memmap(file, self.dtype, "r", _HEAD, shape)


def _head(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """The first bytes of an `.npy`, always as many."""
    described = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    magic = npy.magic(1, 0)
    length = _HEAD - len(magic) - 2
    return magic + length.to_bytes(2, "little") + repr(described).ljust(length - 1).encode() + b"\n"


def _noted(folder: Path, note: dict[str, Any], contents: Contents) -> str | None:
    """Write the note, or say why there is none."""
    why = "the data changed while they were read"
    if contents.are_still():
        text = _written(note)
        why = f"{len(text):,} bytes of notes, wanted at most {LARGEST_NOTE:,}"
        if len(text) <= LARGEST_NOTE:
            try:
                write_atomically(folder / NOTE, text)
                return None
            except OSError as error:
                why = reason(error)
    return f"{folder}: the prepared inputs are not kept: {why}"
