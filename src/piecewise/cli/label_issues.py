"""`piecewise label-issues`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rich_click as click

from ..core.constraints import SEED, Integer
from ..data.dataset import Dataset
from ..insight.data_quality.label_issues import LabelIssue, find_label_issues
from .dataset_options import PreprocessingOptions, preprocessing_options
from .interrupts import DeferredInterrupt
from .options import (
    OUTPUT,
    TRAINING,
    constrained_option,
    json_option,
    layers_option,
    threads_option,
)
from .output import Meter, messages, print_json, print_message, print_skipped, printable, results

LIMIT = 20  # lines that are printed without --limit


@dataclass(frozen=True)
class LabelIssuesOptions(PreprocessingOptions):
    """The options of the command."""

    layers: str | None
    seed: int
    threads: int | None
    limit: int | None


@click.command(name="label-issues")
@preprocessing_options("Nets that were not trained on a group judge its examples.")
@layers_option(
    "The layers of the nets, such as 'conv 8 5, relu, pool 2, full'.",
    unset="small layers, chosen from the data",
)
@constrained_option(
    "--seed",
    constraint=SEED,
    panel=TRAINING,
    default=0,
    help="Seeds the folds and the training ({range}).",
)
@threads_option
@constrained_option(
    "--limit",
    constraint=Integer(1, 1_000_000_000),
    panel=OUTPUT,
    unset=f"the issues only, at most {LIMIT}; with --json all of them",
    help="Number of examples to list ({range}). If N is larger than the number of label issues, "
    "the next most doubtful examples are listed, too.",
)
@json_option
def command(**values: Any) -> None:
    """Find labels in DATA that are likely wrong, the most likely first.

    DATA is what `piecewise train` takes; its test split is not used. Ten small nets are trained so
    that each example is judged by nets that were not trained on it. An example is listed if they
    predict another label. Check these examples by eye: the nets may be wrong, and an
    unusual example with a correct label is listed, too.
    """
    options, console = LabelIssuesOptions(**values), messages()
    with DeferredInterrupt() as interrupt, Meter(console, interrupt.check) as meter:
        dataset = options.read(meter)
        issues = find_label_issues(
            dataset,
            options.limit,
            layers=options.layers,
            seed=options.seed,
            on_progress=meter,
            threads=options.threads,
        )
    print_skipped(dataset.skipped, console)
    n_judged = int((dataset.splits != "test").sum())
    if options.as_json:
        listed = [one.to_json() for one in issues]
        print_json({"n": n_judged, "label_issues": listed, "skipped": dataset.skipped})
        return
    output = results()
    for line in _lines(dataset, issues, issues if options.limit else issues[:LIMIT]):
        output.print(line, markup=False, soft_wrap=True)
    count = (
        f"{len(issues):,} label issues in"
        if options.limit is None
        else f"listed {len(issues):,} of"
    )
    print_message(console, f"{count} {n_judged:,} examples outside the test split")


def _lines(dataset: Dataset, issues: list[LabelIssue], shown: list[LabelIssue]) -> Iterator[str]:
    """A line for each: the probability that its label is wrong, the label, the prediction, the
    name."""
    if not shown:
        yield "no label issues"
        return
    names = [printable(name) for name in dataset.classes]
    width = max(len("predicted"), *(len(name) for name in names))
    yield f"  wrong  {'label':<{width}}  {'predicted':<{width}}  example"
    for one in shown:
        label, predicted = printable(one.label), printable(one.predicted)
        probability = f"{100 * one.error_probability:5.1f} %"
        yield f"{probability}  {label:<{width}}  {predicted:<{width}}  {printable(one.name)}"
    if len(shown) < len(issues):
        yield f"and {len(issues) - len(shown):,} more; --limit N shows them"
