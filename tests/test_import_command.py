"""`piecewise import`: the values of its options, and files that are not read."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from piecewise.cli.main import status

Printed = pytest.CaptureFixture[str]


@pytest.mark.parametrize(("arguments", "message"), [
    (["--input", "1x3"], "--input: got '1x3', wanted channels, rows and columns: 3x64x64"),
    (["--input", "1x0x3"], "--input: got 0, wanted a whole number from 1"),
    (["--input", "9999x9999x9999"], "--input: got 9999x9999x9999, 999,700,029,999 values"),
    (["--classes", "a,a"], "--classes: got 'a' more than once"),
    (["--layers", "bogus"], "--layers, position 0: 'bogus' is not a layer"),
])  # fmt: skip
def test_wrong_values_of_options_are_wrong_usage(
    arguments: list[str], message: str, tmp_path: Path, capsys: Printed
) -> None:
    net = str(tmp_path / "net.safetensors")
    save_file({"0.weight": np.zeros((2, 9), np.float32)}, tmp_path / "state.safetensors")
    assert status(["import", str(tmp_path / "state.safetensors"), "-o", net, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not Path(net).exists()


def pytorch_archive(path: Path) -> None:
    """A .zip archive whose first entry is aligned as PyTorch aligns it."""
    entry = zipfile.ZipInfo("model/data.pkl")
    entry.extra = b"FB\x04\x00ZZZZ"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, pickle.dumps({}, 2))


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "pytorch_model.bin", "net.safetensors"])
@pytest.mark.parametrize("command", ["import", "show"])
def test_pickle_of_pytorch_is_named_with_what_to_do(
    command: str, name: str, tmp_path: Path, capsys: Printed
) -> None:
    path = tmp_path / name
    old = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
    for write in (pytorch_archive, lambda path: path.write_bytes(old)):
        write(path)
        output = ["-o", str(tmp_path / "made.safetensors")] if command == "import" else []
        assert status([command, str(path), *output]) == 1
        error = capsys.readouterr().err
        assert f"{name}: it is a pickle of PyTorch, which is not read because it can run" in error
        assert "safetensors.torch.save_file(model.state_dict(), 'net.safetensors')" in error


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("command", ["import", "show"])
def test_pickle_of_python_is_named(
    command: str, protocol: int, tmp_path: Path, capsys: Printed
) -> None:
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"weight": [0.5]}, protocol))
    output = ["-o", str(tmp_path / "made.safetensors")] if command == "import" else []
    assert status([command, str(tmp_path / "net.pkl"), *output]) == 1
    assert "net.pkl: it is a Python pickle, which is not read" in capsys.readouterr().err


def test_other_archive_is_not_called_a_pickle(tmp_path: Path, capsys: Printed) -> None:
    with zipfile.ZipFile(tmp_path / "net.bin", "w") as archive:
        archive.writestr("a.txt", "text")
    assert status(["show", str(tmp_path / "net.bin")]) == 1
    assert "it is a .zip archive" in capsys.readouterr().err
