"""What the engine gives is what the order of its sums gives, bit by bit: logits, gradients, and
weights after two steps, whatever the vectors and however many threads."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from piecewise.architecture import Architecture
from piecewise.engine.assemble import Purpose
from piecewise.engine.program import Answers, Learner
from piecewise.layers import Norm

from .networks import Array, Sample, numbers_for
from .test_engine import LEVELS, flat, form, write_key
from .test_engine_sums import (
    F,
    Group,
    Own,
    Shard,
    backward,
    by_loss,
    fma,
    forward,
    in_lanes,
)

PICTURES, BATCH, SEED, EPOCH = 70, 40, 11, 2  # steps of 40 (three groups) and of 30 (two)
RATE, MOMENTUM, DECAY = F(0.05), F(0.9), F(0.001)

NETS = {
    "strides": ("conv 3 3x2 stride=2x1 pad=1x0, relu, full", (2, 5, 4), "squared"),
    "mean": ("conv 2 2 pad=same mean, pool 2, relu, full 5, relu, full", (1, 5, 6), "absolute"),
    "norm": (
        "conv 3 2x3 bias=no, norm, relu, pool 3x2 stride=2 kind=average, full",
        (2, 5, 6),
        "squared",
    ),
    "pools": (
        "norm, conv 5 1x3, pool 3 stride=2, conv 3 2 stride=1x2 pad=1, pool all kind=average",
        (1, 4, 7),
        "absolute",
    ),
    "full": ("full 6, norm, relu, dropout 0.4, full 3, norm", (2, 3, 3), "squared"),
    "words": ("embed 3, relu, conv 3 1x3 pad=0x1, relu, pool all, full", (1, 6, 5), "squared"),
    "large": (
        "conv 17 3x2, relu, pool 2 edge=drop, dropout 0.2, conv 5 2x2, full 33, relu, full",
        (3, 7, 6),
        "squared",
    ),
    "weights": ("conv 3 2, norm, relu, full", (2, 4, 5), "squared"),
}


class Wanted(NamedTuple):
    """What the order of the sums gives."""

    logits: Array
    losses: Array
    gradient: Array
    weights: Array
    averages: Array


def made_for(name: str) -> Sample:
    text, shape, _ = NETS[name]
    return numbers_for(Architecture(text, shape, 3), f"order {name}", PICTURES)


def weights_for(name: str) -> Array | None:
    """How much each picture counts, in the one net that has weights; some count nothing."""
    if name != "weights":
        return None
    drawn = np.random.default_rng(9).uniform(-1, 3, PICTURES).astype(F)
    return np.where(drawn < 0, F(0), drawn)


class Oracle:
    """A net learning by the book: groups, shards, steps."""

    def __init__(self, name: str, most_shards: int) -> None:
        made = self.made = made_for(name)
        self.loss, self.most_shards, self.weights = NETS[name][2], most_shards, weights_for(name)
        self.stages = made.architecture.stages
        self.arrays = {name: array.astype(F) for name, array in made.arrays.items()}
        self.x = made.x if made.architecture.reads_texts else made.x.astype(F)
        self.velocity = {row.name: np.zeros(row.shape, F) for row in made.architecture.parameters}

    def logits(self) -> Array:
        found = []
        for start in range(0, PICTURES, 16):
            part = self.x[start : start + 16]
            stacks, _ = forward(self.stages, self.arrays, in_lanes(part), None)
            found.append(stacks[-1].reshape(-1, 16).T[: len(part)])
        return np.concatenate(found)

    def slope(self, order: Array) -> tuple[list[Array], Shard]:
        """The losses of a step's pictures, and the shards added up."""
        groups = [order[start : start + 16] for start in range(0, len(order), 16)]
        count = min(len(groups), self.most_shards)
        rows = self.made.architecture.parameters + self.made.architecture.averages
        total: Shard = {}
        losses = []
        for number in range(count):
            shard = {row.name: np.zeros(row.shape, F) for row in rows}
            bounds = (len(groups) * number // count, len(groups) * (number + 1) // count)
            losses += [self._group(some, len(order), shard) for some in groups[slice(*bounds)]]
            total = {name: total[name] + array if total else array for name, array in shard.items()}
        return losses, total

    def _group(self, pictures: Array, batch: int, shard: Shard) -> Array:
        lanes, right = in_lanes(pictures), in_lanes(self.made.right[pictures])
        group = Group(len(pictures), SEED, EPOCH, lanes)
        forth = forward(self.stages, self.arrays, in_lanes(self.x[pictures]), group)
        last = forth[0][-1]
        weights = None if self.weights is None else in_lanes(self.weights[pictures])
        losses, up = by_loss(self.loss, last.reshape(-1, 16), right, group, batch, weights)
        backward(self.stages, self.arrays, forth, up.reshape(last.shape), group, shard)
        return losses[: len(pictures)]

    def step(self, order: Array, *, nesterov: bool) -> list[Array]:
        losses, slopes = self.slope(order)
        for name, velocity in self.velocity.items():
            old = self.arrays[name]
            slope = fma(DECAY, old, slopes[name])
            velocity = self.velocity[name] = fma(MOMENTUM, velocity, slope)
            update = fma(MOMENTUM, velocity, slope) if nesterov else velocity
            self.arrays[name] = fma(-RATE, update, old)
        for row in self.made.architecture.averages:
            seen, average = slopes[row.name] / F(len(order)), self.arrays[row.name]
            self.arrays[row.name] = fma(seen - average, F(Norm.pace), average)
        return losses


def order_of() -> Array:
    return np.random.default_rng(5).permutation(PICTURES)


def joined(made: Sample, arrays: Own) -> tuple[Array, Array]:
    return flat(made._replace(arrays=arrays))


@cache
def by_the_book(name: str, most_shards: int, optimizer: str) -> Wanted:
    made, order = made_for(name), order_of()
    oracle = Oracle(name, most_shards)
    logits = oracle.logits()
    gradient, _ = joined(made, {**oracle.arrays, **oracle.slope(order[:BATCH])[1]})
    losses = []
    for start in range(0, PICTURES, BATCH):
        losses += oracle.step(order[start : start + BATCH], nesterov=optimizer == "nesterov")
    return Wanted(logits, np.concatenate(losses), gradient, *joined(made, oracle.arrays))


def assert_bits(found: Array, wanted: Array, said: str) -> None:
    off = np.flatnonzero(found.ravel().view(np.uint32) != wanted.ravel().view(np.uint32))
    assert not len(off), (
        f"{said}: {len(off)} of {wanted.size} differ, "
        f"the first {found.ravel()[off[0]]!r} and not {wanted.ravel()[off[0]]!r}"
    )


@pytest.mark.parametrize("vectors", ["avx512", "avx2", "four"])
@pytest.mark.parametrize("name", NETS)
def test_every_bit_is_as_the_order_of_the_sums_says(name: str, vectors: str) -> None:
    machine, made, order = form(vectors), made_for(name), order_of()
    text, _, loss = NETS[name]
    parameters, averages = flat(made)
    pictures = made.x if made.architecture.reads_texts else made.x.astype(F)
    rates = np.array([[RATE, RATE * DECAY, 1, 1]] * 2, F)
    answers = Answers(made.architecture, form=machine)
    weights = weights_for(name)
    optimizer = "nesterov" if name in ("full", "large") else "sgd"
    purpose = Purpose("learn", False, loss, optimizer, training=True, weighted=weights is not None)
    nothing = Learner(made.architecture, replace(purpose, optimizer="none"), form=machine)
    for most_shards in (1, 2, 16):
        wanted = by_the_book(name, most_shards, optimizer)
        learner = Learner(made.architecture, purpose, form=machine)
        learner.context.write_float("momentum", float(MOMENTUM))
        learner.context.write_float("decay", float(DECAY))
        for threads in (1, 2):
            said = f"{text}, {vectors}, {threads} threads, {most_shards} shards"
            found = answers.logits(pictures, parameters, averages, LEVELS, threads)
            assert_bits(found, wanted.logits, f"{said}: logits")
            for one in (nothing, learner):
                one.most_shards = most_shards
                one.begin(parameters, averages)
                one.state[:] = 0
                one.give(pictures, LEVELS)
                write_key(one, SEED, EPOCH)
                if weights is not None:
                    one.give_weights(weights)
            nothing.steps(order[:BATCH], made.right.astype(np.int64), BATCH, 0, rates[:1], threads)
            assert_bits(nothing.shards[: parameters.size], wanted.gradient, f"{said}: gradient")
            losses, good = learner.steps(
                order, made.right.astype(np.int64), BATCH, 0, rates, threads
            )
            assert good == 2, said
            assert_bits(losses, wanted.losses, f"{said}: losses")
            assert_bits(learner.now[: parameters.size], wanted.weights, f"{said}: weights")
            assert_bits(learner.averages[: averages.size], wanted.averages, f"{said}: averages")
