"""Large embedding tables are updated from the gradients that are not zero, with the same bits as
from all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.engine.codegen.network_program import ProgramSpec
from piecewise.engine.kernels import embedding_marks
from piecewise.engine.runtime.compiled_program import TrainingProgram, program_code
from piecewise.spec.architecture import Architecture
from piecewise.spec.frozen_layers import NOTHING, frozen_part

from .networks import numbers_for
from .test_engine import LEVELS
from .test_engine_order import NETS as ORDER_NETS
from .test_engine_order import test_engine_equals_oracle_bit_by_bit as compare_with_oracle
from .test_engine_training_steps import DECAY, MOMENTUM, rates_of

TEXTS, POSITIONS, STEPS = 90, 12, 6
NETS = (
    "embed {}, pool all kind=average, full",
    "embed {}, relu, pool all, full",
    "embed {}, dropout 0.4, conv 3 1x3, norm, relu, pool all, full",
)
CHANNELS = (1, 2, 6, 16, 17, 33, 64)
Size = Callable[[int], None]


@pytest.fixture
def smallest_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Size]:
    """Sets how many blocks a table needs so that its gradient is summed where it is not zero."""

    def choose(blocks: int) -> None:
        monkeypatch.setattr(embedding_marks, "MIN_BLOCKS", blocks)
        program_code.cache_clear()

    yield choose
    program_code.cache_clear()


def texts_of(rng: np.random.Generator, vocabulary: int, used: int) -> Array:
    """Texts of all lengths with ``used`` different tokens, the last of the vocabulary among
    them."""
    tokens = np.r_[rng.permutation(np.arange(1, vocabulary - 1))[: used - 1], vocabulary - 1]
    texts = rng.choice(tokens, (TEXTS, POSITIONS))
    for number, text in enumerate(texts):
        text[number % (POSITIONS + 1) :] = 0
    texts[3, 1] = 0
    return texts


class Case:
    """Training steps of a random net on random texts."""

    def __init__(self, seed: int) -> None:
        rng = self.rng = np.random.default_rng(seed)
        self.vocabulary = int(rng.integers(20, 70))
        text = NETS[seed % len(NETS)].format(CHANNELS[seed % len(CHANNELS)])
        self.architecture = Architecture(text, (1, self.vocabulary, POSITIONS), 3)
        self.x = texts_of(rng, self.vocabulary, int(rng.choice([1, 3, self.vocabulary - 2])))
        self.labels = rng.integers(0, 3, TEXTS)
        self.batch = int(rng.choice([5, 40, TEXTS]))
        self.order = np.concatenate([rng.permutation(TEXTS) for _ in range(STEPS)])
        self.optimizer = ("sgd", "nesterov", "adamw")[seed // 2 % 3]
        self.decay = DECAY * (seed % 4 > 0)
        scale = rng.choice([0, 0.3], 2, p=[0.2, 0.8])
        sizes = (
            self.architecture.parameter_count,
            sum(row.size for row in self.architecture.running_stats),
        )
        self.parameters, self.running_stats = (
            (rng.normal(size=size) * scale[0]).astype(np.float32) for size in sizes
        )
        self.running_stats = np.abs(self.running_stats) + 1
        self.weights = rng.choice([0, 1.7], TEXTS).astype(np.float32) if seed % 3 == 1 else None
        self.until = "embed1" if seed % 10 == 9 else None
        self.scales = rng.uniform(0, 3, sizes[0]).astype(np.float32) if seed % 4 == 2 else None

    def program(self) -> TrainingProgram:
        frozen = frozen_part(self.architecture, self.until) if self.until else NOTHING
        spec = ProgramSpec(
            "train", False, "cross-entropy", self.optimizer,
            training=True, weighted=self.weights is not None, frozen=frozen,
            scaled=self.scales is not None,
        )  # fmt: skip
        program = TrainingProgram(self.architecture, spec)
        program.load_parameters(self.parameters, self.running_stats)
        program.set_inputs(self.x, LEVELS)
        program.context.write_float("momentum", MOMENTUM)
        program.context.write_float("decay", self.decay)
        if self.weights is not None:
            program.set_sample_weights(self.weights)
        if self.scales is not None:
            program.set_gradient_scales(self.scales)
        return program

    def steps(self, program: TrainingProgram, threads: int, rates: Any = None) -> list[bytes]:
        """The bits after the steps: losses and all that the program remembers."""
        if rates is None:
            rates = rates_of(STEPS)
        losses, _ = program.run_steps(self.order, self.labels, self.batch, 0, rates, threads)
        return [
            array.tobytes()
            for array in (
                losses,
                program.current_weights,
                program.optimizer_state,
                program.second_moments,
                program.running_stats,
            )
        ]


@pytest.mark.parametrize("seed", range(30))
def test_steps_give_bits_of_sum_over_all_shards(seed: int, smallest_table: Size) -> None:
    case = Case(seed)
    smallest_table(1 << 30)
    program = case.program()
    assert program.ir.layout.table is None
    expected = case.steps(program, 1)
    smallest_table(0)
    for threads in (1, 2, 3, 4):
        program = case.program()
        assert program.ir.layout.table is not None
        assert case.steps(program, threads) == expected, f"{threads} threads"
        table = 16 * program.ir.layout.marked_blocks
        shards = program.shards.reshape(-1, program.ir.layout.shard_floats)
        assert not shards[:, :table].view(np.uint32).any(), "a gradient is left for the next step"
        assert not program.marks[:table].any(), "a mark is left for the next step"


TEXT_NETS = [name for name, net in ORDER_NETS.items() if "embed" in net.text]


@pytest.mark.parametrize("name", TEXT_NETS)
def test_steps_equal_oracle_bit_by_bit(name: str, smallest_table: Size) -> None:
    smallest_table(0)
    compare_with_oracle(name, "avx2")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("rate", "left"), [(3e38, False), (1e30, True)], ids=["weights", "loss"])
def test_steps_after_stop_start_from_zero_gradients(
    rate: float, left: bool, threads: int, smallest_table: Size
) -> None:
    smallest_table(0)
    case = Case(5)
    case.batch, rates = 40, rates_of(STEPS)
    rates[2:, :2] = rate
    program, fresh = case.program(), case.program()
    _, done = program.run_steps(case.order, case.labels, case.batch, 0, rates, threads)
    assert 2 <= done < STEPS
    table = 16 * program.ir.layout.marked_blocks
    assert program.marks[:table].any() == left, "the step was stopped elsewhere"
    program.load_parameters(case.parameters, case.running_stats)
    program.optimizer_state[:] = program.second_moments[:] = 0
    assert case.steps(program, threads) == case.steps(fresh, threads)


@pytest.mark.parametrize(
    ("layers", "vocabulary", "large"),
    [
        ("embed 64, pool all, full", 4_096, True),
        ("embed 64, pool all, full", 4_095, False),
        ("embed 6, pool all, full", 50_000, True),
        ("embed 6, pool all, full", 20_000, False),
    ],
)
def test_tables_from_one_mebibyte_are_large(layers: str, vocabulary: int, large: bool) -> None:
    table = embedding_marks.large_table(Architecture(layers, (1, vocabulary, 5), 2))
    assert (table is not None) == large


def test_nets_of_images_have_no_table() -> None:
    wide = Architecture("full 2000, relu, full", (3, 32, 32), 2)
    assert embedding_marks.large_table(wide) is None


def test_large_table_at_its_own_size_equals_its_used_rows(smallest_table: Size) -> None:
    """Training on few tokens of a large vocabulary equals training on those tokens alone."""
    positions, channels = 5, 64
    small = numbers_for(Architecture("embed 64, pool all, full", (1, 8, positions), 3), "table", 50)
    large = Architecture("embed 64, pool all, full", (1, 4_200, positions), 3)
    assert embedding_marks.large_table(large)
    extra = channels * (4_200 - 8)
    flat = np.concatenate(
        [small.arrays[row.name].astype(np.float32).ravel() for row in small.architecture.parameters]
    )
    grown = np.insert(flat, np.full(extra, channels * 8), 0)
    smallest_table(1 << 14)
    found: list[tuple[bytes, Array]] = []
    for architecture, parameters in ((small.architecture, flat), (large, grown)):
        program = TrainingProgram(architecture, ProgramSpec("train", optimizer="adamw"))
        program.load_parameters(parameters, np.zeros(0, np.float32))
        program.set_inputs(small.x, LEVELS)
        losses, _ = program.run_steps(
            np.arange(50), small.labels.astype(np.int64), 50, 0, rates_of(1), 2
        )
        weights = program.current_weights[: parameters.size]
        found.append((losses.tobytes(), weights))
    (small_losses, small_weights), (large_losses, large_weights) = found
    assert small_losses == large_losses
    used = np.r_[: channels * 8, channels * 8 + extra : grown.size]
    assert large_weights[used].tobytes() == small_weights.tobytes()
