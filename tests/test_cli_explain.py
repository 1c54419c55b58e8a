"""`piecewise explain`, `why` and `influence` as a person would use them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from PIL import Image

import piecewise as pw
from piecewise.cli import influence
from piecewise.cli.main import status
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.inputs import layer_inputs

Printed = pytest.CaptureFixture[str]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a net, an image and the training data."""
    folder = tmp_path_factory.mktemp("explain")
    lessons = pw.make_xo(60, size=9, seed=0)
    net = pw.Network(
        "conv 4 3, norm, relu, pool 2, full 6, relu, full",
        (1, 9, 9),
        ["X", "O"],
        preprocessor=lessons.preprocessor,
    )
    pw.train(net, lessons.inputs, lessons.labels, pw.Recipe(epochs=6))
    net.save(folder / "net.safetensors")
    Image.fromarray(lessons.inputs[0, 0]).save(folder / "drawing.png")
    (folder / "other.html").write_text("<!doctype html>somebody's")
    (folder / "other.xlsx").write_bytes(b"PK")
    np.savez(
        folder / "data.npz",
        images=lessons.inputs[:, 0],
        labels=lessons.labels,
        class_names=np.array(["X", "O"]),
    )
    return folder


@pytest.fixture
def run(place: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(place)

    def command(name: str, *arguments: str) -> tuple[int, str, str]:
        code = status([name, "net.safetensors", *arguments])
        return (code, *capsys.readouterr())

    return command


def test_explain_prints_answer_and_votes(run: Run, place: Path) -> None:
    code, out, err = run("explain", "drawing.png")
    assert code == 0
    net = pw.load(place / "net.safetensors")
    walk = net.walk(layer_inputs(net, net.read_inputs(place / "drawing.png"))[0])
    label = net.classes[int(walk.logits.argmax())]
    assert out.startswith(f"drawing.png: {label}   (")
    assert " by the maps of pool1:" in out
    assert out.rstrip().endswith("their sum: the logit")
    assert re.findall(r"map (\d) ", out)[:4] == [
        str(one + 1) for one in np.argsort(-walk.ledger(back_to="pool1").by_map(), kind="stable")
    ]  # counted from 1
    assert f"{walk.logits.max():.9g}" in out
    assert "piecewise why net.safetensors drawing.png full2," in err


def test_why_text_json_and_spreadsheet(run: Run, place: Path) -> None:
    code, out, _ = run("why", "drawing.png", "conv1,2,3,4")
    assert (code, out.split(" = ")[0]) == (0, "conv1[2, 3, 4]")
    code, out, _ = run("why", "drawing.png", "conv1,2,3,4", "--json")
    net = pw.load(place / "net.safetensors")
    walk = net.walk(layer_inputs(net, net.read_inputs(place / "drawing.png"))[0])
    plain = {"schema": 1, **walk.why("conv1", 2, 3, 4).to_json()}
    assert json.loads(out) == json.loads(json.dumps(plain))
    code, out, err = run("why", "drawing.png", "conv1,2,3,4", "-o", "why.xlsx")
    assert (code, err) == (0, "wrote why.xlsx\n")
    assert openpyxl.load_workbook(place / "why.xlsx").active.title == "conv1"
    assert run("why", "drawing.png", "-o", "why.xlsx")[0] == 0  # one of ours may be replaced
    assert openpyxl.load_workbook(place / "why.xlsx").active.title == "full2"


def test_why_gradient_of_parameter_and_value(run: Run) -> None:
    code, out, _ = run(
        "why", "drawing.png", "conv1.weight,2,0,1,1", "--gradient", "--expected", "O"
    )
    assert code == 0
    assert out.startswith("gradient of conv1.weight[2, 0, 1, 1] = ")
    assert out.count("(error of conv1[2, ") == 49
    assert "cross-entropy loss of 1 picture over conv1.weight[2, 0, 1, 1]" in out
    code, out, _ = run("why", "drawing.png", "full2,1", "--gradient", "--expected", "O", "--json")
    names = [term["name"] for term in json.loads(out)["terms"]]
    assert names == ["its probability, by softmax", "the target"]


def test_explain_json_has_ledger_and_attributions(run: Run) -> None:
    code, out, _ = run("explain", "drawing.png", "--json")
    plain = json.loads(out)
    assert code == 0
    assert plain["ledger"]["total"] == plain["ledger"]["logit"] == max(plain["logits"])
    assert plain["carried_back"]["source_layer"] == "pool1"
    assert {one["method"].lower() for one in plain["attributions"]} >= {"occlusion"}


def test_explain_output_writes_report(run: Run, place: Path) -> None:
    code, out, err = run("explain", "drawing.png", "-o", "report.html", "--data", "data.npz")
    assert code == 0
    assert out.startswith("drawing.png: ")
    assert " %, " in out.splitlines()[0]
    assert len(out.splitlines()) == 2  # the answer and the reason
    assert err.endswith("wrote report.html\n")
    html = (place / "report.html").read_text()
    assert html.startswith("<!doctype html>")
    assert '"top_patches":[{"layer":"conv1"' in html
    code, _, err = run("explain", "drawing.png", "-o", "report.html")
    assert (code, (place / "report.html").read_text() != html) == (0, True)  # without the features
    code, _, err = run("explain", "drawing.png", "-o", "nowhere/report.html")
    assert code == 1
    assert "nowhere/report.html: wanted the name of a file in an existing folder" in err


def test_influence_json_lists_all_examples(run: Run) -> None:
    arguments = ["influence", "drawing.png", "--data", "data.npz", "--expected", "O"]
    code, out, err = run(*arguments, "--json")
    plain = json.loads(out)
    assert code == 0
    assert len(plain["influences"]) == 60
    assert plain["retraining"]["nets"] == 122
    assert "training 122 nets of 6 epochs" in err


def test_influence_text_lists_first_examples(run: Run) -> None:
    code, out, _ = run("influence", "drawing.png", "--data", "data.npz", "--expected", "X")
    assert code == 0
    head, *lines = out.splitlines()
    assert head.startswith("X: ")
    assert head.endswith(" by nets retrained on all examples. Without one:")
    assert len(lines) == 10
    assert all("(label " in line for line in lines)


def test_influence_of_answer_that_is_not_reproduced_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pw.influential_examples

    def of_other_nets(*a: Any, **k: Any) -> Any:
        return [replace(one, predictions=("O",)) for one in found(*a, **k)]

    monkeypatch.setattr(influence, "influential_examples", of_other_nets)
    arguments = ["influence", "drawing.png", "--data", "data.npz", "--expected", "X"]
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert "no finding: nets retrained on all 60 examples answer O, not X" in err
    assert "fewer examples" in err
    assert json.loads(run(*arguments, "--json")[1])["reproduced"] is False


def test_text_option_replaces_input_file(place: Path, capsys: Printed) -> None:
    texts = TextPreprocessor("words", ("good", "bad"), 4)
    net = str(place / "texts")
    pw.Network("embed 3, pool all, full", texts.shape, ("p", "q"), 0, texts).save(net)
    assert status(["why", net, "--text", "good bad", "full1,1"]) == 0
    assert capsys.readouterr().out.startswith("full1[1, 0, 0] = ")
    assert status(["explain", net, "--text", "good bad"]) == 0
    assert f"piecewise why {net} --text 'good bad' full1," in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["explain"], 2, "explain needs one INPUT, or --text"),
        (["explain", "drawing.png", "--text", "x"], 2, "explain needs one INPUT, or --text"),
        (["explain", "--text", "x"], 1, "--text: got a text, wanted a file: this net reads"),
        (["explain", "drawing.png", "-o", "x.pdf"], 2, "'x.pdf', wanted a name ending in .html"),
        (["explain", "drawing.png", "-o", "x.xlsx"], 2, "'x.xlsx', wanted a name ending in .html"),
        (["explain", "drawing.png", "--data", "data.npz"], 2, "--data goes with --output"),
        (
            ["explain", "drawing.png", "-o", "other.html"],
            1,
            "other.html: the file exists and piecewise",
        ),
        (
            ["explain", "drawing.png", "--label", "Z"],
            1,
            "--label: 'Z' is not a class; known names: O, X",
        ),
        (["explain", "nothing.png"], 1, "nothing.png"),
        (["why"], 2, "why needs one INPUT, or --text"),
        (["why", "drawing.png", "conv1,0", "--text", "x"], 2, "why needs one INPUT, or --text"),
        (["why", "conv1,0", "--text", "x"], 1, "--text: got a text, wanted a file"),
        (["why", "drawing.png", "conv1,0", "-o", "x.html"], 2, "a name ending in .xlsx"),
        (
            ["why", "drawing.png", "-o", "other.xlsx"],
            1,
            "other.xlsx: the file exists and piecewise",
        ),
        (["why", "drawing.png", "conv1,a"], 1, "wanted a name and whole numbers"),
        (["why", "drawing.png", "conv1,0,99,0"], 1, "row: got 99, wanted a whole number from 0"),
        (["why", "drawing.png", "conv1,0,1,1,1"], 1, "PLACE: got 4 numbers, wanted map, row"),
        (["why", "drawing.png", "covn1,0"], 1, "did you mean 'conv1'?"),
        (["why", "drawing.png", "conv1"], 1, "PLACE: got 'conv1', wanted a name and whole"),
        (["why", "drawing.png", "--gradient"], 2, "--gradient needs a PLACE"),
        (["why", "drawing.png", "conv1.wieght,0", "--gradient"], 1, "mean 'conv1.weight'?"),
        (["why", "drawing.png", "full2,0", "--gradient", "-o", "x.xlsx"], 2, "exclude each other"),
        (
            ["why", "drawing.png", "full2,0", "--expected", "O"],
            2,
            "--expected goes with --gradient",
        ),
        (["influence", "drawing.png", "--expected", "O"], 2, "missing option '--data'"),
        (["influence", "drawing.png", "--data", "data.npz"], 2, "missing option '--expected'"),
        (
            ["influence", "--data", "data.npz", "--expected", "O"],
            2,
            "influence needs one INPUT, or --text",
        ),
        (
            ["influence", "drawing.png", "--data", "data.npz", "--expected", "Z"],
            1,
            "--expected: 'Z' is not a class; known names: O, X",
        ),
    ],
)
def test_wrong_arguments_are_reported(
    run: Run, arguments: list[str], code: int, words: str
) -> None:
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert words in " ".join(err.replace("\u2502", " ").split())
