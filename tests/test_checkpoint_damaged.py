"""Damaged or forged checkpoints are resumed with the same bits, or refused with one sentence."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as safetensors_bytes

from piecewise.core.errors import CheckpointError
from piecewise.storage import run_directory, safetensors_file

from .runs import FILES, RUNS, every_step, names, result
from .test_checkpoint import OTHER_RUN, Stopped, stopping
from .test_checkpoint_disk import error_message_of
from .test_model_file_broken import edited
from .test_model_file_mutated import bytes_changed

RUN = RUNS["patience, norm, adamw"]
REMEDY = "; remove it to start the run again"


@pytest.fixture(scope="module", name="kept")
def kept_state(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state in the middle of its second epoch."""
    folder = tmp_path_factory.mktemp("run")
    with every_step(), pytest.raises(Stopped):
        RUN.train(folder, stopping(5))
    return (folder / "checkpoint.safetensors").read_bytes()


@pytest.fixture(scope="module", name="wanted")
def unstopped() -> list[Any]:
    return result(RUN.train())


class Folder:
    """A run folder with whatever state; what comes of it."""

    def __init__(self, place: Path, wanted: list[Any]) -> None:
        self.place, self.wanted = place, wanted
        self.state = place / "checkpoint.safetensors"

    def goes_on(self, content: bytes) -> bool:
        """Whether a run goes on from a state, and then to the same bits; if not, it says so and the
        net is as it was."""
        self.state.write_bytes(content)
        net = RUN.network()
        before = net.parameters_sha256
        try:
            RUN.run_training(net, self.place)
        except CheckpointError as error:
            message = str(error)
            assert message.startswith(
                (f"{self.state}: cannot be read: ", f"{self.place}: its run ")
            )
            assert message.endswith((REMEDY, OTHER_RUN))
            assert "\n" not in message
            assert len(message) < 800
            assert (net.parameters_sha256, net.history) == (before, [])
            assert self.state.read_bytes() == content
            return False
        assert result(net) == self.wanted
        return True

    def refusal(self, content: bytes) -> str:
        assert not self.goes_on(content)
        with pytest.raises(CheckpointError) as caught:
            RUN.train(self.place)
        return str(caught.value).removeprefix(f"{self.state}: cannot be read: ").split(REMEDY)[0]


@pytest.fixture(name="folder")
def run_folder(tmp_path: Path, wanted: list[Any]) -> Folder:
    return Folder(tmp_path, wanted)


# Damaged.


def test_complete_checkpoint_resumes(folder: Folder, kept: bytes) -> None:
    assert folder.goes_on(kept)
    assert folder.goes_on(folder.state.read_bytes())  # the last one
    assert names(folder.place) == [
        name for name in FILES if name not in ("environment.json", "recipe.json")
    ]


def cuts(folder: Folder, kept: bytes, pace: int) -> None:
    assert not any(folder.goes_on(kept[:end]) for end in range(0, len(kept), pace))
    assert not folder.goes_on(kept[:-1])
    assert not folder.goes_on(kept + b"\0")


def changes(folder: Folder, kept: bytes, count: int) -> None:
    drawn, went_on = random.Random(count), 0
    for _ in range(count):
        went_on += folder.goes_on(bytes_changed(kept, drawn))
    assert went_on < count / 50


def test_truncated_checkpoint_is_refused(folder: Folder, kept: bytes) -> None:
    cuts(folder, kept, 37)


def test_checkpoint_with_changed_bytes_is_refused(folder: Folder, kept: bytes) -> None:
    changes(folder, kept, 500)


@pytest.mark.long
def test_checkpoint_truncated_anywhere_is_refused(folder: Folder, kept: bytes) -> None:
    cuts(folder, kept, 1)


@pytest.mark.long
def test_100_000_checkpoints_with_changed_bytes_are_refused(folder: Folder, kept: bytes) -> None:
    changes(folder, kept, 100_000)


def test_checkpoint_flipped_bit_in_arrays_is_refused(folder: Folder, kept: bytes) -> None:
    start = 8 + int.from_bytes(kept[:8], "little")
    for place in range(start, len(kept), 61):
        changed = bytearray(kept)
        changed[place] ^= 1 << place % 8
        words = folder.refusal(bytes(changed))
        assert words.startswith(("its arrays are damaged", "the tensor "))


def test_checkpoint_changed_digit_in_header_is_refused(folder: Folder, kept: bytes) -> None:
    place = kept.index(b'\\"loss\\":') + len(b'\\"loss\\":')
    digit = kept[place + 2 : place + 3]
    changed = kept[: place + 2] + (b"1" if digit != b"1" else b"2") + kept[place + 3 :]
    assert folder.refusal(changed) == "its header is damaged"


