"""`piecewise export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rich_click as click
from click.exceptions import Exit

from ..core.errors import DataError, LimitError
from ..data.sources.csv_tables import SUFFIXES as TABLE_SUFFIXES
from ..data.sources.discovery import RawDataset, discover
from ..data.sources.unlabelled import list_unlabelled, listed_inputs
from ..exchange.registry import exporter, exporter_names
from ..exchange.runner import Samples
from ..network import Network
from .options import DATA, OUTPUT, json_option, net_argument, option, output_option, usage_error
from .output import Meter, messages, print_json, print_message, printable, results

if TYPE_CHECKING:
    from ..exchange.export_model import ExportResult
    from ..exchange.passport.record import ToolkitRun

_MOST_SAMPLES = 100


@dataclass(frozen=True)
class ExportOptions:
    """The options of the command."""

    net_file: str
    output: str
    to: str | None
    samples: str | None
    as_json: bool

    def formats(self) -> list[str] | None:
        """The formats that were named; None for all. Raises UsageError."""
        if self.to is None:
            return None
        names = [name for name in self.to.split(",") if name.strip()]
        if not names:
            raise click.UsageError("--to: got no format, wanted at least one")
        try:
            return [exporter(name.strip()).name for name in names]
        except LimitError as error:
            raise usage_error(error) from None


@click.command(name="export")
@net_argument
@output_option(
    "The folder to write, a new one or that of an earlier export.", metavar="FOLDER", required=True
)
@option(
    "--to",
    metavar="FORMATS",
    panel=OUTPUT,
    unset="all that can express the net",
    help=f"The formats, separated by commas: {', '.join(exporter_names())}.",
)
@option(
    "--samples",
    metavar="DATA",
    panel=DATA,
    unset="files of many kinds, made of noise",
    help=f"Inputs on which every toolkit is compared with piecewise, {_MOST_SAMPLES} at most: a "
    "file, or a data set such as `piecewise train` takes.",
)
@json_option
def command(**values: Any) -> None:
    """Export the net in the model file NET to files of other toolkits.

    Each format gets a folder in the output folder, with a USAGE.md. Then every toolkit that is
    installed runs its files, and passport.html and passport.json compare its outputs with those of
    piecewise. The exit status is 1 if the outputs of a toolkit differ.
    """
    from ..exchange.export_model import (  # noqa: PLC0415 - the help needs none
        GENERATED,
        ExportInterrupted,
        export_model,
    )

    options = ExportOptions(**values)
    if not options.output:
        raise click.UsageError("--output: got an empty name, wanted that of a folder")
    formats = options.formats()
    net = Network.load(options.net_file)
    samples = None if options.samples is None else _samples(net, options.samples)
    source = GENERATED if options.samples is None else Path(options.samples).name
    interrupt = None
    with Meter(messages()) as meter:
        try:
            result = export_model(
                net.saved_model(), Path(options.output), formats, samples, source, meter
            )
        except ExportInterrupted as error:
            result, interrupt = error.result, error
    if options.as_json:
        print_json(result.passport.to_json())
    else:
        _print(result)
    if interrupt:
        print_message(messages(), "stopped; all files are written, but not all were run")
        raise interrupt
    if result.passport.disagreements:
        raise Exit(1)


def _samples(net: Network, source: str) -> Samples:
    """Evenly spaced examples of a file or data set; DataError."""
    from ..exchange.passport.samples import samples_of  # noqa: PLC0415

    raw = _examples(Path(source), net.preprocessor.modality)
    wanted = net.preprocessor.modality
    if raw.modality != wanted:
        raise DataError(f"{source}: got {raw.modality}, wanted {wanted} for this net")
    chosen = np.linspace(0, len(raw) - 1, min(_MOST_SAMPLES, len(raw))).astype(int)
    examples = [raw.examples[int(index)] for index in chosen]
    return samples_of(net.preprocessor, examples, reads_texts=net.architecture.reads_texts)


def _examples(path: Path, modality: str) -> RawDataset:
    """The examples of a data set with labels, of a folder or an archive without, or of one file."""
    if path.is_file() and path.suffix.lower() not in (".zip", ".npz", *TABLE_SUFFIXES):
        return listed_inputs([path], (), modality)
    try:
        return discover(path)
    except DataError:
        if path.suffix.lower() != ".npz" and (raw := list_unlabelled(path, modality)):
            return raw
        raise


def _print(result: ExportResult) -> None:
    """A line for each format, and the reasons where there is none."""
    console, passport = results(), result.passport
    for name in passport.files:
        runs = passport.runs.get(name, [])
        said = "; ".join(map(_sentence, runs)) or "no toolkit runs it"
        console.print(printable(f"{name:<15} {said}"), soft_wrap=True)
    for name, why in passport.refused.items():
        console.print(printable(f"{name:<15} left out: {why}"), soft_wrap=True)
    if result.removed:
        print_message(messages(), f"removed from the earlier export: {', '.join(result.removed)}")
    print_message(
        messages(), f"wrote {len(result.files)} files; {result.folder / 'passport.html'} shows all"
    )


def _sentence(run: ToolkitRun) -> str:
    """What a toolkit answered, in a few words."""
    if run.difference is None:
        return f"{run.title}: {run.verdict}"
    name = run.difference.caught_by
    said = f"within {run.difference.probabilities:.1e}"
    if name is not None:
        said = f"{name} by {run.difference.exceeding[name]:.1e}, most of {run.difference.sample}"
    return f"{run.title} {run.verdict} ({said})"
