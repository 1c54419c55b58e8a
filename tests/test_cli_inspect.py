"""`piecewise inspect`, as users call it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from piecewise.cli.data_report_text import report_lines
from piecewise.cli.main import status
from piecewise.data.dataset import read_data
from piecewise.data.inspection.findings import Finding
from piecewise.data.inspection.report import inspect_data
from piecewise.data.xo import make_xo

Printed = pytest.CaptureFixture[str]
RNG = np.random.default_rng(6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images in splits, with one fault of each kind."""
    path = tmp_path_factory.mktemp("data set")
    drawn = make_xo(100, size=20, seed=1)
    for number, (picture, label) in enumerate(zip(drawn.inputs, drawn.labels, strict=True)):
        home = path / ("test" if number >= 80 else "train") / drawn.classes[label]
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[0]).save(home / f"{number}.png")
    first = Image.fromarray(drawn.inputs[0, 0])
    first.save(path / "test" / "X" / "a-name-that-is-very-long-and-goes-on-and-on-until-leak.png")
    first.save(path / "train" / "O" / "clash.png")
    for place in ("train/lonely", "test/untaught"):
        (path / place).mkdir()
        Image.fromarray(255 - drawn.inputs[1, 0].T).save(path / place / "one.png")
    for number in range(10):
        (path / "train" / "X" / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    return path


@pytest.mark.parametrize("width", ["80", "50"])
def test_report_fits_width_and_lists_serious_findings_first(
    folder: Path, width: str, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    assert status(["inspect", str(folder)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    fitting = [line for line in lines if str(folder.parent) not in line]  # no break within a path
    assert max(map(len, fitting)) <= int(width)
    assert printed.err == ""
    marks = [line[:2] for line in lines if line[:2] in ("! ", "- ")]
    assert marks == sorted(marks)  # serious before notes
    assert marks.count("! ") == 4  # across, clash, untaught, one
    assert lines.index(next(line for line in lines if line.startswith("class "))) > 4
    page = " ".join(printed.out.split())
    for expected in (
        "leak.png",
        "clash.png (O)",
        "'untaught'",
        "'lonely'",
        "broken0.png",
        "and 2 more",
    ):
        assert expected in page, expected


def test_pairs_use_symbol_of_finding(tmp_path: Path) -> None:
    np.savez(tmp_path / "xo.npz", images=RNG.integers(0, 256, (20, 8, 8)), labels=np.arange(20) % 2)
    found = inspect_data(read_data(tmp_path / "xo.npz"))
    pairs = (("a", "b"), ("long " * 9, "c"))
    near = Finding("of any name", True, 7, "pairs", "do", pairs, "~")
    other = Finding("nearby", True, 2, "named", "", pairs)
    lines = list(report_lines(replace(found, findings=(near, other)), 40))
    shown = [
        "! pairs.",
        "    a ~ b",
        f"    ...{('long ' * 9)[-33:]}",
        "  ~ c",
        "    ...",
        "  > do.",
    ]
    assert lines[: len(shown) + 2] == [*shown, "! named.", ""]
    assert set(near.to_json()) == {"kind", "serious", "count", "message", "advice", "examples"}


def test_json_keys_are_fixed(folder: Path, capsys: Printed) -> None:
    assert status(["inspect", str(folder), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert set(output) == {
        "schema", "modality", "preprocessing", "source", "examples", "splits", "classes", "sizes",
        "skipped", "duplicates",
        "largest_class", "baseline_accuracy", "findings",
    }  # fmt: skip
    assert output["schema"] == 1
    assert output["skipped"]["count"] == 10
    assert len(output["skipped"]["first"]) == 8
    assert output["classes"]["untaught"] == {"train": 0, "test": 1}
    assert output["duplicates"]["exact"] == {
        "duplicates": 3, "label_conflicts": 2, "split_leaks": 2,
    }  # fmt: skip
    kinds = [one["kind"] for one in output["findings"]]
    assert kinds == [
        "split-leak",
        "label-conflict",
        "no-training-examples",
        "single-example",
        "no-test-examples",
        "class-imbalance",
    ]
    assert set(output["findings"][0]) == {
        "kind", "serious", "count", "message", "advice", "examples",
    }  # fmt: skip


def test_shuffle_test_runs_on_request_only(tmp_path: Path, capsys: Printed) -> None:
    drawn, file = make_xo(300, size=12, seed=0), tmp_path / "xo.npz"
    np.savez(file, images=drawn.inputs[:, 0], labels=drawn.labels, writer=np.arange(300) // 10,
             class_names=["X", "O"])  # fmt: skip
    assert status(["inspect", str(file), "--shuffle-test", "--json"]) == 0
    output = json.loads(capsys.readouterr().out)["shuffle_test"]
    assert output["n"] == 300
    assert len(output["interval"]) == 2
    assert status(["inspect", str(file), "--shuffle-test", "--groups", "writer"]) == 0
    page = capsys.readouterr().out
    assert "shuffle test: " in page
    assert "the data suggest" not in page  # they are named
    assert status(["inspect", str(file), "--image-size", "8"]) == 0
    page = capsys.readouterr().out
    assert "input      1x8x8" in page
    assert "--groups 'writer'" in page
    assert "shuffle test" not in page


def test_control_characters_in_names_are_replaced(tmp_path: Path, capsys: Printed) -> None:
    table = tmp_path / "texts.csv"
    table.write_text("text,label\n" + "one two,\x1b[31mred\nthree four,[bold]\n" * 3)
    assert status(["inspect", str(table)]) == 0
    page = capsys.readouterr().out
    assert "\x1b" not in page
    assert "?[31mred" in page
    assert "[bold]" in page


def test_unreadable_data_is_reported(tmp_path: Path, capsys: Printed) -> None:
    assert status(["inspect", str(tmp_path / "nothing.npz")]) == 1
    assert "nothing.npz" in capsys.readouterr().err
    assert status(["inspect", str(tmp_path), "--image-size", "0"]) == 2
    assert "--image-size" in capsys.readouterr().err


def test_train_warns_of_duplicates_and_groups(tmp_path: Path, capsys: Printed) -> None:
    drawn, file = make_xo(60, size=12, seed=0), tmp_path / "xo.npz"
    pictures = np.concatenate((drawn.inputs, drawn.inputs[:3]))[:, 0]
    labels = np.append(drawn.labels, drawn.labels[:3])
    np.savez(file, images=pictures, labels=labels, writer=np.arange(63) // 6,
             class_names=["X", "O"], is_test=np.arange(63) >= 50)  # fmt: skip
    little = ["-o", str(tmp_path / "net"), "--layers", "full", "--epochs", "1", "--force"]
    assert status(["train", str(file), *little]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(said) == 2  # repeats, groups on both sides
    assert said[0].startswith("warning: 3 examples for testing or validation duplicate")
    assert said[-1].endswith("--groups 'writer' --folds groups")
    assert status(["inspect", str(file)]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "validate with --groups 'writer' --folds groups." in page
    np.savez(file, images=drawn.inputs[:, 0], labels=drawn.labels, class_names=["X", "O"])
    assert status(["train", str(file), *little]) == 0
    assert "warning" not in capsys.readouterr().err
