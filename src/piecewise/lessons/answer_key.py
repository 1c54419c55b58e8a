"""The key of the checks: for every seat and check the question, its answer and the wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from .learner import Learner, generated_learner
from .lesson_file import LessonPage
from .question_pools import POOLS
from .questions import CheckQuestion, Draw, numbered_question


class KeyRow(NamedTuple):
    """A row of the key; without a question if none can be asked."""

    seat: str
    lesson: str
    check: str
    question: str
    answer: str
    wrong_answers: str
    drawings: str
    """Whose drawings the question is about: own, or generated."""


def seat_draw(learner: Learner, lesson: str, check: str, seed: int) -> Draw:
    """The random numbers of a check: the same for the same small net and seed, anywhere."""
    return Draw(lesson, check, learner.small.parameters_sha256, seed)


def asked_question(
    learner: Learner, pool: Sequence[CheckQuestion], lesson: str, check: str, seed: int,
    number: int = 0,
) -> tuple[CheckQuestion | None, bool]:  # fmt: skip
    """The question of this number, from 0, of a pool; and whether it is about generated drawings,
    because none can be asked about the learner's own."""
    found = numbered_question(pool, seat_draw(learner, lesson, check, seed), number)
    if found is not None:
        return found, False
    return numbered_question(_generated_pool(check), Draw(lesson, check, seed), number), True


@cache
def _generated_pool(check: str) -> list[CheckQuestion]:
    return list(POOLS[check](generated_learner()))


def answer_key(
    pages: Sequence[LessonPage], seat: str, learner: Learner, seed: int
) -> Iterator[KeyRow]:
    """The rows of one seat, which is called so in the key."""
    for page in pages:
        name = page.head.get("lesson", page.file)
        for block in page.of_kind("check"):
            check = block.attributes.get("generator", "")
            pool = list(POOLS[check](learner))
            drawn, is_generated = asked_question(learner, pool, name, check, seed)
            drawings = "generated" if is_generated else "own"
            if drawn is None:
                yield KeyRow(seat, name, check, "", "", "", drawings)
                continue
            wrong = "; ".join(f"{number:.6g}: {hint}" for number, hint in drawn.wrong.items())
            yield KeyRow(seat, name, check, drawn.text, f"{drawn.answer:.6g}", wrong, drawings)
