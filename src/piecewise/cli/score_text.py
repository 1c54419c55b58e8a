"""Scores as text: accuracy, confusion matrix, recall and precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import fsum

import numpy as np

from ..network import Network
from ..training.evaluation import TRAINING, UNSEEN, DatasetScores
from ..training.linear_baseline import LinearBaseline
from ..training.metrics import Scores
from .output import WIDTH, counted, printable

SHOWN_OF_NAME = 12
GROUPS_SHOWN = 12
CONFUSIONS_SHOWN = 8
CLASSES_SHOWN = 8
FEW = 30
"""With fewer examples than this, no percentage is printed."""
_ENDS = "  recall   prec."


def headline(scores: Scores, linear: LinearBaseline | None = None) -> Iterator[str]:
    """The accuracy, its confidence interval, and what always answering one class and a linear model
    would reach."""
    right, (low, high) = int(scores.confusion.trace()), scores.interval
    answers = int(scores.confusion.sum())
    times = f", each example {scores.repeats} times" if scores.repeats > 1 else ""
    percentage = "" if scores.n < FEW else f"{100 * scores.accuracy:.2f} % right: "
    yield (
        f"{percentage}{right:,} of {answers:,}{'' if percentage else ' right'}{times} "
        f"(95 % interval {100 * low:.1f} to {100 * high:.1f})"
    )
    most = printable(scores.classes[int(scores.confusion.sum(axis=1).argmax())][:SHOWN_OF_NAME])
    idle = "; this net is no better" if scores.accuracy <= scores.baseline else ""
    yield f"always answering '{most}' would be {100 * scores.baseline:.1f} %{idle}"
    if linear is not None:
        yield f"{linear.model} would be {100 * linear.accuracy:.1f} %"
        if linear.as_good:
            low, high = (100 * value for value in linear.difference_interval)
            yield (
                "the net is not clearly better than that: a ConvNet may not be needed here (95 % "
                f"interval of the difference {low:+.1f} to {high:+.1f})"
            )


def score_lines(
    scores: Scores, width: int = WIDTH, linear: LinearBaseline | None = None
) -> Iterator[str]:
    """Scores as lines: the accuracy; then, for each true label, the counts of the answers, the
    recall and the precision. Counts that do not fit into ``width`` columns are left out; the most
    frequent mistakes are listed instead."""
    yield from headline(scores, linear)
    yield ""
    names = [printable(name[:SHOWN_OF_NAME]) for name in scores.classes]
    first = max(len("true label"), *(len(name) for name in names))
    wanted = widths = [max(5, len(name) + 1) for name in names]
    if first + sum(widths) + len(_ENDS) > width:
        names_shown, widths = [], []
    else:
        names_shown = names
    answers = "".join(f"{name:>{width}}" for name, width in zip(names_shown, widths, strict=True))
    yield f"{'true label':<{first}}{answers}{_ENDS}"
    rows = zip(names, scores.confusion.tolist(), scores.recall, scores.precision, strict=True)
    named = scores.confusion.sum(axis=0) > 0
    for (name, row, recall, precision), met in zip(rows, named.tolist(), strict=True):
        counts = "".join(
            f"{count or '.':>{width}}" for count, width in zip(row, widths, strict=False)
        )
        percentages = f"{_percentage(recall, sum(row) > 0)}{_percentage(precision, met)}"
        yield f"{name:<{first}}{counts}{percentages}"
    yield ""
    if not names_shown:
        yield from _confusions(scores, first + sum(wanted) + len(_ENDS))
    yield f"recall and precision in %; macro-F1 {scores.macro_f1:.4f}"


def _confusions(scores: Scores, columns: int) -> Iterator[str]:
    """The most frequent mistakes, where the confusion matrix does not fit."""
    wrong = scores.confusion.copy()
    np.fill_diagonal(wrong, 0)
    yield f"the confusion matrix needs {columns:,} columns (--json prints it);"
    yield "the most frequent mistakes:"
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS_SHOWN]
    pairs = [divmod(int(at), len(scores.classes)) for at in order if wrong.flat[at]]
    if not pairs:
        yield "  none"
    for label, answer in pairs:
        names = (printable(scores.classes[one][:SHOWN_OF_NAME]) for one in (label, answer))
        yield f"  {wrong[label, answer]:>6,}  {' answered as '.join(names)}"
    yield ""


def notes(net: Network, scores: DatasetScores) -> Iterator[str]:
    """What a score of a data set counts, and what it leaves out."""
    where = "the test split" if scores.split == "test" else "all examples"
    seen, unseen = scores.seen, scores.unseen
    if scores.counted == TRAINING:
        yield (
            f"on {where}: the net was trained on all of them, so this is the training score, which "
            "says little about new data"
        )
    elif scores.counted == UNSEEN and seen is not None:
        yield (
            f"on those of {where} that the net was not trained on; {_brief(seen)} of the "
            f"{counted(seen.n, 'example')} that it was trained on"
        )
    else:
        yield f"on {where}:"
        if seen is not None and unseen is not None:
            yield (
                f"{counted(seen.n, 'of them is', 'of them are')} in the training data, too; "
                f"{_brief(unseen)} of the others"
            )
    if not net.training_digests.is_complete:
        yield "training examples cannot be counted apart: the net was trained on too many"
    if scores.unknown_classes:
        names = ", ".join(printable(name) for name in list(scores.unknown_classes)[:CLASSES_SHOWN])
        more = len(scores.unknown_classes) - CLASSES_SHOWN
        others = f" and {more:,} more" if more > 0 else ""
        left_out = sum(scores.unknown_classes.values())
        yield (
            f"left out: {counted(left_out, 'example')} of classes that the net does not have: "
            f"{names}{others}"
        )


def _brief(scores: Scores) -> str:
    return f"{100 * scores.accuracy:.2f} % right"


def group_lines(groups: Mapping[str, float]) -> Iterator[str]:
    """The accuracy of each group by nets that were not trained on it, the lowest first."""
    if not groups:
        return
    mean = fsum(groups.values()) / len(groups)
    yield (
        f"mean of {len(groups):,} groups, each answered by nets that were not trained on it: "
        f"{100 * mean:.1f} %"
    )
    worst = sorted(groups, key=lambda name: (groups[name], name))[:GROUPS_SHOWN]
    yield ", ".join(f"{printable(name)[:SHOWN_OF_NAME]} {100 * groups[name]:.1f}" for name in worst)
    if len(groups) > GROUPS_SHOWN:
        yield f"(the {GROUPS_SHOWN} lowest)"
    yield ""


def _percentage(fraction: float, known: bool) -> str:
    return f"{100 * fraction:8.1f}" if known else "       -"
