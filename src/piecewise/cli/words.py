"""Scores in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..learning.scores import Scores
from .output import WIDTH, printable

SHOWN_OF_NAME = 12


def score_lines(scores: Scores) -> Iterator[str]:
    """Scores as lines: the accuracy; then, a line a right class, the answers given (where there is
    room) and the share that was found."""
    right = int(scores.confusion.trace())
    yield f"{100 * scores.accuracy:.2f} % right: {right:,} of {scores.n:,}"
    yield ""
    names = [printable(name[:SHOWN_OF_NAME]) for name in scores.classes]
    first = max(len("right class"), *(len(name) for name in names))
    widths = [max(5, len(name) + 1) for name in names]
    if first + sum(widths) + len("    found") > WIDTH:
        names_shown, widths = [], []
    else:
        names_shown = names
    answers = "".join(f"{name:>{width}}" for name, width in zip(names_shown, widths, strict=True))
    yield f"{'right class':<{first}}{answers}    found"
    for name, row, recall in zip(names, scores.confusion.tolist(), scores.recall, strict=True):
        counts = "".join(
            f"{count or '.':>{width}}" for count, width in zip(row, widths, strict=False)
        )
        found = f"{100 * recall:5.1f} %" if sum(row) else "      -"
        yield f"{name:<{first}}{counts}  {found}"
