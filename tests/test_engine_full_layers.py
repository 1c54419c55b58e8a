"""Programs that run two groups at a time, or compute the weight gradients of a whole batch, give
the bits of those that run one group after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.array_types import Array
from piecewise.engine.codegen import full_layer_plan, network_program
from piecewise.engine.codegen.full_layer_plan import runs_pairs
from piecewise.engine.codegen.network_program import MAX_RECORDED_BATCH, ProgramSpec
from piecewise.engine.ir.target import Target
from piecewise.engine.kernels import fully_connected
from piecewise.engine.runtime.compiled_program import (
    InferenceProgram,
    TrainingProgram,
    program_code,
)
from piecewise.spec.architecture import Architecture
from piecewise.spec.frozen_layers import frozen_part
from piecewise.training.state import TrainingState
from piecewise.training.step import BackpropagationSteps

from .long import now_and_long
from .networks import Sample, numbers_for
from .test_engine import LEVELS, flat, form, write_key
from .test_engine_order import NETS as ORDER_NETS
from .test_engine_order import test_engine_equals_oracle_bit_by_bit as compare_with_oracle
from .test_engine_training_steps import DECAY, MOMENTUM, rates_of


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All programs run two groups at a time."""
    monkeypatch.setattr(network_program, "runs_pairs", lambda _: True)
    program_code.cache_clear()
    yield
    program_code.cache_clear()


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize("name", now_and_long(ORDER_NETS, ["full", "large", "norm", "both"]))
def test_pairs_equal_oracle_bit_by_bit(name: str) -> None:
    compare_with_oracle(name, "avx512" if len(name) % 2 else "avx2")


@pytest.mark.usefixtures("pairs")
def test_pairs_in_vectors_of_four_equal_oracle_bit_by_bit() -> None:
    compare_with_oracle("large", "four")


SIZES = ("full 131, relu, full 129, relu, dropout 0.3, full", "full 70, norm, relu, full 300, full")
EXAMPLES, BATCHES = 150, (150, 84, 40)
"""Batches of an even and of odd numbers of groups, with full and incomplete last ones."""
SPEC = ProgramSpec("train", optimizer="nesterov", training=True)


def bits_of_steps(
    made: Sample,
    machine: Target,
    batch: int,
    threads: int,
    max_shards: int,
    spec: ProgramSpec = SPEC,
) -> list[bytes]:
    """The losses and all that is left after three steps."""
    program = TrainingProgram(made.architecture, spec, target=machine)
    program.max_shards = max_shards
    program.load_parameters(*flat(made))
    program.set_inputs(made.x.astype(np.float32), LEVELS)
    program.context.write_float("momentum", MOMENTUM)
    program.context.write_float("decay", DECAY)
    random = np.random.default_rng(0)
    if spec.weighted:
        program.set_sample_weights(random.choice([0, 1.7], EXAMPLES).astype(np.float32))
    if spec.scaled:
        scales = random.uniform(0, 3, made.architecture.parameter_count)
        program.set_gradient_scales(scales.astype(np.float32))
    write_key(program, 3, 1)
    order = np.concatenate([random.permutation(EXAMPLES) for _ in range(3)])
    labels = made.labels.astype(np.int64)
    losses, done = program.run_steps(order, labels, batch, 0, rates_of(3), threads)
    assert done == 3
    left = (
        losses,
        program.current_weights,
        program.optimizer_state,
        program.second_moments,
        program.running_stats,
    )
    return [array.tobytes() for array in left]


