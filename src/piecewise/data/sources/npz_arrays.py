"""The arrays of an `.npz` archive by name, loaded without pickle and within limits."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.lib.format as npy

from ...core.array_types import Array, Strings
from ...core.errors import DataError
from ..file_bytes import open_regular_file
from .archive_limits import check_total_ratio
from .zip_archives import limited_file

MAX_ARRAY_BYTES = 4 << 30
"""Uncompressed bytes of one array; checked before it is read."""
MAX_FILE_BYTES = 8 << 30
"""Uncompressed bytes of all arrays together."""
MAX_ARRAYS = 1_000
"""Arrays of one file."""
MAX_HEADER_BYTES = 10_000
"""Bytes of the header of an array, as in NumPy; checked before it is read."""

Accepts = Callable[[tuple[int, ...], np.dtype[Any]], bool]


def array_names(path: Path) -> list[str]:
    """The names of the arrays of a file, sorted; DataError."""
    with _opened(path, directory_only=True) as archive:
        return sorted(_members(archive))


def read_arrays(
    path: Path, wanted: Callable[[str], bool], accepts: Accepts | None = None
) -> dict[str, Array]:
    """The arrays of a file by name, if the name is ``wanted`` and the header ``accepts`` its shape
    and type; DataError."""
    with _opened(path) as archive:
        members = {name: one for name, one in _members(archive).items() if wanted(name)}
        size = sum(member.file_size for member in members.values())
        if size > MAX_FILE_BYTES:
            raise DataError(f"its arrays are {size:,} bytes, wanted at most {MAX_FILE_BYTES:,}")
        check_total_ratio(size, sum(member.compress_size for member in members.values()))
        arrays = {name: _array(archive, member, accepts) for name, member in members.items()}
        return {name: array for name, array in arrays.items() if array is not None}


@contextmanager
def _opened(path: Path, *, directory_only: bool = False) -> Iterator[zipfile.ZipFile]:
    open_file = limited_file if directory_only else open_regular_file
    try:
        with open_file(path, ".npz file") as file, zipfile.ZipFile(file) as archive:
            yield archive
    except (DataError, MemoryError):
        raise
    except PermissionError:
        raise DataError("not allowed to read it") from None
    except Exception:  # broken archives make the standard library raise many kinds
        raise DataError("not a whole .npz file; was it cut short?") from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members of an archive by the names of their arrays."""
    infos = archive.infolist()
    if len(infos) > MAX_ARRAYS:
        raise DataError(f"{len(infos):,} arrays in it, wanted at most {MAX_ARRAYS:,}")
    return {
        info.filename.removesuffix(".npy"): info for info in infos if info.filename.endswith(".npy")
    }


def _array(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, accepts: Accepts | None
) -> Array | None:
    """One array, its header checked against its size before memory is allocated; None if it is not
    accepted."""
    name = member.filename
    with archive.open(member) as file:
        shape, fortran, dtype = npy_header(file, name)
        if accepts is not None and not accepts(shape, dtype):
            return None
        size = prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise DataError(
                f"{name}: holds Python objects, which are never loaded; save plain arrays"
            )
        if dtype.kind not in "biufUS" or not dtype.itemsize:
            raise DataError(f"{name}: holds {dtype}, wanted numbers or texts")
        most = min(MAX_ARRAY_BYTES, member.file_size)
        if min(shape, default=0) < 0 or size > most:
            raise DataError(
                f"{name}: its header claims the shape {shape} of {dtype}, {size:,} bytes; wanted "
                f"no negative side and at most {most:,} bytes"
            )
        content = file.read(size)
        if len(content) != size:
            raise DataError(f"{name}: cut short")
        if file.read(1):  # reading to the end makes zipfile verify the checksum
            raise DataError(f"{name}: is longer than its header says")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    return _texts(array, name) if dtype.kind in "US" else array


def npy_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the order is Fortran's, and dtype of a .npy file, which is then read up to its
    numbers. The length of the header is checked before it is unpacked; DataError."""
    start = file.read(npy.MAGIC_LEN)
    try:
        is_first = npy.read_magic(io.BytesIO(start)) == (1, 0)
    except ValueError:
        raise DataError(f"{name}: does not begin as an array does") from None
    width = 2 if is_first else 4
    length = file.read(width)
    size = int.from_bytes(length, "little")
    if size > MAX_HEADER_BYTES:
        raise DataError(
            f"{name}: a header of {size:,} bytes, wanted at most {MAX_HEADER_BYTES:,}; it does not "
            "begin as an array does"
        )
    header = io.BytesIO(length + file.read(size))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's remarks on old headers
            if is_first:
                return npy.read_array_header_1_0(header)
            return npy.read_array_header_2_0(header)
    except Exception:  # a header is Python text: it can be wrong in as many ways
        raise DataError(f"{name}: does not begin as an array does") from None


def _texts(array: Array, name: str) -> Strings:
    """Decode bytes as UTF-8 to str; raise an error for invalid Unicode."""
    try:
        texts = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    except ValueError:
        raise DataError(f"{name}: holds texts that are not UTF-8") from None
    texts = texts.astype(texts.dtype.newbyteorder("="))  # the processor's own order, and a copy
    marks = texts.reshape(-1).view(np.uint32) if texts.dtype.itemsize else np.zeros(0, np.uint32)
    if ((marks > 0x10FFFF) | ((marks >= 0xD800) & (marks <= 0xDFFF))).any():
        raise DataError(f"{name}: holds texts that are not UTF-8")
    return texts
