"""`piecewise label-issues`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rich_click as click

from ..core.constraints import SEED, Integer
from ..data.dataset import Dataset, read_data
from ..insight.data_quality.label_issues import LabelIssue, find_label_issues
from .interrupts import Stopping
from .options import (
    NETWORK,
    OUTPUT,
    TRAINING,
    groups_option,
    image_size_option,
    json_option,
    limited_option,
    option,
    threads_option,
)
from .output import Meter, data, print_json, printable, say, tell_skipped, words

SCHEMA = 1
"""Of what --json prints."""
LIMIT = 20
"""Lines that are printed without --limit."""


@dataclass(frozen=True)
class LabelIssuesOptions:
    """The options of the command."""

    source: str
    groups: str | None
    image_size: tuple[int, int] | None
    layers: str | None
    seed: int
    threads: int | None
    limit: int | None
    as_json: bool


@click.command(name="label-issues")
@click.argument("source", metavar="DATA")
@groups_option("Nets that were not trained on a group judge its examples.")
@image_size_option
@option(
    "--layers",
    metavar="LAYERS",
    panel=NETWORK,
    unset="small layers, chosen from the data",
    help="The layers of the nets, such as 'conv 8 5, relu, pool 2, full'.",
)
@limited_option(
    "--seed",
    limit=SEED,
    metavar="N",
    panel=TRAINING,
    default=0,
    help="Seeds the folds and the training ({range}).",
)
@threads_option
@limited_option(
    "--limit",
    limit=Integer(1, 1_000_000_000),
    metavar="N",
    panel=OUTPUT,
    unset=f"the issues only, at most {LIMIT}; with --json all of them",
    help="Number of examples to list ({range}), with or without a label issue.",
)
@json_option
def command(**values: Any) -> None:
    """Find labels in DATA that are likely wrong, the most likely first.

    DATA is what `piecewise train` takes; its test split is not used. Ten small nets are trained so
    that each example is judged by nets that were not trained on it. An example is listed if they
    are confident of another label. Check these examples by eye: the nets may be wrong, and an
    unusual example with a correct label is listed, too.
    """
    options, console = LabelIssuesOptions(**values), words()
    with Stopping() as stopping, Meter(console, stopping.look) as meter:
        dataset = read_data(
            options.source, size=options.image_size, groups=options.groups, on_progress=meter
        )
        found = find_label_issues(
            dataset,
            options.limit,
            layers=options.layers,
            seed=options.seed,
            on_progress=meter,
            threads=options.threads,
        )
    tell_skipped(dataset.skipped, console)
    looked_at = int((dataset.splits != "test").sum())
    if options.as_json:
        listed = [one.to_json() for one in found]
        print_json(
            {"schema": SCHEMA, "n": looked_at, "label_issues": listed, "skipped": dataset.skipped}
        )
        return
    page = data()
    for line in _lines(dataset, found, found if options.limit else found[:LIMIT]):
        page.print(line, markup=False, soft_wrap=True)
    say(console, f"{len(found):,} label issues in {looked_at:,} examples outside the test split")


def _lines(dataset: Dataset, found: list[LabelIssue], shown: list[LabelIssue]) -> Iterator[str]:
    """A line for each: how likely the label is wrong, the given and the likely label, the name."""
    if not shown:
        yield "no label issues"
        return
    names = [printable(name) for name in dataset.classes]
    wide = max(len("given"), *(len(name) for name in names))
    yield f"  doubt  {'given':<{wide}}  {'likely':<{wide}}  example"
    for one in shown:
        given, likely = printable(one.label), printable(one.predicted)
        wrong = f"{100 * one.error_probability:5.1f} %"
        yield f"{wrong}  {given:<{wide}}  {likely:<{wide}}  {printable(one.name)}"
    if len(shown) < len(found):
        yield f"and {len(found) - len(shown):,} more; --limit N shows them"