@pytest.mark.parametrize("vectors", ["avx512", "avx2", "four"])
@pytest.mark.parametrize("text", SIZES)
def test_pairs_give_bits_of_single_groups(
    text: str, vectors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, architecture = form(vectors), Architecture(text, (1, 13, 11), 5)
    made = numbers_for(architecture, "pairs", EXAMPLES)
    assert runs_pairs(architecture)
    shapes = [(batch, shards) for batch in BATCHES for shards in (1, 3, 16)]
    expected: dict[tuple[int, int], list[bytes]] = {}
    for together in (False, True):
        monkeypatch.setattr(network_program, "runs_pairs", lambda _, on=together: on)
        program_code.cache_clear()
        for shape in shapes:
            for threads in (1, 2):
                found = bits_of_steps(made, machine, shape[0], threads, shape[1])
                assert found == expected.setdefault(shape, found), (shape, threads)
    program_code.cache_clear()


@pytest.mark.parametrize("count", [3, 16, 17, 32, 33, 47, 48, 64, 150])
def test_logits_of_pairs_equal_logits_of_single_groups(count: int) -> None:
    architecture = Architecture(SIZES[0], (1, 13, 11), 5)
    made = numbers_for(architecture, "pairs", EXAMPLES)
    program = InferenceProgram(architecture)
    assert program.ir.layout.second_memory
    x = made.x[:count].astype(np.float32)

    def logits(examples: Array) -> Array:
        return program.logits(examples, *flat(made), LEVELS, 1)

    single = np.concatenate([logits(x[start : start + 16]) for start in range(0, count, 16)])
    assert logits(x).tobytes() == single.tobytes()


@pytest.mark.parametrize(
    ("layers", "pairs"),
    [
        ("full 256, relu, full", True),
        ("full 12, relu, full", False),
        ("conv 16 5, relu, pool 2, full 16, relu, full", False),
    ],
)
def test_nets_of_mostly_full_layers_run_pairs(layers: str, pairs: bool) -> None:
    assert runs_pairs(Architecture(layers, (1, 28, 28), 10)) == pairs


def test_weights_of_input_gradient_are_read_in_blocks() -> None:
    spec = fully_connected.FullSums(300, 131, 1, 131, 2, backward=True)
    assert (spec.block, spec.earlier_blocks) == (128, 2)
    assert fully_connected.FullSums(300, 131, 300, 1, 2).earlier_blocks == 0


@pytest.fixture
def small_records(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Layers of any size are recorded, if a program records layers at all."""
    monkeypatch.setattr(full_layer_plan, "_RECORDED_WEIGHTS", 1)
    program_code.cache_clear()
    yield
    program_code.cache_clear()


RECORDED = {
    "odd": ("full 131, relu, full 17, relu, dropout 0.3, full", replace(SPEC, optimizer="sgd")),
    "even": ("full 32, norm, relu, full 48, full", replace(SPEC, weighted=True)),
    "few": ("full 3, full 2, full 1, full", replace(SPEC, optimizer="adamw")),
    "convolution": ("conv 3 3, norm, relu, pool 2, full 37, relu, full", SPEC),
    "scaled": ("conv 2 3, full 130, relu, full", replace(SPEC, optimizer="sgd", scaled=True)),
}


@pytest.mark.usefixtures("small_records")
@pytest.mark.parametrize("vectors", ["avx512", "avx2", "four"])
@pytest.mark.parametrize("name", RECORDED)
def test_gradients_of_a_batch_give_bits_of_gradients_of_groups(name: str, vectors: str) -> None:
    text, spec = RECORDED[name]
    machine, architecture = form(vectors), Architecture(text, (1, 13, 11), 5)
    made = numbers_for(architecture, "records", EXAMPLES)
    recorded = replace(spec, records=True)
    layers = text.count("full")
    assert len(program_code(architecture, recorded, machine, 0).ir.layout.records) == layers
    assert not program_code(architecture, spec, machine, 0).ir.layout.records
    for batch, max_shards in product(BATCHES, (1, 3, 16)):
        expected = bits_of_steps(made, machine, batch, 1, max_shards, spec)
        for threads in (1, 2):
            found = bits_of_steps(made, machine, batch, threads, max_shards, recorded)
            assert found == expected, (batch, max_shards, threads)


@pytest.mark.usefixtures("small_records")
@pytest.mark.parametrize("name", now_and_long(ORDER_NETS, ["full", "large", "adamw"]))
def test_gradients_of_a_batch_equal_oracle_bit_by_bit(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = full_layer_plan.plan_records
    monkeypatch.setattr(
        network_program, "plan_records", lambda passes, *, wanted: plan(passes, wanted=True)
    )
    compare_with_oracle(name, "avx2" if len(name) % 2 else "avx512")


@pytest.mark.usefixtures("small_records")
@pytest.mark.parametrize("max_shards", [1, 3])
def test_gradients_of_a_batch_keep_sign_of_zero(max_shards: int) -> None:
    """Products of tiny numbers are rounded to zeros of both signs."""
    architecture = Architecture("full 5, full", (1, 3, 7), 3)
    made = numbers_for(architecture, "zeros", EXAMPLES)
    x, labels = made.x.astype(np.float32) * np.float32(1e-44), made.labels.astype(np.int64)
    found = []
    for records in (False, True):
        spec = replace(SPEC, optimizer="none", records=records)
        program = TrainingProgram(architecture, spec, target=form("avx2"))
        program.max_shards = max_shards
        program.load_parameters(*flat(made))
        program.set_inputs(x, LEVELS)
        program.compute_gradient(labels, 1)
        found.append(program.gradient.view(np.uint32))
    assert (found[0][: 5 * 21] == 0x80000000).any(), "no gradient is -0"
    assert (found[1] == found[0]).all()


@pytest.mark.usefixtures("small_records")
def test_frozen_layers_are_not_recorded() -> None:
    architecture = Architecture("full 20, relu, full 30, relu, full", (1, 13, 11), 5)
    frozen = frozen_part(architecture, "full1")
    made = numbers_for(architecture, "records", EXAMPLES)
    spec = replace(SPEC, frozen=frozen)
    recorded = replace(spec, records=True)
    assert len(program_code(architecture, recorded, form("avx2"), 0).ir.layout.records) == 2
    expected = bits_of_steps(made, form("avx2"), 84, 1, 16, spec)
    assert bits_of_steps(made, form("avx2"), 84, 2, 16, recorded) == expected


def test_records_are_for_large_layers_and_usual_batches() -> None:
    spec = replace(SPEC, records=True)
    architecture = Architecture("full 256, relu, full 16, relu, full", (1, 28, 28), 10)
    layout = program_code(architecture, spec, form("avx2"), 0).ir.layout
    assert [record.neurons for record in layout.records] == [256]
    assert [recorded for _, _, recorded in layout.block_ranges] == [True, False]
    made = pw.make_xo(40, size=9, seed=0)
    net = pw.Network("full 2, full", input=(1, 9, 9), classes=["X", "O"])
    for batch, recorded in ((MAX_RECORDED_BATCH, True), (MAX_RECORDED_BATCH + 1, False)):
        state = TrainingState(net, pw.Recipe(batch_size=batch), made.inputs, made.labels)
        runner = BackpropagationSteps(state, 1, lambda: None)
        assert runner.program.spec.records == recorded
