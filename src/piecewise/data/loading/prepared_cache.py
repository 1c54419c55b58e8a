"""Cache of prepared inputs in a folder, so that a data set is decoded once.

- `inputs.npy`: the inputs, as NumPy reads and memory-maps them;
- `manifest.json`: what they were made from, with which options and versions, and checksums.

A cached array is used only if the data, options and versions are the same and its checksum is
correct. That checksum is the SHA-256 of the SHA-256 of each block, so that several threads can
verify it in a fraction of the time that decoding takes. The header of the array is compared with
the expected bytes, not parsed. Any mismatch makes the cache be written again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.lib.format as npy

from ...core.array_types import Array, Int64
from ...core.atomic_write import atomic_writer, remove_leftovers, write_atomically
from ...core.errors import reason
from ...core.progress import Progress
from ...core.version import __version__
from ...engine.runtime.thread_pool import processors
from ..file_bytes import open_regular_file
from ..modalities import preprocessor_from_json
from ..preprocessing import Preprocessor
from .fingerprint import CHECKING, Fingerprint, fingerprint_of
from .loader import MAX_BYTES, DatasetLoader, PreparedExamples
from .ordered_map import ordered_map

INPUTS, MANIFEST = "inputs.npy", "manifest.json"
MAX_MANIFEST_BYTES = 64 << 20
"""Bytes; checked before it is read."""
_FORMAT = "piecewise inputs 3"
_BLOCK = 4 << 20  # bytes with a checksum of their own
_HEADER = 256  # bytes before the numbers
_FREE = 1 << 20  # bytes of the disk that must stay free
_LIBRARIES = ("numpy", "pillow", "pillow-heif", "soundfile", "soxr")


class CachedDataset(NamedTuple):
    """A preprocessor, the examples it prepared, and a message if they could not be cached."""

    preprocessor: Preprocessor
    examples: PreparedExamples
    cache_error: str | None = None


def load_or_prepare(
    folder: Path,
    loader: DatasetLoader,
    get_preprocessor: Callable[[], Preprocessor],
    options: dict[str, Any],
) -> CachedDataset:
    """Load the prepared examples from the cache ``folder``, or prepare and cache them.

    The cache is valid for the same files and the same ``options`` (plain values). The inputs are
    memory-mapped, read-only. Where the folder cannot be written, the examples are prepared in
    memory and `cache_error` says why. Raises what reading raises.
    """
    fingerprint = fingerprint_of(loader.raw, loader.path, loader.on_progress)
    source = {"data": fingerprint.digest, "options": options, "versions": _versions()}
    source = json.loads(json.dumps(source))  # as it is read back from the manifest
    cached = _read_cache(folder, source, loader)
    if cached:
        return cached
    preprocessor = get_preprocessor()
    try:
        return _write_cache(folder, source, fingerprint, loader, preprocessor)
    except _NotCachedError as error:
        message = f"{folder}: the prepared inputs are not cached: {error}"
        return CachedDataset(preprocessor, loader.prepare(preprocessor), message)


def is_cache_folder(folder: Path) -> bool:
    """Whether a folder holds nothing but a cache, so that it can be deleted."""
    try:
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except OSError:
        return False
    return names <= {INPUTS, MANIFEST}


def _versions() -> dict[str, str | None]:
    """The versions of everything that could decode a file to other bytes."""
    from importlib import metadata  # noqa: PLC0415 - it takes a while to load

    versions: dict[str, str | None] = {"format": _FORMAT, "piecewise": __version__}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


# Reading the cache.


def _read_cache(
    folder: Path, source: dict[str, Any], loader: DatasetLoader
) -> CachedDataset | None:
    """The cached examples; None if they are from another source, damaged or missing."""
    try:
        for name in (INPUTS, MANIFEST):
            remove_leftovers(folder / name)
        manifest = _read_manifest(folder / MANIFEST)
        if manifest["source"] != source:
            return None
        preprocessor = preprocessor_from_json(manifest["preprocessor"], _shape(manifest["shape"]))
        indices, skipped = _split_skipped(manifest["skipped"], len(loader.raw))
        indices = _repeated(indices, manifest["windows"])
        shape = (len(indices), *preprocessor.example_shape)
        inputs = _map_inputs(folder / INPUTS, shape, preprocessor.dtype, manifest["sha256"], loader)
        return CachedDataset(preprocessor, PreparedExamples(inputs, indices, skipped))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _read_manifest(path: Path) -> Any:
    """The content of the manifest; ValueError if its checksum is wrong."""
    with open_regular_file(path) as file:
        status = os.fstat(file.fileno())
        if status.st_size > MAX_MANIFEST_BYTES:
            raise ValueError("not a manifest")
        text = file.read(MAX_MANIFEST_BYTES)
    manifest = json.loads(text)
    if text != _manifest_bytes(manifest["content"]):
        raise ValueError("wrong checksum")
    return manifest["content"]


def _manifest_bytes(content: dict[str, Any]) -> bytes:
    plain = json.dumps(content, sort_keys=True, allow_nan=False)
    manifest = {"sha256": hashlib.sha256(plain.encode()).hexdigest(), "content": content}
    return json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"


def _shape(value: Any) -> tuple[int, int, int]:
    channels, rows, columns = value
    return channels, rows, columns


def _split_skipped(skipped: Any, count: int) -> tuple[Int64, list[tuple[int, str]]]:
    """The indices of the examples that were prepared, and those that were skipped, of ``count``."""
    messages = [(int(index), str(message)) for index, message in skipped]
    prepared = np.ones(count, bool)
    for index, _ in messages:
        if not 0 <= index < count:
            raise ValueError("a skipped index is out of range")
        prepared[index] = False
    if not prepared.any():
        raise ValueError("every example is skipped")
    return np.flatnonzero(prepared), messages


def _windows(indices: Int64) -> list[list[int]]:
    """The index and the number of inputs of each example that has several."""
    examples, counts = np.unique(indices, return_counts=True)
    several = counts > 1
    return [examples[several].tolist(), counts[several].tolist()]


def _repeated(indices: Int64, windows: Any) -> Int64:
    """The index of the example of each input; the reverse of `_windows`. ValueError if they do not
    fit."""
    counts = np.ones(len(indices), np.int64)
    examples, several = (np.array(values, np.int64) for values in windows)
    if not np.isin(examples, indices).all() or len(examples) != len(several):
        raise ValueError("windows of an example that is not there")
    if not ((several > 1) & (several <= MAX_BYTES)).all():
        raise ValueError("a number of windows is out of range")
    counts[np.searchsorted(indices, examples)] = several
    if int(counts.sum()) > MAX_BYTES:
        raise ValueError("too many windows")
    return np.repeat(indices, counts)


def _map_inputs(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], digest: Any, loader: DatasetLoader
) -> Array:
    """The array in a file, memory-mapped after its checksum is verified; ValueError."""
    size = prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise ValueError("too large")
    with open_regular_file(path) as file:
        status = os.fstat(file.fileno())
        if status.st_size != _HEADER + size:
            raise ValueError("the wrong size")
        if file.read(_HEADER) != _header(shape, dtype):
            raise ValueError("a different header")
        if _digest_of_blocks(file, size, loader) != digest:
            raise ValueError("wrong checksum")
        return np.memmap(file, dtype, "r", _HEADER, shape)


def _digest_of_blocks(file: IO[bytes], size: int, loader: DatasetLoader) -> str:
    """The SHA-256 of the SHA-256 of each block of a file after its header."""
    lock = threading.Lock()

    def digest(index: int) -> bytes:
        with lock:
            file.seek(_HEADER + index * _BLOCK)
            block = file.read(_BLOCK)
        return hashlib.sha256(block).digest()

    count, total = -(-size // _BLOCK), hashlib.sha256()
    blocks = [[index] for index in range(count)]
    with closing(ordered_map(blocks, digest, processors())) as digests:
        for index, one in enumerate(digests):
            total.update(one)
            if loader.on_progress:
                loader.on_progress(Progress(CHECKING, index + 1, count))
    return total.hexdigest()


# Writing the cache.


class _NotCachedError(Exception):
    """Why inputs cannot be cached."""


@contextmanager
def _not_cached_on_os_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _NotCachedError(reason(error)) from None


def _write_cache(
    folder: Path,
    source: dict[str, Any],
    fingerprint: Fingerprint,
    loader: DatasetLoader,
    preprocessor: Preprocessor,
) -> CachedDataset:
    """Prepare all examples into the folder. The manifest is written last: without it the cache is
    not valid."""
    with _not_cached_on_os_error():
        folder.mkdir(exist_ok=True)
        for name in (MANIFEST, INPUTS):  # frees their disk space for the new ones
            (folder / name).unlink(missing_ok=True)
    with ExitStack() as until_written:
        writer = _InputsFileWriter(folder / INPUTS, until_written)
        examples = loader.prepare(preprocessor, writer.open)
    content = {
        "source": source,
        "preprocessor": preprocessor.to_json(),
        "shape": list(preprocessor.shape),
        "skipped": examples.skipped,
        "windows": _windows(examples.indices),
        "sha256": writer.digest,
    }
    error = _write_manifest(folder, content, fingerprint)
    return CachedDataset(preprocessor, examples, error)


class _InputsFileWriter:
    """Writes prepared inputs to an `.npy` file. They are written, not memory-mapped, so that a full
    disk is an ordinary error."""

    def __init__(self, path: Path, until_written: ExitStack) -> None:
        self.path, self.until_written = path, until_written
        self.count, self._blocks = 0, hashlib.sha256()
        self._block, self._remaining = hashlib.sha256(), _BLOCK

    @property
    def digest(self) -> str:
        """The checksum that `_digest_of_blocks` computes; to be read once, at the end."""
        if self._remaining < _BLOCK:
            self._blocks.update(self._block.digest())
        return self._blocks.hexdigest()

    def open(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> _InputsFileWriter:
        self.shape, self.dtype = shape, dtype
        with _not_cached_on_os_error():
            size = prod(shape) * dtype.itemsize
            if shutil.disk_usage(self.path.parent).free < size + _FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.file = self.until_written.enter_context(atomic_writer(self.path))
            self.file.write(bytes(_HEADER))
        return self

    def add(self, examples: Array) -> None:
        content = np.ascontiguousarray(examples, self.dtype).reshape(-1).view(np.uint8).data
        with _not_cached_on_os_error():
            self.file.write(content)
        self.count += len(examples)
        while content:
            chunk, content = content[: self._remaining], content[self._remaining :]
            self._block.update(chunk)
            self._remaining -= len(chunk)
            if not self._remaining:
                self._blocks.update(self._block.digest())
                self._block, self._remaining = hashlib.sha256(), _BLOCK

    def all(self) -> Array:
        """Rename the finished file to its path and memory-map it."""
        shape = (self.count, *self.shape[1:])
        with _not_cached_on_os_error():
            self.file.seek(0)
            self.file.write(_header(shape, self.dtype))
            status = os.fstat(self.file.fileno())
            self.until_written.close()
            with self.path.open("rb") as file:
                if not os.path.samestat(os.fstat(file.fileno()), status):
                    raise OSError(errno.EBUSY, "another program writes there")
                return np.memmap(file, self.dtype, "r", _HEADER, shape)


def _header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """The header of an `.npy` file, padded to `_HEADER` bytes."""
    fields = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    magic = npy.magic(1, 0)
    length = _HEADER - len(magic) - 2
    return magic + length.to_bytes(2, "little") + repr(fields).ljust(length - 1).encode() + b"\n"


def _write_manifest(folder: Path, content: dict[str, Any], fingerprint: Fingerprint) -> str | None:
    """Write the manifest; a message if it could not be written."""
    why = "the data changed while they were read"
    if fingerprint.is_unchanged():
        text = _manifest_bytes(content)
        why = f"the manifest has {len(text):,} bytes, wanted at most {MAX_MANIFEST_BYTES:,}"
        if len(text) <= MAX_MANIFEST_BYTES:
            try:
                write_atomically(folder / MANIFEST, text)
                return None
            except OSError as error:
                why = reason(error)
    return f"{folder}: the prepared inputs are not cached: {why}"
