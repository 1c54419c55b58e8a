"""`piecewise evaluate`."""

from __future__ import annotations

import rich_click as click

from ..data.dataset import read_data
from ..learning.scores import evaluate
from ..network import Network
from .output import data, json_option, print_json, say, stages, words
from .words import score_lines


@click.command(name="evaluate")
@click.argument("net_file", metavar="NET")
@click.argument("source", metavar="DATA")
@json_option(click)
def command(net_file: str, source: str, as_json: bool) -> None:
    """Score the net in the model file NET on DATA, as `piecewise train` takes it.

    On its part for testing if it has one, else on all of it.
    """
    net = Network.load(net_file)
    console = words()
    with stages(console) as show:
        dataset = read_data(source, net.preparation, classes=net.classes, progress=show)
    part = "test" if (dataset.parts == "test").any() else "all"
    pictures, labels = (
        dataset.part("test") if part == "test" else (dataset.pictures, dataset.labels)
    )
    scores = evaluate(net, pictures, labels)
    for sentence in dataset.skipped:
        say(console, f"skipped: {sentence}")
    if as_json:
        print_json({"schema": 1, **scores.to_json(), "part": part})
        return
    say(console, f"on {'its part for testing' if part == 'test' else 'all of it'}:")
    for line in score_lines(scores):
        data().print(line, markup=False)
