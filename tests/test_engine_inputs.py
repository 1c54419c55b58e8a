"""`Network` with unusual inputs: memory layouts, threads, forked processes and trivial layers."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from piecewise import LimitError, Network, Recipe, TrainingError, train
from piecewise.core.array_types import Array
from piecewise.engine.runtime import compiled_program, program_registry, thread_pool
from piecewise.engine.runtime.thread_pool import run_on_threads
from piecewise.reference import model
from piecewise.training import train as training_loop

from .steps import HANG

NET = "conv 5 3, relu, pool 2, full"
SHAPE = (2, 7, 9)


def make_inputs(count: int = 40) -> Array:
    drawn = np.random.default_rng(1).normal(size=(count, *SHAPE))
    return drawn.astype(np.float32)


def unaligned(content: bytes) -> Array:
    return np.frombuffer(b"?" + content, np.uint8)[1:]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "every other": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "Fortran's order": np.asfortranarray,
    "float64": lambda x: x.astype(np.float64),
    "big-endian": lambda x: x.astype(">f4"),
    "not aligned": lambda x: unaligned(x.tobytes()).view(np.float32).reshape(x.shape),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_network_any_memory_layout_gives_same_bits(layout: str) -> None:
    x, labels = make_inputs(), np.arange(40) % 3
    array = LAYOUTS[layout](x)
    net, other = Network(NET, SHAPE, 3), Network(NET, SHAPE, 3)
    assert np.array_equal(array, x)
    assert net.logits(array).tobytes() == net.logits(x).tobytes()
    assert net.logits(array[:1]).tobytes() == net.logits(x[:1]).tobytes()
    assert net.walk(array[3])["pool1"].tobytes() == net.walk(x[3])["pool1"].tobytes()
    found, expected = net.gradients(array, labels), net.gradients(x, labels)
    assert found[0] == expected[0]
    for name in net.parameters:
        assert found[1][name].tobytes() == expected[1][name].tobytes()
    train(net, array, labels, Recipe(epochs=1))
    train(other, x, labels, Recipe(epochs=1))
    assert net.parameters_sha256 == other.parameters_sha256


def test_network_tokens_any_memory_layout_give_same_bits() -> None:
    net = Network("embed 3, full", (1, 6, 4), 2)
    tokens = np.random.default_rng(0).integers(0, 6, size=(30, 4))
    for array in (tokens.astype(np.uint8), np.asfortranarray(tokens), tokens.astype(">i2")):
        assert net.logits(array).tobytes() == net.logits(tokens).tobytes()
        found, expected = net.gradients(array, [0] * 30), net.gradients(tokens, [0] * 30)
        assert found[1]["embed1.weight"].tobytes() == expected[1]["embed1.weight"].tobytes()


@pytest.mark.parametrize(
    "layers",
    ["dropout 0.5", "dropout 0, dropout 0.9", "relu", "pool 1", "norm", "relu, norm, relu"],
)
def test_network_trivial_layers_equal_reference(layers: str) -> None:
    net = Network(layers, (3, 1, 1), 3)
    x = np.array([[-1, 2, 3], [0, -5, 7], [1, 1, 1]], np.float32)[:, :, None, None]
    expected = model.logits(net.architecture, net.state, x)
    assert np.abs(net.logits(x) - expected).max() < 1e-5
    assert np.abs(net.logits(x[:1]) - expected[:1]).max() < 1e-5
    assert net.walk(x[1]).logits.tobytes() == net.logits(x)[1].tobytes()
    assert np.isfinite(train(net, x, [0, 1, 2], Recipe(epochs=2)).losses).all()


@pytest.mark.parametrize("neurons", [4, 4_000])
def test_gradients_not_finite_raise_limit_error(neurons: int) -> None:
    net = Network(f"full {neurons}, full", SHAPE, 3)
    net.parameters.flat[:] = 1e30
    with pytest.raises(LimitError, match="the losses are not finite float32 numbers"):
        net.gradients(make_inputs(100), np.zeros(100, int))


def train_with_two_threads() -> str:
    net = Network(NET, SHAPE, 3)
    recipe = Recipe(epochs=1, batch_size=64)
    train(net, make_inputs(100), np.arange(100) % 3, recipe, threads=2)
    return net.parameters_sha256


def train_in_child(queue: Any) -> None:
    queue.put(train_with_two_threads())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_train_in_forked_child_gives_same_bits() -> None:
    expected = train_with_two_threads()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=train_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=HANG) == expected
    child.join(60)
    assert child.exitcode == 0


def test_network_concurrent_callers_get_same_bits() -> None:
    net, x = Network(NET, SHAPE, 3), make_inputs(200)
    expected, found = net.logits(x).tobytes(), list[bool]()

    def ask() -> None:
        other = Network(NET, SHAPE, 3)
        train(other, x, np.arange(200) % 3, Recipe(epochs=3, batch_size=128), threads=8)
        found.append(net.logits(x, threads=8).tobytes() == expected)

    callers = [threading.Thread(target=ask) for _ in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert found == [True] * 12


def test_run_together_interrupted_waits_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    barrier = threading.Barrier(4)
    submit, calls = thread_pool._POOL.executor.submit, iter(range(100))

    def interrupted(task: Callable[[], None]) -> object:
        future = submit(task)
        if next(calls) == 1:
            raise KeyboardInterrupt
        return future

    def together(_: int, number: int) -> None:
        barrier.wait(20)
        ran.append(number)

    monkeypatch.setattr(thread_pool._POOL.executor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        thread_pool.run_on_threads(together, 0, 4)
    assert sorted(ran) == [0, 1, 2, 3]


def test_logits_many_classes_single_input_equals_batch() -> None:
    net = Network("full", (1, 2, 2), 40_000)
    x = np.random.default_rng(0).normal(size=(3, 1, 2, 2)).astype(np.float32)
    assert net.logits(x[:1]).tobytes() == net.logits(x)[:1].tobytes()


def test_train_overflowing_running_stats_leaves_network_unchanged() -> None:
    net = Network("norm, full", SHAPE, 3)
    before = net.parameters_sha256
    with pytest.raises(TrainingError, match="not a finite number"):
        train(net, make_inputs() * np.float32(1e25), np.arange(40) % 3, Recipe(epochs=1))
    assert net.parameters_sha256 == before


def test_parameters_flat_cannot_be_replaced() -> None:
    net = Network(NET, SHAPE, 3)
    with pytest.raises(AttributeError):
        net.parameters.flat = net.parameters.flat[::-1]  # type: ignore[misc]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of threads of each call."""
    numbers = list[int]()

    def record(function: Callable[[int, int], None], address: int, threads: int) -> None:
        numbers.append(threads)
        run_on_threads(function, address, threads)

    monkeypatch.setattr(compiled_program, "run_on_threads", record)
    return numbers


