"""Image files: each format is decoded, and a broken file raises an error and never crashes."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.core.errors import DataError
from piecewise.data.images import decoding as pictures
from piecewise.data.images.decoding import MAX_PIXELS, read_picture

SUFFIXES = {"PNG": "png", "GIF": "gif", "BMP": "bmp", "JPEG": "jpg", "WEBP": "webp", "TIFF": "tif"}


def colours(rows: int = 8, columns: int = 8) -> Image.Image:
    """A picture whose every value differs from its neighbours."""
    levels = np.random.default_rng(7).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read_back(folder: Path, image: Image.Image, kind: str, **options: Any) -> Any:
    path = folder / f"a.{SUFFIXES[kind]}"
    path.write_bytes(encoded(image, kind, **options))
    return read_picture(path)


def refusal(path: Path) -> str:
    """The sentence with which a file is refused, after its name."""
    with pytest.raises(DataError) as caught:
        read_picture(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    return sentence.removeprefix(f"{path}: ")


def png(rows: int, columns: int, body: bytes = b"") -> bytes:
    """A grey PNG with a header of these sizes, whatever its body is."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(body)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "TIFF"])
def test_lossless_colour_file_is_exact(tmp_path: Path, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    found = read_back(tmp_path, colours(5, 9), kind, **options)
    assert found.shape == (5, 9, 3)
    assert found.dtype == np.uint8
    assert (found == np.asarray(colours(5, 9))).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_lossless_grey_file_is_exact(tmp_path: Path, kind: str) -> None:
    grey = colours(6, 4).convert("L")
    found = read_back(tmp_path, grey, kind)
    assert found.shape[:2] == (6, 4)
    assert (found == np.asarray(grey)[:, :, None]).all()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_file_is_nearly_exact(tmp_path: Path, kind: str) -> None:
    smooth = np.tile(np.arange(0, 256, 8).astype(np.uint8)[None, :, None], (32, 1, 3))
    found = read_back(tmp_path, Image.fromarray(smooth), kind, quality=95)
    assert found.shape == (32, 32, 3)
    assert abs(found.astype(int) - smooth).max() <= 8


def test_black_and_white_become_0_and_255(tmp_path: Path) -> None:
    marks = np.array([[True, False, True], [False, False, True]])
    found = read_back(tmp_path, Image.fromarray(marks), "PNG")
    assert found.tolist() == [[[255], [0], [255]], [[0], [0], [255]]]


def test_transparency_is_blended_with_white(tmp_path: Path) -> None:
    colour = Image.new("RGBA", (3, 1), (200, 0, 0, 255))
    colour.putpixel((1, 0), (0, 0, 0, 0))
    colour.putpixel((2, 0), (0, 0, 0, 51))
    wanted = [[[200, 0, 0], [255, 255, 255], [204, 204, 204]]]
    assert read_back(tmp_path, colour, "PNG").tolist() == wanted
    grey = Image.new("LA", (3, 1), (10, 255))
    grey.putpixel((1, 0), (0, 0))
    grey.putpixel((2, 0), (0, 51))
    assert read_back(tmp_path, grey, "PNG").tolist() == [[[10], [255], [204]]]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_colour_is_white(tmp_path: Path, kind: str) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([9, 8, 7, 60, 70, 80])
    image.putpixel((1, 0), 1)
    found = read_back(tmp_path, image, kind, transparency=0)
    assert found.tolist() == [[[255, 255, 255], [60, 70, 80]]]


def test_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    paper = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
    assert read_back(tmp_path, paper, "JPEG").min() >= 250
    cyan = read_back(tmp_path, Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG")
    assert cyan.shape == (8, 8, 3)
    assert cyan[..., 0].max() <= 5
    assert cyan[..., 1:].min() >= 250


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_is_read(tmp_path: Path, kind: str) -> None:
    first, later = Image.new("RGB", (4, 3), (250, 0, 0)), Image.new("RGB", (4, 3), (0, 0, 250))
    found = read_back(tmp_path, first, kind, save_all=True, append_images=[later, later])
    assert found.shape == (3, 4, 3)
    assert found[..., 0].min() >= 240
    assert found[..., 2].max() <= 10


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 20_000), (20_000, 1)])
def test_smallest_and_longest_images_are_read(tmp_path: Path, rows: int, columns: int) -> None:
    image = colours(rows, columns)
    assert (read_back(tmp_path, image, "PNG") == np.asarray(image)).all()


def test_format_is_detected_by_bytes_not_name(tmp_path: Path) -> None:
    path = tmp_path / "really-a-bitmap.png"
    path.write_bytes(encoded(colours(), "BMP"))
    assert (read_picture(path) == np.asarray(colours())).all()


@pytest.mark.parametrize(
    "name", ["with spaces.png", "-dash.png", "ünï-🦊.png", "a%20'\".png", "é" * 125 + "x.png"]
)
def test_any_file_name_is_read_and_reported(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert refusal(path) == "no such file"
    path.write_bytes(encoded(colours(), "PNG"))
    assert (read_picture(path) == np.asarray(colours())).all()


EMPTY = "it is empty; save or copy it again"
OTHER = "its first bytes are of no kind that is known here; save it as a PNG or a JPEG"
SVG = "it is an SVG drawing; save it as a PNG or a JPEG"
BROKEN = (
    "this {} file is truncated, damaged or in an unsupported variant; copy it again, or save it "
    "as a PNG"
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", EMPTY),
        (b"\0" * 100, OTHER),
        (b"this is a text\n", "it is a text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", SVG),
        (encoded(colours(), "PNG")[:7], OTHER),
        (encoded(colours(), "PNG")[:60], BROKEN.format("PNG")),
        (encoded(colours(), "JPEG")[:-20], BROKEN.format("JPEG")),
        (encoded(colours(), "WEBP")[:-20], BROKEN.format("WEBP")),
        (encoded(colours(), "PNG").replace(b"IHDR", b"IHDX"), BROKEN.format("PNG")),
        (png(0, 5), BROKEN.format("PNG")),
    ],
)
def test_invalid_image_is_refused_with_its_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    sentence = refusal(path)
    assert sentence == f"cannot be read as a picture: {words}"


def test_folder_and_impossible_path_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "a folder, wanted a picture file"
    assert refusal(tmp_path / ("a" * 300 + ".png")) == "cannot be read: File name too long"
    assert refusal(Path(f"{tmp_path}/a\0b.png")) == "no file can have this name"


def test_too_large_file_is_refused_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(pictures.MAX_FILE_BYTES + 1)  # no byte of it is on the disk
    words = "536,870,913 bytes, wanted at most 536,870,912; make the picture smaller first"
    monkeypatch.setattr(pictures, "detect_format", None)
    assert refusal(path) == words
    monkeypatch.setattr(pictures, "MAX_FILE_BYTES", 9)
    with pytest.raises(DataError, match=r"^x: 10 bytes, wanted at most 9; make"):
        read_picture(io.BytesIO(bytes(99)), "x")


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (60_000, 60_000, "too many pixels"),
        (10_000, 9_000, "9000x10000 pixels"),
        (1, MAX_PIXELS + 1, f"{MAX_PIXELS + 1}x1 pixels"),
    ],
)
def test_too_many_pixels_are_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, columns: int, message: str
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(rows, columns, bytes(1_000)))
    unpacked: list[object] = []
    monkeypatch.setattr(pictures, "_decoded", unpacked.append)
    assert refusal(path) == (
        f"{message}, wanted at most 64,000,000; make the picture smaller first"
    )
    assert not unpacked
