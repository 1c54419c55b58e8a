"""The benchmark of accuracy: which data sets it takes, what it measures, and its table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import accuracy, accuracy_report

from piecewise.data.xo import make_xo

ROOT = Path(__file__).parents[1]
SCRIPTS = ("accuracy", "compile_time", "piecewise_worker", "training_time", "waits")


def save_drawings(path: Path, count: int, tests: int) -> None:
    drawings = make_xo(count, 12, seed=0)
    arrays: dict[str, Any] = {"images": drawings.inputs[:, 0], "labels": drawings.labels}
    if tests:
        arrays["is_test"] = np.arange(count) >= count - tests
    np.savez(path, class_names=["X", "O"], **arrays)


def run(**values: Any) -> dict[str, Any]:
    return {"accuracy": 0.9, "macro_f1": 0.8, "linear": 0.7, "layers": "full", "seconds": 3.0,
            **values}  # fmt: skip


def row(**values: Any) -> dict[str, Any]:
    return {
        "data": "a.npz", "kind": "pictures", "classes": 2, "training": 100, "test": 50, "folds": 0,
        "runs": [run()], "simple": {"model": "SVC on pixels", "accuracy": 0.95, "seconds": 1.0},
        "command": "piecewise train a.npz -o net.safetensors --seed 0", **values,
    }  # fmt: skip


def test_folder_of_data_sets_is_measured_without_scikit_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    folder, saved = tmp_path / "sets", tmp_path / "made" / "results.json"
    folder.mkdir()
    save_drawings(folder / "with test.npz", 90, 30)
    save_drawings(folder / "in-folds.npz", 60, 0)
    (folder / "notes.md").write_text("no data")
    page = tmp_path / "accuracy.md"
    arguments = ["--effort", "quick", "--seeds", "1", "--json", str(saved), "--write", str(page)]
    assert accuracy.main([str(folder), *arguments]) == 0
    out, err = capsys.readouterr()
    assert "skipped: " in err
    assert "notes.md: .md files are not read" in err
    rows = json.loads(saved.read_text())["rows"]
    assert [(one["data"], one["training"], one["test"], one["folds"]) for one in rows] == [
        ("in-folds.npz", 60, 0, 5), ("with test.npz", 60, 30, 0),
    ]  # fmt: skip
    assert all(one["runs"][0]["accuracy"] > 0.9 and one["runs"][0]["seconds"] > 0 for one in rows)
    assert all(one["simple"] is None for one in rows)
    command = "piecewise train 'with test.npz' -o net.safetensors --effort quick --seed 0"
    assert command in out
    assert str(tmp_path) not in page.read_text()
    assert out.strip() in page.read_text()


def test_many_examples_without_test_split_are_scored_in_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`piecewise train` itself would hold out a validation split, which also chooses the net."""
    save_drawings(tmp_path / "many.npz", 500, 0)
    options: list[list[str]] = []

    def train(_: Path, given: list[str], scored: str) -> dict[str, Any]:
        options.append([*given, scored])
        return run()

    monkeypatch.setattr(accuracy, "train", train)
    monkeypatch.setattr(accuracy, "simple_score", lambda *_: None)
    measured = accuracy.measure_data_set(tmp_path / "many.npz", 2, "quick")
    assert options == [
        ["--effort", "quick", "--folds", "5", "--seed", seed, "folds"] for seed in "01"
    ]
    assert measured["folds"] == 5


@pytest.mark.parametrize("arguments", [["none"], ["notes.md"], ["empty"], ["--read", "none"],
                                       ["--read", "notes.md"]])  # fmt: skip
def test_unreadable_path_is_one_sentence(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("no data")
    monkeypatch.chdir(tmp_path)
    assert accuracy.main(arguments) == 1
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith(f"{arguments[-1]}: ")
    assert len(err.splitlines()) == 1


def test_page_without_marks_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_drawings(tmp_path / "a.npz", 60, 0)
    page = tmp_path / "page.md"
    page.write_text("my notes")
    assert accuracy.main([str(tmp_path / "a.npz"), "--write", str(page)]) == 1
    assert capsys.readouterr().err.startswith(f"{page}: wanted a page with one line")
    assert page.read_text() == "my notes"
    assert accuracy.main([str(tmp_path / "a.npz"), "--write", str(tmp_path / "no" / "page")]) == 1


def test_failed_training_is_left_out_with_its_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "one-class.npz"
    np.savez(path, images=make_xo(20, 12, seed=0).inputs[:, 0], labels=np.zeros(20, int))
    assert accuracy.main([str(path), "--seeds", "1"]) == 1
    assert "left out: " in (err := capsys.readouterr().err)
    assert "Traceback" not in err


def test_cells_show_mean_and_range_of_the_seeds() -> None:
    runs = [run(accuracy=0.9, seconds=2.0), run(accuracy=0.95, seconds=5.0)]
    assert accuracy_report.cells(row(runs=runs)) == [
        "a.npz", "100", "test, 50", "2", "2", "**92.5 (90.0 to 95.0)**", "0.800", "70.0", "95.0",
        "4",
    ]  # fmt: skip
    bare = row(data="a|b", runs=[run(linear=None)], simple=None, test=0, training=6_000, folds=5)
    assert accuracy_report.cells(bare) == [
        "a\\|b", "6,000", "5 folds", "2", "1", "**90.00**", "0.800", "-", "-", "3",
    ]  # fmt: skip


def test_results_of_several_files_are_read_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = {"seeds": 1, "effort": "normal", "machine": {}, "versions": {}, "commit": None}
    for name in ("a", "b"):
        results = {"header": header, "rows": [row(data=f"{name}.npz")]}
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    assert accuracy.main(["--read", str(tmp_path / "b.json"), str(tmp_path / "a.json")]) == 0
    out = capsys.readouterr().out
    assert 0 < out.index("| b.npz |") < out.index("| a.npz |")


def test_accuracy_page_matches_results_file(tmp_path: Path) -> None:
    results, page = ROOT / "benchmarks" / "accuracy.json", tmp_path / "accuracy.md"
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    accuracy_report.write(json.loads(results.read_text(encoding="utf-8")), page)
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_of_every_script(script: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{script}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m benchmarks.{script}")


@pytest.mark.parametrize("arguments", [[], ["a", "--read", "b"], ["a", "--seeds", "0"],
                                       ["a", "--seeds", "x"]])  # fmt: skip
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        accuracy.main(arguments)
    assert "wanted " in capsys.readouterr().err
