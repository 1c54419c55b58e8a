"""Questions about the order of columns, and about words under a kernel."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise, permutations, product

from ..spec.architecture import Architecture
from . import net_quantities as nets
from .learner import Learner
from .question_parts import EXACT, Pool
from .questions import CheckQuestion

_DIFFERENCES = tuple(map(Decimal, ("-0.02", "0.01", "0.03", "0.05", "0.08", "0.12")))
_HALF_WIDTHS = tuple(map(Decimal, ("0.02", "0.04", "0.07")))
_SETS = 4
"""Data sets of a question about intervals."""


def deciding_intervals(_: Learner) -> Pool:
    """How many differences with intervals say that the order of the columns matters."""
    found = list(product(_DIFFERENCES, _HALF_WIDTHS))
    for start, step in product(range(len(found)), (5, 7, 11)):
        some = [found[(start + step * at) % len(found)] for at in range(_SETS)]
        lows = [difference - half for difference, half in some]
        listed = [f"{difference} ({difference - half} to {difference + half})"
                  for difference, half in some]  # fmt: skip
        deciding = sum(low > 0 for low in lows)
        positive = sum(difference > 0 for difference, _ in some)
        yield CheckQuestion(
            f"The differences of {_SETS} data sets, with their intervals, are {'; '.join(listed)}. "
            "For how many of them may you say that the order of the columns matters?",
            deciding,
            sum(abs(difference) > half and difference > 0 for difference, half in some),
            {positive: "an interval that holds 0 decides nothing",
             _SETS - deciding: "these are the ones that leave it open"},
            EXACT,
            f"The intervals begin at {', '.join(map(str, lows))}: {deciding} of them above 0.",
        )  # fmt: skip


def neighbors_kept(_: Learner) -> Pool:
    """Neighbouring columns after a shuffle."""
    for order in list(permutations(range(1, 6)))[3::5]:
        pairs = sum(abs(a - b) == 1 for a, b in pairwise(order))
        place = {column: at for at, column in enumerate(order)}
        again = sum(abs(place[column] - place[column + 1]) == 1 for column in range(1, 5))
        still = sum(column == at for at, column in enumerate(order, 1))
        yield CheckQuestion(
            f"The columns 1 2 3 4 5 now stand in the order {' '.join(map(str, order))}. How many "
            "pairs of neighbors are still neighbors?",
            pairs,
            again,
            {still: "not the columns that stayed: the pairs", 5: "five columns have four pairs"},
            EXACT,
            f"{', '.join(f'{a} {b}' for a, b in pairwise(order) if abs(a - b) == 1) or 'none'}: "
            f"{pairs}",
        )


def word_positions(_: Learner) -> Pool:
    """The positions of a kernel over words."""
    for words, width in product((6, 8, 12, 20), (2, 3, 4)):
        net = Architecture(f"conv 1 1x{width}, full", (1, 1, words), 2)
        yield CheckQuestion(
            f"A kernel spans {width} words and slides over a message of {words} words. At how many "
            "positions can it stand?",
            nets.window_rows(words, width, 1),
            net.stages[0].output[2],
            {words: "the kernel needs space", words - width: "count the first position, too"},
            EXACT,
            f"{words} - {width} + 1 = {words - width + 1}",
        )
