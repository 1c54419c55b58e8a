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
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rich_click as click

from ..core.errors import DataError, shown
from ..network import Network
from ..predictions import Prediction
from .output import Meter, print_json, printable, results
from .output_files import begins_with, check_replaceable
from .partial_predictions import Convert

CLASSES_SHOWN = 5
SUFFIXES = (".csv", ".jsonl", ".parquet")
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


class PredictionFormat(Protocol):
    """The format of a prediction file. ``convert`` makes the file of its bytes; None if they are
    the file."""

    @property
    def convert(self) -> Convert | None: ...

    def header(self) -> bytes:
        """What the file begins with."""

    def encode(self, rows: Sequence[Prediction]) -> bytes:
        """The bytes of some predictions."""


class _JsonLinesFormat:
    """A JSON object a line, as --json prints."""

    convert = None

    def __init__(self, net: Network) -> None:
        self.net = net

    def header(self) -> bytes:
        return b""

    def encode(self, rows: Sequence[Prediction]) -> bytes:
        lines = [json.dumps(row.to_json(self.net), allow_nan=False) + "\n" for row in rows]
        return "".join(lines).encode()


class _CsvFormat:
    """A row of a CSV table, in UTF-8, for each prediction."""

    convert = None

    def __init__(self, net: Network) -> None:
        self.net, self.has_text = net, net.preprocessor.modality == "texts"
        self._numbers = ",".join(["%.6g"] * len(net.classes))

    def header(self) -> bytes:
        text = ["text"] * self.has_text
        classes = [f"p_{name}" for name in self.net.classes]
        return self._encode([["input", *text, "predicted", "probability", "warning", *classes]])

    def encode(self, rows: Sequence[Prediction]) -> bytes:
        return self._encode([self._cells(row) for row in rows])

    def _cells(self, row: Prediction) -> list[str]:
        texts = [row.text or ""] * self.has_text
        answer, warning = row.answer(self.net.classes) or "", row.warning or ""
        numbers = (self._numbers % tuple(row.probabilities.tolist())).split(",")
        safe = list(map(spreadsheet_safe, [row.name, *texts, answer]))
        return [*safe, numbers[row.best], spreadsheet_safe(warning), *numbers]

    def _encode(self, rows: list[list[str]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode("utf-8", "backslashreplace")


def spreadsheet_safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def check_predictions_path(path: str) -> None:
    """Check, before anything is read, that predictions may be written to a path; UsageError,
    DataError."""
    if not path.lower().endswith(SUFFIXES):
        wanted = f"wanted a name ending in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise click.UsageError(f"--output: got {shown(path)}, {wanted}")
    if path.lower().endswith(".parquet") and find_spec("pyarrow") is None:
        raise DataError(
            "Parquet files need one more package: pip install 'piecewise-convnet[parquet]'"
        )
    check_replaceable(path, is_predictions_file)


def is_predictions_file(path: Path) -> bool:
    """Whether a file is empty, or piecewise wrote it with predictions."""
    if not path.name.lower().endswith(".parquet") or not path.stat().st_size:
        return begins_with(path, (JSON_BEGINNING, *_CSV_BEGINNINGS))
    from .parquet_predictions import is_own_parquet  # noqa: PLC0415 - an extra

    return begins_with(path, (b"PAR1",)) and is_own_parquet(path)


def prediction_format(path: Path, net: Network) -> PredictionFormat:
    """The format of the file at a path, by its suffix."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        from .parquet_predictions import ParquetFormat  # noqa: PLC0415 - an extra

        return ParquetFormat(net)
    return _CsvFormat(net) if suffix == ".csv" else _JsonLinesFormat(net)


class FileOutput:
    """Writes predictions to a file in a format."""

    def __init__(self, write: Callable[[bytes], object], form: PredictionFormat) -> None:
        self.write_bytes, self.form = write, form

    def write(self, rows: Sequence[Prediction]) -> None:
        self.write_bytes(self.form.encode(rows))
