"""The command line where it learns: folds, run folders, calibration, the doctor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.cli import doctor, output
from piecewise.cli.main import status
from piecewise.cli.score_text import score_lines
from piecewise.core.errors import CheckpointError, LimitError, ModelFileError
from piecewise.data.xo import make_xo
from piecewise.engine.runtime import finite_differences
from piecewise.network import Network
from piecewise.storage.run_directory import RunDirectory
from piecewise.training.metrics import Scores

from .children import interrupted
from .steps import HANG

Printed = pytest.CaptureFixture[str]
LITTLE = ["--layers", "conv 4 3, relu, pool 2, full", "--epochs", "4"]


def saved(path: Path, count: int, tested: int = 0) -> str:
    """An `.npz` of drawn X's and O's; the last ones form the test split."""
    drawings = make_xo(count, size=12, seed=0)
    np.savez(path, images=drawings.inputs[:, 0], labels=drawings.labels,
             class_names=["X", "O"], is_test=np.arange(count) >= count - tested)  # fmt: skip
    return str(path)


def pictures(folder: Path, count: int) -> list[str]:
    """Files of drawings, half of them noise that is neither X nor O."""
    noise = np.random.default_rng(0)
    files = []
    for number, picture in enumerate(make_xo(count, size=12, seed=5).inputs[:, 0]):
        shown = picture if number % 2 else (picture * noise.random(picture.shape)).astype(np.uint8)
        files.append(str(folder / f"{number}.png"))
        Image.fromarray(shown).save(files[-1])
    return files


def test_train_small_data_uses_cross_validation(tmp_path: Path, capsys: Printed) -> None:
    data, net = saved(tmp_path / "xo.npz", 60), str(tmp_path / "net")
    assert status(["train", data, "-o", net, *LITTLE, "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["schema"] == 1
    assert output["folds"]["n"] == 60
    assert output["calibration"]["n"] == 60
    assert "validation" not in output
    assert status(["train", data, "-o", net, "--force", *LITTLE, "--folds", "0"]) == 0
    page = capsys.readouterr().out
    assert "validation: " in page
    assert "of 6 right (95 % interval" in page  # so few that the share alone is not printed
    assert status(["train", data, "-o", net, "--force", *LITTLE, "--folds", "3"]) == 0
    assert "folds: " in capsys.readouterr().out


def test_train_interrupted_run_resumes_to_same_net(tmp_path: Path, capsys: Printed) -> None:
    data, run = saved(tmp_path / "xo.npz", 400, 100), tmp_path / "run"
    straight = ["train", data, "-o", str(tmp_path / "one"), *LITTLE, "--epochs", "400"]
    kept = [*straight, "-o", str(tmp_path / "other"), "--run-dir", str(run)]
    command = [sys.executable, "-m", "piecewise", *kept]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch   9"):
                break
        os.kill(process.pid, signal.SIGINT)
        assert "stopped" in process.stderr.read()
        assert process.wait(HANG) == 130
    assert status(kept) == 0
    output = capsys.readouterr().err
    assert "resuming from step" in output
    assert status(straight) == 0
    digests = {Network.load(tmp_path / name).parameters_sha256 for name in ("one", "other")}
    assert len(digests) == 1
    assert "resuming" not in capsys.readouterr().err
    assert status([*kept, "--seed", "1"]) == 1
    assert "its run has recipe seed 0, got 1" in capsys.readouterr().err


def test_predict_coverage_below_1_leaves_inputs_unanswered(tmp_path: Path, capsys: Printed) -> None:
    data, net = saved(tmp_path / "xo.npz", 700, 100), str(tmp_path / "net")
    assert status(["train", data, "-o", net, *LITTLE]) == 0
    files = pictures(tmp_path, 20)
    capsys.readouterr()
    for coverage, least in (("1", 0), ("0.5", 1)):
        assert status(["predict", net, *files, "--coverage", coverage, "--json"]) == 0
        labels = [each["predicted"] for each in json.loads(capsys.readouterr().out)["predictions"]]
        assert labels.count(None) >= least
        assert (labels.count(None) > 0) == (least > 0)
        assert status(["predict", net, *files, "--coverage", coverage]) == 0
        assert capsys.readouterr().out.count("don't know") == labels.count(None)
    assert status(["show", net]) == 0
    assert "validation answers" in capsys.readouterr().out


def test_predict_coverage_requires_calibrated_net(tmp_path: Path, capsys: Printed) -> None:
    net = tmp_path / "net"
    Network("full", (1, 12, 12), ("X", "O")).save(net)
    assert status(["predict", str(net), *pictures(tmp_path, 1), "--coverage", "0.9"]) == 1
    assert "this net has no confidence thresholds" in capsys.readouterr().err
    assert status(["show", str(net)]) == 0
    assert "not measured" in capsys.readouterr().out


def test_tensorboard_requires_run_dir(tmp_path: Path, capsys: Printed) -> None:
    assert status(["train", "x.npz", "-o", str(tmp_path / "net"), "--tensorboard"]) == 2
    assert "--run-dir FOLDER" in capsys.readouterr().err


def test_doctor_finds_pinned_parameters(capsys: Printed) -> None:
    assert status(["doctor"]) == 0
    assert "the same bits as every other machine" in capsys.readouterr().out
    assert status(["doctor", "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["works"]
    assert output["speed"] > 0


def test_doctor_reports_failure(capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(doctor, "PINNED", "0")
        assert status(["doctor"]) == 1
        assert "wanted 0" in capsys.readouterr().out

    def refuse() -> None:
        raise LimitError("no such vectors")

    monkeypatch.setattr(doctor, "_train_small_net", refuse)
    assert status(["doctor", "--json"]) == 1
    output = json.loads(capsys.readouterr().out)
    assert not output["works"]
    assert output["error"] == "no such vectors"


def test_train_full_stderr_still_saves_net(tmp_path: Path) -> None:
    data, net = saved(tmp_path / "xo.npz", 300, 100), tmp_path / "net"
    command = [sys.executable, "-m", "piecewise", "train", data, "-o", str(net), *LITTLE]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, stderr=full, stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 0
    assert "right" in run.stdout
    assert len(Network.load(net).history) == 4


def test_train_failed_save_uses_temporary_folder(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, save = saved(tmp_path / "xo.npz", 300, 100), Network.save
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))

    def full(net: Network, path: str) -> None:
        if path.endswith("mine"):
            raise ModelFileError(f"{path}: not written: No space left on device")
        save(net, path)

    monkeypatch.setattr(Network, "save", full)
    assert status(["train", data, "-o", str(tmp_path / "mine"), *LITTLE]) == 1
    output = capsys.readouterr().err
    assert "No space left on device; the net is saved as " in output
    (found,) = (tmp_path / "other").glob("*.safetensors")
    assert str(found) in output.replace("\n", "")
    assert len(Network.load(found).history) == 4
    monkeypatch.setattr(Network, "save", lambda net, path: full(net, "mine"))
    assert status(["train", data, "-o", str(tmp_path / "mine"), *LITTLE]) == 1
    assert "saved as" not in capsys.readouterr().err
    assert list((tmp_path / "other").glob("*.safetensors")) == [found]


def test_train_full_disk_of_run_keeps_finished_net(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, net = saved(tmp_path / "xo.npz", 300, 100), tmp_path / "net.safetensors"
    command = ["train", data, "-o", str(net), "--force", *LITTLE]
    assert status(command) == 0
    finished = net.read_bytes()
    append = RunDirectory.append_history

    def fail_at_third_epoch(directory: RunDirectory, entry: dict[str, Any]) -> None:
        if entry["epoch"] == 3:
            raise CheckpointError(f"{directory.path}: cannot be written: No space left on device")
        append(directory, entry)

    monkeypatch.setattr(RunDirectory, "append_history", fail_at_third_epoch)
    capsys.readouterr()
    assert status([*command, "--run-dir", str(tmp_path / "run")]) == 1
    beside = tmp_path / "net-unfinished.safetensors"
    output = capsys.readouterr().err.replace("\n", "")
    assert f"No space left on device; the net is saved as it is: {beside}" in output
    assert net.read_bytes() == finished
    assert 0 < len(Network.load(beside).history) < 4


@pytest.mark.parametrize("more", [["--folds", "3"], ["--validation-fraction", "0", "--folds", "0"]])
def test_patience_requires_validation_split(
    more: list[str], tmp_path: Path, capsys: Printed
) -> None:
    data, net = saved(tmp_path / "xo.npz", 300), str(tmp_path / "net")
    assert status(["train", data, "-o", net, *LITTLE, "--patience", "2", *more]) == 1
    assert "patience: got 2, but there is no validation split" in capsys.readouterr().err


def test_nudging_interrupt_within_step_stops(tmp_path: Path) -> None:
    data, net = saved(tmp_path / "xo.npz", 300), tmp_path / "net"
    layers = "conv 16 5 pad=same, relu, conv 32 5 pad=same, relu, pool 2, full 200, relu, full"
    arguments = ["train", data, "-o", str(net), "--folds", "0", "--method", "nudging",
                 "--layers", layers]  # fmt: skip
    with interrupted(
        arguments, "piecewise.engine.runtime.finite_differences", "FiniteDifferenceProgram._run", 3
    ) as process:
        calls, words = process.communicate(timeout=HANG)
    assert process.returncode == 130
    assert "nothing is saved" in words
    made = Network(layers, (1, 12, 12), 2).architecture
    a_step = 2 * made.parameter_count * made.multiplications  # of one picture
    assert int(calls) < a_step / finite_differences._MULTIPLICATIONS_PER_CALL


def test_train_without_validation_split_states_missing_score(
    tmp_path: Path, capsys: Printed
) -> None:
    data, net = saved(tmp_path / "xo.npz", 60), str(tmp_path / "net")
    none = ["--folds", "0", "--validation-fraction", "0"]
    assert status(["train", data, "-o", net, *LITTLE, *none]) == 0
    assert "there is no validation split, so there is no score" in capsys.readouterr().err


def test_score_table_fits_width() -> None:
    confusion = np.diag(np.arange(10)) + 1
    scores = Scores(tuple(f"class {number}" for number in range(10)), confusion)
    for width in (120, 80, 50):
        lines = list(score_lines(scores, width))
        first = lines.index("") + 1
        table = lines[first : lines.index("", first)]
        assert max(map(len, table)) <= width
        assert ("class 3 " in table[0]) is (width == 120)


def test_confusion_matrix_that_does_not_fit_is_replaced_by_mistakes() -> None:
    confusion = np.diag(np.full(10, 20))
    confusion[3, 5], confusion[0, 9] = 7, 2
    scores = Scores(tuple("abcdefghij"), confusion)
    wide, narrow = (list(score_lines(scores, width)) for width in (80, 60))
    assert not any("answered as" in line for line in wide)
    assert any("needs 76 columns" in line for line in narrow)
    found = [line.split() for line in narrow if "answered as" in line]
    assert found == [["7", "d", "answered", "as", "f"], ["2", "a", "answered", "as", "j"]]
    assert max(map(len, narrow)) <= 60


def test_activation_hint_only_where_it_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (script := tmp_path / ".venv" / "bin" / "activate").parent.mkdir(parents=True)
    script.write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    hint = "to use the command piecewise in this shell: source .venv/bin/activate"
    assert output.activation_hint() == hint
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/piecewise")
    assert output.activation_hint() is None
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert output.activation_hint() is None
