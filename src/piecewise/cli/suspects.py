"""`piecewise suspects`."""

from __future__ import annotations

from collections.abc import Iterator

import rich_click as click

from ..data.dataset import DataSet, read_data
from ..insight.wrong_labels import Suspect, suspects
from .knobs import read_size
from .output import Meter, data, json_option, print_json, printable, say, tell_skipped, words
from .stopping import Stopping

SCHEMA = 1
"""Of what --json prints."""
MOST = 20
"""Lines, if nothing else is said."""


@click.command(name="suspects")
@click.argument("source", metavar="DATA")
@click.option(
    "--groups",
    metavar="NAME",
    help="Who drew, said or wrote what, as in `piecewise train`: what is of one group is looked "
    "at by nets that learned from none of it.",
)
@click.option("--size", metavar="SIZE", help="Rows and columns pictures are brought to: 28, 24x32.")
@click.option(
    "--most",
    type=click.IntRange(1, 1_000_000_000),
    metavar="N",
    help=f"So many lines, whatever the nets say; if left out, those that the nets have another "
    f"answer for, {MOST} at most (with --json all of them).",
)
@click.option("--layers", metavar="LAYERS", help="Layers of the nets; else quick ones.")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processors to use; the answer is the same for any number.",
)
@json_option(click)
def command(
    source: str, groups: str | None, size: str | None, most: int | None, layers: str | None,
    seed: int, threads: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Find labels in DATA that are likely wrong, the surest first.

    DATA is what `piecewise train` takes; its part for testing is left alone. Ten small nets are
    taught, so that every example is answered by some that did not learn from it; where they are
    sure of another label, the given one is doubted. Look at these examples: the nets cannot know,
    and an odd example with the right label is doubted, too.
    """
    sides, console = read_size(size), words()
    with Stopping() as stopping, Meter(console, stopping.look) as meter:
        dataset = read_data(source, size=sides, groups=groups, on_progress=meter)
        found = suspects(
            dataset, most, layers=layers, seed=seed, on_progress=meter, threads=threads
        )
    tell_skipped(dataset.skipped, console)
    looked_at = int((dataset.parts != "test").sum())
    if as_json:
        listed = [one.to_json() for one in found]
        print_json(
            {"schema": SCHEMA, "n": looked_at, "suspects": listed, "skipped": dataset.skipped}
        )
        return
    page = data()
    for line in _lines(dataset, found, found if most else found[:MOST]):
        page.print(line, markup=False, soft_wrap=True)
    say(console, f"{len(found):,} suspects among {looked_at:,} examples not for testing")


def _lines(dataset: DataSet, found: list[Suspect], shown: list[Suspect]) -> Iterator[str]:
    """A line each: how sure it is that the label is wrong, the label given, the likely one, the
    name."""
    if not shown:
        yield "no label is doubted"
        return
    names = [printable(name) for name in dataset.classes]
    wide = max(len("given"), *(len(name) for name in names))
    yield f"  doubt  {'given':<{wide}}  {'likely':<{wide}}  example"
    for one in shown:
        given, likely = printable(one.given), printable(one.likely)
        yield f"{100 * one.doubt:5.1f} %  {given:<{wide}}  {likely:<{wide}}  {printable(one.name)}"
    if len(shown) < len(found):
        yield f"and {len(found) - len(shown):,} more; --most N shows them"
