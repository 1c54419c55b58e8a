"""Image decoding: PNG, JPEG, GIF, BMP, WebP, AVIF, TIFF, PPM and HEIC files to pixel arrays."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, features

from ...core.array_types import Array, Uint8
from ...core.errors import DataError
from ..file_bytes import display_name, read_content
from ..file_kinds import wrong_kind
from .avif import coded_sizes, first_frame
from .containers import (
    MAX_SCANS,
    detect_format,
    has_too_many_scans,
    heif_size,
    orientation,
    strip_jpeg,
    strip_png,
    webp_sizes,
)
from .levels import to_pixels

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".avif", ".tif", ".tiff", ".ppm", ".pgm",
    ".pbm", ".pnm", ".heic", ".heif", ".jfif", ".jpe", ".pjpeg", ".pjp",
)  # fmt: skip
MAX_PIXELS = 64_000_000
"""Of one image; its header is checked before any pixel is decoded."""
MAX_FILE_BYTES = 512 << 20
"""Bytes of one image file; checked before it is read."""

_BAND = 1 << 21  # pixels converted at a time, to limit temporary memory
_MAX_EXTRA = 1 << 22  # pixels that may be decoded though they lie outside the image
_GREY_MODES = ("1", "L", "LA")


def read_picture(file: Path | bytes | IO[bytes], name: str | None = None) -> Uint8:
    """Decode an image file to uint8 pixels (rows, columns, 1 or 3), by itself: levels of more than
    8 bits, and what is behind transparent areas, follow from this image alone. See
    `decode_picture`, which leaves both to the preprocessor of a set."""
    return to_pixels(decode_picture(file, name))


def decode_picture(file: Path | bytes | IO[bytes], name: str | None = None) -> Array:
    """Decode an image file to an array of its depth and transparency (see `levels`).

    The EXIF orientation is applied, and of an animation the first frame is read. ``name`` stands
    for the file in error messages. Raises DataError, naming the file, if it cannot be read.
    """
    path = display_name(file, name, "picture")
    try:
        content = read_content(
            file, "picture file", MAX_FILE_BYTES, "make the picture smaller first"
        )
        kind = detect_format(content)
        if kind is None:
            raise _unknown(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about files that it can read
            return _picture(content, kind)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _unknown(content: bytes) -> DataError:
    words = "it is empty; save or copy it again"
    if content:
        if found := wrong_kind(content, "pictures"):
            return DataError(found)
        words = "its first bytes are of no kind that is known here; save it as a PNG or a JPEG"
    return DataError(f"cannot be read as a picture: {words}")


def _picture(content: bytes, kind: str) -> Array:
    """The decoded image of a file of a known format; DataError if it cannot be decoded."""
    try:
        if kind == "HEIF":
            return _decoded(_heif(content))
        return _by_pillow(content, kind)
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError:  # far too large; Pillow does not say how large
        raise _too_large("too many") from None
    except Exception:  # broken files make decoders raise many kinds
        raise DataError(
            f"cannot be read as a picture: this {kind} file is truncated, damaged or in an "
            "unsupported variant; copy it again, or save it as a PNG"
        ) from None


def _by_pillow(content: bytes, kind: str) -> Array:
    exif, transparent = b"", None
    if kind == "PNG":
        content, exif, transparent = strip_png(content)
    elif kind == "JPEG":
        if has_too_many_scans(content):
            raise DataError(f"more than {MAX_SCANS} scans; save it again, as a plain JPEG or a PNG")
        content, exif = strip_jpeg(content)
    elif kind == "WEBP":
        _check_frame(content)
    elif kind == "AVIF":
        content = _checked_avif(content)
    with Image.open(io.BytesIO(content), formats=(kind,)) as image:
        _check_size(image.size)
        if kind == "TIFF":
            _check_tiles(image)
        image.load()
        if transparent is not None:  # Pillow's own value has another bit depth than the pixels
            image.info["transparency"] = transparent
        if kind in {"WEBP", "AVIF"}:
            exif = image.info.get("exif", b"")
        return _apply_orientation(_decoded(image), orientation(exif))


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise _too_large(f"{size[0]}x{size[1]}")


def _too_large(got: str) -> DataError:
    return DataError(f"{got} pixels, wanted at most {MAX_PIXELS:,}; make the picture smaller first")


def _check_tiles(image: Any) -> None:
    """Refuse a small TIFF with large tiles: a tile is decoded completely."""
    columns, rows = (image.tag_v2.get(tag, 0) for tag in (322, 323))
    if columns * rows > max(_MAX_EXTRA, 4 * image.width * image.height):
        raise DataError(
            f"{image.width}x{image.height} pixels in tiles of {columns}x{rows}; save it again, "
            "without tiles"
        )


def _check_frame(content: bytes) -> None:
    """Refuse a small first frame on a large canvas, which would be allocated for it."""
    sizes = webp_sizes(content)
    if sizes is None:
        return
    _check_size(sizes[0])
    (columns, rows), first = sizes
    if columns * rows > max(_MAX_EXTRA, 4 * first[0] * first[1]):
        raise DataError(
            f"a first frame of {first[0]}x{first[1]} in {columns}x{rows} pixels; save its first "
            "frame alone, as a PNG"
        )


def _checked_avif(content: bytes) -> bytes:
    """An AVIF without animation; DataError if a picture in it is too large, or much larger than the
    size in its header, because it is decoded completely."""
    if not features.check("avif"):
        raise DataError("an AVIF picture, which this Pillow cannot read; save it as a PNG")
    size = heif_size(content)
    _check_size(size)
    coded = [columns * rows for columns, rows in coded_sizes(content)]
    if sum(coded) > max(_MAX_EXTRA, 4 * size[0] * size[1]):
        raise DataError(
            f"{size[0]}x{size[1]} pixels in its header, but pictures of {sum(coded):,} pixels in "
            "it; save it again, as a PNG"
        )
    return first_frame(content)


def _heif(content: bytes) -> Image.Image:
    """The primary image of a HEIC or HEIF file, its orientation applied."""
    try:
        # An optional dependency, slow to import. It is not registered with Pillow, so that Pillow
        # reads the same files in the same way whether it is installed or not.
        import pillow_heif  # noqa: PLC0415
    except ImportError:
        raise DataError(
            "a HEIC picture, wanted pillow-heif to read it; pip install 'piecewise-convnet[heic]'"
        ) from None
    _check_size(heif_size(content))
    opened = pillow_heif.open_heif(content, convert_hdr_to_8bit=True)
    _check_size(opened.size)
    image: Image.Image = opened.to_pillow()
    return image


def _apply_orientation(pixels: Array, orientation: int) -> Array:
    """Apply one of the eight EXIF orientations."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _decoded(image: Image.Image) -> Array:
    """A loaded image as `levels` describes it."""
    if image.mode.startswith("I") or image.mode == "F":
        numbers = np.asarray(image)[..., None]
        transparent = image.info.get("transparency")
        if transparent is None:
            return numbers
        return np.concatenate([numbers, (numbers != transparent).astype(numbers.dtype)], axis=2)
    rows = max(1, _BAND // image.width)
    starts = range(0, image.height, rows)
    boxes = [(0, top, image.width, min(top + rows, image.height)) for top in starts]
    pixels = np.empty((image.height, image.width, _channels(image)), np.uint8)
    for box in boxes:
        pixels[box[1] : box[3]] = _band(image if len(boxes) == 1 else image.crop(box))
    is_opaque = pixels.shape[2] in {2, 4} and pixels[..., -1].min() == 255
    return np.ascontiguousarray(pixels[..., :-1]) if is_opaque else pixels


def _channels(image: Image.Image) -> int:
    return (1 if image.mode in _GREY_MODES else 3) + image.has_transparency_data


def _band(image: Image.Image) -> Uint8:
    channels = _channels(image)
    mode = {1: "L", 2: "RGBA", 3: "RGB", 4: "RGBA"}[channels]
    if image.mode != mode:
        image = image.convert(mode)
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    return pixels[..., [0, 3]] if channels == 2 else pixels