def test_other_file_as_checkpoint_is_refused(folder: Folder, kept: bytes) -> None:
    cut_short = "not a complete safetensors file; it may be truncated or of another format"
    other = safetensors_bytes({"a": np.ones(2, np.float32)})
    assert folder.refusal(b"") == cut_short
    assert folder.refusal(b"a text, not a state") == "it is a text, wanted a checkpoint"
    assert folder.refusal(other) == "not a checkpoint"
    assert folder.refusal(struct.pack("<Q", 2**40) + bytes(99)) == cut_short
    head = struct.pack("<Q", safetensors_file.MAX_HEADER_BYTES + 1)
    assert folder.refusal(head + bytes(safetensors_file.MAX_HEADER_BYTES + 9)).startswith(
        "a header of 33,"
    )


def refusal_message(folder: Folder) -> str:
    with pytest.raises(CheckpointError) as caught:
        RUN.train(folder.place)
    return str(caught.value)


def test_checkpoint_that_is_no_regular_file_is_refused(folder: Folder) -> None:
    state = folder.state
    state.mkdir()
    words = f"{state}: cannot be read: a folder, wanted a checkpoint{REMEDY}"
    assert refusal_message(folder) == words
    state.rmdir()
    os.mkfifo(state)
    words = f"{state}: cannot be read: not a regular file, wanted a checkpoint{REMEDY}"
    assert refusal_message(folder) == words
    state.unlink()
    state.symlink_to(folder.place / "nowhere")
    assert refusal_message(folder) == f"{state}: cannot be read: No such file or directory{REMEDY}"
    state.unlink()
    state.write_bytes(b"")
    os.truncate(state, run_directory.MAX_CHECKPOINT_BYTES + 1)  # holes take no room
    assert "8,589,934,593 bytes, wanted at most 8,589,934,592" in refusal_message(folder)


# Written by someone, with the right digests.


def taken_apart(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plain values of a state, and its arrays."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    facts = json.loads(header.pop("__metadata__")["piecewise.checkpoint"])
    arrays = {}
    for name, about in header.items():
        first, last = (8 + length + place for place in about["data_offsets"])
        arrays[name] = np.frombuffer(content[first:last], np.float32)
    return facts, arrays


def put_together(facts: Any, arrays: dict[str, Any]) -> bytes:
    if isinstance(facts, dict) and "sha256" in facts:
        digest = hashlib.sha256()
        for name in sorted(arrays):
            digest.update(np.ascontiguousarray(arrays[name]).tobytes())
        facts = {**facts, "sha256": digest.hexdigest()}
    text = facts if isinstance(facts, str) else json.dumps(facts)
    whole = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return safetensors_bytes(arrays, metadata={"piecewise.checkpoint": text, "sha256": whole})


def test_rebuilt_checkpoint_resumes(folder: Folder, kept: bytes) -> None:
    assert folder.goes_on(put_together(*taken_apart(kept)))


def test_checkpoint_without_newer_augmentations_resumes(folder: Folder, kept: bytes) -> None:
    facts, arrays = taken_apart(kept)
    older = {
        "translation": 0.0,
        "scale": [1.0, 1.0],
        "rotation": 0,
        "stroke_width": 0.0,
        "horizontal_flip": False,
    }
    facts["run"]["recipe"]["augmentation"] = older
    assert folder.goes_on(put_together(facts, arrays))
    facts["run"]["recipe"]["augmentation"] = older | {"translation": 0.1}
    assert not folder.goes_on(put_together(facts, arrays))


FITTING = "its epochs and steps do not fit each other"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"step": 6}, FITTING),
        ({"step": 8}, FITTING),
        ({"step": 999}, FITTING),
        ({"step": 2}, FITTING),
        ({"count": 0}, FITTING),
        ({"step": -1}, "its step: Input should be greater than or equal to 0, got -1"),
        ({"step": 5.0}, "its step: Input should be a valid integer, got 5.0"),
        ({"step": True}, "its step: Input should be a valid integer, got True"),
        ({"step": 2**99}, FITTING),
        ({"loss": "0"}, "its loss: Input should be a valid number, got '0'"),
        ({"loss": math.nan}, "its header is not JSON"),
        ({"count": None}, "its count: Input should be a valid integer, got None"),
        ({"seconds": []}, "its seconds: Input should be a valid number, got []"),
        ({"history": []}, FITTING),
        ({"history": {}}, "its history: Input should be a valid list, got {}"),
        ({"history": [[]]}, "its history.0: Input should be a valid dictionary"),
        ({"sha256": None}, "its arrays are damaged"),
    ],
)
def test_checkpoint_invalid_value_is_refused(
    folder: Folder, kept: bytes, change: dict[str, Any], words: str
) -> None:
    facts, arrays = taken_apart(kept)
    assert (facts["step"], facts["count"]) == (5, 64)  # the last step of three takes six
    content = put_together(facts | change, arrays)
    if "sha256" in change:
        del facts["sha256"]
        content = put_together(facts, arrays)
    assert folder.refusal(content).startswith(words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epoch": 2}, FITTING),
        ({"validation_loss": None}, FITTING),
        ({"validation_accuracy": None, "validation_loss": None}, FITTING),
        ({"validation_accuracy": "1"}, "its history.0.validation_accuracy: Input should be a val"),
        ({"loss": None}, "its history.0.loss: Input should be a valid number, got None"),
        ({"more": 1}, "its history.0.more: Extra inputs are not permitted, got 1"),
    ],
)
def test_checkpoint_invalid_epoch_is_refused(
    folder: Folder, kept: bytes, change: dict[str, Any], words: str
) -> None:
    facts, arrays = taken_apart(kept)
    facts["history"][0].update(change)
    assert folder.refusal(put_together(facts, arrays)).startswith(words)


