"""`.npz` files: arrays of pictures and labels."""

from __future__ import annotations

import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.lib.format as npy
import numpy.typing as npt

from ..errors import DataError
from .preparation import Pictures

LARGEST_ARRAY = 4 << 30
"""Bytes of one array, unpacked; checked against its header before it is."""

_WANTED = (
    "'images' and 'labels' (with 'class_names' or 'classes', and 'is_test'), or 'x_train', "
    "'y_train', 'x_test', 'y_test' (with 'classes')"
)


class Table(NamedTuple):
    """What an `.npz` holds: pictures (N, rows, columns, channels), labels as names or numbers, the
    class names if the file gives them, and the part of each picture."""

    pictures: Pictures
    labels: npt.NDArray[Any]
    classes: list[str] | None
    parts: npt.NDArray[np.str_]


def read_npz(path: Path) -> Table:
    """Read an `.npz` of pictures; DataError, saying what is wrong, if it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {
                name.removesuffix(".npy"): _array(archive, archive.getinfo(name))
                for name in archive.namelist()
                if name.endswith(".npy") and name.removesuffix(".npy") in _KNOWN
            }
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise DataError(f"{path}: not a whole .npz file; was it cut short?") from None
    try:
        return _table(arrays)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


_CLASS_KEYS = ("class_names", "classes")
_PART_KEYS = {
    "train": ("x_train", "y_train"),
    "validation": ("x_validation", "y_validation"),
    "test": ("x_test", "y_test"),
}
_KNOWN = {"images", "labels", "is_test", *_CLASS_KEYS}.union(*_PART_KEYS.values())


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """One array, its header checked against its length before anything is allocated."""
    name = member.filename
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        size = prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise DataError(
                f"{name}: holds Python objects, which are never loaded; save plain arrays"
            )
        if size > min(LARGEST_ARRAY, member.file_size):
            raise DataError(f"{name}: its header asks for {size:,} bytes, more than there can be")
        content = file.read(size)
        if len(content) != size:
            raise DataError(f"{name}: cut short")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _table(arrays: dict[str, npt.NDArray[Any]]) -> Table:
    names = next((arrays[key] for key in _CLASS_KEYS if key in arrays), None)
    classes = None if names is None else [str(name) for name in names.ravel().tolist()]
    if "images" in arrays and "labels" in arrays:
        pictures, labels = _pair(arrays, "images", "labels")
        is_test = arrays.get("is_test", np.zeros(len(labels), bool))
        if is_test.shape != labels.shape:
            raise DataError(f"'is_test' has the shape {is_test.shape}, wanted {labels.shape}")
        parts = np.where(is_test.astype(bool), "test", "train")
        return Table(pictures, labels, classes, parts)
    if "x_train" in arrays and "y_train" in arrays:
        found = [(part, *_pair(arrays, x, y)) for part, (x, y) in _PART_KEYS.items() if x in arrays]
        if len({pictures.shape[1:] for _, pictures, _ in found}) > 1:
            raise DataError("its parts hold pictures of different sizes, wanted one size")
        parts = np.concatenate([np.full(len(labels), part) for part, _, labels in found])
        pictures = np.concatenate([pictures for _, pictures, _ in found])
        return Table(pictures, np.concatenate([labels for *_, labels in found]), classes, parts)
    held = ", ".join(f"'{name}'" for name in sorted(arrays)) or "none of them"
    raise DataError(f"got {held}, wanted {_WANTED}")


def _pair(arrays: dict[str, npt.NDArray[Any]], x: str, y: str) -> tuple[Pictures, npt.NDArray[Any]]:
    """The pictures and labels of one part."""
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
    pictures = _as_pictures(arrays[x], x)
    if len(pictures) != len(labels):
        raise DataError(f"{len(pictures):,} pictures in '{x}' but {len(labels):,} labels in '{y}'")
    return pictures, labels


def _as_pictures(array: npt.NDArray[Any], name: str) -> Pictures:
    """(N, H, W), (N, H, W, C) or (N, C, H, W) of bytes, or of 0..1 -> bytes (N, H, W, C)."""
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape[1:]:
        raise DataError(
            f"'{name}' has the shape {array.shape}, wanted (N, rows, columns), with 1 or 3 "
            "channels behind or after N"
        )
    if array.dtype == np.uint8 or not array.size:
        return np.asarray(array, np.uint8)
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind in "iu" and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    if array.dtype.kind in "fb" and low >= 0 and high <= 1:
        return np.rint(array.astype(np.float64) * 255).astype(np.uint8)
    if array.dtype.kind == "f" and low >= 0 and high <= 255:
        return np.asarray(np.rint(array), np.uint8)
    raise DataError(
        f"'{name}' holds {array.dtype} from {low:g} to {high:g}, wanted 0 to 255, or 0 to 1"
    )
