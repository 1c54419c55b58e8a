"""Input cells in units of the data: pixels, seconds and hertz, words or letters."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.array_types import Array
from ...core.errors import DataError
from ...core.plain_values import PlainRecord
from ...data.audio.decoding import Sound
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.preprocessing import Preprocessor
from ...data.text.preprocessor import UNKNOWN, TextPreprocessor
from ...spec.layer_base import PADDING
from .receptive_field import ReceptiveField

Span = tuple[float, float]
_NOT_KNOWN = " (not in the vocabulary)"
"""The end of the label of a word that the net does not know."""


@dataclass(frozen=True)
class Axis(PlainRecord):
    """The cells along an axis of an input.

    ``name``: the name of a cell, such as "row". ``unit``: the unit of ``spans``, the start and end
    of each cell: "pixels", "hertz", "seconds", "words" or "letters". ``labels``: a short text for
    each cell.
    """

    name: str
    unit: str
    spans: tuple[Span, ...]
    labels: tuple[str, ...]

    def describe(self, start: int, stop: int) -> str:
        """The cells ``start`` to ``stop - 1`` as text, which counts rows and columns from 1."""
        if stop <= start:
            return f"no {self.name}"
        ends = self.spans[start:stop]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if self.unit == "hertz":
            return f"{low:,.0f} to {high:,.0f} Hz"
        if self.unit == "seconds":
            return f"{low:.3f} to {high:.3f} s"
        if self.unit == "pixels":
            several = f"{self.name}s {start + 1} to {stop}"
            return several if stop - start > 1 else f"{self.name} {start + 1}"
        return self._describe_words([label for label in self.labels[start:stop] if label])

    def _describe_words(self, labels: list[str]) -> str:
        """Words, and at the end which of them are not in the vocabulary."""
        if len(labels) < 2:
            return labels[0] if labels else "no text"
        written = [label.removesuffix(_NOT_KNOWN) for label in labels]
        text = ("" if self.unit == "letters" else " ").join(written)
        unknown = [word for word, label in zip(written, labels, strict=True) if word != label]
        return f"{text} (not in the vocabulary: {', '.join(unknown)})" if unknown else text


@dataclass(frozen=True)
class Coordinates(PlainRecord):
    """Both axes of an input. ``kind``: the kind of its preprocessor; "texts" if cells are positions
    in one row."""

    kind: str
    rows: Axis
    columns: Axis

    def describe(self, row: int, column: int) -> str:
        """One cell as text."""
        return self.describe_field(ReceptiveField(row, row + 1, column, column + 1))

    def describe_field(self, field: ReceptiveField) -> str:
        """The cells of a receptive field as text."""
        columns = self.columns.describe(field.left, field.right)
        if self.kind == "texts":
            return columns
        rows = self.rows.describe(field.top, field.bottom)
        return f"{columns}, {rows}" if self.kind == "sounds" else f"{rows}, {columns}"


def input_coordinates(
    preprocessor: Preprocessor, example: Array | None = None, raw: object = None
) -> Coordinates:
    """The coordinates of input cells in units of the data.

    ``example``: the preprocessed input, required for texts. ``raw``: the original: with a `Sound`,
    seconds are those of the recording (negative in the silence padded before it), otherwise those
    of the spectrogram; with a text, unknown words are spelled out. Pixels are those of the
    preprocessed input. DataError if a text has no ``example``.
    """
    if isinstance(preprocessor, AudioPreprocessor):
        return _of_sounds(preprocessor, raw if isinstance(raw, Sound) else None)
    if isinstance(preprocessor, TextPreprocessor):
        if example is None or example.ndim != 1:
            got = "no numbers" if example is None else f"an array of the shape {example.shape}"
            raise DataError(
                f"input_coordinates: got {got}, wanted the words of a text (positions,)"
            )
        return _of_texts(preprocessor, example, raw if isinstance(raw, str) else None)
    if example is not None and example.ndim == 1:  # words of a net without a vocabulary
        labels = [f"word {number}" for number in example.tolist()]
        return Coordinates("texts", _one_row("words"), _counted("word", "words", labels))
    _, height, width = preprocessor.shape
    rows, columns = (
        _counted(name, "pixels", [f"{name} {index}" for index in range(1, size + 1)])
        for name, size in (("row", height), ("column", width))
    )
    return Coordinates(preprocessor.kind, rows, columns)


def _counted(name: str, unit: str, labels: list[str]) -> Axis:
    spans = tuple((float(index), index + 1.0) for index in range(len(labels)))
    return Axis(name, unit, spans, tuple(labels))


def _one_row(unit: str) -> Axis:
    return _counted("text", unit, [""])


def _of_sounds(preprocessor: AudioPreprocessor, sound: Sound | None) -> Coordinates:
    """Rows are frequency bands; a time step extends half a hop around its centre."""
    first = 0 if sound is None else preprocessor.first_step(sound)
    step = preprocessor.hop / preprocessor.rate
    shift = 0.0 if sound is None else -0.5  # step n of a recording is centred on sample n * hop
    times = [
        ((first + index + shift) * step, (first + index + shift + 1) * step)
        for index in range(preprocessor.frames)
    ]
    seconds = [f"{(low + high) / 2:.3f} s" for low, high in times]
    hertz = preprocessor.hertz
    bands = [f"{low:,.0f} to {high:,.0f} Hz" for low, high in hertz]
    return Coordinates(
        "sounds",
        Axis("band", "hertz", tuple(hertz), tuple(bands)),
        Axis("step", "seconds", tuple(times), tuple(seconds)),
    )


def _of_texts(preprocessor: TextPreprocessor, numbers: Array, text: str | None) -> Coordinates:
    unit = preprocessor.units[:-1]
    unknown = f"{{}}{_NOT_KNOWN}" if text is not None else f"[{unit} not in the vocabulary]"
    labels = [
        unknown.format(word) if number == UNKNOWN else word if number != PADDING else ""
        for word, number in zip(preprocessor.decode(numbers, text), numbers.tolist(), strict=True)
    ]
    columns = _counted(unit, preprocessor.units, labels)
    return Coordinates("texts", _one_row(preprocessor.units), columns)
