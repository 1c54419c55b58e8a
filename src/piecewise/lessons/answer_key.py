"""The key of the checks: for every seat and check the question, its answer and the wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .learner import Learner
from .lesson_file import LessonPage
from .question_pools import POOLS
from .questions import Draw, draw_question


class KeyRow(NamedTuple):
    """A row of the key; without a question if none can be asked."""

    seat: str
    lesson: str
    check: str
    question: str
    answer: str
    wrong_answers: str


def seat_draw(learner: Learner, lesson: str, check: str, seed: int) -> Draw:
    """The random numbers of a check: the same for the same small net and seed, anywhere."""
    return Draw(lesson, check, learner.small.parameters_sha256, seed)


def answer_key(
    pages: Sequence[LessonPage], seat: str, learner: Learner, seed: int
) -> Iterator[KeyRow]:
    """The rows of one seat, which is called so in the key."""
    for page in pages:
        name = page.head.get("lesson", page.file)
        for block in page.of_kind("check"):
            check = block.attributes.get("generator", "")
            pool = list(POOLS[check](learner))
            drawn = draw_question(pool, seat_draw(learner, name, check, seed))
            if drawn is None:
                yield KeyRow(seat, name, check, "", "", "")
                continue
            wrong = "; ".join(f"{number:.6g}: {hint}" for number, hint in drawn.wrong.items())
            yield KeyRow(seat, name, check, drawn.text, f"{drawn.answer:.6g}", wrong)
