"""Lessons: numbers of prose, formats, and the table of quantities."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from piecewise import Network
from piecewise.core.errors import PiecewiseError
from piecewise.lessons import net_quantities
from piecewise.lessons.deck_quantities import Deck
from piecewise.lessons.formats import printed
from piecewise.lessons.learner import Learner, generated_learner
from piecewise.lessons.number_words import numbers_in, plain
from piecewise.lessons.page_values import PageValues
from piecewise.lessons.quantities import CALLS, Context
from piecewise.lessons.references import LessonError, read_reference
from piecewise.trace.arithmetic import Position

from .lesson_pages import PAGE, faults_of


@pytest.fixture(scope="module")
def learner() -> Learner:
    return generated_learner()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a 3x3 kernel, 81 pixels and conv1", ["3x3", "81"]),
        ("one of twelve, minus five ninths", ["twelve", "minus five ninths"]),
        ("0.5, -2 and 5/9, 90 %.", ["0.5", "-2", "5/9", "90 %"]),
        ("the first map, M1, often", []),
        ("twenty-one", ["twenty-one"]),
    ],
)
def test_numbers_in_prose(text: str, numbers: list[str]) -> None:
    assert list(numbers_in(text)) == numbers


def test_numbers_in_words_become_digits() -> None:
    words = (
        "seven ninths",
        "minus five ninths",
        "twenty-one",
        "thirteen",
        "half",
        "\N{MINUS SIGN}2",
    )
    assert [plain(word) for word in words] == ["7/9", "-5/9", "21", "13", "1/2", "-2"]


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (7 / 9, "cut 2", "0.77"), (-7 / 9, "cut 2", "-0.77"), (7 / 9, "2", "0.78"),
        (-0.001, "2", "0.00"), (5 / 9, "ninths", "5/9"), (0.734, "percent", "73 %"),
        (1.0, "cut 2", "1.00"), (13, "", "13"), ("X", "", "X"), (0.125, "2", "0.12"),
        (0.25, "exact", "0.25"),
    ],
)  # fmt: skip
def test_formats(value: float | str, form: str, text: str) -> None:
    assert printed(value, form) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..b", "a(", "a()", "a(1", "a(1,)", "a b", "A", "__class__", "a(b(1))", "a[0]",
     "a+b", "a.b" + ".c" * 8, "a" * 300, "a(1, 2, 3, 4, 5, 6, 7)", "a |", 'a("b)'],
)  # fmt: skip
def test_references_with_another_form_are_refused(text: str) -> None:
    with pytest.raises(LessonError):
        read_reference(text)


def test_every_quantity_refuses_wild_arguments_with_a_sentence(learner: Learner) -> None:
    drawing = learner.drawing(1, 1)
    walk = learner.small.walk(drawing.pixels)
    cell, context = Position("conv1", 0, 0, 0), Context(learner, Deck())
    owners = {"": context, "deck": context.deck, "net": learner.small, "drawing": drawing,
              "walk": walk, "cell": cell, "why": walk.why(*cell),
              "ledger": walk.ledger(0), "swap": context.swap,
              "descent": CALLS["", "descent"].compute(context),
              "trial": CALLS["", "trial"].compute(context, "table"),
              "samples": CALLS["", "texts"].compute(context)}  # fmt: skip
    flat = Network("full", (1, 9, 9), ("X", "O"))
    wild = {"whole": (0, -1, 999_999_999), "number": (-1e9,), "drawing": (drawing,),
            "name": ("", "conv1", "input", "conv 99999 9, full"), "walk": (walk,),
            "cell": (cell, Position("pool2", 0, 6, 0)),
            "net": (flat, learner.net)}  # fmt: skip
    with pytest.raises(LessonError, match="conv1"):
        CALLS["net", "kernel"].compute(flat, 1, 1, 1)
    for (owner, name), quantity in CALLS.items():
        for arguments in product(*(wild[kind] for kind in quantity.parameters)):
            try:
                value = quantity.compute(owners[owner], *arguments)
            except PiecewiseError:
                continue
            plausible = {"whole": int, "number": float | Fraction, "name": str, "plane": np.ndarray}
            if quantity.result in plausible:
                assert isinstance(value, plausible[quantity.result]), name


@pytest.mark.parametrize("path", ["seen.probability(0)", "seen.ledger(0).total", "class(0)"])
def test_nothing_is_counted_from_zero(path: str, learner: Learner) -> None:
    text = PAGE.replace("seen.value(cell) | 2", f"{path} | 2" if "class" not in path else path)
    assert any("got 0, wanted a number from 1" in fault for fault in faults_of(text, learner))


def test_scores_give_odds_and_probabilities_give_losses(learner: Learner) -> None:
    assert net_quantities.odds(2) == pytest.approx(7.389056)
    assert net_quantities.sigmoid(2) == pytest.approx(0.880797)
    assert net_quantities.log_loss(0.5) == pytest.approx(0.693147)
    with pytest.raises(LessonError, match="got 0, wanted a number above 0"):
        net_quantities.log_loss(0)
    walk, other = (learner.small.walk(learner.drawing(one, 1).pixels) for one in (1, 2))
    assert net_quantities.change(walk, walk, "pool1") == 0
    assert 0 < net_quantities.change(walk, other, "pool1") < 1


def test_later_layers_of_the_small_net_see_three_four_and_six_rows(learner: Learner) -> None:
    layers = ("conv1", "relu1", "pool1", "pool2")
    assert [net_quantities.field_rows(learner.small, one) for one in layers] == [3, 3, 4, 6]


def test_slips_are_filled_with_the_true_value(learner: Learner) -> None:
    values = PageValues(Context(learner, Deck()))
    text = "It prints 0.49{slip: error(0, 0.51) | 2}."
    assert values.filled_text(text) == "It prints 0.49 (it is 0.51)."
