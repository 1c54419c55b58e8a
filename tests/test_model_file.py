"""The model file: given back to the bit, and written whole or not at all."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from piecewise.core import atomic_write
from piecewise.core.errors import LimitError, ModelFileError
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.network import Network

CLASSES = ("X", "ünï 🦊", "")


def small_net() -> Network:
    """A net with every kind of thing that a file holds."""
    preprocessor = ImagePreprocessor((1, 9, 9), "light", 0.115)
    net = Network("conv 2 3, norm, relu, pool 2, full", (1, 9, 9), CLASSES, 2**64 - 1, preprocessor)
    for number, name in enumerate(net.state):
        owner = net.parameters if name in net.parameters else net.running_stats
        drawn = np.random.default_rng(number).standard_normal(net.state[name].shape)
        owner[name] = drawn.astype(np.float32)
    net.parameters["conv1.bias"] = [-0.0, 1e-45]  # the sign of zero, and the smallest number
    net.running_stats["norm1.mean"] = [1.1754944e-38, -3e-39]
    net.running_stats["norm1.variance"] = [0.0, 1 / 3]
    net.recipe = {"epochs": 2, "learning_rate": 0.1 + 0.2, "note": '🦊 "quoted" \\ \n'}
    net.history = [{"epoch": 1, "loss": 1 / 3, "validation_accuracy": None, "seconds": 1e-9}]
    return net


def written(folder: Path) -> Path:
    path = folder / "net.safetensors"
    small_net().save(path)
    return path


def after_name(path: Path, error: Exception) -> str:
    assert str(error).startswith(f"{path}: ")
    return str(error).removeprefix(f"{path}: ")


# Given back.


def test_model_file_round_trip_has_same_bits(tmp_path: Path) -> None:
    net, back = small_net(), Network.load(written(tmp_path))
    assert list(back.state) == list(net.state)
    for name, array in net.state.items():
        assert back.state[name].tobytes() == array.tobytes()
    assert back.parameters_sha256 == net.parameters_sha256
    assert back.architecture == net.architecture
    assert back.classes == CLASSES
    assert back.preprocessor == net.preprocessor
    assert (back.seed, back.recipe, back.history) == (net.seed, net.recipe, net.history)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 1, 9, 9), dtype=np.uint8)
    assert back.logits(pictures).tobytes() == net.logits(pictures).tobytes()
    back.parameters["full1.bias"] = [7, 8, 9]  # what was loaded can be trained on
    assert back.parameters.flat.tolist().count(8) == 1


def test_save_same_network_gives_same_bytes(tmp_path: Path) -> None:
    once = written(tmp_path).read_bytes()
    Network.load(tmp_path / "net.safetensors").save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == once


def test_save_long_history_and_many_classes_round_trip(tmp_path: Path) -> None:
    net = Network("full", (1, 1, 1), [f"class {number}" for number in range(5_000)])
    entry = {"loss": 1 / 3, "validation_accuracy": 2 / 3, "seconds": 1 / 7}
    net.history = [{"epoch": epoch, **entry} for epoch in range(100_000)]  # as many as a recipe may
    net.save(tmp_path / "net.safetensors")
    assert Network.load(tmp_path / "net.safetensors").history == net.history


def test_save_any_name_gets_usual_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        for name in ("🦊" * 63, "-dash", "with spaces"):  # the first as long as a name may be
            small_net().save(tmp_path / name)
            assert Network.load(tmp_path / name).classes == CLASSES
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(mask)


# Written whole or not at all.


def refused_to_save(folder: Path, net: Network) -> str:
    """Why a net is not saved over another, which stays as it was."""
    path = written(folder)
    before = path.read_bytes()
    with pytest.raises(ModelFileError) as caught:
        net.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in folder.iterdir()] == [path.name]
    return after_name(path, caught.value).removeprefix("not written: ")


def failing(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_save_full_disk_keeps_existing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr(os, step, failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    with pytest.raises(ModelFileError) as caught:
        Network("full", (1, 2, 2), 2).save(path)
    assert str(caught.value) == f"{path}: not written: No space left on device"
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_save_interrupted_keeps_existing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        Network("full", (1, 2, 2), 2).save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_save_disk_returning_other_values_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)
    before = path.read_bytes()

    def corrupt(handle: int) -> None:
        os.pwrite(handle, b"\x01", os.fstat(handle).st_size - 4)

    monkeypatch.setattr(os, "fsync", corrupt)
    with pytest.raises(
        ModelFileError, match="not written: the disk returned other values than were written; sav"
    ):
        small_net().save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ([{"loss": math.nan}], "its recipe or history is not JSON: Out of range float values"),
        ([{"loss": math.inf}], "its recipe or history is not JSON: Out of range float values"),
        ([{"loss": np.float32(1)}], "is not JSON: Object of type float32"),
        ([{"note": "\ud800"}], "is not JSON: 'utf-8' codec can't encode"),
        ([0.5], "its history.0: Input should be a valid dictionary, got 0.5"),
        ("none", "its history: Input should be a valid list, got 'none'"),
    ],
)
def test_save_invalid_history_raises(tmp_path: Path, history: Any, words: str) -> None:
    net = small_net()
    net.history = history
    assert words in refused_to_save(tmp_path, net)


@pytest.mark.parametrize("name", ["a" * 1_001, "\udcff"])
def test_network_invalid_class_name_raises(name: str) -> None:
    with pytest.raises(LimitError, match="wanted at most 1,000 characters, all of them Unicode"):
        Network("full", (1, 2, 2), ["a", name])


def test_save_nonfinite_values_raise(tmp_path: Path) -> None:
    net = small_net()
    net.running_stats.flat[-1] = math.inf
    words = "the tensor norm1.variance holds values that are not finite numbers"
    assert refused_to_save(tmp_path, net) == words


def test_save_impossible_path_raises(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, words in (
        ("nowhere/net.safetensors", "No such file or directory"),
        ("folder", "the path exists and is not a regular file"),
        ("pipe", "the path exists and is not a regular file"),
        ("a" * 256, "File name too long"),
        ("zero\0", "no file can have this name"),
    ):
        with pytest.raises(ModelFileError) as caught:
            small_net().save(tmp_path / name)
        assert after_name(tmp_path / name, caught.value).startswith("not written: ")
        assert words in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "pipe"]
    assert (tmp_path / "pipe").is_fifo()


def test_write_atomically_failing_check_leaves_no_file(tmp_path: Path) -> None:
    seen = []

    def check(path: Path) -> None:
        seen.append(path.read_bytes())
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        atomic_write.write_atomically(tmp_path / "a", b"content", check)
    assert seen == [b"content"]
    assert not list(tmp_path.iterdir())


def test_write_atomically_removed_temporary_file_is_recreated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, make, made = tmp_path / "a", Path.open, list[Path]()

    def removed_at_once(temporary: Path, mode: str = "r") -> IO[bytes]:
        file: IO[bytes] = make(temporary, mode)
        if mode == "xb":
            made.append(temporary)
        if mode == "xb" and len(made) < 3:
            atomic_write.remove_leftovers(path)
        return file

    monkeypatch.setattr(Path, "open", removed_at_once)
    atomic_write.write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert len(made) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_write_atomically_removes_only_own_unlocked_leftovers(tmp_path: Path) -> None:
    for name in (".a.0.part", ".b.0.part", ".a.part", ".a.0", "a.0.part"):
        (tmp_path / name).write_text("")

    def check(path: Path) -> None:
        atomic_write.remove_leftovers(tmp_path / "a")  # as another process would
        assert path.exists()

    atomic_write.write_atomically(tmp_path / "a", b"content", check)
    left = sorted(entry.name for entry in tmp_path.iterdir())
    assert left == [".a.0", ".a.part", ".b.0.part", "a", "a.0.part"]
