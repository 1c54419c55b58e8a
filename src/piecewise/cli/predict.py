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
NAME_SHOWN = 200
"""Characters of a text that stands for its own name."""


@click.command(name="predict")
@click.argument("net_file", metavar="NET")
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option("--text", "texts", multiple=True, help="A text itself, for a net that reads texts.")
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1),
    default=1.0,
    metavar="SHARE",
    help="Answer only where the net is as sure as it was of this share of what was held out while "
    "it learned, as 0.95; else it does not know.",
)
@json_option(click)
def command(
    net_file: str, files: tuple[str, ...], texts: tuple[str, ...], coverage: float, as_json: bool
) -> None:
    """Say what each picture, sound or text FILE is, by the net in the model file NET.

    A line each: the likeliest class, and the probability of each class. A file that cannot be read
    is told, the others are answered all the same, and the exit status is 1.
    """
    if not files and not texts:
        raise click.UsageError("predict wants a FILE, or --text")
    net = Network.load(net_file)
    least = net.calibration.least(coverage)
    read, unread = _read(net, files, texts)
    if not read and as_json:
        print_json([])
    if read:
        logits = net.logits(np.stack([entry.example for entry in read]))
        _print_answers(net, read, logits, least, as_json)
    for sentence in unread[:-1]:
        say(words(), sentence)
    if unread:
        raise DataError(unread[-1])


class _Read(NamedTuple):
    """A file, or a text, as the net takes it, and what makes an answer about it doubtful."""

    name: str
    example: npt.NDArray[Any]
    remark: str | None


def _read(
    net: Network, files: tuple[str, ...], texts: tuple[str, ...]
) -> tuple[list[_Read], list[str]]:
    """What can be read, and a sentence for each file that cannot."""
    preparation = net.preparation
    if texts and preparation.reads != "texts":
        raise DataError(f"--text: got a text, wanted files: this net reads {preparation.reads}")
    read, unread = [], []
    for file in files:
        try:
            given = preparation.read(Path(file))
            read.append(_Read(file, preparation.fit(given), preparation.remark(given)))
        except DataError as error:
            unread.append(str(error))
    read += [_Read(text, preparation.fit(text), preparation.remark(text)) for text in texts]
    return read, unread


def _print_answers(
    net: Network, read: list[_Read], logits: Any, least: float, as_json: bool
) -> None:
    probabilities = net.probabilities_of(logits)
    found = list(zip(read, logits, probabilities, strict=True))
    if as_json:
        print_json([_answer(net, *one, least) for one in found])
        return
    console = data()
    for entry, scores, chances in found:
        order = np.argsort(-scores, kind="stable")[:CLASSES_SHOWN]
        told = ", ".join(f"{net.classes[index]} {100 * chances[index]:.2f} %" for index in order)
        label = net.classes[order[0]] if chances[order[0]] >= least else "don't know"
        name = entry.name if len(entry.name) <= NAME_SHOWN else f"{entry.name[:NAME_SHOWN]}..."
        console.print(printable(f"{name}: {label}   ({told})"), soft_wrap=True)
        if entry.remark:
            say(words(), f"{name}: a doubtful answer: {entry.remark}")


def _answer(
    net: Network, entry: _Read, logits: Any, probabilities: Any, least: float
) -> dict[str, Any]:
    return {
        "input": entry.name,
        "label": net.classes[int(logits.argmax())] if probabilities.max() >= least else None,
        "classes": list(net.classes),
        "probabilities": probabilities.tolist(),
        "logits": logits.tolist(),
        "remark": entry.remark,
    }
