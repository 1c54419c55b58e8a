"""`piecewise label-issues`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from piecewise.cli import label_issues
from piecewise.cli.label_issues import command
from piecewise.core.errors import DataError
from piecewise.core.progress import OnProgress, Progress
from piecewise.data.dataset import Dataset
from piecewise.data.xo import PLAIN, make_xo
from piecewise.insight.data_quality import label_issues as search
from piecewise.insight.data_quality.label_issues import LabelIssue

Printed = pytest.CaptureFixture[str]
PLANTED = [5, 30, 61]
LITTLE = ["--layers", "conv 6 3, relu, pool 2, full"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Drawn X's and O's, three labels of them wrong; the last ones form the test split."""
    path, drawn = (
        tmp_path_factory.mktemp("label-issues") / "xo.npz",
        make_xo(120, 12, variation=PLAIN),
    )
    labels = drawn.labels.copy()
    labels[PLANTED] ^= 1
    np.savez(path, images=drawn.inputs[:, 0], labels=labels, class_names=["X\x1b[31m", "O"],
             is_test=np.arange(120) >= 100)  # fmt: skip
    return str(path)


def run(*arguments: str) -> None:
    command.main(list(arguments), standalone_mode=False)


def test_text_lists_planted_issues(source: str, capsys: Printed) -> None:
    run(source, "--limit", "3", *LITTLE)
    page, words = capsys.readouterr()
    head, *lines = page.splitlines()
    assert head.split() == ["wrong", "label", "predicted", "example"]
    assert len(lines) == 3
    drawn = make_xo(120, 12, variation=PLAIN).labels
    for line in lines:
        assert float(line.split()[0]) > 50
        names = ["X?[31m", "O"]
        index = next(index for index in PLANTED if line.rstrip().endswith(f"{index}"))
        assert line.split()[2:4] == [names[1 - drawn[index]], names[drawn[index]]]
    assert "listed 3 of 100 examples outside the test split" in words
    assert "\x1b[31m" not in page


def test_options_of_reading_are_those_of_training(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    read = list[tuple[int, ...]]()

    def search_nothing(data: Dataset, *_: object, **__: object) -> list[LabelIssue]:
        read.append(data.inputs.shape)
        return []

    monkeypatch.setattr(label_issues, "find_label_issues", search_nothing)
    run(source, "--image-size", "9", "--framing", "canvas")
    assert read == [(120, 1, 9, 9)]
    with pytest.raises(DataError, match="text_length"):
        run(source, "--text-length", "5")


def test_json_lists_planted_issues(source: str, capsys: Printed) -> None:
    run(source, "--json", *LITTLE)
    output = json.loads(capsys.readouterr().out)
    assert (output["schema"], output["n"], output["skipped"]) == (1, 100, [])
    assert {one["index"] for one in output["label_issues"][:3]} == set(PLANTED)
    assert all(one["label"] != one["predicted"] for one in output["label_issues"])
    run(source, "--json", "--limit", "2", "--threads", "1", *LITTLE)
    assert json.loads(capsys.readouterr().out)["label_issues"] == output["label_issues"][:2]


def test_long_list_is_cut_and_empty_list_is_stated(
    source: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(data: Any, *_: object, **__: object) -> list[Any]:
        return search.find_label_issues(data, 50, layers="full")

    monkeypatch.setattr(label_issues, "find_label_issues", some)
    run(source)
    page, words = capsys.readouterr()
    assert len(page.splitlines()) == 1 + label_issues.LIMIT + 1
    assert page.endswith("and 30 more; --limit N shows them\n")
    assert "50 label issues in 100 examples" in words
    monkeypatch.setattr(label_issues, "find_label_issues", lambda *_, **__: [])
    run(source)
    assert capsys.readouterr().out == "no label issues\n"


def test_interrupt_stops_search(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, on_progress: OnProgress, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        on_progress(Progress("cross-validation", 1, 2))
        raise AssertionError("it went on")

    monkeypatch.setattr(label_issues, "find_label_issues", stopped)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises((KeyboardInterrupt, click.Abort)):
        run(source)
    assert signal.getsignal(signal.SIGINT) == before


def test_wrong_usage_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="got 0, wanted a whole number from 1"):
        run(source, "--limit", "0")
    with pytest.raises(Exception, match="nowhere"):
        run(str(tmp_path / "nowhere"))
