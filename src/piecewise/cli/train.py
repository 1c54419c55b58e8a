"""`piecewise train`."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

import rich_click as click
from rich.console import Console

from ..data.dataset import read_data
from ..data.inspection.report import warnings
from ..data.pictures.preparation import RESIZES
from ..errors import LimitError, ModelFileError, NotationError, RunError
from ..learning.recipe import Recipe
from ..learning.scores import Scores
from ..learning.teaching import Lesson, Taught, lesson, teach
from ..learning.trainer import TRAINING
from ..network import Network
from ..notation import parse
from ..progress import Progress
from .knobs import knob_options, read_size
from .output import (
    Meter,
    check_place,
    data,
    json_option,
    print_json,
    say,
    tell_skipped,
    words,
)
from .stopping import Stopping, stop_listening, undisturbed
from .words import group_lines, score_lines

CLASSES_SHOWN = 20
SCHEMA = 1
"""Of what --json prints."""


class _Folds(click.ParamType[Any]):
    """A number of folds, or the word for one fold a group."""

    name = "N|groups"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return value if value == "groups" else click.IntRange(0, 1_000).convert(value, param, ctx)


@click.command(name="train")
@click.argument("source", metavar="DATA")
@click.option("-o", "--output", metavar="NET", required=True, help="The model file to write.")
@click.option("--quick", is_flag=True, help="An eighth of the work, for a little less accuracy.")
@click.option("--layers", metavar="TEXT", help="The layers, as in 'conv 8 5, relu, pool 2, full'.")
@click.option("--size", metavar="SIZE", help="Rows and columns pictures are brought to: 28, 24x32.")
@click.option(
    "--resize",
    type=click.Choice(RESIZES.words),
    help="How photos come into a frame of other proportions: whole (pad), filling it and cut off "
    "(crop), or stretched (fit).",
)
@click.option(
    "--groups",
    metavar="NAME",
    help="What one person drew, said or wrote stays on one side of a split: the field or column "
    "that says who, or a pattern over file names, as '*_{group}_*'.",
)
@click.option(
    "--folds",
    type=_Folds(),
    metavar="N|groups",
    help="Score every example by a net that did not learn from it, in N folds, or with each group "
    "in turn left out; 0: not.",
)
@click.option(
    "--run",
    metavar="FOLDER",
    help="Keep where training stands in this folder, and go on from there after a stop or a kill.",
)
@click.option(
    "--tensorboard", is_flag=True, help="Write event files for TensorBoard into the run's folder."
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processors to use; the net is the same for any number.",
)
@knob_options
@json_option(click)  # fmt: skip
def command(source: str, output: str, as_json: bool, **given: Any) -> None:
    """Teach a net the pictures, sounds or texts of DATA and save it.

    DATA is a folder with a folder of files per class (under train, validation and test, if it is
    divided), a .zip of such a folder, an .npz with images and labels, or a .csv, .tsv or .jsonl
    with text and label. Layers and recipe are chosen from the data; what is said here stays. A part
    for testing is never trained on, and the last score is measured on it. Without a validation
    part, a tenth of each class is held out; small sets are scored in folds. Ctrl-C, from the second
    epoch on, saves the net as it is.
    """
    started, console = time.perf_counter(), words()
    size, how = read_size(given.pop("size")), _how(given)
    given = {name: value for name, value in given.items() if value is not None}
    wishes = {name: given.pop(name) for name in ("resize", "groups") if name in given}
    _check_usage(given)
    check_place(output)
    with Meter(console) as meter:
        dataset = read_data(source, size=size, on_progress=meter, cache=_cache(how), **wishes)
    tell_skipped(dataset.skipped, console)
    if dataset.not_kept:
        say(console, dataset.not_kept)
    for sentence in warnings(dataset):
        say(console, f"warning: {sentence}")
    plan = lesson(dataset, source, **given)
    net = plan.network()
    _tell_plan(net, plan, console)
    try:
        taught = _taught(plan, net, console, how)
    except RunError as error:  # the run's folder fails; what was learned need not
        if not net.history:
            raise
        _save(net, output)
        raise RunError(f"{error}; the net is saved as it is: {output}") from None
    if taught is None:
        _stop(net, output, console)
    with undisturbed():
        _save(net, output)
    seconds = time.perf_counter() - started
    if as_json:
        print_json({**_report(taught, seconds), "skipped": dataset.skipped})
        return
    for name, score in taught.scores.items():
        _print_scores(name, score)
    for line in group_lines(taught.groups):
        data().print(line, markup=False)
    if not taught.scores:
        say(console, "nothing was held out, so there is no score")
    say(console, f"saved {output}, {seconds:.1f} s in all")


def _how(given: dict[str, Any]) -> dict[str, Any]:
    """What is said of how to train, and not of what, taken out of ``given``."""
    how = {name: given.pop(name) for name in ("threads", "run")}
    how["events"] = given.pop("tensorboard")
    if how["run"] == "":
        raise click.UsageError("--run wants the name of a folder")
    if how["events"] and how["run"] is None:
        raise click.UsageError("--tensorboard wants --run FOLDER, where its files go")
    return how


def _cache(how: dict[str, Any]) -> Path | None:
    """Where the inputs of a run are kept."""
    if how["run"] is None:
        return None
    from ..files.run_folder import place_of_inputs  # noqa: PLC0415 - only runs need it

    return place_of_inputs(how["run"])


def _check_usage(given: dict[str, Any]) -> None:
    """Tell a wrong knob or layer before anything is read."""
    others = ("layers", "quick", "folds")
    try:
        Recipe(**{name: value for name, value in given.items() if name not in others})
        if "layers" in given:
            parse(given["layers"])
    except (LimitError, NotationError) as error:
        raise click.UsageError(str(error)) from None


def _tell_plan(net: Network, plan: Lesson, console: Console) -> None:
    counts = ", ".join(f"{len(part.labels):,} for {name}" for name, part in plan.parts.items())
    recipe = plan.plan.recipe
    scored = f", scored in {plan.folds} folds" if plan.folds else ""
    if plan.groups is not None:
        scored += f", groups kept together: {len(set(plan.groups.tolist())):,}"
    tricks = Recipe.knob("tricks").write(recipe.tricks)
    for line in (
        f"{net.preparation.reads:<10} {counts}{scored}",
        f"classes    {', '.join(net.classes[:CLASSES_SHOWN])}{_more(len(net.classes))}",
        f"input      {net.preparation.told}",
        f"layers     {net.notation}",
        f"recipe     {recipe.epochs} epochs, batches of {recipe.batch_size}, learning rate "
        f"{recipe.learning_rate:.3g}, {recipe.loss}, seed {recipe.seed}",
        f"tricks     {tricks}",
    ):
        say(console, line)


def _more(classes: int) -> str:
    return f" and {classes - CLASSES_SHOWN:,} more" if classes > CLASSES_SHOWN else ""


class _TrainingLog:
    """Prints a line per epoch, and between them shows a meter; it is an ``on_progress``."""

    def __init__(self, console: Console, epochs: int, stopping: Stopping) -> None:
        self.console, self.epochs, self.stopping = console, epochs, stopping
        self.meter = Meter(console)

    def __call__(self, progress: Progress) -> None:
        is_fold = progress.stage != TRAINING
        if is_fold and progress.stage != self.meter.stage and not self.console.is_terminal:
            say(self.console, progress.stage)
        if progress.resumed:
            say(self.console, f"going on from step {progress.done:,} of {progress.total:,}")
        self.meter(progress)
        if progress.epoch and not is_fold:
            epoch = progress.epoch
            self.meter.clear()
            share = epoch.validation_accuracy
            scored = "" if share is None else f"   validation {100 * share:.2f} %"
            say(
                self.console,
                f"epoch {epoch.epoch:>3} of {self.epochs}   loss {epoch.loss:.4f}{scored}   "
                f"{epoch.seconds:.1f} s",
            )
        self.stopping.look()


def _taught(plan: Lesson, net: Network, console: Console, how: dict[str, Any]) -> Taught | None:
    """Train with a meter; None if it was stopped."""
    with Stopping() as stopping:
        log = _TrainingLog(console, plan.plan.recipe.epochs, stopping)
        try:
            return teach(plan, log, net=net, **how)
        except KeyboardInterrupt:
            stop_listening()
            return None
        finally:
            log.meter.clear()


def _save(net: Network, output: str) -> None:
    """Save the net; if that fails, save it where temporary files go, and say so."""
    try:
        net.save(output)
    except ModelFileError as error:
        handle, other = tempfile.mkstemp(".safetensors", "piecewise-")
        os.close(handle)
        try:
            net.save(other)
        except ModelFileError:
            Path(other).unlink(missing_ok=True)
            raise error from None
        raise ModelFileError(f"{error}; the net is saved as {other} instead") from None


def _stop(net: Network, output: str, console: Console) -> NoReturn:
    """Save what there is, if it is something, and end as Ctrl-C does."""
    if net.history:
        _save(net, output)
        say(console, f"stopped; the net is saved as it is: {output}")
    else:
        say(console, "stopped before the first epoch was through; nothing is saved")
    raise KeyboardInterrupt


def _print_scores(name: str, scores: Scores) -> None:
    console = data()
    console.print(f"{name}: {next(lines := score_lines(scores, console.width))}")
    for line in lines:
        console.print(line, markup=False)
    console.print()


def _report(taught: Taught, seconds: float) -> dict[str, Any]:
    net = taught.net
    return {
        "schema": SCHEMA,
        **{name: score.to_json() for name, score in taught.scores.items()},
        **({"groups": taught.groups} if taught.groups else {}),
        "seconds": seconds,
        "seconds_of": taught.seconds,
        "recipe": net.recipe,
        "layers": net.notation,
        "input": list(net.input),
        "classes": list(net.classes),
        "calibration": net.calibration.to_json(),
        "history": net.history,
        "parameters_sha256": net.parameters_sha256,
    }
