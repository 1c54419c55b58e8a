"""`piecewise tune`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console

from ..core.atomic_write import write_atomically
from ..core.constraints import SEED
from ..core.errors import DataError, LimitError, NotationError, PiecewiseError
from ..spec.notation import parse
from ..training.effort import EFFORT
from ..tuning.picture import REPORTS, is_own_report, tuning_html, tuning_png
from ..tuning.storage_url import without_password
from ..tuning.tune import DEFAULT_STUDY, DEFAULT_TRIALS, SECONDS, TRIALS, TunedTrial, TuningResult
from .dataset_options import PreprocessingOptions, preprocessing_options
from .options import (
    OUTPUT,
    SEARCH,
    TRAINING,
    choice_option,
    constrained_option,
    json_option,
    layers_option,
    option,
    output_option,
    threads_option,
    usage_error,
)
from .output import Meter, messages, print_json, print_message, print_skipped, results
from .output_files import check_net_path, check_replaceable, force_option
from .ranks import is_first_rank
from .score_text import score_lines

SHOWN = 5
"""Trials that are printed in the end."""


@dataclass(frozen=True)
class TuneOptions(PreprocessingOptions):
    """The options of the command."""

    layers: str | None
    effort: str
    trials: int
    seconds: float | None
    storage: str | None
    study: str
    seed: int
    threads: int | None
    output: str
    reports: tuple[str, ...]
    force: bool

    @property
    def storage_or_default(self) -> str:
        """The storage: a file beside the net if none is given."""
        return self.storage or str(Path(self.output).with_suffix(".tuning.db"))

    def check(self) -> None:
        """Check what can be checked before anything is read; UsageError."""
        for report in self.reports:
            if Path(report).suffix.lower() not in REPORTS:
                raise click.UsageError("--report needs the name of an .html or .png file")
            check_replaceable(report, is_own_report)
        try:
            if self.layers is not None:
                parse(self.layers)
        except (LimitError, NotationError) as error:
            raise usage_error(error) from None


@click.command(name="tune")
@preprocessing_options("All examples of a group stay in the same split or fold.")
@layers_option("The layers; then only hyperparameters are searched.", unset="searched")
@choice_option(
    "--effort",
    words=EFFORT.words,
    panel=TRAINING,
    default="normal",
    help="How much work a trial may do: as much as the net of `piecewise train --effort` does.",
)
@constrained_option(
    "--trials",
    constraint=TRIALS,
    default=DEFAULT_TRIALS,
    panel=SEARCH,
    help="Number of finished trials in the study after which the best net is trained ({range}).",
)
@constrained_option(
    "--seconds",
    constraint=SECONDS,
    metavar="X",
    unset="no limit",
    panel=SEARCH,
    help="No trial begins after this time ({range}).",
)
@option(
    "--storage",
    metavar="FILE|URL",
    panel=SEARCH,
    unset="NET with .tuning.db",
    help="Where the trials are kept: an SQLite file, a journal (.log), or the URL of a "
    "database. Several processes may use it at the same time.",
)
@option(
    "--study",
    metavar="NAME",
    default=DEFAULT_STUDY,
    panel=SEARCH,
    help="The name of the study in the storage.",
)
@constrained_option(
    "--seed",
    constraint=SEED,
    default=0,
    panel=SEARCH,
    help="Seeds the search and the nets ({range}).",
)
@threads_option
@output_option("The model file to write.", metavar="NET", required=True)
@option(
    "--report",
    "reports",
    metavar="FILE",
    multiple=True,
    panel=OUTPUT,
    help="Write a page (.html) or a picture (.png) of all trials and the importance of each "
    "hyperparameter. May be repeated.",
)
@force_option
@json_option
def command(**values: Any) -> None:
    """Search layers and hyperparameters for DATA, and save the best net.

    The first trials are the default nets of `piecewise train`. Each trial is measured on the
    validation split, or in cross-validation of small data sets. Trials that are worse than most
    others are stopped early. A test split is used only for the score of the final net. The trials
    are kept: after Ctrl-C, the same command resumes the search.
    """
    if find_spec("optuna") is None:
        raise DataError("the search needs one more package: pip install 'piecewise-convnet[tune]'")
    options, console = TuneOptions(**values), messages()
    options.check()
    check_net_path(options.output, force=options.force, run_dir=None)
    result = _search(options, console)
    if is_first_rank():
        result.training.net.save(options.output)
        for report in options.reports:
            _write_report(report, result, Path(options.source).name)
    if options.as_json:
        print_json(_plain(result))
        return
    _print_best(result, console)
    for name, score in result.training.scores.items():
        lines = score_lines(score, results().width, result.training.linear.get(name))
        results().print(f"{name}: {next(lines)}")
        for line in lines:
            results().print(line, markup=False)
    print_message(console, f"saved {options.output}; the trials are in "
                  f"{without_password(options.storage_or_default)}")  # fmt: skip


def _search(options: TuneOptions, console: Console) -> TuningResult:
    from ..tuning.tune import tune  # noqa: PLC0415

    with Meter(console) as meter:
        data = options.read(meter)
        print_skipped(data.skipped, console)

        def print_trial(trial: TunedTrial) -> None:
            meter.clear()
            print_message(console, f"trial {trial.number}: {_described(trial)}")

        chosen = {"layers": options.layers} if options.layers else {}
        try:
            return tune(
                data,
                options.trials,
                options.seconds,
                storage=options.storage_or_default,
                study=options.study,
                seed=options.seed,
                on_progress=meter,
                on_trial=print_trial,
                threads=options.threads,
                effort=options.effort,
                **chosen,
            )
        except KeyboardInterrupt:
            meter.clear()
            kept = without_password(options.storage_or_default)
            print_message(console, f"stopped; {kept} keeps the trials; the same command goes on")
            raise


def _described(trial: TunedTrial) -> str:
    if trial.loss is None:
        return f"stopped early, {trial.layers}"
    accuracy = 100 * (trial.accuracy or 0)
    return f"log loss {trial.loss:.4f}, {accuracy:.1f} % right, {trial.layers}"


def _print_best(result: TuningResult, console: Console) -> None:
    """The best trials, and which values matter."""
    print_message(console, f"best of {len(result.trials)} trials:")
    for one in sorted(result.complete, key=lambda one: (one.loss, one.number))[:SHOWN]:
        print_message(console, f"  trial {one.number}: {_described(one)}")
    values = ", ".join(f"{name} {_short(value)}" for name, value in result.best.values.items())
    print_message(console, f"values of the best: {values}")
    if result.importances:
        shares = ", ".join(f"{name} {100 * share:.0f} %"
                           for name, share in result.importances.items())  # fmt: skip
        print_message(console, f"which values matter: {shares}")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _write_report(path: str, result: TuningResult, title: str) -> None:
    is_picture = Path(path).suffix.lower() == ".png"
    content = tuning_png(result, title) if is_picture else tuning_html(result, title).encode()
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise PiecewiseError(f"{path}: cannot be written: {error.strerror}") from None


def _plain(result: TuningResult) -> dict[str, Any]:
    net = result.training.net
    return {
        **{name: score.to_json() for name, score in result.training.scores.items()},
        "best": result.best.to_json(),
        "trials": [one.to_json() for one in result.trials],
        "importances": result.importances,
        "layers": net.notation,
        "recipe": net.recipe,
        "parameters_sha256": net.parameters_sha256,
    }
