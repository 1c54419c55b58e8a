"""`piecewise predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import rich_click as click

from ..errors import DataError
from ..network import Network
from .output import data, json_option, print_json, printable, say, words

CLASSES_SHOWN = 5


@click.command(name="predict")
@click.argument("net_file", metavar="NET")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1),
    default=1.0,
    metavar="SHARE",
    help="Answer only where the net is as sure as it was of this share of the pictures held out "
    "while it learned, as 0.95; else it does not know.",
)
@json_option(click)
def command(net_file: str, files: tuple[str, ...], coverage: float, as_json: bool) -> None:
    """Say what each picture FILE shows, by the net in the model file NET.

    A line a picture: the likeliest class, and the probability of each class. A file that cannot be
    read is told, the others are answered all the same, and the exit status is 1.
    """
    net = Network.load(net_file)
    least = net.calibration.least(coverage)
    read, unread = _read(net, files)
    if not read and as_json:
        print_json([])
    if read:
        pictures = np.stack([entry.example for entry in read])
        logits = net.logits(pictures)
        _print_answers(net, read, logits, least, as_json)
    for sentence in unread[:-1]:
        say(words(), sentence)
    if unread:
        raise DataError(unread[-1])


class _Read(NamedTuple):
    """A file as the net takes it, and what makes an answer about it doubtful."""

    file: str
    example: npt.NDArray[Any]
    remark: str | None


def _read(net: Network, files: tuple[str, ...]) -> tuple[list[_Read], list[str]]:
    """The files that can be read, and a sentence for each file that cannot."""
    read, unread = [], []
    for file in files:
        try:
            given = net.preparation.read(Path(file))
            fitted = net.preparation.fit(given)
        except DataError as error:
            unread.append(str(error))
            continue
        read.append(_Read(file, fitted, net.preparation.remark(given)))
    return read, unread


def _print_answers(
    net: Network, read: list[_Read], logits: Any, least: float, as_json: bool
) -> None:
    probabilities = net.chances(logits)
    found = list(zip(read, logits, probabilities, strict=True))
    if as_json:
        print_json([_answer(net, *one, least) for one in found])
        return
    console = data()
    for entry, scores, chances in found:
        order = np.argsort(-scores, kind="stable")[:CLASSES_SHOWN]
        told = ", ".join(f"{net.classes[index]} {100 * chances[index]:.2f} %" for index in order)
        label = net.classes[order[0]] if chances[order[0]] >= least else "don't know"
        line = f"{entry.file}: {label}   ({told})"
        console.print(printable(line), soft_wrap=True)
        if entry.remark:
            say(words(), f"{entry.file}: a doubtful answer: {entry.remark}")


def _answer(
    net: Network, entry: _Read, logits: Any, probabilities: Any, least: float
) -> dict[str, Any]:
    return {
        "input": entry.file,
        "label": net.classes[int(logits.argmax())] if probabilities.max() >= least else None,
        "classes": list(net.classes),
        "probabilities": probabilities.tolist(),
        "logits": logits.tolist(),
        "remark": entry.remark,
    }
