"""Prediction files in Parquet (the extra ``parquet``).

A Parquet file cannot be continued. Batches are therefore collected as Arrow messages, each after
its length, and converted at the end, one row group at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from ..core.atomic_write import atomic_writer
from ..core.version import __version__
from ..network import Network
from ..predictions import Prediction

BATCHES = 64
"""Of predictions that are in one row group."""
_LENGTH_BYTES = 8
_KEY = b"piecewise"


class ParquetFormat:
    """The columns of the CSV file, with nulls for empty cells and the texts unchanged."""

    def __init__(self, net: Network) -> None:
        self.net, self.has_text = net, net.preprocessor.modality == "texts"
        names = ["input", *["text"] * self.has_text, "predicted"]
        fields = [(name, pa.string()) for name in names]
        fields += [("probability", pa.float32()), ("warning", pa.string())]
        fields += [(f"p_{name}", pa.float32()) for name in net.classes]
        self.schema = pa.schema(fields, {_KEY: __version__.encode()})

    def header(self) -> bytes:
        return b""

    def encode(self, rows: Sequence[Prediction]) -> bytes:
        probabilities = np.stack([row.probabilities for row in rows])
        best = [row.best for row in rows]
        columns: list[Any] = [
            _texts([row.name for row in rows]),
            *[_texts([row.text for row in rows])] * self.has_text,
            _texts([row.answer(self.net.classes) for row in rows]),
            pa.array(probabilities[np.arange(len(rows)), best]),
            _texts([row.warning for row in rows]),
            *(pa.array(np.ascontiguousarray(column)) for column in probabilities.T),
        ]
        message = pa.record_batch(columns, schema=self.schema).serialize().to_pybytes()
        return len(message).to_bytes(_LENGTH_BYTES, "little") + bytes(message)

    def convert(self, source: IO[bytes], target: Path) -> None:
        """Write the Parquet file of the collected batches, atomically."""
        batches = self._batches(source)
        with atomic_writer(target) as file, parquet.ParquetWriter(file, self.schema) as writer:
            while group := list(islice(batches, BATCHES)):
                table = pa.Table.from_batches(group)
                writer.write_table(table, row_group_size=len(table))

    def _batches(self, source: IO[bytes]) -> Iterator[Any]:
        source.seek(0)
        while length := source.read(_LENGTH_BYTES):
            message = source.read(int.from_bytes(length, "little"))
            yield pa.ipc.read_record_batch(pa.py_buffer(message), self.schema)


def is_own_parquet(path: Path) -> bool:
    """Whether piecewise wrote a Parquet file."""
    try:
        return _KEY in (parquet.read_schema(path).metadata or {})
    except (OSError, ValueError):  # what pyarrow raises for other files
        return False


def _texts(texts: Sequence[str | None]) -> Any:
    """Texts as a column; a file name that is not UTF-8 is escaped."""
    safe = [text and text.encode("utf-8", "backslashreplace").decode() for text in texts]
    return pa.array(safe, pa.string())
