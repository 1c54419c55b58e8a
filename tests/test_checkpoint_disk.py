"""Checkpoints on a disk that fails, and on file systems without locks."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.core.errors import CheckpointError, PiecewiseError, TrainingError
from piecewise.storage import run_directory
from piecewise.training.recipe import Recipe

from .runs import FILES, Disk, Run, at, every_step, names, result
from .test_checkpoint import SHORT, stopped_run  # noqa: F401 - a fixture

# A disk that fails.


def failing(number: int) -> Any:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


def error_message_of(run: Run, folder: Path) -> str:
    """The sentence of the error with which it stops, if it does."""
    try:
        run.train(folder)
    except PiecewiseError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("always", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_failing_write_raises_and_keeps_last_checkpoint(
    tmp_path: Path, number: int, always: bool
) -> None:
    wanted, failures = result(SHORT.train()), 0
    for first_failure in range(0, 2_000, 3):
        calls, folder = 0, tmp_path / str(first_failure)
        failed = at(first_failure, failing(number), always=always)

        def happens(failed: Any = failed) -> None:
            nonlocal calls
            calls += 1
            failed()

        with every_step(), Disk(happens).used():
            failures += bool(words := error_message_of(SHORT, folder))
        if words:
            assert words.startswith(str(folder))
            assert words.count(os.strerror(number)) == 1
        assert result(SHORT.train(folder)) == wanted
        assert names(folder) == FILES
        if calls <= first_failure:
            break
    assert failures > 20
    assert first_failure > 60


def test_file_size_limit_raises(stopped: Path) -> None:
    import resource  # noqa: PLC0415  # only where there is one

    before = (stopped / "checkpoint.safetensors").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 1, hard))
        with every_step():
            words = refusal_while_running(stopped)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert words == "cannot be written: File too large; the last checkpoint is unchanged"
    assert (stopped / "checkpoint.safetensors").read_bytes() == before
    assert names(stopped) == FILES
    assert result(SHORT.train(stopped)) == result(SHORT.train())


def refusal_while_running(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        SHORT.train(folder)
    return str(caught.value).removeprefix(f"{folder}: ")


def test_nonfinite_loss_keeps_last_checkpoint(tmp_path: Path) -> None:
    run = Run(knobs={"epochs": 50, "learning_rate": 1000.0, "loss": "squared"})
    with every_step(), pytest.raises(TrainingError) as caught:
        run.train(tmp_path / "run")
    words = "not a finite number; try a learning rate below 1000"
    assert words in str(caught.value)
    state = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
    net, steps = run.network(), list[int]()
    with every_step(), pytest.raises(TrainingError) as again:
        run.run_training(net, tmp_path / "run", lambda progress: steps.append(progress.done))
    assert str(again.value) == str(caught.value)
    assert steps == [int(str(caught.value).split("step ")[1].split()[0]) - 1]  # the one before
    assert np.isfinite(net.parameters.flat).all()
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == state


def test_file_system_without_locks_still_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl  # noqa: PLC0415  # only where there is one

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    assert result(SHORT.train(tmp_path / "run")) == result(SHORT.train())
    assert names(tmp_path / "run") == FILES


def test_run_identity_holds_every_recipe_field(stopped: Path) -> None:
    kept = json.loads((stopped / "recipe.json").read_text())
    assert set(kept["recipe"]) == {field.name for field in dataclasses.fields(Recipe)}
    assert run_directory.CHECKPOINT in names(stopped)
