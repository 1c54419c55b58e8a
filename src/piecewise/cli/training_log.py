"""What `piecewise train` prints while it works: the plan, the trials, and a line per epoch."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from ..core.progress import Epoch, Progress
from ..data.text.preprocessor import NGRAMS, TextPreprocessor
from ..network import Network
from ..spec.frozen_layers import frozen_part
from ..training.plan import TrainingPlan
from ..training.recipe import Recipe
from ..training.splits import Split
from ..training.train import TRAINING as TRAINING_STAGE
from .interrupts import DeferredInterrupt
from .output import Meter, counted, print_message
from .start_net import start_lines

CLASSES_SHOWN = 20
EPOCHS_SHOWN = 16
"""Evenly spaced epochs on a terminal; the first, the last and the best are shown as well."""


def print_plan(net: Network, plan: TrainingPlan, console: Console, text_length: int | None) -> None:
    """The splits, the input, the layers and the recipe; ``text_length``: the option."""
    counts = ", ".join(f"{_size(split)} for {name}" for name, split in plan.splits.items())
    recipe = plan.config.recipe
    scored = f", cross-validation: {_folds(plan)}" if plan.folds else ""
    if plan.groups is not None:
        scored += f", groups kept together: {len(set(plan.groups.tolist())):,}"
    augmentation = Recipe.knob("augmentation").write(recipe.augmentation)
    for line in (
        *start_lines(plan.start, plan.classes),
        f"{net.preprocessor.modality:<10} {counts}{scored}",
        f"classes    {', '.join(net.classes[:CLASSES_SHOWN])}{_more(len(net.classes))}",
        f"input      {net.preprocessor.description}",
        f"layers     {net.notation}",
        *_frozen_lines(net, recipe.freeze_until),
        f"recipe     {counted(recipe.epochs, 'epoch')}, batches of {recipe.batch_size}, "
        f"learning rate {recipe.learning_rate:.3g}, {recipe.loss}, seed {recipe.seed}",
        f"augment    {augmentation}",
    ):
        print_message(console, line)
    for name, seen in plan.seen_by_start.items():
        print_message(
            console,
            f"warning: the score of {name} will be too high: the net to start from was trained on "
            f"{seen:,} of its examples",
        )
    own = net.preprocessor
    if text_length is not None and isinstance(own, TextPreprocessor) and own.units == NGRAMS:
        print_message(
            console,
            "warning: --text-length has no effect, because this net reads n-grams; for a net that "
            "reads words or letters in their order, set --layers",
        )


def _size(split: Split) -> str:
    """The number of examples of a split; for long sounds that of the recordings, and of the windows
    that they are cut into."""
    count, inputs = int(split.is_first.sum()), len(split.labels)
    return f"{count:,}" if count == inputs else f"{count:,} (in {inputs:,} windows)"


def _frozen_lines(net: Network, until: str | None) -> Iterator[str]:
    """The layers that are not trained, if there are any."""
    if until is not None:
        names, architecture = [stage.name for stage in net.architecture.stages], net.architecture
        frozen = frozen_part(architecture, until)
        yield (
            f"frozen     {', '.join(names[: frozen.stages])}: {frozen.parameters:,} of "
            f"{architecture.parameter_count:,} parameters are not trained"
        )


def _folds(plan: TrainingPlan) -> str:
    """How many folds are trained: fewer than there are if all are too much work."""
    runs, folds = plan.fold_runs, plan.folds
    if runs < folds:
        return f"{runs} of {folds} folds"
    return f"{folds} folds" + (f", {plan.repeats} times" if plan.repeats > 1 else "")


def print_trials(plan: TrainingPlan, console: Console) -> None:
    """A line for each candidate that was tried, if there were several."""
    for number, trial in enumerate(plan.trials):
        chosen = ", chosen" if trial.chosen else f", left out: {trial.note}" if trial.note else ""
        print_message(
            console,
            f"{'' if number else 'tried':<10} {trial.candidate.name}: "
            f"{100 * trial.accuracy:.1f} % of {trial.n:,} right, log loss {trial.loss:.3f}{chosen}",
        )


def _more(classes: int) -> str:
    return f" and {classes - CLASSES_SHOWN:,} more" if classes > CLASSES_SHOWN else ""


class TrainingLog:
    """An ``on_progress`` callback: prints lines about epochs and shows a progress bar in between.

    A terminal shows at most about `EPOCHS_SHOWN` of them: the first, evenly spaced ones, the last
    and the best one. Other output, such as a log file, gets a line for each epoch.
    """

    def __init__(self, console: Console, epochs: int, interrupt: DeferredInterrupt) -> None:
        self.console, self.epochs, self.interrupt = console, epochs, interrupt
        self.meter, self.note = Meter(console), ""
        self._every = -(-epochs // EPOCHS_SHOWN) if console.is_terminal else 1
        self._shown = set[int]()
        self._last: Epoch | None = None
        self._best: Epoch | None = None

    def __call__(self, progress: Progress) -> None:
        in_training = progress.stage == TRAINING_STAGE
        if progress.note and progress.note != self.note and not self.console.is_terminal:
            print_message(self.console, progress.note)
        self.note = progress.note
        if progress.resumed:
            print_message(
                self.console, f"resuming from step {progress.done:,} of {progress.total:,}"
            )
        if not in_training:
            self._print_last()
        self.meter(progress)
        if progress.epoch and in_training:
            self._add(progress.epoch)
        self.interrupt.check()

    def close(self) -> None:
        """Print what is left to print, and clear the progress bar."""
        self._print_last()
        self.meter.clear()

    def _add(self, epoch: Epoch) -> None:
        """Record an epoch, and print it if it is one of those that are shown."""
        accuracy, best = epoch.validation_accuracy, self._best
        if accuracy is not None and (best is None or accuracy > (best.validation_accuracy or 0)):
            self._best = epoch
        self._last = epoch
        if not self._shown or epoch.epoch % self._every == 0:
            self._print_epoch(epoch)
        if epoch.epoch == self.epochs:
            self._print_last()

    def _print_last(self) -> None:
        """Print the last epoch and the best one, if they were left out."""
        if self._last is not None:
            self._print_epoch(self._last)
        if self._best is not None:
            self._print_epoch(self._best, ", the best")
        self._last = self._best = None

    def _print_epoch(self, epoch: Epoch, note: str = "") -> None:
        if epoch.epoch in self._shown:
            return
        self._shown.add(epoch.epoch)
        self.meter.clear()
        accuracy = epoch.validation_accuracy
        scored = "" if accuracy is None else f"   validation {100 * accuracy:.2f} %"
        print_message(
            self.console,
            f"epoch {epoch.epoch:>3} of {self.epochs}   loss {epoch.loss:.4f}{scored}   "
            f"{epoch.seconds:.1f} s{note}",
        )
