"""Unusual and broken input files: broken ones are named, and training continues."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from piecewise.cli.main import status

from .test_modalities import KINDS, folder


def png(pixels: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(
        buffer, options.pop("format", "PNG"), **options
    )
    return buffer.getvalue()


def bomb() -> bytes:
    """A small PNG whose header declares 50,000 x 50,000 pixels."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1_000))), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data
        content += struct.pack(">I", zlib.crc32(name + data))
    return content


def wav(samples: Any, rate: int = 8_000, **options: Any) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", **options)
    return buffer.getvalue()


GREY = np.tile(np.arange(12, dtype=np.uint8) * 20, (12, 1))
ANIMATED = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
TONE = np.sin(np.arange(4_000) * 0.8)

GOOD: dict[str, dict[str, bytes]] = {
    "pictures": {
        "1x1.png": png(GREY[:1, :1]),
        "1x20000.png": png(np.zeros((1, 20_000), np.uint8)),
        "20000x1.png": png(np.zeros((20_000, 1), np.uint8)),
        "sixteen.png": png(Image.fromarray(GREY.astype(np.uint16) * 256)),
        "cmyk.jpg": png(Image.fromarray(GREY).convert("CMYK"), format="JPEG"),
        "palette.png": png(Image.fromarray(GREY).convert("P"), transparency=3),
        "animated.gif": png(ANIMATED[0], format="GIF", save_all=True, append_images=ANIMATED[1:]),
        "a jpeg.png": png(GREY, format="JPEG"),
        "with spaces.png": png(GREY),
        "\N{SNOWMAN}\N{GRINNING FACE}.png": png(GREY),
        "-leading.png": png(GREY),
        f"{'n' * 251}.png": png(GREY),
    },
    "sounds": {
        "silent.wav": wav(np.zeros(4_000)),
        "one sample.wav": wav(np.ones(1)),
        "six channels.wav": wav(np.tile(TONE[:, None], (1, 6)), 96_000),
        "eight bits.wav": wav(TONE, subtype="PCM_U8"),
        "float.wav": wav(TONE, 44_100, subtype="FLOAT"),
    },
    "texts": {
        "mark.txt": "\N{BYTE ORDER MARK}a word".encode(),
        "wide.txt": "a word".encode("utf-16"),
        "\N{SNOWMAN}.txt": "한국어 \N{GRINNING FACE}".encode(),
        "long.txt": b"word " * 100_000,
    },
}
BAD: dict[str, dict[str, bytes]] = {
    "pictures": {
        "empty.png": b"",
        "cut.png": png(GREY)[:60],
        "bomb.png": bomb(),
        "a text.png": b"not a picture",
        "a sound.jpg": wav(TONE),
    },
    "sounds": {
        "empty.wav": b"",
        "cut.wav": wav(TONE)[:2_000],
        "no samples.wav": wav(np.zeros(0)),
        "a picture.wav": png(GREY),
        "not a number.wav": wav(np.full(9, np.nan, np.float32), subtype="FLOAT"),
    },
    "texts": {
        "empty.txt": b"",
        "latin.txt": "caf\xe9".encode("latin-1"),
        "zeros.txt": b"a\0b",
        "too long.txt": b"x" * 5_000_000,
    },
}
SYSTEM_FILES = (".DS_Store", "Thumbs.db", "desktop.ini", "._odd")


@pytest.mark.parametrize("kind", KINDS)
def test_train_broken_files_are_skipped_and_named(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(tmp_path / "my set", kind, 8)
    for name, content in {**GOOD[kind], **BAD[kind]}.items():
        (root / "train" / "ham" / name).write_bytes(content)
    for name in SYSTEM_FILES:
        (root / "train" / "spam" / name).write_bytes(b"odd")
    (root / "train" / "__MACOSX").mkdir()
    arguments = ["train", str(root), "-o", str(tmp_path / "net.safetensors"), "--epochs", "1"]
    assert status([*arguments, "--json", "--folds", "0", "--validation-fraction", "0"]) == 0
    captured = capsys.readouterr()
    skipped = json.loads(captured.out)["skipped"]
    assert f"{kind:<10} {16 + len(GOOD[kind])} for train" in captured.err
    assert len(skipped) == len(BAD[kind])
    for name in BAD[kind]:
        (sentence,) = (line for line in skipped if f"{root / 'train' / 'ham' / name}: " in line)
        assert "\n" not in sentence
        assert "Traceback" not in sentence


def make_empty(root: Path) -> None:
    root.mkdir()


def make_one_class(root: Path) -> None:
    folder(root, "pictures", 4)
    for split in ("train", "test"):
        for file in (root / split / "spam").iterdir():
            file.unlink()


def make_class_only_in_test(root: Path) -> None:
    folder(root, "pictures", 4)
    for file in (root / "train" / "spam").iterdir():
        file.unlink()


def make_unreadable(root: Path) -> None:
    for name in "ab":
        (root / name).mkdir(parents=True)
        (root / name / "1.png").touch()


def make_cyrillic_table(root: Path) -> None:
    text = "text,label\n\u0447\u0430\u0439,a\n\u043a\u043e\u0444\u0435,b\n"
    root.with_suffix(".csv").write_bytes(text.encode("cp1251"))


def make_zero_bytes_table(root: Path) -> None:
    root.with_suffix(".csv").write_bytes(b"text,label\n" + bytes(100))


def make_huge_line(root: Path) -> None:
    with root.with_suffix(".jsonl").open("wb") as file:
        file.write(b'{"label": "a", "text": "')
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n')


UNUSABLE: list[tuple[Callable[[Path], None], str, str]] = [
    (make_empty, "", "no file in it to learn from; wanted one folder per class"),
    (make_one_class, "", "training examples of only one class, wanted 2 or more"),
    (make_class_only_in_test, "", "the class 'spam' occurs in the test split only"),
    (make_unreadable, "", "none of its 2 pictures can be read"),
    (make_cyrillic_table, ".csv", "encoding"),
    (make_zero_bytes_table, ".csv", "zero"),
    (make_huge_line, ".jsonl", "line 1"),
    (lambda root: None, "", "no such file or folder"),
]


@pytest.mark.parametrize(("make", "suffix", "words"), UNUSABLE)
def test_train_unusable_data_fails_with_one_sentence(
    make: Callable[[Path], None],
    suffix: str,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "my set"
    make(root)
    source = root.with_suffix(suffix) if suffix else root
    assert status(["train", str(source), "-o", str(tmp_path / "net.safetensors")]) == 1
    *before, message = capsys.readouterr().err.splitlines()
    assert message.startswith(f"piecewise: {source}: ")
    assert words in message
    assert all(line.startswith(("skipped: ", "warning: ")) for line in before)
    assert not (tmp_path / "net.safetensors").exists()


def test_train_class_with_one_example_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(tmp_path / "set", "pictures", 8)
    (root / "train" / "third").mkdir()
    (root / "train" / "third" / "1.png").write_bytes(png(GREY))
    net = tmp_path / "net.safetensors"
    assert status(["train", str(root), "-o", str(net), "--epochs", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["ham", "spam", "third"]


def test_train_csv_quoted_newlines_and_quotes_are_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ['"two\nlines, and ""quotes""",a', '"",b', "tea,b", "coffee,a", 'more "tea",b']
    table = tmp_path / "set.csv"
    table.write_text("text,label\n" + "\n".join(rows * 4) + "\n")
    net = tmp_path / "net.safetensors"
    assert status(["train", str(table), "-o", str(net), "--epochs", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["skipped"]) == 4
    assert all("there is no text" in sentence for sentence in report["skipped"])
