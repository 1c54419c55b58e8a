"""What comes through the doors of `Network`: arrays however they lie, threads, forks, odd nets."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from piecewise import LimitError, Network, Recipe, TrainingError, train
from piecewise.engine.runtime import thread_pool
from piecewise.reference import model

from .steps import HANG

Array = np.ndarray[Any, Any]

NET = "conv 5 3, relu, pool 2, full"
SHAPE = (2, 7, 9)


def pictures(count: int = 40) -> Array:
    drawn = np.random.default_rng(1).normal(size=(count, *SHAPE))
    return drawn.astype(np.float32)


def unaligned(content: bytes) -> Array:
    return np.frombuffer(b"?" + content, np.uint8)[1:]


WAYS: dict[str, Callable[[Array], Array]] = {
    "every other": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "Fortran's order": np.asfortranarray,
    "float64": lambda x: x.astype(np.float64),
    "big-endian": lambda x: x.astype(">f4"),
    "not aligned": lambda x: unaligned(x.tobytes()).view(np.float32).reshape(x.shape),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_arrays_mean_the_same_however_they_lie(way: str) -> None:
    x, labels = pictures(), np.arange(40) % 3
    given = WAYS[way](x)
    net, other = Network(NET, SHAPE, 3), Network(NET, SHAPE, 3)
    assert np.array_equal(given, x)
    assert net.logits(given).tobytes() == net.logits(x).tobytes()
    assert net.logits(given[:1]).tobytes() == net.logits(x[:1]).tobytes()
    assert net.walk(given[3])["pool1"].tobytes() == net.walk(x[3])["pool1"].tobytes()
    found, wanted = net.gradients(given, labels), net.gradients(x, labels)
    assert found[0] == wanted[0]
    for name in net.parameters:
        assert found[1][name].tobytes() == wanted[1][name].tobytes()
    train(net, given, labels, Recipe(epochs=1))
    train(other, x, labels, Recipe(epochs=1))
    assert net.parameters_sha256 == other.parameters_sha256


def test_words_however_they_lie() -> None:
    net = Network("embed 3, full", (1, 6, 4), 2)
    words = np.random.default_rng(0).integers(0, 6, size=(30, 4))
    for given in (words.astype(np.uint8), np.asfortranarray(words), words.astype(">i2")):
        assert net.logits(given).tobytes() == net.logits(words).tobytes()
        found, wanted = net.gradients(given, [0] * 30), net.gradients(words, [0] * 30)
        assert found[1]["embed1.weight"].tobytes() == wanted[1]["embed1.weight"].tobytes()


@pytest.mark.parametrize(
    "layers",
    ["dropout 0.5", "dropout 0, dropout 0.9", "relu", "pool 1", "norm", "relu, norm, relu"],
)
def test_networks_that_hardly_do_anything(layers: str) -> None:
    net = Network(layers, (3, 1, 1), 3)
    x = np.array([[-1, 2, 3], [0, -5, 7], [1, 1, 1]], np.float32)[:, :, None, None]
    wanted = model.logits(net.architecture, net.state, x)
    assert np.abs(net.logits(x) - wanted).max() < 1e-5
    assert np.abs(net.logits(x[:1]) - wanted[:1]).max() < 1e-5
    assert net.walk(x[1]).logits.tobytes() == net.logits(x)[1].tobytes()
    assert np.isfinite(train(net, x, [0, 1, 2], Recipe(epochs=2)).losses).all()


@pytest.mark.parametrize("neurons", [4, 4_000])
def test_a_gradient_that_is_no_number_is_told(neurons: int) -> None:
    net = Network(f"full {neurons}, full", SHAPE, 3)
    net.parameters.flat[:] = 1e30
    with pytest.raises(LimitError, match="the losses are not finite float32 numbers"):
        net.gradients(pictures(100), np.zeros(100, int))


def learned_by_two() -> str:
    net = Network(NET, SHAPE, 3)
    recipe = Recipe(epochs=1, batch_size=64)
    train(net, pictures(100), np.arange(100) % 3, recipe, threads=2)
    return net.parameters_sha256


def learn_and_tell(queue: Any) -> None:
    queue.put(learned_by_two())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_learns_after_its_parent_used_threads() -> None:
    wanted = learned_by_two()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=learn_and_tell, args=(queue,))
    child.start()
    assert queue.get(timeout=HANG) == wanted
    child.join(60)
    assert child.exitcode == 0


def test_many_callers_at_once() -> None:
    net, x = Network(NET, SHAPE, 3), pictures(200)
    wanted, found = net.logits(x).tobytes(), list[bool]()

    def ask() -> None:
        other = Network(NET, SHAPE, 3)
        train(other, x, np.arange(200) % 3, Recipe(epochs=3, batch_size=128), threads=8)
        found.append(net.logits(x, threads=8).tobytes() == wanted)

    callers = [threading.Thread(target=ask) for _ in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert found == [True] * 12


def test_an_interrupted_call_ends_with_all_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    meet = threading.Barrier(4)
    submit, calls = thread_pool._pool().submit, iter(range(100))

    def interrupted(task: Callable[[], None]) -> object:
        future = submit(task)
        if next(calls) == 1:
            raise KeyboardInterrupt
        return future

    def together(_: int, number: int) -> None:
        meet.wait(20)
        ran.append(number)

    monkeypatch.setattr(thread_pool._pool(), "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        thread_pool.run_on_threads(together, 0, 4)
    assert sorted(ran) == [0, 1, 2, 3]


def test_many_classes_are_answered_alone_and_together() -> None:
    net = Network("full", (1, 2, 2), 40_000)
    x = np.random.default_rng(0).normal(size=(3, 1, 2, 2)).astype(np.float32)
    assert net.logits(x[:1]).tobytes() == net.logits(x)[:1].tobytes()


def test_averages_beyond_float32_stop_training_and_leave_the_net() -> None:
    net = Network("norm, full", SHAPE, 3)
    before = net.parameters_sha256
    with pytest.raises(TrainingError, match="no longer a finite number"):
        train(net, pictures() * np.float32(1e25), np.zeros(40, int), Recipe(epochs=1))
    assert net.parameters_sha256 == before


def test_the_flat_buffer_cannot_be_exchanged() -> None:
    net = Network(NET, SHAPE, 3)
    with pytest.raises(AttributeError):
        net.parameters.flat = net.parameters.flat[::-1]  # type: ignore[misc]
