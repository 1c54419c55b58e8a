"""Processes that `mpiexec` starts share the steps of a training, with the bits of a single one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status
from piecewise.core.launcher import may_have_ranks
from piecewise.training.ranks import _ranks

from .long import now_and_long
from .rank_trainings import STEPS, hashes, job_answers, long_run, small_data
from .steps import HANG

ROOT = Path(__file__).parents[1]
PROBE = "from mpi4py import MPI; print(MPI.COMM_WORLD.Get_size())"
MODULE = "tests.rank_trainings"


def on_ranks(count: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in this many processes."""
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
    return subprocess.run(
        [launcher, "-n", str(count), sys.executable, *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True,
        text=True, timeout=HANG, check=False,
    )  # fmt: skip


@cache
def obstacle() -> str:
    """Why no processes can be started together; empty if they can."""
    try:
        output = on_ranks(2, "-c", PROBE).stdout
    except OSError:
        return "there is no mpiexec"
    return "" if "".join(output.split()) == "22" else "mpiexec starts no two ranks for mpi4py"


@pytest.fixture
def mpi() -> None:
    """Skip the test if mpi4py and mpiexec do not work here."""
    pytest.importorskip("mpi4py")
    if reason := obstacle():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return hashes(2)


CASES = [(ranks, threads) for ranks in (1, 2, 4) for threads in (1, 2)]


@pytest.mark.usefixtures("mpi")
@pytest.mark.parametrize(("ranks", "threads"), now_and_long(CASES, [(2, 2), (4, 1)]))
def test_any_ranks_and_threads_give_the_same_hash(
    ranks: int, threads: int, expected: list[str]
) -> None:
    lines = on_ranks(ranks, "-m", MODULE, "hashes", str(threads)).stdout.splitlines()
    assert sorted(lines) == sorted(f"{rank} {line}" for rank in range(ranks) for line in expected)


def failures() -> list[tuple[str, int, int, int, str, int]]:
    """How a rank fails, the ranks, the one that fails, its step, the place, and the ranks that
    resume: one that raises, and fifty that are killed, in every place and at many steps."""
    cases = [("raise", 4, 3, 20, "before", 2), ("kill", 2, 1, 20, "exchange", 1)]
    places = ("before", "exchange", "checkpoint")
    for number in range(49):
        place, ranks = places[number % 3], (2, 3, 4)[number // 3 % 3]
        failing = 0 if place == "checkpoint" else number % ranks
        step, then = 1 + 7 * number % (STEPS - 2), (1, 4, 2, 3)[number % 4]
        cases.append(("kill", ranks, failing, step, place, then))
    return cases


FAILURES = failures()


@pytest.mark.usefixtures("mpi")
@pytest.mark.parametrize(
    ("how", "ranks", "failing", "step", "place", "then"), now_and_long(FAILURES, FAILURES[1:2])
)
def test_failed_rank_stops_the_others_and_any_number_resumes(
    how: str, ranks: int, failing: int, step: int, place: str, then: int, tmp_path: Path
) -> None:
    expected, run_dir = long_run(tmp_path / "other"), tmp_path / "run"
    failed = on_ranks(ranks, "-m", MODULE, how, str(run_dir), str(failing), str(step), place)
    assert failed.returncode != 0
    said = sorted(failed.stdout.splitlines())
    if how == "raise":
        reason = f"RankStoppedError: rank {failing} of {ranks} stopped: broken on purpose"
        others = [f"{rank} {reason}" for rank in range(ranks) if rank != failing]
        assert said == sorted([*others, f"{failing} RuntimeError: broken on purpose"])
    else:
        assert not [line for line in said if line[:1].isdigit()]  # mpiexec has ended the others
        assert "illed" in failed.stdout + failed.stderr
    if then == 1:
        assert long_run(run_dir) == expected
    else:
        output = on_ranks(then, "-m", MODULE, "resume", str(run_dir)).stdout
        assert sorted(output.splitlines()) == [f"{rank} {expected}" for rank in range(then)]


@pytest.mark.usefixtures("mpi")
@pytest.mark.parametrize("ranks", now_and_long([2, 3, 4], [3]))
def test_ranks_share_jobs_with_the_answers_of_one_process(ranks: int) -> None:
    lines = on_ranks(ranks, "-m", MODULE, "jobs").stdout.splitlines()
    expected = job_answers(2)
    assert "diverged" in expected[-1]
    assert sorted(lines) == sorted(f"{rank} {line}" for rank in range(ranks) for line in expected)


@pytest.mark.usefixtures("mpi")
@pytest.mark.long
def test_ranks_share_the_trials_of_a_search(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    lines = on_ranks(2, "-m", MODULE, "tune", str(tmp_path / "trials.db")).stdout.split()
    assert lines[0::2] in (["0", "1"], ["1", "0"])
    assert lines[1] == lines[3]
    result = pw.tune(small_data(), 6, storage=str(tmp_path / "trials.db"), effort="quick",
                     epochs=2)  # fmt: skip
    assert 6 <= len(result.trials) <= 7
    assert result.training.net.parameters_sha256 == lines[1]


@pytest.mark.usefixtures("mpi")
@pytest.mark.long
def test_ranks_with_different_recipes_raise(expected: list[str]) -> None:
    lines = on_ranks(2, "-m", MODULE, "differ").stdout.splitlines()
    for rank in (0, 1):
        message, after = [line for line in lines if line.startswith(str(rank))]
        assert message.startswith(f"{rank} train: the processes of mpiexec have different nets")
        assert after == f"{rank} {expected[2]}"


@pytest.mark.usefixtures("mpi")
def test_train_command_on_ranks_prints_and_writes_once(tmp_path: Path) -> None:
    source, alone, together = (str(tmp_path / name) for name in ("xo.npz", "a.net", "b.net"))
    xo = pw.make_xo(120, size=9, seed=0)
    np.savez(source, images=xo.inputs, labels=np.array(["X", "O"])[xo.labels])
    command = ["train", source, "--layers", "full", "--epochs", "3", "--folds", "2"]
    assert status([*command, "-o", alone]) == 0
    run = on_ranks(2, "-m", "piecewise", *command, "-o", together)
    assert run.returncode == 0
    assert run.stdout.count("true label") == 1
    assert run.stderr.count("saved ") == 1
    assert pw.load(together).parameters_sha256 == pw.load(alone).parameters_sha256


@pytest.mark.usefixtures("mpi")
@pytest.mark.long
@pytest.mark.parametrize("command", ["label-issues", "influence"])
def test_command_on_ranks_prints_what_one_process_prints(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = small_data(24)
    source, net, image = (str(tmp_path / name) for name in ("xo.npz", "net.safetensors", "x.png"))
    np.savez(source, images=data.inputs, labels=np.array(["X", "O"])[data.labels])
    Image.fromarray(255 - data.inputs[0, 0]).save(image)
    train = ["train", source, "--layers", "full", "--epochs", "3", "--folds", "0", "-o", net]
    assert status(train) == 0
    arguments = {
        "label-issues": ["label-issues", source],
        "influence": ["influence", net, image, "--data", source, "--expected", "X"],
    }
    capsys.readouterr()
    code = status(arguments[command])
    run = on_ranks(2, "-m", "piecewise", *arguments[command])
    assert (run.returncode, run.stdout) == (code, capsys.readouterr().out)
    assert code == 0


@pytest.mark.usefixtures("mpi")
@pytest.mark.long
def test_train_command_that_fails_on_all_ranks_prints_one_sentence(tmp_path: Path) -> None:
    run = on_ranks(3, "-m", "piecewise", "train", str(tmp_path / "none"), "-o", "x.safetensors")
    assert run.returncode != 0
    assert run.stderr == f"piecewise: {tmp_path / 'none'}: no such file or folder\n"


def test_launcher_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)
    assert not may_have_ranks()
    monkeypatch.setenv("PIECEWISE_MPI", "on")
    assert may_have_ranks()
    monkeypatch.setenv("PIECEWISE_MPI", "off")
    for size, rank in (("PMI_SIZE", "PMI_RANK"), ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK")):
        monkeypatch.setenv(size, "4")
        monkeypatch.setenv(rank, "0")
        assert not may_have_ranks()
        assert _ranks.__wrapped__() is None
        with monkeypatch.context() as context:
            context.delenv("PIECEWISE_MPI")
            assert may_have_ranks()
            context.setenv(size, "1")
            assert not may_have_ranks()
        monkeypatch.delenv(size)


def test_single_process_does_not_import_mpi4py() -> None:
    assert hashes(1)
    assert "mpi4py.MPI" not in sys.modules
