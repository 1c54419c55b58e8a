"""`piecewise evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rich_click as click

from ..data.dataset import DataSet, read_data
from ..errors import DataError, shown
from ..files.whole import write_whole
from ..inputs import check_labels
from ..learning.scores import scored
from ..network import Network
from .output import (
    Meter,
    check_free,
    data,
    json_option,
    print_json,
    say,
    tell_skipped,
    words,
    write_page,
)
from .words import score_lines

_BEGINNING = b'{"input": '  # of a file with answers


@click.command(name="evaluate")
@click.argument("net_file", metavar="NET")
@click.argument("source", metavar="DATA")
@click.option(
    "--answers",
    metavar="FILE",
    help="Write every answer into this file, a JSON object a line: input, right class, label, "
    "probabilities, logits; the wrong ones first.",
)
@click.option(
    "--report",
    metavar="FILE",
    help="Write a page, one .html that needs no other file: mistakes first, each with what is "
    "nearest to it in the training part, all answers with their pictures, the deck's error table.",
)
@json_option(click)
def command(
    net_file: str, source: str, answers: str | None, report: str | None, as_json: bool
) -> None:
    """Score the net in the model file NET on DATA, as `piecewise train` takes it.

    On its part for testing if it has one, else on all of it.
    """
    if report is not None and not report.lower().endswith(".html"):
        raise click.UsageError(f"--report: got {shown(report)}, wanted a name ending in .html")
    if report is not None:
        from ..page.assemble import is_ours  # noqa: PLC0415 - most scores want no page

        check_free(report, is_ours)
    net = Network.load(net_file)
    if answers is not None:
        _check_answers(Path(answers))
    console = words()
    with Meter(console) as meter:
        dataset = read_data(source, net.preparation, classes=net.classes, on_progress=meter)
    part = "test" if (dataset.parts == "test").any() else "all"
    chosen = np.flatnonzero((dataset.parts == "test") | (part == "all"))
    right = check_labels(net, dataset.labels[chosen])
    logits = net.logits(dataset.pictures[chosen])
    scores = scored(net.classes, logits, right)
    tell_skipped(dataset.skipped, console)
    if answers is not None:
        _write_answers(Path(answers), net, dataset, chosen, logits)
    if report is not None:
        from ..page.evaluate import evaluate_page  # noqa: PLC0415 - most scores want no page

        write_page(report, evaluate_page(net, dataset, chosen, logits, scores, name=source))
    if as_json:
        print_json({"schema": 1, **scores.to_json(), "part": part, "skipped": dataset.skipped})
        return
    say(console, f"on {'its part for testing' if part == 'test' else 'all of it'}:")
    page = data()
    for line in score_lines(scores, page.width):
        page.print(line, markup=False)


def _check_answers(path: Path) -> None:
    """Refuse, before the work, to write over what is something else; DataError."""
    try:
        with path.open("rb") as file:
            is_ours = file.read(len(_BEGINNING)) in (_BEGINNING, b"")
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        is_ours = False
    if not is_ours:
        raise DataError(f"{path}: there is something that holds no answers; take another name")


def _write_answers(
    path: Path, net: Network, dataset: DataSet, chosen: Any, logits: npt.NDArray[np.float32]
) -> None:
    """The answers, whole or not at all: the wrong ones first, the surest of them before others."""
    probabilities, right = net.probabilities_of(logits), dataset.labels[chosen]
    is_right = logits.argmax(axis=1) == right
    order = np.lexsort((-probabilities.max(axis=1), is_right))
    lines = [
        json.dumps(
            {
                "input": dataset.names[int(chosen[index])],
                "right": net.classes[int(right[index])],
                "label": net.classes[int(logits[index].argmax())],
                "probabilities": probabilities[index].tolist(),
                "logits": logits[index].tolist(),
            }
        )
        for index in order.tolist()
    ]
    try:
        write_whole(path, ("\n".join(lines) + "\n").encode())
    except OSError as error:
        raise DataError(f"{path}: not written: {error.strerror}") from None
