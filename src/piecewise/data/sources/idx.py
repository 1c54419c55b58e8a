"""idx files, the format that MNIST and its relatives are published in, plain or in gzip.

A file holds one array: two zero bytes, the type, the number of axes, the length of each axis, and
the values. A data set is a pair of files per split, `train-images-idx3-ubyte` and
`train-labels-idx1-ubyte`, and the same for `t10k`, which is the test split.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from math import prod
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ...core.array_types import Array, Strings, Uint8
from ...core.errors import DataError
from ..file_bytes import open_error, open_regular_file
from .archive_limits import check_total_ratio
from .folder_scan import FolderScanner, Traversable
from .split_names import SPLITS

MAX_BYTES = 4 << 30
"""Bytes of the values of one file, unpacked; checked before memory is allocated."""
MAX_AXES = 4

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_GZIP = b"\x1f\x8b"
_SPLITS = {**SPLITS, "t10k": "test"}
_NAME = re.compile(
    rf"(?P<set>(?:.{{1,100}}[-_.])?)(?P<split>{'|'.join(_SPLITS)})[-_.](?P<kind>images|labels)"
    r"[-_.]idx[1-4][-_.][a-z0-9]{1,10}(?:\.gz)?",
    re.IGNORECASE,
)
_BLOCK = 1 << 24  # bytes that are read at a time
_MAX_MAPPING_BYTES = 100_000


class IdxFiles(NamedTuple):
    """The images and labels of each split, and the file of class names, if there is one."""

    pairs: dict[str, tuple[Traversable, Traversable]]
    mapping: Traversable | None

    def paths(self) -> list[Path]:
        """The files that are on disk."""
        files = [file for pair in self.pairs.values() for file in pair]
        files += [self.mapping] if self.mapping else []
        return [file for file in files if isinstance(file, Path)]


class IdxImages(NamedTuple):
    """Images (N, rows, columns, 1), their labels, splits and class names, and a description."""

    images: Uint8
    labels: list[str]
    splits: Strings
    class_order: list[str]
    description: str


def find_idx(path: Traversable) -> IdxFiles | None:
    """The idx files in a folder, or in its only folder; None if there are none.

    Raises DataError if there are images without labels, or several sets.
    """
    found, mappings = dict[tuple[str, str, str], Traversable](), list[Traversable]()
    for file in _candidates(path):
        if match := _NAME.fullmatch(file.name):
            key = match["set"].lower(), _SPLITS[match["split"].lower()], match["kind"].lower()
            found.setdefault(key, file)
        elif file.name.lower().endswith("mapping.txt"):
            mappings.append(file)
    sets = sorted({name for name, _, kind in found if kind == "images"})
    if not sets:
        return None
    if len(sets) > 1:
        names = ", ".join(name.strip("-_.") or "one without a name" for name in sets)
        raise DataError(
            f"{path}: idx files of several sets ({names}); put those of one set into a folder"
        )
    pairs = {}
    for split in ("train", "validation", "test"):
        images, labels = (found.get((sets[0], split, kind)) for kind in ("images", "labels"))
        if images is not None and labels is None:
            wanted = images.name.replace("images", "labels").replace("idx3", "idx1")
            raise DataError(f"{images}: there are no labels for it, wanted {wanted} beside it")
        if images is not None and labels is not None:
            pairs[split] = images, labels
    mapping = [file for file in mappings if file.name.lower().startswith(sets[0])]
    return IdxFiles(pairs, mapping[0] if mapping else None)


def _candidates(path: Traversable) -> list[Traversable]:
    """The files of a folder and of its folders, some of which are named like the files in them."""
    scanner = FolderScanner()
    contents = scanner.contents(path)
    files = contents.others + contents.files
    for folder in contents.folders:
        if len(contents.folders) == 1 or _NAME.fullmatch(folder.name):
            inside = scanner.contents(folder)
            files += inside.others + inside.files
    return files


def read_idx_images(found: IdxFiles) -> IdxImages:
    """Read the images and labels of all splits; DataError, naming the file."""
    images, labels, splits = list[Array](), list[Array](), list[Strings]()
    for split, (image_file, label_file) in found.pairs.items():
        pixels, numbers = read_idx(image_file), read_idx(label_file)
        _check_pair(image_file, pixels, label_file, numbers)
        if "emnist" in image_file.name.lower():
            pixels = pixels.transpose(0, 2, 1)  # EMNIST stores columns as rows
        if images and images[0].shape[1:] != pixels.shape[1:]:
            raise DataError(f"{image_file}: its pictures are of another size than those of train")
        images.append(pixels)
        labels.append(numbers.astype(np.int64))
        splits.append(np.full(len(numbers), split))
    numbers = np.concatenate(labels)
    names = _class_names(found.mapping, np.unique(numbers).tolist())
    files = ", ".join(pair[0].name for pair in found.pairs.values())
    return IdxImages(
        np.concatenate(images)[..., None],
        [names[number] for number in numbers.tolist()],
        np.concatenate(splits),
        list(names.values()),
        f"idx files {files} and their labels",
    )


def _check_pair(
    image_file: Traversable, pixels: Array, label_file: Traversable, labels: Array
) -> None:
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape[1:]:
        raise DataError(
            f"{image_file}: {_shape_text(pixels.shape, pixels.dtype)}, wanted bytes (N, rows, "
            "columns)"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{label_file}: {_shape_text(labels.shape, labels.dtype)}, wanted class numbers (N,)"
        )
    if len(pixels) != len(labels):
        raise DataError(
            f"{image_file}: {len(pixels):,} pictures, but {len(labels):,} labels in "
            f"{label_file.name}"
        )


def _class_names(mapping: Traversable | None, numbers: list[int]) -> dict[int, str]:
    """The name of each class number: the number, or the character that EMNIST's table gives."""
    names = {number: str(number) for number in numbers}
    if mapping is not None:
        with _opened(mapping) as file:
            rows = re.findall(
                rb"^(\d{1,6}) (\d{1,6})\b", file.read(_MAX_MAPPING_BYTES), re.MULTILINE
            )
        table = {int(number): chr(int(code)) for number, code in rows}
        found = {number: table.get(number, "") for number in numbers}
        if len(set(found.values())) == len(found) and all(map(str.isalnum, found.values())):
            return found
    return names


