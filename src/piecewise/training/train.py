"""The training loop: minibatch gradient descent, validation, progress reports and checkpoints."""

from __future__ import annotations

import math
import os
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..core.constraints import THREADS, checked
from ..core.errors import LimitError, shown
from ..core.progress import Epoch, OnProgress, Progress
from ..core.rng import fold_in
from ..engine.runtime.thread_pool import processors
from ..inputs import check_examples, check_sample_weight
from ..network import Network
from ..reference.losses import LOSSES
from ..spec.calibration import Calibration
from .divergence import check_not_diverged
from .history import History
from .ranks import Ranks, current_ranks
from .recipe import Recipe
from .state import RunningMean, TrainingState
from .step import BackpropagationSteps, FiniteDifferenceSteps, StepRunner

if TYPE_CHECKING:
    from .checkpoint import CheckpointWriter

Validation = tuple[npt.ArrayLike, npt.ArrayLike] | None
"""The inputs and labels of a validation split, or None."""
TRAINING = "training"
"""The stage that progress reports of training name."""


def train(
    net: Network,
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike,
    recipe: Recipe | None = None,
    validation: Validation = None,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
    *,
    sample_weight: npt.ArrayLike | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    tensorboard: bool = False,
    keep_digests: bool = True,
) -> History:
    """Train a network in place by minibatch gradient descent.

    The same network, data and recipe give the same bits on every machine and for any number of
    threads, also if ``mpiexec`` starts several processes that share each step. Ctrl-C, or an
    exception from ``on_progress``, leaves the network with the parameters of its last complete step
    and the history so far.

    Parameters
    ----------
    net : Network
        The network to train. Its parameters, running statistics, recipe and history are replaced.
    inputs : array (N, C, H, W)
        uint8, which the network's preprocessor scales, or float32. For a network that reads texts:
        token numbers (N, positions).
    labels : array of int or str (N,)
        The number or the name of the class of each input.
    recipe : Recipe, optional
        The hyperparameters; the defaults of `Recipe` if left out.
    validation : (inputs, labels), optional
        A validation split; the network is measured on it after each epoch.
    on_progress : callable, optional
        Called with a `Progress` several times a second and at the end of every epoch.
    threads : int, optional
        The number of threads; chosen from the processors and the work of a step if left out.
    sample_weight : array (N,), optional
        The weight of each example in the gradient, 0 or more; 1 if left out.
    run_dir : path, optional
        A directory for checkpoints. After an interruption, the same call resumes from the last
        checkpoint and ends with the same bits as an uninterrupted run.
    tensorboard : bool
        Whether to write TensorBoard event files to ``run_dir``, too.
    keep_digests : bool
        Whether the network keeps short hashes of the inputs, so that `evaluate` recognizes them.

    Returns
    -------
    History
        The loss and the validation scores of every epoch.

    Raises
    ------
    CheckpointError
        If ``run_dir`` cannot be used, or holds another run.
    DataError
        If the arrays do not fit the network.
    LimitError
        If the recipe augments the inputs of a network that reads texts.
    TrainingError
        If training diverges: the loss stops being a finite number, and the network keeps its last
        finite parameters; or it is far above that of an untrained network in the end.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(160, size=9, seed=0)
    >>> net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
    >>> history = pw.train(net, xo.inputs, xo.labels, pw.Recipe(epochs=4, learning_rate=0.1))
    >>> len(history.epochs)
    4
    >>> history.losses[-1] < history.losses[0]
    True
    """
    recipe = _checked_recipe(recipe)
    if tensorboard and run_dir is None:
        raise LimitError("tensorboard: got True without run_dir, the directory for its event files")
    checked_inputs, checked_labels = check_examples(net, inputs, labels)
    if recipe.augmentation.changes_anything and net.architecture.reads_texts:
        raise LimitError("augmentation: got one for a network that reads texts; wanted none")
    scaling = recipe.token_scaling
    if scaling != "none" and not net.architecture.reads_texts:
        raise LimitError(
            f"token_scaling: got {scaling} for a network that does not read texts; wanted none"
        )
    if len(net.classes) > 1 and len(np.unique(checked_labels)) == 1:
        name = net.classes[checked_labels[0]]
        message = f"train: all examples are of the class {shown(name)}; wanted two or more"
        warnings.warn(message, stacklevel=2)
    weights = None
    if sample_weight is not None:
        weights = check_sample_weight(sample_weight, len(checked_labels), np.float32)
    checked_validation = validation and check_examples(net, *validation)
    state = TrainingState(net, recipe, checked_inputs, checked_labels, weights, checked_validation)
    ranks = current_ranks()
    threads = _thread_count(threads, ranks)
    net.recipe, net.history, net.calibration = recipe.to_json(), [], Calibration()
    net.training_summary = {}
    if keep_digests:
        net.training_digests = net.training_digests.including(checked_inputs)
    if ranks and ranks.rank:
        on_progress = None  # rank 0 reports
    with (
        _checkpoints(ranks, run_dir, state, tensorboard) as writer,
        np.errstate(over="ignore", invalid="ignore"),  # raises TrainingError instead
    ):
        _run_epochs(state, on_progress, threads, writer, ranks)
    check_not_diverged(state)
    return state.history


