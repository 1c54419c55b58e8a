"""With integers so small that nothing is rounded, the engine equals the reference exactly: with
ties, edges and zeros."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from piecewise.reference import model
from piecewise.spec.architecture import Architecture

from .networks import Sample, numbers_for, random_input, random_layers
from .test_engine import Case, answered, anything, fused_forms, learned, reference_gradients, seeds


def integer_case(seed: int) -> Case:
    """A network of whole numbers, small enough that no sum of them is ever rounded."""
    random, numbers = Random(seed), np.random.default_rng(seed)
    for _ in range(100):
        this = tried(seed, random, numbers)
        if largest_sum(this.made, this.loss) < 2**23:
            return this
    raise AssertionError(f"seed {seed}: no network of small numbers")


def tried(seed: int, random: Random, numbers: np.random.Generator) -> Case:
    kinds = ("conv", "pool", "relu", "full")
    shape, classes = random_input(random, kinds), random.randint(2, 4)
    text = random_layers(random, shape, classes, kinds, max_layers=4)
    text = text.replace(" mean", "").replace(" kind=average", "")
    architecture = Architecture(text, shape, classes)
    count = random.choice((1, 2, 4, 8, 16, 32, 64))
    made = numbers_for(architecture, f"whole {seed}", count)
    arrays = {
        name: numbers.integers(-2, 3, array.shape).astype(np.float64)
        for name, array in made.arrays.items()
    }
    x = numbers.integers(-2, 3, made.x.shape).astype(np.float64)
    made = made._replace(arrays=arrays, x=x)
    rest = (
        random.choice(("absolute", "squared")), random.randint(1, 3),
        random.choice((1, 2, 16)), random.choice(fused_forms()), random.random() < 0.5,
    )  # fmt: skip
    return Case(made, x.astype(np.float32), numbers.permutation(count), seed, *rest)


def largest_sum(made: Sample, loss: str) -> float:
    """What no sum on the way exceeds, counted in its smallest unit: that of the same network
    with all signs taken away, where nothing cancels."""
    arrays = {name: np.abs(array) for name, array in made.arrays.items()}
    given = (made.architecture, arrays, np.abs(made.x))
    largest = float(np.abs(model.logits(*given)).max(initial=0))
    gradients = model.gradients(*given, made.labels, loss).arrays.values()
    return max([largest, *(len(made.x) * float(np.abs(gradient).max()) for gradient in gradients)])


def assert_equal(this: Case) -> None:
    made = this.chosen()
    weights = None if this.weights is None else this.weights[this.order]
    wanted = reference_gradients(made, this.loss, None, weights)
    found = learned(this, training=False)
    assert np.array_equal(answered(this), model.logits(made.architecture, made.arrays, made.x)), (
        this
    )
    assert float(found.losses.astype(np.float64).mean()) == wanted.loss, this
    for name, gradient in wanted.arrays.items():
        assert np.array_equal(found.gradients[name], gradient), f"{this}: {name}"


@seeds(10)
@anything
def test_integer_network_matches_reference_exactly(seed: int) -> None:
    assert_equal(integer_case(seed))


@seeds(5)
@anything
def test_integer_sample_weights_match_reference_exactly(seed: int) -> None:
    this = integer_case(seed)
    weights = np.random.default_rng([seed, 1]).integers(0, 3, len(this.pictures))
    assert_equal(this._replace(weights=weights.astype(np.float32)))


@pytest.mark.long
@seeds(1_000)
@anything
def test_many_integer_networks_match_reference_exactly(seed: int) -> None:
    assert_equal(integer_case(seed))