def read_idx(path: Traversable) -> Array:
    """Read the array of an idx file; DataError, naming the file."""
    try:
        with _opened(path) as file:
            return _array(file)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def describe_idx(path: Path) -> str:
    """What the array of an idx file is; empty if the file is none."""
    try:
        with _opened(path) as file:
            shape, dtype, _ = _header(file)
            return _shape_text(shape, dtype)
    except (DataError, OSError, EOFError, zlib.error):
        return ""


def _shape_text(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> str:
    return f"{' x '.join(f'{side:,}' for side in shape)} values of {dtype.newbyteorder('=')}"


def _opened(path: Traversable) -> IO[bytes]:
    """The file, opened."""
    if not isinstance(path, Path):
        return io.BytesIO(path.read_bytes())
    try:
        return open_regular_file(path, "file")
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise open_error(error, "file") from None


def _array(file: IO[bytes]) -> Array:
    """The array of an open file, its size checked before memory is allocated."""
    try:
        shape, dtype, unpacked = _header(file)
        size = prod(shape) * dtype.itemsize
        content = np.empty(size, np.uint8)
        view, done = content.data, 0
        while done < size:
            block = unpacked.read(min(_BLOCK, size - done))
            if not block:
                raise DataError(f"cut short: {done:,} of {size:,} bytes; copy it again")
            view[done : done + len(block)] = block
            done += len(block)
        if unpacked.read(1):  # reading to the end makes gzip verify the checksum
            raise DataError("longer than its header says; copy it again")
    except (OSError, EOFError, zlib.error):
        raise DataError("damaged, or cut short; copy it again") from None
    array = content.view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic], IO[bytes]]:
    """The shape and type of the array, and the file behind the header, unpacked."""
    packed = file.seek(0, os.SEEK_END)
    file.seek(0)
    is_packed = file.read(2) == _GZIP
    file.seek(0)
    unpacked: IO[bytes] = gzip.GzipFile(fileobj=file) if is_packed else file  # type: ignore[assignment]
    start = unpacked.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise DataError("does not begin as an idx file does")
    if not 1 <= start[3] <= MAX_AXES:
        raise DataError(f"an idx file of {start[3]} axes, wanted 1 to {MAX_AXES}")
    lengths = unpacked.read(4 * start[3])
    if len(lengths) < 4 * start[3]:
        raise DataError("cut short in its header; copy it again")
    shape = tuple(int.from_bytes(lengths[at : at + 4]) for at in range(0, len(lengths), 4))
    dtype = np.dtype(_TYPES[start[2]])
    size = prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise DataError(f"{size:,} bytes of values, wanted at most {MAX_BYTES:,}")
    if is_packed:
        check_total_ratio(size, packed)
    elif packed - 4 - len(lengths) != size:
        raise DataError(
            f"{packed:,} bytes, but its header says {size + 4 + len(lengths):,}; copy it again"
        )
    return shape, dtype, unpacked
