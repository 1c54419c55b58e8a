"""The engine matches the reference, and writes only within its buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cache, partial
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from piecewise.core.array_types import Array
from piecewise.core.errors import LimitError
from piecewise.core.ghost_batch import StepContext
from piecewise.core.rng import DROPOUT, derive_key
from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.ir.memory_plan import MemoryPlan
from piecewise.engine.ir.target import FORMS, Target
from piecewise.engine.ir.thread_header import HEADER_BYTES
from piecewise.engine.runtime.compiled_program import (
    CompiledProgram,
    InferenceProgram,
    TrainingProgram,
)
from piecewise.engine.runtime.llvm_compiler import host_target
from piecewise.engine.runtime.thread_pool import aligned
from piecewise.reference import model
from piecewise.reference.losses import LOSSES
from piecewise.spec.architecture import Architecture

from .networks import PICTURES, TEXTS, Sample, margin, numbers_for, random_input, random_layers

TOLERANCE = 2e-5
LEAST_MARGIN = 2e-5  # nearer to a kink, float32 may choose the other side
GUARD = 192
LEVELS = np.array([2, -255, 255], np.float32)  # ground -1, ink +1
INSIDE, OUTSIDE = np.uint32(0xFFFFFFFF), np.uint32(0x7FA5A5A5)
"""What memory is filled with: no numbers both, so that whatever is read before it was written
shows; the second becomes another at the touch of any arithmetic."""


def seeds(count: int) -> settings:
    """The same seeds every time; none looked for near a failing one."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=count, derandomize=True, deadline=None, database=None,
        phases=[Phase.generate], suppress_health_check=slow,
    )  # fmt: skip


anything = given(st.integers(0, 2**32 - 1))


def form(name: str) -> Target:
    """A form of vectors; skips the test where the processor does not have it."""
    try:
        return host_target(name)
    except LimitError as error:
        pytest.skip(str(error))


def fused_forms() -> list[Target]:
    """The forms this processor has, without the slow one."""
    found = []
    for name in FORMS[:-1]:
        try:
            found.append(host_target(name))
        except LimitError:
            continue
    return found or [host_target()]


def flat(made: Sample) -> tuple[Array, Array]:
    """A sample's parameters and running averages as the engine takes them."""
    rows = (made.architecture.parameters, made.architecture.running_stats)
    parts = [np.zeros(sum(row.size for row in some), np.float32) for some in rows]
    for part, some in zip(parts, rows, strict=True):
        for row in some:
            part[row.offset : row.offset + row.size] = made.arrays[row.name].ravel()
    return parts[0], parts[1]


def write_key(program: CompiledProgram, seed: int, epoch: int) -> None:
    key = derive_key(seed, DROPOUT, epoch)
    program.context.write("key", np.array([key.low, key.high], np.uint32))


class Fence:
    """An array with a strip before and after it in which nothing may be written."""

    strip = 64

    def __init__(self, count: int) -> None:
        self.whole = aligned(count + 2 * self.strip)
        self.whole.view(np.uint32)[:] = OUTSIDE
        self.array = self.whole[self.strip : self.strip + count]

    def intact(self) -> bool:
        words = self.whole.view(np.uint32)
        ends = (words[: self.strip], words[-self.strip :])
        return all((end == OUTSIDE).all() for end in ends)


@contextmanager
def all_apart() -> Iterator[None]:
    """Programs made meanwhile give each place memory of its own, so that beside it lies nothing."""
    assign_offsets = MemoryPlan.assign_offsets

    def laid(plan: MemoryPlan) -> int:
        plan.separate = True
        return assign_offsets(plan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryPlan, "assign_offsets", laid)
        yield


def guarded_memories(program: CompiledProgram, threads: int) -> None:
    """Give a program its memories, all of them filled."""
    inside = used(program)
    for _ in range(threads):
        memory = aligned(program.ir.memory, np.uint8)
        memory.view(np.uint32)[:] = np.where(inside.view(np.uint32) == 0, OUTSIDE, INSIDE)
        program.memories.append(memory)


