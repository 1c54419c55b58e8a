"""The rarer forms of picture files: what is read of each, to the level."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from piecewise.core.errors import DataError
from piecewise.data.images.containers import count_scans, orientation, strip_jpeg, strip_png
from piecewise.data.images.decoding import read_picture

from .test_image_decoding import colours, encoded, read_back


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(size: tuple[int, int], rows: bytes, depth: int, colour: int, *more: bytes) -> bytes:
    """A PNG of (columns, rows), of these bytes, with chunks more before its pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    body = (chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + chunk(b"IEND", b"")


def row(depth: int, *levels: int) -> bytes:
    """A row of a PNG, not filtered."""
    if depth == 16:
        return b"\0" + struct.pack(f">{len(levels)}H", *levels)
    bits = "".join(f"{level:0{depth}b}" for level in levels)
    return b"\0" + int(bits.ljust(-8 * (-len(bits) // 8), "0"), 2).to_bytes(-(-len(bits) // 8))


# Levels of more than 8 bits.


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ([0, 257, 128 * 257, 65535], [0, 1, 128, 255]),  # sixteen bits
        ([0, 100, 255], [0, 100, 255]),  # eight bits, as some write them
        ([0, 1, 16, 2048, 4095], [0, 0, 1, 128, 255]),  # twelve bits of a camera
        ([0, 260], [0, 255]),  # noise beyond the white of eight bits
        ([0, 512, 1023], [0, 128, 255]),
        ([0, 2048, 4096], [0, 128, 255]),
        ([0, 5000], [0, 78]),  # fourteen bits
        ([0, 0], [0, 0]),
    ],
)
def test_sixteen_bits_keep_contrast(
    tmp_path: Path, kind: str, levels: list[int], wanted: list[int]
) -> None:
    image = Image.fromarray(np.array([levels], np.uint16))
    assert read_back(tmp_path, image, kind).ravel().tolist() == wanted


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ([0.0, 0.2, 1.0], [0, 51, 255]),
        ([0.0, 0.5, 1.01], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-5.0, float("nan"), 65535.0], [0, 0, 255]),
        ([float("-inf"), float("inf"), 1.0, 0.2], [0, 255, 255, 51]),
        ([0.0, 2.0**20 - 1, 2.0**19], [0, 255, 128]),
        ([0.0, 1.0, 1.02], [0, 255, 255]),
        ([0.0, 0.9, 1.8], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, 3e38], [0, 255]),
        ([float("nan"), float("nan")], [0, 0]),
        ([-3.0, -2.0], [0, 64]),
    ],
)
def test_tiff_fractions_become_bytes(
    tmp_path: Path, levels: list[float], wanted: list[int]
) -> None:
    image = Image.fromarray(np.array([levels], np.float32))
    assert read_back(tmp_path, image, "TIFF").ravel().tolist() == wanted


def test_thirty_two_bits_are_not_clipped(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1 << 26, (1 << 28) - 1, -7]], np.int32))
    assert read_back(tmp_path, image, "TIFF").ravel().tolist() == [0, 64, 255, 0]


def test_sixteen_bit_colour_becomes_eight_bit() -> None:
    content = png((2, 1), row(16, 65535, 257 * 7, 257 * 7 + 128, 0, 257, 65535), 16, 2)
    assert read_picture(content).tolist() == [[[255, 7, 7], [0, 1, 255]]]


def test_many_levels_are_converted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (70, 30), dtype=np.uint16)
    clear = colours(70, 30).convert("RGBA")
    clear.putalpha(Image.fromarray((levels >> 8).astype(np.uint8)))
    files = [encoded(Image.fromarray(levels), "PNG"), encoded(clear, "PNG"),
             encoded(clear.convert("LA"), "PNG"), encoded(clear.quantize(50), "PNG")]  # fmt: skip
    whole = [read_picture(file) for file in files]
    monkeypatch.setattr("piecewise.data.images.decoding._BAND", 200)
    for file, wanted in zip(files, whole, strict=True):
        assert (read_picture(file) == wanted).all()


# Transparency.


