"""`piecewise predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rich_click as click

from ..core.constraints import Real
from ..core.errors import DataError
from ..core.ghost_batch import GROUP_SIZE
from ..data.loading.loader import DatasetLoader
from ..data.sources.discovery import RawDataset
from ..data.sources.table_columns import TableOptions
from ..data.sources.unlabelled import list_unlabelled, listed_inputs
from ..network import Network
from ..predictions import Prediction, PreparedInput, logits_of_inputs, prepare_input
from .options import (
    DATA,
    OUTPUT,
    column_option,
    constrained_option,
    encoding_option,
    json_option,
    net_argument,
    output_option,
)
from .output import SKIPPED_SHOWN, Meter, counted, messages, print_message, print_skipped
from .prediction_output import (
    JsonOutput,
    PredictionOutput,
    TextOutput,
    check_predictions_path,
    predictions_file,
)
from .standard_input import STANDARD_INPUT, input_bytes, text_lines

BATCH, BATCH_BYTES = 1_024, 64 << 20
"""Inputs that are predicted at a time, at most, and their bytes."""


@dataclass(frozen=True)
class PredictOptions:
    """The options of the command."""

    net_file: str
    inputs: tuple[str, ...]
    texts: tuple[str, ...]
    coverage: float
    output: str | None
    as_json: bool
    table: TableOptions

    def check(self) -> None:
        """Check what can be checked before anything is read; UsageError, DataError."""
        if not self.inputs and not self.texts:
            raise click.UsageError("predict needs an INPUT, or --text")
        if self.inputs.count(STANDARD_INPUT) > 1:
            raise click.UsageError("- is the standard input, which can be read only once")
        if self.output is not None:
            if self.as_json:
                raise click.UsageError("--json prints the predictions; leave out --output")
            check_predictions_path(self.output)


@click.command(name="predict")
@net_argument
@click.argument("inputs", metavar="INPUT...", nargs=-1)
@click.option(
    "--text",
    "texts",
    multiple=True,
    panel=DATA,
    help="A text to use as an input, for a net that reads texts. May be repeated.",
)
@constrained_option(
    "--coverage",
    constraint=Real(0, 1),
    metavar="FRACTION",
    panel=OUTPUT,
    default=1.0,
    help="Fraction of inputs that the net answers ({range}), as measured on the examples that were "
    "held out in training. For the others, whose probabilities are lower, print don't know.",
)
@output_option(
    "Write the predictions to this .csv or .jsonl file, completely or not at all, instead of "
    "printing them."
)
@column_option("text", "text")
@encoding_option
@json_option
def command(**values: Any) -> None:
    """Predict the class of each INPUT with the net in the model file NET.

    INPUT is an image, sound or text file; a folder or a .zip with such files, at any depth; a
    .csv, .tsv or .jsonl table of texts; or - for the standard input. The standard input is one
    file or, for a net that reads texts, one text per line. For each input, the command prints the
    class with the largest logit, and the probabilities. Inputs that cannot be read are skipped,
    with a message. A row of a table without text gets no class, but a warning. If a file that is
    given as INPUT cannot be read, the exit status is 1.
    """
    table = TableOptions(values.pop("text_column"), encoding=values.pop("encoding"))
    options = PredictOptions(**values, table=table)
    options.check()
    net = Network.load(options.net_file)
    run = _PredictionRun(net, options)
    if options.output is not None:
        with predictions_file(Path(options.output), net) as writer:
            run.predict_all(writer)
            if not run.count:
                run.print_messages()  # raises an error, so that no file is written
        print_message(run.console, f"wrote {counted(run.count, 'prediction')}: {options.output}")
    elif options.as_json:
        run.predict_all(writer := JsonOutput(net))
        writer.print(run.errors + run.skipped)
    else:
        run.predict_all(TextOutput(net, run.meter))
    run.print_messages()


class _PredictionRun:
    """Reads the inputs in batches and predicts them."""

    def __init__(self, net: Network, options: PredictOptions) -> None:
        self.net, self.options, self.console = net, options, messages()
        self.threshold = net.calibration.threshold_for(options.coverage)
        self.meter, self.count = Meter(self.console), 0
        self.doubtful, self.doubtful_count = list[str](), 0
        self.notes, self.note_count = list[str](), 0
        self.errors = list[str]()
        """A message for each named file that cannot be read."""
        self.skipped = list[str]()
        """A message for each file or record of a folder or table that cannot be read."""
        example_bytes = net.preprocessor.dtype.itemsize * int(
            np.prod(net.preprocessor.example_shape)
        )
        batch = min(BATCH, BATCH_BYTES // example_bytes) // GROUP_SIZE * GROUP_SIZE
        self.batch = max(GROUP_SIZE, batch)
        if options.texts and net.preprocessor.modality != "texts":
            wanted = f"this net reads {net.preprocessor.modality}"
            raise DataError(f"--text: got a text, wanted files: {wanted}")

    def predict_all(self, output: PredictionOutput) -> None:
        """Predict all inputs in their order."""
        with self.meter:
            for raw, messages_ in self._sources():
                self.skipped += raw.skipped
                self._predict(raw, messages_, output)
        if not self.count and not self.errors and self.skipped:
            self.errors.append(self.skipped.pop())

    def print_messages(self) -> None:
        """Print what was doubtful or skipped; raise a DataError if a named file was."""
        for sentence in self.doubtful:
            print_message(self.console, sentence)
        if (more := self.doubtful_count - len(self.doubtful)) > 0:
            sentence = f"{counted(more, 'more doubtful answer')}; --json and -o list them all"
            print_message(self.console, sentence)
        for sentence in self.notes:
            print_message(self.console, sentence)
        if (more := self.note_count - len(self.notes)) > 0:
            sentence = (
                f"for {counted(more, 'more long sound')}, the answer is a mean of windows, too"
            )
            print_message(self.console, sentence)
        print_skipped(self.skipped, self.console)
        for sentence in self.errors[:-1]:
            print_message(self.console, sentence)
        if self.errors:
            raise DataError(self.errors[-1])

    def _sources(self) -> Iterator[tuple[RawDataset, list[str]]]:
        """The inputs, in groups that are read together, each with the list for its errors."""
        modality, files = self.net.preprocessor.modality, list[Path]()
        for name in self.options.inputs:
            raw = None
            if name != STANDARD_INPUT:
                try:
                    raw = list_unlabelled(Path(name), modality, self.options.table)
                except DataError as error:
                    self.errors.append(str(error))
                    continue
                if raw is None:
                    if self._is_text(name):
                        self.errors.append(f"{name}: no such file; for a text, use --text TEXT")
                    else:
                        files.append(Path(name))
                    continue
            if files:
                yield listed_inputs(files, (), modality), self.errors
                files = []
            if raw is not None:
                yield raw, self.skipped
            else:
                yield from ((one, self.skipped) for one in self._standard_input())
        if files:
            yield listed_inputs(files, (), modality), self.errors
        if self.options.texts:
            yield listed_inputs((), self.options.texts, modality), self.errors

    def _is_text(self, name: str) -> bool:
        """Whether a text was probably written in place of a file."""
        return self.net.preprocessor.modality == "texts" and not Path(name).exists()

    def _standard_input(self) -> Iterator[RawDataset]:
        preprocessor = self.net.preprocessor
        return (
            text_lines(sys.stdin.buffer)
            if preprocessor.modality == "texts"
            else input_bytes(sys.stdin.buffer, preprocessor)
        )

    def _predict(self, raw: RawDataset, errors: list[str], output: PredictionOutput) -> None:
        loader = DatasetLoader(raw, Path(), self.meter if len(raw) > 1 else None)
        batch: list[tuple[str, PreparedInput]] = []
        with closing(loader.stream(partial(prepare_input, self.net.preprocessor))) as results:
            for index, result in results:
                if isinstance(result, DataError):
                    errors.append(str(result))
                    continue
                batch.append((raw.names[index], result))
                if len(batch) == self.batch:
                    self._predict_batch(batch, output)
                    batch = []
        if batch:
            self._predict_batch(batch, output)

    def _predict_batch(
        self, batch: list[tuple[str, PreparedInput]], output: PredictionOutput
    ) -> None:
        inputs = [prepared for _, prepared in batch]
        examples = np.concatenate([one.examples for one in inputs])
        logits = logits_of_inputs(inputs, self.net.logits(examples))
        probabilities = self.net.probabilities_of(logits)
        rows = [
            Prediction(name, one.text, one.warning, *numbers, self.threshold)
            for (name, one), numbers in zip(
                batch, zip(logits, probabilities, strict=True), strict=True
            )
        ]
        output.write(rows)
        self.count += len(rows)
        doubtful = [row for row in rows if row.warning]
        self.doubtful_count += len(doubtful)
        self.doubtful += [
            f"{row.short_name}: a doubtful answer: {row.warning}"
            for row in doubtful[: SKIPPED_SHOWN - len(self.doubtful)]
        ]
        notes = [
            f"{row.short_name}: {one.note}"
            for row, (_, one) in zip(rows, batch, strict=True)
            if one.note
        ]
        self.note_count += len(notes)
        self.notes += notes[: SKIPPED_SHOWN - len(self.notes)]
