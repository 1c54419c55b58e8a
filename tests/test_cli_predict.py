"""`piecewise predict`: folders, archives, tables and the standard input; CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from piecewise.cli.main import status
from piecewise.cli.prediction_output import spreadsheet_safe
from piecewise.data.dataset import read_data
from piecewise.data.xo import make_xo
from piecewise.network import Network
from piecewise.training.recipe import Recipe
from piecewise.training.train import train

from .steps import HANG

Printed = pytest.CaptureFixture[str]
XO = make_xo(200, size=12, seed=0)
UNSEEN = make_xo(40, size=12, seed=1)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Network("conv 4 3, relu, pool 2, full", (1, 12, 12), ("X", "=O"), 0, XO.preprocessor)
    train(made, XO.inputs, XO.labels, Recipe(epochs=4, learning_rate=0.1))
    made.save(path := tmp_path_factory.mktemp("net") / "net.safetensors")
    return path


@pytest.fixture(scope="module")
def text_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    rows = [f"good {word},yes\nbad {word},no" for word in ("day", "news", "idea", "one", "dog")]
    (table := folder / "words.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    data = read_data(table)
    preprocessor = data.preprocessor
    made = Network("embed 8, pool all kind=average, full", preprocessor.shape, data.classes, 0,
                   preprocessor)  # fmt: skip
    train(made, data.inputs, data.labels, Recipe(epochs=30, learning_rate=0.1))
    made.save(path := folder / "net.safetensors")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures at several depths, with files that are no pictures between them."""
    root = tmp_path / "pictures"
    for number, picture in enumerate(UNSEEN.inputs[:, 0]):
        (parent := root / ["", "a", "a/b", "c"][number % 4]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(parent / f"{number:02}.png")
    (root / "notes.md").write_text("not a picture")
    (root / ".hidden.png").write_text("a system's file")
    (root / "a" / "broken.png").write_text("not a picture")
    (root / "c" / "loop").symlink_to(root, target_is_directory=True)
    return root


def predictions(capsys: Printed) -> dict[str, str | None]:
    output = json.loads(capsys.readouterr().out)
    assert output["schema"] == 1
    return {answer["input"]: answer["predicted"] for answer in output["predictions"]}


def wanted(folder: Path, loaded: Network) -> dict[str, str | None]:
    """The answers of Python, by file."""
    files = [str(one) for one in folder.rglob("[0-9]*.png") if "loop" not in str(one)]
    return dict(zip(files, loaded.predict(loaded.read_inputs(*files)), strict=True))


def test_predict_folder_equals_python(net: Path, folder: Path, capsys: Printed) -> None:
    assert status(["predict", str(net), str(folder), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    answers = {answer["input"]: answer["predicted"] for answer in output["predictions"]}
    assert answers == wanted(folder, Network.load(net))
    assert len(answers) == 40
    assert list(answers) == [str(path) for path in sorted(map(Path, answers), key=order_of(folder))]
    (message,) = output["skipped"]
    assert "broken.png: cannot be read as a picture" in message
    assert status(["predict", str(net), str(folder)]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 40
    assert "skipped: " in printed.err


def test_link_to_itself_is_no_input(net: Path, folder: Path, capsys: Printed) -> None:
    (folder / "a" / "itself.png").symlink_to(folder / "a" / "itself.png")
    assert status(["predict", str(net), str(folder)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 40


def order_of(folder: Path):  # type: ignore[no-untyped-def]
    """The files of a folder come before those of the folders in it."""

    def key(path: Path) -> list[tuple[int, str]]:
        parts = path.relative_to(folder).parts
        return [*((1, part) for part in parts[:-1]), (0, parts[-1])]

    return key


def test_predict_zip_equals_folder(
    net: Path, folder: Path, tmp_path: Path, capsys: Printed
) -> None:
    archive = tmp_path / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*.png")):
            if "loop" not in str(path):
                file.write(path, path.relative_to(folder))
    assert status(["predict", str(net), str(archive), "--json"]) == 0
    answers = predictions(capsys)
    by_file = wanted(folder, Network.load(net))
    assert answers == {
        f"{archive}: {Path(name).relative_to(folder)}": answer for name, answer in by_file.items()
    }


def test_predict_csv_is_safe_and_reads_back(net: Path, folder: Path, tmp_path: Path) -> None:
    (folder / "00.png").rename(folder / 'é, "q"\n.png')
    output, loaded = tmp_path / "predictions.csv", Network.load(net)
    assert status(["predict", str(net), str(folder), "-o", str(output)]) == 0
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["input", "predicted", "probability", "warning", "p_X", "p_=O"]
    assert {row["predicted"] for row in rows} == {"X", "'=O"}
    answers = {row["input"]: row["predicted"].removeprefix("'") for row in rows}
    files = list(answers)
    assert answers == dict(zip(files, loaded.predict(loaded.read_inputs(*files)), strict=True))
    probabilities = loaded.probabilities(loaded.read_inputs(*files))
    written = np.array([[float(row["p_X"]), float(row["p_=O"])] for row in rows])
    np.testing.assert_allclose(written, probabilities, rtol=1e-5)
    assert [float(row["probability"]) for row in rows] == written.max(axis=1).tolist()


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@a", "\tx", "\r=x", "\n=x", "'=x", "a=b", "", "1.5"]
)
def test_spreadsheet_safe_is_reversible(text: str) -> None:
    safe = spreadsheet_safe(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert (safe[1:] if safe.startswith("'") else safe) == text


def test_predict_table_answers_a_row_each(text_net: Path, tmp_path: Path, capsys: Printed) -> None:
    table = tmp_path / "new.csv"
    table.write_text("id,text\n1,good cat\n2,\n3,bad cat\n4,=good one\n")
    assert status(["predict", str(text_net), str(table), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    got = [(one["input"], one["text"], one["predicted"]) for one in output["predictions"]]
    assert got == [
        (f"{table}: line 2", "good cat", "yes"),
        (f"{table}: line 3", "", None),
        (f"{table}: line 4", "bad cat", "no"),
        (f"{table}: line 5", "=good one", "yes"),
    ]
    assert [one["warning"] for one in output["predictions"]][:2] == [None, "there is no text in it"]
    assert output["skipped"] == []
    written = tmp_path / "predictions.csv"
    assert status(["predict", str(text_net), str(table), "-o", str(written)]) == 0
    rows = list(csv.DictReader(io.StringIO(written.read_text())))
    assert [row["text"] for row in rows] == ["good cat", "", "bad cat", "'=good one"]
    assert [row["predicted"] for row in rows] == ["yes", "", "no", "yes"]
    assert [row["warning"] for row in rows] == ["", "there is no text in it", "", ""]
    lines = tmp_path / "new.jsonl"
    lines.write_text('{"text": "good cat"}\n{"text": "bad cat", "label": null}\n{"text": null}\n')
    assert status(["predict", str(text_net), str(lines), "-o", str(written)]) == 0
    assert [row["predicted"] for row in csv.DictReader(io.StringIO(written.read_text()))] == [
        "yes",
        "no",
        "",
    ]
    assert "line 3: a doubtful answer: there is no text in it" in capsys.readouterr().err
    table.write_text("id,text\n1,\n2,  \n")
    assert status(["predict", str(text_net), str(table)]) == 1
    wanted = f"{table}: line 2: there is no text, nor in any other record\n"
    assert capsys.readouterr().err.endswith(wanted)


def test_predict_standard_input(
    net: Path, text_net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    def piped(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    piped(b"good dog\r\n\nbad dog\n\xff\xfe\xfa\ngood last")
    assert status(["predict", str(text_net), "-", "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    got = [(one["input"], one["text"], one["predicted"]) for one in output["predictions"]]
    assert got == [
        ("line 1", "good dog", "yes"),
        ("line 3", "bad dog", "no"),
        ("line 5", "good last", "yes"),
    ]
    assert output["skipped"][0].startswith("standard input: line 4: ")
    Image.fromarray(UNSEEN.inputs[0, 0]).save(picture := tmp_path / "one.png")
    piped(picture.read_bytes())
    assert status(["predict", str(net), "-", str(picture), "--json"]) == 0
    answers = predictions(capsys)
    assert answers["-"] == answers[str(picture)]
    for path, words in ((net, "it is empty"), (text_net, "standard input: it is empty")):
        piped(b"")
        assert status(["predict", str(path), "-"]) == 1
        assert words in capsys.readouterr().err
    assert status(["predict", str(net), "-", "-"]) == 2


def test_predict_long_standard_input_is_bounded(
    text_net: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a" * 5_000_000)))
    assert status(["predict", str(text_net), "-"]) == 1
    assert "wanted one text a line" in capsys.readouterr().err


def test_predict_output_is_written_whole_or_not_at_all(
    net: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    output = tmp_path / "predictions.jsonl"
    command = ["predict", str(net), str(folder), "-o", str(output)]
    assert status(command) == 0
    before = output.read_bytes()
    lines = [json.loads(line) for line in before.splitlines()]
    assert {line["input"]: line["predicted"] for line in lines} == wanted(folder, Network.load(net))
    assert "wrote 40 predictions" in capsys.readouterr().err

    monkeypatch.setattr("piecewise.cli.predict.BATCH", 16)
    logits, calls = Network.logits, []

    def interrupted_logits(self: Network, inputs: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return logits(self, inputs)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "logits", interrupted_logits)
    assert status(command) == 130
    assert len(calls) == 2
    assert output.read_bytes() == before
    kept = [f"predictions.jsonl{suffix}" for suffix in ("", ".partial", ".partial.json")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures", *kept]


@pytest.mark.parametrize("batch", [1, 16, 1_024])
def test_predict_batches_do_not_change_answers(
    net: Path, folder: Path, batch: int, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr("piecewise.cli.predict.BATCH", batch)
    assert status(["predict", str(net), str(folder), "--json"]) == 0
    assert predictions(capsys) == wanted(folder, Network.load(net))


def test_predict_refuses_wrong_outputs(net: Path, folder: Path, capsys: Printed) -> None:
    mine = folder / "table.csv"
    mine.write_text("my,own\n1,2\n")
    for arguments, code, words in (
        (["-o", "x.txt"], 2, "wanted a name ending in .csv, .jsonl or .parquet"),
        (["-o", "x.csv", "--json"], 2, "leave out --output"),
        (["-o", str(mine)], 1, "piecewise did not write it"),
        (["-o", str(folder / "no" / "x.csv")], 1, "in an existing folder"),
    ):
        assert status(["predict", str(net), str(folder), *arguments]) == code
        assert words in capsys.readouterr().err
    assert mine.read_text() == "my,own\n1,2\n"


def test_predict_sources_without_inputs(
    net: Path, text_net: Path, tmp_path: Path, capsys: Printed
) -> None:
    (tmp_path / "a.csv").write_text("text\nhello\n")
    (empty := tmp_path / "empty").mkdir()
    (unreadable := tmp_path / "unreadable").mkdir()
    (unreadable / "x.png").write_text("no picture")
    np.savez(arrays := tmp_path / "a.npz", images=XO.inputs[:, 0])
    output = tmp_path / "out.csv"
    for path, source, words in (
        (net, tmp_path / "a.csv", "got a table of texts, wanted pictures for this net"),
        (net, empty, "no pictures in it"),
        (net, unreadable, "cannot be read as a picture"),
        (net, arrays, "an .npz of arrays, wanted files"),
        (text_net, empty, "no texts in it, wanted files of these kinds: txt"),
    ):
        assert status(["predict", str(path), str(source), "-o", str(output)]) == 1
        assert words in capsys.readouterr().err
        assert not output.exists()


def test_predict_ctrl_c_leaves_nothing_behind(net: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    command = [sys.executable, "-m", "piecewise", "predict", str(net), "-", "-o", str(output)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not list(tmp_path.glob(".out.csv.*")):  # it waits for its input
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=HANG)
    assert process.returncode == 130
    assert messages.strip() == "piecewise: interrupted"
    assert sorted(path.name for path in tmp_path.iterdir()) == []
