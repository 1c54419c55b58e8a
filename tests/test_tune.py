"""The search of layers and hyperparameters: its space, its trials, and how they are kept."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from socket import gethostname
from typing import Any

import numpy as np
import pytest

pytest.importorskip("optuna", reason="the search is an extra")

import optuna
from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

import piecewise as pw
from piecewise.cli.main import status
from piecewise.spec.architecture import Architecture
from piecewise.training.experiment import TrainingResult
from piecewise.tuning.picture import is_own_report, tuning_html, tuning_png
from piecewise.tuning.search_space import block_layers, most_blocks
from piecewise.tuning.study import _storage, finished_trials, next_trial, open_study
from piecewise.tuning.tune import TunedTrial, TuningResult, tune

from .long import now_and_long


@pytest.fixture(scope="module")
def data() -> pw.Dataset:
    xo = pw.make_xo(90, 9, seed=0)
    splits = np.array(["train"] * 60 + ["test"] * 30)
    return pw.Dataset(xo.inputs, xo.labels, ("X", "O"), splits, xo.preprocessor)


def search(data: pw.Dataset, folder: Path, trials: int = 3, **options: Any) -> TuningResult:
    chosen = {"storage": str(folder / "trials.db"), "epochs": 2, "effort": "quick", **options}
    return tune(data, trials, **chosen)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 9, 64), (1, 32, 32), (2, 65, 33)])
def test_all_nets_of_blocks_fit_their_input(shape: tuple[int, int, int]) -> None:
    for blocks in range(1, most_blocks(shape) + 1):
        for head in ("full", "hidden", "mean"):
            for kernel, convolutions, norm, dropout in ((3, 1, True, 0.0), (5, 2, False, 0.5)):
                layers = block_layers(shape, blocks, 8, convolutions, kernel=kernel, norm=norm,
                                      head=head, dropout=dropout)  # fmt: skip
                assert Architecture(layers, shape, 3).parameter_count


def test_same_seed_gives_same_trials_and_net(data: pw.Dataset, tmp_path: Path) -> None:
    results = []
    for name, threads in (("a", 1), ("b", 2), ("c", 1)):
        (tmp_path / name).mkdir()
        seed = 5 if name == "c" else 0
        results.append(search(data, tmp_path / name, 4, threads=threads, seed=seed))
    first, same, other = results
    assert first.trials == same.trials
    assert first.training.net.parameters_sha256 == same.training.net.parameters_sha256
    assert [one.values for one in first.trials] != [one.values for one in other.trials]
    assert first.trials[0].values["net"] == "default"
    assert first.trials[0].values["learning_rate_factor"] == 1.0
    complete = [one.loss for one in first.trials if one.loss is not None]
    assert first.best.loss == min(complete)
    assert set(first.training.scores) == {"folds", "test"}


def test_search_goes_on_where_it_was_stopped(data: pw.Dataset, tmp_path: Path) -> None:
    straight = search(data, tmp_path, 4, storage=str(tmp_path / "straight.log"))

    def stop(trial: TunedTrial) -> None:
        if trial.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(data, tmp_path, 4, on_trial=stop)
    resumed = search(data, tmp_path, 4)
    assert [one.number for one in resumed.trials] == [1, 2, 3, 4]
    assert resumed.trials == straight.trials
    again = search(data, tmp_path, 4)
    assert again.trials == resumed.trials
    assert again.training.net.parameters_sha256 == resumed.training.net.parameters_sha256


def test_trial_that_was_interrupted_is_run_again(data: pw.Dataset, tmp_path: Path) -> None:
    def stop(progress: pw.Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(data, tmp_path, 2, on_progress=stop)
    result = search(data, tmp_path, 2)
    assert len(result.trials) == 2
    assert result.trials[0].values["learning_rate_factor"] == 1.0


def test_processes_with_one_study_run_different_trials(tmp_path: Path) -> None:
    defaults = [{"rate": 0.5}]
    studies = [open_study(str(tmp_path / "t.db"), "one", "data") for _ in range(2)]
    rows = []
    for _ in range(3):  # the processes ask at the same time, before any trial is finished
        trials = [next_trial(study, 0, defaults) for study in studies]
        rows += [trial.suggest_float("rate", 0, 1) for trial in trials]
    assert rows[0] == 0.5
    assert len(set(rows)) == 6
    alone = open_study(str(tmp_path / "alone.db"), "one", "data")
    again = [next_trial(alone, 0, defaults).suggest_float("rate", 0, 1) for _ in range(6)]
    assert again == rows


def test_processes_that_begin_at_the_same_instant_run_the_default_once(tmp_path: Path) -> None:
    defaults = [{"rate": 0.5}]
    first, second = (open_study(str(tmp_path / "t.db"), "one", "data") for _ in range(2))
    rows, enqueue = list[float](), first.enqueue_trial

    def enqueue_late(*values: Any) -> None:  # the other process comes between look and claim
        rows.append(next_trial(second, 0, defaults).suggest_float("rate", 0, 1))
        enqueue(*values)

    first.enqueue_trial = enqueue_late  # type: ignore[method-assign, assignment]
    rows.append(next_trial(first, 0, defaults).suggest_float("rate", 0, 1))
    assert rows[0] == 0.5
    assert rows[1] != 0.5
    assert [one.state.name for one in first.get_trials()] == ["RUNNING", "FAIL", "RUNNING"]


def test_default_of_a_killed_process_is_run_again(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    study = open_study(str(tmp_path / "t.db"), "one", "data")
    first = next_trial(study, 0, [{"rate": 0.5}])
    first.set_user_attr("piecewise process", [gethostname(), int(done.stdout)])
    assert next_trial(study, 0, [{"rate": 0.5}]).suggest_float("rate", 0, 1) == 0.5
    assert next_trial(study, 0, [{"rate": 0.5}]).suggest_float("rate", 0, 1) != 0.5


def test_test_split_is_not_used_by_trials(data: pw.Dataset, tmp_path: Path) -> None:
    shuffled = data.labels.copy()
    shuffled[60:] = 1 - shuffled[60:]
    other = pw.Dataset(data.inputs, shuffled, data.classes, data.splits, data.preprocessor)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    results = [search(data, tmp_path / "a"), search(other, tmp_path / "b")]
    assert results[0].trials == results[1].trials
    accuracies = [one.training.scores["test"].accuracy for one in results]
    assert accuracies[0] == pytest.approx(1 - accuracies[1])


def test_what_is_set_is_not_searched(data: pw.Dataset, tmp_path: Path) -> None:
    result = search(data, tmp_path, layers="conv 4 3, relu, full", learning_rate=0.02,
                    batch_size=16, optimizer="sgd", weight_decay=0.0)  # fmt: skip
    assert {one.layers for one in result.trials} == {"conv 4 3, relu, full"}
    for one in result.trials:
        assert not one.values.keys() & {"learning_rate_factor", "optimizer", "batch_size"}
    net = result.training.net
    assert (net.recipe["learning_rate"], net.recipe["batch_size"]) == (0.02, 16)


def test_study_of_other_data_is_refused(data: pw.Dataset, tmp_path: Path) -> None:
    search(data, tmp_path, 1)
    other = pw.Dataset(255 - data.inputs, data.labels, data.classes, data.splits,
                       data.preprocessor)  # fmt: skip
    with pytest.raises(pw.DataError, match="other data or options"):
        search(other, tmp_path, 1)
    assert search(other, tmp_path, 1, study="another").trials


@pytest.mark.parametrize("storage", ["none/trials.db", "none/trials.log", "wrong://x", "net.db"])
def test_storage_that_cannot_be_used_is_an_error(
    data: pw.Dataset, tmp_path: Path, storage: str
) -> None:
    (tmp_path / "net.db").write_bytes(b"no database at all" * 100)
    given = storage if "://" in storage else str(tmp_path / storage)
    with pytest.raises(pw.DataError, match="cannot be used for a study"):
        search(data, tmp_path, 1, storage=given)


@pytest.mark.parametrize("content", ["begin\n", "{}\n", "[1]\n", "3\n", "[" * 70_000])
def test_log_that_is_no_journal_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.log").write_text(content)
    with pytest.raises(pw.DataError, match=r"x\.log.*is not a journal of trials"):
        open_study(str(tmp_path / "x.log"), "one", "data")
    assert [one.name for one in tmp_path.iterdir()] == ["x.log"]
    assert (tmp_path / "x.log").read_text() == content


def test_messages_hide_password_of_storage(data: pw.Dataset, tmp_path: Path) -> None:
    with pytest.raises(pw.PiecewiseError, match="none://me:") as caught:
        search(data, tmp_path, storage="none://me:secret@host/study")
    assert "secret" not in str(caught.value)


def test_report_in_missing_folder_is_refused_before_the_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "none" / "report.html"
    arguments = ["tune", "missing", "-o", str(tmp_path / "n.safetensors"), "--report", str(report)]
    assert status(arguments) == 1
    assert "wanted the name of a file in an existing folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["notes.html", "photo.png"])
def test_file_of_others_is_not_replaced_by_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "photo.png")
    (tmp_path / "notes.html").write_text("<!doctype html><p>mine")
    before = (tmp_path / name).read_bytes()
    arguments = ["tune", "missing", "-o", str(tmp_path / "n.safetensors")]
    assert status([*arguments, "--report", str(tmp_path / name)]) == 1
    assert "piecewise did not write it" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == before


def test_no_time_is_an_error_that_says_so(data: pw.Dataset, tmp_path: Path) -> None:
    with pytest.raises(pw.DataError, match="no trial is complete yet"):
        search(data, tmp_path, 3, seconds=0)


def test_texts_are_searched(tmp_path: Path) -> None:
    texts = [f"{word} film {number}" for number in range(12) for word in ("good", "bad")]
    table = tmp_path / "texts.csv"
    table.write_text("text,label\n" + "".join(
        f"{text},{'yes' if text.startswith('good') else 'no'}\n" for text in texts))  # fmt: skip
    result = tune(table, 3, storage=str(tmp_path / "t.db"), effort="quick")
    assert result.best.accuracy is not None
    assert result.training.net.predict(["good film 3"]) == ["yes"]


def test_command_saves_net_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    xo = pw.make_xo(40, 9, seed=0)
    np.savez(tmp_path / "xo.npz", images=xo.inputs[:, 0], labels=xo.labels)
    net, report, picture = (tmp_path / one for one in ("net.safetensors", "r.html", "r.png"))
    arguments = ["tune", str(tmp_path / "xo.npz"), "-o", str(net), "--trials", "2", "--effort",
                 "quick", "--layers", "full"]  # fmt: skip
    reports = ["--report", str(report), "--report", str(picture)]
    assert status([*arguments, *reports, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["parameters_sha256"] == pw.load(net).parameters_sha256
    assert len(values["trials"]) == 2
    assert pw.load(net).training_summary["tuning"]["best"] == values["best"]
    assert (tmp_path / "net.tuning.db").is_file()
    page = report.read_text()
    assert "<svg" in page
    assert "<script" not in page
    assert is_own_report(report)
    assert is_own_report(picture)
    assert status(arguments) == 2  # the net exists
    assert status(["tune", "x", "-o", "y.safetensors", "--report", "page.pdf"]) == 2


@pytest.fixture
def result() -> TuningResult:
    """Three complete trials, the second of which is the best, and a stopped one."""
    trials = [TunedTrial(number, {"net": "<b>", "rate": rate, **more}, "full", loss, 0.9, 20)
              for number, rate, loss, more in ((1, 0.1, 0.5, {}), (2, 0.4, 0.2, {"blocks": 3}),
                                               (3, 0.2, 0.4, {"blocks": 1}))]  # fmt: skip
    trials.append(TunedTrial(4, {"net": "x", "rate": 0.3}, "full", None, None, 0))
    net = pw.Network("full", (1, 2, 2), 2)
    return TuningResult(TrainingResult(net), trials[1], trials, {"rate": 0.75})


def test_page_shows_every_complete_trial_and_no_markup_of_names(result: TuningResult) -> None:
    page = tuning_html(result, "<i>data</i>")
    assert page.count('<polyline class="trial') == 3
    assert page.count('class="trial best"') == 1
    assert "75 %" in page
    assert "<b>" not in page
    assert "<i>data" not in page


def test_picture_shows_every_complete_trial(result: TuningResult) -> None:
    def colours(shown: TuningResult) -> Counter[tuple[int, ...]]:
        with Image.open(io.BytesIO(tuning_png(shown, "data"))) as image:
            pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
        found, counts = np.unique(pixels, axis=0, return_counts=True)
        return Counter(dict(zip(map(tuple, found.tolist()), counts.tolist(), strict=True)))

    best, good, other = (0xB8, 0x4A, 0), (0x14, 0x63, 0xA5), (0xB3, 0xCB, 0xDF)
    found = colours(result)
    assert found[best] > found[other] > 100
    assert found[good] > 20_000  # the bar of the importance
    without = replace(result, importances={}, trials=[result.best, result.trials[0]])
    few = colours(without)
    assert good not in few
    assert few[other] < found[other]


KILLS = [(2, "tuning.db"), (20, "tuning.db"), (20, "tuning.log")]


@pytest.mark.parametrize(("kills", "storage"), now_and_long(KILLS, KILLS[:1]))
def test_killed_search_loses_no_finished_trial(tmp_path: Path, kills: int, storage: str) -> None:
    xo = pw.make_xo(200, 16, seed=0)
    np.savez(tmp_path / "xo.npz", images=xo.inputs[:, 0], labels=xo.labels)
    command = [sys.executable, "-m", "piecewise", "tune", "xo.npz", "-o", "net.safetensors",
               "--storage", storage, "--effort", "quick", "--trials"]  # fmt: skip

    def finished() -> dict[int, float | None]:
        path = tmp_path / storage
        if not path.exists() or not path.stat().st_size:
            return {}
        try:
            study = optuna.load_study(storage=_storage(str(path)), study_name="piecewise")
        except (KeyError, SQLAlchemyError):  # the first process makes it
            return {}
        return {one.number: one.value for one in finished_trials(study)}

    known = dict[int, float | None]()
    for number in range(kills):
        runs = [subprocess.Popen([*command, "1000"], cwd=tmp_path)
                for _ in range(1 + number % 2)]  # fmt: skip
        while finished().keys() <= known.keys():
            assert all(run.poll() is None for run in runs)
            time.sleep(0.02 * number)
        known = finished()
        for run in runs:
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
        kept = finished()
        assert kept.items() >= known.items()
        known = kept
    done = subprocess.run([*command, str(len(known))], cwd=tmp_path, check=False)
    assert done.returncode == 0
    summary = pw.load(tmp_path / "net.safetensors").training_summary["tuning"]
    assert summary["trials"] == len(known) >= kills
