"""A trained network has the same bits for any number of threads and any vector instructions."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.ir.target import Target
from piecewise.engine.runtime.compiled_program import InferenceProgram, TrainingProgram
from piecewise.spec.architecture import Architecture

from .networks import Sample, numbers_for
from .test_engine import LEVELS, case, flat, form, write_key

EVERYTHING = (
    "conv 8 3x2 pad=same, norm, relu, pool 2, dropout 0.3, conv 5 3 stride=2x1 pad=1 bias=no, "
    "norm, pool 3x2 stride=2 kind=average, conv 4 2 pad=1 mean, relu, full 40, relu, "
    "dropout 0.5, full"
)
TINY = "conv 2 2, norm, relu, pool 2, dropout 0.3, full"
WEIGHTS = {
    EVERYTHING: "98be835a9374987bbea410ef66bfb29c546790aaa984f1ab9b0edc438d77ab8a",
    TINY: "d6cacaf6cac554d1ca67387f3e87ba193cc9086e6be8d311ae9105ea0c8f4256",
}
"""What three epochs make of them. It changes if, and only if, the order of a sum does."""


def made_for(text: str) -> Sample:
    shape = (2, 12, 11) if text == EVERYTHING else (1, 5, 6)
    return numbers_for(Architecture(text, shape, 4), "bits", 100)


def learned(made: Sample, machine: Target, threads: int) -> str:
    """The SHA-256 of weights and averages after three epochs of 100 pictures, 48 a step."""
    purpose = ProgramSpec("train", False, "cross-entropy", "sgd", training=True)
    learner = TrainingProgram(made.architecture, purpose, target=machine)
    parameters, running_stats = flat(made)
    learner.load_parameters(parameters, running_stats)
    learner.set_inputs(made.x.astype(np.float32), LEVELS)
    learner.context.write_float("momentum", 0.9)
    learner.context.write_float("decay", 1e-4)
    rates = np.tile(np.array([0.01, 1e-6, 1, 1], np.float32), (3, 1))
    sums = hashlib.sha256()
    for epoch in range(3):
        write_key(learner, 7, epoch)
        order = np.random.default_rng(epoch).permutation(100)
        losses, good = learner.run_steps(order, made.labels.astype(np.int64), 48, 0, rates, threads)
        assert good == 3
        sums.update(losses.tobytes())
    sums.update(learner.current_weights[: parameters.size].tobytes())
    sums.update(learner.running_stats[: running_stats.size].tobytes())
    assert not np.array_equal(learner.current_weights[: parameters.size], parameters)
    assert not np.array_equal(learner.running_stats[: running_stats.size], running_stats)
    return sums.hexdigest()


@pytest.mark.parametrize("vectors", ["avx512", "avx2", "four"])
def test_training_any_threads_and_vectors_has_same_bits(vectors: str) -> None:
    made, machine = made_for(EVERYTHING), form(vectors)
    found = {threads: learned(made, machine, threads) for threads in (1, 2, 3, 4)}
    assert found == dict.fromkeys(found, WEIGHTS[EVERYTHING])


@pytest.mark.parametrize("vectors", ["avx512", "avx2", "four", "plain"])
def test_training_without_fused_multiply_add_has_same_bits(vectors: str) -> None:
    assert learned(made_for(TINY), form(vectors), 2) == WEIGHTS[TINY]


@pytest.mark.parametrize("seed", range(5))
def test_logits_any_batch_size_have_same_bits(seed: int) -> None:
    this = case(seed)
    architecture, numbers = this.made.architecture, flat(this.made)
    answers = InferenceProgram(architecture, uint8_input=this.uint8_input, target=this.form)
    pictures = np.ascontiguousarray(np.resize(this.pictures, (50, *this.pictures.shape[1:])))
    at_once = answers.logits(pictures, *numbers, LEVELS, 3)
    for count in (1, 7, 16, 17):
        parts = [
            answers.logits(pictures[start : start + count], *numbers, LEVELS, 2)
            for start in range(0, 50, count)
        ]
        assert np.concatenate(parts).tobytes() == at_once.tobytes(), f"{this}, {count} at a time"
    backwards = np.ascontiguousarray(pictures[::-1])
    turned = answers.logits(backwards, *numbers, LEVELS, 1)
    assert turned[::-1].tobytes() == at_once.tobytes(), this