@pytest.mark.parametrize(
    ("depth", "levels", "clear", "wanted"),
    [
        (1, [0, 1], 0, [0, 255]),  # white on a black backdrop
        (1, [0, 1], 1, [0, 255]),
        (2, [0, 1, 2, 3], 1, [0, 255, 170, 255]),
        (4, [0, 5, 15], 5, [0, 255, 255]),
        (4, [0, 5, 14], 14, [0, 85, 255]),
        (8, [0, 77, 9], 77, [0, 255, 9]),
        (16, [65535, 257 * 7, 500], 500, [255, 7, 255]),
        (16, [65535, 257 * 7, 501], 500, [255, 7, 2]),
    ],
)
def test_transparent_level_of_grey_png_is_white(
    depth: int, levels: list[int], clear: int, wanted: list[int]
) -> None:
    content = png((len(levels), 1), row(depth, *levels), depth, 0,
                  chunk(b"tRNS", struct.pack(">H", clear)))  # fmt: skip
    assert read_picture(content).ravel().tolist() == wanted


@pytest.mark.parametrize(("depth", "times"), [(8, 1), (16, 256)])
def test_transparent_colour_of_png_is_white(depth: int, times: int) -> None:
    levels = [times * level + times // 3 for level in (1, 2, 3, 1, 2, 4)]
    clear = chunk(b"tRNS", struct.pack(">3H", *levels[:3]))
    found = read_picture(png((2, 1), row(depth, *levels), depth, 2, clear))
    assert found.tolist() == [[[255, 255, 255], [1, 2, 4]]]


def test_palette_alpha_is_blended_with_white() -> None:
    palette = chunk(b"PLTE", bytes([0, 0, 0, 200, 0, 0, 9, 8, 7]))
    content = png((3, 1), row(8, 0, 1, 2), 8, 3, palette, chunk(b"tRNS", bytes([51, 0])))
    assert read_picture(content).tolist() == [[[204, 204, 204], [255, 255, 255], [9, 8, 7]]]


def test_hidden_colour_of_transparent_pixels_is_ignored(tmp_path: Path) -> None:
    hidden = colours().convert("RGBA")
    hidden.putalpha(0)
    for kind, more in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        assert (read_back(tmp_path, hidden, kind, **more) == 255).all()
    assert (read_back(tmp_path, hidden.convert("LA"), "PNG") == 255).all()


# Inks.


def cmyk(ycck: bool = False, adobe: bool = True) -> bytes:
    """A JPEG of four channels, each of one level: by Adobe's custom they are stored inverted."""
    content = encoded(Image.new("CMYK", (16, 16), (55, 105, 155, 40)), "JPEG", quality=100)
    at = content.index(b"Adobe")
    if ycck:
        return content[: at + 11] + b"\2" + content[at + 12 :]
    return content if adobe else content[: at - 4] + content[at + 12 :]


def test_cmyk_is_read_with_and_without_adobe_marker() -> None:
    wanted = [round((255 - ink) * (255 - 40) / 255) for ink in (55, 105, 155)]
    for adobe in (True, False):
        found = read_picture(cmyk(adobe=adobe)).astype(int)
        assert found.shape == (16, 16, 3)
        assert abs(found - wanted).max() <= 2


def test_ycck_is_read() -> None:
    y, cb, cr, k = 200, 150, 100, 215  # what is stored: 255 less each ink
    light = (y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
             y + 1.772 * (cb - 128))  # fmt: skip
    # The decoder takes what it makes of the first three for 255 less what stands for C, M, Y.
    wanted = [(255 - level) * k / 255 for level in light]
    found = read_picture(cmyk(ycck=True)).astype(int)
    assert abs(found - wanted).max() <= 3


# Which way up.

CORNERS = np.kron([[0, 85], [170, 255]], np.ones((8, 8))).astype(np.uint8)  # a b / c d
WAYS = {1: "ab/cd", 2: "ba/dc", 3: "dc/ba", 4: "cd/ab", 5: "ac/bd", 6: "ca/db", 7: "db/ca",
        8: "bd/ac"}  # fmt: skip


def corners(pixels: np.ndarray) -> str:
    """Where the four corners of the picture have come to."""
    rows, columns = pixels.shape[:2]
    cells = pixels[[1, rows - 2]][:, [1, columns - 2], 0].astype(int)
    return "/".join("".join("abcd"[round(level / 85)] for level in line) for line in cells)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF tiff_lzw"])
@pytest.mark.parametrize("way", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, kind: str, way: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = way
    tall = np.concatenate([CORNERS[:8], CORNERS[:8], CORNERS[8:]])
    kind, _, compression = kind.partition(" ")
    more: dict[str, Any] = {"compression": compression} if compression else {}
    if kind in {"JPEG", "WEBP"}:
        more |= {"quality": 95, "lossless": kind == "WEBP"}
    found = read_back(tmp_path, Image.fromarray(tall), kind, exif=exif, **more)
    assert corners(found) == WAYS[way]
    assert found.shape[:2] == ((24, 16) if way < 5 else (16, 24))
    assert found.flags["C_CONTIGUOUS"]


def test_orientation_is_read_in_both_byte_orders_and_types() -> None:
    for order, first in (("<", b"II*\0"), (">", b"MM\0*")):
        for kind, form in ((3, "H"), (4, "I")):
            value = struct.pack(order + form, 6).ljust(4, b"\0")
            tags = struct.pack(f"{order}IHHHI", 8, 1, 274, kind, 1) + value
            assert orientation(first + tags) == orientation(b"Exif\0\0" + first + tags) == 6


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"nonsense",
        b"II*\0\xff\xff\xff\x7f",
        struct.pack("<4sIH", b"II*\0", 8, 65535),
        struct.pack("<4sIHHHIH2x", b"II*\0", 8, 1, 274, 3, 1, 9),
        struct.pack("<4sIHHHII", b"II*\0", 8, 1, 274, 4, 1, 1 << 31),
        struct.pack("<4sIHHHIH2x", b"II*\0", 8, 1, 274, 2, 1, 6),
    ],
)
def test_broken_exif_is_ignored(exif: bytes) -> None:
    assert orientation(exif) == 1
    content = png((2, 1), row(8, 7, 9), 8, 0, chunk(b"eXIf", exif))
    assert read_picture(content).tolist() == [[[7], [9]]]
    jpeg = encoded(colours(), "JPEG")
    block = b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    assert (read_picture(jpeg[:2] + block + jpeg[2:]) == read_picture(jpeg)).all()


