"""The arithmetic of the oracle that the engine is compared with."""

from __future__ import annotations

from fractions import Fraction
from math import ldexp

import numpy as np

from .oracle_losses import exp, log
from .rounding import F, fma


def fma_by_fractions(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    nearest = F(float(exact))
    candidates = [np.nextafter(nearest, F(-np.inf)), nearest, np.nextafter(nearest, F(np.inf))]
    by_distance = sorted(
        candidates, key=lambda x: (abs(Fraction(float(x)) - exact), x.view(np.uint32) & 1)
    )
    return F(by_distance[0])


def test_oracle_fma_rounds_once() -> None:
    random, count = np.random.default_rng(0), 5_000
    a, b = random.integers(1, 2**24, (2, count)).astype(F)
    sign = random.choice([-1, 1], count)
    c = (np.ldexp(random.integers(1, 2**24, count), random.integers(-20, 40, count)) * sign).astype(
        F
    )
    near = sign * np.ldexp(random.integers(1, 32, count), -20)  # (1 + near) * (1 - near): nearly 1,
    odd = 2**24 + 2 * random.integers(0, 2**22, count)  # which is half a step of these numbers
    a, b, c = (np.concatenate(z).astype(F) for z in ((a, 1 + near), (b, 1 - near), (c, odd)))
    twice = (a.astype(np.float64) * b + c).astype(F)
    results = fma(a, b, c)
    for index in range(len(a)):
        assert results[index] == fma_by_fractions(a[index], b[index], c[index])
    assert (results != twice).sum() > 1_000, "no case that two roundings get wrong"
    halves = (F(1 + ldexp(1, -12)), F(1 + ldexp(1, -12)), F(ldexp(1, -60)))
    assert fma(*halves) == F(1 + ldexp(1, -11) + ldexp(1, -23)) == fma_by_fractions(*halves)


def test_oracle_exp_and_log_match_numpy() -> None:
    x = np.linspace(-103, 88, 100_000, dtype=F)
    expected = np.exp(x.astype(np.float64))
    assert (np.abs(exp(x) - expected) <= 2e-7 * expected + 1e-45).all()
    assert np.array_equal(exp(np.array([-1e9, 0], F)), [0, 1])
    sums = np.exp(np.linspace(0, 80, 100_000)).astype(F)  # of powers: 1 and more
    expected = np.log(sums.astype(np.float64))
    assert (np.abs(log(sums) - expected) <= 2e-7 * expected).all()
