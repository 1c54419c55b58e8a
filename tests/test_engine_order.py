"""The engine equals a plain Python oracle with the same order of sums, bit by bit: logits,
gradients and weights after two steps, for all vector forms and numbers of threads."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.runtime.compiled_program import InferenceProgram, TrainingProgram
from piecewise.spec.architecture import Architecture
from piecewise.spec.layers import Norm

from .long import now_and_long
from .networks import Sample, numbers_for
from .oracle import Arrays, Group, Shard, backward, forward, in_lanes
from .oracle_losses import loss_and_gradient
from .rounding import F, fma
from .test_engine import LEVELS, flat, form, write_key

PICTURES, BATCH, SEED, EPOCH = 70, 40, 11, 2  # steps of 40 (three groups) and of 30 (two)
RATE, MOMENTUM, DECAY = F(0.05), F(0.9), F(0.001)
RATES = np.array([[RATE, 0.3, 1 - 0.9**n, 1 - 0.999**n] for n in (1, 2)], F)
"""For each step: the learning rate and, for AdamW, the decay, large enough for its rounding to
show, and the two bias corrections."""


class Net(NamedTuple):
    """A network and how it is trained."""

    text: str
    shape: tuple[int, int, int]
    loss: str
    optimizer: str = "sgd"
    classes: int = 3
    input_scale: float = 1
    """A factor that multiplies the usual inputs."""


NETS = {
    "strides": Net("conv 3 3x2 stride=2x1 pad=1x0, relu, full", (2, 5, 4), "squared"),
    "mean": Net("conv 2 2 pad=same mean, pool 2, relu, full 5, relu, full", (1, 5, 6), "absolute"),
    "norm": Net(
        "conv 3 2x3 bias=no, norm, relu, pool 3x2 stride=2 kind=average, full",
        (2, 5, 6),
        "squared",
    ),
    "norm and pool": Net(
        "conv 5 2x3, norm, relu, pool 2, norm, pool 2x3 edge=drop, relu, full",
        (2, 8, 13),
        "squared",
    ),
    "pools": Net(
        "norm, conv 5 1x3, pool 3 stride=2, conv 3 2 stride=1x2 pad=1, pool all kind=average",
        (1, 4, 7),
        "absolute",
    ),
    "full": Net("full 6, norm, relu, dropout 0.4, full 3, norm", (2, 3, 3), "squared", "nesterov"),
    "words": Net("embed 3, relu, conv 3 1x3 pad=0x1, relu, pool all, full", (1, 6, 5), "squared"),
    "texts": Net(
        "embed 3, conv 4 1x2, norm, pool 1x3 stride=2, relu, conv 3 1x2 pad=same, norm, "
        "pool 1x2 kind=average, dropout 0.3, full",
        (1, 7, 11),
        "squared",
    ),
    "average": Net("embed 35, pool all kind=average, full", (1, 9, 45), "cross-entropy", "adamw"),
    "scaled": Net("embed 5, pool all kind=average, full", (1, 9, 12), "squared", "nesterov"),
    "wide": Net("embed 16, relu, pool all, full", (1, 9, 12), "squared", "nesterov"),
    "long": Net("embed 2, conv 3 1x3, pool all, norm, full", (1, 6, 50), "absolute"),
    "large": Net(
        "conv 17 3x2, relu, pool 2 edge=drop, dropout 0.2, conv 5 2x2, full 33, relu, full",
        (3, 7, 6),
        "squared",
        "nesterov",
    ),
    "tiles": Net("norm, conv 17 3 pad=1x2, relu, pool 2, full", (16, 8, 9), "squared"),
    "weights": Net("conv 3 2, norm, relu, full", (2, 4, 5), "squared"),
    "adamw": Net("conv 3 2, norm, relu, full", (1, 4, 5), "squared", "adamw"),
    "entropy": Net("conv 3 2, relu, full, norm, relu", (1, 4, 5), "cross-entropy", classes=40),
    "both": Net("embed 2, conv 3 1x3, relu, full", (1, 5, 6), "cross-entropy", "adamw"),
    "far": Net("full", (1, 2, 2), "cross-entropy", "adamw", 300, 64),
}


class Expected(NamedTuple):
    """The results of the oracle."""

    logits: Array
    losses: Array
    gradient: Array
    weights: Array
    running_stats: Array


def made_for(name: str) -> Sample:
    net = NETS[name]
    made = numbers_for(Architecture(net.text, net.shape, net.classes), f"order {name}", PICTURES)
    return made if made.architecture.reads_texts else made._replace(x=made.x * net.input_scale)


def weights_for(name: str) -> Array | None:
    """The sample weights of the one net that has any; some are zero."""
    if name != "weights":
        return None
    drawn = np.random.default_rng(9).uniform(-1, 3, PICTURES).astype(F)
    return np.where(drawn < 0, F(0), drawn)


def scales_for(name: str) -> Array | None:
    """The factors of the gradients of the one net that has any."""
    if name != "scaled":
        return None
    count = made_for(name).architecture.parameter_count
    return np.random.default_rng(7).uniform(0.1, 5, count).astype(F)


class Oracle:
    """Training in plain Python: groups, shards and steps."""

    def __init__(self, name: str, max_shards: int) -> None:
        made = self.made = made_for(name)
        self.loss, self.max_shards, self.weights = NETS[name].loss, max_shards, weights_for(name)
        self.stages = made.architecture.stages
        self.arrays = {name: array.astype(F) for name, array in made.arrays.items()}
        self.x = made.x if made.architecture.reads_texts else made.x.astype(F)
        rows = made.architecture.parameters
        self.velocity, self.second = (
            {row.name: np.zeros(row.shape, F) for row in rows} for _ in range(2)
        )
        scales = scales_for(name)
        if scales is None:
            scales = np.ones(made.architecture.parameter_count, F)
        self.scales = {
            row.name: scales[row.offset : row.offset + row.size].reshape(row.shape) for row in rows
        }

    def logits(self) -> Array:
        batches = []
        for start in range(0, PICTURES, 16):
            batch = self.x[start : start + 16]
            activations, _ = forward(self.stages, self.arrays, in_lanes(batch), None)
            batches.append(activations[-1].reshape(-1, 16).T[: len(batch)])
        return np.concatenate(batches)

    def shard_gradients(self, order: Array) -> tuple[list[Array], Shard]:
        """The losses of a step's examples, and the sum of the shards."""
        groups = [order[start : start + 16] for start in range(0, len(order), 16)]
        count = min(len(groups), self.max_shards)
        rows = self.made.architecture.parameters + self.made.architecture.running_stats
        total: Shard = {}
        losses = []
        for number in range(count):
            shard = {row.name: np.zeros(row.shape, F) for row in rows}
            bounds = (len(groups) * number // count, len(groups) * (number + 1) // count)
            losses += [self._group(some, len(order), shard) for some in groups[slice(*bounds)]]
            total = {name: total[name] + array if total else array for name, array in shard.items()}
        return losses, total

    def _group(self, pictures: Array, batch: int, shard: Shard) -> Array:
        lanes, labels = in_lanes(pictures), in_lanes(self.made.labels[pictures])
        group = Group(len(pictures), SEED, EPOCH, lanes)
        forward_result = forward(self.stages, self.arrays, in_lanes(self.x[pictures]), group)
        last = forward_result[0][-1]
        weights = None if self.weights is None else in_lanes(self.weights[pictures])
        losses, upstream = loss_and_gradient(
            self.loss, last.reshape(-1, 16), labels, group, batch, weights
        )
        backward(
            self.stages, self.arrays, forward_result, upstream.reshape(last.shape), group, shard
        )
        return losses[: len(pictures)]

    def step(self, order: Array, rates: Array, optimizer: str) -> list[Array]:
        losses, gradients = self.shard_gradients(order)
        for name in self.velocity:
            old = self.arrays[name]
            if optimizer == "adamw":
                self.arrays[name] = self._adamw(name, old, gradients[name], rates)
            else:
                shard_gradients = fma(DECAY, old, self.scales[name] * gradients[name])
                velocity = self.velocity[name] = fma(MOMENTUM, self.velocity[name], shard_gradients)
                update = (
                    fma(MOMENTUM, velocity, shard_gradients)
                    if optimizer == "nesterov"
                    else velocity
                )
                self.arrays[name] = fma(-rates[0], update, old)
        for row in self.made.architecture.running_stats:
            seen, average = gradients[row.name] / F(len(order)), self.arrays[row.name]
            self.arrays[row.name] = fma(seen - average, F(Norm.momentum), average)
        return losses

    def _adamw(self, name: str, old: Array, shard_gradients: Array, rates: Array) -> Array:
        rate, shrink, first_whole, second_whole = rates
        first = fma(F(0.9), self.velocity[name], F(1 - 0.9) * shard_gradients)
        second = fma(F(0.999), self.second[name], F(1 - 0.999) * shard_gradients * shard_gradients)
        self.velocity[name], self.second[name] = first, second
        update = first / first_whole / (np.sqrt(second / second_whole) + F(1e-8))
        return fma(-rate, update, fma(-shrink, old, old))


def fixed_order() -> Array:
    return np.random.default_rng(5).permutation(PICTURES)


def flat_with(made: Sample, arrays: Arrays) -> tuple[Array, Array]:
    return flat(made._replace(arrays=arrays))


@cache
def expected_by_oracle(name: str, max_shards: int) -> Expected:
    made, order, net = made_for(name), fixed_order(), NETS[name]
    oracle = Oracle(name, max_shards)
    logits = oracle.logits()
    gradient, _ = flat_with(made, {**oracle.arrays, **oracle.shard_gradients(order[:BATCH])[1]})
    losses = []
    for step, rates in enumerate(RATES):
        losses += oracle.step(order[step * BATCH : (step + 1) * BATCH], rates, net.optimizer)
    return Expected(logits, np.concatenate(losses), gradient, *flat_with(made, oracle.arrays))


def assert_bits(actual: Array, expected: Array, description: str) -> None:
    different = np.flatnonzero(actual.ravel().view(np.uint32) != expected.ravel().view(np.uint32))
    assert not len(different), (
        f"{description}: {len(different)} of {expected.size} differ, "
        f"the first {actual.ravel()[different[0]]!r} and not {expected.ravel()[different[0]]!r}"
    )


VECTORS = ("avx512", "avx2", "four")
NOW = {*product(NETS, VECTORS[:2]), *product([*NETS][::3], VECTORS)}


@pytest.mark.parametrize(("name", "vectors"), now_and_long(product(NETS, VECTORS), NOW))
def test_engine_equals_oracle_bit_by_bit(name: str, vectors: str) -> None:
    machine, made, order = form(vectors), made_for(name), fixed_order()
    text, _, loss, optimizer, *_ = NETS[name]
    parameters, running_stats = flat(made)
    pictures = made.x if made.architecture.reads_texts else made.x.astype(F)
    inference = InferenceProgram(made.architecture, target=machine)
    weights, scales = weights_for(name), scales_for(name)
    purpose = ProgramSpec(
        "train", False, loss, optimizer,
        training=True, weighted=weights is not None, scaled=scales is not None,
    )  # fmt: skip
    gradient_program = TrainingProgram(
        made.architecture, replace(purpose, optimizer="none", scaled=False), target=machine
    )
    for max_shards in (1, 2, 16):
        expected = expected_by_oracle(name, max_shards)
        learner = TrainingProgram(made.architecture, purpose, target=machine)
        learner.context.write_float("momentum", float(MOMENTUM))
        learner.context.write_float("decay", float(DECAY))
        if scales is not None:
            learner.set_gradient_scales(scales)
        for threads in (1, 2):
            description = f"{text}, {vectors}, {threads} threads, {max_shards} shards"
            logits = inference.logits(pictures, parameters, running_stats, LEVELS, threads)
            assert_bits(logits, expected.logits, f"{description}: logits")
            for program in (gradient_program, learner):
                program.max_shards = max_shards
                program.load_parameters(parameters, running_stats)
                program.optimizer_state[:] = program.second_moments[:] = 0
                program.set_inputs(pictures, LEVELS)
                write_key(program, SEED, EPOCH)
                if weights is not None:
                    program.set_sample_weights(weights)
            gradient_program.run_steps(
                order[:BATCH], made.labels.astype(np.int64), BATCH, 0, RATES[:1], threads
            )
            assert_bits(
                gradient_program.shards[: parameters.size],
                expected.gradient,
                f"{description}: gradient",
            )
            losses, completed_steps = learner.run_steps(
                order, made.labels.astype(np.int64), BATCH, 0, RATES, threads
            )
            assert completed_steps == 2, description
            assert_bits(losses, expected.losses, f"{description}: losses")
            assert_bits(
                learner.current_weights[: parameters.size],
                expected.weights,
                f"{description}: weights",
            )
            assert_bits(
                learner.running_stats[: running_stats.size],
                expected.running_stats,
                f"{description}: averages",
            )
