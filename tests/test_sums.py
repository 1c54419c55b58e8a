"""Sums in a fixed order, by what float32 makes of them."""

from __future__ import annotations

from math import fsum, log2
from typing import Any

import numpy as np
import pytest

from piecewise.reference.sums import total


def test_total_adds_the_second_half_to_the_first() -> None:
    # a b c | d e  ->  a+d b+e | c  ->  (a+d)+c | b+e  ->  ((a+d)+c)+(b+e)
    a = np.float32(2**24)  # the first whole number after which float32 skips one
    assert total(np.array([a, 1, 1, 1, 1], np.float32)) == 2**24 + 2  # from the left: 2**24
    assert total(np.array([a, 1, 1, -a, 1], np.float32)) == 3  # from the left: 1
    values = np.random.default_rng(0).normal(0, 1, (5, 1000))
    a, b, c, d, e = values
    assert np.array_equal(total(values), ((a + d) + c) + (b + e))
    assert not np.array_equal(total(values), a + b + c + d + e)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_total_is_the_sum_to_a_rounding_per_halving(dtype: type[np.floating[Any]]) -> None:
    random = np.random.default_rng(1)
    for count in range(1, 200):
        values = random.normal(0, 1, (count, 3)).astype(dtype)
        found, rounding = total(values), np.finfo(dtype).eps * (log2(count) + 1)
        assert found.dtype == dtype
        for column in range(3):
            exact = fsum(values[:, column])
            assert abs(found[column] - exact) <= rounding * fsum(abs(values[:, column])), count
    assert np.array_equal(total(values.reshape(1, 199, 3), 2), total(values))
    assert total(np.zeros((0, 2))).tolist() == [0, 0]
