"""The model file of a net for X and O, changed in a million ways: an error of ours, or what the
file's bytes say, to the bit; in few steps and little memory.

What a file says is read here a second time, by hand. `docs/testing.md` has the long run's figures.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import random
import resource
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from piecewise.core.errors import ModelFileError
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.xo import make_xo
from piecewise.network import Network
from piecewise.spec.architecture import Architecture
from piecewise.storage import model_file, safetensors_file
from piecewise.training.recipe import Recipe
from piecewise.training.train import train

from .memory import PEAK
from .model_files import put_together, signed, taken_apart
from .steps import HANG, at_most
from .test_model_file_broken import VALUES, edited

LAYERS = "conv 8 3, relu, pool 2, full"
MOST_STEPS = 4_000_000  # of Python for such a file
MOST_TIMES = 32  # times the header's bytes, as `storage/safetensors_file.py` says
MOST_MEMORY = 64 << 20  # bytes; the file has 2,800


def whole_file(path: Path) -> bytes:
    """A net that has learned a little, as it is saved."""
    lessons = make_xo(64, size=9, seed=0)
    net = Network(LAYERS, (1, 9, 9), ("X", "O"), preprocessor=lessons.preprocessor)
    train(net, lessons.inputs, lessons.labels, Recipe(epochs=3))
    net.save(path)
    return path.read_bytes()


# Files that are changed.

FLOATS = (math.nan, math.inf, -math.inf, -0.0, 1e-45, 3.4e38, 1.0)
WORDS = ("conv", "relu", "pool", "full", "norm", "dropout", "embed", "(", ")", ",", "x", "2", "3",
         "8 3", "0", "1e9", "999999", "same", "stride=2", "pad=1", "kind=average", "all", "0.5",
         "-1", "2 x (", "\u00e9", "\0")  # fmt: skip


def bytes_changed(content: bytes, drawn: random.Random) -> bytes:
    """A few bytes changed, put in or taken out."""
    changed = bytearray(content)
    for _ in range(drawn.choice((1, 1, 2, 8))):
        place = drawn.randrange(len(changed))
        match drawn.randrange(4):
            case 0:
                changed[place] ^= 1 << drawn.randrange(8)
            case 1:
                changed[place] = drawn.choice(
                    (*b'\0\1\x7f\xff09 "\\{}[]:,-e', drawn.randrange(256))
                )
            case 2:
                changed.insert(place, drawn.randrange(256))
            case _:
                del changed[place]
    return bytes(changed)


def pieces_moved(content: bytes, drawn: random.Random) -> bytes:
    """A piece cut off, left out, doubled, or put over another."""
    first, last, place = sorted(drawn.randrange(len(content) + 1) for _ in range(3))
    piece = content[first:last]
    return drawn.choice(
        (
            content[:place],
            content + piece,
            content[:first] + content[last:],
            content[:last] + piece + content[last:],
            content[:place] + piece + content[place + len(piece) :],
        )
    )


def length_changed(content: bytes, drawn: random.Random) -> bytes:
    """Another length of the header."""
    length = int.from_bytes(content[:8], "little")
    near = length + drawn.choice((-9, -8, -1, 1, 7, 8, drawn.randint(-999, 999)))
    other = drawn.choice((near, near, 2 ** drawn.randrange(64), drawn.getrandbits(64), 0, -1))
    return struct.pack("<Q", other % 2**64) + content[8:]


def numbers_changed(content: bytes, drawn: random.Random) -> bytes:
    """Other numbers in the tensors, some of them none."""
    changed, start = bytearray(content), 8 + int.from_bytes(content[:8], "little")
    for _ in range(drawn.choice((1, 1, 9))):
        place = drawn.randrange(start, len(changed) - 3)
        number = np.float32(drawn.choice((*FLOATS, drawn.gauss(0, 1))))
        changed[place : place + 4] = drawn.choice((number.tobytes(), drawn.randbytes(4)))
    return bytes(changed)


def values_changed(content: bytes, drawn: random.Random) -> bytes:
    """Other values in either header."""
    outer, inner, body = taken_apart(content)
    for _ in range(drawn.choice((1, 1, 2, 3))):
        if drawn.random() < 0.4:
            outer = edited(outer, drawn)
        else:
            inner = edited(inner, drawn)
    return put_together(outer, inner, body)


def layers_changed(content: bytes, drawn: random.Random) -> bytes:
    """Other words in the notation."""
    outer, inner, body = taken_apart(content)
    words = inner["layers"].split(" ")
    for _ in range(drawn.choice((1, 2, 5, 30))):
        words.insert(drawn.randrange(len(words) + 1), drawn.choice(WORDS))
        if drawn.random() < 0.7:
            del words[drawn.randrange(len(words))]
    return put_together(outer, inner | {"layers": " ".join(words)}, body)


def tensors_changed(content: bytes, drawn: random.Random) -> bytes:
    """Other names, types, shapes and places of tensors; the places of two exchanged."""
    outer, inner, body = taken_apart(content)
    names = [name for name in outer if name != "__metadata__"]
    one, other = outer[drawn.choice(names)], outer[drawn.choice(names)]
    match drawn.randrange(5):
        case 0:
            one["dtype"] = drawn.choice(("F16", "F64", "BF16", "I32", "U8", "f32", "F4", "", 7))
        case 1:
            one["shape"] = drawn.choice(
                (one["shape"][::-1], [*one["shape"], 1], [], other["shape"])
            )
        case 2:
            one["data_offsets"], other["data_offsets"] = other["data_offsets"], one["data_offsets"]
        case 3:
            one["data_offsets"][drawn.randrange(2)] += drawn.choice((-4, -1, 1, 4, 2**32, -(2**32)))
        case _:
            new = drawn.choice((*names, "conv2.weight", "", "__metadata__", "\u00e9"))
            outer[new] = outer.pop(drawn.choice(names))
    return put_together(outer, inner, body)


def keys_doubled(content: bytes, drawn: random.Random) -> bytes:
    """A key twice, in either header, the second time with another value or the same."""
    outer, inner, body = taken_apart(content)
    holder = outer if drawn.random() < 0.5 else inner
    key = drawn.choice(list(holder))
    value = drawn.choice((holder[key], drawn.choice(VALUES), drawn.choice(list(outer.values()))))
    twice = f"{json.dumps(key)}: {json.dumps(value)}"
    text = json.dumps(inner)
    if holder is inner:
        text = drawn.choice((f"{{{twice}, {text[1:]}", f"{text[:-1]}, {twice}}}"))
        return put_together(outer, text, body)
    outer["__metadata__"]["piecewise"] = text
    whole = json.dumps(outer)
    header = drawn.choice((f"{{{twice}, {whole[1:]}", f"{whole[:-1]}, {twice}}}")).encode()
    return struct.pack("<Q", len(header)) + header + body


WAYS = (bytes_changed, bytes_changed, pieces_moved, length_changed, numbers_changed, values_changed,
        values_changed, layers_changed, tensors_changed, keys_doubled)  # fmt: skip


# What comes of them.


def outcome(path: Path, content: bytes) -> str:
    """Whether a file is "loaded", as its bytes say, or "refused", in one plain sentence."""
    path.write_bytes(signed(content))
    words = refusal(path)
    if words is None:
        return "loaded"
    output = words.removeprefix(f"{path}: ")
    assert output != words
    assert output.isprintable(), output
    assert len(output) < 500, output
    return "refused"


def refusal(path: Path) -> str | None:
    try:
        model = model_file.read(path)
    except ModelFileError as error:
        return str(error)
    compare(model, path.read_bytes())
    return None


def compare(model: model_file.SavedModel, content: bytes) -> None:
    """A model with what stands in its file."""
    outer, inner, body = taken_apart(content)
    architecture = model.architecture
    about = {name: held for name, held in outer.items() if name != "__metadata__"}
    table = about.pop(model_file.DIGESTS, None)
    if table is not None:
        first, last = table["data_offsets"]
        assert (table["dtype"], table["shape"][1:]) == ("U8", [6])
        assert model.training_digests.to_bytes().tobytes() == body[first:last]
    assert set(model.tensors) == set(about)
    for name, held in about.items():
        first, last = held["data_offsets"]
        assert model.tensors[name].dtype == np.float32
        assert list(model.tensors[name].shape) == held["shape"]
        assert model.tensors[name].tobytes() == body[first:last]
        assert np.isfinite(model.tensors[name]).all()
    assert architecture == Architecture(inner["layers"], inner["input"], inner["classes"])
    assert list(architecture.classes) == inner["classes"]
    assert list(architecture.input) == inner["input"]
    defaults = ImagePreprocessor(architecture.input).to_json()  # a field may be left out
    assert model.preprocessor.to_json() == {**defaults, **inner["preprocessor"]}
    found = (model.seed, model.recipe, model.history)
    assert found == (inner["seed"], inner["recipe"], inner["history"])


class Tally(NamedTuple):
    """What came of many files: how often what, the most steps of one, bytes of memory more."""

    counts: Counter[str]
    steps: int
    memory: int


def tally(place: str, seed: int, count: int) -> Tally:
    """So many files, drawn at random."""
    path = Path(place) / f"{seed}.safetensors"
    content = whole_file(path)
    for warm in range(50):
        outcome(path, bytes_changed(content, random.Random(warm)))
    drawn, counts, most = random.Random(seed), Counter[str](), 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(count):
        way = drawn.choice(WAYS)
        changed = way(content, drawn)
        if drawn.random() < 0.1 and len(changed) > 8:
            changed = bytes_changed(changed, drawn)
        with at_most(MOST_STEPS) as steps:
            counts[f"{way.__name__} {outcome(path, changed)}"] += 1
        most = max(most, steps.count)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Tally(counts, most, (after - before) * 1024)


def test_compare_flipped_bit_fails(tmp_path: Path) -> None:
    path = tmp_path / "net"
    content = whole_file(path)
    assert outcome(path, content) == "loaded"
    model = model_file.read(path)
    compare(model, content)
    with pytest.raises(AssertionError):
        compare(model, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(AssertionError):
        compare(model, content.replace(b'\\"seed\\":0', b'\\"seed\\":1', 1))


def test_read_truncated_model_file_is_refused(tmp_path: Path) -> None:
    content = whole_file(tmp_path / "net")
    for end in range(len(content)):
        assert outcome(tmp_path / "net", content[:end]) == "refused"


def test_3_000_changed_files_load_their_content_or_are_refused(tmp_path: Path) -> None:
    found = tally(str(tmp_path), 0, 3_000)
    judge(found)


def judge(found: Tally) -> None:
    assert found.steps <= MOST_STEPS
    assert found.memory < MOST_MEMORY
    for way in set(WAYS) - {length_changed}:  # each can be borne, and each goes too far
        for what in ("loaded", "refused"):
            assert found.counts[f"{way.__name__} {what}"], (way.__name__, what)


@pytest.mark.long
def test_a_million_changed_files_load_their_content_or_are_refused(tmp_path: Path) -> None:
    parts, processes = 100, os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        tasks = [(str(tmp_path), seed, 1_000_000 // parts) for seed in range(1, parts + 1)]
        found = pool.starmap(tally, tasks, chunksize=1)
    total = sum((part.counts for part in found), Counter[str]())
    assert total.total() == 1_000_000
    most = Tally(total, max(part.steps for part in found), max(part.memory for part in found))
    sys.stdout.write(f"\n{most}\n")
    judge(most)


# Steps and memory, however large the file.

MEASURE = f"""
{PEAK}
import sys
from piecewise import ModelFileError, Network
from piecewise.storage import model_file
from tests.steps import at_most
before = peak()
try:
    with at_most(int(sys.argv[2])):
        Network.load(sys.argv[1])
