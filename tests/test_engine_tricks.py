"""Training-time tricks in the engine: as the reference, to the last bit the same everywhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose

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
from .test_augmentation import ALL, ALONE, SHADED, step_context

Array = npt.NDArray[Any]
FRACTION = np.array([2, -255, 255], np.float32)
MOVED = {"geometric": True}


GRADED, NOISY, MASKED = {"intensity": True}, {"noise": True}, {"band_masking": True}
EVERYTHING = {"geometric": True} | GRADED | NOISY | MASKED
ALL_TRICKS = replace(
    SHADED, translation=(0.1, 0.2), scale=(0.6, 1.4), rotation=60, stroke_width=1.3
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


def by_engine(program: TrainingProgram, pictures: Array, order: Array) -> Array:
    """What the pictures of an order are when they have been laid into lanes, a group at a time."""
    program.set_inputs(pictures, FRACTION)
    place, rates = program.ir.plan.buffers["input"], np.zeros((1, 4), np.float32)
    found = []
    for start in range(0, len(order), 16):
        group = order[start : start + 16]
        program.run_steps(group, np.zeros(len(pictures), np.int64), 16, 0, rates, 1)
        laid = program.memories[0][place.offset : place.offset + place.size].view(np.float32)
        stack = laid.reshape(*pictures.shape[1:], 16)
        found.append(np.moveaxis(stack, 3, 0)[: len(group)].copy())
    return np.concatenate(found)


def sample(shape: tuple[int, int, int], *, uint8_input: bool, seed: int = 0) -> tuple[Array, Array]:
    """Forty smooth pictures, and the same as numbers."""
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
given_as = pytest.mark.parametrize(
    ("shape", "uint8_input"), now_and_long(product(SHAPES, (False, True)), NOW), ids=str
)


@given_as
def test_the_engine_agrees_with_the_reference(
    shape: tuple[int, int, int], uint8_input: bool
) -> None:
    pictures, numbers = sample(shape, uint8_input=uint8_input)
    order = np.random.default_rng(1).permutation(40)[:37].astype(np.int64)
    program = learner(shape, uint8_input=uint8_input)
    for ground in ("dark", "any"):
        for tricks in (ALL, *ALONE):
            program.set_augmentation(tricks, ground, 2**63 + 5, 3)
            found = by_engine(program, pictures, order)
            wanted = augment(tricks, numbers[order], ground, StepContext(2**63 + 5, 3, order))
            assert_allclose(found, wanted, 0, 1e-5, err_msg=f"{ground} {tricks}")
        program.set_augmentation(Augmentation(), ground, 0, 0)
        assert (by_engine(program, pictures, order) == numbers[order]).all()


@given_as
def test_shades_agree_with_the_reference(shape: tuple[int, int, int], uint8_input: bool) -> None:
    pictures, numbers = sample(shape, uint8_input=uint8_input)
    if not uint8_input:
        pictures = numbers = 1.25 * pictures  # beyond the bounds that some of them keep
    order = np.random.default_rng(1).permutation(40)[:37].astype(np.int64)
    for wanted, told in (
        (GRADED, [Augmentation(contrast=0.9), Augmentation(brightness=1)]),
        (NOISY, [Augmentation(noise=1)]),
        (MASKED, [Augmentation(band_masking=0.9), Augmentation(band_masking=0.1)]),
        (EVERYTHING, [ALL_TRICKS]),
    ):
        program = learner(shape, uint8_input=uint8_input, wanted=wanted)
        for tricks in told:
            program.set_augmentation(tricks, "dark", 2**63 + 5, 3)
            found = by_engine(program, pictures, order)
            right = augment(tricks, numbers[order], "dark", StepContext(2**63 + 5, 3, order))
            assert_allclose(found, right, 0, 1e-5, err_msg=str(tricks))
            assert (found == right).all() or wanted is not MASKED  # nothing is computed there
            assert (found != numbers[order]).any() or tricks.max_band(max(shape)) == 0


def test_a_program_holds_what_it_needs_and_begins_without_any() -> None:
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
        assert (by_engine(program, pictures, np.arange(40)) == numbers).all()


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 12)], ids=str)
@pytest.mark.parametrize(
    ("wanted", "tricks"), [(MOVED, ALL), (EVERYTHING, ALL_TRICKS)], ids=["moved", "everything"]
)
def test_the_bits_are_the_same_in_every_form(
    shape: tuple[int, int, int], wanted: dict[str, Any], tricks: Augmentation
) -> None:
    pictures, _ = sample(shape, uint8_input=True)
    order = np.arange(40)
    found = []
    for form in forms():
        program = learner(shape, uint8_input=True, target=form, wanted=wanted)
        program.set_augmentation(tricks, "dark", 5, 3)
        found.append(by_engine(program, pictures, order).tobytes())
    assert len(set(found)) == 1


def test_a_picture_s_bits_hang_on_neither_batch_nor_place() -> None:
    pictures, _ = sample((1, 12, 13), uint8_input=True)
    program = learner((1, 12, 13), uint8_input=True, wanted=EVERYTHING)
    program.set_augmentation(ALL_TRICKS, "any", 5, 3)
    whole = by_engine(program, pictures, np.arange(40))
    order = np.random.default_rng(1).permutation(40)
    assert (by_engine(program, pictures, order) == whole[order]).all()
    assert (by_engine(program, pictures, order[:1]) == whole[order[:1]]).all()


def test_a_step_with_tricks_is_the_same_on_any_number_of_threads() -> None:
    pictures, numbers = sample((1, 12, 13), uint8_input=True)
    labels = np.arange(40) % 2
    found = set()
    for threads in (1, 2, 3):
        program = learner((1, 12, 13), uint8_input=True, wanted=EVERYTHING)
        program.set_augmentation(ALL_TRICKS, "dark", 5, 3)
        program.set_inputs(pictures, FRACTION)
        losses = program.compute_gradient(labels, threads)
        found.add(losses.tobytes() + program.gradient.tobytes())
    assert len(found) == 1
    plain = TrainingProgram(program.architecture, ProgramSpec("train"))
    plain.set_inputs(augment(ALL_TRICKS, numbers, "dark", step_context(40)), FRACTION)
    plain.compute_gradient(labels, 1)
    assert_allclose(program.gradient, plain.gradient, 0, 1e-4)
    assert np.abs(program.gradient).max() > 0.01


@pytest.mark.parametrize("shape", SHAPES[1::2], ids=str)
def test_the_engine_writes_only_where_it_may(shape: tuple[int, int, int]) -> None:
    pictures, _ = sample(shape, uint8_input=True)
    program = learner(shape, uint8_input=True, wanted=EVERYTHING)
    memory = aligned(program.ir.memory, np.uint8)
    memory[:] = 0xFF  # no numbers: what is read before it is written shows
    program.memories.append(memory)
    for tricks in (*ALONE, ALL_TRICKS):
        program.set_augmentation(tricks, "dark", 5, 3)
        assert np.isfinite(by_engine(program, pictures, np.arange(40))).all()
    allowed = np.zeros(memory.size, bool)
    allowed[:HEADER_BYTES] = True
    for place in program.ir.plan.buffers.values():
        allowed[place.offset : place.offset + place.size] = True
    assert (memory[~allowed] == 0xFF).all()
