"""`piecewise predict`."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import rich_click as click

from ..core.atomic_write import atomic_writer
from ..core.constraints import Real
from ..core.errors import DataError, PiecewiseError, reason
from ..core.ghost_batch import GROUP_SIZE
from ..data.decoding.prepared_input import PreparedInput
from ..data.decoding.stream import prepared_inputs
from ..data.file_bytes import open_regular_file
from ..data.loading.fingerprint import stamp_digest
from ..data.sources.discovery import RawDataset
from ..data.sources.table_columns import TableOptions
from ..data.sources.unlabelled import list_unlabelled, listed_inputs
from ..network import Network
from ..predictions import logits_of_inputs, predictions_of
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
from .output import Meter, counted, messages, print_message
from .partial_predictions import (
    MAX_NAME_BYTES,
    PartialFile,
    RunState,
    partial_file,
    run_identity,
)
from .prediction_messages import RunMessages
from .prediction_output import (
    FileOutput,
    JsonOutput,
    PredictionFormat,
    PredictionOutput,
    TextOutput,
    check_predictions_path,
    prediction_format,
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
    "Write the predictions to this .csv, .jsonl or .parquet file, completely or not at all, "
    "instead of printing them. After an interruption, the same command continues."
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
        run.write_file(Path(options.output))
    elif options.as_json:
        run.predict_all(writer := JsonOutput(net))
        writer.print(run.messages.errors.first + run.messages.skipped.first)
    else:
        run.predict_all(TextOutput(net, run.meter))
    run.messages.print(run.console)


class _PredictionRun:
    """Reads the inputs in batches and predicts them."""

    def __init__(self, net: Network, options: PredictOptions) -> None:
        self.net, self.options, self.console = net, options, messages()
        self.threshold = net.calibration.threshold_for(options.coverage)
        self.meter, self.count = Meter(self.console), 0
        self.messages = RunMessages(keep_all=options.as_json)
        example_bytes = net.preprocessor.dtype.itemsize * int(
            np.prod(net.preprocessor.example_shape)
        )
        batch = min(BATCH, BATCH_BYTES // example_bytes) // GROUP_SIZE * GROUP_SIZE
        self.batch = max(GROUP_SIZE, batch)
        self.partial: PartialFile | None = None
        if options.texts and net.preprocessor.modality != "texts":
            wanted = f"this net reads {net.preprocessor.modality}"
            raise DataError(f"--text: got a text, wanted files: {wanted}")

    def write_file(self, path: Path) -> None:
        """Write all predictions to a file, completely or not at all. If the inputs can be listed
        again, the same command continues after an interruption."""
        form = prediction_format(path, self.net)
        is_short = len(os.fsencode(path.resolve().name)) <= MAX_NAME_BYTES
        if STANDARD_INPUT not in self.options.inputs and is_short:
            self._write_partial(path, form)
        else:
            self._write_at_once(path, form)
        print_message(self.console, f"wrote {counted(self.count, 'prediction')}: {path}")

    def _write_partial(self, path: Path, form: PredictionFormat) -> None:
        sources = list(self._sources())
        with self.meter:
            digests = [stamp_digest(raw, self.meter) for raw, _ in sources]
        options = replace(self.options, output=path.suffix.lower())
        identity = run_identity(_file_sha256(options.net_file), options, self.batch, digests)
        try:
            with partial_file(path, identity, form.convert) as self.partial:
                self._print_start(self.partial)
                if not self.partial.state.size:
                    self.partial.write(form.header())
                self.predict_all(FileOutput(self.partial.write, form), sources)
                self._check_any()
        except KeyboardInterrupt:
            if self.partial and (count := self.partial.state.count):
                kept = f"{counted(count, 'prediction')} kept in {self.partial.partial.name}"
                print_message(self.console, f"stopped; {kept}; the same command goes on")
            raise

    def _print_start(self, partial: PartialFile) -> None:
        if partial.is_other:
            print_message(
                self.console,
                f"{partial.partial.name} was of another net, other inputs or other options, or cut "
                "short; starting from the beginning",
            )
        elif partial.state.count:
            goes_on = f"after {counted(partial.state.count, 'prediction')}"
            print_message(self.console, f"continuing {goes_on} in {partial.partial.name}")

    def _write_at_once(self, path: Path, form: PredictionFormat) -> None:
        """Write predictions of inputs that come only once, such as the standard input."""
        try:
            if form.convert:
                with TemporaryFile(dir=path.parent) as file:
                    self._write_to(file, form)
                    form.convert(file, path)
            else:
                with atomic_writer(path) as file:
                    self._write_to(file, form)
        except OSError as error:
            raise DataError(f"{path}: not written: {reason(error)}") from None

    def _write_to(self, file: IO[bytes], form: PredictionFormat) -> None:
        file.write(form.header())
        self.predict_all(FileOutput(file.write, form))
        self._check_any()

    def _check_any(self) -> None:
        """Raise the error of a run without a prediction, so that no file is written."""
        if not self.count:
            self.messages.print(self.console)

    def predict_all(
        self,
        output: PredictionOutput,
        sources: Iterable[tuple[RawDataset, str]] | None = None,
    ) -> None:
        """Predict all inputs in their order, after those that the partial file holds."""
        state = self.partial.state if self.partial else RunState()
        if state.count:
            self.count = state.count
            self.messages.restore(state.messages)
        with self.meter:
            for number, (raw, kind) in enumerate(self._sources() if sources is None else sources):
                if number > state.source:
                    self.messages.skipped.add(raw.skipped)
                if number >= state.source:
                    start = state.position if number == state.source else 0
                    self._predict(raw, kind, output, RunState(number, start))
        if not self.count and not self.messages.errors.count and self.messages.skipped.count:
            self.messages.errors.add([self.messages.skipped.pop()])

    def _sources(self) -> Iterator[tuple[RawDataset, str]]:
        """The inputs, in groups that are read together, each with the list of messages for
        those that cannot be read."""
        modality, files = self.net.preprocessor.modality, list[Path]()
        for name in self.options.inputs:
            raw = None
            if name != STANDARD_INPUT:
                try:
                    raw = list_unlabelled(Path(name), modality, self.options.table)
                except DataError as error:
                    self.messages.errors.add([str(error)])
                    continue
                if raw is None:
                    if self._is_text(name):
                        missing = f"{name}: no such file; for a text, use --text TEXT"
                        self.messages.errors.add([missing])
                    else:
                        files.append(Path(name))
                    continue
            if files:
                yield listed_inputs(files, (), modality), "errors"
                files = []
            if raw is not None:
                yield raw, "skipped"
            else:
                yield from ((one, "skipped") for one in self._standard_input())
        if files:
            yield listed_inputs(files, (), modality), "errors"
        if self.options.texts:
            yield listed_inputs((), self.options.texts, modality), "errors"

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

    def _predict(
        self, raw: RawDataset, kind: str, output: PredictionOutput, start: RunState
    ) -> None:
        """Predict the inputs of a source from a position on."""
        on_progress = self.meter if len(raw) > 1 else None
        batch: list[tuple[str, PreparedInput]] = []
        with closing(
            prepared_inputs(raw, self.net.preprocessor, start.position, self.batch, on_progress)
        ) as results:
            for index, result in results:
                if isinstance(result, PiecewiseError):
                    getattr(self.messages, kind).add([str(result)])
                    continue
                batch.append((raw.names[index], result))
                if len(batch) == self.batch:
                    self._predict_batch(batch, output)
                    self._finish_batch(start.source, index + 1)
                    batch = []
        if batch:
            self._predict_batch(batch, output)
            self._finish_batch(start.source, len(raw))

    def _finish_batch(self, source: int, position: int) -> None:
        if self.partial:
            saved = self.messages.to_json()
            self.partial.finish_batch(RunState(source, position, self.count, messages=saved))

    def _predict_batch(
        self, batch: list[tuple[str, PreparedInput]], output: PredictionOutput
    ) -> None:
        inputs = [prepared for _, prepared in batch]
        examples = np.concatenate([one.examples for one in inputs])
        logits = logits_of_inputs(inputs, self.net.logits(examples))
        probabilities = self.net.probabilities_of(logits)
        names = (name for name, _ in batch)
        rows = predictions_of(names, inputs, logits, probabilities, self.threshold)
        output.write(rows)
        self.count += len(rows)
        self.messages.doubtful.add(
            f"{row.short_name}: a doubtful answer: {row.warning}" for row in rows if row.warning
        )
        self.messages.notes.add(
            f"{row.short_name}: {one.note}"
            for row, (_, one) in zip(rows, batch, strict=True)
            if one.note
        )


def _file_sha256(path: str) -> str:
    with open_regular_file(Path(path)) as file:
        return hashlib.sha256(file.read()).hexdigest()
