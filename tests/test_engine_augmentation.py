"""Augmentation in the engine: equal to the reference, with the same bits everywhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from piecewise.core.array_types import Array
from piecewise.core.errors import LimitError
from piecewise.core.ghost_batch import StepContext
from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.ir.target import FORMS, Target
from piecewise.engine.ir.thread_header import HEADER_BYTES
from piecewise.engine.runtime.compiled_program import TrainingProgram
from piecewise.engine.runtime.llvm_compiler import host_target
from piecewise.engine.runtime.thread_pool import aligned
from piecewise.reference.augmentation import augment
from piecewise.spec.architecture import Architecture
from piecewise.spec.augmentation import Augmentation

from .long import now_and_long
from .test_augmentation import ALL_GEOMETRIC, ALL_INTENSITY, SINGLE_GEOMETRIC, step_context

FRACTION = np.array([2, -255, 255], np.float32)
MOVED = {"geometric": True}


GRADED, NOISY, MASKED = {"intensity": True}, {"noise": True}, {"band_masking": True}
EVERYTHING = {"geometric": True} | GRADED | NOISY | MASKED
ALL_CHANGES = replace(
    ALL_INTENSITY, translation=(0.1, 0.2), scale=(0.6, 1.4), rotation=60, stroke_width=1.3
)


def learner(
    shape: tuple[int, int, int],
    *,
    uint8_input: bool,
    target: Target | None = None,
    wanted: dict[str, Any] = MOVED,
) -> TrainingProgram:
    purpose = replace(ProgramSpec("train", uint8_input), **wanted)
    return TrainingProgram(Architecture("full 2", shape, 2), purpose, target, guard=192)


def packed_by_engine(program: TrainingProgram, pictures: Array, order: Array) -> Array:
    """The images of an order after packing and augmentation, one group at a time."""
    program.set_inputs(pictures, FRACTION)
    buffer, rates = program.ir.plan.buffers["input"], np.zeros((1, 4), np.float32)
    found = []
    for start in range(0, len(order), 16):
        group = order[start : start + 16]
        program.run_steps(group, np.zeros(len(pictures), np.int64), 16, 0, rates, 1)
        packed = program.memories[0][buffer.offset : buffer.offset + buffer.size].view(np.float32)
        images = packed.reshape(*pictures.shape[1:], 16)
        found.append(np.moveaxis(images, 3, 0)[: len(group)].copy())
    return np.concatenate(found)


def sample(shape: tuple[int, int, int], *, uint8_input: bool, seed: int = 0) -> tuple[Array, Array]:
    """Forty smooth images, as stored and as floats."""
    rng = np.random.default_rng(seed)
    _, height, width = shape
    y, x = np.arange(height)[:, None], np.arange(width)
    waves = rng.uniform(-0.2, 0.2, (2, 40, shape[0], 1, 1))
    numbers = np.sin(waves[0] * x + waves[1] * y + rng.uniform(0, 6, (40, shape[0], 1, 1)))
    if not uint8_input:
        floats = numbers.astype(np.float32)
        return floats, floats
    data = np.rint(127.5 * numbers + 127.5).astype(np.uint8)
    return data, (2 * data.astype(np.float32) - 255) / np.float32(255)


def forms() -> list[Target]:
    found = []
    for name in FORMS[:-1]:
        try:
            found.append(host_target(name))
        except LimitError:
            continue
    return found


SHAPES = [(1, 28, 28), (3, 20, 33), (1, 9, 9), (2, 16, 5), (1, 1, 40), (3, 30, 1), (1, 1, 1)]
NOW = {(shape, bool(number % 2)) for number, shape in enumerate(SHAPES)} | {(SHAPES[0], True)}
each_shape_and_type = pytest.mark.parametrize(
    ("shape", "uint8_input"), now_and_long(product(SHAPES, (False, True)), NOW), ids=str
)


@each_shape_and_type
def test_geometric_augmentation_equals_reference(
    shape: tuple[int, int, int], uint8_input: bool
) -> None:
    pictures, numbers = sample(shape, uint8_input=uint8_input)
    order = np.random.default_rng(1).permutation(40)[:37].astype(np.int64)
    program = learner(shape, uint8_input=uint8_input)
    for ground in ("dark", "any"):
        for augmentation in (ALL_GEOMETRIC, *SINGLE_GEOMETRIC):
            program.set_augmentation(augmentation, ground, 2**63 + 5, 3)
            found = packed_by_engine(program, pictures, order)
            wanted = augment(augmentation, numbers[order], ground, StepContext(2**63 + 5, 3, order))
            assert_allclose(found, wanted, 0, 1e-5, err_msg=f"{ground} {augmentation}")
        program.set_augmentation(Augmentation(), ground, 0, 0)
        assert (packed_by_engine(program, pictures, order) == numbers[order]).all()


@each_shape_and_type
def test_intensity_augmentation_equals_reference(
    shape: tuple[int, int, int], uint8_input: bool
) -> None:
    pictures, numbers = sample(shape, uint8_input=uint8_input)
    if not uint8_input:
        pictures = numbers = 1.25 * pictures  # beyond the bounds that some of them keep
    order = np.random.default_rng(1).permutation(40)[:37].astype(np.int64)
    for wanted, options in (
        (GRADED, [Augmentation(contrast=0.9), Augmentation(brightness=1)]),
        (NOISY, [Augmentation(noise=1)]),
        (MASKED, [Augmentation(band_masking=0.9), Augmentation(band_masking=0.1)]),
        (EVERYTHING, [ALL_CHANGES]),
    ):
        program = learner(shape, uint8_input=uint8_input, wanted=wanted)
        for augmentation in options:
            program.set_augmentation(augmentation, "dark", 2**63 + 5, 3)
            found = packed_by_engine(program, pictures, order)
            right = augment(augmentation, numbers[order], "dark", StepContext(2**63 + 5, 3, order))
            assert_allclose(found, right, 0, 1e-5, err_msg=str(augmentation))
            assert (found == right).all() or wanted is not MASKED  # nothing is computed there
            assert (found != numbers[order]).any() or augmentation.max_band(max(shape)) == 0


def test_program_contains_only_kernels_it_needs() -> None:
    pictures, numbers = sample((1, 5, 5), uint8_input=True)
    for wanted, there in (
        (MOVED, ["augment_geometry"]),
        (MASKED, ["pack_input", "mask_bands"]),
        (NOISY, ["pack_input", "augment_intensity"]),
        (EVERYTHING, ["augment_geometry", "augment_intensity", "mask_bands"]),
    ):
        program = learner((1, 5, 5), uint8_input=True, wanted=wanted)
        text = program.ir.text
        found = [
            name
            for name in ("pack_input", "augment_geometry", "augment_intensity", "mask_bands")
            if f" @{name}(" in text
        ]
        assert found == there
        assert (packed_by_engine(program, pictures, np.arange(40)) == numbers).all()


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 12)], ids=str)
@pytest.mark.parametrize(
    ("wanted", "augmentation"),
    [(MOVED, ALL_GEOMETRIC), (EVERYTHING, ALL_CHANGES)],
    ids=["moved", "everything"],
)
def test_augmentation_any_vectors_give_same_bits(
    shape: tuple[int, int, int], wanted: dict[str, Any], augmentation: Augmentation
) -> None:
    pictures, _ = sample(shape, uint8_input=True)
    order = np.arange(40)
    found = []
    for form in forms():
        program = learner(shape, uint8_input=True, target=form, wanted=wanted)
        program.set_augmentation(augmentation, "dark", 5, 3)
        found.append(packed_by_engine(program, pictures, order).tobytes())
    assert len(set(found)) == 1


def test_augmentation_ignores_batch_and_position() -> None:
    pictures, _ = sample((1, 12, 13), uint8_input=True)
    program = learner((1, 12, 13), uint8_input=True, wanted=EVERYTHING)
    program.set_augmentation(ALL_CHANGES, "any", 5, 3)
    whole = packed_by_engine(program, pictures, np.arange(40))
    order = np.random.default_rng(1).permutation(40)
    assert (packed_by_engine(program, pictures, order) == whole[order]).all()
    assert (packed_by_engine(program, pictures, order[:1]) == whole[order[:1]]).all()


def test_augmented_step_any_threads_gives_same_bits() -> None:
    pictures, numbers = sample((1, 12, 13), uint8_input=True)
    labels = np.arange(40) % 2
    found = set()
    for threads in (1, 2, 3):
        program = learner((1, 12, 13), uint8_input=True, wanted=EVERYTHING)
        program.set_augmentation(ALL_CHANGES, "dark", 5, 3)
        program.set_inputs(pictures, FRACTION)
        losses = program.compute_gradient(labels, threads)
        found.add(losses.tobytes() + program.gradient.tobytes())
    assert len(found) == 1
    plain = TrainingProgram(program.architecture, ProgramSpec("train"))
    plain.set_inputs(augment(ALL_CHANGES, numbers, "dark", step_context(40)), FRACTION)
    plain.compute_gradient(labels, 1)
    assert_allclose(program.gradient, plain.gradient, 0, 1e-4)
    assert np.abs(program.gradient).max() > 0.01


@pytest.mark.parametrize("shape", SHAPES[1::2], ids=str)
def test_augmentation_writes_only_into_buffers(shape: tuple[int, int, int]) -> None:
    pictures, _ = sample(shape, uint8_input=True)
    program = learner(shape, uint8_input=True, wanted=EVERYTHING)
    memory = aligned(program.ir.memory, np.uint8)
    memory[:] = 0xFF  # no numbers: what is read before it is written shows
    program.memories.append(memory)
    for augmentation in (*SINGLE_GEOMETRIC, ALL_CHANGES):
        program.set_augmentation(augmentation, "dark", 5, 3)
        assert np.isfinite(packed_by_engine(program, pictures, np.arange(40))).all()
    allowed = np.zeros(memory.size, bool)
    allowed[:HEADER_BYTES] = True
    for buffer in program.ir.plan.buffers.values():
        allowed[buffer.offset : buffer.offset + buffer.size] = True
    assert (memory[~allowed] == 0xFF).all()