def _checkpoints(
    ranks: Ranks | None,
    run_dir: str | os.PathLike[str] | None,
    state: TrainingState,
    tensorboard: bool,
) -> AbstractContextManager[CheckpointWriter | None]:
    """The writer of checkpoints; None without a directory, and on all ranks but the first."""
    if run_dir is None and ranks is None:
        return nullcontext()
    from . import checkpoint  # noqa: PLC0415 - only these trainings need it

    if ranks:
        return checkpoint.open_shared_checkpoints(ranks, run_dir, state, tensorboard=tensorboard)
    assert run_dir is not None, "the other case is above"
    return checkpoint.open_checkpoints(run_dir, state, tensorboard=tensorboard)


def _run_epochs(
    state: TrainingState,
    on_progress: OnProgress | None,
    threads: int,
    writer: CheckpointWriter | None,
    ranks: Ranks | None,
) -> None:
    """Train from the current state to the end of the recipe, or until early stopping ends it."""
    if on_progress and state.step:
        on_progress(replace(_progress(state), resumed=True))
    if not state.done:
        nudging = state.recipe.method == "nudging"
        report = partial(_report_within_step, state, on_progress)
        runner: StepRunner = (FiniteDifferenceSteps if nudging else BackpropagationSteps)(
            state, threads, report, ranks
        )
    chunk = 1
    while not state.done:
        chunk = _run_epoch(state, runner, on_progress, writer, chunk)
    state.early_stopping.restore_best(state.net)
    if writer:
        writer.finish()


def _progress(state: TrainingState) -> Progress:
    """The current step, with the mean loss of the epoch so far."""
    return Progress(TRAINING, state.step, state.total_steps, state.loss.value)


def _report_within_step(state: TrainingState, on_progress: OnProgress | None) -> None:
    """Report progress in the middle of a long step."""
    if on_progress:
        on_progress(_progress(state))


def _run_epoch(
    state: TrainingState,
    runner: StepRunner,
    on_progress: OnProgress | None,
    writer: CheckpointWriter | None,
    chunk: int,
) -> int:
    """Run the remaining steps of the current epoch, several between two progress reports.
    ``chunk``: how many to run first. Returns that number for the next epoch."""
    began, batch = time.perf_counter() - state.seconds, state.recipe.batch_size
    order = runner.order(fold_in(state.order_key, state.epoch), len(state.labels))
    first = state.step - state.epoch * state.steps_per_epoch
    while first < state.steps_per_epoch:
        steps = min(chunk, state.steps_per_epoch - first)
        before, state.consistent = time.perf_counter(), False
        losses = runner.run(order, first, steps)
        chunk = _next_chunk(max(chunk, steps), steps, time.perf_counter() - before)
        if len(losses) < len(order[first * batch : (first + steps) * batch]):
            raise state.diverged()
        state.loss.add(losses)
        state.seconds = time.perf_counter() - began
        first += steps
        epoch = _end_epoch(state, began) if first == state.steps_per_epoch else None
        state.consistent = True
        if writer:
            writer.after_steps(epoch)
        if on_progress:
            recent = RunningMean()
            recent.add(losses)
            on_progress(Progress(TRAINING, state.step, state.total_steps, recent.value, epoch))
    return chunk


def _end_epoch(state: TrainingState, began: float) -> Epoch:
    """Measure the network on the validation split and record the epoch."""
    accuracy, loss = _validate(state)
    state.seconds = time.perf_counter() - began
    epoch = Epoch(state.epoch + 1, state.loss.value, accuracy, loss, state.seconds)
    state.end_epoch(epoch)
    return epoch


_REPORT_INTERVAL = 0.05
"""Seconds between two progress reports, and between two checks for Ctrl-C."""


def _next_chunk(chunk: int, steps: int, seconds: float) -> int:
    """How many steps to run before the next report, if the last ``steps`` took ``seconds``: at most
    four times the last ``chunk``, of which an epoch's end may have left a part."""
    return max(1, min(4 * chunk, int(steps * _REPORT_INTERVAL / max(seconds, 1e-6))))


def _thread_count(threads: object, ranks: Ranks | None) -> int:
    """The requested number, or that of the processors, which ranks on one machine share. A step
    uses no more threads than there is work for."""
    requested: int | None = checked("threads", THREADS, threads)
    if requested is not None:
        return requested
    return ranks.processors if ranks else processors()


def _checked_recipe(recipe: object) -> Recipe:
    if recipe is None:
        return Recipe()
    if not isinstance(recipe, Recipe):
        hint = "; write Recipe(**values)" if isinstance(recipe, dict) else ""
        raise LimitError(f"recipe: got {shown(recipe)}, wanted a Recipe{hint}")
    return recipe


def _validate(state: TrainingState) -> tuple[float | None, float | None]:
    """Accuracy and mean loss on the validation split; None without one."""
    if state.validation is None:
        return None, None
    inputs, labels = state.validation
    try:
        logits = state.net.logits(inputs)
    except LimitError:  # logits beyond float32 give an infinite loss at the next step
        raise state.diverged() from None
    mean, loss = RunningMean(), LOSSES[state.recipe.loss]
    mean.add(loss(logits, labels)[0])
    if not math.isfinite(mean.value):
        raise state.diverged()
    return float((logits.argmax(axis=1) == labels).mean()), mean.value
