"""`piecewise predict -o FILE` continues after an interruption, with the same bytes at the end."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from piecewise.cli import partial_predictions
from piecewise.cli.main import status
from piecewise.core.array_types import Float32, Uint8
from piecewise.core.atomic_write import remove_leftovers
from piecewise.core.errors import DataError
from piecewise.core.locks import lock
from piecewise.core.progress import Progress
from piecewise.data.loading.loader import DatasetLoader
from piecewise.data.sources.unlabelled import listed_inputs
from piecewise.data.xo import make_xo
from piecewise.network import Network
from piecewise.spec.calibration import Calibration

from .steps import HANG

Printed = pytest.CaptureFixture[str]
SUFFIXES = ["csv", "jsonl"] + ["parquet"] * (importlib.util.find_spec("pyarrow") is not None)
XO = make_xo(90, size=12, seed=1)
SOURCE = Path(partial_predictions.__file__).parents[2]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    made = Network("conv 4 3, relu, pool 2, full", (1, 12, 12), ("X", "O"), 0, XO.preprocessor)
    made.save(path := tmp_path / "net.safetensors")
    return path


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A zip of 50 pictures, a file, a broken file, and a folder of 38 pictures and a broken one."""
    monkeypatch.setattr("piecewise.cli.predict.BATCH", 16)
    files = []
    for number, picture in enumerate(XO.inputs[:, 0]):
        parent = tmp_path / ("packed" if number < 50 else "pictures" if number < 88 else ".")
        parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(file := parent / f"{number:02}.png")
        files.append(file)
    with zipfile.ZipFile(archive := tmp_path / "packed.zip", "w") as packed:
        for path in files[:50]:
            packed.write(path, path.name)
    (tmp_path / "pictures" / "70broken.png").write_text("not a picture")
    (broken := tmp_path / "broken.png").write_text("not a picture")
    return [str(one) for one in (archive, files[88], broken, tmp_path / "pictures")]


