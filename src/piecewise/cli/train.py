"""`piecewise train`."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import rich_click as click
from rich.console import Console

from ..core.errors import (
    CheckpointError,
    LimitError,
    ModelFileError,
    NotationError,
    TrainingError,
)
from ..data.dataset import Dataset
from ..data.images.preprocessor import RESIZES
from ..data.inspection.report import warnings
from ..network import Network, load
from ..spec.notation import parse
from ..training.divergence import check_stopped_net
from ..training.effort import EFFORT
from ..training.experiment import TrainingResult, choose_by_trial, run_training
from ..training.fold_count import FOLD_COUNTS
from ..training.linear_baseline import LinearBaseline
from ..training.metrics import Scores
from ..training.plan import TrainingPlan, plan_training
from ..training.recipe import Recipe, knobs
from .dataset_options import PreprocessingOptions, preprocessing_options
from .interrupts import DeferredInterrupt, ignore_further_interrupts, ignore_interrupts
from .options import (
    DATA,
    FROM_DATA,
    OUTPUT,
    TRAINING,
    ConstraintType,
    choice_option,
    json_option,
    layers_option,
    option,
    output_option,
    recipe_options,
    threads_option,
    usage_error,
    with_option_names,
)
from .output import Meter, messages, print_json, print_message, print_skipped, results
from .output_files import check_net_path, force_option
from .ranks import is_first_rank
from .score_text import group_lines, score_lines
from .start_net import check_start, start_option
from .training_log import TrainingLog, print_plan, print_trials


class _Folds(click.ParamType[Any]):
    """A number of folds, or "groups" for one fold per group."""

    name = "value"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return (
            value if value == "groups" else ConstraintType(FOLD_COUNTS).convert(value, param, ctx)
        )


@dataclass(frozen=True)
class TrainOptions(PreprocessingOptions):
    """The options of the command; ``recipe``: the values of its fields that the user set."""

    resize: str | None
    folds: int | str | None
    layers: str | None
    start: str | None
    effort: str
    threads: int | None
    output: str
    run_dir: str | None
    tensorboard: bool
    force: bool
    recipe: dict[str, Any]

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """The options from the values that click passes, by name."""
        fields = [field.name for field in knobs()]
        recipe = {name: values[name] for name in fields if values[name] is not None}
        others = {name: value for name, value in values.items() if name not in fields}
        if others.pop("quick"):
            if others["effort"] not in (None, "quick"):
                raise click.UsageError("--quick means --effort quick; leave one of them out")
            others["effort"] = "quick"
        others["effort"] = others["effort"] or "normal"
        return cls(**others, recipe=recipe)

    def check(self) -> None:
        """Check what can be checked before anything is read; UsageError."""
        if self.run_dir == "":
            raise click.UsageError("--run-dir needs the name of a folder")
        if self.tensorboard and self.run_dir is None:
            raise click.UsageError("--tensorboard needs --run-dir FOLDER, where its files go")
        check_start(self.start, self.output, self.run_dir, self._set_options())
        try:
            Recipe(**self.recipe)
            if self.layers is not None:
                parse(self.layers)
        except (LimitError, NotationError) as error:
            raise usage_error(error) from None

    def _set_options(self) -> set[str]:
        """Those options that depend on --from and are set."""
        values = {
            "--layers": self.layers,
            "--image-size": self.image_size,
            "--text-length": self.text_length,
            "--resize": self.resize,
            "--framing": None if self.framing == "auto" else self.framing,
            "--freeze-until": self.recipe.get("freeze_until"),
        }
        return {name for name, value in values.items() if value is not None}

    @property
    def cache(self) -> Path | None:
        """The folder that keeps the prepared inputs of a run."""
        if self.run_dir is None or not is_first_rank():
            return None
        from ..storage.run_directory import prepared_inputs_path  # noqa: PLC0415 - only runs need it

        return prepared_inputs_path(self.run_dir)


@click.command(name="train")
@preprocessing_options("All examples of a group stay in the same split or fold.")
@choice_option(
    "--resize",
    words=RESIZES.words,
    panel=DATA,
    unset="pad",
    help="How a photo is resized if its aspect ratio differs from that of the input: pad adds a "
    "border, crop cuts off the edges, stretch changes the aspect ratio.",
)
@option(
    "--folds",
    type=_Folds(),
    metavar="N|groups",
    panel=DATA,
    unset="5 for small data sets that have neither a validation nor a test split, and for data "
    "sets of up to 10,000 texts that have a test but no validation split; else 0",
    help=f"Number of cross-validation folds ({FOLD_COUNTS.description}), or groups, for one fold "
    "per group. 0: no cross-validation.",
)
@layers_option("The layers, such as 'conv 8 5, relu, pool 2, full'.", unset=FROM_DATA)
@start_option
@choice_option(
    "--effort",
    words=EFFORT.words,
    panel=TRAINING,
    unset="normal",
    help="The work of the whole training, with its trials and folds: quick takes about a sixth "
    "of normal (an eighth with folds), thorough ten times as much.",
)
@click.option("--quick", is_flag=True, panel=TRAINING, help="The same as --effort quick.")
@recipe_options
@threads_option
@output_option("The model file to write.", metavar="NET", required=True)
@click.option(
    "--run-dir",
    metavar="FOLDER",
    panel=OUTPUT,
    help="Keep checkpoints in this folder. The same command resumes from the latest one after an "
    "interruption.",
)
@click.option(
    "--tensorboard",
    is_flag=True,
    panel=OUTPUT,
    help="Write event files for TensorBoard into the folder of --run-dir.",
)
@force_option
@json_option
def command(**values: Any) -> None:
    """Train a net on the images, sounds or texts of DATA and save it.

    DATA is a folder with one folder of files per class (inside train, validation and test folders
    if it is split), a .zip of such a folder, an .npz with images and labels, or a .csv, .tsv or
    .jsonl with text and label. Layers and recipe options that you leave out are chosen from the
    data. A test split is used only for the final score. Without a validation split, a tenth of each
    class is held out for validation; texts with a test split, and small data sets without one, are
    cross-validated instead. Ctrl-C stops the training and, from the second epoch on, saves the net
    as it is.
    """
    started, console = time.perf_counter(), messages()
    options = TrainOptions.of(values)
    options.check()
    check_net_path(options.output, force=options.force, run_dir=options.run_dir)
    start = None if options.start is None else load(options.start)
    dataset = _read(options, start, console)
    plan = plan_training(
        dataset,
        options.source,
        layers=options.layers,
        effort=options.effort,
        folds=options.folds,
        start=start,
        **options.recipe,
    )
    plan = _choose(plan, console, options)
    net = plan.network()
    print_plan(net, plan, console, options.text_length)
    try:
        result = _run(plan, net, console, options)
    except CheckpointError as error:  # the run directory failed, but the net can be saved
        if not net.history:
            raise
        _check_stopped(net, plan, console)
        output = _path_beside(options.output)
        _save(net, output)
        raise CheckpointError(f"{error}; the net is saved as it is: {output}") from None
    if result is None:
        _stop(net, plan, options.output, console)
    with ignore_interrupts():
        _save(net, options.output)
    seconds = time.perf_counter() - started
    if options.as_json:
        print_json({**_report(result, seconds), "skipped": dataset.skipped})
        return
    for name, score in result.scores.items():
        _print_scores(name, score, result.linear.get(name))
    for line in group_lines(result.groups):
        results().print(line, markup=False)
    if result.fold_error:
        print_message(console, f"there is no score, because a fold failed: {result.fold_error}")
    elif not result.scores:
        print_message(console, "there is no validation split, so there is no score")
    print_message(console, f"saved {options.output}, {seconds:.1f} s in total")


def _read(options: TrainOptions, start: Network | None, console: Console) -> Dataset:
    """Read the data and print what was skipped and what may be wrong with them."""
    with Meter(console) as meter:
        dataset = options.read(
            meter,
            preprocessor=None if start is None else start.preprocessor,
            resize=options.resize,
            cache=options.cache,
        )
    print_skipped(dataset.skipped, console)
    if dataset.source_description:
        print_message(console, f"read as    {dataset.source_description}")
    if dataset.cache_error:
        print_message(console, dataset.cache_error)
    for sentence in warnings(dataset):
        print_message(console, f"warning: {with_option_names(sentence, command)}")
    return dataset


def _choose(plan: TrainingPlan, console: Console, options: TrainOptions) -> TrainingPlan:
    """Run the trials, and print what was tried."""
    with DeferredInterrupt() as interrupt:
        log = TrainingLog(console, plan.config.recipe.epochs, interrupt)
        try:
            plan = choose_by_trial(plan, log, threads=options.threads)
        except KeyboardInterrupt:
            log.close()
            print_message(console, "stopped in the trials; nothing is saved")
            raise
        finally:
            log.close()
    print_trials(plan, console)
    return plan


def _run(
    plan: TrainingPlan, net: Network, console: Console, options: TrainOptions
) -> TrainingResult | None:
    """Run the training; None if it was interrupted."""
    with DeferredInterrupt() as interrupt:
        log = TrainingLog(console, plan.config.recipe.epochs, interrupt)
        try:
            return run_training(
                plan,
                log,
                net=net,
                threads=options.threads,
                run_dir=options.run_dir,
                tensorboard=options.tensorboard,
            )
        except KeyboardInterrupt:
            ignore_further_interrupts()
            return None
        finally:
            log.close()


def _save(net: Network, output: str) -> None:
    """Save the net, on rank 0; if that fails, save it in the folder for temporary files."""
    if not is_first_rank():
        return
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


def _path_beside(output: str) -> str:
    """A path for the net of a run that failed: a finished net at ``output`` stays as it is."""
    path = Path(output)
    return str(path.with_name(f"{path.stem}-unfinished{path.suffix}"))


def _check_stopped(net: Network, plan: TrainingPlan, console: Console) -> None:
    """TrainingError if the training diverged until it was stopped."""
    split = plan.splits["train"]
    try:
        check_stopped_net(net, split.inputs, split.labels)
    except TrainingError:
        print_message(console, "stopped; nothing is saved")
        raise


def _stop(net: Network, plan: TrainingPlan, output: str, console: Console) -> NoReturn:
    """Save the net if an epoch is complete, and raise KeyboardInterrupt."""
    if net.history:
        _check_stopped(net, plan, console)
        _save(net, output)
        complete = len(net.history) == net.recipe["epochs"]
        what = "the net is saved, without scores" if complete else "the net is saved as it is"
        print_message(console, f"stopped; {what}: {output}")
    else:
        print_message(console, "stopped in the first epoch; nothing is saved")
    raise KeyboardInterrupt


def _print_scores(name: str, scores: Scores, linear: LinearBaseline | None) -> None:
    console = results()
    console.print(f"{name}: {next(lines := score_lines(scores, console.width, linear))}")
    for line in lines:
        console.print(line, markup=False)
    console.print()


def _report(result: TrainingResult, seconds: float) -> dict[str, Any]:
    net = result.net
    return {
        **{name: score.to_json() for name, score in result.scores.items()},
        **({"groups": result.groups} if result.groups else {}),
        "start": net.training_summary["start"],
        "effort": net.training_summary["effort"],
        "trials": net.training_summary["trials"],
        "linear": net.training_summary["linear"],
        "seconds": seconds,
        "seconds_by_stage": result.seconds,
        "recipe": net.recipe,
        "layers": net.notation,
        "input": list(net.input),
        "classes": list(net.classes),
        "calibration": net.calibration.to_json(),
        "history": net.history,
        "parameters_sha256": net.parameters_sha256,
    }
