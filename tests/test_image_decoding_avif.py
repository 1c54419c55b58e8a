"""AVIF, which web pages write: read by content, its coded sizes checked before decoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from piecewise.core.errors import DataError
from piecewise.data.dataset import read_data
from piecewise.data.images.avif import coded_sizes, first_frame
from piecewise.data.images.containers import detect_format
from piecewise.data.images.decoding import read_picture

from .test_image_decoding import encoded
from .test_image_decoding_formats import CORNERS, WAYS, corners
from .test_image_decoding_limits import measured

if not features.check("avif"):
    pytest.skip("this Pillow reads no AVIF", allow_module_level=True)


def smooth(rows: int = 48, columns: int = 64) -> Image.Image:
    down, across = np.mgrid[:rows, :columns]
    levels = np.stack([down * 4, across * 3, 255 - down - across], axis=2)
    return Image.fromarray(levels.astype(np.uint8))


def avif(image: Image.Image, **options: Any) -> bytes:
    return encoded(image, "AVIF", **options)


@pytest.mark.parametrize("name", ["a.avif", "b.AVIF", "really-an-avif.jpg", "c"])
def test_avif_is_decoded_nearly_unchanged(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(avif(smooth(), quality=95))
    found = read_picture(path)
    assert found.shape == (48, 64, 3)
    assert found.dtype == np.uint8
    assert abs(found.astype(int) - np.asarray(smooth())).max() <= 12


def test_avif_transparent_is_white_and_first_frame_is_read() -> None:
    clear = smooth().convert("RGBA")
    clear.putalpha(0)
    assert (read_picture(avif(clear)) == 255).all()
    frames = [Image.new("RGB", (50, 40), (level, 0, 0)) for level in (10, 200, 90)]
    content = avif(frames[0], save_all=True, append_images=frames[1:])
    assert content[8:12] == b"avis"
    assert detect_format(content) == detect_format(first_frame(content)) == "AVIF"
    assert b"moov" not in first_frame(content)
    assert read_picture(content)[5, 5].tolist() == [10, 0, 0]


@pytest.mark.parametrize("way", range(1, 9))
def test_avif_orientation_is_applied_once(way: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = way
    tall = np.concatenate([CORNERS[:8], CORNERS[:8], CORNERS[8:]])
    found = read_picture(avif(Image.fromarray(tall), exif=exif, quality=100))
    assert corners(found) == WAYS[way]


@pytest.mark.parametrize("size", [(1, 1), (17, 300), (64, 64), (1_000, 700)])
@pytest.mark.parametrize("options", [{}, {"speed": 8}, {"quality": 100, "subsampling": "4:4:4"}])
def test_coded_sizes_are_those_of_the_pictures(size: tuple[int, int], options: Any) -> None:
    assert coded_sizes(avif(smooth(size[1], size[0]), **options)) == [size]
    clear = smooth(size[1], size[0]).convert("RGBA")
    clear.putalpha(90)
    assert coded_sizes(avif(clear, **options)) == [size, size]


def sized(content: bytes, columns: int, rows: int) -> bytes:
    """The same, its header promising another size."""
    at = content.index(b"ispe") + 8
    return content[:at] + columns.to_bytes(4) + rows.to_bytes(4) + content[at + 8 :]


def test_avif_sizes_are_checked_before_decoding(tmp_path: Path) -> None:
    promised = sized(avif(smooth()), 16_000, 16_000)
    memory, message = measured(tmp_path / "promised.avif", promised)
    assert message == (
        "16000x16000 pixels, wanted at most 64,000,000; make the picture smaller first"
    )
    assert memory < 32 << 20
    lying = sized(avif(Image.new("RGB", (3_000, 3_000), (90, 1, 2)), speed=10), 64, 64)
    memory, message = measured(tmp_path / "lying.avif", lying)
    assert message == (
        "64x64 pixels in its header, but pictures of 9,000,000 pixels in it; save it again, as a "
        "PNG"
    )
    assert memory < 32 << 20


def test_avif_broken_file_is_refused() -> None:
    content = avif(smooth())
    words = r"^x: cannot be read as a picture: this AVIF file is truncated, damaged or in an"
    for end in (32, 60, 200, len(content) // 2, len(content) - 1):
        with pytest.raises(DataError, match=words):
            read_picture(content[:end], "x")
    at = content.index(b"mdat") + 4
    with pytest.raises(DataError, match=words):
        read_picture(content[:at] + bytes(len(content) - at), "x")


def test_avif_needs_a_pillow_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda _: False)
    with pytest.raises(DataError, match="an AVIF picture, which this Pillow cannot read; save it"):
        read_picture(avif(smooth()))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>", "it is a web page; save it as a PNG"),
        (b"\xef\xbb\xbf\n <html lang='en'>", "it is a web page; save it as a PNG"),
        (b"<?xml version='1.0'?><svg/>", "it is an XML or SVG file; save it as a PNG"),
        (b"%PDF-1.7", "it is a PDF; save it as a PNG"),
        (b"\0\0\1\0\1\0", "it is a Windows icon; save it as a PNG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "it is a JPEG XL picture; save it as a PNG"),
        (b"nothing\0", "its first bytes are of no kind that is known here; save it as a PNG"),
    ],
)
def test_other_kind_is_named(content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=f"cannot be read as a picture: {words}"):
        read_picture(content)


def test_folder_reads_every_suffix_of_pictures(tmp_path: Path) -> None:
    kinds = {
        "jfif": "JPEG", "jpe": "JPEG", "pjpeg": "JPEG", "JFIF": "JPEG", "avif": "AVIF",
        "pnm": "PPM", "pbm": "PPM",
    }  # fmt: skip
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for suffix, kind in kinds.items():
            content = encoded(smooth().convert("1") if suffix == "pbm" else smooth(), kind)
            (tmp_path / label / f"1.{suffix}").write_bytes(content)
    found = read_data(tmp_path)
    assert len(found) == 2 * len(kinds)
    assert not found.skipped
