"""Gradient descent: the slope of the loss, and a step down it, until the recipe is done."""

from __future__ import annotations

import math
import os
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float32
from ..core.constraints import THREADS, checked
from ..core.errors import DataError, LimitError
from ..core.progress import Epoch, OnProgress, Progress
from ..core.rng import ORDER, derive_key
from ..engine.runtime.thread_pool import processors
from ..inputs import check_examples
from ..network import Network
from ..reference.losses import LOSSES
from ..spec.calibration import Calibration
from .history import History
from .recipe import Recipe
from .state import Mean, TrainingState
from .step import Native, Nudging, Stepper

if TYPE_CHECKING:
    from .checkpoint import Keeper

Validation = tuple[npt.ArrayLike, npt.ArrayLike] | None
"""Pictures and labels, or nothing."""
TRAINING = "training"
"""The stage that training reports."""


def train(
    net: Network,
    pictures: npt.ArrayLike,
    labels: npt.ArrayLike,
    recipe: Recipe | None = None,
    validation: Validation = None,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
    *,
    sample_weight: npt.ArrayLike | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    tensorboard: bool = False,
) -> History:
    """Teach ``net`` the labels (N,) of pictures (N, C, H, W), in place; by stochastic gradient
    descent, each step as the recipe's optimizer makes it.

    ``validation``: pictures and labels it is measured on after each epoch. ``threads``: as many as
    there are processors, if left out, fewer where there is little to do; the result is the same for
    any number. ``weights`` (N,): how many times its slope each picture counts, 1 if left out.
    ``run``: a folder that keeps where training stands; after a stop or a kill, the same call goes
    on from there and ends with the same bits as if nothing had happened; with ``events`` it gets
    event files for TensorBoard, too.

    Ctrl-C, or whatever ``on_progress`` raises, leaves the net as after its last whole step, with
    the history so far. Raises DataError where arrays do not fit, RunError where the folder holds
    something else, and TrainingError where the loss stops being a number; the net then keeps the
    last good weights.
    """
    recipe = recipe or Recipe()
    given, right = check_examples(net, pictures, labels)
    if recipe.augmentation.changes_anything and net.architecture.reads_texts:
        raise LimitError("tricks: got some for a network that reads texts; wanted none")
    shares = _checked_weights(sample_weight, len(right))
    seen = validation and check_examples(net, *validation)
    course = TrainingState(net, recipe, given, right, shares, seen)
    threads = _checked_threads(threads, recipe.batch_size * net.architecture.multiplications)
    net.recipe, net.history, net.calibration = recipe.to_json(), [], Calibration()
    keeper: AbstractContextManager[Keeper | None] = nullcontext()
    if run_dir is not None:
        from .checkpoint import keeping  # noqa: PLC0415 - it loads what only files need

        keeper = keeping(run_dir, course, tensorboard=tensorboard)
    with (
        keeper as kept,
        np.errstate(over="ignore", invalid="ignore"),
    ):  # raises TrainingError instead
        if on_progress and course.step:
            on_progress(replace(_position(course), resumed=True))
        if not course.done:
            nudged = recipe.method == "nudging"
            report = partial(_report_position, course, on_progress)
            stepper: Stepper = (Nudging if nudged else Native)(course, threads, report)
        while not course.done:
            _one_epoch(course, stepper, on_progress, kept)
        course.go_back_to_best()
        if kept:
            kept.close()
    return course.history


def _position(course: TrainingState) -> Progress:
    """The step that training is at, with the mean loss of the epoch so far."""
    return Progress(TRAINING, course.step, course.steps, course.losses.value)


def _report_position(course: TrainingState, on_progress: OnProgress | None) -> None:
    """Report from the middle of a step."""
    if on_progress:
        on_progress(_position(course))


def _one_epoch(
    course: TrainingState, stepper: Stepper, on_progress: OnProgress | None, keeper: Keeper | None
) -> None:
    """Once through the pictures, or through what is left of them, in an order of its own."""
    began, size, pace = time.perf_counter() - course.seconds, course.recipe.batch_size, 1
    order = stepper.order(derive_key(course.recipe.seed, ORDER, course.epoch), len(course.right))
    first = course.step - course.epoch * course.steps_an_epoch
    while first < course.steps_an_epoch:
        steps = min(pace, course.steps_an_epoch - first)
        before, course.whole = time.perf_counter(), False
        found = stepper.take(order, first, steps)
        pace = _pace(steps, time.perf_counter() - before)
        if len(found) < len(order[first * size : (first + steps) * size]):
            raise course.diverged()
        course.losses.add(found)
        course.seconds = time.perf_counter() - began
        first += steps
        finished = None
        if first == course.steps_an_epoch:
            accuracy, loss = _measured(course)
            course.seconds = time.perf_counter() - began
            finished = Epoch(course.epoch + 1, course.losses.value, accuracy, loss, course.seconds)
            course.close(finished)
        course.whole = True
        if keeper:
            keeper.note(finished)
        if on_progress:
            lately = Mean()
            lately.add(found)
            on_progress(Progress(TRAINING, course.step, course.steps, lately.value, finished))


_LOOK_UP = 0.05
"""Seconds between two progress reports, and between two checks for Ctrl-C."""


def _pace(steps: int, seconds: float) -> int:
    """How many steps to take at once, when so many took so long."""
    return max(1, min(4 * steps, int(steps * _LOOK_UP / max(seconds, 1e-6))))


_WORTH_MEETING = 2_000_000
"""Multiplications of a step, on the way forward, that are worth another thread: threads meet after
every step, and wait for one that something else keeps busy."""


def _checked_threads(threads: object, work: int) -> int:
    """As many as asked for; or as there are processors and there is work for."""
    asked: int | None = checked("threads", THREADS, threads)
    return min(processors(), 1 + work // _WORTH_MEETING) if asked is None else asked


def _checked_weights(weights: npt.ArrayLike | None, count: int) -> Float32 | None:
    if weights is None:
        return None
    given = np.asarray(weights)
    if given.shape != (count,) or given.dtype.kind not in "fiub":
        raise DataError(
            f"weights: got {given.dtype} of the shape {given.shape}, wanted numbers ({count},), "
            "one per picture"
        )
    with np.errstate(over="ignore"):
        checked = given.astype(np.float32)
    if not np.isfinite(checked).all() or (checked < 0).any():
        raise DataError("weights: got some that are no finite numbers from 0 on")
    if not checked.any():
        raise DataError("weights: got nothing but zeros, wanted some above")
    return checked


def _measured(course: TrainingState) -> tuple[float | None, float | None]:
    """Accuracy and mean loss on the validation pictures."""
    if course.validation is None:
        return None, None
    pictures, right = course.validation
    try:
        logits = course.net.logits(pictures)
    except LimitError:  # answers beyond float32: the next loss would be
        raise course.diverged() from None
    losses, loss = Mean(), LOSSES[course.recipe.loss]
    losses.add(loss(logits, right)[0])
    if not math.isfinite(losses.value):
        raise course.diverged()
    return float((logits.argmax(axis=1) == right).mean()), losses.value
