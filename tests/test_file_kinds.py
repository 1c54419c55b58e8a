"""Files of another kind than their place: the message names the kind that each file really is."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise.core.errors import DataError
from piecewise.data.file_kinds import file_kind, wrong_kind
from piecewise.data.modalities import MODALITIES

from .sound_files import KINDS, encoded, tone

NOUNS = {"pictures": "picture", "sounds": "sound", "texts": "text"}


def picture(form: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")
    return buffer.getvalue()


PICTURES = {
    "PNG": "a PNG", "JPEG": "a JPEG", "GIF": "a GIF", "BMP": "a BMP", "TIFF": "a TIFF",
    "WEBP": "a WebP", "PPM": "a PPM",
}  # fmt: skip
SOUNDS = {
    "wav": "a WAV",
    "wavex": "a WAV",
    "aifc": "an AIFF",
    "flac": "a FLAC",
    "ogg": "an Ogg",
    "mp3": "an MP3",
    "aiff": "an AIFF",
}
TEXTS = {
    "plain": b"hello, there\n", "accents": "caf\u00e9 \u4f60\u597d".encode(),
    "mark": "\ufeffhello".encode(), "utf-16": "hello".encode("utf-16"),
    "long": "\u00e9\u4f60".encode() * 5_000, "pictures' letters": b"BMW and P2",
}  # fmt: skip
FILES = [
    *[(picture(form), "pictures", f"{name} picture") for form, name in PICTURES.items()],
    *[(encoded(tone(440, 16_000), 16_000, kind), "sounds", f"{SOUNDS[kind.split()[0]]} sound")
      for kind in KINDS],
    *[(content, "texts", "a text") for content in TEXTS.values()],
]  # fmt: skip


@pytest.mark.parametrize(("content", "modality", "name"), FILES)
def test_kind_is_found_by_content(content: bytes, modality: str, name: str) -> None:
    kind = file_kind(content)
    assert kind is not None
    assert (kind.name, kind.modality) == (name, modality)
    assert wrong_kind(content, modality) is None
    MODALITIES[modality].preprocessor.read(content)


@pytest.mark.parametrize(("content", "modality", "name"), FILES)
def test_other_readers_name_the_kind(
    tmp_path: Path, content: bytes, modality: str, name: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for other in MODALITIES.keys() - {modality}:
        if (name, other) == ("a PPM picture", "texts"):
            continue
        words = f"cannot be read as a {NOUNS[other]}: it is {name}"
        for source, called in ((path, None), (content, "given")):
            with pytest.raises(DataError) as caught:
                MODALITIES[other].preprocessor.read(source, called)
            assert str(caught.value) == f"{called or path}: {words}"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (zipped(), "a .zip archive or an Office document"),
        (gzip.compress(b"hello", mtime=0), "a gzip archive"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a video, or a sound in a video container"),
        (b"RIFF\0\0\0\0AVI LIST", "a video, or a sound in a video container"),
        (b"\x93NUMPY\1\0v\0", "a NumPy array"),
    ],
)
def test_unread_kind_is_named_with_advice(content: bytes, name: str) -> None:
    for modality, noun in NOUNS.items():
        words = rf"^x: cannot be read as a {noun}: it is {name}; save it as a "
        with pytest.raises(DataError, match=words):
            MODALITIES[modality].preprocessor.read(content, "x")


@pytest.mark.parametrize("content", [b"", b" \n", bytes(100), b"BM" + b"\xe9" * 9, b"caf\xe9"])
def test_unknown_kind_is_not_guessed(content: bytes) -> None:
    assert wrong_kind(content, "sounds") is None
    assert wrong_kind(content, "texts") is None


def test_large_picture_for_texts_is_named_before_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(picture("PNG") + bytes(5_000_000))
    with pytest.raises(DataError, match=r"a\.txt: cannot be read as a text: it is a PNG picture"):
        pw.TextPreprocessor.read(path)


def test_spreadsheet_named_as_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(zipped())
    with pytest.raises(DataError, match=r"a\.csv: .*: it is a \.zip archive or an Office doc"):
        pw.read_data(path)


def test_network_names_the_kind_of_a_file(tmp_path: Path, capsys: Any) -> None:
    from piecewise.cli.main import status  # noqa: PLC0415

    table, path = tmp_path / "t.csv", tmp_path / "a.png"
    table.write_text("text,label\n" + "".join(f"word {n % 5},{'ab'[n % 2]}\n" for n in range(20)))
    path.write_bytes(picture("PNG"))
    preprocessor = pw.read_data(table).preprocessor
    net = pw.Network("full", preprocessor.shape, ("a", "b"), preprocessor=preprocessor)
    net.save(tmp_path / "net.safetensors")
    assert status(["predict", str(tmp_path / "net.safetensors"), str(path)]) == 1
    error = capsys.readouterr().err
    assert error == f"piecewise: {path}: cannot be read as a text: it is a PNG picture\n"
