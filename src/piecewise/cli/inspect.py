"""`piecewise inspect`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import rich_click as click

from ..core.errors import DataError
from ..data.inspection.report import DataReport, inspect_data
from ..training.shuffle_test import ShuffleTestResult, shuffle_test
from .data_report_text import report_lines, shuffled_lines
from .dataset_options import PreprocessingOptions, preprocessing_options
from .options import TRAINING, json_option, with_option_names
from .output import Meter, messages, print_json, results


@dataclass(frozen=True)
class InspectOptions(PreprocessingOptions):
    """The options of the command."""

    run_shuffle_test: bool


@click.command(name="inspect")
@preprocessing_options("The report tells whether a split divides a group.")
@click.option(
    "--shuffle-test",
    "run_shuffle_test",
    is_flag=True,
    panel=TRAINING,
    help="Train small nets on the inputs as they are and with their columns shuffled. If both do "
    "equally well, a ConvNet is not suited to the data.",
)
@json_option
def command(**values: Any) -> None:
    """Report what is in DATA and what may be wrong with it, before any training.

    DATA is what `piecewise train` takes. The report counts the examples of each class and split,
    and lists their sizes, files that cannot be read, duplicates and near-duplicates (especially
    across splits or classes), classes with too few examples, and groups that file names suggest.
    The exit status is 0 whatever the report says, if DATA can be read at all.
    """
    options, console = InspectOptions(**values), messages()
    with Meter(console) as meter:
        dataset = options.read(meter, every_class=True)
    report = _with_option_names(inspect_data(dataset))
    shuffled: ShuffleTestResult | None = None
    error_after_report: DataError | None = None  # raised at the end, after the report
    if options.run_shuffle_test:
        try:
            with Meter(console) as meter:
                shuffled = shuffle_test(dataset, on_progress=meter)
        except DataError as error:
            error_after_report = error
    _print(report, shuffled, as_json=options.as_json)
    if error_after_report:
        raise error_after_report


def _with_option_names(report: DataReport) -> DataReport:
    """The report with the names of the command's options in its advice."""
    findings = tuple(
        replace(
            one,
            message=with_option_names(one.message, command),
            advice=with_option_names(one.advice, command),
        )
        for one in report.findings
    )
    return replace(report, findings=findings)


def _print(report: DataReport, shuffled: ShuffleTestResult | None, *, as_json: bool) -> None:
    if as_json:
        plain: dict[str, Any] = {**report.to_json()}
        print_json({**plain, **({"shuffle_test": shuffled.to_json()} if shuffled else {})})
        return
    output = results()
    lines = list(report_lines(report, output.width))
    if shuffled:
        lines += ["", *shuffled_lines(shuffled, output.width)]
    for line in lines:
        output.print(line, markup=False, soft_wrap=True)
