"""How predictions are printed and written: text, JSON, and CSV or JSON Lines files.

A CSV file begins with the columns input, text (for texts only), predicted, probability and warning,
followed by a column p_CLASS for each class. A cell that a spreadsheet would take for a formula gets
an apostrophe in front, as does a cell that begins with an apostrophe, so that removing one
apostrophe from the beginning always restores the text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import rich_click as click

from ..core.atomic_write import atomic_writer
from ..core.errors import DataError, reason, shown
from ..network import Network
from ..predictions import Prediction
from .output import Meter, print_json, printable, results
from .output_files import begins_with, check_replaceable

CLASSES_SHOWN = 5
SUFFIXES = (".csv", ".jsonl")
JSON_BEGINNING = b'{"input": '
"""Of each line of a .jsonl file with predictions."""
_CSV_BEGINNINGS = (b"input,predicted,", b"input,text,predicted,")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


class PredictionOutput(Protocol):
    """Where predictions go."""

    def write(self, rows: Sequence[Prediction]) -> None:
        """Write or collect some predictions."""


class TextOutput:
    """Prints a line for each prediction."""

    def __init__(self, net: Network, meter: Meter) -> None:
        self.net, self.meter, self.console = net, meter, results()

    def write(self, rows: Sequence[Prediction]) -> None:
        self.meter.clear()
        lines = [self._line(row) for row in rows]
        self.console.print("\n".join(map(printable, lines)), soft_wrap=True)

    def _line(self, row: Prediction) -> str:
        classes, order = self.net.classes, np.argsort(-row.logits, kind="stable")[:CLASSES_SHOWN]
        listed = ", ".join(
            f"{classes[index]} {100 * row.probabilities[index]:.2f} %" for index in order
        )
        answer = row.answer(self.net.classes) or "don't know"
        return f"{row.short_name}: {answer}   ({listed})"


class JsonOutput:
    """Collects the predictions and prints them as one JSON object."""

    def __init__(self, net: Network) -> None:
        self.net, self.predictions = net, list[dict[str, Any]]()

    def write(self, rows: Sequence[Prediction]) -> None:
        self.predictions += [row.to_json(self.net) for row in rows]

    def print(self, skipped: Sequence[str]) -> None:
        print_json({"predictions": self.predictions, "skipped": list(skipped)})


class _JsonLinesFile:
    """Writes a JSON object a line, as --json prints."""

    def __init__(self, file: IO[bytes], net: Network) -> None:
        self.file, self.net = file, net

    def write(self, rows: Sequence[Prediction]) -> None:
        lines = [json.dumps(row.to_json(self.net), allow_nan=False) + "\n" for row in rows]
        self.file.write("".join(lines).encode())


class _CsvFile:
    """Writes a row of a CSV table, in UTF-8, for each prediction."""

    def __init__(self, file: IO[bytes], net: Network) -> None:
        self.file, self.net = file, net
        self.has_text = net.preprocessor.modality == "texts"
        text = ["text"] * self.has_text
        classes = [f"p_{name}" for name in net.classes]
        self._write([["input", *text, "predicted", "probability", "warning", *classes]])

    def write(self, rows: Sequence[Prediction]) -> None:
        self._write([self._cells(row) for row in rows])

    def _cells(self, row: Prediction) -> list[str]:
        cells = [row.name, row.answer(self.net.classes) or "", "", row.warning or ""]
        if self.has_text:
            cells.insert(1, row.text or "")
        safe = [spreadsheet_safe(cell) for cell in cells]
        numbers = [f"{float(one):.6g}" for one in row.probabilities]
        safe[-2] = numbers[int(row.logits.argmax())]
        return [*safe, *numbers]

    def _write(self, rows: list[list[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        self.file.write(text.getvalue().encode("utf-8", "backslashreplace"))


def spreadsheet_safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def check_predictions_path(path: str) -> None:
    """Check, before anything is read, that predictions may be written to a path; UsageError,
    DataError."""
    if not path.lower().endswith(SUFFIXES):
        wanted = f"wanted a name ending in {' or '.join(SUFFIXES)}"
        raise click.UsageError(f"--output: got {shown(path)}, {wanted}")
    check_replaceable(path, is_predictions_file)


def is_predictions_file(path: Path) -> bool:
    """Whether a file is empty, or piecewise wrote it with predictions."""
    return begins_with(path, (JSON_BEGINNING, *_CSV_BEGINNINGS))


@contextmanager
def predictions_file(path: Path, net: Network) -> Iterator[PredictionOutput]:
    """A file that appears complete when the block ends, or not at all; DataError."""
    try:
        with atomic_writer(path) as file:
            is_csv = path.suffix.lower() == ".csv"
            yield _CsvFile(file, net) if is_csv else _JsonLinesFile(file, net)
    except OSError as error:
        raise DataError(f"{path}: not written: {reason(error)}") from None
