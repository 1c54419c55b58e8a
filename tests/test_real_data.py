"""People's own X's and O's, through the command line with nothing else said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from piecewise.cli.main import status
from tests.real_data import real


def test_letters_by_unseen_writers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, net = real("xo-unipen.npz"), tmp_path / "xo.safetensors"
    output = taught(source, net, capsys, "--quick")
    assert output["test"]["n"] == 656
    assert output["test"]["accuracy"] >= 0.98
    assert output["classes"] == ["O", "X"]

    # The same letters as PNG files get the same answers; so do drawings of another size and ground.
    arrays = np.load(source)
    pictures = arrays["images"][arrays["is_test"]][:40]
    files = [tmp_path / f"{number}.png" for number in range(40)]
    for file, picture in zip(files, pictures, strict=True):
        Image.fromarray(picture).save(file)
    names = [arrays["class_names"][label] for label in arrays["labels"][arrays["is_test"]][:40]]
    assert right(net, files, names, capsys) >= 39
    for file, picture in zip(files, pictures, strict=True):
        paper = Image.new("L", (150, 200), 255)
        ink = Image.fromarray(255 - picture).resize((90, 90), Image.Resampling.BICUBIC)
        paper.paste(ink, (40, 80))
        paper.save(file)
    assert right(net, files, names, capsys) >= 38
    drawn = tmp_path / "drawn.png"
    draw_an_o(drawn)
    assert right(net, [drawn], ["O"], capsys) == 1


def right(
    net: Path, files: list[Path], names: list[str], capsys: pytest.CaptureFixture[str]
) -> int:
    """How many files `piecewise predict` names rightly."""
    assert status(["predict", str(net), *map(str, files), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)["predictions"]
    return sum(answer["predicted"] == name for answer, name in zip(output, names, strict=True))


def draw_an_o(path: Path) -> None:
    """An O in blue ink, a little open, as a person draws it with a mouse."""
    paper = Image.new("RGB", (320, 240), "white")
    ImageDraw.Draw(paper).arc((90, 40, 220, 200), 285, 275, fill=(30, 40, 140), width=6)
    paper.save(path)


@pytest.mark.long
def test_handwritten_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, net = real("mnist.npz"), tmp_path / "digits.safetensors"
    assert status(["train", str(source), "-o", str(net), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["test"]["n"] == 10_000
    assert output["test"]["accuracy"] >= 0.98
    assert min(scores["recall"] for scores in output["test"]["per_class"].values()) >= 0.95


def taught(source: Path, net: Path, capsys: pytest.CaptureFixture[str], *more: str) -> Any:
    """What `piecewise train` says in JSON."""
    assert status(["train", str(source), "-o", str(net), "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_spam_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = tmp_path / "spam.safetensors"
    output = taught(real("sms-spam.csv"), net, capsys, "--quick")
    assert output["test"]["n"] == 1_052
    assert output["test"]["macro_f1"] >= 0.94
    message = "URGENT! You have won a prize. Call 09061701461 now to claim"
    assert status(["predict", str(net), "--text", message, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"][0]["predicted"] == "spam"


def test_spoken_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = tmp_path / "digits.safetensors"
    output = taught(real("spoken-digits.zip"), net, capsys, "--quick")
    assert output["test"]["n"] == 300
    assert output["test"]["accuracy"] >= 0.93


def test_spam_messages_with_default_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = tmp_path / "spam.safetensors"
    assert taught(real("sms-spam.csv"), net, capsys)["test"]["macro_f1"] >= 0.97
    texts = ["--text", "You have won a prize", "--text", ""]
    assert status(["predict", str(net), *texts, "--json"]) == 0
    prize, empty = json.loads(capsys.readouterr().out)["predictions"]
    assert prize["predicted"] == "spam"
    assert empty["warning"] == "there is no text in it"


@pytest.mark.long
@pytest.mark.parametrize("seed", ["0", "1", "2"])
@pytest.mark.parametrize(
    ("name", "score", "least"),
    [
        ("xo-unipen.npz", "accuracy", 0.99),
        ("spoken-digits.zip", "accuracy", 0.987),
        ("hand-signs.zip", "accuracy", 0.98),
        ("sms-spam.csv", "macro_f1", 0.965),
        ("trec.csv", "accuracy", 0.88),
        ("agnews.csv", "accuracy", 0.87),
    ],
)
def test_default_options_learn_every_modality(
    name: str, score: str, least: float, seed: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    output = taught(real(name), tmp_path / "net.safetensors", capsys, "--seed", seed)
    assert output["test"][score] >= least


@pytest.mark.long
def test_unseen_speakers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--groups", "*_{group}_*", "--folds", "groups")
    output = taught(real("spoken-digits.zip"), tmp_path / "net.safetensors", capsys, *more)
    assert len(output["groups"]) == 6
    assert sum(output["groups"].values()) / 6 >= 0.9
