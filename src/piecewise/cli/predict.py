"""`piecewise predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rich_click as click

from ..data.pictures import read_picture
from ..network import Network
from ..reference.losses import softmax
from .output import data, json_option, print_json, printable


@click.command(name="predict")
@click.argument("net_file", metavar="NET")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@json_option(click)
def command(net_file: str, files: tuple[str, ...], as_json: bool) -> None:
    """Say what each picture FILE shows, by the net in the model file NET.

    A line a picture: the likeliest class, and the probability of each class. A file that cannot
    be read ends it, with nothing printed.
    """
    net = Network.load(net_file)
    pictures = np.stack([net.preparation.fit(read_picture(Path(file))) for file in files])
    logits = net.logits(pictures)
    probabilities = softmax(logits)
    if as_json:
        print_json(
            [_answer(net, *found) for found in zip(files, logits, probabilities, strict=True)]
        )
        return
    console = data()
    for file, chances in zip(files, probabilities, strict=True):
        order = np.argsort(-chances, kind="stable")[:5]
        told = ", ".join(f"{net.classes[index]} {100 * chances[index]:.2f} %" for index in order)
        line = f"{file}: {net.classes[order[0]]}   ({told})"
        console.print(printable(line), soft_wrap=True)


def _answer(net: Network, file: str, logits: Any, probabilities: Any) -> dict[str, Any]:
    return {
        "input": file,
        "label": net.classes[int(logits.argmax())],
        "classes": list(net.classes),
        "probabilities": probabilities.tolist(),
        "logits": logits.tolist(),
    }
