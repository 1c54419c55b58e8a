"""Overwriting: a net is replaced only after a question or with --force; a report of piecewise is
replaced; another file never is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from piecewise.cli.main import status
from piecewise.data.xo import make_xo
from piecewise.network import Network

Printed = pytest.CaptureFixture[str]
QUICK = ["--layers", "full", "--epochs", "1", "--folds", "0"]


def saved_data(folder: Path, count: int = 40) -> str:
    xo = make_xo(count, size=9, seed=0)
    path = folder / f"xo{count}.npz"
    np.savez(path, images=xo.inputs[:, 0], labels=xo.labels)
    return str(path)


def saved_net(path: Path) -> bytes:
    xo = make_xo(2, size=9)
    Network("full", (1, 9, 9), ("X", "O"), preprocessor=xo.preprocessor).save(path)
    return path.read_bytes()


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    return monkeypatch


@pytest.mark.parametrize("command", ["train", "demo", "robustness"])
def test_existing_net_needs_force(command: str, tmp_path: Path, capsys: Printed) -> None:
    before = saved_net(net := tmp_path / "net.safetensors")
    data = saved_data(tmp_path)
    arguments = {
        "train": ["train", data, *QUICK],
        "demo": ["demo"],
        "robustness": ["robustness", str(net), data, "--train-with", "scale"],
    }[command]
    assert status([*arguments, "-o", str(net)]) == 2
    printed = capsys.readouterr()
    assert "this net exists already" in printed.err
    assert "--force" in printed.err
    assert not printed.out  # nothing was trained
    assert net.read_bytes() == before
    if command == "train":
        assert status([*arguments, "-o", str(net), "--force"]) == 0
        assert net.read_bytes() != before


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_existing_net_question_on_terminal(
    answer: str, code: int, tmp_path: Path, on_terminal: pytest.MonkeyPatch
) -> None:
    before = saved_net(net := tmp_path / "net.safetensors")
    asked = []

    def reply(prompt: str, err: bool = False) -> bool:
        asked.append((prompt, err))
        return answer == "y"

    on_terminal.setattr("rich_click.confirm", reply)
    assert status(["train", saved_data(tmp_path), *QUICK, "-o", str(net)]) == code
    assert asked == [(f"{net} exists. Overwrite this net?", True)]
    assert (net.read_bytes() == before) == (answer == "n")


def test_resumed_run_replaces_its_own_net_only(tmp_path: Path, capsys: Printed) -> None:
    data, net, run = saved_data(tmp_path), tmp_path / "net.safetensors", tmp_path / "run"
    command = ["train", data, *QUICK, "-o", str(net), "--run-dir", str(run)]
    assert status(command) == 0
    first = Network.load(net).parameters_sha256
    assert status(command) == 0  # the run has ended; its net is made again
    assert Network.load(net).parameters_sha256 == first
    before = saved_net(net)
    assert status(command) == 2
    assert net.read_bytes() == before
    assert "this net exists already" in capsys.readouterr().err


def test_other_file_is_never_replaced(tmp_path: Path, capsys: Printed) -> None:
    other = tmp_path / "thesis.html"
    other.write_text("mine")
    saved_net(net := tmp_path / "net.safetensors")
    data = saved_data(tmp_path)
    Image.fromarray(make_xo(1, size=9).inputs[0, 0]).save(picture := tmp_path / "one.png")
    for command, words in (
        (["train", data, *QUICK, "--force", "-o"], "a model file is a .safetensors file"),
        (["evaluate", str(net), data, "--report"], "the file exists and piecewise did not write"),
        (["explain", str(net), str(picture), "-o"], "the file exists and piecewise did not write"),
    ):
        assert status([*command, str(other)]) == 1
        assert words in capsys.readouterr().err
    data_file = Path(data).read_bytes()
    (tmp_path / "other.data").write_bytes(data_file)
    assert status(["train", data, *QUICK, "--force", "-o", str(tmp_path / "other.data")]) == 1
    assert "the file exists and is not a model file" in capsys.readouterr().err
    assert (tmp_path / "other.data").read_bytes() == data_file
    assert other.read_text() == "mine"


def test_report_of_piecewise_is_replaced(tmp_path: Path) -> None:
    saved_net(net := tmp_path / "net.safetensors")
    data, page = saved_data(tmp_path), tmp_path / "report.html"
    assert status(["evaluate", str(net), data, "--report", str(page)]) == 0
    first = page.read_bytes()
    assert status(["evaluate", str(net), saved_data(tmp_path, 50), "--report", str(page)]) == 0
    assert page.read_bytes() != first


def test_train_folds_of_one_is_refused(tmp_path: Path, capsys: Printed) -> None:
    command = ["train", saved_data(tmp_path), "-o", str(tmp_path / "net"), "--folds", "1"]
    assert status(command) == 2
    assert "wanted 0, or a whole number from 2 to 1,000" in capsys.readouterr().err


def test_train_names_folds_and_repeats(tmp_path: Path, capsys: Printed) -> None:
    command = ["train", saved_data(tmp_path), "-o", str(tmp_path / "net"), *QUICK[:4]]
    assert status([*command, "--folds", "3", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["folds"]["n"] == 40
    assert "cross-validation: 3 folds, 2 times" in printed.err
    assert "fold 1 of 3, repeat 1 of 2\n" in printed.err
    assert "fold 3 of 3, repeat 2 of 2" in printed.err
    assert "1 epoch," in printed.err
