"""Lessons: questions of checks with their key."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from piecewise.data.xo import FEATURES
from piecewise.lessons import question_pools
from piecewise.lessons.learner import Learner, generated_learner
from piecewise.lessons.question_pools import POOLS
from piecewise.lessons.questions import CheckQuestion, Draw, draw_question

from .lesson_pages import PAGE, faults_of


@pytest.fixture(scope="module")
def learner() -> Learner:
    return generated_learner()


@pytest.mark.parametrize("name", POOLS)
def test_every_pool_can_be_asked_with_a_key_that_was_computed_twice(
    name: str, learner: Learner
) -> None:
    pool = list(POOLS[name](learner))
    assert all(question.agrees for question in pool)
    drawn = [draw_question(pool, Draw(name, seed)) for seed in range(20)]
    assert drawn == [draw_question(pool, Draw(name, seed)) for seed in range(20)]
    for question in drawn:
        assert question
        assert question.is_right(question.answer)
        assert not any(question.is_right(wrong) for wrong in question.wrong)


def test_answers_of_drawn_questions_are_spread() -> None:
    pool = [
        CheckQuestion(f"{number}", number // 9, number // 9, {-1: "no"}) for number in range(18)
    ]
    pool += [CheckQuestion("rare", 5, 5, {-1: "no"})]
    drawn = [draw_question(pool, Draw("spread", seed)) for seed in range(60)]
    assert sum(one is not None and one.answer == 5 for one in drawn) > 10


def test_questions_that_look_like_wrong_answers_are_not_asked() -> None:
    assert draw_question([CheckQuestion("?", 1, 1, {1: "the same"})], Draw("a")) is None
    assert draw_question([CheckQuestion("?", 1, 2, {3: "no"})], Draw("a")) is None


def test_the_checker_reports_two_computations_that_differ(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_: Learner) -> Iterator[CheckQuestion]:
        yield CheckQuestion("?", 1, 2, {3: "no"})

    def single(_: Learner) -> Iterator[CheckQuestion]:
        yield CheckQuestion("?", 1, 1, {3: "no"})

    monkeypatch.setitem(question_pools.POOLS, "map_rows", wrong)
    monkeypatch.setitem(question_pools.POOLS, "cell_sum", single)
    found = "\n".join(faults_of(PAGE, learner))
    assert "two computations differ: 1 and 2" in found
    assert "no question can be asked" in found
    assert "there is one question for all seeds" in found


def test_agreement_of_a_feature_is_counted_pixel_by_pixel_within_a_minute(
    learner: Learner,
) -> None:
    asked = re.compile(r"The feature (.) lies on rows (\d) to (\d), columns (\d) to (\d) of this "
                       r"(.), drawing (\d+)\. How many of its 9 pixels agree\?")  # fmt: skip
    pool = list(POOLS["patch_agreement"](learner))
    assert len({one.answer for one in pool if one.can_be_asked}) > 5
    for one in pool:
        assert one.drawing is not None
        drawing = learner.drawings[one.drawing]
        found = asked.fullmatch(one.text)
        assert found is not None
        name, top, bottom, left, right, label, number = found.groups()
        patch = drawing.pixels[0, int(top) - 1 : int(bottom), int(left) - 1 : int(right)] >= 128
        assert one.answer == (patch == (FEATURES[name] > 0)).sum()
        assert patch.sum() >= 2
        assert (label, number) == (learner.classes[drawing.label], str(one.drawing + 1))
