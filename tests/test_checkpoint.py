"""Checkpoints: training resumes after any stop with the same bits, and only with its own data."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import CheckpointError
from piecewise.core.progress import Progress
from piecewise.network import Network
from piecewise.spec.augmentation import Augmentation
from piecewise.training.recipe import Recipe
from piecewise.training.train import train

from .runs import FILES, LESSONS, LONGER, RUNS, Disk, Run, every_step, names, result
from .steps import HANG

SHORT = RUNS["short"]
OTHER_RUN = "; use the options and data it began with, or a new directory"


class Stopped(Exception):
    """What the progress callback raises."""


def stopping(after: int) -> Any:
    """Stops at the first look after so many steps."""

    def stop(progress: Progress) -> None:
        if progress.done >= after:
            raise Stopped

    return stop


def refusal(folder: Path, run: Run, net: Network | None = None) -> str:
    """Why a run is not resumed, after the folder's name; the net is as it was."""
    net = net or run.network()
    before = net.parameters_sha256
    with pytest.raises(CheckpointError) as caught:
        run.run_training(net, folder)
    assert net.parameters_sha256 == before
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder))
    return str(caught.value).removeprefix(f"{folder}: ")


# Resume.


@pytest.mark.parametrize("name", RUNS)
def test_run_stopped_after_every_step_resumes_with_same_bits(tmp_path: Path, name: str) -> None:
    run, stops, reached = RUNS[name], 0, 0
    with every_step():
        wanted = result(run.train())
        while True:
            try:
                net = run.train(tmp_path / "run", stopping(reached + 1), 1 + stops % 3)
                break
            except Stopped:
                stops, reached = stops + 1, reached + 1
                assert names(tmp_path / "run") == FILES
    assert stops >= 4
    assert result(net) == wanted
    assert result(run.train(tmp_path / "run")) == wanted  # and what is through stays so
    assert names(tmp_path / "run") == FILES
    assert result(Network.load(tmp_path / "run" / "net.safetensors")) == wanted
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == net.history


def test_run_directory_leaves_training_unchanged(tmp_path: Path) -> None:
    steps = list[int]()
    assert result(SHORT.train(tmp_path / "run")) == result(SHORT.train())
    SHORT.train(tmp_path / "run", lambda progress: steps.append(progress.done))
    assert steps == [4]  # of four: it reports the resumed step, and nothing is left to do


def test_stopped_run_has_readable_history_recipe_and_net(tmp_path: Path) -> None:
    run = RUNS["sgd"]
    with every_step(), pytest.raises(Stopped):
        run.train(tmp_path, stopping(4))
    epochs = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [1]
    assert json.loads((tmp_path / "recipe.json").read_text())["recipe"]["epochs"] == 3
    assert set(json.loads((tmp_path / "environment.json").read_text())) >= {"piecewise", "numpy"}
    net = Network.load(tmp_path / "net.safetensors")
    assert net.history == epochs
    assert net.parameters_sha256 != run.network().parameters_sha256


def test_checkpoints_are_written_at_intervals(tmp_path: Path) -> None:
    count = 0

    def counted() -> None:
        nonlocal count
        count += 1

    with Disk(counted).used():
        Run(knobs={"epochs": 200}).train(tmp_path / "run")
    assert count < 2_000  # a state takes about 16; every line of the history 6


def in_a_process(how: str, name: str, place: Path, count: int) -> list[Any]:
    command = [sys.executable, "-m", "tests.runs", how, name, str(place), str(count)]
    done = subprocess.run(command, capture_output=True, timeout=2 * HANG, check=False)
    assert done.returncode == 0, done.stderr.decode()
    wanted, outcomes = json.loads(done.stdout)
    for number, one in enumerate(outcomes):
        assert one["result"] == wanted, (number, done.stderr.decode())
        assert one["files"] == FILES, number
        assert one["beside"] == ["net.safetensors", "run"], number
    return outcomes  # type: ignore[no-any-return]


def test_run_killed_at_some_writes_resumes_with_same_bits(tmp_path: Path) -> None:
    outcomes = in_a_process("writes", "short", tmp_path, 7)
    assert len(outcomes) > 20
    assert [one["killed"] for one in outcomes] == [True] * (len(outcomes) - 1) + [False]


@pytest.mark.parametrize("stop", ["SIGKILL", "SIGINT"])
def test_run_stopped_at_random_times_resumes_with_same_bits(tmp_path: Path, stop: str) -> None:
    assert in_a_process(stop, "patience, norm, adamw", tmp_path, 8)


@pytest.mark.long
@pytest.mark.parametrize("name", ["patience, norm, adamw", "nudging", "dropout, norm, tricks"])
def test_run_killed_at_every_write_resumes_with_same_bits(tmp_path: Path, name: str) -> None:
    outcomes = in_a_process("writes", name, tmp_path, 1)
    assert len(outcomes) > 150


