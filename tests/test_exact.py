"""Exact values as fractions, compared with integer arithmetic on the deck's network."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import LimitError
from piecewise.data.xo import DECK_X, FEATURES
from piecewise.lessons.deck_facts import DECK_NET

Plane = list[list[Fraction]]


@pytest.fixture(scope="module")
def deck() -> pw.Network:
    """The deck's network. The deck gives no voting weights, so they are random float32 values."""
    net = pw.Network(DECK_NET, (1, 9, 9), ["X", "O"])
    net.parameters["conv1.weight"] = np.stack(list(FEATURES.values()))[:, None]
    weights = np.random.default_rng(0).integers(-64, 64, (2, 12))
    net.parameters["full1.weight"] = weights / 32
    return net


def match(picture: np.ndarray, kernel: np.ndarray) -> Plane:
    """The deck's four steps of matching, with integers up to the division."""
    side = len(picture) - 2
    return [
        [
            Fraction(
                sum(
                    int(picture[y + dy, x + dx]) * int(kernel[dy, dx])
                    for dy, dx in product(range(3), range(3))
                ),
                9,
            )
            for x in range(side)
        ]
        for y in range(side)
    ]


def pool(plane: Plane) -> Plane:
    steps = range(0, len(plane), 2)
    return [
        [max(cell for row in plane[y : y + 2] for cell in row[x : x + 2]) for x in steps]
        for y in steps
    ]


def test_exact_deck_net_matches_fractions(deck: pw.Network) -> None:
    walk = deck.walk(DECK_X[None].astype(np.float32))
    values = []
    for feature, kernel in enumerate(FEATURES.values()):
        plane = match(DECK_X, kernel)
        for name in ("conv1", "relu1", "pool1", "pool2"):
            if name == "relu1":
                plane = [[max(cell, Fraction(0)) for cell in row] for row in plane]
            plane = pool(plane) if name.startswith("pool") else plane
            for (y, row), x in product(enumerate(plane), range(len(plane))):
                assert walk.exact(name, feature, y, x) == row[x], (name, feature, y, x)
                assert walk.why(name, feature, y, x).value == float(np.float32(float(row[x])))
        values += [cell for row in plane for cell in row]
    for label in range(2):
        weights = deck.parameters["full1.weight"][label].tolist()
        total = sum(Fraction(w) * v for w, v in zip(weights, values, strict=True))
        assert walk.exact("full1", label) == total
        assert abs(walk.logits[label] - float(total)) < 1e-6


def test_exact_small_net_has_no_rounding() -> None:
    net = pw.Network("conv 1 1, full", (1, 1, 1), 2)
    net.parameters["conv1.weight"] = np.full((1, 1, 1, 1), 0.1)
    net.parameters["conv1.bias"] = np.array([1e-9])
    net.parameters["full1.weight"] = np.array([[3.0], [0.0]])
    walk = net.walk(np.full((1, 1, 1), 0.3, np.float32))
    tenth, small, third = (Fraction(float(np.float32(value))) for value in (0.1, 1e-9, 0.3))
    assert walk.exact("full1", 0) == 3 * (tenth * third + small)
    assert walk.exact("input", 0) == third
    assert Fraction(walk.why("full1", 0).value) != walk.exact("full1", 0)


def test_exact_text_net_matches_fractions() -> None:
    net = pw.Network("embed 2, conv 1 1x2, pool all, full", (1, 5, 4), 2, seed=1)
    walk = net.walk(np.array([3, 1, 0, 2]))
    assert abs(float(walk.exact("full1", 1)) - float(walk.logits[1])) < 1e-6


def test_exact_norm_raises() -> None:
    walk = pw.Network("norm, full", (1, 2, 2), 2).walk(np.ones((1, 2, 2), np.float32))
    with pytest.raises(LimitError, match="a square root, which is not a rational number"):
        walk.exact("full1", 0)
    assert walk.exact("input", 0, 1, 1) == 1


def test_exact_too_many_terms_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piecewise.trace.exact.MAX_TERMS", 100)
    walk = pw.Network("conv 4 3, full", (1, 9, 9), 2).walk(np.ones((1, 9, 9), np.float32))
    assert walk.exact("conv1", 0, 0, 0) == walk.exact("conv1", 0, 1, 1)
    with pytest.raises(LimitError, match="more than 100 terms, too many to add as fractions"):
        walk.exact("full1", 0)
