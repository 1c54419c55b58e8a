"""Random numbers: the published generator, independent of the order of the calls."""

from __future__ import annotations

import numpy as np
import pytest

from piecewise.core.portable_math import exp, log, sine_cosine
from piecewise.core.rng import (
    Key,
    derive_key,
    fold_in,
    permutation,
    random_words,
    threefry,
    uniform,
)


@pytest.mark.parametrize(
    ("key", "counter", "output"),
    [  # Threefry-2x32 with 20 rounds, from the known answers of Random123
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_known_keys_match_published_words(
    key: tuple[int, int], counter: tuple[int, int], output: tuple[int, int]
) -> None:
    key_words = (np.asarray(word, np.uint32) for word in key)
    low, high = threefry(Key(*key_words), *counter)
    assert (int(low), int(high)) == output


def test_derive_key_batch_matches_single_keys() -> None:
    batch = uniform(derive_key(7, 2, np.arange(5), 3), 9)
    for index in range(5):
        assert (batch[index] == uniform(derive_key(7, 2, index, 3), 9)).all()


@pytest.mark.parametrize("step", [0, 1, 2**32 - 1, 2**32, 2**63 + 5, 2**64 - 1])
def test_fold_in_integer_equals_fold_in_array(step: int) -> None:
    for key in (derive_key(2**64 - 1), derive_key(3, 1, 2)):
        of_integer, of_array = fold_in(key, step), fold_in(key, np.array([step], np.uint64))
        assert (of_integer.low, of_integer.high) == (of_array.low[0], of_array.high[0])
        assert uniform(of_integer, 5).tobytes() == uniform(of_array, 5).tobytes()


def test_random_words_longer_sequence_keeps_prefix() -> None:
    assert (random_words(derive_key(1), 7) == random_words(derive_key(1), 100)[:7]).all()
    assert (
        random_words(derive_key(1), 7, start=40) == random_words(derive_key(1), 100)[40:47]
    ).all()


def test_derive_key_different_seed_or_path_gives_different_words() -> None:
    seeds = [0, 1, 2**32, 2**63, 2**64 - 1]
    outputs = [random_words(derive_key(seed, *path), 4).tobytes() for seed in seeds for path in
            [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (2**40,)]]  # fmt: skip
    assert len(set(outputs)) == len(outputs)


def test_uniform_is_even_and_exact_in_float32() -> None:
    values = uniform(derive_key(3), 200_000)
    assert 0 <= values.min() < 1e-4
    assert 1 - 1e-4 < values.max() < 1
    assert abs(values.mean() - 0.5) < 0.003
    counts = np.histogram(values, bins=20, range=(0, 1))[0]
    assert np.abs(counts - 10_000).max() < 500
    assert (values.astype(np.float32) == values).all()


def test_permutation_is_complete_and_unbiased() -> None:
    for count in (0, 1, 2, 17, 1000):
        assert sorted(permutation(derive_key(5), count).tolist()) == list(range(count))
    first = [int(permutation(derive_key(0, 3, epoch), 5)[0]) for epoch in range(2_000)]
    assert np.abs(np.bincount(first, minlength=5) - 400).max() < 80


def test_portable_math_matches_numpy() -> None:
    x = np.linspace(-700, 700, 50_001)
    assert np.abs(exp(x) / np.exp(x) - 1).max() < 5e-16
    positive = np.exp(np.linspace(-300, 300, 50_001))
    assert np.abs(log(positive) - np.log(positive)).max() < 1.2e-13
    near = np.linspace(0.5, 2, 50_001)
    assert np.abs(log(near) - np.log(near)).max() < 5e-16
    turns = np.linspace(-100, 100, 50_001)
    sine, cosine = sine_cosine(turns)
    assert max(np.abs(sine - np.sin(turns)).max(), np.abs(cosine - np.cos(turns)).max()) < 1e-15


def test_exp_extreme_inputs_give_limits() -> None:
    assert exp(0.0) == 1.0
    assert exp(-np.inf) == 0.0
    assert np.isnan(exp(np.nan))
    assert exp(-745.2) >= 0
