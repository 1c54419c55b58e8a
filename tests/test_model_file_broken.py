"""Model files with any content are loaded, or refused with one sentence."""

from __future__ import annotations

import json
import math
import os
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as safetensors_bytes

from piecewise.core.errors import ModelFileError
from piecewise.network import Network
from piecewise.storage import model_file, safetensors_file

from .model_files import put_together, signed, taken_apart
from .test_model_file import CLASSES, after_name, failing, written


def refusal(path: Path) -> str:
    """The sentence with which a file is refused, after its name."""
    with pytest.raises(ModelFileError) as caught:
        Network.load(path)
    return after_name(path, caught.value)


OTHER = safetensors_bytes({"a": np.ones(2, np.float32)})
KINDS: list[tuple[bytes, str]] = [
    (b"", "not a complete safetensors file; it may be truncated or of another format"),
    (b"a text, not a net\n", "it is a text, wanted a model file"),
    (b"\x89PNG\r\n\x1a\n" + bytes(99), "it is a PNG picture, wanted a model file"),
    (struct.pack("<Q", 2**63) + bytes(99), "not a complete safetensors file; it may be truncated"),
    (struct.pack("<Q", 99) + bytes(99), "not a complete safetensors file: "),
    (struct.pack("<Q", 2) + b"{}", "a safetensors file, but not one that piecewise wrote"),
    (struct.pack("<Q", 99_999) + b"[" * 99_999, "not a complete safetensors file: "),
    (OTHER, "a safetensors file, but not one that piecewise wrote"),
]


