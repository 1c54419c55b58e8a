"""Scales of numbers: which arrays can be of the one that was learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from piecewise.data import value_range
from piecewise.data.value_range import ValueRange

LEVELS = np.arange(256, dtype=np.uint8)
CASES: list[tuple[Any, Any, str | None]] = [
    (LEVELS / 255, LEVELS, "divide by 255"),
    (LEVELS / 255, LEVELS.astype(float), "divide by 255"),
    (LEVELS, LEVELS / 255, "multiply by 255"),
    (LEVELS + 0.5, LEVELS / 255, "multiply by 255"),
    (np.arange(17.0), np.arange(17) / 16, "multiply by 16"),
    (np.arange(17) / 16, np.arange(17), "divide by 16"),
    (LEVELS / 255, LEVELS / 255 * 1.3, None),  # averaging and sharpening go beyond a little
    (LEVELS, LEVELS // 255, None),  # a dark part of integers
    (LEVELS, LEVELS * 0.0, None),
    (LEVELS / 255, LEVELS / 255 / 100, None),  # a dark part of fractions
    (LEVELS + 0.5, LEVELS / 255 / 10, None),  # perhaps a dark part
    (LEVELS[:99], LEVELS, None),  # dark bytes are bytes
    (LEVELS / 127.5 - 1, LEVELS, "scale them as the training data"),
    (LEVELS / 127.5 - 1, LEVELS / 255, None),
    (LEVELS * 257.0, LEVELS / 255, "scale them as the training data"),
    (LEVELS, LEVELS * 257.0, "scale them as the training data"),
    (LEVELS, -3.0 * LEVELS, "scale them as the training data"),
]


@pytest.mark.parametrize(("learned", "other", "remedy"), CASES)
def test_mismatch_names_both_ranges_and_the_remedy(
    learned: Any, other: Any, remedy: str | None
) -> None:
    found = ValueRange.of(learned).mismatch(ValueRange.of(other))
    if remedy is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith("got numbers from ")
        assert ", wanted the scale of the training data, " in found
        assert found.endswith(f"; {remedy}")
    for one in (learned, other):
        assert ValueRange.of(one).mismatch(ValueRange.of(one[::-1])) is None


def test_range_is_measured_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_range, "_BLOCK", 4)
    numbers = np.arange(10.0).reshape(2, 5)
    assert ValueRange.of(numbers) == ValueRange(0, 9, is_integer=True)
    numbers[1, 4] += 0.5
    assert ValueRange.of(numbers) == ValueRange(0, 9.5, is_integer=False)
    assert ValueRange.of(np.zeros((0, 3))) == ValueRange(0, 0, is_integer=True)


def test_measured_range_of_bytes_is_what_they_reach() -> None:
    bright = np.array([[3, 200]], np.uint8)
    assert ValueRange.measured(bright) == ValueRange(3, 200, is_integer=True)
    assert ValueRange.of(bright) == ValueRange(0, 255, is_integer=True)
