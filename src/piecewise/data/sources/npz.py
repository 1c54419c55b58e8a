"""NumPy `.npz` archives of image arrays and labels."""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core.array_types import Array, Strings, Uint8
from ...core.errors import DataError
from .class_labels import class_numbers
from .npz_arrays import array_names, read_arrays
from .npz_names import ArrayRoles, find_roles
from .pixel_scale import NamedImages, check_finite, check_scale, fit_pixel_scale

_MAX_NAME_LENGTH = 100
_SMALLEST_SIDE = 8  # of square images that are stored as rows of numbers


class ImageArrays(NamedTuple):
    """The content of an `.npz`: images (N, rows, columns, channels), labels (names or numbers), the
    class names if the file has them, the split of each image, further fields (N,), a description of
    what was read, and warnings."""

    images: Uint8
    labels: Array
    classes: list[str] | None
    splits: Strings
    fields: dict[str, Array]
    description: str = ""
    warnings: tuple[str, ...] = ()


def read_npz(path: Path) -> ImageArrays:
    """Read an `.npz` of images; DataError, naming the file, if it is not one."""
    try:
        roles = find_roles(array_names(path))
        content = _content(read_arrays(path, lambda name: name in roles.names), roles)
        shape_of_field = (len(content.labels),)
        fields = read_arrays(
            path,
            lambda name: name not in roles.names and len(name) <= _MAX_NAME_LENGTH,
            lambda shape, dtype: shape == shape_of_field and _is_plain(dtype),
        )
        return content._replace(fields=fields)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _is_plain(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "biuU" and 0 < dtype.itemsize <= 4 * _MAX_NAME_LENGTH


def _content(arrays: dict[str, Array], roles: ArrayRoles) -> ImageArrays:
    labels = [class_numbers(arrays[pair.labels], pair.labels) for pair in roles.pairs]
    images = [NamedImages(pair.images, _as_nhwc(arrays.pop(pair.images), pair.images))
              for pair in roles.pairs]  # fmt: skip
    for pair, some, numbers in zip(roles.pairs, images, labels, strict=True):
        if len(some.images) != len(numbers):
            raise DataError(
                f"{len(some.images):,} pictures in '{pair.images}' but {len(numbers):,} labels in "
                f"'{pair.labels}'"
            )
    if len({one.images.shape[1:] for one in images}) > 1:
        raise DataError("its splits hold pictures of different sizes, wanted one size")
    if len({one.dtype.kind == "U" for one in labels}) > 1:
        raise DataError("its splits hold labels as names and as numbers, wanted the same in all")
    counts = zip(roles.pairs, map(len, labels), strict=True)
    splits = np.concatenate([np.full(count, pair.split) for pair, count in counts])
    if roles.is_test is not None:
        splits = _marked_splits(arrays[roles.is_test], roles.is_test, splits)
    pixels, scale, warnings = _to_bytes(images, splits)
    used = ", ".join(f"'{pair.images}' and '{pair.labels}'" for pair in roles.pairs)
    return ImageArrays(
        pixels, np.concatenate(labels), _classes(arrays, roles.classes), splits, {},
        f"arrays {used}, {scale}", tuple(warnings),
    )  # fmt: skip


def _marked_splits(is_test: Array, name: str, splits: Strings) -> Strings:
    if is_test.shape != splits.shape or is_test.dtype.kind not in "biu":
        raise DataError(
            f"'{name}' is {is_test.dtype} of the shape {is_test.shape}, wanted True or False, "
            f"{splits.shape}"
        )
    return np.where(is_test.astype(bool), "test", splits)


def _classes(arrays: dict[str, Array], key: str | None) -> list[str] | None:
    """The class names, if the file has them."""
    if key is None:
        return None
    names = arrays[key]
    if names.ndim != 1 or names.dtype.kind not in "iuU":
        raise DataError(
            f"'{key}' is {names.dtype} of the shape {names.shape}, wanted names (classes,)"
        )
    return [str(name) for name in names.tolist()]


def _as_nhwc(array: Array, name: str) -> Array:
    """(N, H, W), (N, H, W, C), (N, C, H, W), or rows of square images (N, features), as
    (N, H, W, C); DataError if it is no array of finite numbers with such a shape."""
    original = array.shape
    if array.dtype.kind not in "biuf":
        raise DataError(f"'{name}' holds {array.dtype}, wanted numbers from 0 to 255, or 0 to 1")
    check_finite(array, name)
    if array.ndim == 2:
        array = _square(array)
    if array.ndim == 3:
        array = array[..., None]
    elif array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape[1:]:
        raise DataError(
            f"'{name}' has the shape {original}, wanted (N, rows, columns), with 1 or 3 "
            "channels behind or after N"
        )
    return array


def _square(rows: Array) -> Array:
    """Rows of numbers as square grey images (N, H, W), or colour images (N, 3, H, W), if they have
    as many numbers; else unchanged."""
    count, features = rows.shape
    for channels in (1, 3):
        side = isqrt(features // channels)
        if channels * side * side == features and side >= _SMALLEST_SIDE:
            return rows.reshape(
                (count, channels, side, side) if channels > 1 else (count, side, side)
            )
    return rows


def _to_bytes(images: list[NamedImages], splits: Strings) -> tuple[Uint8, str, list[str]]:
    """All images as bytes of one scale, its description, and warnings. The images of the test split
    have no effect on the scale."""
    ends = np.cumsum([len(one.images) for one in images])
    learned, others = list[NamedImages](), list[NamedImages]()
    for (name, array), split in zip(images, np.split(splits, ends[:-1]), strict=True):
        for chosen, target in ((split == "train", learned), (split != "train", others)):
            if chosen.any():
                target.append(NamedImages(name, array if chosen.all() else array[chosen]))
    if not learned:
        learned, others = others, []
    scale = fit_pixel_scale(learned)
    warnings = [check_scale(scale, learned, one) for one in others]
    pixels = np.concatenate([scale.to_bytes(one.images) for one in images])
    return pixels, scale.description, [one for one in warnings if one]