def used(program: CompiledProgram) -> Array:
    """For each byte of a thread's memory, whether it belongs to the header or a place."""
    inside = np.zeros(program.ir.memory, np.uint8)
    inside[:HEADER_BYTES] = 1
    for place in program.ir.plan.buffers.values():
        inside[place.offset : place.offset + place.size] = 1
    return inside


def strayed(program: CompiledProgram) -> Iterator[tuple[int, int]]:
    """(thread, byte) of what was written outside of all places."""
    outside = used(program) == 0
    for thread, memory in enumerate(program.memories):
        wanted = np.full(memory.size // 4, OUTSIDE).view(np.uint8)
        for byte in np.flatnonzero((memory != wanted) & outside)[:4]:
            yield thread, int(byte)


class Case(NamedTuple):
    """What is run both ways: a sample with pictures to choose from, and the chosen in order."""

    made: Sample
    pictures: Array
    """What the engine is given: float32, bytes or words."""
    order: Array
    seed: int
    loss: str
    threads: int
    max_shards: int
    form: Target
    apart: bool
    """Whether no two places share memory."""
    weights: Array | None = None
    """How much each picture counts."""

    def __str__(self) -> str:
        rest = f"{len(self.order)} of {len(self.pictures)} {self.pictures.dtype}, {self.loss}"
        how = f"{self.threads} threads, {self.max_shards} shards, {self.form.name}"
        how += ", all apart" if self.apart else ""
        how += ", weighted" if self.weights is not None else ""
        return f"{self.made}, seed {self.seed}, {rest}, {how}"

    @property
    def uint8_input(self) -> bool:
        return bool(self.pictures.dtype == np.uint8)

    @property
    def step_context(self) -> StepContext:
        return StepContext(self.seed, 3, self.order)

    def program(self, name: str = "infer", *, training: bool = False) -> CompiledProgram:
        """Made for it, with guards around every place."""
        architecture = self.made.architecture
        purpose = ProgramSpec(name, self.uint8_input, self.loss, weighted=self.weights is not None)
        with all_apart() if self.apart else nullcontext():
            if name == "infer":
                return InferenceProgram(
                    architecture, uint8_input=self.uint8_input, target=self.form, guard=GUARD
                )
            return TrainingProgram(
                architecture, replace(purpose, training=training), self.form, GUARD
            )

    def chosen(self) -> Sample:
        order = self.order
        return self.made._replace(x=self.made.x[order], labels=self.made.labels[order])


def case(seed: int) -> Case:
    """A random network clear of kinks, with pictures and everything else one can choose."""
    random = Random(seed)
    kinds = TEXTS if seed % 5 == 4 else PICTURES
    how_many, spare = random.randint(1, 70), random.randint(0, 5)
    rest = (
        random.choice(list(LOSSES)), random.randint(1, 3),
        random.choice((1, 2, 16)), random.choice(fused_forms()), random.random() < 0.5,
    )  # fmt: skip
    in_bytes = kinds is PICTURES and random.random() < 0.3
    for attempt in range(100):
        shape, classes = random_input(random, kinds), random.randint(2, 5)
        architecture = Architecture(random_layers(random, shape, classes, kinds), shape, classes)
        made = numbers_for(architecture, f"engine {seed}.{attempt}", how_many + spare)
        numbers = np.random.default_rng([seed, attempt])
        order = numbers.permutation(how_many + spare)[:how_many]
        pictures = made.x if architecture.reads_texts else made.x.astype(np.float32)
        if in_bytes:
            pictures = numbers.integers(0, 256, made.x.shape, np.uint8)
            scaled = (LEVELS[0] * pictures.astype(np.float32) + LEVELS[1]) / LEVELS[2]
            made = made._replace(x=scaled.astype(np.float64))
        found = Case(made, pictures, order, seed, *rest)
        if clear(found.chosen(), found.step_context):
            return found
    raise AssertionError(f"seed {seed}: no network stands clear of kinks")


def clear(made: Sample, step_context: StepContext) -> bool:
    return min(margin(made, when, zeros=False) for when in (None, step_context)) > LEAST_MARGIN


class Learned(NamedTuple):
    """What a step without an optimizer leaves behind."""

    losses: Array
    gradients: dict[str, Array]
    observed: dict[str, Array]


def answered(this: Case) -> Array:
    """The engine's logits of the chosen pictures, all writing watched."""
    program = this.program()
    assert isinstance(program, InferenceProgram)
    guarded_memories(program, this.threads)
    pictures = np.ascontiguousarray(this.pictures[this.order])
    weights = flat(this.made)  # kept for the second run
    found = program.logits(pictures, *weights, LEVELS, this.threads)
    fence = Fence(found.size)
    program.context.write("logits", fence.array)
    program.run(this.threads)
    assert fence.array.tobytes() == found.tobytes(), this
    assert fence.intact(), f"{this}: written beside the answers"
    assert not list(strayed(program)), f"{this}: written beside a place"
    return found


def learned(this: Case, *, training: bool) -> Learned:
    """The engine's losses, gradients and statistics, all writing watched."""
    learner = this.program("train", training=training)
    assert isinstance(learner, TrainingProgram)
    guarded_memories(learner, this.threads)
    learner.max_shards = min(learner.max_shards, this.max_shards)
    layout, count = learner.ir.layout, len(this.order)
    shards = min(learner.max_shards, -(-count // 16))
    fence, losses_fence = Fence(shards * layout.shard_floats), Fence(count)
    learner.shards = fence.array
    learner.load_parameters(*flat(this.made))
    learner.set_inputs(this.pictures, LEVELS)
    write_key(learner, this.seed, this.step_context.epoch)
    if this.weights is not None:
        learner.set_sample_weights(this.weights)
    labels = this.made.labels.astype(np.int64)
    rates = np.zeros((1, 4), np.float32)
    losses, _ = learner.run_steps(this.order, labels, count, 0, rates, this.threads)
    found = fence.array.copy()
    learner.context.write("losses", losses_fence.array)
    learner.run(this.threads)
    assert losses_fence.array.tobytes() == losses.tobytes(), this
    assert fence.array.tobytes() == found.tobytes(), this
    assert fence.intact(), f"{this}: written beside the shards"
    assert losses_fence.intact(), f"{this}: written beside the losses"
    assert not list(strayed(learner)), f"{this}: written beside a place"
    return _unpacked(this.made.architecture, learner, losses, found.reshape(shards, -1))


def _unpacked(
    architecture: Architecture, learner: TrainingProgram, losses: Array, shards: Array
) -> Learned:
    gradients = {
        row.name: shards[0, row.offset : row.offset + row.size].reshape(row.shape)
        for row in architecture.parameters
    }
    seen = shards[:, 16 * learner.ir.layout.blocks :].astype(np.float64).sum(axis=0)
    observed = {
        row.name: seen[row.offset : row.offset + row.size] / len(losses)
        for row in architecture.running_stats
    }
    return Learned(losses, gradients, observed)


def assert_norm(
    found: Any, wanted: Any, said: object, least: float, narrow: Callable[[], Any]
) -> None:
    """The difference as a vector is short beside what is wanted, and beside ``least``. Where much
    cancels (a bias before norm changes nothing, a map that is all the same is made 300 times as
    large), the reference is no better in float32: then within four times what ``narrow``, its
    float32 run, is off."""
    off = float(np.linalg.norm(np.asarray(found, np.float64) - wanted))
    allowed = TOLERANCE * max(float(np.linalg.norm(wanted)), least)
    if off > allowed:
        rounding = float(np.linalg.norm(np.asarray(narrow(), np.float64) - wanted))
        assert off <= 4 * rounding, f"{said}: off by {off:.3g}, allowed {allowed:.3g}"


def assert_agrees(this: Case) -> None:
    """Logits, losses, gradients and statistics of one case, the network answering and training."""
    made, rounded = this.chosen(), this.chosen().to(np.float32)
    logits = model.logits(made.architecture, made.arrays, made.x)
    narrow_logits = partial(model.logits, made.architecture, rounded.arrays, rounded.x)
    assert_norm(answered(this), logits, this, 0.0, narrow_logits)
    for step_context in (None, this.step_context):
        assert_learns_alike(this, rounded, step_context)


def assert_learns_alike(this: Case, rounded: Sample, step_context: StepContext | None) -> None:
    weights = None if this.weights is None else this.weights[this.order]
    wanted = reference_gradients(this.chosen(), this.loss, step_context, weights)
    found = learned(this, training=step_context is not None)
    narrow = cache(lambda: reference_gradients(rounded, this.loss, step_context, weights))
    said = f"{this}, {'training' if step_context else 'answering'}"
    assert_norm(found.losses.mean(), wanted.loss, f"{said}: loss", 1, lambda: narrow().loss)
    assert_all(found.gradients, wanted.arrays, said, largest(wanted), lambda: narrow().arrays)
    if step_context:
        assert_all(found.observed, wanted.observed, said, 1, lambda: narrow().observed)


def assert_all(
    found: Mapping[str, Any],
    wanted: Mapping[str, Any],
    said: str,
    least: float,
    narrow: Callable[[], Mapping[str, Any]],
) -> None:
    """All arrays of these names, each as `assert_norm` has it."""
    for name, array in wanted.items():
        rounded = partial(lambda name: narrow()[name], name)
        assert_norm(found[name], array, f"{said}: {name}", least, rounded)


def largest(wanted: model.Gradients) -> float:
    """The length of the longest gradient."""
    return max((float(np.linalg.norm(g)) for g in wanted.arrays.values()), default=0.0)


def reference_gradients(
    made: Sample, loss: str, step_context: StepContext | None, weights: Array | None = None
) -> model.Gradients:
    return model.gradients(
        made.architecture, made.arrays, made.x, made.labels, loss, step_context, weights
    )


@seeds(12)
@anything
def test_random_networks_match_reference(seed: int) -> None:
    assert_agrees(case(seed))


@pytest.mark.long
@seeds(2_000)
@anything
def test_thousands_of_random_networks_match_reference(seed: int) -> None:
    assert_agrees(case(seed))


@pytest.mark.parametrize("first_row", [1000, 990, -3000])
def test_batch_norm_large_mean_corrects_rounding(first_row: float) -> None:
    made = numbers_for(Architecture("norm, full", (5, 3, 4), 3), "far", 40)
    x = (1000 + 0.1 * made.x).astype(np.float32)  # a rounding of 1000 shows beside 0.1
    x[:, :, 0] += first_row - 1000
    made, order = made._replace(x=x.astype(np.float64)), np.arange(40)
    this = Case(made, x, order, 0, "cross-entropy", 1, 2, fused_forms()[0], apart=False)
    wanted, found = (
        reference_gradients(made, this.loss, this.step_context),
        learned(this, training=True),
    )
    for name, array in wanted.arrays.items():
        off = np.linalg.norm(found.gradients[name] - array)
        assert off < TOLERANCE * largest(wanted), name  # and not that of a reference in float32


def test_batch_norm_many_rows_with_another_first_row_keeps_variance() -> None:
    made = numbers_for(Architecture("norm, full", (4, 20_000, 1), 3), "tall", 16)
    values = np.linspace(1, 2, 20)[1:5].astype(np.float32)
    x = np.ones_like(made.x, np.float32) * values[:, None, None]
    x[:, :, 0] = 0
    this = Case(made, x, np.arange(16), 0, "cross-entropy", 1, 1, fused_forms()[0], apart=False)
    found = learned(this, training=True).observed["norm1.variance"]
    np.testing.assert_allclose(found, x.astype(np.float64).var(axis=(0, 2, 3)), rtol=0.01)