@pytest.mark.parametrize(("content", "words"), KINDS, ids=range(len(KINDS)))
def test_load_other_file_format_raises(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    assert refusal(path).startswith(words)


def test_load_missing_or_oversized_file_raises(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing") == "No such file or directory"
    assert refusal(tmp_path) == "a folder, wanted a model file (.safetensors)"
    assert refusal(tmp_path / ("a" * 300)) == "File name too long"
    assert "no file can have this name" in refusal(tmp_path / "zero\0")
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    assert refusal(tmp_path / "pipe") == "not a regular file, wanted a model file (.safetensors)"
    path = tmp_path / "large"
    path.write_bytes(struct.pack("<Q", 40_000_000))
    os.truncate(path, 50_000_000)  # holes take no room on the disk
    assert refusal(path) == "a header of 40,000,000 bytes, wanted at most 33,554,432"
    os.truncate(path, model_file.MAX_FILE_BYTES + 1)
    assert refusal(path) == "839,554,441 bytes, wanted at most 839,554,440"


TENSORS: list[tuple[dict[str, Any], str]] = [
    ({"full1.bias": None}, "the tensor 'full1.bias' is missing for 'full'"),
    ({"odd": np.ones(2, np.float32)}, "the tensor 'odd' is one too many for 'full'"),
    (
        {"full1.bias": np.ones(4, np.float32)},
        "the tensor full1.bias: got F32 (4,), wanted F32 (3,)",
    ),
    ({"full1.bias": np.ones((3, 1), np.float32)}, "got F32 (3, 1), wanted F32 (3,)"),
    ({"full1.bias": np.ones(3)}, "the tensor full1.bias: got F64 (3,), wanted F32 (3,)"),
    (
        {"full1.weight": np.ones((3, 4), np.int32)},
        "full1.weight: got I32 (3, 4), wanted F32 (3, 4)",
    ),
    (
        {"full1.bias": np.array([0, np.nan, 0], np.float32)},
        "full1.bias holds values that are not fin",
    ),
    (
        {"full1.bias": np.array([0, 0, -np.inf], np.float32)},
        "full1.bias holds values that are not f",
    ),
]


@pytest.mark.parametrize(("changes", "words"), TENSORS, ids=range(len(TENSORS)))
def test_load_tensors_that_do_not_fit_the_layers_raise(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    path, net = tmp_path / "net.safetensors", Network("full", (1, 2, 2), 3)
    net.save(path)
    outer, _, _ = taken_apart(path.read_bytes())
    arrays = {name: held for name, held in {**net.state, **changes}.items() if held is not None}
    path.write_bytes(safetensors_bytes(arrays, metadata=outer["__metadata__"]))
    assert words in refusal(path)


def test_load_file_with_one_changed_bit_raises(tmp_path: Path) -> None:
    content = written(tmp_path).read_bytes()
    length, path = int.from_bytes(content[:8], "little"), tmp_path / "changed"
    spaces = content[8 : 8 + length].rstrip(b" ")  # the padding of the header holds nothing
    for bit in range(0, 8 * len(content), 7):
        place = bit // 8
        if 8 + len(spaces) <= place < 8 + length:
            continue
        changed = bytearray(content)
        changed[place] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(ModelFileError):
            Network.load(path)


def test_load_damaged_weight_names_the_checksum(tmp_path: Path) -> None:
    path = written(tmp_path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert refusal(path).startswith("its checksum does not fit its content, so it is damaged")


def test_load_repeated_key_raises(tmp_path: Path) -> None:
    path = written(tmp_path)
    outer, inner, body = taken_apart(path.read_bytes())
    text = json.dumps(inner)
    path.write_bytes(signed(put_together(outer, f'{text[:-1]}, "seed": 7}}', body)))
    assert refusal(path) == "its header has the key 'seed' twice"


def test_load_tensor_of_many_dimensions_raises_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    outer, inner, body = taken_apart(path.read_bytes())
    name = next(name for name in outer if name != "__metadata__")
    outer[name]["shape"] += [1] * 100_000
    path.write_bytes(put_together(outer, inner, body))
    assert len(refusal(path)) < 500


def test_load_negative_variance_raises(tmp_path: Path) -> None:
    path = written(tmp_path)
    content, number = bytearray(path.read_bytes()), np.float32(1 / 3).tobytes()
    assert content.count(number) == 1
    content[content.index(number) + 3] |= 0x80  # its sign
    path.write_bytes(signed(bytes(content)))
    assert refusal(path) == "the tensor norm1.variance holds values below 0"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 1}, "its format is 1, this version reads format 2; train the network again"),
        ({"format": 3}, "its format is 3, this version reads format 2; install the version of"),
        ({"format": "2"}, "its format: Input should be 2, got '2'"),
        ({"layers": "conv 2 3 full"}, "layers, position "),
        ({"layers": "conv 2 3, full 4"}, "the network ends with 4 values"),
        ({"layers": "full 1048576, full 99, full"}, "the limit is 100,000,000; pool more"),
        ({"layers": "(" * 20_001}, "its layers: String should have at most 20000 characters"),
        ({"input": [1, 9]}, "its input: List should have at least 3 items"),
        ({"input": [1, 9, 9.0]}, "its input.2: Input should be a valid integer, got 9.0"),
        ({"input": [1, 9, 2**64]}, "input: got "),
        ({"layers": "conv \x1b[2J 3"}, r"features: got '\x1b[2J', wanted a whole number"),
        ({"classes": []}, "its classes: List should have at least 1 item"),
        ({"classes": ["X", "X", "O"]}, "classes: got 'X' more than once"),
        ({"classes": ["X", "O"]}, "the tensor full1.weight: got F32 (3, 32), wanted F32 (2, 32)"),
        ({"classes": "XYO"}, "its classes: Input should be a valid list, got 'XYO'"),
        ({"classes": ["X", "O", "\ud800"]}, "its classes.2: "),
        ({"seed": -1}, "its seed: Input should be greater than or equal to 0, got -1"),
        ({"seed": 2**64}, "its seed: Input should be less than 18446744073709551616"),
        ({"preprocessor": {}}, "preprocessing: got {}, wanted its shape, background and margin"),
        ({"recipe": None}, "its recipe: Input should be a valid dictionary, got None"),
        ({"history": [1]}, "its history.0: Input should be a valid dictionary, got 1"),
        ({"versions": {"piecewise": 1}}, "its versions.piecewise: Input should be a valid string"),
        ({"history": [{"loss": math.nan}]}, "its header is not JSON"),
    ],
)
def test_load_invalid_model_header_raises(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = written(tmp_path)
    outer, inner, body = taken_apart(path.read_bytes())
    later = {**inner, "later": "fields are passed over"}
    path.write_bytes(signed(put_together(outer, later, body)))
    assert Network.load(path).classes == CLASSES
    path.write_bytes(put_together(outer, {**inner, **change}, body))
    assert words in refusal(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"seed": 1e999}', "[" * 99_999, "9" * 9_999, "\ud800"]
)
def test_load_header_that_is_not_json_raises(tmp_path: Path, text: str) -> None:
    path = written(tmp_path)
    outer, _, body = taken_apart(path.read_bytes())
    path.write_bytes(put_together(outer, text, body))
    assert refusal(path).startswith(("its header is not JSON", "its header", "not a complete"))


