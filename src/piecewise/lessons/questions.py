"""Questions of the checks of a lesson: drawn from a pool, with a key.

A pool lists all places that can be asked about. A question can be asked if its answer, computed in
two ways, is the same, and if every wrong answer differs from it by more than twice the tolerance.
First an answer is drawn, then a place that has it, so that the answers are evenly spread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.rng import Key, derive_key, random_words

_ROUND = 6
"""Decimals to which answers are grouped."""


@dataclass(frozen=True)
class CheckQuestion:
    """A question with a number as its answer."""

    text: str
    answer: float
    """The number, from the walk."""
    again: float
    """The same number from another computation."""
    wrong: dict[float, str] = field(default_factory=dict)
    """Hints by wrong answer: what went wrong."""
    tolerance: float = 1e-6
    """How far a typed answer may be off."""
    work: str = ""
    """How the answer is calculated."""
    drawing: int | None = None
    """The index of the drawing that it is about, where the drawing has to be seen."""

    @property
    def agrees(self) -> bool:
        """Whether both computations give the same answer."""
        return abs(self.answer - self.again) <= self.tolerance

    @property
    def is_posed(self) -> bool:
        """Whether every wrong answer differs enough from the right one."""
        return bool(self.wrong) and all(
            abs(wrong - self.answer) > 2 * self.tolerance for wrong in self.wrong
        )

    @property
    def can_be_asked(self) -> bool:
        """Whether it is posed, and its two computations agree."""
        return self.is_posed and self.agrees

    def is_right(self, typed: float) -> bool:
        """Whether a typed answer is accepted."""
        return self._is_near(typed, self.answer)

    def hint(self, typed: float) -> str:
        """What went wrong if a known wrong answer is typed; empty for others."""
        near = (hint for wrong, hint in self.wrong.items() if self._is_near(typed, wrong))
        return next(near, "")

    def _is_near(self, typed: float, number: float) -> bool:
        return abs(typed - number) <= self.tolerance + 1e-12


class Draw:
    """Random numbers of a seed: the same on every computer."""

    def __init__(self, *seed: str | int) -> None:
        digest = hashlib.sha256("\n".join(map(str, seed)).encode()).digest()
        self._key: Key = derive_key(int.from_bytes(digest[:8], "big"))
        self._drawn = 0

    def index(self, count: int) -> int:
        """A number from 0 to ``count - 1``."""
        self._drawn += 2
        return int(random_words(self._key, 2, self._drawn)[0]) % count


def numbered_question(
    pool: Sequence[CheckQuestion], draw: Draw, number: int
) -> CheckQuestion | None:
    """The question of this number, from 0: each is another one than the question before it."""
    found = draw_question(pool, draw)
    for _ in range(number):
        others = [one for one in pool if found is None or one.text != found.text]
        found = draw_question(others, draw) or found
    return found


def draw_question(pool: Sequence[CheckQuestion], draw: Draw) -> CheckQuestion | None:
    """One question of a pool; None if none can be asked."""
    askable = [one for one in pool if one.can_be_asked]
    if not askable:
        return None
    answers = sorted({round(one.answer, _ROUND) for one in askable})
    answer = answers[draw.index(len(answers))]
    having = [one for one in askable if round(one.answer, _ROUND) == answer]
    return having[draw.index(len(having))]
