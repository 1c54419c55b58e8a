"""The readers that `fuzz_readers.py` tries, and small whole files of every form that they read.

A reader more is a line in READERS, at the end: a function of bytes, and one that makes whole files.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fuzz_exchange import (
    exported,
    h5_seeds,
    keras_seeds,
    onnx_seeds,
    prototxt_seeds,
    read_import,
    read_keras,
    read_prototxt,
    read_state_dict,
    state_dict_seeds,
)
from fuzz_pictures import check_picture, encoded, picture_seeds
from piecewise.data.audio.decoding import read_sound
from piecewise.data.audio.preprocessor import AudioPreprocessor
from piecewise.data.dataset import read_data
from piecewise.data.sources.csv_tables import read_table
from piecewise.data.sources.discovery import discover
from piecewise.data.sources.idx import read_idx
from piecewise.data.sources.npz import read_npz
from piecewise.data.text.decoding import read_text
from piecewise.data.text.preprocessor import TextPreprocessor


def as_file(suffix: str, reader: Callable[[Path], object]) -> Callable[[bytes], None]:
    """A reader of paths as one of bytes: they are put into a file, the same each time."""

    def read(content: bytes) -> None:
        path = Path(folder().name) / f"fuzzed{suffix}"
        path.write_bytes(content)
        reader(path)

    return read


@functools.cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """One of this process alone, which goes with it."""
    return tempfile.TemporaryDirectory(prefix="fuzzed-")


def zip_seeds() -> list[bytes]:
    """Archives of class folders, packed and as they are."""
    made = []
    content = encoded(Image.new("L", (4, 3), 90), "PNG")
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        for names in (
            ("a/1.png", "b/2.png"),
            ("top/train/ä/1.png", "top/train/b/1.png", "top/test/b/2.png", "x.txt"),
        ):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", method) as archive:
                for name in names:
                    archive.writestr(zipfile.ZipInfo(name), content, method)
            made.append(buffer.getvalue())
    return made


def npz_seeds() -> list[bytes]:
    """Arrays with labels as numbers and names, in one part and in two."""
    images = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)
    labels, names = np.array([0, 1, 0, 1]), np.array(["a", "b"])
    parts = {"x_train": images, "y_train": labels, "x_test": images / 255, "y_test": labels}
    made = []
    flat = np.arange(4 * 64, dtype=np.uint8).reshape(4, 64)
    for arrays in (
        {"images": images, "labels": names[labels]},
        {**parts, "x_train": images / 255, "classes": names},
        {"train_images": images[..., None] / 18 - 1, "train_labels": np.eye(2)[labels]},
        {"data": flat // 16, "target": labels / 1, "writer": labels},
        {"X": flat, "y": labels > 0, "is_test": labels > 0},
    ):
        for save in (np.savez, np.savez_compressed):
            buffer = io.BytesIO()
            save(buffer, **arrays)
            made.append(buffer.getvalue())
    return made


def check_sound(content: bytes) -> None:
    found = read_sound(content)
    assert found.samples.dtype == np.float32, found.samples.dtype
    assert found.samples.size, found
    assert np.abs(found.samples).max() <= 1, found
    assert len(PREPARED_SOUNDS.windows(found)) > 0, found


def sound_seeds() -> list[bytes]:
    """A tenth of a second in every kind of sound file, and in most codings of samples."""
    import soundfile  # noqa: PLC0415 - who changes other files needs it not

    tone = np.sin(np.arange(1_600) * 0.7)[:, None] * (0.3, 0.6)
    made = {}
    for kind, coding, rate in SOUND_FORMS:
        buffer = io.BytesIO()
        mono = coding == "GSM610"
        soundfile.write(buffer, tone[:, 0] if mono else tone, rate, format=kind, subtype=coding)
        made[kind, coding] = buffer.getvalue()
    wav, mp3 = made["WAV", "PCM_16"], made["MP3", None]
    tag = b"ID3\4\0\0\0\0\0\x0a" + bytes(10)
    opposite = io.BytesIO()
    soundfile.write(opposite, tone * (2, -1), 16_000, format="WAV")
    return [
        *made.values(),
        *(streamed(content, size) for content in (wav, made["WAV", "IMA_ADPCM"])
          for size in (0, 0x7FFFF000, 0xFFFFFFFF)),
        mp3_in_wav(mp3),
        tag + made["FLAC", "PCM_16"],
        tag + b"unknown" * 9 + mp3,
        opposite.getvalue(),
    ]  # fmt: skip


def streamed(wav: bytes, size: int) -> bytes:
    """A WAV as a program writes it to a pipe, with a length that it does not know."""
    length, at = struct.pack("<I", size), wav.index(b"data") + 4
    return wav[:4] + length + wav[8:at] + length + wav[at + 4 :]


def mp3_in_wav(content: bytes) -> bytes:
    """An MP3 as the samples of a WAV."""
    form = struct.pack("<HHIIHHHHIHHH", 85, 2, 16_000, 8_000, 1, 0, 12, 1, 2, 576, 1, 1_393)
    fields = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    fields += b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(fields)) + fields


SOUND_FORMS = [
    *(("WAV", coding, 16_000) for coding in ("PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW")),
    *(("WAV", coding, 16_000) for coding in ("IMA_ADPCM", "MS_ADPCM", "GSM610")),
    ("WAVEX", "PCM_16", 44_100),
    ("FLAC", "PCM_16", 16_000),
    ("OGG", "VORBIS", 16_000),
    ("OGG", "OPUS", 16_000),
    ("MP3", None, 16_000),
    ("AIFF", "PCM_16", 8_000),
]
PREPARED_SOUNDS = AudioPreprocessor((1, 40, 24))


def check_text(content: bytes) -> None:
    found = read_text(content)
    assert found.strip(), found
    PREPARED_TEXTS.transform(found)


def text_seeds() -> list[bytes]:
    sentences = ["a word and 12 more, isn't it?", "\ufeffΩmega ça va", "汉字 \u0e44\u0e17\u0e22 🎉"]
    return [text.encode(way) for text in sentences for way in ("utf-8", "utf-16")]


PREPARED_TEXTS = TextPreprocessor("words", ("a", "word", "汉字"), 8)


def table_seeds(mark: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        rows = (("text", "label", "split"), ("a, b", "x", "train"), ('"two\nlines"', "y", "test"))
        return ["\n".join(mark.join(row) for row in rows).encode()]

    return seeds


def csv_seeds() -> list[bytes]:
    """Tables with every delimiter and encoding, with and without a header, of texts and pixels."""
    named = "review,sentiment\nThis is g\u00e9nial,good\nno it is not,bad\n"
    plain = "".join(f"these are words {n},{'ab'[n % 2]}\n" for n in range(8))
    pixels = "".join(
        f"{n % 2},{','.join(str(n * (k % 63) % 256) for k in range(64))}\n" for n in range(4)
    )
    parts = ",".join(f"pixel{n}" for n in range(64))
    marked = pixels.rstrip().replace("\n", "\n,")
    return [
        *table_seeds(",")(),
        *(named.encode(way) for way in ("utf-8-sig", "utf-16", "utf-32", "cp1252")),
        *(named.replace(",", mark).encode() for mark in ";\t|"),
        b"sep=;\n" + named.replace(",", ";").encode(),
        plain.encode(),
        f"label,{parts}\n{pixels}".encode(),
        f"split,label,{parts}\ntest,{marked}".encode(),
        pixels.encode(),
        f"emotion,pixels,Usage\n0,{' '.join(map(str, range(64)))},Training\n".encode(),
        pixels.replace(",", ".5,").encode("utf-16"),
    ]  # fmt: skip


def line_seeds() -> list[bytes]:
    rows = ({"text": "a \u00e9", "label": 1}, {"text": "b", "label": "x", "split": "dev"})
    content = "\n".join(json.dumps(row) for row in rows)
    return [content.encode(way) for way in ("utf-8", "utf-16")]


def idx_seeds() -> list[bytes]:
    """Images, labels, other types, and both packed."""
    made = []
    for code, kind in ((8, ">u1"), (9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")):
        for shape in ((6,), (3, 4, 5), (2, 2, 2, 2)):
            header = struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)
            made.append(header + np.arange(np.prod(shape)).astype(kind).tobytes())
    return made + [gzip.compress(content, mtime=0) for content in made]


def check_file_table(suffix: str) -> Callable[[bytes], None]:
    """A reader of tables that name pictures in their folder, and in a folder there."""

    def read(content: bytes) -> None:
        place = Path(folder().name) / "pictures"
        if not place.exists():
            (place / "train").mkdir(parents=True)
            for name in ("1.png", "2.jpg", "train/3.png", "train/1.png", "4.wav"):
                (place / name).touch()
        path = place / f"fuzzed{suffix}"
        path.write_bytes(content)
        try:
            discover(path)
        finally:
            path.unlink()

    return read


def file_table_seeds(mark: str) -> Callable[[], list[bytes]]:
    rows = ("file_name,label,split", "1.png,a,train", "2.jpg,b,test", "3,a,", "./train/3.png,b,val",
            "../1.png,a,train", "gone.png,b,train", '"4.wav",a,dev')  # fmt: skip
    text = "\n".join(rows).replace(",", mark)
    made = [
        text,
        text.replace("\n", "\r\n"),
        text.replace("file_name", "image_id"),
        "\ufeff" + text,
    ]
    return lambda: [one.encode() for one in made]


def file_line_seeds() -> list[bytes]:
    records: list[dict[str, object]] = [
        {"file_name": "1.png", "label": "a"},
        {"file_name": "2.jpg", "label": 2, "split": "test", "who": ["x"]},
        {"file_name": "train/3.png", "label": None},
        {"file_name": 3, "label": True},
    ]
    return ["\n".join(map(json.dumps, records)).encode()]


Reader = tuple[Callable[[bytes], None], Callable[[], list[bytes]]]

READERS: dict[str, Reader] = {
    "pictures": (check_picture, picture_seeds),
    "zip": (as_file(".zip", read_data), zip_seeds),
    "npz": (as_file(".npz", read_npz), npz_seeds),
    "sounds": (check_sound, sound_seeds),
    "texts": (check_text, text_seeds),
    "csv": (as_file(".csv", read_table), csv_seeds),
    "tsv": (as_file(".tsv", read_table), table_seeds("\t")),
    "jsonl": (as_file(".jsonl", read_table), line_seeds),
    "tables": (as_file(".csv", functools.partial(read_data, every_class=True)), csv_seeds),
    "idx": (as_file("-idx3-ubyte", read_idx), idx_seeds),
    "files_csv": (check_file_table(".csv"), file_table_seeds(",")),
    "files_tsv": (check_file_table(".tsv"), file_table_seeds("\t")),
    "files_jsonl": (check_file_table(".jsonl"), file_line_seeds),
    "caffemodel": (as_file(".caffemodel", read_import), exported("caffe", "net.caffemodel")),
    "onnx": (as_file(".onnx", read_import), onnx_seeds),
    "prototxt": (as_file(".prototxt", read_prototxt), prototxt_seeds),
    "t7": (as_file(".t7", read_import), exported("torch", "net.t7")),
    "state_dict": (as_file(".safetensors", read_state_dict), state_dict_seeds),
    "keras": (as_file(".keras", read_keras), keras_seeds),
    "h5": (as_file(".h5", read_import), h5_seeds),
}
