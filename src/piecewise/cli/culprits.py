"""What `piecewise explain --culprits` tells: which examples caused an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.dataset import read_data
from ..insight.cost import cost
from ..insight.culprits import Culprit, culprits
from ..network import Network
from .output import Meter, data, print_json, printable, say, words
from .stopping import Stopping

SHOWN = 10
FAR, SURE = 0.5, 0.95
"""Of chances: how far apart is another answer, and how much is sure."""


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
    with Stopping() as stopping, Meter(console, stopping.look) as meter:
        dataset = read_data(
            source, net.preparation, classes=net.classes, groups=groups, on_progress=meter
        )
        chosen = np.flatnonzero(dataset.parts == "train")
        grouped = None if dataset.groups is None else dataset.groups[chosen]
        left_out = len(chosen) if grouped is None else len(np.unique(grouped))
        price = cost(net, len(chosen), left_out)
        instead = "" if price.layers == net.notation else f" with smaller layers: {price.layers}"
        say(console, f"{price.nets:,} nets of {price.recipe.epochs} epochs are taught{instead}")
        names = [dataset.names[index] for index in chosen.tolist()]
        found = culprits(
            net,
            *dataset.part("train"),
            example[None],
            np.array([right]),
            groups=grouped,
            names=names,
            on_progress=meter,
        )
    if as_json:
        print_json(
            {
                "schema": 1,
                "right": net.classes[right],
                "taught": price.to_json(),
                "culprits": [one.to_json() for one in found],
            }
        )
        return
    own = float(net.probabilities(example[None])[0, right])
    page, again = data(), found[0].probability or 0.0
    page.print(printable(
        f"{net.classes[right]}: {_percent(own)} by the net, {_percent(again)} by nets taught anew "
        "with all examples. Without one:"
    ))  # fmt: skip
    for one in found[:SHOWN]:
        labels = dataset.labels[chosen[list(one.indices)]]
        page.print(_line(net, labels, one), soft_wrap=True)
    if abs(own - again) > FAR:
        say(console, "nets taught anew answer otherwise than this net, so little follows for it")
    elif again > SURE:
        say(console, f"they are sure of {net.classes[right]} already: nothing is to blame")


def _line(net: Network, labels: npt.NDArray[np.int64], one: Culprit) -> str:
    """The chance of the right class without it, that of its own label by nets that never saw it."""
    told = f"labelled {net.classes[labels[0]]}" if len(labels) == 1 else f"{len(labels):,} examples"
    changes = f", the answer is {one.answers_without[0]}" if one.changes else ""
    return printable(
        f"  {_percent(one.without or 0.0):>7}{changes}   {one.name} ({told}, by nets without it "
        f"{_percent(one.own_chance)} likely)"
    )


def _percent(share: float) -> str:
    return f"{max(0.0, 100 * share):.1f} %"