@pytest.mark.long
@pytest.mark.parametrize("stop", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize("name", ["patience, norm, adamw", "words"])
def test_run_stopped_200_times_resumes_with_same_bits(tmp_path: Path, name: str, stop: str) -> None:
    assert len(in_a_process(stop, name, tmp_path, 200)) > 60


WAITING = """
import signal, sys
from pathlib import Path
from tests.runs import LONGER, every_step
def waiting(progress):
    print(progress.done, flush=True)
    signal.pause()
with every_step():
    LONGER.train(Path(sys.argv[1]), waiting)
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_run_directory_in_use_by_another_process_is_refused(
    tmp_path: Path, stop: signal.Signals
) -> None:
    command = [sys.executable, "-c", WAITING, str(tmp_path / "run")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        words = "another run is using this directory; use another one"
        assert refusal(tmp_path / "run", LONGER) == words
        other.send_signal(stop)
        _, errors = other.communicate(timeout=HANG)
    assert ("KeyboardInterrupt" in errors) == (stop == signal.SIGINT)
    steps = list[int]()
    net = LONGER.train(tmp_path / "run", lambda progress: steps.append(progress.done))
    assert steps[0] >= 1
    assert result(net) == result(LONGER.train())


# Other runs.


@pytest.fixture(name="stopped")
def stopped_run(tmp_path: Path) -> Path:
    """A folder with a run that stands at step 3 of 4."""
    with every_step(), pytest.raises(Stopped):
        SHORT.train(tmp_path / "run", stopping(3))
    return tmp_path / "run"


def with_knobs(**knobs: Any) -> Run:
    return SHORT._replace(knobs=SHORT.knobs | knobs)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (with_knobs(epochs=3), "its run has recipe epochs 2, got 3"),
        (with_knobs(seed=1), "its run has recipe seed 0, got 1"),
        (with_knobs(patience=2), "its run has recipe patience 1, got 2"),
        (with_knobs(optimizer="adamw"), "its run has recipe optimizer 'sgd', got 'adamw'"),
        (
            with_knobs(augmentation=Augmentation(rotation=5)),
            "its run has recipe augmentation rotation 0.0, got 5.0",
        ),
        (
            with_knobs(augmentation=Augmentation(scale=(0.9, 1))),
            "its run has recipe augmentation scale [1.0, 1.0], got [0.9, 1.0]",
        ),
        (
            SHORT._replace(layers="conv 4 3, pool 2, full"),
            "its run has layers 'conv 4 3, relu, pool 2, full', got 'conv 4 3, pool 2, full'",
        ),
        (SHORT._replace(kind="floats"), "its run has other training data"),
        (SHORT._replace(weighted=True), "its run has other training data"),
        (SHORT._replace(validated=False), "its run has other validation data"),
    ],
)
def test_resume_other_run_error_names_the_difference(stopped: Path, run: Run, words: str) -> None:
    assert (
        refusal(stopped, run)
        == f"{words}; use the options and data it began with, or a new directory"
    )
    assert result(SHORT.train(stopped)) == result(SHORT.train())


def test_resume_other_network_error_names_the_difference(stopped: Path) -> None:
    layers, after = SHORT.layers, OTHER_RUN
    net = Network(layers, (1, 9, 9), ("X", "O"), seed=1)
    assert refusal(stopped, SHORT, net) == f"its run has other initial parameters{after}"
    net = Network(layers, (1, 9, 9), ("O", "X"))
    assert refusal(stopped, SHORT, net) == f"its run has classes ['X', 'O'], got ['O', 'X']{after}"
    net = Network(layers, (1, 9, 9), ("X", "O"), preprocessor=LESSONS.preprocessor)
    assert refusal(stopped, SHORT, net).startswith("its run has preprocessor ")


def test_resume_changed_data_is_refused(tmp_path: Path) -> None:
    given, right = LESSONS.inputs[:40], LESSONS.labels[:40]
    recipe = Recipe(epochs=1, learning_rate=1e-4)
    floats = given.astype(np.float32)
    changed, other = floats.copy(), right.copy()
    changed[39, 0, 8, 8] += 1
    other[39] ^= 1
    kinds: list[tuple[Any, Any]] = [
        (given, right),
        (floats, right),
        (changed, right),
        (floats, other),
    ]
    kinds += [(floats.astype(kind), right) for kind in (np.float16, np.float64, ">f4")]
    kinds += [(floats[:39], right[:39]), (floats[:, :, ::-1], right)]
    for number, kind in enumerate(kinds):
        train(SHORT.network(), *kind, recipe, run_dir=tmp_path / str(number))
        for other_number in range(number):
            with pytest.raises(
                CheckpointError, match="its run has other training data; use the options"
            ):
                train(SHORT.network(), *kind, recipe, run_dir=tmp_path / str(other_number))


def test_directory_with_other_files_is_refused_and_unchanged(tmp_path: Path) -> None:
    words = "holds 'thesis.txt' and no run; use an empty or a new directory"
    for name in ("thesis.txt", "net.safetensors", "history.jsonl", "events.out.tfevents.1"):
        (place := tmp_path / f"in {name}").mkdir()
        (place / name).write_text("mine")
        (place / ".hidden").write_text("mine")
        assert refusal(place, SHORT) == words.replace("thesis.txt", name)
        assert names(place) == [".hidden", name]
        assert (place / name).read_text() == "mine"
    (tmp_path / "empty").mkdir()
    for name in (".hidden", ".other.part"):
        (tmp_path / "empty" / name).write_text("mine")
    SHORT.train(tmp_path / "empty")
    assert names(tmp_path / "empty") == [".hidden", ".other.part", *FILES]


def test_run_directory_that_cannot_be_created_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, words in (
        ("file", "a file, wanted a directory for the run"),
        ("link", "a file, wanted a directory for the run"),
        ("missing/run", f"there is no directory {tmp_path / 'missing'}"),
        ("file/run", "cannot be opened: Not a directory"),
        ("a" * 256, "cannot be opened: File name too long"),
        ("zero\0", "cannot be opened: no file can have this name"),
    ):
        assert refusal(tmp_path / name, SHORT).endswith(words)
    assert names(tmp_path) == ["file", "link"]


def test_removed_checkpoint_restarts_training(stopped: Path) -> None:
    (stopped / "checkpoint.safetensors").unlink()
    (stopped / "events.out.tfevents.1").write_text("")
    steps = list[int]()
    net = SHORT.train(stopped, lambda progress: steps.append(progress.done))
    assert steps[0] == 1
    assert result(net) == result(SHORT.train())
