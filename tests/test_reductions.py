"""Reductions in a fixed order, checked by their rounding in float32."""

from __future__ import annotations

from math import fsum, log2
from typing import Any

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.reference import batch_norm, convolution
from piecewise.reference.batch_context import BatchContext
from piecewise.reference.reductions import tree_sum
from piecewise.spec.layers import Convolution, Norm
from piecewise.spec.notation import parse


def test_tree_sum_folds_rest_onto_front() -> None:
    # a b c d | e  ->  a+e b | c d  ->  (a+e)+c | b+d  ->  ((a+e)+c)+(b+d)
    a = np.float32(2**24)  # the first whole number after which float32 skips one
    assert tree_sum(np.array([a, 1, 1, 1, 1], np.float32)) == 2**24 + 2  # from the left: 2**24
    assert tree_sum(np.array([a, 1, 1, 1, -a], np.float32)) == 3  # from the left: 0
    values = np.random.default_rng(0).normal(0, 1, (5, 1000))
    a, b, c, d, e = values
    assert np.array_equal(tree_sum(values), ((a + e) + c) + (b + d))
    assert not np.array_equal(tree_sum(values), a + b + c + d + e)


def test_tree_sum_trailing_zeros_change_nothing() -> None:
    values = np.random.default_rng(2).normal(0, 1, (16, 1000)).astype(np.float32)
    for count in range(1, 17):
        padded = values.copy()
        padded[count:] = 0
        assert np.array_equal(tree_sum(values[:count]), tree_sum(padded)), count


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tree_sum_error_is_within_bound(dtype: type[np.floating[Any]]) -> None:
    random = np.random.default_rng(1)
    for count in range(1, 200):
        values = random.normal(0, 1, (count, 3)).astype(dtype)
        total, rounding = tree_sum(values), np.finfo(dtype).eps * (log2(count) + 1)
        assert total.dtype == dtype
        for column in range(3):
            exact = fsum(values[:, column])
            assert abs(total[column] - exact) <= rounding * fsum(abs(values[:, column])), count
    assert tree_sum(np.zeros((0, 2))).tolist() == [0, 0]


def engine_sum(products: Array) -> Array:
    """The sum of products (N, OH, OW, ...) in the engine's order: first each example's products in
    sequence, then 16 examples (padded with zeros) in a tree."""
    pictures = np.zeros((16, *products.shape[3:]), products.dtype)
    for n, row, column in np.ndindex(products.shape[:3]):
        pictures[n] += products[n, row, column]
    for half in (8, 4, 2, 1):
        for i in range(half):
            pictures[i] += pictures[i + half]
    return np.asarray(pictures[0])


@pytest.mark.parametrize("count", [1, 5, 16])
def test_convolution_gradients_follow_summation_order(count: int) -> None:
    (layer,) = parse("conv 4 3x2 stride=2x1 pad=1")
    assert isinstance(layer, Convolution)
    random = np.random.default_rng(count)
    x = random.normal(0, 1, (count, 3, 41, 30)).astype(np.float32)
    weight = random.normal(0, 1, (4, 3, 3, 2)).astype(np.float32)
    upstream = random.normal(0, 1, (count, 4, 21, 31)).astype(np.float32)
    arrays = {"weight": weight, "bias": np.zeros(4, np.float32)}
    _, gradients = convolution.backward(layer, upstream, arrays, x)
    padded, upstream_cells = (
        np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))),
        upstream.transpose(0, 2, 3, 1),
    )
    for c, ky, kx in np.ndindex(3, 3, 2):
        values = padded[:, c, ky : ky + 41 : 2, kx : kx + 31, None]
        assert np.array_equal(
            gradients["weight"][:, c, ky, kx], engine_sum(values * upstream_cells)
        ), (
            c,
            ky,
            kx,
        )
    assert np.array_equal(gradients["bias"], engine_sum(upstream_cells))


@pytest.mark.parametrize("count", [1, 5, 16])
def test_norm_statistics_and_gradients_follow_summation_order(count: int) -> None:
    random = np.random.default_rng(count)
    x, upstream = random.normal(1, 2, (2, count, 3, 13, 9)).astype(np.float32)
    arrays = {"weight": np.ones(3, np.float32), "bias": np.zeros(3, np.float32)}
    _, cache = batch_norm.forward(Norm(), x, arrays, BatchContext(training=True))
    _, gradients = batch_norm.backward(Norm(), upstream, arrays, cache)
    mean = engine_sum(x.transpose(0, 2, 3, 1)) / np.float32(count * 13 * 9)
    centered = x.transpose(0, 2, 3, 1) - mean
    variance = engine_sum(centered * centered) / np.float32(count * 13 * 9)
    upstream_cells, normal = upstream.transpose(0, 2, 3, 1), cache.normalized.transpose(0, 2, 3, 1)
    assert np.array_equal(cache.mean, mean)
    assert np.array_equal(cache.variance, variance)
    assert np.array_equal(gradients["weight"], engine_sum(upstream_cells * normal))
    assert np.array_equal(gradients["bias"], engine_sum(upstream_cells))
