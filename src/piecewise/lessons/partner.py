"""The partner of a learner: samples of another seat, for nets that have not seen them.

Without another seat, the partner is generated: drawings of X and O by another hand, some of them
chosen because the learner's net names them wrong; or the learner's own drawings, moved, where the
classes are others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.array_types import Array, Bool, Labels
from ..core.errors import DataError
from ..data.dataset import read_data
from ..data.images.preprocessor import ImagePreprocessor
from ..data.sources.discovery import discover
from ..data.text.preprocessor import UNKNOWN
from ..data.xo import XOVariation, make_xo
from .learner import WHITE, Learner, LearnerDrawing
from .net_quantities import shifted_drawing
from .questions import Draw

MOST = 5
"""Drawings of a class that are asked about, and that are kept for the test of the repair."""
MOST_SAMPLES = 1_000
"""Samples of a seat."""
SEAT, LETTERS, MOVED = "seat", "letters", "moved"
"""Where the drawings come from: another seat, generated letters, or the learner's own, moved."""
_LARGE, _SEED = 112, 1
_USUAL = XOVariation(stroke_width=1.3, noise=0.0)
_TRICKY = XOVariation(rotation=60.0, stroke_width=2.5, noise=0.0)
_USUALS, _TRICKIES = 6, 4
"""Drawings of both classes that are usual, and that are turned or bold."""
_POOL = 40
"""Tricky drawings among which those that the net names wrong are looked for."""
_FAR = 2


class LabelledDrawings(NamedTuple):
    """Drawings (N, C, 9, 9) and the numbers of their classes."""

    inputs: Array
    labels: Labels


@dataclass(frozen=True)
class Partner:
    """Drawings of another seat.

    Attributes
    ----------
    name : str
        The name of the seat; empty if the drawings are generated.
    origin : str
        `SEAT`, `LETTERS` or `MOVED`.
    asked : LabelledDrawings
        What the learner's net is asked about first.
    kept : LabelledDrawings
        Others, which no net learns from.
    words, unknown_words : int
        For texts: how many words they have, and how many of these the learner's texts do not have.
    chosen_wrong : int
        Of generated letters: how many are asked about because the small net names them wrong.
    """

    name: str
    origin: str
    asked: LabelledDrawings
    kept: LabelledDrawings
    words: int = 0
    unknown_words: int = 0
    chosen_wrong: int = 0

    @cached_property
    def sha256(self) -> str:
        """A hash of the drawings and their classes."""
        digest = hashlib.sha256()
        for part in (self.asked, self.kept):
            digest.update(np.ascontiguousarray(part.inputs).tobytes())
            digest.update(part.labels.astype("<i8").tobytes())
        return digest.hexdigest()


def seat_partner(learner: Learner, path: Path, name: str) -> Partner:
    """The partner whose seat is a folder or an archive; messages call it ``name``.

    Of each class, the samples that the seat kept for the test are asked about: they are drawn for
    the partner. If there are none, it is the first half of the samples.

    Raises
    ------
    DataError
        If the seat cannot be read, has other classes or too few samples, or is the learner's own.
    """
    try:
        return _read(learner, path, name)
    except DataError as error:
        raise DataError(str(error).replace(str(path), name)) from None


def _read(learner: Learner, path: Path, name: str) -> Partner:
    count = len(discover(path))
    if count > MOST_SAMPLES:
        raise DataError(f"{path}: got {count:,} samples, wanted at most {MOST_SAMPLES:,}")
    rows = learner.rows
    preprocessor = rows.preprocessor if rows else learner.data.preprocessor
    data = read_data(path, preprocessor, classes=learner.classes, every_class=True,
                     skip_unknown_classes=True)  # fmt: skip
    inputs = rows.drawings(data.inputs) if rows else np.asarray(data.inputs)
    counts = np.bincount(data.labels, minlength=2).tolist()
    for label, found in zip(learner.classes, counts, strict=True):
        if found < 2:
            raise DataError(f"{path}: got {found} samples of {label}, wanted 2 or more; the "
                            "classes of both seats need the same names")  # fmt: skip
    own = {one.tobytes() for one in learner.data.inputs}
    if all(one.tobytes() in own for one in inputs):
        raise DataError(f"{path}: has the learner's own samples, wanted those of another seat")
    asked, kept = _divided(data.labels, data.splits == "test")
    known = data.inputs if rows else np.zeros(0, np.int64)
    return Partner(name, SEAT, _of_rows(inputs, data.labels, asked),
                   _of_rows(inputs, data.labels, kept), int((known >= UNKNOWN).sum()),
                   int((known == UNKNOWN).sum()))  # fmt: skip


