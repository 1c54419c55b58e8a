"""Checkpoints: save the state of a training run to its run directory, and resume from it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..core.errors import CheckpointError, LimitError, TrainingError, shown
from ..core.launcher import SWITCH
from ..core.progress import Epoch
from ..core.version import __version__
from ..engine.runtime.llvm_compiler import host_target
from ..engine.runtime.thread_pool import processors
from ..spec.augmentation import AUGMENTATION
from ..storage.run_directory import (
    ENVIRONMENT,
    NET,
    RECIPE,
    Arrays,
    RunDirectory,
    open_run_directory,
)
from ..storage.safetensors_file import Shape, validate
from ..storage.tensorboard import TensorBoardWriter
from .early_stopping import BestEpoch
from .ranks import Ranks
from .state import RunningMean, TrainingState

INTERVAL = 2.0
"""Seconds between two checkpoints, at least."""
COST_FACTOR = 10.0
"""The interval is at least this many times the seconds that the last checkpoint took to write."""

_Count = Annotated[int, Field(ge=0)]


class _EpochRecord(BaseModel):
    """The JSON of an `Epoch`."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    epoch: _Count
    loss: float
    validation_accuracy: float | None
    validation_loss: float | None
    seconds: float


class _Checkpoint(BaseModel):
    """The JSON of a checkpoint; its arrays are stored beside it."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    run: dict[str, Any]
    """See `_run_identity`."""
    step: _Count
    loss: float
    """The sum of the current epoch's losses."""
    count: _Count
    """The number of these losses."""
    seconds: float
    history: Annotated[list[_EpochRecord], Field(max_length=100_000)]


class CheckpointWriter:
    """Saves the checkpoints of a run to its run directory."""

    def __init__(self, directory: RunDirectory, state: TrainingState) -> None:
        self.directory, self.state, self.identity = directory, state, _run_identity(state)
        self.saved_at, self.save_seconds = time.monotonic(), 0.0
        self.tensorboard: TensorBoardWriter | None = None

    def resume(self) -> None:
        """Load the last checkpoint into the state; without one, write the files of a new run."""
        checkpoint = self.directory.load_checkpoint(self._expected_arrays)
        if checkpoint is None:
            self.directory.write_json(RECIPE, self.identity)
            self.directory.write_json(ENVIRONMENT, environment())
        else:
            arrays, header = checkpoint
            _restore(self.state, arrays, validate(_Checkpoint, header))
        self.directory.write_history(self.state.history.to_json())

    def after_steps(self, epoch: Epoch | None) -> None:
        """Log an epoch that has just ended, and save a checkpoint if one is due."""
        if epoch:
            self.directory.append_history(asdict(epoch))
            if self.tensorboard:
                scalars = asdict(epoch)
                self.tensorboard.write(scalars.pop("epoch"), scalars)
        if time.monotonic() - self.saved_at >= max(INTERVAL, COST_FACTOR * self.save_seconds):
            self.save()

    def save(self) -> None:
        """Save the current state."""
        began = time.monotonic()
        self.directory.save_checkpoint(*_snapshot(self.state, self.identity))
        self.saved_at = time.monotonic()
        self.save_seconds = self.saved_at - began

    def finish(self) -> None:
        """Save the last checkpoint, the history and the model file."""
        self.save()
        self.directory.write_history(self.state.history.to_json())
        self.state.net.save(self.directory.path / NET)

    def _expected_arrays(self, header: Any) -> dict[str, Shape]:
        """The names and shapes of the arrays of a checkpoint with this header.

        Raises CheckpointError for the checkpoint of another run, ValueError for an invalid one.
        """
        saved = header.get("run") if isinstance(header, dict) else None
        _check_same_run(self.directory, _with_new_options(saved), self.identity)
        checkpoint, state = validate(_Checkpoint, header), self.state
        if not _is_consistent(checkpoint, state):
            raise ValueError("its epochs and steps do not fit each other")
        parameters = state.net.parameters.flat.shape
        running_stats = state.net.running_stats.flat.shape
        shapes = {"parameters": parameters, "running_stats": running_stats}
        shapes |= {f"optimizer_state.{i}": parameters for i in range(len(state.optimizer_state))}
        if state.recipe.patience and state.validation and checkpoint.history:
            shapes |= {"best.parameters": parameters, "best.running_stats": running_stats}
        return shapes


@contextmanager
def open_checkpoints(
    path: str | os.PathLike[str], state: TrainingState, *, tensorboard: bool = False
) -> Iterator[CheckpointWriter]:
    """A writer for the run directory at ``path``; the state resumes from its last checkpoint.

    If training is interrupted between two steps, the writer saves a last checkpoint.
    """
    with open_run_directory(path) as directory:
        writer = CheckpointWriter(directory, state)
        writer.resume()
        writer.tensorboard = TensorBoardWriter(directory.path) if tensorboard else None
        try:
            yield writer
        except BaseException:
            if state.consistent and state.step:
                writer.finish()
            raise
        finally:
            if writer.tensorboard:
                writer.tensorboard.close()


@contextmanager
def open_shared_checkpoints(
    ranks: Ranks,
    path: str | os.PathLike[str] | None,
    state: TrainingState,
    *,
    tensorboard: bool = False,
) -> Iterator[CheckpointWriter | None]:
    """The same for a training by several processes: rank 0 has the writer, if there is a ``path``,
    and all ranks start from its state.

    Raises TrainingError if the ranks do not train the same network on the same data.
    """
    with ranks.training():
        identity = {**_run_identity(state), "piecewise": __version__}
        if not ranks.agree(hashlib.sha256(json.dumps(identity).encode()).digest()):
            raise TrainingError(
                "train: the processes of mpiexec have different nets, data, recipes or versions of "
                f"piecewise, wanted the same; to train a net of its own in each, set {SWITCH}=off"
            )
        if ranks.rank or path is None:
            _share_state(ranks, state)
            yield None
            return
        with open_checkpoints(path, state, tensorboard=tensorboard) as writer:
            _share_state(ranks, state)
            yield writer


