"""The tour's numbers against the deck's, and its pages against a terminal's width."""

from __future__ import annotations

import contextlib
import io
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from piecewise.cli.main import status
from piecewise.reference import pooling
from piecewise.reference.batch_context import INFERENCE
from piecewise.spec.layers import Pool
from piecewise.tour.chapters import CHAPTERS
from piecewise.tour.drawing import ninths, truncated

FEATURES = ("\\", "x", "/")

# The maps in ninths. The third is the first one's mirror image.
MAP_BACKSLASH = [
    [7, -1, 1, 3, 5, -1, 3],
    [-1, 9, -1, 3, -1, 1, -1],
    [1, -1, 9, -3, 1, -1, 5],
    [3, 3, -3, 5, -3, 3, 3],
    [5, -1, 1, -3, 9, -1, 1],
    [-1, 1, -1, 3, -1, 9, -1],
    [3, -1, 5, 3, 1, -1, 7],
]
MAP_CROSS = [
    [3, -5, 1, -1, 1, -5, 3],
    [-5, 5, -5, 3, -5, 5, -5],
    [1, -5, 5, -7, 5, -5, 1],
    [-1, 3, -7, 9, -7, 3, -1],
    [1, -5, 5, -7, 5, -5, 1],
    [-5, 5, -5, 3, -5, 5, -5],
    [3, -5, 1, -1, 1, -5, 3],
]
MAPS = {"\\": MAP_BACKSLASH, "x": MAP_CROSS, "/": [row[::-1] for row in MAP_BACKSLASH]}

POOLED = {  # as the slides print them
    "\\": "1.00 .33 .55 .33 / .33 1.00 .33 .55 / .55 .33 1.00 .11 / .33 .55 .11 .77",
    "x": ".55 .33 .55 .33 / .33 1.00 .55 .11 / .55 .55 .55 .11 / .33 .11 .11 .33",
    "/": ".33 .55 1.00 .77 / .55 .55 1.00 .33 / 1.00 1.00 .11 .55 / .77 .33 .55 .33",
}
POOLED_TWICE = {
    "\\": "1.00 .55 / .55 1.00",
    "x": "1.00 .55 / .55 .55",
    "/": ".55 1.00 / 1.00 .55",
}


@pytest.fixture(scope="module")
def facts() -> Any:
    """What `piecewise tour --json` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert status(["tour", "--json"]) == 0
    return json.loads(printed.getvalue())


def exact(text: str) -> list[list[float]]:
    """A slide's pooled map as the ninths it was cut from."""
    ninth = {truncated(n / 9): Fraction(n, 9) for n in range(10)}
    return [[float(ninth[word]) for word in row.split()] for row in text.split("/")]


def test_literal_comparison_finds_5_of_13(facts: Any) -> None:
    assert facts["literal"]["shared_ink"] == 5
    assert facts["literal"]["ink"] == 13
    assert facts["best_match"]["tricky X"] == pytest.approx({"\\": 7 / 9, "x": 1.0, "/": 7 / 9})


def test_all_147_map_values_match_deck(facts: Any) -> None:
    assert list(facts["maps"]) == list(FEATURES)
    for name in FEATURES:
        wanted = [[float(Fraction(value, 9)) for value in row] for row in MAPS[name]]
        assert np.abs(np.array(facts["maps"][name]) - wanted).max() < 1e-12, name


def test_all_48_pooled_values_match_deck(facts: Any) -> None:
    for name in FEATURES:
        found = np.array(facts["pooled"][name])
        assert found.shape == (4, 4)
        assert np.abs(found - exact(POOLED[name])).max() < 1e-12, name


def test_all_12_values_pooled_twice_match_deck(facts: Any) -> None:
    for name in FEATURES:
        found = np.array(facts["pooled_twice"][name])
        assert found.shape == (2, 2)
        assert np.abs(found - exact(POOLED_TWICE[name])).max() < 1e-12, name


def test_relu_changes_only_negative_values(facts: Any) -> None:
    for name in FEATURES:
        before, after = np.array(facts["maps"][name]), np.array(facts["relu"][name])
        assert (before < 0).sum() > 10
        assert (after == np.where(before < 0, 0, before)).all()


def test_relu_and_pooling_commute(facts: Any) -> None:
    for name in FEATURES:
        pooled, _ = pooling.forward(Pool((2, 2)), np.array([[facts["maps"][name]]]), {}, INFERENCE)
        assert (np.maximum(pooled, 0)[0, 0] == facts["pooled"][name]).all()


def test_errors_are_correct_and_slips_are_listed(facts: Any) -> None:
    assert facts["errors"] == pytest.approx({"X": 0.08, "O": 0.51, "total": 0.59}, abs=1e-12)
    assert facts["errors_on_the_slide"] == {"X": 0.08, "O": 0.49, "total": 0.57}


def test_nudging_and_backpropagation_agree(facts: Any) -> None:
    assert 0 < facts["gradient_check"]["largest_difference"] < 1e-6
    assert facts["gradient_check"]["parameters"] == 53
    first, *_, last = facts["descent"]
    assert last["backpropagation"] < first["backpropagation"] - 0.05
    for row in facts["descent"]:
        assert row["nudging"] == pytest.approx(row["backpropagation"], rel=1e-6)


def test_votes_sum_to_answers(facts: Any) -> None:
    assert sum(facts["votes"]["X"]) == pytest.approx(1)
    assert sum(facts["votes"]["O"]) == pytest.approx(0, abs=1e-12)
    assert facts["answers"]["O"] == pytest.approx({"X": 0, "O": 1}, abs=1e-12)
    assert facts["answers"]["tricky X"]["X"] > 0.7
    assert facts["answers"]["tricky X"]["O"] < 0.2


@pytest.mark.parametrize(
    ("value", "written"),
    [(7 / 9, ".77"), (5 / 9, ".55"), (1, "1.00"), (-1 / 9, "-.11"), (0, ".00"), (-7 / 9, "-.77")],
)
def test_truncated_cuts_decimals_as_slides(value: float, written: str) -> None:
    assert truncated(value) == written


def test_ninths_writes_fractions() -> None:
    assert ninths(7 / 9) == "7/9"
    assert ninths(1.0) == "9/9"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=[chapter.name for chapter in CHAPTERS])
def test_chapter_plain_text_fits_80_columns(
    chapter: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["tour", "--plain", "--chapter", chapter.name]) == 0
    page = capsys.readouterr().out
    assert chapter.title in page
    assert len(page.splitlines()) > 8
    assert max(len(line) for line in page.splitlines()) <= 80
    assert "\x1b" not in page
    assert "…" not in page
    assert page.isascii()


def test_chapter_by_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["tour", "--plain", "--chapter", "9"]) == 0
    page = capsys.readouterr().out
    assert "total                     0.59                 0.57" in page
    assert "The slide has a slip" in page


def test_unknown_chapter_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["tour", "--chapter", "13"]) == 2
    assert "'13' is not one of 'literal'" in capsys.readouterr().err


def test_narrow_terminal_stacks_blocks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "42")
    for chapter in ("literal", "maps", "pooling", "relu"):
        assert status(["tour", "--chapter", chapter]) == 0
        page = capsys.readouterr().out.splitlines()[1:]  # without the rule above
        assert max(len(line) for line in page) <= 42
        assert not any("…" in line for line in page), chapter