def test_threads_beyond_the_processors_do_not_run(
    started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Network("conv 8 3, full", (1, 40, 40), 2)
    x = np.zeros((4_000, 1, 40, 40), np.float32)
    for here, wanted in ((64, 8), (3, 3), (1, 1)):
        monkeypatch.setattr(compiled_program, "processors", lambda here=here: here)
        logits = net.logits(x, threads=8)
        assert started[-1] == wanted
        assert (logits == logits[0]).all()


def test_training_uses_threads_for_enough_work_only(
    started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    net, x = Network("conv 4 3, relu, pool 2, full", (1, 9, 9), 2), np.zeros((64, 1, 9, 9))
    step = 64 * net.architecture.multiplications
    digests = set()
    for limit, wanted in ((step + 1, 1), (step, 2), (1, 2)):
        monkeypatch.setattr(compiled_program, "WORK_PER_THREAD", limit)
        started.clear()
        other = Network("conv 4 3, relu, pool 2, full", (1, 9, 9), 2)
        train(other, x, np.arange(64) % 2, Recipe(epochs=1, batch_size=64), threads=2)
        assert max(started) == wanted
        digests.add(other.parameters_sha256)
    assert len(digests) == 1


def test_every_processor_has_a_thread_unless_a_number_is_given(
    started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (training_loop, program_registry):
        monkeypatch.setattr(module, "processors", lambda: 3)
    net, x = Network("conv 8 3, full", (1, 40, 40), 2), np.zeros((4_000, 1, 40, 40), np.float32)
    net.logits(x)
    assert started == [3]
    train(net, x[:64], np.arange(64) % 2, Recipe(epochs=1, batch_size=64))
    assert started == [3, 3]
