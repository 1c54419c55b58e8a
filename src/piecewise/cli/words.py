"""Scores and answers in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..learning.scores import Scores

MOST_CLASSES_SHOWN = 12


def score_lines(scores: Scores) -> Iterator[str]:
    """Scores as lines: the accuracy, then right classes (rows) against answers (columns)."""
    right = int(scores.confusion.trace())
    yield f"{100 * scores.accuracy:.2f} % right: {right:,} of {scores.n:,}"
    if len(scores.classes) <= MOST_CLASSES_SHOWN:
        yield ""
        yield from _confusion_lines(scores)


def _confusion_lines(scores: Scores) -> Iterator[str]:
    names = [name[:12] for name in scores.classes]
    first = max(len("right class"), *(len(name) for name in names))
    widths = [max(5, len(name)) for name in names]
    answers = "  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))
    yield f"{'right class'.ljust(first)}  {answers}   found"
    for name, row, recall in zip(names, scores.confusion, scores.recall, strict=True):
        counts = "  ".join(
            f"{count or '.'}".rjust(width) for count, width in zip(row, widths, strict=True)
        )
        yield f"{name.ljust(first)}  {counts}  {100 * recall:5.1f} %"
