"""`piecewise explain` as a person would use it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status
from piecewise.inputs import layer_inputs

Printed = pytest.CaptureFixture[str]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a net, a drawing and what the net learned from."""
    folder = tmp_path_factory.mktemp("explain")
    lessons = pw.draw(60, size=9, seed=0)
    net = pw.Network(
        "conv 4 3, norm, relu, pool 2, full 6, relu, full",
        (1, 9, 9),
        ["X", "O"],
        preparation=lessons.preparation,
    )
    pw.train(net, lessons.pictures, lessons.labels, pw.Recipe(epochs=6))
    net.save(folder / "net.safetensors")
    Image.fromarray(lessons.pictures[0, 0]).save(folder / "drawing.png")
    (folder / "other.html").write_text("<!doctype html>somebody's")
    (folder / "other.xlsx").write_bytes(b"PK")
    np.savez(
        folder / "data.npz",
        images=lessons.pictures[:, 0],
        labels=lessons.labels,
        class_names=np.array(["X", "O"]),
    )
    return folder


@pytest.fixture
def run(place: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(place)

    def explain(*arguments: str) -> tuple[int, str, str]:
        code = status(["explain", "net.safetensors", *arguments])
        return (code, *capsys.readouterr())

    return explain


def test_the_answer_and_its_votes_are_told(run: Run, place: Path) -> None:
    code, out, err = run("drawing.png")
    assert code == 0
    net = pw.load(place / "net.safetensors")
    walk = net.walk(layer_inputs(net, net.read_inputs(place / "drawing.png"))[0])
    label = net.classes[int(walk.logits.argmax())]
    assert out.startswith(f"drawing.png: {label}   (")
    assert "what the maps of pool1 say for" in out
    assert out.rstrip().endswith("their sum: the logit")
    assert f"{walk.logits.max():.9g}" in out
    assert "--why full2," in err


def test_any_number_opens_as_words_json_and_spreadsheet(run: Run, place: Path) -> None:
    code, out, _ = run("drawing.png", "--why", "conv1,2,3,4")
    assert (code, out.split(" = ")[0]) == (0, "conv1[2, 3, 4]")
    code, out, _ = run("drawing.png", "--why", "conv1,2,3,4", "--json")
    net = pw.load(place / "net.safetensors")
    walk = net.walk(layer_inputs(net, net.read_inputs(place / "drawing.png"))[0])
    assert json.loads(out) == json.loads(json.dumps(walk.why("conv1", 2, 3, 4).to_json()))
    code, out, err = run("drawing.png", "--why", "conv1,2,3,4", "-o", "why.xlsx")
    assert (code, err) == (0, "wrote why.xlsx\n")
    assert openpyxl.load_workbook(place / "why.xlsx").active.title == "conv1"
    assert run("drawing.png", "-o", "why.xlsx")[0] == 0  # one of ours may be replaced
    assert openpyxl.load_workbook(place / "why.xlsx").active.title == "full2"


def test_gradients_and_errors_open(run: Run) -> None:
    code, out, _ = run("drawing.png", "--gradient", "conv1.weight,2,0,1,1", "--right", "O")
    assert code == 0
    assert out.startswith("gradient of conv1.weight[2, 0, 1, 1] = ")
    assert out.count("(error of conv1[2, ") == 49
    assert "cross-entropy loss of 1 picture over conv1.weight[2, 0, 1, 1]" in out
    code, out, _ = run("drawing.png", "--gradient", "full2,1", "--right", "O", "--json")
    names = [term["name"] for term in json.loads(out)["terms"]]
    assert names == ["its probability, by softmax", "the right answer"]


def test_json_holds_the_ledger_and_what_mattered(run: Run) -> None:
    code, out, _ = run("drawing.png", "--json")
    plain = json.loads(out)
    assert code == 0
    assert plain["ledger"]["total"] == plain["ledger"]["logit"] == max(plain["logits"])
    assert plain["carried_back"]["stack"] == "pool1"
    assert {one["method"].lower() for one in plain["mattered"]} >= {"occlusion"}


def test_a_report_is_written_whole(run: Run, place: Path) -> None:
    code, out, err = run("drawing.png", "-o", "report.html", "--data", "data.npz")
    assert (code, out) == (0, "")
    assert err.endswith("wrote report.html\n")
    html = (place / "report.html").read_text()
    assert html.startswith("<!doctype html>")
    assert '"looks":[{"layer":"conv1"' in html
    code, _, err = run("drawing.png", "-o", "report.html")
    assert (code, (place / "report.html").read_text() != html) == (0, True)  # without the features
    code, _, err = run("drawing.png", "-o", "nowhere/report.html")
    assert code == 1
    assert "nowhere/report.html: wanted the name of a file in a folder that is there" in err


def test_the_culprits_of_an_answer(run: Run) -> None:
    code, out, err = run(
        "drawing.png", "--culprits", "--data", "data.npz", "--right", "O", "--json"
    )
    plain = json.loads(out)
    assert code == 0
    assert len(plain["culprits"]) == 60
    assert plain["taught"]["nets"] == 122
    assert "122 nets of 6 epochs are taught" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "explain wants one INPUT, or --text"),
        (["drawing.png", "--text", "x"], 2, "explain wants one INPUT, or --text"),
        (["--text", "x"], 1, "--text: got a text, wanted a file: this net reads pictures"),
        (["drawing.png", "-o", "x.pdf"], 2, "wanted a name ending in .html or .xlsx"),
        (["drawing.png", "-o", "x.html", "--why", "conv1,0"], 2, "wants a name ending in .xlsx"),
        (["drawing.png", "--culprits"], 2, "--culprits wants --data DATA"),
        (["drawing.png", "--culprits", "--data", "data.npz"], 2, "--culprits wants --right CLASS"),
        (["drawing.png", "--groups", "x"], 2, "--groups goes with --culprits"),
        (["drawing.png", "--data", "data.npz"], 2, "--data goes with --culprits, or with"),
        (["drawing.png", "-o", "other.html"], 1, "other.html: there is something else"),
        (["drawing.png", "-o", "other.xlsx"], 1, "other.xlsx: there is something else"),
        (["drawing.png", "--label", "Z"], 1, "--label: 'Z' is no class; known are O, X"),
        (["drawing.png", "--why", "conv1,a"], 1, "wanted a name and whole numbers"),
        (["drawing.png", "--why", "conv1,0,99,0"], 1, "row: got 99, wanted a whole number from 0"),
        (["drawing.png", "--why", "covn1,0"], 1, "did you mean 'conv1'?"),
        (
            ["drawing.png", "--why", "conv1"],
            1,
            "--why: got 'conv1', wanted a name and whole numbers",
        ),
        (["drawing.png", "--gradient", "conv1.wieght,0"], 1, "did you mean 'conv1.weight'?"),
        (["nothing.png"], 1, "nothing.png"),
    ],
)
def test_what_cannot_be_is_told(run: Run, arguments: list[str], code: int, words: str) -> None:
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert words in " ".join(err.replace("\u2502", " ").split())