# Colour profiles, texts and frames, which are passed over.


def test_broken_colour_profile_is_ignored() -> None:
    plain = encoded(colours(), "PNG")
    for profile in (b"a\0\0nonsense", b"a\0\1nonsense", b"", b"a" * 300):
        content = plain[:33] + chunk(b"iCCP", profile) + plain[33:]
        assert (read_picture(content) == np.asarray(colours())).all()
    jpeg = encoded(colours(), "JPEG")
    for profile in (b"", b"\1\1nonsense", b"\7\3nonsense", b"\0\0"):
        block = b"\xff\xe2" + struct.pack(">H", len(profile) + 14) + b"ICC_PROFILE\0" + profile
        assert (read_picture(jpeg[:2] + block + jpeg[2:]) == read_picture(jpeg)).all()


def test_checksums_of_needed_chunks_are_verified() -> None:
    content = png((2, 1), row(8, 7, 9), 8, 0, chunk(b"tRNS", b"\0\7"), chunk(b"tEXt", b"a\0b"))
    for kind, read in ((b"IHDR", False), (b"tRNS", False), (b"IDAT", False), (b"tEXt", True)):
        at = content.index(kind)
        end = at + 4 + int.from_bytes(content[at - 4 : at])
        wrong = content[:end] + b"\0\0\0\0" + content[end + 4 :]
        if read:
            assert read_picture(wrong).tolist() == [[[255], [9]]]
            continue
        with pytest.raises(DataError, match="this PNG file is truncated, damaged"):
            read_picture(wrong)


def test_strip_png_keeps_what_pixels_need() -> None:
    parts = [chunk(b"tEXt", b"a\0b"), chunk(b"eXIf", b"e"), chunk(b"acTL", bytes(8))]
    content = png((2, 1), row(8, 7, 9), 8, 0, *parts)
    found = strip_png(content)
    assert found.content == png((2, 1), row(8, 7, 9), 8, 0)
    assert found.exif == b"e"
    assert found.transparent is None
    unknown = content.replace(chunk(b"tEXt", b"a\0b"), chunk(b"ABCD", b""))
    with pytest.raises(ValueError, match="not known"):
        strip_png(unknown)


