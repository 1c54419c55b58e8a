"""`piecewise predict`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import rich_click as click

from ..core.constraints import Real
from ..core.errors import DataError
from ..network import Network
from .options import DATA, OUTPUT, json_option, limited_option
from .output import data, print_json, printable, say, words

CLASSES_SHOWN = 5
NAME_SHOWN = 200
"""Characters of a text that stands for its own name."""


@dataclass(frozen=True)
class PredictOptions:
    """The options of the command."""

    net_file: str
    files: tuple[str, ...]
    texts: tuple[str, ...]
    coverage: float
    as_json: bool


@click.command(name="predict")
@click.argument("net_file", metavar="NET")
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option(
    "--text",
    "texts",
    multiple=True,
    panel=DATA,
    help="A text to use in place of FILE, for a net that reads texts. May be repeated.",
)
@limited_option(
    "--coverage",
    limit=Real(0, 1),
    metavar="FRACTION",
    panel=OUTPUT,
    default=1.0,
    help="Answer only if the confidence is as high as it was for this fraction of the examples "
    "that the net was calibrated on ({range}); else print don't know.",
)
@json_option
def command(**values: Any) -> None:
    """Predict the class of each image, sound or text FILE with the net in the model file NET.

    Prints one line a file: the class with the largest logit, and the probabilities. If a file
    cannot be read, the others are still answered, and the exit status is 1.
    """
    options = PredictOptions(**values)
    if not options.files and not options.texts:
        raise click.UsageError("predict wants a FILE, or --text")
    net = Network.load(options.net_file)
    least = net.calibration.threshold_for(options.coverage)
    read, unread = _read(net, options.files, options.texts)
    if not read and options.as_json:
        print_json([])
    if read:
        logits = net.logits(np.stack([entry.example for entry in read]))
        _print_answers(net, read, logits, least, options.as_json)
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
    preprocessor = net.preprocessor
    if texts and preprocessor.reads != "texts":
        raise DataError(f"--text: got a text, wanted files: this net reads {preprocessor.reads}")
    read, unread = [], []
    for file in files:
        try:
            given = preprocessor.read(Path(file))
            read.append(_Read(file, preprocessor.transform(given), preprocessor.warning(given)))
        except DataError as error:
            unread.append(str(error))
    read += [
        _Read(text, preprocessor.transform(text), preprocessor.warning(text)) for text in texts
    ]
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
