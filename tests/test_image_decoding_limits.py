"""Small picture files that would take much memory or time: refused, or read in little."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from piecewise.core.errors import DataError
from piecewise.data.images.containers import MAX_CHUNKS, MAX_SCANS, count_scans
from piecewise.data.images.decoding import read_picture

from .steps import HANG, at_most
from .test_image_decoding import colours, encoded
from .test_image_decoding_formats import chunk, png, row

MEASURE = """
import re, sys
from pathlib import Path
from piecewise.data.images.decoding import read_picture
from piecewise.core.errors import DataError
def most():  # its own, while that of `resource` may be that of the process before it
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
before = most()
try:
    message = read_picture(Path(sys.argv[1])).shape
except DataError as error:
    message = error
print(most() - before, message)
"""


def measured(path: Path, content: bytes) -> tuple[int, str]:
    """The bytes of memory that it takes to read a file, and what comes of it."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell what memory a process has used")
    path.write_bytes(content)
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=True)
    memory, message = done.stdout.strip().split(" ", 1)
    return int(memory), message.removeprefix(f"{path}: ")


def one_colour(side: int) -> bytes:
    """A whole grey PNG of side times side pixels, packed a row at a time."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bitmap(width: int, height: int, body: bytes, length: int | None = None) -> bytes:
    """A BMP of colours; its own length as it is said to be."""
    total = 54 + len(body) if length is None else length
    header = struct.pack("<2sIIIIiiHHIIiiII", b"BM", total, 0, 54, 40, width, height, 1, 24, 0, 0,
                         0, 0, 0, 0)  # fmt: skip
    return header + body


def test_image_of_400_million_pixels_is_refused_in_little_memory(tmp_path: Path) -> None:
    content = one_colour(20_000)
    assert len(content) < 500_000
    memory, message = measured(tmp_path / "a.png", content)
    assert message == "too many pixels, wanted at most 64,000,000; make the picture smaller first"
    assert memory < 32 << 20


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "GIF", "WEBP", "TIFF", "JPEG"])
def test_header_of_too_many_pixels_is_refused_in_little_memory(tmp_path: Path, kind: str) -> None:
    side = 10_000
    plain = encoded(colours(), kind)
    at = {"JPEG": plain.find(b"\xff\xc0") + 5, "GIF": 6}.get(kind, 0)
    size = struct.pack(">HH" if kind == "JPEG" else "<HH", side, side)
    content = {
        "PNG": png((50_000, 50_000), b"\0", 8, 0),
        "BMP": bitmap(side, -side, bytes(99)),
        "PPM": b"P6 50000 50000 255\n" + bytes(99),
        "WEBP": b"RIFF\x1e\0\0\0WEBPVP8L\x0d\0\0\0\x2f" + b"\xff" * 4 + bytes(8),
        "TIFF": tiff([(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 8),
                      (262, 3, 1, 1), (273, 4, 1, 8), (278, 4, 1, side), (279, 4, 1, 9)]),
    }.get(kind, plain[:at] + size + plain[at + 4 :])  # fmt: skip
    memory, message = measured(tmp_path / "a", content)
    assert "pixels, wanted at most 64,000,000" in message
    assert memory < 48 << 20


def test_largest_image_needs_no_extra_memory(tmp_path: Path) -> None:
    memory, message = measured(tmp_path / "a.png", one_colour(8_000))
    assert message == "(8000, 8000, 1)"
    assert memory < 64_000_000 * 2 + (64 << 20)  # as read, and as it is given


def test_compressed_texts_and_profiles_are_skipped(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(100 << 20), 9)
    heads = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}
    chunks = [chunk(kind, head + bomb) for kind, head in heads.items()]
    chunks += [chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000), 9))] * 200
    memory, message = measured(tmp_path / "a.png", png((1, 1), row(8, 7), 8, 0, *chunks))
    assert message == "(1, 1, 1)"
    assert memory < 32 << 20


def test_jpeg_of_many_scans_is_refused_before_decoding() -> None:
    plain = encoded(Image.new("L", (4_000, 4_000), 90), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    assert count_scans(plain) == 6

    def more(count: int) -> bytes:
        return plain[:-2] + plain[last:-2] * count + plain[-2:]

    small = encoded(colours(), "JPEG", progressive=True)
    assert count_scans(more(MAX_SCANS - 6)) == MAX_SCANS
    extra = small[small.rindex(b"\xff\xda") : -2] * 20
    assert read_picture(small[:-2] + extra + small[-2:]).shape == (8, 8, 3)
    words = f"^x: more than {MAX_SCANS} scans; save it again"
    with pytest.raises(DataError, match=words), at_most(120_000):
        read_picture(more(20_000), "x")


def chunks_of(kind: bytes) -> Callable[[int], bytes]:
    """A PNG with so many empty chunks before its pixels that it has ``count`` in all."""
    return lambda count: png((1, 1), row(8, 7), 8, 0, chunk(kind, b"") * (count - 3))


def segments_of(segment: bytes) -> Callable[[int], bytes]:
    """A JPEG with so many short segments that it has ``count`` before its scan."""
    plain = encoded(colours(), "JPEG")
    own = scan_of(plain)

    def made(count: int) -> bytes:
        return plain[:2] + segment * (count - own) + plain[2:]

    return made


def scan_of(plain: bytes) -> int:
    """Which of its segments is the first scan, counted from 1."""
    at, count = 2, 1
    while plain[at + 1] != 0xDA:
        at, count = at + 2 + int.from_bytes(plain[at + 2 : at + 4]), count + 1
    return count


@pytest.mark.parametrize(
    ("made", "size", "what"),
    [
        pytest.param(chunks_of(b"IDAT"), 12, "chunks", id="needed chunks"),
        pytest.param(chunks_of(b"tEXt"), 12, "chunks", id="other chunks"),
        pytest.param(segments_of(b"\xff\xdb\0\2"), 4, "segments", id="needed segments"),
        pytest.param(segments_of(b"\xff\xfe\0\2"), 4, "segments", id="notes"),
        pytest.param(segments_of(b"\xff\xff\xfe\0\2"), 5, "segments", id="notes, filled up"),
        pytest.param(segments_of(b"\xff\xfe\0\0"), 4, "segments", id="notes of no length"),
        pytest.param(segments_of(b"\xff\xfe\0\2-"), 5, "segments", id="stray bytes"),
    ],
)
def test_many_pieces_are_refused_in_little_memory_and_time(
    tmp_path: Path, made: Callable[[int], bytes], size: int, what: str
) -> None:
    memory, message = measured(tmp_path / "a", made(MAX_CHUNKS))
    assert message.endswith((", 1)", ", 3)"))
    assert memory < 96 << 20
    huge = made((64 << 20) // size)
    memory, message = measured(tmp_path / "a", huge)
    assert message == f"more than 100,000 {what}; open it in another program and save it again"
    assert memory < len(huge) + (64 << 20)
    words = f"^x: more than 100,000 {what}"
    with pytest.raises(DataError, match=words):
        read_picture(made(MAX_CHUNKS + 1), "x")
    with pytest.raises(DataError, match=words), at_most(2_000_000):
        read_picture(huge, "x")


def test_fill_bytes_are_scanned_once() -> None:
    words = r"^x: cannot be read as a picture"
    for filling in (b"\xff", b"\xff\0", b"\xff\xd0", b"\0"):
        content = b"\xff\xd8\xff\xfe\0\2" + filling * (16 << 20)
        with pytest.raises(DataError, match=words), at_most(1_000):
            read_picture(content, "x")


def tiff(entries: list[tuple[int, int, int, int]], body: bytes = b"") -> bytes:
    """A TIFF of one page: tags with their kinds, counts and values; ``body`` follows them."""
    tags = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4) + body


def page(*more: tuple[int, int, int, int], body: bytes = bytes(16), packed: int = 1) -> bytes:
    """Four by four grey pixels, with tags more."""
    start = 14 + 12 * (9 + len(more))
    tags = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, packed), (262, 3, 1, 1),
            (273, 4, 1, start), (277, 3, 1, 1), (278, 4, 1, 4), (279, 4, 1, len(body))]  # fmt: skip
    return tiff([*tags, *more], body)


def test_small_tiff_of_large_tiles_is_refused(tmp_path: Path) -> None:
    body, side = zlib.compress(bytes(12_000 * 12_000), 9), 12_000
    start = 14 + 12 * 10
    tags = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
            (277, 3, 1, 1), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, start),
            (325, 4, 1, len(body))]  # fmt: skip
    memory, message = measured(tmp_path / "a.tif", tiff(tags, body))
    assert message == "16x16 pixels in tiles of 12000x12000; save it again, without tiles"
    assert memory < 32 << 20
    fine = zlib.compress(bytes([77]) * 256, 9)
    tags[6:8] = [(322, 4, 1, 16), (323, 4, 1, 16)]
    tags[9] = (325, 4, 1, len(fine))
    assert (read_picture(tiff(tags, fine)) == 77).all()


def test_tiff_tags_that_share_bytes_are_not_copied(tmp_path: Path) -> None:
    levels, start = bytes(range(16)), 14 + 12 * (9 + 2_000)
    more = [(40_000 + number, 7, 1 << 20, start) for number in range(2_000)]
    content = page(*more, body=levels) + bytes(1 << 20)
    memory, message = measured(tmp_path / "a.tif", content)
    assert message == "(4, 4, 1)"
    assert read_picture(content).ravel().tolist() == list(levels)
    assert memory < 48 << 20


@pytest.mark.parametrize("count", [0, 99, 1 << 28, (1 << 32) - 1])
def test_tiff_tags_of_wrong_length_are_skipped(count: int) -> None:
    content = page((40_000, 3, count, 1 << 30), body=bytes(range(16)))
    assert read_picture(content).ravel().tolist() == list(range(16))


def test_many_pages_cost_nothing() -> None:
    first = page(body=bytes(range(16)))
    pages = first + page()[8:] * 50_000  # each says that there is none after it
    with at_most(10_000):
        assert read_picture(pages).ravel().tolist() == list(range(16))
    place = 8 + 2 + 12 * 9
    ring = first[:place] + struct.pack("<I", 8) + first[place + 4 :]
    with at_most(10_000):
        assert read_picture(ring).ravel().tolist() == list(range(16))


def test_frame_larger_than_its_screen_is_read() -> None:
    content = encoded(colours().quantize(200), "GIF")
    wanted = read_picture(content)
    small = content[:6] + struct.pack("<HH", 3, 2) + content[10:]
    assert (read_picture(small) == wanted).all()


def test_bmp_is_read_in_both_row_orders_whatever_its_length() -> None:
    rows = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    wanted = rows[..., ::-1]  # they are stored as blue, green, red
    for length in (None, 0, 7, 1 << 31):
        assert (read_picture(bitmap(4, -2, rows.tobytes(), length)) == wanted).all()
        assert (read_picture(bitmap(4, 2, rows.tobytes(), length)) == wanted[::-1]).all()


@pytest.mark.parametrize(
    ("width", "height"), [(0, 2), (-4, 2), (4, 0), (4, 3), (5, 2), (4, -3), (4, -(1 << 31))]
)
def test_bmp_of_wrong_size_is_refused(width: int, height: int) -> None:
    with pytest.raises(DataError, match=r"^x: (cannot be read as a picture: this BMP|.* pixels, )"):
        read_picture(bitmap(width, height, bytes(24)), "x")


def test_small_frame_on_large_canvas_is_refused(tmp_path: Path) -> None:
    plain = encoded(colours(), "WEBP", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    assert plain[12:16] == b"VP8X"
    for columns, rows in ((8, 8), (20, 30)):
        canvas = (columns - 1).to_bytes(3, "little") + (rows - 1).to_bytes(3, "little")
        found = read_picture(plain[:24] + canvas + plain[30:])
        assert found.shape == (rows, columns, 3)
        assert (found[:8, :8] == read_picture(plain)).all()
    canvas = (6_000_000).to_bytes(3, "little") + (8).to_bytes(3, "little")
    memory, message = measured(tmp_path / "a.webp", plain[:24] + canvas + plain[30:])
    assert message == (
        "a first frame of 8x8 in 6000001x9 pixels; save its first frame alone, as a PNG"
    )
    assert memory < 32 << 20
