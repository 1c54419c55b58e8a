"""`piecewise data`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from ..data.dataset import read_data
from ..data.inspection.report import Report, report
from ..errors import DataError
from ..learning.shuffling import Shuffled, shuffle_test
from .knobs import read_size
from .output import Meter, data, json_option, print_json, words
from .report_words import report_lines, shuffled_lines

SCHEMA = 1
"""Of what --json prints."""


@click.command(name="data")
@click.argument("source", metavar="DATA")
@click.option(
    "--groups",
    metavar="NAME",
    help="Who drew, said or wrote what, as in `piecewise train`: tell whether the parts divide it.",
)
@click.option("--size", metavar="SIZE", help="Rows and columns pictures are brought to: 28, 24x32.")
@click.option(
    "--shuffle-test",
    "shuffles",
    is_flag=True,
    help="Teach small nets with the columns as they are and swapped: if both are as good, a "
    "ConvNet is not for these data.",
)
@json_option(click)
def command(
    source: str, groups: str | None, size: str | None, shuffles: bool, as_json: bool
) -> None:
    """Say what is in DATA, what is wrong with it, and what follows, before anything is learned.

    DATA is what `piecewise train` takes. Told are the examples of each class and part, their sizes,
    what cannot be read, examples that are the same or nearly the same, most of all where they are
    in two parts or two classes, classes with too few examples, and groups that names suggest.
    Exit status 0 whatever is found, if it can be read at all.
    """
    sides, console = read_size(size), words()
    with Meter(console) as meter:
        dataset = read_data(source, size=sides, groups=groups, on_progress=meter, every_class=True)
    found = report(dataset)
    shuffled: Shuffled | None = None
    unshuffled: DataError | None = None  # told at the end: the report is worth having without
    if shuffles:
        try:
            with Meter(console) as meter:
                shuffled = shuffle_test(dataset, on_progress=meter)
        except DataError as error:
            unshuffled = error
    _print(found, shuffled, as_json=as_json)
    if unshuffled:
        raise unshuffled


def _print(found: Report, shuffled: Shuffled | None, *, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"schema": SCHEMA, **found.to_json()}
        print_json({**told, **({"shuffle_test": shuffled.to_json()} if shuffled else {})})
        return
    page = data()
    lines = list(report_lines(found, page.width))
    if shuffled:
        lines += ["", *shuffled_lines(shuffled, page.width)]
    for line in lines:
        page.print(line, markup=False, soft_wrap=True)
