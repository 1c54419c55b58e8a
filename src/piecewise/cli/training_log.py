"""What `piecewise train` prints while it works: the plan, the trials, and a line per epoch."""

from __future__ import annotations

from rich.console import Console

from ..core.progress import Epoch, Progress
from ..network import Network
from ..training.plan import TrainingPlan
from ..training.recipe import Recipe
from ..training.train import TRAINING as TRAINING_STAGE
from .interrupts import DeferredInterrupt
from .output import Meter, counted, print_message
from .start_net import start_lines

CLASSES_SHOWN = 20


def print_plan(net: Network, plan: TrainingPlan, console: Console) -> None:
    """The splits, the input, the layers and the recipe."""
    counts = ", ".join(f"{len(split.labels):,} for {name}" for name, split in plan.splits.items())
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
    """An ``on_progress`` callback: prints a line per epoch and shows a progress bar in between."""

    def __init__(self, console: Console, epochs: int, interrupt: DeferredInterrupt) -> None:
        self.console, self.epochs, self.interrupt = console, epochs, interrupt
        self.meter, self.note = Meter(console), ""

    def __call__(self, progress: Progress) -> None:
        in_training = progress.stage == TRAINING_STAGE
        if progress.note and progress.note != self.note and not self.console.is_terminal:
            print_message(self.console, progress.note)
        self.note = progress.note
        if progress.resumed:
            print_message(
                self.console, f"resuming from step {progress.done:,} of {progress.total:,}"
            )
        self.meter(progress)
        if progress.epoch and in_training:
            self._print_epoch(progress.epoch)
        self.interrupt.check()

    def _print_epoch(self, epoch: Epoch) -> None:
        self.meter.clear()
        accuracy = epoch.validation_accuracy
        scored = "" if accuracy is None else f"   validation {100 * accuracy:.2f} %"
        print_message(
            self.console,
            f"epoch {epoch.epoch:>3} of {self.epochs}   loss {epoch.loss:.4f}{scored}   "
            f"{epoch.seconds:.1f} s",
        )
