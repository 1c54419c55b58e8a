"""Where training stands, kept in a run folder and taken up again."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..core.errors import CheckpointError, LimitError, shown
from ..core.progress import Epoch
from ..core.version import __version__
from ..engine.runtime.llvm_compiler import host_target
from ..engine.runtime.thread_pool import processors
from ..spec.augmentation import AUGMENTATION
from ..storage.run_directory import ENVIRONMENT, NET, RECIPE, Arrays, RunDirectory, opened
from ..storage.safetensors_file import Shape, checked
from ..storage.tensorboard import Events
from .state import Best, Mean, TrainingState

EVERY = 2.0
"""Seconds of training, at least, between two states that are kept."""
TIMES = 10.0
"""How many times as long as keeping the last one took they are apart, at least."""


_Counted = Annotated[int, Field(ge=0)]


class _Epoch(BaseModel):
    """An epoch of a state, as `Epoch` has it."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    epoch: _Counted
    loss: float
    validation_accuracy: float | None
    validation_loss: float | None
    seconds: float


class _State(BaseModel):
    """The plain values of a state."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    of: dict[str, Any]
    step: _Counted
    loss: float
    count: _Counted
    seconds: float
    history: Annotated[list[_Epoch], Field(max_length=100_000)]


class Keeper:
    """Keeps a course of training in its folder."""

    def __init__(self, folder: RunDirectory, course: TrainingState) -> None:
        self.folder, self.course, self.identity = folder, course, _identity(course)
        self.kept_at, self.took = time.monotonic(), 0.0
        self.events: Events | None = None

    def take_up(self) -> None:
        """Go on from the state in the folder, if there is one; else begin the folder."""
        saved = self.folder.read(self._wanted)
        if saved is None:
            self.folder.write_json(RECIPE, self.identity)
            self.folder.write_json(ENVIRONMENT, environment())
        else:
            arrays, plain = saved
            _restore(self.course, arrays, checked(_State, plain))
        self.folder.write_history(self.course.history.to_json())

    def note(self, finished: Epoch | None) -> None:
        """After some steps, and at the end of every epoch: keep what is due."""
        if finished:
            self.folder.append_history(asdict(finished))
            if self.events:
                numbers = asdict(finished)
                self.events.write(numbers.pop("epoch"), numbers)
        if time.monotonic() - self.kept_at >= max(EVERY, TIMES * self.took):
            self.keep()

    def keep(self) -> None:
        """The state as it is now."""
        began, course, net = time.monotonic(), self.course, self.course.net
        arrays = {"parameters": net.parameters.flat, "running_stats": net.running_stats.flat}
        arrays |= {f"memory.{index}": array for index, array in enumerate(course.memory)}
        if course.best:
            arrays["best.parameters"] = course.best.parameters
            arrays["best.averages"] = course.best.running_stats
        facts = {
            "of": self.identity,
            "step": course.step,
            "loss": course.losses.total,
            "count": course.losses.count,
            "seconds": course.seconds,
            "history": course.history.to_json(),
        }
        self.folder.keep(arrays, facts)
        self.kept_at = time.monotonic()
        self.took = self.kept_at - began

    def close(self) -> None:
        """All is through, or it is stopped: the last state, and what is written from it."""
        self.keep()
        self.folder.write_history(self.course.history.to_json())
        self.course.net.save(self.folder.place / NET)

    def _wanted(self, plain: Any) -> dict[str, Shape]:
        """The arrays that go with the plain values of a state; RunError if they are another run's,
        ValueError if they cannot be any's."""
        of = _as_now(plain.get("of") if isinstance(plain, dict) else None)
        _refuse_another(self.folder, of, self.identity)
        state, course = checked(_State, plain), self.course
        if not _possible(state, course):
            raise ValueError("its epochs and steps do not fit each other")
        whole, running_stats = course.net.parameters.flat.shape, course.net.running_stats.flat.shape
        wanted = {"parameters": whole, "running_stats": running_stats}
        wanted |= {f"memory.{index}": whole for index in range(len(course.memory))}
        if course.recipe.patience and course.validation and state.history:
            wanted |= {"best.parameters": whole, "best.averages": running_stats}
        return wanted


