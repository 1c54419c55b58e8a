"""The settings of training steps, and how many steps run between two progress reports."""

from __future__ import annotations

import numpy as np
import pytest

import piecewise as pw
from piecewise.spec.optimizer_constants import bias_corrections
from piecewise.training.state import TrainingState
from piecewise.training.step import BackpropagationSteps
from piecewise.training.train import _next_chunk


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("chunks", [(1, 4, 250, 300, 60), (300, 1, 1), (255, 2, 600)])
def test_settings_of_chunks_equal_settings_of_single_steps(
    optimizer: str, chunks: tuple[int, ...]
) -> None:
    made = pw.make_xo(30, size=9, seed=0)
    net = pw.Network("conv 2 3, relu, pool 2, full", input=(1, 9, 9), classes=["X", "O"])
    recipe = pw.Recipe(epochs=500, batch_size=16, optimizer=optimizer, weight_decay=0.01)
    state = TrainingState(net, recipe, made.inputs, made.labels)
    runner = BackpropagationSteps(state, 1, lambda: None)
    for steps in chunks:
        rows = runner._settings(steps)
        assert rows.shape == (steps, 4)
        assert rows.flags.c_contiguous
        for row, step in zip(rows, range(state.step, state.step + steps), strict=True):
            rate = recipe.learning_rates(step, 1, state.total_steps)[0]
            corrections = bias_corrections(step + 1) if optimizer == "adamw" else (0, 0)
            expected = np.array([rate, rate * 0.01, *corrections], np.float32)
            assert row.tobytes() == expected.tobytes(), step
        state.step += steps


def test_next_chunk_grows_fourfold_and_is_kept_over_short_epochs() -> None:
    assert _next_chunk(1, 1, 1e-5) == 4
    assert _next_chunk(64, 1, 1e-5) == 256
    assert _next_chunk(64, 64, 0.5) == 6
    assert _next_chunk(64, 64, 100.0) == 1
