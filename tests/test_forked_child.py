"""A forked child can use the nets of its parent, whatever the parent's threads were doing."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from piecewise import LiveTrainer, Network, Recipe
from piecewise.core.array_types import Array
from piecewise.engine.ir.program_context import ARRIVED
from piecewise.engine.runtime import program_registry, thread_pool
from piecewise.engine.runtime.helper_threads import HELPERS

from .steps import HANG

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

NET = "conv 5 3, relu, pool 2, full"
INPUTS: Array = np.random.default_rng(1).normal(size=(64, 1, 7, 9)).astype(np.float32)
LABELS = np.arange(64) % 3


def result_in_child(compute: Callable[[], bytes]) -> bytes:
    """What a forked child computes."""
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[bytes] = context.Queue()
    child = context.Process(target=lambda: queue.put(compute()), daemon=True)
    child.start()
    try:
        return queue.get(timeout=HANG)
    finally:
        child.kill()
        child.join()


def test_child_uses_net_that_another_thread_was_in() -> None:
    net = Network(NET, (1, 7, 9), 3)
    expected, single = net.logits(INPUTS, threads=2), net.logits(INPUTS[:1])
    batch_program = program_registry._inference_program(net.architecture, False)
    single_program = program_registry._single_image_program(net.architecture, False)
    with ExitStack() as held:  # as if other threads were inside
        for lock in (batch_program.lock, single_program.lock, HELPERS._lock):
            held.enter_context(lock)
        held.enter_context(thread_pool._POOL.submitting)
        batch_program.context.word(ARRIVED)[0] = 1
        found = result_in_child(lambda: net.logits(INPUTS, threads=2).tobytes())
        found_single = result_in_child(lambda: net.logits(INPUTS[:1]).tobytes())
        batch_program.context.word(ARRIVED)[0] = 0
    assert found == expected.tobytes()
    assert found_single == single.tobytes()


def test_child_uses_finite_differences_that_another_thread_was_in() -> None:
    net, x, labels = Network("full", (1, 7, 9), 3), INPUTS[:4].astype(np.float64), LABELS[:4]

    def gradient() -> bytes:
        found: Any = program_registry.finite_differences(
            net.architecture, net.state, x, labels, "cross-entropy", threads=2
        )
        return b"".join(np.asarray(array).tobytes() for array in found.arrays.values())

    expected = gradient()
    program = program_registry._finite_difference_program(
        net.architecture, "cross-entropy", False, 0
    )
    with program.lock:
        assert result_in_child(gradient) == expected


def test_child_trains_with_live_trainer_that_was_training() -> None:
    live = LiveTrainer(Network(NET, (1, 7, 9), 3))

    def train() -> bytes:
        net = live.train(INPUTS, LABELS, Recipe(epochs=1)).result(HANG)
        return net.parameters_sha256.encode()

    expected = train()
    with live._lock:
        assert result_in_child(train) == expected