class Interrupt:
    """Raises an error in, or calls a function at, a batch that is predicted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plan(-1, ctrl_c)
        self.logits = Network.logits

        def run(net: Network, inputs: Uint8) -> Float32:
            self.calls += 1
            if self.calls == self.at:
                self.act()
            return self.logits(net, inputs)

        monkeypatch.setattr(Network, "logits", run)

    def plan(self, at: int, act: Callable[[], None]) -> None:
        self.calls, self.at, self.act = 0, at, act


def ctrl_c() -> None:
    raise KeyboardInterrupt


def names(folder: Path, output: Path) -> list[str]:
    """The suffixes of what is there of a prediction file."""
    return sorted(
        path.name.replace(output.name, "") for path in folder.iterdir() if output.name in path.name
    )


def predicted(command: list[str], capsys: Printed) -> tuple[int, str]:
    code = status(command)
    return code, capsys.readouterr().err


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ctrl_c_at_every_batch_continues_with_the_same_bytes(
    net: Path, sources: list[str], suffix: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: Printed,
) -> None:  # fmt: skip
    whole, output = tmp_path / f"whole.{suffix}", tmp_path / f"answers.{suffix}"
    interrupt = Interrupt(monkeypatch)
    code, last = predicted(["predict", str(net), *sources, "-o", str(whole)], capsys)
    batches, command = interrupt.calls, ["predict", str(net), *sources, "-o", str(output)]
    assert (code, batches) == (1, 8)
    assert "broken.png: cannot be read" in last
    for at in range(1, batches + 1, 1 if suffix == "csv" else 3):
        interrupt.plan(at, ctrl_c)
        code, said = predicted(command, capsys)
        assert code == 130
        assert not output.exists()
        assert ("the same command goes on" in said) == (at > 1)
        assert names(tmp_path, output) == [".partial", ".partial.json"] * (at > 1)
        interrupt.plan(-1, ctrl_c)
        code, said = predicted(command, capsys)
        assert code == 1
        assert interrupt.calls == batches - (at - 1)
        assert said.endswith(last.replace("whole", "answers"))
        assert output.read_bytes() == whole.read_bytes()
        assert names(tmp_path, output) == [""]
        output.unlink()


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_kill_at_a_random_batch_continues_with_the_same_bytes(
    net: Path, sources: list[str], seconds: float, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: Printed,
) -> None:  # fmt: skip
    """What is on disk at some moment is what a killed process leaves."""
    monkeypatch.setattr(partial_predictions, "SYNC_SECONDS", seconds)
    output, copies = tmp_path / "answers.csv", tmp_path / "copies"
    copies.mkdir()
    interrupt, command = Interrupt(monkeypatch), ["predict", str(net), *sources, "-o", str(output)]

    def copy() -> None:
        for suffix in (".partial", ".partial.json"):
            shutil.copy(f"{output}{suffix}", copies)
        with (copies / "answers.csv.partial").open("ab") as file:
            file.write(b"half a line" * 10_000)

    at = random.Random(f"{seconds}").randint(3, 7)
    interrupt.plan(at, copy)
    predicted(command, capsys)
    wanted = output.read_bytes()
    output.unlink()
    for path in copies.iterdir():
        shutil.copy(path, tmp_path)
    remove_leftovers(output)  # it takes away the temporary files of killed writes only
    interrupt.plan(-1, ctrl_c)
    _, said = predicted(command, capsys)
    assert output.read_bytes() == wanted
    assert interrupt.calls == (8 - (at - 1) if seconds == 0 else 8)
    assert "starting from the beginning" not in said
    assert names(tmp_path, output) == [""]


def test_partial_files_of_other_runs_start_from_the_beginning(
    net: Path, sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    output, interrupt = tmp_path / "answers.csv", Interrupt(monkeypatch)
    command = ["predict", str(net), *sources, "-o", str(output)]
    other_net = tmp_path / "other.safetensors"
    Network("full", (1, 12, 12), ("X", "O"), 5, XO.preprocessor).save(other_net)

    def cut() -> None:
        os.truncate(f"{output}.partial", 9)

    changes: list[tuple[list[str], Callable[[], object]]] = [
        (["predict", str(other_net), *command[2:]], lambda: None),
        ([*command, "--text-column", "a"], lambda: None),
        ([*command[:3], *command[4:]], lambda: None),
        (command, lambda: shutil.copy(tmp_path / "50.png", tmp_path / "pictures" / "99.png")),
        (command, lambda: os.utime(sources[1], (1, 1))),
        (command, cut),
    ]
    (tmp_path / "50.png").write_bytes((tmp_path / "pictures" / "50.png").read_bytes())
    for changed, change in changes:
        interrupt.plan(4, ctrl_c)
        assert predicted(command, capsys)[0] == 130
        change()
        interrupt.plan(-1, ctrl_c)
        _, said = predicted(changed, capsys)
        assert "starting from the beginning" in said
        written = output.read_bytes()
        output.unlink()
        predicted(changed, capsys)
        assert output.read_bytes() == written
        output.unlink()


def test_partial_files_that_are_not_ours_are_refused(
    net: Path, sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    output, interrupt = tmp_path / "answers.csv", Interrupt(monkeypatch)
    command = ["predict", str(net), *sources, "-o", str(output)]
    (mine := tmp_path / "answers.csv.partial").write_text("mine")
    code, said = predicted(command, capsys)
    assert code == 1
    assert "has no valid answers.csv.partial.json; remove it" in said
    assert mine.read_text() == "mine"
    mine.unlink()
    interrupt.plan(4, ctrl_c)
    assert predicted(command, capsys)[0] == 130
    header = tmp_path / "answers.csv.partial.json"
    saved, before = json.loads(header.read_text()), mine.read_bytes()
    for key, value in (("position", 3), ("source", "0"), ("size", -1), ("other", 1)):
        header.write_text(json.dumps({**saved, "state": {**saved["state"], key: value}}))
        assert "has no valid" in predicted(command, capsys)[1]
    assert mine.read_bytes() == before
    header.write_text(json.dumps(saved))
    with mine.open("rb") as file:
        assert lock(file.fileno())
        assert "another process is writing" in predicted(command, capsys)[1]
    assert mine.read_bytes() == before
    interrupt.plan(-1, ctrl_c)
    predicted(command, capsys)
    assert names(tmp_path, output) == [""]


def test_full_disk_keeps_what_is_valid(
    net: Path, sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    output, interrupt = tmp_path / "answers.csv", Interrupt(monkeypatch)
    command = ["predict", str(net), *sources, "-o", str(output)]

    def full() -> None:
        raise OSError(28, "No space left on device")

    interrupt.plan(5, full)
    code, said = predicted(command, capsys)
    assert code == 1
    assert "answers.csv: not written: " in said
    interrupt.plan(-1, ctrl_c)
    assert (
        "continuing after 64 predictions" in predicted(command, capsys)[1] or interrupt.calls == 4
    )


def test_loader_streams_from_an_index_and_reports_it(sources: list[str]) -> None:
    raw = listed_inputs(sorted(Path(sources[3]).glob("*.png")), (), "pictures")
    reports: list[Progress] = []
    loader = DatasetLoader(raw, Path(), reports.append)
    found = list(loader.stream(lambda picture: picture, 5))
    assert [index for index, _ in found] == list(range(5, len(raw)))
    assert [isinstance(one, DataError) for _, one in found].count(True) == 1
    assert (reports[0].done, reports[0].resumed) == (5, True)
    assert (reports[-1].done, reports[-1].total) == (len(raw), len(raw))
    assert list(loader.stream(lambda picture: picture, len(raw))) == []


def test_parquet_holds_the_columns_of_the_csv(
    net: Path, sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    monkeypatch.setattr(Calibration, "threshold_for", lambda self, coverage: 0.55)
    command = ["predict", str(net), *sources, "-o"]
    status([*command, str(tmp_path / "a.csv")])
    status([*command, str(file := tmp_path / "a.parquet")])
    monkeypatch.setattr("piecewise.cli.parquet_predictions.BATCHES", 3)
    status([*command, str(file)])  # it replaces its own file
    rows = (tmp_path / "a.csv").read_text().splitlines()
    table = parquet.read_table(file)
    assert table.column_names == rows[0].split(",")
    assert [str(kind) for kind in table.schema.types] == [
        "string", "string", "float", "string", "float", "float"
    ]  # fmt: skip
    assert parquet.ParquetFile(file).num_row_groups == 3
    got = [
        ",".join(f"{cell:.6g}" if isinstance(cell, float) else cell or "" for cell in row.values())
        for row in table.to_pylist()
    ]
    assert got == rows[1:]
    with Path(sources[1]).open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert status(["predict", str(net), "-", "-o", str(tmp_path / "one.parquet")]) == 0
    assert parquet.read_table(tmp_path / "one.parquet")["input"].to_pylist() == ["-"]
    parquet.write_table(table.replace_schema_metadata({}), file)
    capsys.readouterr()
    assert status([*command, str(file)]) == 1
    assert "piecewise did not write it" in capsys.readouterr().err


def test_parquet_without_pyarrow_names_the_extra(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr("piecewise.cli.prediction_output.find_spec", lambda name: None)
    command = ["predict", str(net), "x.png", "-o", str(tmp_path / "a.parquet")]
    code, said = predicted(command, capsys)
    assert code == 1
    assert "pip install 'piecewise-convnet[parquet]'" in said


def many_pictures(archive: Path, count: int) -> None:
    contents = []
    for number, picture in enumerate(XO.inputs[:50, 0]):
        Image.fromarray(picture).save(file := archive.parent / f"{number}.png")
        contents.append(file.read_bytes())
        file.unlink()
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(count):
            packed.writestr(f"{number:07}.png", contents[number % 50])


def started(*arguments: object, code: str = "from piecewise.cli import run; run()") -> list[str]:
    return [sys.executable, "-c", code, "predict", *map(str, arguments)]


def saved_count(output: Path, before: int) -> int:
    """The predictions that the next run need not make again; ``before`` if the file is gone."""
    try:
        header = json.loads(Path(f"{output}.partial.json").read_bytes())
    except FileNotFoundError:
        return before
    return int(header["state"]["count"])


@pytest.mark.long
def test_sigkill_at_random_times(net: Path, tmp_path: Path) -> None:
    """A run that is killed again and again ends with the same bytes."""
    many_pictures(archive := tmp_path / "many.zip", 40_000)
    whole, output = tmp_path / "whole.csv", tmp_path / "answers.csv"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    code = (
        "from piecewise.cli import partial_predictions, run;"
        "partial_predictions.SYNC_SECONDS = 0.2; run()"
    )
    subprocess.run(started(net, archive, "-o", whole), env=environment, check=True, timeout=HANG)
    generator, kills, saved = random.Random(0), 0, 0
    while not output.exists():
        with subprocess.Popen(
            started(net, archive, "-o", output, code=code), env=environment,
            stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            until = saved + generator.randrange(1, 10_000)
            while process.poll() is None and (saved := saved_count(output, saved)) < until:
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
        kills += process.returncode == -signal.SIGKILL
    assert kills
    assert output.read_bytes() == whole.read_bytes()
    subprocess.run(started(net, archive, "-o", output), env=environment, check=True, timeout=HANG)
    assert names(tmp_path, output) == [""]


@pytest.mark.long
def test_memory_grows_only_with_the_names(net: Path, tmp_path: Path) -> None:
    """Less than 1.5 KB for each file of an archive: its entry and its name."""
    code = (
        "import resource, sys\n"
        "from piecewise.cli.main import status\n"
        "assert status() == 0\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for count in (10_000, 110_000):
        many_pictures(archive := tmp_path / "many.zip", count)
        done = subprocess.run(
            started(net, archive, "-o", tmp_path / "a.csv", code=code), check=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True,
        )  # fmt: skip
        peaks.append(int(done.stdout) * (1 if sys.platform == "darwin" else 1024))
    assert (peaks[1] - peaks[0]) / 100_000 < 1_500
