"""Lessons: faults that are planted by a seed in the lessons and in the deck are each reported."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from piecewise.core.rng import NOISE, derive_key, permutation
from piecewise.lessons.catalog import lesson_files
from piecewise.lessons.checker import number_faults
from piecewise.lessons.deck_quantities import Deck
from piecewise.lessons.learner import Learner, generated_learner
from piecewise.lessons.lesson_file import Fault, LessonPage, parse_lesson
from piecewise.lessons.quantities import Context

from .lesson_faults import KINDS, Change, changed, stale_claims
from .test_lessons import DECK

Planted = tuple[Path, Change]
"""A lesson, and a change of it."""
EACH = 8
"""Faults of a kind that are planted."""


@cache
def learner(seed: int) -> Learner:
    return generated_learner(seed)


FACTS = Deck().facts


def faults_of(page: LessonPage) -> list[Fault]:
    return [*page.faults, *number_faults(page, Context(learner(0), Deck(FACTS)))]


def chosen(changes: Sequence[Planted], seed: int) -> list[Planted]:
    """Some of the changes, by the seed."""
    order = permutation(derive_key(seed, NOISE), len(changes))
    return [changes[at] for at in order[:EACH].tolist()]


def check(changes: Sequence[Planted]) -> None:
    """Each change is reported, at its line or at the beginning of its table."""
    assert changes
    for file, change in changes:
        text = file.read_text()
        known = {str(one) for one in faults_of(parse_lesson(text, "a.md"))}
        lines = {one.line for one in faults_of(changed(text, change)) if str(one) not in known}
        table = [at for at, line in enumerate(text.split("\n")[: change[0]], 1) if "```{=" in line]
        assert lines & {change[0] + 1, *table[-1:]}, (file.name, change, lines)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_planted_fault_is_reported_at_its_line(kind: str, seed: int) -> None:
    changes: list[Planted] = []
    for file in [*lesson_files(), DECK]:
        text = file.read_text()
        wrong = {one.line for one in faults_of(parse_lesson(text, "a.md"))}  # those of the deck
        found = KINDS[kind](text.split("\n"))
        changes += [(file, change) for change in found if change[0] + 1 not in wrong]
    check(chosen(changes, seed))


def test_claim_of_another_learner_is_reported_as_stale() -> None:
    changes = []
    for file in lesson_files():
        text = file.read_text()
        page = parse_lesson(text, "a.md")
        changes += [(file, one) for one in
                    stale_claims(page, text.split("\n"), learner(1), learner(0))]  # fmt: skip
    for seed in range(2):
        check(chosen(changes, seed))
