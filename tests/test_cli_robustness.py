"""`piecewise robustness`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.cli import robustness
from piecewise.cli.main import status
from piecewise.core.progress import OnProgress, Progress
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.data.xo import PLAIN, make_xo
from piecewise.network import Network

Printed = pytest.CaptureFixture[str]
SIZE = 12
LITTLE = ["--layers", "conv 6 3, relu, pool 2, full", "--epochs", "6", "--batch-size", "16"]


def saved(path: Path, count: int = 260, tested: int = 60) -> str:
    """An `.npz` of drawn X and O images without tricks; the last ones form the test split."""
    drawings = make_xo(count, size=SIZE, seed=0, variation=PLAIN)
    np.savez(path, images=drawings.inputs[:, 0], labels=drawings.labels,
             class_names=["X", "O"], is_test=np.arange(count) >= count - tested)  # fmt: skip
    return str(path)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A net that was trained without augmentation, and its data."""
    folder = tmp_path_factory.mktemp("tricks")
    data, net = saved(folder / "xo.npz"), str(folder / "net")
    assert status(["train", data, "-o", net, "--augment", "none", "--lr", "0.05", *LITTLE]) == 0
    return net, data


def test_json_has_curves_and_areas(taught: tuple[str, str], capsys: Printed) -> None:
    assert status(["robustness", *taught, "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["schema"], output["split"], output["n"], output["literal_n"]) == (
        1,
        "test",
        60,
        200,
    )
    assert output["skipped"] == []
    assert set(output["areas"]) == {"translation", "scale", "rotation", "stroke_width"}
    assert set(output["literal_areas"]) == set(output["areas"])
    assert "trained" not in output
    perturbations = [curve["name"] for curve in output["curves"]]
    assert perturbations == ["right", "down", "scale", "rotation", "stroke_width"]
    for curve in output["curves"]:
        heights = curve["accuracies"]
        assert len(curve["sizes"]) == len(heights) == len(curve["literal_accuracies"])
        wide = curve["sizes"][-1] - curve["sizes"][0]
        assert curve["area"] == pytest.approx(np.trapezoid(heights, curve["sizes"]) / wide)
        assert heights[curve["unchanged_index"]] >= 0.9


def test_train_with_translation_saves_more_robust_net(
    taught: tuple[str, str], tmp_path: Path, capsys: Printed
) -> None:
    new = tmp_path / "new"
    assert (
        status(["robustness", *taught, "--train-with", "translation", "-o", str(new), "--json"])
        == 0
    )
    output = json.loads(capsys.readouterr().out)
    assert output["trained"]["kinds"] == ["translation"]
    assert output["trained"]["literal_n"] == 0  # that is not measured twice
    change = output["changes"]["translation"]
    assert change["before"] == output["areas"]["translation"]
    assert change["after"] == output["trained"]["areas"]["translation"] > change["before"]
    assert change["gained"] >= 0.3
    net = Network.load(new)
    assert net.parameters_sha256 == output["trained"]["parameters_sha256"]
    assert net.recipe == output["trained"]["recipe"]
    assert net.calibration.n == 20  # a tenth of what was learned from
    assert status(["robustness", str(new), taught[1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["curves"] == [
        {**curve, "literal_accuracies": other["literal_accuracies"],
         "literal_area": other["literal_area"]}
        for curve, other in zip(output["trained"]["curves"], output["curves"], strict=True)
    ]  # fmt: skip
    assert status(["robustness", str(new), taught[1], "--train-with", "translation"]) == 1
    assert "already trained with translation over this range" in capsys.readouterr().err


def test_text_shows_curves_and_areas(taught: tuple[str, str], capsys: Printed) -> None:
    assert (
        status(["robustness", *taught, "--train-with", "rotation", "--train-with", "stroke_width"])
        == 0
    )
    page, words = capsys.readouterr()
    assert "on the test split:" in words
    assert "60 examples, compared with 200 training examples" in page
    assert page.count("  trained  ") == 5
    for start in ("shift right -3 to 3 px", "scaling 0.5 to 1.5 x", "rotation -45 to 45 deg"):
        assert start in page
    assert "(trained)" in page
    assert " -> " in page
    assert max(len(line) for line in page.splitlines()) <= 80
    lines = [line for line in page.splitlines() if line.startswith("rotation -45")]
    assert sum(mark in robustness.BARS for mark in lines[0]) == 19


def test_data_without_test_split_uses_all_examples(
    taught: tuple[str, str], tmp_path: Path, capsys: Printed
) -> None:
    data = saved(tmp_path / "few.npz", 40, 0)
    assert status(["robustness", taught[0], data]) == 0
    page, words = capsys.readouterr()
    assert "on all examples:" in words
    assert "40 examples\n" in page
    assert status(["robustness", taught[0], data, "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["split"], output["literal_n"], output["literal_areas"]) == ("all", 0, None)


def test_wrong_arguments_are_refused_before_measuring(
    taught: tuple[str, str], tmp_path: Path, capsys: Printed
) -> None:
    assert status(["robustness", *taught, "-o", str(tmp_path / "new")]) == 2
    assert "-o needs --train-with, which trains the net to save" in capsys.readouterr().err
    assert status(["robustness", *taught, "--train-with", "turning"]) == 1
    assert "got 'turning', wanted one of translation, scale" in capsys.readouterr().err
    nowhere = str(tmp_path / "none" / "new")
    assert status(["robustness", *taught, "--train-with", "all", "-o", nowhere]) == 1
    assert "there is no folder" in capsys.readouterr().err
    texts = TextPreprocessor("words", ("a", "b"), 3)
    words = tmp_path / "words"
    Network("embed 2, pool all, full", texts.shape, ("a", "b"), 0, texts).save(words)
    assert status(["robustness", str(words), "nothing.csv"]) == 1
    assert "got a net that reads texts" in capsys.readouterr().err


def test_interrupt_saves_no_net(
    taught: tuple[str, str], tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, on_progress: OnProgress, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        on_progress(Progress("training with rotation", 1, 2))
        raise AssertionError("it went on")

    monkeypatch.setattr(robustness, "train_with_augmentation", stopped)
    before, new = signal.getsignal(signal.SIGINT), tmp_path / "new"
    assert status(["robustness", *taught, "--train-with", "rotation", "-o", str(new)]) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert not new.exists()
    assert signal.getsignal(signal.SIGINT) == before
