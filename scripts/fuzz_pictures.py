"""The reader of pictures for `fuzz_table.py`, and small pictures of every form."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from piecewise.data.images.decoding import read_picture

MANY = 200
TIFF_WAYS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")


def check_picture(content: bytes) -> None:
    """Half of the PNGs get right checksums, or nothing behind these would ever be reached."""
    if content.startswith(b"\x89PNG") and zlib.crc32(content) & 1:
        content = checksums_mended(content)
    found = read_picture(content)
    assert found.dtype == np.uint8, found.dtype
    assert found.ndim == 3, found.shape
    assert found.shape[2] in {1, 3}, found.shape
    assert found.size, found.shape


def checksums_mended(content: bytes) -> bytes:
    """A PNG with the checksums that its chunks should have."""
    made, at = bytearray(content), 8
    while at + 12 <= len(made):
        (length,) = struct.unpack_from(">I", made, at)
        end = at + 8 + length
        if end + 4 > len(made):
            break
        made[end : end + 4] = zlib.crc32(made[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(made)


def encoded(image: Image.Image, kind: str, later: Image.Image | None = None, **how: Any) -> bytes:
    """A picture in a file, with ``later`` as its second frame. Copies, as saving leaves its options
    in a picture."""
    buffer = io.BytesIO()
    if later:
        how |= {"save_all": True, "append_images": [later.copy()]}
    image.copy().save(buffer, kind, **how)
    return buffer.getvalue()


def picture_seeds() -> list[bytes]:
    """Small pictures of every kind, and of most of their forms."""
    levels = np.random.default_rng(0).integers(0, 256, (9, 12, 4), dtype=np.uint8)
    clear = Image.fromarray(levels)
    colour, grey = clear.convert("RGB"), Image.fromarray(levels[..., 0])
    later = Image.fromarray(levels[::-1, :, :3].copy())
    wide = Image.fromarray(levels[..., :2].copy().view(np.uint16)[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 6
    made = [
        *(encoded(image, "PNG") for image in (colour, grey, clear, wide, grey.convert("1"))),
        encoded(colour.quantize(7), "PNG", transparency=1),
        encoded(colour, "PNG", later, exif=exif),
        *(encoded(image, "JPEG", exif=exif) for image in (colour, grey, colour.convert("CMYK"))),
        encoded(colour, "JPEG", progressive=True, quality=60),
        encoded(colour, "MPO", later),
        in_tiny_chunks(encoded(grey, "PNG")),
        with_tiny_segments(encoded(grey, "JPEG")),
        encoded(grey, "GIF"),
        encoded(colour, "GIF", later),
        *(encoded(colour.convert(mode), "BMP") for mode in ("RGB", "RGBA", "L", "P", "1")),
        encoded(clear, "WEBP", lossless=True, exif=exif),
        encoded(colour, "WEBP", quality=50),
        encoded(colour, "WEBP", later),
        *(encoded(colour, "TIFF", compression=way) for way in TIFF_WAYS),
        *(encoded(image, "TIFF") for image in (clear, grey, wide, wide.convert("F"))),
        encoded(colour, "TIFF", later),
        *(encoded(image, "PPM") for image in (colour, grey, grey.convert("1"), wide)),
        b"P2\n3 2 # levels\n7\n0 1 2\n3 4 7\n",
        b"P5 4 2 100\n" + bytes(range(8)),
    ]
    return made + avif_seeds(clear, later) + heic_seeds(colour)


def in_tiny_chunks(content: bytes) -> bytes:
    """A PNG whose pixels stand in a chunk for each byte, behind many empty ones of an unknown kind;
    of its other chunks only what is needed."""
    made, pixels, at = [content[:8]], b"", 8
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        body, at = content[at + 8 : at + 8 + length], at + 12 + length
        pixels += body if kind == b"IDAT" else b""
        made += [chunk(kind, body)] if kind == b"IHDR" else []
    made += [chunk(b"teSt", b"")] * MANY
    made += [chunk(b"IDAT", pixels[n : n + 1]) for n in range(len(pixels))]
    return b"".join([*made, chunk(b"IEND", b"")])


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def with_tiny_segments(content: bytes) -> bytes:
    """A JPEG with many comments of no letters, and notes of programs, at its beginning."""
    return content[:2] + b"\xff\xfe\0\2\xff\xe7\0\2" * MANY + content[2:]


def avif_seeds(clear: Image.Image, later: Image.Image) -> list[bytes]:
    """Colour, grey, transparent, turned, in full colour, and an animation."""
    colour, exif = clear.convert("RGB"), Image.Exif()
    exif[0x0112] = 6
    return [
        encoded(colour, "AVIF", exif=exif),
        encoded(clear.convert("L"), "AVIF", quality=100),
        encoded(clear, "AVIF", subsampling="4:4:4"),
        encoded(colour, "AVIF", later),
    ]


def heic_seeds(colour: Image.Image) -> list[bytes]:
    try:
        import pillow_heif  # noqa: PLC0415 - an extra
    except ImportError:
        return []
    made = []
    for image in (colour, colour.convert("L"), colour.convert("RGBA")):
        buffer = io.BytesIO()
        pillow_heif.from_pillow(image).save(buffer)
        made.append(buffer.getvalue())
    return made
