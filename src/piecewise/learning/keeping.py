"""Where training stands, kept in a run folder and taken up again."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.native import this_machine
from ..engine.runtime import processors
from ..errors import PiecewiseError, RunError, shown
from ..files.run_folder import NET, RunFolder, opened
from ..version import __version__
from .course import Best, Course, Mean
from .history import Epoch

EVERY = 2.0
"""Seconds of training, at least, between two states that are kept."""

Validation = tuple[npt.NDArray[Any], npt.NDArray[np.int64]] | None


class Keeper:
    """Keeps a course of training in its folder."""

    def __init__(self, folder: RunFolder, course: Course, identity: dict[str, Any]) -> None:
        self.folder, self.course, self.identity = folder, course, identity
        self.kept_at = time.monotonic()

    def take_up(self) -> None:
        """Go on from the state in the folder, if there is one; else begin the folder."""
        saved = self.folder.read()
        if saved is None:
            self.folder.write_json("recipe.json", self.identity)
            self.folder.write_json("environment.json", environment())
        else:
            _refuse_another(self.folder, saved[1].get("of"), self.identity)
            try:
                _restore(self.course, *saved)
            except (KeyError, TypeError, ValueError, PiecewiseError) as error:
                place = self.folder.place
                raise RunError(f"{place}: its state is not whole: {shown(error)}") from None
        self.folder.write_history(self.course.history.to_json())

    def note(self, finished: Epoch | None) -> None:
        """After some steps, and at the end of every epoch: keep what is due."""
        if finished:
            self.folder.append_history(asdict(finished))
        if time.monotonic() - self.kept_at >= EVERY:
            self.keep()

    def keep(self) -> None:
        """The state as it is now."""
        course, net = self.course, self.course.net
        arrays = {"parameters": net.parameters.flat, "averages": net.averages.flat}
        arrays |= {f"memory.{index}": array for index, array in enumerate(course.memory)}
        facts: dict[str, Any] = {
            "of": self.identity,
            "step": course.step,
            "losses": asdict(course.losses),
            "seconds": course.seconds,
            "history": course.history.to_json(),
        }
        if course.best:
            facts["best"] = course.best.epoch.epoch
            arrays["best.parameters"] = course.best.parameters
            arrays["best.averages"] = course.best.averages
        self.folder.keep(arrays, facts)
        self.kept_at = time.monotonic()

    def finish(self) -> None:
        """All is through: the last state, and the net."""
        self.keep()
        self.course.net.save(self.folder.place / NET)


@contextmanager
def keeping(
    path: str | os.PathLike[str], course: Course, validation: Validation
) -> Iterator[Keeper]:
    """A keeper of the course in the folder at ``path``; the course goes on from what is there."""
    with opened(path) as folder:
        keeper = Keeper(folder, course, _identity(course, validation))
        keeper.take_up()
        try:
            yield keeper
        except BaseException:
            if course.whole and course.step:
                keeper.keep()
                course.net.save(folder.place / NET)
            raise


def environment() -> dict[str, Any]:
    """What a run was made with; nothing of it changes a bit of the result."""
    machine = this_machine()
    return {
        "piecewise": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
        "processor": machine.processor,
        "vectors": machine.name,
        "processors": processors(),
    }


def _identity(course: Course, validation: Validation) -> dict[str, Any]:
    """What a run is of: with the same of these it ends with the same bits."""
    net, data = course.net, [course.pictures, course.right, course.weights]
    return {
        "layers": net.notation,
        "input": list(net.input),
        "classes": list(net.classes),
        "preparation": net.preparation.to_json(),
        "recipe": course.recipe.to_json(),
        "first weights": net.parameters_sha256,
        "pictures": _digest(data),
        "validation": _digest(validation or ()),
    }


def _digest(arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _refuse_another(folder: RunFolder, found: Any, wanted: dict[str, Any]) -> None:
    """RunError that names the first thing that differs."""
    kept = _flat(found)
    for name, value in _flat(wanted).items():
        if kept.get(name) != value:
            raise RunError(
                f"{folder.place}: holds a run with another {name}: {shown(kept.get(name))}, got "
                f"{shown(value)}; take a new folder, or go on as it began"
            )


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested plain values by their names, as in "recipe tricks rotation"."""
    if not isinstance(value, dict):
        return {name: list(value) if isinstance(value, tuple) else value}
    return {
        key: one
        for inner, item in value.items()
        for key, one in _flat(item, f"{name} {inner}".strip()).items()
    }


def _restore(course: Course, arrays: dict[str, Any], facts: dict[str, Any]) -> None:
    """The course as it stood. Whatever does not fit raises."""
    net = course.net
    epochs = [Epoch(**epoch) for epoch in facts["history"]]
    count = 2 if course.recipe.optimizer == "adamw" else 1
    memory = [arrays[f"memory.{index}"] for index in range(count)]
    likes = [(array, net.parameters.flat) for array in memory]
    likes += [(arrays["parameters"], net.parameters.flat), (arrays["averages"], net.averages.flat)]
    best = None
    if "best" in facts:
        best = Best(epochs[facts["best"] - 1], arrays["best.parameters"], arrays["best.averages"])
        likes += [(best.parameters, net.parameters.flat), (best.averages, net.averages.flat)]
    for array, like in likes:
        if array.shape != like.shape or not np.isfinite(array).all():
            raise ValueError(f"an array of the shape {array.shape}")
    step = int(facts["step"])
    if not len(epochs) * course.steps_an_epoch <= step <= course.steps:
        raise ValueError(f"step {step}")
    net.parameters.flat[:], net.averages.flat[:] = arrays["parameters"], arrays["averages"]
    course.memory, course.step, course.best = memory, step, best
    course.losses, course.seconds = Mean(**facts["losses"]), float(facts["seconds"])
    course.history.epochs[:] = epochs
    net.history[:] = course.history.to_json()