Change = Callable[[dict[str, Any]], object]
ARRAYS: list[tuple[Change, str]] = [
    (
        lambda arrays: arrays.pop("optimizer_state.1"),
        "the tensor 'optimizer_state.1' is missing for this run",
    ),
    (
        lambda arrays: arrays.pop("best.running_stats"),
        "the tensor 'best.running_stats' is missing for this",
    ),
    (lambda arrays: arrays.update(odd=np.ones(2)), "the tensor 'odd' is one too many for this run"),
    (
        lambda arrays: arrays.update(running_stats=np.ones(9, np.float32)),
        "the tensor running_stats: got F32 (9,), wanted F32 (8,)",
    ),
    (
        lambda arrays: arrays.update(running_stats=np.ones((8, 1), np.float32)),
        "the tensor running_stats: got F32 (8, 1), wanted F32 (8,)",
    ),
    (
        lambda arrays: arrays.update(running_stats=np.ones(8)),
        "the tensor running_stats: got F64 (8,), wante",
    ),
    (
        lambda arrays: arrays.update({"optimizer_state.0": arrays["optimizer_state.0"] * np.nan}),
        "the tensor optimizer_state.0 holds values that are not finite numbers",
    ),
    (
        lambda arrays: arrays.update(running_stats=np.full(8, np.inf, np.float32)),
        "the tensor running_stats holds values that are not finite numbers",
    ),
]


@pytest.mark.parametrize(("change", "words"), ARRAYS, ids=range(len(ARRAYS)))
def test_checkpoint_arrays_that_do_not_fit_are_refused(
    folder: Folder, kept: bytes, change: Change, words: str
) -> None:
    facts, arrays = taken_apart(kept)
    change(arrays)
    assert folder.refusal(put_together(facts, arrays)).startswith(words)


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "7", "[" * 99_999, "9" * 9_999])
def test_checkpoint_header_of_other_json_is_refused(folder: Folder, kept: bytes, text: str) -> None:
    assert not folder.goes_on(put_together(text, taken_apart(kept)[1]))


def deep(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def test_deeply_nested_header_is_refused(folder: Folder, kept: bytes) -> None:
    facts, arrays = taken_apart(kept)
    for depth in (10, 300, *range(700, 1_000)):
        for name in ("run", "step", "history"):
            text = json.dumps(facts | {name: "*"}).replace('"*"', "[" * depth + "]" * depth)
            assert not folder.goes_on(put_together(text, arrays))


def rewrites(folder: Folder, kept: bytes, count: int) -> None:
    """States as nothing but someone who means harm writes them: never anything but an end, or an
    error of ours."""
    drawn, ends = random.Random(count), 0
    facts, arrays = taken_apart(kept)
    for _ in range(count):
        there, numbers = facts, dict(arrays)
        for _ in range(drawn.choice((1, 1, 2))):
            there = edited(there, drawn)
        if drawn.random() < 0.3:
            name = drawn.choice(list(arrays))
            numbers[name] = arrays[name] * np.float32(drawn.choice((-1, 0, 1e9, 1e38, 1e-40)))
        folder.state.write_bytes(_resealed(there, numbers))
        words = error_message_of(RUN, folder.place)
        assert "\n" not in words
        ends += not words
    assert count / 50 < ends < count


def _resealed(facts: Any, arrays: dict[str, Any]) -> bytes:
    try:
        return put_together(facts, arrays)
    except UnicodeEncodeError:
        return b""


def test_rewritten_checkpoint_resumes_or_is_refused(folder: Folder, kept: bytes) -> None:
    rewrites(folder, kept, 300)


@pytest.mark.long
def test_50_000_rewritten_checkpoints_resume_or_are_refused(folder: Folder, kept: bytes) -> None:
    rewrites(folder, kept, 50_000)