except ModelFileError as error:
    output = str(error)[-300:]
else:
    output = "loaded"
print(peak() - before, output)
"""


def measured(path: Path, content: bytes, most_steps: int) -> tuple[int, str]:
    """The bytes of memory that it takes to load a file, and what came of it."""
    path.write_bytes(signed(content))
    command = [sys.executable, "-c", MEASURE, str(path), str(most_steps)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=True)
    memory, output = done.stdout.split(" ", 1)
    return int(memory), output


FILLINGS = {"texts": '"",', "lists": "[],", "numbers": "0.5,", "dictionaries": "{},",
            "entries": '{"":{}},'}  # fmt: skip


def filled(path: Path, kind: str, room: int) -> bytes:
    """A file with about ``room`` bytes of header, filled with what takes most to read."""
    outer, inner, body = taken_apart(whole_file(path))
    if kind == "names":
        entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        return put_together(outer | {f"{n:x}": entry for n in range(room // 75)}, inner, body)
    filling = FILLINGS[kind]
    many = filling * (room // len(json.dumps(filling)[1:-1]))
    field = "history" if "{" in filling else "recipe"
    value = f"[{many[:-1]}]" if field == "history" else f'{{"a":[{many[:-1]}]}}'
    return put_together(outer, json.dumps(inner | {field: "*"}).replace('"*"', value), body)


def takes_little(path: Path, kind: str, room: int) -> str:
    content = filled(path, kind, room)
    assert room / 2 < len(content) < room + 9_000
    used, output = measured(path, content, 4 * room)
    assert used < MOST_TIMES * len(content) + MOST_MEMORY
    return output


@pytest.mark.parametrize("kind", [*FILLINGS, "names"])
def test_large_header_memory_and_steps_stay_bounded(tmp_path: Path, kind: str) -> None:
    output = takes_little(tmp_path / "net", kind, 4_000_000)
    refused = {"dictionaries", "names"}  # a million epochs, and tensors of no layer
    assert (output == "loaded\n") == (kind not in refused)


@pytest.mark.long
@pytest.mark.parametrize("kind", [*FILLINGS, "names"])
def test_largest_header_memory_and_steps_stay_bounded(tmp_path: Path, kind: str) -> None:
    takes_little(tmp_path / "net", kind, safetensors_file.MAX_HEADER_BYTES - 9_000)
