"""`piecewise export`: the values of its options."""

from __future__ import annotations

import json
import wave
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from piecewise import Network
from piecewise.cli.main import status
from piecewise.exchange import registry

from .exchange_nets import picture_net

Printed = pytest.CaptureFixture[str]


def run_export(folder: Path, *arguments: str) -> int:
    """The exit status of an export of a net of pictures."""
    picture_net("grey").save(folder / "net.safetensors")
    return status(
        ["export", str(folder / "net.safetensors"), "-o", str(folder / "out"), *arguments]
    )


@pytest.mark.parametrize(("formats", "wanted"), [
    ("ONNX", ["onnx"]), (" Card ,,card,", ["card"]), ("Model card", ["card"]),
    ("keras", ["tensorflow"]), ("Deeplearning4j,TF", ["dl4j", "tensorflow"]),
    ("torch-7", ["torch"]), ("README", ["card"]),
])  # fmt: skip
def test_usual_names_of_formats_are_accepted(
    formats: str, wanted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "runners", list)
    assert run_export(tmp_path, "--to", formats) == 0
    assert list(json.loads((tmp_path / "out/passport.json").read_text())["exports"]) == wanted


@pytest.mark.parametrize(("arguments", "message"), [
    (["--to", "onxx"], "--to: there is no format 'onxx'; did you mean 'onnx'?"),
    (["--to", "karas"], "did you mean 'keras'?"),
    (["--to", "xyz"], "known names: c, caffe, card, cntk, dl4j, html, numpy, onnx, pytorch,"),
    (["--to", ","], "--to: got no format"),
    (["-o", ""], "--output: got an empty name"),
])  # fmt: skip
def test_wrong_values_of_options_are_wrong_usage(
    arguments: list[str], message: str, tmp_path: Path, capsys: Printed
) -> None:
    assert run_export(tmp_path, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "message"), [
    ("empty", "empty: it is empty: no pictures in it, wanted files of these kinds: png"),
    ("sounds", "sounds: only other files and sounds: no pictures in it, wanted"),
    ("sounds/a.wav", "a.wav: cannot be read as a picture: it is a WAV sound"),
    ("sounds/b.py", "b.py: cannot be read as a picture: it is a text"),
    ("classes", "classes: got sounds, wanted pictures for this net"),
    ("texts.csv", "texts.csv: got texts, wanted pictures for this net"),
    ("missing", "missing: no such file or folder"),
    ("missing.png", "missing.png: no such file or folder"),
])  # fmt: skip
def test_samples_of_another_kind_are_named(
    name: str, message: str, tmp_path: Path, capsys: Printed
) -> None:
    sound = BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    for path in ("sounds/a.wav", "classes/x/1.wav", "classes/y/2.wav", "empty/.hidden"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(sound.getvalue())
    (tmp_path / "sounds/b.py").write_text("print()")
    (tmp_path / "texts.csv").write_text("text,label\ngood day,a\nbad day,b\n")
    assert run_export(tmp_path, "--to", "card", "--samples", str(tmp_path / name)) == 1
    assert message in capsys.readouterr().err


def test_samples_may_be_pictures_of_another_size_without_classes(tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    Image.new("L", (50, 40)).save(tmp_path / "flat/a.png")
    for source in ("flat", "flat/a.png"):
        assert run_export(tmp_path, "--to", "card", "--samples", str(tmp_path / source)) == 0
        assert json.loads((tmp_path / "out/passport.json").read_text())["samples"]["count"] == 1


def test_net_of_tokens_without_vocabulary_takes_no_files_as_samples(
    tmp_path: Path, capsys: Printed
) -> None:
    net = Network("embed 4, pool all, full", (1, 12, 7), 3)
    net.save(tmp_path / "net.safetensors")
    Image.new("L", (7, 12)).save(tmp_path / "a.png")
    command = ["export", str(tmp_path / "net.safetensors"), "-o", str(tmp_path / "out")]
    assert status([*command, "--to", "card"]) == 0
    assert status([*command, "--to", "card", "--samples", str(tmp_path / "a.png")]) == 1
    assert "this network reads tokens and has no vocabulary" in capsys.readouterr().err
