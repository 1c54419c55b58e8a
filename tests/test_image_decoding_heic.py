"""HEIC and HEIF, which telephones write: read with the extra installed, an error without it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.cli.main import status
from piecewise.core.errors import DataError
from piecewise.data.dataset import read_data
from piecewise.data.images.decoding import MAX_PIXELS, read_picture

from .test_image_decoding import colours, encoded
from .test_image_decoding_formats import CORNERS, WAYS, corners
from .test_image_decoding_limits import measured

heif = pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")


def heic(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    heif.from_pillow(image).save(buffer, **options)
    return buffer.getvalue()


def smooth() -> Image.Image:
    rows, columns = np.mgrid[:48, :64]
    levels = np.stack([rows * 4, columns * 3, 255 - rows - columns], axis=2)
    return Image.fromarray(levels.astype(np.uint8))


@pytest.mark.parametrize("name", ["a.heic", "b.heif", "c.HEIC", "really-a-heic.jpg", "d"])
def test_heic_photo_is_decoded_nearly_unchanged(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(heic(smooth(), quality=95))
    found = read_picture(path)
    assert found.shape == (48, 64, 3)
    assert found.dtype == np.uint8
    assert abs(found.astype(int) - np.asarray(smooth())).max() <= 8
    assert (found == read_picture(path)).all()


def test_heic_lossless_grey_and_transparent_are_exact() -> None:
    whole = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
    assert (read_picture(heic(colours(16, 24), **whole)) == np.asarray(colours(16, 24))).all()
    grey = colours(16, 24).convert("L")
    assert (read_picture(heic(grey, quality=-1))[..., 0] == np.asarray(grey)).all()
    clear = colours(16, 24).convert("RGBA")
    clear.putalpha(0)
    assert (read_picture(heic(clear, **whole)) == 255).all()


def test_heic_ten_bits_keep_contrast() -> None:
    levels = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    found = read_picture(heic(Image.fromarray(levels), quality=-1))
    assert found.shape == (64, 64, 1)
    assert abs(found[..., 0].astype(int) - levels / 257).max() <= 2


@pytest.mark.parametrize("way", range(1, 9))
def test_heic_orientation_is_applied_once(way: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = way
    tall = np.concatenate([CORNERS[:8], CORNERS[:8], CORNERS[8:]])
    image = Image.fromarray(tall)
    found = read_picture(heic(image, exif=exif.tobytes(), quality=-1))
    assert corners(found) == WAYS[way]


def test_heic_primary_image_is_read() -> None:
    held = heif.HeifFile()
    for level in (10, 200, 90):
        held.add_from_pillow(Image.new("L", (64, 64), level))
    buffer = io.BytesIO()
    held.save(buffer, primary_index=1, quality=-1)
    assert (read_picture(buffer.getvalue()) == 200).all()


def test_heic_broken_file_is_refused() -> None:
    content = heic(smooth())
    words = r"^x: cannot be read as a picture: this HEIF file is truncated, damaged or in an"
    for end in (12, 40, len(content) // 2, len(content) - 1):
        with pytest.raises(DataError, match=words):
            read_picture(content[:end], "x")


def sized(content: bytes, columns: int, rows: int) -> bytes:
    """The same, its header promising another size."""
    at = content.index(b"ispe") + 8
    return content[:at] + columns.to_bytes(4) + rows.to_bytes(4) + content[at + 8 :]


def test_heic_size_is_checked_before_decoding(tmp_path: Path) -> None:
    large = sized(heic(smooth()), 16_000, 16_000)
    words = "16000x16000 pixels, wanted at most 64,000,000; make the picture smaller first"
    memory, message = measured(tmp_path / "large.heic", large)
    assert message == words
    assert memory < 32 << 20
    assert MAX_PIXELS < 16_000 * 16_000
    plain = sized(heic(colours(64, 64)), 16_000, 16_000)  # nothing is cut out of this one
    assert measured(tmp_path / "plain.heic", plain)[1] == words
    # and what promises to be small, and is not
    large = heic(Image.new("L", (2_000, 2_000), 90))
    memory, message = measured(tmp_path / "lying.heic", sized(large, 64, 64))
    assert message.startswith("cannot be read as a picture: this HEIF file")
    assert memory < 32 << 20


NOT_INSTALLED = (
    "a HEIC picture, wanted pillow-heif to read it; pip install 'piecewise-convnet[heic]'"
)


def test_heic_without_extra_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for label in ("a", "b"):
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "1.png").write_bytes(encoded(colours(), "PNG"))
    path = tmp_path / "set" / "a" / "2.HEIC"
    path.write_bytes(heic(smooth()))
    with pytest.raises(DataError) as caught:
        read_picture(path)
    assert str(caught.value) == f"{path}: {NOT_INSTALLED}"
    found = read_data(tmp_path / "set")
    assert len(found) == 2
    assert found.skipped == [f"{path}: {NOT_INSTALLED}"]
    net = tmp_path / "net"
    assert status(["train", str(tmp_path / "set"), "-o", str(net), "--quick", "--folds", "0"]) == 0
    assert status(["predict", str(net), str(path)]) == 1
    assert f"{path}: {NOT_INSTALLED}" in " ".join(capsys.readouterr().err.split())


UNTOUCHED = """
import sys
from pathlib import Path
from PIL import Image
from piecewise.data.images.decoding import read_picture
for path in sys.argv[1:-1]:
    read_picture(Path(path))
assert "pillow_heif" not in sys.modules
read_picture(Path(sys.argv[-1]))
assert "pillow_heif" in sys.modules
Image.init()
assert "HEIF" not in Image.OPEN, "it is known to Pillow now"
assert ".heic" not in Image.registered_extensions()
"""


def test_other_formats_do_not_depend_on_heic_extra(tmp_path: Path) -> None:
    paths = [tmp_path / f"a.{kind}" for kind in ("png", "jpeg", "gif", "bmp", "webp", "tiff")]
    for path in paths:
        path.write_bytes(encoded(colours(), path.suffix[1:].upper()))
    last = tmp_path / "b.heic"
    last.write_bytes(heic(smooth()))
    subprocess.run([sys.executable, "-c", UNTOUCHED, *map(str, [*paths, last])], check=True)
