"""Live retraining: the last call counts, at once, and with the same bits as any other way."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from typing import Any

import pytest

from piecewise.core.errors import DataError
from piecewise.core.progress import Progress
from piecewise.data.xo import make_xo
from piecewise.network import Network
from piecewise.training.evaluation import evaluate
from piecewise.training.live_trainer import LiveTrainer
from piecewise.training.recipe import Recipe
from piecewise.training.train import train

from .steps import HANG

LESSONS = make_xo(1_000, 28, seed=0)
UNSEEN = make_xo(1_000, 28, seed=1)
RECIPE = Recipe(epochs=4, batch_size=32, learning_rate=0.1, nesterov=True)
ENDLESS = Recipe(epochs=100_000)


def net() -> Network:
    layers = "conv 8 5, norm, relu, pool 2, conv 8 5, relu, pool 2, full"
    return Network(layers, (1, 28, 28), ("X", "O"), preprocessor=LESSONS.preprocessor)


def test_live_trainer_gives_same_bits_as_train() -> None:
    wanted = net()
    train(wanted, LESSONS.inputs, LESSONS.labels, RECIPE)
    live = LiveTrainer(net())
    for _ in range(2):
        found = live.train(LESSONS.inputs, LESSONS.labels, RECIPE).result(HANG)
        assert found.parameters_sha256 == wanted.parameters_sha256
    assert evaluate(found, UNSEEN.inputs, UNSEEN.labels).accuracy > 0.98


def test_live_trainer_next_call_cancels_the_previous() -> None:
    live, wanted = LiveTrainer(net()), net()
    train(wanted, LESSONS.inputs, LESSONS.labels, RECIPE)
    running, reports = threading.Event(), [list[Progress]() for _ in range(6)]

    def reported(progress: Progress) -> None:
        reports[0].append(progress)
        running.set()

    first = live.train(LESSONS.inputs, LESSONS.labels, ENDLESS, on_progress=reported)
    assert running.wait(HANG)
    waiting = [
        live.train(LESSONS.inputs, LESSONS.labels, ENDLESS, on_progress=of.append)
        for of in reports[1:]
    ]
    last = live.train(LESSONS.inputs, LESSONS.labels, RECIPE)
    before = [len(of) for of in reports]
    for future in (first, *waiting):
        with pytest.raises(CancelledError):
            future.result(HANG)
    # Each was perhaps about to report when it was cancelled, and none goes on.
    assert all(len(of) <= count + 1 for of, count in zip(reports, before, strict=True))
    assert last.result(HANG).parameters_sha256 == wanted.parameters_sha256


def test_live_trainer_trains_after_cancel() -> None:
    live = LiveTrainer(net())
    live.cancel()
    future = live.train(LESSONS.inputs, LESSONS.labels, ENDLESS)
    live.cancel()
    with pytest.raises(CancelledError):
        future.result(HANG)
    assert live.train(LESSONS.inputs, LESSONS.labels, RECIPE).result(HANG).history


def test_future_cancel_stops_training(capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveTrainer(net())
    running = threading.Event()
    future = live.train(
        LESSONS.inputs, LESSONS.labels, ENDLESS, on_progress=lambda _: running.set()
    )
    assert running.wait(HANG)
    assert future.cancel()
    assert live.train(LESSONS.inputs, LESSONS.labels, RECIPE).result(HANG).history
    assert future.cancelled()
    assert not capsys.readouterr().err


def test_future_progress_raising_cancelled_error_is_cancelled() -> None:
    def refuse(_: Any) -> None:
        raise CancelledError

    future = LiveTrainer(net()).train(LESSONS.inputs, LESSONS.labels, on_progress=refuse)
    with pytest.raises(CancelledError):
        future.result(HANG)


def test_future_raises_errors_of_training() -> None:
    live = LiveTrainer(net())
    with pytest.raises(DataError, match="labels: got 3"):
        live.train(LESSONS.inputs, [0, 1, 0]).result(HANG)

    def refuse(_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        live.train(LESSONS.inputs, LESSONS.labels, on_progress=refuse).result(HANG)


def test_live_trainer_leaves_input_network_unchanged() -> None:
    given = net()
    before = given.parameters_sha256
    live = LiveTrainer(given)
    given.parameters.flat[:] = 0  # after it was given
    found = live.train(LESSONS.inputs, LESSONS.labels, Recipe(epochs=1)).result(HANG)
    assert not given.history
    same = net()
    assert same.parameters_sha256 == before
    train(same, LESSONS.inputs, LESSONS.labels, Recipe(epochs=1))
    assert found.parameters_sha256 == same.parameters_sha256