@contextmanager
def keeping(
    path: str | os.PathLike[str], course: TrainingState, *, tensorboard: bool = False
) -> Iterator[Keeper]:
    """A keeper of the course in the folder at ``path``; the course goes on from what is there.
    ``events``: whether TensorBoard is told, too."""
    with opened(path) as folder:
        keeper = Keeper(folder, course)
        keeper.take_up()
        keeper.events = Events(folder.place) if tensorboard else None
        try:
            yield keeper
        except BaseException:
            if course.whole and course.step:
                keeper.close()
            raise
        finally:
            if keeper.events:
                keeper.events.close()


def environment() -> dict[str, Any]:
    """What a run was made with; nothing of it changes a bit of the result."""
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


def _identity(course: TrainingState) -> dict[str, Any]:
    """What a run is of: with the same of these it ends with the same bits."""
    net, data = course.net, [course.pictures, course.right, course.weights]
    return {
        "layers": net.notation,
        "input": list(net.input),
        "classes": list(net.classes),
        "preprocessor": net.preprocessor.to_json(),
        "recipe": course.recipe.to_json(),
        "first weights": net.parameters_sha256,
        "pictures": _digest(data),
        "validation": _digest(course.validation or ()),
    }


def _as_now(of: Any) -> Any:
    """What a run is of, its tricks as they are written now: a state may be older than some of
    them, which it then had none of."""
    try:
        recipe = {
            **of["recipe"],
            "augmentation": AUGMENTATION.check(of["recipe"]["augmentation"]).to_json(),
        }
        return {**of, "recipe": recipe}
    except (LimitError, LookupError, TypeError):
        return of  # something else, which is told by what differs


_DIGESTS = ("first weights", "pictures", "validation")
"""What only its digest says; to show that would tell nobody anything."""


def _digest(arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _refuse_another(
    folder: RunDirectory, found: Any, wanted: dict[str, Any], name: str = ""
) -> None:
    """RunError that names the first thing that differs."""
    for key, value in wanted.items():
        kept = found.get(key) if isinstance(found, dict) else None
        what = f"{name} {key}".strip()
        if isinstance(value, dict):
            _refuse_another(folder, kept, value, what)
        elif kept != value:
            differs = f"has {what} {shown(kept, 200)}, got {shown(value, 200)}"
            if what in _DIGESTS:
                differs = f"is of other {what}"
            raise CheckpointError(
                f"{folder.place}: its run {differs}; go on as it began, or take a new folder"
            )


def _possible(state: _State, course: TrainingState) -> bool:
    """Whether a course can stand so: its steps counted, its epochs in a row."""
    epochs, rest = divmod(state.step, course.steps_an_epoch)
    taken = min(rest * course.recipe.batch_size, len(course.right))
    numbers = [epoch.epoch for epoch in state.history]
    measured = {
        value is not None
        for epoch in state.history
        for value in (epoch.validation_accuracy, epoch.validation_loss)
    }
    return (
        state.step <= course.steps
        and state.count == taken
        and numbers == list(range(1, epochs + 1))
        and measured <= {course.validation is not None}
    )


def _restore(course: TrainingState, arrays: Arrays, state: _State) -> None:
    """The course as it stood."""
    net = course.net
    course.memory = [arrays[f"memory.{index}"] for index in range(len(course.memory))]
    course.step, course.losses = state.step, Mean(state.loss, state.count)
    course.seconds = state.seconds
    net.parameters.flat[:], net.running_stats.flat[:] = (
        arrays["parameters"],
        arrays["running_stats"],
    )
    course.history.epochs[:] = [Epoch(**epoch.model_dump()) for epoch in state.history]
    net.history[:] = course.history.to_json()
    for epoch in course.history.epochs:
        if course.is_best(epoch):
            course.best = Best(epoch, arrays["best.parameters"], arrays["best.averages"])
