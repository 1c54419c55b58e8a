"""Lessons: the other order of columns, and the computed samples that are tried with both orders."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from piecewise.lessons import order_trial
from piecewise.lessons.catalog import lesson
from piecewise.lessons.checker import number_faults
from piecewise.lessons.column_order import SOUNDS, TEXTS, learner_of, new_order, right_answers
from piecewise.lessons.computed_samples import EACH, sentences, tones
from piecewise.lessons.deck_quantities import Deck
from piecewise.lessons.learner import generated_learner
from piecewise.lessons.lesson_file import parse_lesson
from piecewise.lessons.order_trial import SAMPLES, TRIALS, begin_trials, computed_trial
from piecewise.lessons.quantities import Context

from .lesson_pages import PAGE


@pytest.mark.parametrize("columns", [9, 12])
def test_columns_that_were_neighbors_are_too_far_apart_for_a_kernel(columns: int) -> None:
    order = new_order(columns)
    assert sorted(order) == list(range(columns))
    places = [order.index(column) for column in range(columns)]
    assert all(abs(one - other) >= 3 for one, other in pairwise(places))
    assert all(abs(one - other) >= 3 for one, other in pairwise(order))  # nor the reverse


def test_sentences_of_both_classes_have_the_same_words() -> None:
    named = dict(sentences(SAMPLES // 2))
    words = {label: {word for text in texts for word in text.split()}
             for label, texts in named.items()}  # fmt: skip
    assert words["question"] == words["statement"]
    for label, pair in (("question", "can you"), ("statement", "you can")):
        assert len(set(named[label])) == SAMPLES // 2
        assert all(pair in text for text in named[label])


def test_tones_of_both_classes_are_loud_all_the_time() -> None:
    for _, files in tones(4):
        for content in files:
            samples = np.frombuffer(content[44:], "<i2").reshape(20, -1)
            assert (np.abs(samples).max(axis=1) > 6_000).all()


@pytest.mark.parametrize("kind", [SOUNDS, TEXTS])
def test_order_decides_for_computed_sounds_and_texts(kind: str) -> None:
    learner = learner_of(generated_learner(), kind)
    count = len(learner.drawings)
    in_order = right_answers(learner, is_shuffled=False)
    shuffled = right_answers(learner, is_shuffled=True)
    assert in_order > 0.9 * count
    assert shuffled < 0.7 * count
    trial = computed_trial(kind)
    assert (trial.verdict, trial.n) == ("columns matter", SAMPLES)
    assert trial.interval[0] > 0.1


def test_trials_of_the_lesson_are_made_once_and_in_the_background() -> None:
    begin_trials().join()
    made = order_trial._trial.cache_info()
    shown = {piece.reference.path.split(".")[0] for block in lesson("beyond").blocks
             for piece in block.pieces if piece.reference}  # fmt: skip
    assert {one for one in shown if one.startswith("trial")} == {
        f'trial("{name}")' for name in order_trial.SHOWN
    }
    assert all(computed_trial(name).rounds == 5 for name in order_trial.SHOWN)
    assert order_trial._trial.cache_info().misses == made.misses


def test_order_of_a_table_carries_nothing() -> None:
    assert computed_trial("table").verdict == "no difference"


def test_trials_can_be_named_in_a_lesson() -> None:
    trial = computed_trial("table")
    right = f'{trial.rounds}{{= trial("table").rounds }}'
    context = Context(generated_learner(), Deck())
    for text, faults in ((right, []), (right.replace("table", "chair"), ["trial: got 'chair'"])):
        page = parse_lesson(PAGE.replace("Work it out.", text), "a.md")
        found = [one.sentence for one in number_faults(page, context)]
        assert [any(message in one for one in found) for message in faults] == [True] * len(faults)
        assert faults or not found
    assert set(TRIALS) >= {"table", "tricky", SOUNDS, TEXTS}
    assert EACH < SAMPLES
