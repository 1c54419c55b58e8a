"""Programs that run two groups at a time give the bits of those that run one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.engine.codegen import network_program
from piecewise.engine.codegen.full_layer_plan import runs_pairs
from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.ir.target import Target
from piecewise.engine.kernels import fully_connected
from piecewise.engine.runtime.compiled_program import (
    InferenceProgram,
    TrainingProgram,
    program_code,
)
from piecewise.spec.architecture import Architecture

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


def bits_of_steps(
    made: Sample, machine: Target, batch: int, threads: int, max_shards: int
) -> list[bytes]:
    """The losses and all that is left after three steps."""
    spec = ProgramSpec("train", optimizer="nesterov", training=True)
    program = TrainingProgram(made.architecture, spec, target=machine)
    program.max_shards = max_shards
    program.load_parameters(*flat(made))
    program.set_inputs(made.x.astype(np.float32), LEVELS)
    program.context.write_float("momentum", MOMENTUM)
    program.context.write_float("decay", DECAY)
    write_key(program, 3, 1)
    order = np.random.default_rng(0).permutation(EXAMPLES).repeat(3).reshape(-1, 3).T.ravel()
    labels = made.labels.astype(np.int64)
    losses, done = program.run_steps(order, labels, batch, 0, rates_of(3), threads)
    assert done == 3
    left = (losses, program.current_weights, program.optimizer_state, program.running_stats)
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