def test_deeply_nested_header_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    outer, inner, body = taken_apart(path.read_bytes())
    text = json.dumps(inner | {"format": "*"})
    for depth in range(700, 1_000):  # a parser's depth is one thing, a printer's another
        deep = text.replace('"*"', "[" * depth + "]" * depth)
        path.write_bytes(put_together(outer, deep, body))
        assert refusal(path).startswith(("its format: Input should be 2", "its header is not JSON"))


def loaded(path: Path, content: bytes) -> bool:
    """Whether a file is loaded, with finite numbers; if not, it was refused with its name."""
    path.write_bytes(signed(content))
    try:
        net = Network.load(path)
    except ModelFileError as error:
        return not after_name(path, error)
    assert np.isfinite(net.parameters.flat).all()
    assert np.isfinite(net.running_stats.flat).all()
    return True


def test_load_truncated_file_raises(tmp_path: Path) -> None:
    content = written(tmp_path).read_bytes()
    assert loaded(tmp_path / "cut", content)
    assert not any(loaded(tmp_path / "cut", content[:end]) for end in range(len(content)))
    assert not loaded(tmp_path / "cut", content + b"\0")


def test_2_500_files_with_changed_bytes_load_or_raise(tmp_path: Path) -> None:
    rnd, content, count = random.Random(1), written(tmp_path).read_bytes(), 0
    for _ in range(2_500):
        changed = bytearray(content)
        for _ in range(rnd.choice((1, 1, 2, 4))):
            place = rnd.randrange(len(changed))
            match rnd.randrange(4):
                case 0:
                    changed[place] ^= 1 << rnd.randrange(8)
                case 1:
                    changed[place] = rnd.choice((*b'\0\1\x7f\xff09"\\{[,-e', rnd.randrange(256)))
                case 2:
                    changed.insert(place, rnd.randrange(256))
                case _:
                    del changed[place]
        count += loaded(tmp_path / "changed", bytes(changed))
    assert 100 < count < 2_000


VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 0.5, 2**63, 2**64, 2**70, math.nan, -math.inf, "", "a" * 2_000, "\ud800",
    "full", "F64", "BF16", "F8_E5M2", "(" * 50, "conv 1 1, " * 999 + "full", [], {}, [[]], [0],
    [-1, 0], [2**64 - 1, 2**64 - 1], [2**62, 2**62], [1, 2**40, 2**40], {"a": None},
)  # fmt: skip


def edited(tree: Any, rnd: random.Random) -> Any:
    """JSON with one value, anywhere in it, replaced, taken away or added."""
    made = json.loads(json.dumps(tree))
    holder = made
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return made
        key = rnd.choice(keys)
        if not (isinstance(holder[key], dict | list) and rnd.random() < 0.8):
            break
        holder = holder[key]
    match rnd.randrange(5):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rnd.choice(("odd", "conv1.weight", "__metadata__"))] = rnd.choice(VALUES)
        case _:
            holder[key] = rnd.choice(VALUES)
    return made


def test_2_500_files_with_edited_json_load_or_raise(tmp_path: Path) -> None:
    rnd, count = random.Random(2), 0
    outer, inner, body = taken_apart(written(tmp_path).read_bytes())
    for _ in range(2_500):
        there, here = outer, inner
        for _ in range(rnd.choice((1, 1, 2))):
            if rnd.random() < 0.5:
                there = edited(there, rnd)
            else:
                here = edited(here, rnd)
        count += loaded(tmp_path / "edited", put_together(there, here, body))
    assert 100 < count < 1_500


def test_load_reader_panic_raises_and_ctrl_c_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    monkeypatch.setattr(
        safetensors_file, "safe_open", failing(panic("called `unwrap` on a `None`"))
    )
    assert refusal(path) == "not a complete safetensors file: its reader failed"
    monkeypatch.setattr(safetensors_file, "safe_open", failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        Network.load(path)
