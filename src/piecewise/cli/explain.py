"""`piecewise explain`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rich_click as click

from ..insight.explanation import Explanation
from ..network import Network
from .dataset_options import read_for
from .one_input import (
    NAME_SHOWN,
    InputOptions,
    class_number,
    input_options,
    print_lines,
    print_warning,
)
from .options import (
    OUTPUT,
    json_option,
    option,
    output_option,
    table_options,
    training_data_option,
)
from .output import Meter, messages, print_json, print_message
from .output_files import check_output, write_page

MAPS_SHOWN, CLASSES_SHOWN = 6, 6


@dataclass(frozen=True)
class ExplainOptions(InputOptions):
    """The options of the command."""

    source: str | None
    table: dict[str, Any]
    label: str | None
    output: str | None


@click.command(name="explain")
@input_options
@training_data_option(
    "The report then shows which patches of the training split match features best."
)
@table_options
@option(
    "--label",
    metavar="CLASS",
    panel=OUTPUT,
    unset="the predicted class",
    help="The class to explain.",
)
@output_option("Write a self-contained .html report, which works offline.")
@json_option
def command(**values: Any) -> None:
    """Explain the prediction of the net in the model file NET for INPUT, an image, a sound or a
    text.

    Prints the prediction and its votes, by feature map and by value. With -o, writes a report in
    which a click on a number shows its arithmetic, down to the pixels.
    """
    options = ExplainOptions(**values)
    _check(options)
    net = Network.load(options.net_file)
    explanation = options.explanation(net, class_number(net, "--label", options.label))
    if options.as_json:
        print_json(explanation.to_json())
    elif options.output is None:
        print_lines(_lines(explanation))
        print_warning(explanation)
        position = f"{list(explanation.walk)[-1]},{explanation.label}"
        why = shlex.join(["piecewise", "why", *options.command_line, position])
        print_message(messages(), f"how the logit is computed: {why}; all numbers: -o report.html")
    if options.output is not None:
        if not options.as_json:
            print_lines(filter(None, islice(_lines(explanation), 2)))
        _write(explanation, options, options.output)
        print_warning(explanation)


def _check(options: ExplainOptions) -> None:
    """Check the options before anything is read; UsageError, DataError."""
    options.check("explain")
    if options.source is not None and options.output is None:
        raise click.UsageError("--data goes with --output, the report")
    if options.output is not None:
        from ..page.assemble import is_ours  # noqa: PLC0415 - the terminal needs no page

        check_output(options.output, ".html", is_ours)


def _lines(explanation: Explanation) -> Iterator[str]:
    """The answer, the votes of the maps, and the ledger."""
    net, name = explanation.net, explanation.name
    probabilities = ", ".join(
        f"{net.classes[index]} {100 * explanation.probabilities[index]:.2f} %"
        for index in explanation.order[:CLASSES_SHOWN]
    )
    short = name if len(name) <= NAME_SHOWN else f"{name[:NAME_SHOWN]}..."
    yield f"{short}: {net.classes[explanation.answer]}   ({probabilities})"
    if explanation.reason:
        yield explanation.reason.sentence
    yield ""
    label, carried = net.classes[explanation.label], explanation.carried_back
    yield f"votes for {label} by the maps of {explanation.voting_layer}:"
    yield from _map_lines(carried.by_map(), carried.bias, carried.logit)
    if abs(net.calibration.temperature - 1) > 1e-9:
        yield f"(probabilities: softmax of the logits / {net.calibration.temperature:.6g})"
    ledger = explanation.ledger
    yield ""
    yield f"votes for {label} in {ledger.layer}, of the values of {ledger.source_layer}"
    yield from list(ledger.lines(2 * MAPS_SHOWN))[1:]


def _map_lines(votes: npt.NDArray[np.float64], bias: float, logit: float) -> list[str]:
    order = np.argsort(-votes, kind="stable").tolist()
    shown_maps = order if len(order) <= 2 * MAPS_SHOWN else order[:MAPS_SHOWN] + order[-MAPS_SHOWN:]
    largest = max(abs(float(votes[one])) for one in shown_maps) or 1.0
    lines = []
    for one in shown_maps:
        bar = "#" * round(24 * abs(float(votes[one])) / largest)
        side = ("against", "neither", "for")[int(np.sign(votes[one])) + 1]
        lines.append(f"  {votes[one]:>12.4g}  map {one + 1:<4} {side} {bar}")
    left = len(order) - len(shown_maps)
    if left:
        others = fsum(votes[order[MAPS_SHOWN:-MAPS_SHOWN]].tolist())
        lines.insert(MAPS_SHOWN, f"  {others:>12.4g}  {left:,} maps between")
    return [*lines, f"  {bias:>12.4g}  biases", f"  {logit:>12.4g}  their sum: the logit"]


def _write(explanation: Explanation, options: ExplainOptions, output: str) -> None:
    """Write the report."""
    from ..page.explain import explanation_page  # noqa: PLC0415 - only reports need it

    named = explanation if options.text is None else replace(explanation, name="a text")
    write_page(output, explanation_page(named, _patches(explanation, options)))


def _patches(explanation: Explanation, options: ExplainOptions) -> list[dict[str, Any]]:
    """The patches that match features, for the page; none without data."""
    source = options.source
    if source is None:
        return []
    from ..page.top_patches import top_patches_data  # noqa: PLC0415 - reports without data need it not

    net = explanation.net
    with Meter(messages()) as meter:
        dataset = read_for(net, source, options.table, meter)
    return top_patches_data(net, explanation.feature_patches(dataset), dataset, Path(source))