def _divided(labels: Labels, is_test: Array) -> tuple[list[int], list[int]]:
    """The rows that are asked about, and those that are kept."""
    asked, kept = list[int](), list[int]()
    for label in (0, 1):
        tests = np.flatnonzero((labels == label) & is_test).tolist()
        others = np.flatnonzero((labels == label) & ~is_test).tolist()
        count = min(MOST, len(tests) if tests and others else (len(tests) + len(others) + 1) // 2)
        asked += (tests + others)[:count]
        kept += (tests + others)[count : count + MOST]
    return asked, kept


def _of_rows(inputs: Array, labels: Labels, rows: Sequence[int]) -> LabelledDrawings:
    return LabelledDrawings(inputs[list(rows)], labels[list(rows)])


def generated_partner(learner: Learner) -> Partner:
    """A partner for a learner without one."""
    names = [one.casefold() for one in learner.classes]
    preprocessor = learner.data.preprocessor
    has_letters = set(names) == {"x", "o"} and not learner.rows
    if has_letters and isinstance(preprocessor, ImagePreprocessor):
        return _letters(learner, preprocessor, names.index("x"))
    return _moved(learner)


def _letters(learner: Learner, preprocessor: ImagePreprocessor, x_label: int) -> Partner:
    """Drawings of X and O on white paper, some of them turned and bold, as files are prepared. Of
    the tricky ones that are asked about, as many as possible are named wrong by the small net."""

    def made(count: int, variation: XOVariation, first: int) -> LabelledDrawings:
        found = make_xo(count, _LARGE, _SEED, variation, first)
        pictures = [(WHITE - one)[0][..., None] for one in found.inputs]
        inputs = np.stack([preprocessor.transform(one) for one in pictures])
        return LabelledDrawings(inputs, found.labels if x_label == 0 else 1 - found.labels)

    many = made(_POOL, _TRICKY, 0)
    is_right = learner.small.logits(many.inputs).argmax(axis=1) == many.labels
    rows = _wrong_first(many.labels, is_right)
    return Partner("", LETTERS,
                   _together(made(_USUALS, _USUAL, 0), _of_rows(*many, rows)),
                   _together(made(_USUALS, _USUAL, _USUALS), made(_TRICKIES, _TRICKY, _POOL)),
                   chosen_wrong=int((~is_right[rows]).sum()))  # fmt: skip


def _wrong_first(labels: Labels, is_right: Bool) -> list[int]:
    """The rows of the tricky drawings that are asked about, as many of each class: those that are
    named wrong, then others."""
    ordered = [sorted(np.flatnonzero(labels == one).tolist(), key=lambda row: bool(is_right[row]))
               for one in (0, 1)]  # fmt: skip
    return sorted(row for one in ordered for row in one[: _TRICKIES // 2])


def _together(*parts: LabelledDrawings) -> LabelledDrawings:
    inputs, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return LabelledDrawings(inputs, labels)


def _moved(learner: Learner) -> Partner:
    """The learner's own drawings, each moved by a pixel or two. Sounds and texts move along the
    columns only: their rows are frequency bands or words."""
    far_down = 0 if learner.rows or not isinstance(
        learner.data.preprocessor, ImagePreprocessor) else _FAR  # fmt: skip
    moves = [(down, right) for down in range(-far_down, far_down + 1)
             for right in range(-_FAR, _FAR + 1) if (down, right) != (0, 0)]  # fmt: skip
    draw = Draw("partner", _SEED)
    chosen = [one for label in (0, 1)
              for one in [at for at in learner.drawings if at.label == label][:MOST]]  # fmt: skip
    asked, kept = (_each_moved(chosen, moves, draw) for _ in range(2))
    return Partner("", MOVED, asked, kept)


def _each_moved(
    drawings: Sequence[LearnerDrawing], moves: Sequence[tuple[int, int]], draw: Draw
) -> LabelledDrawings:
    moved = [shifted_drawing(one, *moves[draw.index(len(moves))]) for one in drawings]
    labels = np.array([one.label for one in moved], np.int64)
    return LabelledDrawings(np.stack([one.pixels for one in moved]), labels)
