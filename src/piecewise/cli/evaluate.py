"""`piecewise evaluate`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rich_click as click

from ..core.atomic_write import write_atomically
from ..core.errors import DataError
from ..data.dataset import Dataset
from ..network import Network
from ..training.evaluation import ALL, TRAINING, UNSEEN, DatasetPredictions, predict_dataset
from .dataset_options import DataOptions, read_for
from .options import OUTPUT, data_argument, json_option, net_argument, table_options
from .output import Meter, messages, print_json, print_message, print_skipped, results
from .output_files import begins_with, check_output, check_replaceable, write_page
from .prediction_output import JSON_BEGINNING
from .score_text import notes, score_lines

_PREFIXES = {ALL: "", UNSEEN: "unseen examples: ", TRAINING: "training score: "}
"""What the first line of the scores begins with."""


@dataclass(frozen=True)
class EvaluateOptions(DataOptions):
    """The options of the command."""

    net_file: str
    predictions: str | None
    report: str | None


@click.command(name="evaluate")
@net_argument
@data_argument
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
    help="Write a self-contained .html report: the mistakes, each with the nearest training "
    "examples, all predictions with their inputs, and the deck's error table.",
)
@json_option
def command(**values: Any) -> None:
    """Score the net in the model file NET on DATA, which is what `piecewise train` takes.

    Uses the test split of DATA if it has one, else all examples. Examples that the net was trained
    on are scored separately: a score on them says little about new data. Examples of classes that
    the net does not have are left out of the scores; their number is printed.
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
        dataset = read_for(net, options.source, options.table, meter, skip_unknown_classes=True)
    answers = predict_dataset(net, dataset)
    sentences = list(notes(net, answers.scores))
    print_skipped(dataset.skipped, console)
    if predictions is not None:
        _write_predictions(Path(predictions), net, dataset, answers)
    if report is not None:
        from ..page.evaluate import evaluate_page  # noqa: PLC0415 - most scores want no page

        page = evaluate_page(
            net, dataset, answers.indices, answers.logits, answers.scores,
            name=options.source, notes=sentences if answers.scores.is_partial else (),
        )  # fmt: skip
        write_page(report, page)
    if options.as_json:
        print_json({**answers.scores.to_json(), "skipped": dataset.skipped})
        return
    for sentence in sentences:
        print_message(console, sentence)
    output = results()
    for number, line in enumerate(score_lines(answers.scores, output.width)):
        output.print(_PREFIXES[answers.scores.counted] * (not number) + line, markup=False)


def _write_predictions(
    path: Path, net: Network, dataset: Dataset, answers: DatasetPredictions
) -> None:
    """Write the predictions, all or none: wrong ones first, by falling confidence."""
    logits, labels, indices = answers.logits, answers.labels, answers.indices
    probabilities = net.probabilities_of(logits)
    is_correct = logits.argmax(axis=1) == labels
    order = np.lexsort((-probabilities.max(axis=1), is_correct))
    lines = [
        json.dumps(
            {
                "input": dataset.names[int(indices[index])],
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