def _share_state(ranks: Ranks, state: TrainingState) -> None:
    """Set the state on every rank to that of rank 0, which may have resumed."""
    arrays, header = _snapshot(state, {})
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    shapes, header = json.loads(ranks.share_bytes(json.dumps([shapes, header]).encode()))
    if ranks.rank:
        arrays = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}
    for array in arrays.values():
        ranks.share(array)
    if ranks.rank:
        _restore(state, arrays, validate(_Checkpoint, header))


def environment() -> dict[str, Any]:
    """The software and the machine of a run; they do not change its result."""
    machine = host_target()
    return {
        "piecewise": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
        "processor": machine.processor,
        "vectors": machine.name,
        "processors": processors(),
    }


def _run_identity(state: TrainingState) -> dict[str, Any]:
    """All that determines the result of a run: two runs with the same identity end with the same
    bits. Arrays are represented by their SHA-256."""
    net, examples = state.net, [state.inputs, state.labels, state.sample_weight]
    return {
        "layers": net.notation,
        "input": list(net.input),
        "classes": list(net.classes),
        "preprocessor": net.preprocessor.to_json(),
        "recipe": state.recipe.to_json(),
        "initial_parameters": net.parameters_sha256,
        "training_data": _digest(examples),
        "validation_data": _digest(state.validation or ()),
    }


def _snapshot(state: TrainingState, identity: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the JSON of a checkpoint."""
    net = state.net
    arrays = {"parameters": net.parameters.flat, "running_stats": net.running_stats.flat}
    arrays |= {f"optimizer_state.{i}": array for i, array in enumerate(state.optimizer_state)}
    if best := state.early_stopping.best:
        arrays["best.parameters"] = best.parameters
        arrays["best.running_stats"] = best.running_stats
    header = {
        "run": identity,
        "step": state.step,
        "loss": state.loss.total,
        "count": state.loss.count,
        "seconds": state.seconds,
        "history": state.history.to_json(),
    }
    return arrays, header


def _with_new_options(identity: Any) -> Any:
    """A saved identity with defaults for options of the recipe that were added after it was
    saved."""
    try:
        augmentation = AUGMENTATION.check(identity["recipe"]["augmentation"]).to_json()
        recipe = {"freeze_until": None, **identity["recipe"], "augmentation": augmentation}
        return {**identity, "recipe": recipe}
    except (LimitError, LookupError, TypeError):
        return identity  # invalid: `_check_same_run` reports what differs


_DIGESTS = {
    "initial_parameters": "initial parameters",
    "training_data": "training data",
    "validation_data": "validation data",
}
"""The keys of an identity whose value is a digest, which an error message does not show."""


def _digest(arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _check_same_run(
    directory: RunDirectory, saved: Any, identity: dict[str, Any], prefix: str = ""
) -> None:
    """Raise CheckpointError for the first key whose saved value differs from ``identity``."""
    # The seed first: another one may have changed what the trials chose, and so the rest.
    for key, value in sorted(identity.items(), key=lambda item: item[0] not in ("recipe", "seed")):
        saved_value = saved.get(key) if isinstance(saved, dict) else None
        name = f"{prefix} {key}".strip()
        if isinstance(value, dict):
            _check_same_run(directory, saved_value, value, name)
        elif saved_value != value:
            difference = f"has {name} {shown(saved_value, 200)}, got {shown(value, 200)}"
            if name in _DIGESTS:
                difference = f"has other {_DIGESTS[name]}"
            raise CheckpointError(
                f"{directory.path}: its run {difference}; use the options and data it began with, "
                "or a new directory"
            )


def _is_consistent(checkpoint: _Checkpoint, state: TrainingState) -> bool:
    """Whether the step, the count of losses and the history of a checkpoint fit each other."""
    epochs, steps = divmod(checkpoint.step, state.steps_per_epoch)
    examples = min(steps * state.recipe.batch_size, len(state.labels))
    numbers = [epoch.epoch for epoch in checkpoint.history]
    validated = {
        value is not None
        for epoch in checkpoint.history
        for value in (epoch.validation_accuracy, epoch.validation_loss)
    }
    return (
        checkpoint.step <= state.total_steps
        and checkpoint.count == examples
        and numbers == list(range(1, epochs + 1))
        and validated <= {state.validation is not None}
    )


def _restore(state: TrainingState, arrays: Arrays, checkpoint: _Checkpoint) -> None:
    """Set the state to that of a checkpoint."""
    net, early_stopping = state.net, state.early_stopping
    state.optimizer_state = [
        arrays[f"optimizer_state.{index}"] for index in range(len(state.optimizer_state))
    ]
    state.step, state.loss = checkpoint.step, RunningMean(checkpoint.loss, checkpoint.count)
    state.seconds = checkpoint.seconds
    net.parameters.flat[:] = arrays["parameters"]
    net.running_stats.flat[:] = arrays["running_stats"]
    state.history.epochs[:] = [Epoch(**epoch.model_dump()) for epoch in checkpoint.history]
    net.history[:] = state.history.to_json()
    for epoch in state.history.epochs:
        if early_stopping.is_better(epoch):
            early_stopping.best = BestEpoch(
                epoch, arrays["best.parameters"], arrays["best.running_stats"]
            )
