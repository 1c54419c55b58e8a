"""NumPy `.npz` archives of image arrays and labels, loaded without pickle."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.lib.format as npy

from ...core.array_types import Array, Strings, Uint8
from ...core.errors import DataError
from .folders import SPLITS

MAX_ARRAY_BYTES = 4 << 30
"""Uncompressed bytes of one array; checked before it is read."""
MAX_FILE_BYTES = 8 << 30
"""Uncompressed bytes of all arrays together."""

_ONE = 1.01  # resizing and averaging may exceed 1 a little

_WANTED = (
    "'images' and 'labels' (with 'class_names' or 'classes', and 'is_test'), or 'x_train', "
    "'y_train', 'x_test', 'y_test' (with 'classes')"
)


class ImageArrays(NamedTuple):
    """The content of an `.npz`: images (N, rows, columns, channels), labels (names or numbers), the
    class names if the file has them, the split of each image, and further fields (N,)."""

    images: Uint8
    labels: Array
    classes: list[str] | None
    splits: Strings
    fields: dict[str, Array]


def read_npz(path: Path) -> ImageArrays:
    """Read an `.npz` of images; DataError, naming the file, if it is not one."""
    try:
        content = _content(_arrays(path, _is_known))
        shape_of_field = (len(content.labels),)
        fields = _arrays(
            path, _is_other, lambda shape, dtype: shape == shape_of_field and _is_plain(dtype)
        )
        return content._replace(fields=fields)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


_MAX_NAME_LENGTH = 100
_CLASS_KEYS = ("class_names", "classes")
_SPLIT_KEYS = {word: (f"x_{word}", f"y_{word}") for word in SPLITS}
_KNOWN = {"images", "labels", "is_test", *_CLASS_KEYS}.union(*_SPLIT_KEYS.values())


_Accepts = Callable[[tuple[int, ...], np.dtype[Any]], bool]


def _is_known(name: str) -> bool:
    return name in _KNOWN


def _is_other(name: str) -> bool:
    return name not in _KNOWN and len(name) <= _MAX_NAME_LENGTH


def _is_plain(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "biuU" and 0 < dtype.itemsize <= 4 * _MAX_NAME_LENGTH


def _any(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return True


def _arrays(
    path: Path,
    wanted: Callable[[str], bool],
    accepts: _Accepts = _any,
) -> dict[str, Array]:
    """The arrays of a file by name, if the name is ``wanted`` and the header ``accepts`` its shape
    and type."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, wanted)
            arrays = {name: _array(archive, members[name], accepts) for name in members}
            return {name: array for name, array in arrays.items() if array is not None}
    except (DataError, MemoryError):
        raise
    except PermissionError:
        raise DataError("not allowed to read it") from None
    except Exception:  # broken archives make the standard library raise many kinds
        raise DataError("not a whole .npz file; was it cut short?") from None


def _members(archive: zipfile.ZipFile, wanted: Callable[[str], bool]) -> dict[str, zipfile.ZipInfo]:
    """The wanted members of an archive, by the names of their arrays."""
    members = {
        member.filename.removesuffix(".npy"): member
        for member in archive.infolist()
        if member.filename.endswith(".npy") and wanted(member.filename.removesuffix(".npy"))
    }
    size = sum(member.file_size for member in members.values())
    if size > MAX_FILE_BYTES:
        raise DataError(f"its arrays are {size:,} bytes, wanted at most {MAX_FILE_BYTES:,}")
    return members


def _array(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    accepts: _Accepts,
) -> Array | None:
    """One array, its header checked against its size before memory is allocated; None if it is not
    accepted."""
    name = member.filename
    with archive.open(member) as file:
        shape, fortran, dtype = _header(file, name)
        if not accepts(shape, dtype):
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


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the order is Fortran's, and dtype."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's remarks on old headers
            if npy.read_magic(file) == (1, 0):
                return npy.read_array_header_1_0(file)
            return npy.read_array_header_2_0(file)
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


