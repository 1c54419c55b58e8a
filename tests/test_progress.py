"""Progress reports: the record, the callback, and the meter of the command line."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import piecewise as pw
from piecewise.cli.output import Meter
from piecewise.core.progress import Epoch, Progress, in_stage

XO = pw.make_xo(60, size=9, seed=0)


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_meter_shows_count_or_loss_and_clears_line() -> None:
    console = terminal()
    with Meter(console) as meter:
        meter(Progress("reading", 10, 10))
        meter(Progress("training", 4, 4, 0.25))
    lines = [line.rstrip() for line in output(console).split("\r") if line.strip()]
    full = "#" * 24
    assert lines == [f"reading [{full}] 100 %, 10 of 10", f"training [{full}] 100 %, loss 0.2500"]
    assert output(console).endswith("\r" + " " * 79 + "\r")


def test_meter_partial_progress_fills_part_of_bar() -> None:
    console = terminal()
    Meter(console)(Progress("reading", 1_500, 6_000))
    assert output(console).strip() == f"reading [{'#' * 6}{'-' * 18}] 25 %, 1,500 of 6,000"


def test_meter_time_left_of_a_resumed_run_counts_only_new_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console, now = terminal(), 100.0
    monkeypatch.setattr("piecewise.display.progress_bar.time.monotonic", lambda: now)
    meter = Meter(console)
    meter(Progress("reading", 800, 1_000, resumed=True))
    now += 10
    meter(Progress("reading", 850, 1_000))
    assert "85 %, 30 s left, 850 of 1,000" in output(console)


@pytest.mark.parametrize("width", [1, 5, 20, 40, 200])
def test_meter_any_width_stays_within_line(width: int) -> None:
    console = terminal(width)
    with Meter(console) as meter:
        meter(Progress("training 18 nets, each without some examples", 0, 0))
        meter(Progress("training", 5_000_000, 9_000_000, 123.456))
    assert {len(line) for line in output(console).split("\r")} <= {0, width - 1}


def test_meter_without_terminal_writes_nothing() -> None:
    console, calls = Console(file=io.StringIO(), force_terminal=False), list[None]()
    with Meter(console, lambda: calls.append(None)) as meter:
        meter(Progress("reading", 1, 2))
        meter(Progress("reading", 2, 2))
    assert output(console) == ""
    assert len(calls) == 2


def test_in_stage_changes_only_stage() -> None:
    reports: list[Progress] = []
    renamed = in_stage(reports.append, "fold 1 of 10")
    assert renamed is not None
    epoch = Epoch(1, 0.5, None, None, 0.1)
    renamed(Progress("training", 3, 4, 0.5, epoch, resumed=True))
    assert reports == [Progress("fold 1 of 10", 3, 4, 0.5, epoch, resumed=True)]
    assert in_stage(None, "fold 1 of 10") is None


def test_long_functions_report_progress(tmp_path: Path) -> None:
    path, reports = tmp_path / "drawn.npz", list[pw.Progress]()
    np.savez(path, images=XO.inputs[:, 0], labels=XO.labels)
    data = pw.read_data(path, cache=tmp_path / "cache", on_progress=reports.append)
    net = pw.Network("full", (1, 9, 9), data.classes, preprocessor=data.preprocessor)
    pw.train(net, data.inputs, data.labels, pw.Recipe(epochs=1), on_progress=reports.append)
    pw.dataset_robustness(net, data.inputs[:5], data.labels[:5], on_progress=reports.append)
    pw.find_label_issues(data, layers="full", on_progress=reports.append)
    pw.influential_examples(
        net, data.inputs[:9], data.labels[:9], epochs=1, on_progress=reports.append
    )
    pw.shuffle_test(data, on_progress=reports.append)
    assert {type(report) for report in reports} == {Progress}
    assert all(0 <= report.done <= report.total for report in reports)
    stages = list(dict.fromkeys(re.sub(r"\d+", "n", report.stage) for report in reports))
    assert stages == [
        "checking", "fitting", "training", "measuring", "cross-validation, round n of n",
        "training n nets, each without some examples", "shuffle test",
    ]  # fmt: skip


def test_progress_bar_prints_epochs_without_terminal_and_a_line_in_notebooks() -> None:
    plain = Console(file=io.StringIO(), force_terminal=False, width=80)
    net = pw.Network("full", (1, 9, 9), ("X", "O"))
    with pw.ProgressBar(plain) as bar:
        pw.train(net, XO.inputs, XO.labels, pw.Recipe(epochs=2), (XO.inputs, XO.labels), bar)
    lines = output(plain).splitlines()
    assert [line.split(", ")[0] for line in lines] == ["training: epoch 1", "training: epoch 2"]
    assert all("validation accuracy" in line for line in lines)
    with Meter(plain) as meter:
        pw.train(net, XO.inputs, XO.labels, pw.Recipe(epochs=2), on_progress=meter)
    assert output(plain).splitlines() == lines  # the command line prints lines of its own
    notebook = Console(file=io.StringIO(), force_jupyter=True, width=80)
    pw.ProgressBar(notebook)(Progress("training", 4, 4, 0.25))
    assert "100 %, loss 0.2500" in output(notebook)