def test_strip_png_any_bytes_give_png_or_value_error() -> None:
    """Checksums are right, so that what is behind them is reached."""
    start, refused = b"\x89PNG\r\n\x1a\n", 0
    tried = [start, start + chunk(b"IEND", b""), start + chunk(b"tRNS", b"\0") * 2]
    whole = png((2, 1), row(8, 7, 9), 8, 2, chunk(b"tRNS", bytes(6)))
    tried += [whole[:end] for end in range(8, len(whole))]
    for depth, colour, count in itertools.product(range(256), (0, 2, 3), (1, 2, 5, 6)):
        header = struct.pack(">IIBBBBB", 2, 1, depth, colour, 0, 0, 0)
        tried.append(start + chunk(b"IHDR", header) + chunk(b"tRNS", bytes(count)))
    for content in tried:
        try:
            strip_png(content)
        except ValueError:
            refused += 1
    assert len(tried) // 2 < refused < len(tried)


def test_interlaced_png_is_read() -> None:
    """Adam7, of four by two: the passes hold one pixel, one, none, two, two, none and four."""
    header = struct.pack(">IIBBBBB", 4, 2, 8, 0, 0, 0, 1)
    passes = (row(8, 10), row(8, 12), row(8, 11, 13), row(8, 20, 21, 22, 23))
    body = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"".join(passes))))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(body) + chunk(b"IEND", b"")
    assert read_picture(content)[..., 0].tolist() == [[10, 11, 12, 13], [20, 21, 22, 23]]


def test_strip_jpeg_keeps_what_pixels_need() -> None:
    plain = encoded(colours(), "JPEG")

    def note(kind: int, content: bytes) -> bytes:
        return bytes([0xFF, kind]) + struct.pack(">H", len(content) + 2) + content

    notes = (
        note(0xE1, b"Exif\0\0II*\0"),
        note(0xFE, b"a"),
        note(0xE1, b"Exif\0\0x"),
        note(0xE2, b""),
    )
    content = plain[:2] + b"".join(notes) + plain[2:]
    assert strip_jpeg(content) == (plain, b"II*\0")
    assert strip_jpeg(plain) == (plain, b"")
    adobe = cmyk()
    assert strip_jpeg(adobe)[0] == adobe
    scan = content.index(b"\xff\xda")
    for end in range(2, len(content)):  # cut short in its scan, it is left to the decoder
        if end >= scan + 2:
            assert strip_jpeg(content[:end])[0] == plain[: end - len(content)]
            continue
        with pytest.raises(ValueError, match="no scan"):
            strip_jpeg(content[:end])


def by_pillow(content: bytes) -> npt.NDArray[Any]:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def test_strip_jpeg_bytes_that_decoders_skip_hide_nothing() -> None:
    """Filling, markers that stand alone, stray bytes, and lengths that cannot be."""
    plain = encoded(colours(), "JPEG")
    wanted, end = by_pillow(plain), 20  # of its first segment
    for strange in (b"\xff", b"\xff\xd3", b"\xff\x01", b"ab", b"\xff\0", b"\xff\xe5\0\1"):
        content = plain[:end] + strange + b"\xff\xfe\0\3a" + plain[end:]
        assert strip_jpeg(content) == (plain, b"")
        assert (read_picture(content) == wanted).all()
        if strange != b"\xff\x01":  # Pillow alone does not know it
            assert (by_pillow(content) == wanted).all()
    for ended in (b"\xff\xd8", b"\xff\xd9"):
        content = plain[:end] + ended + plain[end:]
        with pytest.raises(ValueError, match="no scan"):
            strip_jpeg(content)
        with pytest.raises(OSError, match=r"JPEG|jpeg|broken"):
            by_pillow(content)


def test_first_image_of_camera_file_is_read() -> None:
    later = Image.new("RGB", (8, 8))
    content = encoded(colours(), "MPO", save_all=True, append_images=[later])
    assert (read_picture(content) == read_picture(encoded(colours(), "JPEG"))).all()


def test_bytes_after_jpeg_end_are_ignored() -> None:
    plain = encoded(colours(), "JPEG")
    film = bytes(4) + b"\xff\xda\0\2" * 5_000  # as some telephones put a film there
    assert count_scans(plain + film) == 1
    assert (read_picture(plain + film) == read_picture(plain)).all()