def _content(arrays: dict[str, Array]) -> ImageArrays:
    classes, up_to_one = _classes(arrays), _up_to_one(arrays)
    if "images" in arrays and "labels" in arrays:
        images, labels = _pair(arrays, "images", "labels", up_to_one)
        is_test = arrays.get("is_test", np.zeros(len(labels), bool))
        if is_test.shape != labels.shape or is_test.dtype.kind not in "biu":
            raise DataError(
                f"'is_test' is {is_test.dtype} of the shape {is_test.shape}, wanted True or False, "
                f"{labels.shape}"
            )
        splits = np.where(is_test.astype(bool), "test", "train")
        return ImageArrays(images, labels, classes, splits, {})
    if "x_train" in arrays and "y_train" in arrays:
        pairs = [
            (SPLITS[word], *_pair(arrays, x, y, up_to_one))
            for word, (x, y) in _SPLIT_KEYS.items()
            if x in arrays
        ]
        if len({images.shape[1:] for _, images, _ in pairs}) > 1:
            raise DataError("its splits hold pictures of different sizes, wanted one size")
        splits = np.concatenate([np.full(len(labels), split) for split, _, labels in pairs])
        images = np.concatenate([images for _, images, _ in pairs])
        all_labels = np.concatenate([labels for *_, labels in pairs])
        return ImageArrays(images, all_labels, classes, splits, {})
    held = ", ".join(f"'{name}'" for name in sorted(arrays)) or "none of them"
    raise DataError(f"got {held}, wanted {_WANTED}")


def _classes(arrays: dict[str, Array]) -> list[str] | None:
    """The class names, if the file has them."""
    key = next((key for key in _CLASS_KEYS if key in arrays), None)
    if key is None:
        return None
    names = arrays[key]
    if names.ndim != 1 or names.dtype.kind not in "iuU":
        raise DataError(
            f"'{key}' is {names.dtype} of the shape {names.shape}, wanted names (classes,)"
        )
    return [str(name) for name in names.tolist()]


def _up_to_one(arrays: dict[str, Array]) -> bool:
    """Whether the images hold 0..1: the same for all splits, so that they are scaled alike."""
    names = ("images", *(x for x, _ in _SPLIT_KEYS.values()))
    images = [arrays[name] for name in names if name in arrays and arrays[name].size]
    return all(array.dtype.kind in "biuf" and float(array.max()) <= _ONE for array in images)


def _pair(arrays: dict[str, Array], x: str, y: str, up_to_one: bool) -> tuple[Uint8, Array]:
    """The images and labels of one split."""
    if y not in arrays:
        raise DataError(f"got '{x}' without '{y}'")
    labels = arrays[y]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iuU":
        raise DataError(
            f"'{y}' is {labels.dtype} of the shape {labels.shape}, wanted class numbers or names "
            f"(N,)"
        )
    if labels.dtype.kind != "U":
        labels = labels.astype(np.int64)  # one type in all splits
    images = _to_bytes(arrays[x], x, up_to_one)
    if len(images) != len(labels):
        raise DataError(f"{len(images):,} pictures in '{x}' but {len(labels):,} labels in '{y}'")
    return images, labels


def _to_bytes(array: Array, name: str, up_to_one: bool) -> Uint8:
    """(N, H, W), (N, H, W, C) or (N, C, H, W) of 0..255, or of 0..1 -> bytes (N, H, W, C)."""
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape[1:]:
        raise DataError(
            f"'{name}' has the shape {array.shape}, wanted (N, rows, columns), with 1 or 3 "
            "channels behind or after N"
        )
    if array.dtype.kind not in "biuf":
        raise DataError(f"'{name}' holds {array.dtype}, wanted numbers from 0 to 255, or 0 to 1")
    if not array.size:
        return np.zeros(array.shape, np.uint8)
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):  # a NaN compares false and is refused
        raise DataError(
            f"'{name}' holds {array.dtype} from {low:g} to {high:g}, wanted 0 to 255, or 0 to 1; "
            "scale it first"
        )
    scaled: Array = array
    if up_to_one:
        scaled = np.minimum(array, 1) * np.float32(255)
    return np.asarray(scaled if scaled.dtype.kind in "iu" else np.rint(scaled), np.uint8)
