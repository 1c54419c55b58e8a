"""`piecewise evaluate`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rich_click as click

from ..core.atomic_write import write_atomically
from ..core.errors import DataError
from ..data.dataset import Dataset, read_data
from ..inputs import check_labels
from ..network import Network
from ..training.metrics import mean_logits, scores_from_logits
from .options import (
    OUTPUT,
    json_option,
    table_options,
)
from .output import (
    Meter,
    messages,
    print_json,
    print_message,
    print_skipped,
    results,
)
from .output_files import begins_with, check_output, check_replaceable, write_page
from .prediction_output import JSON_BEGINNING
from .score_text import score_lines


@dataclass(frozen=True)
class EvaluateOptions:
    """The options of the command."""

    net_file: str
    source: str
    table: dict[str, Any]
    predictions: str | None
    report: str | None
    as_json: bool


@click.command(name="evaluate")
@click.argument("net_file", metavar="NET")
@click.argument("source", metavar="DATA")
@table_options
@click.option(
    "--predictions",
    metavar="FILE",
    panel=OUTPUT,
    help="Write all predictions to this file, one JSON object a line: input, true label, "
    "prediction, probabilities, logits. The wrong ones come first.",
)
@click.option(
    "--report",
    metavar="FILE",
    panel=OUTPUT,
    help="Write a report, one .html file that needs no other: the mistakes, each with the nearest "
    "training examples, all predictions with their inputs, and the deck's error table.",
)
@json_option
def command(**values: Any) -> None:
    """Score the net in the model file NET on DATA, which is what `piecewise train` takes.

    Uses the test split of DATA if it has one, else all examples.
    """
    options = EvaluateOptions(**values)
    report, predictions = options.report, options.predictions
    if report is not None:
        from ..page.assemble import is_ours  # noqa: PLC0415 - most scores want no page

        check_output(report, ".html", is_ours, "--report")
    net = Network.load(options.net_file)
    if predictions is not None:
        check_replaceable(predictions, partial(begins_with, beginnings=(JSON_BEGINNING,)))
    console = messages()
    with Meter(console) as meter:
        dataset = read_data(
            options.source,
            net.preprocessor,
            classes=net.classes,
            on_progress=meter,
            **options.table,
        )
    split = "test" if (dataset.splits == "test").any() else "all"
    chosen = np.flatnonzero((dataset.splits == "test") | (split == "all"))
    logits = net.logits(dataset.inputs[chosen])
    if dataset.recordings is not None:
        recordings = dataset.recordings[chosen]
        logits = mean_logits(logits, recordings)
        chosen = chosen[np.unique(recordings, return_index=True)[1]]
    labels = check_labels(net, dataset.labels[chosen])
    scores = scores_from_logits(net.classes, logits, labels)
    print_skipped(dataset.skipped, console)
    if predictions is not None:
        _write_predictions(Path(predictions), net, dataset, chosen, logits)
    if report is not None:
        from ..page.evaluate import evaluate_page  # noqa: PLC0415 - most scores want no page

        write_page(report, evaluate_page(net, dataset, chosen, logits, scores, name=options.source))
    if options.as_json:
        print_json({**scores.to_json(), "split": split, "skipped": dataset.skipped})
        return
    print_message(console, f"on {'the test split' if split == 'test' else 'all examples'}:")
    output = results()
    for line in score_lines(scores, output.width):
        output.print(line, markup=False)


def _write_predictions(
    path: Path, net: Network, dataset: Dataset, chosen: Any, logits: npt.NDArray[np.float32]
) -> None:
    """Write the predictions, all or none: wrong ones first, by falling confidence."""
    probabilities, labels = net.probabilities_of(logits), dataset.labels[chosen]
    is_correct = logits.argmax(axis=1) == labels
    order = np.lexsort((-probabilities.max(axis=1), is_correct))
    lines = [
        json.dumps(
            {
                "input": dataset.names[int(chosen[index])],
                "label": net.classes[int(labels[index])],
                "predicted": net.classes[int(logits[index].argmax())],
                "probabilities": probabilities[index].tolist(),
                "logits": logits[index].tolist(),
            }
        )
        for index in order.tolist()
    ]
    try:
        write_atomically(path, ("\n".join(lines) + "\n").encode())
    except OSError as error:
        raise DataError(f"{path}: not written: {error.strerror}") from None
