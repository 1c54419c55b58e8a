"""Picture files to arrays of bytes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ..errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
MOST_PIXELS = 64_000_000
"""Of one picture; checked against its header before any pixel is unpacked."""

_GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")


def read_picture(file: Path | bytes | IO[bytes], name: str | None = None) -> npt.NDArray[np.uint8]:
    """A picture file -> (rows, columns, 1 or 3), turned as its EXIF data says, transparency on
    white, the first frame of several; DataError, naming the file, if it cannot be read.

    ``name``: what bytes, or a file that is open already, are called.
    """
    path = name or (str(file) if isinstance(file, Path) else "picture")
    source = io.BytesIO(file) if isinstance(file, bytes) else file
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on files that it reads all the same
            with Image.open(source, formats=_FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise _too_large(path, f"{image.width}x{image.height}")
                return _bytes_of(ImageOps.exif_transpose(image))
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError:  # far too large; Pillow does not say how large
        raise _too_large(path, "too many") from None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder, wanted a picture file") from None
    except PermissionError:
        raise DataError(f"{path}: not allowed to read it") from None
    except Exception:  # what Pillow raises for broken files is of many kinds
        kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
        raise DataError(
            f"{path}: cannot be read as a picture; it may be empty, cut short or of another kind "
            f"(known are {kinds})"
        ) from None


def _too_large(path: str, got: str) -> DataError:
    return DataError(
        f"{path}: {got} pixels, wanted at most {MOST_PIXELS:,}; make the picture smaller first"
    )


def _bytes_of(image: Image.Image) -> npt.NDArray[np.uint8]:
    grey = image.mode in _GREY_MODES
    if image.mode.startswith("I") or image.mode == "F":
        return _shrunk_to_bytes(np.asarray(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if grey else "RGB")
    return np.asarray(image).reshape(image.height, image.width, -1)


def _shrunk_to_bytes(levels: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Grey levels of more than 8 bits -> bytes: divided by 257 if any is above 255; fractions of
    1 times 255."""
    wide = np.nan_to_num(levels.astype(np.float32))
    highest = float(wide.max())
    if highest > 255:
        wide /= 257  # 65535 becomes 255
    elif levels.dtype.kind == "f" and highest <= 1:
        wide *= 255
    return np.clip(wide, 0, 255).round().astype(np.uint8)[:, :, None]
