"""What `piecewise explain --culprits` tells: which examples caused an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.dataset import read_data
from ..insight.culprits import Culprit, cost, culprits
from ..network import Network
from .output import data, print_json, printable, say, stages, words
from .stopping import Stopping

SHOWN = 10


def tell_culprits(
    net: Network,
    example: npt.NDArray[Any],
    right: int,
    source: str,
    groups: str | None,
    as_json: bool,
) -> None:
    """Teach nets without each example (or group) that ``net`` learned from in turn, and print those
    without which the answer about an example, of the class ``right``, gets better."""
    console = words()
    with stages(console) as show, Stopping() as stopping:

        def told(done: int, of: int, doing: str) -> None:
            show(done, of, doing)
            stopping.look()

        dataset = read_data(
            source, net.preparation, classes=net.classes, groups=groups, progress=told
        )
        chosen = np.flatnonzero(dataset.parts == "train")
        grouped = None if dataset.groups is None else dataset.groups[chosen]
        left_out = len(chosen) if grouped is None else len(np.unique(grouped))
        price = cost(net, len(chosen), left_out)
        say(console, f"{price.nets:,} nets of {price.recipe.epochs} epochs are taught")
        names = [dataset.names[index] for index in chosen.tolist()]
        found = culprits(
            net,
            *dataset.part("train"),
            example[None],
            np.array([right]),
            groups=grouped,
            names=names,
            told=told,
        )
    if as_json:
        print_json(
            {"schema": 1, "right": net.classes[right], "culprits": [one.to_json() for one in found]}
        )
        return
    page = data()
    page.print(printable(f"most to blame that it is not sure of {net.classes[right]}:"))
    for one in found[:SHOWN]:
        labels = dataset.labels[chosen[list(one.indices)]]
        page.print(_line(net, labels, one), soft_wrap=True)


def _line(net: Network, labels: npt.NDArray[np.int64], one: Culprit) -> str:
    told = f"labelled {net.classes[labels[0]]}" if len(labels) == 1 else f"{len(labels):,} examples"
    changes = f", the answer becomes {one.answers_without[0]}" if one.changes else ""
    chances = f"{100 * (one.probability or 0):.1f} -> {100 * (one.without or 0):.1f} %"
    return printable(
        f"{one.score:8.2f}  {one.name} ({told}): {chances}{changes}; "
        f"its own label is doubted by {one.doubt:.2f}"
    )
