"""The memory plan: buffers in use at the same time are disjoint, and stray writes are detected."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from piecewise.engine.codegen.network_program import ProgramSpec, generate_network_ir
from piecewise.engine.ir.memory_plan import LINE, MemoryPlan
from piecewise.engine.ir.thread_header import HEADER_BYTES
from piecewise.engine.runtime.compiled_program import TrainingProgram
from piecewise.engine.runtime.llvm_compiler import host_target
from piecewise.spec.architecture import Architecture

from .networks import PICTURES, TEXTS, numbers_for, random_input, random_layers
from .test_engine import (
    GUARD,
    LEVELS,
    Fence,
    all_apart,
    anything,
    flat,
    guarded_memories,
    seeds,
    strayed,
)

TEXT = "conv 5 3 pad=same, relu, pool 3 stride=2, norm, dropout 0.5, conv 4 2, pool 2, full 9, full"
SHAPE = (2, 7, 9)


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two ranges of times, ends included, have one in common."""
    return bool(set(range(a[0], a[1] + 1)) & set(range(b[0], b[1] + 1)))


def assert_disjoint(plan: MemoryPlan, memory: int, guard: int, *, always: bool = False) -> None:
    fully_written_buffers = sorted(plan.buffers.items(), key=lambda item: item[1].offset)
    for index, (name, one) in enumerate(fully_written_buffers):
        assert one.offset % LINE == 0, name
        assert one.offset >= plan.start + guard, name
        assert one.offset + one.size + guard <= memory, name
        for other_name, other in fully_written_buffers[index + 1 :]:
            if always or overlap((one.first, one.last), (other.first, other.last)):
                free = other.offset - (one.offset + one.size)
                assert free >= guard, f"{name} and {other_name}: {free} bytes between them"


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("guard", [0, GUARD])
@seeds(100)
@anything
def test_assign_offsets_simultaneous_buffers_are_disjoint(
    guard: int, apart: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    plan, wanted = MemoryPlan(HEADER_BYTES, guard, apart), dict[str, tuple[int, int]]()
    for number in range(int(random.integers(1, 25))):
        name, size = f"place {number}", int(random.choice([1, 4, 64, 65, 640, 6400]))
        times = random.integers(0, 20, random.integers(1, 4)).tolist()
        for time in times:
            plan.use(name, size, time)
        wanted[name] = (min(times), max(times))
    assert {name: (p.first, p.last) for name, p in plan.buffers.items()} == wanted
    assert_disjoint(plan, plan.assign_offsets(), guard, always=apart)


def test_assign_offsets_disjoint_lifetimes_share_memory() -> None:
    plan = MemoryPlan(HEADER_BYTES)
    for time in range(10):
        plan.use(f"stack {time}", 1 << 20, time)
        plan.use(f"stack {time}", 1 << 20, time + 1)
    assert plan.assign_offsets() < 3 << 20
    assert {buffer.offset % (1 << 20) for buffer in plan.buffers.values()} == {HEADER_BYTES}


def test_use_with_another_size_raises_error() -> None:
    plan = MemoryPlan(HEADER_BYTES)
    plan.use("stack", 64, 0)
    with pytest.raises(AssertionError, match="stack: 64 bytes, then 128"):
        plan.use("stack", 128, 1)


@pytest.mark.parametrize("seed", range(30))
def test_memory_plan_random_networks_buffers_are_disjoint(seed: int) -> None:
    random, kinds = Random(seed), TEXTS if seed % 5 == 4 else PICTURES
    shape = random_input(random, kinds)
    architecture = Architecture(random_layers(random, shape, 3, kinds), shape, 3)
    for purpose in (
        ProgramSpec("infer"),
        ProgramSpec("train"),
        ProgramSpec("train", training=True),
    ):
        made = generate_network_ir(architecture, host_target(), purpose, GUARD)
        assert_disjoint(made.plan, made.memory, GUARD)


def learned(text: str = TEXT) -> TrainingProgram:
    """A training program after one step, with guarded memory and separate buffers."""
    made = numbers_for(Architecture(text, SHAPE, 3), "places", 20)
    with all_apart():
        learner = TrainingProgram(
            made.architecture, ProgramSpec("train", training=True), guard=GUARD
        )
    guarded_memories(learner, 1)
    learner.load_parameters(*flat(made))
    learner.set_inputs(made.x.astype(np.float32), LEVELS)
    order, rates = np.arange(20), np.zeros((1, 4), np.float32)
    learner.run_steps(order, made.labels.astype(np.int64), 20, 0, rates, 1)
    return learner


def fully_written_buffers() -> list[str]:
    """Some buffers that are written to their end; sums are rounded up to sixteen numbers."""
    purpose = ProgramSpec("train", training=True)
    plan = generate_network_ir(Architecture(TEXT, SHAPE, 3), host_target(), purpose).plan
    inside = [name for name, p in plan.buffers.items() if p.size >= LINE]
    return [name for name in inside if not name.endswith((".sums", ".cells"))][::3]


def test_training_step_writes_nothing_outside_buffers() -> None:
    assert not list(strayed(learned()))


@pytest.mark.parametrize("number", range(len(fully_written_buffers())))
def test_guard_detects_buffer_that_is_too_small(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, assign_offsets = fully_written_buffers()[number], MemoryPlan.assign_offsets

    def shrunk(plan: MemoryPlan) -> int:
        plan.buffers[name].size -= LINE
        return assign_offsets(plan)

    monkeypatch.setattr(MemoryPlan, "assign_offsets", shrunk)
    learner = learned(f"{TEXT}, dropout 0.{number:02}1")  # of its own, so that it is made anew
    buffer = learner.ir.plan.buffers[name]
    end = buffer.offset + buffer.size
    assert any(end <= byte < end + LINE for _, byte in strayed(learner)), name


def test_fence_detects_writes_on_either_side() -> None:
    for buffer, inside in ((-1, True), (10, True), (0, False), (9, False)):
        fence = Fence(10)
        assert fence.intact()
        fence.whole[Fence.strip + buffer] = 1
        assert fence.intact() is not inside


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("conv 2 2, pool 2 stride=1, full", True),
        ("conv 2 2, pool 2, full", True),
        ("conv 2 2, pool 2 kind=average, full", False),
        ("pool 2, conv 2 2, full", False),  # nothing before it has parameters
    ],
)
def test_argmax_is_stored_only_if_the_backward_pass_needs_it(text: str, stored: bool) -> None:
    architecture = Architecture(text, (1, 7, 7), 2)
    for name in ("train", "infer"):
        fully_written_buffers = generate_network_ir(
            architecture, host_target(), ProgramSpec(name)
        ).plan.buffers
        found = any(buffer.endswith(".argmax") for buffer in fully_written_buffers)
        assert found == (stored and name == "train"), name
