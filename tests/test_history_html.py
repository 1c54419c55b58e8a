"""A history in a notebook: a chart of the loss, one of the accuracy, a short table."""

from __future__ import annotations

import re

import piecewise as pw
from piecewise.core.progress import Epoch
from piecewise.training.history import SHOWN, History

from .test_charts import points

XO = pw.make_xo(160, 9, seed=0)
GIVEN = XO.inputs, XO.labels


def taught(epochs: int, validated: bool = True) -> History:
    net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
    seen = (XO.inputs[:50], XO.labels[:50]) if validated else None
    return pw.train(net, *GIVEN, pw.Recipe(epochs=epochs, learning_rate=0.1), seen)


def charts(page: str) -> list[str]:
    return re.findall(r"<svg xmlns.*?</svg>.*?</svg>", page)


def test_a_history_shows_each_epoch() -> None:
    history = taught(5)
    page = history._repr_html_()
    losses, accuracies = charts(page)
    assert "loss by epoch" in losses
    assert "accuracy by epoch" in accuracies
    every = history.losses + [epoch.validation_loss or 0 for epoch in history.epochs]
    low, high = min(every), max(every)
    for number, line in ((0, history.losses), (1, every[5:])):
        found = [y for _, y in points(losses, number)]
        wanted = [150 * (high - one) / (high - low) for one in line]
        assert [round(abs(one - other), 1) for one, other in zip(found, wanted, strict=True)] == [
            0
        ] * 5
    rows = re.findall(r"<tr>(<td>.*?)</tr>", page)
    assert len(rows) == 5
    for row, epoch in zip(rows, history.epochs, strict=True):
        assert f"<td>{epoch.epoch}</td><td>{epoch.loss:.4g}</td>" in row
        assert f"<td>{100 * (epoch.validation_accuracy or 0):.2f} %</td>" in row


def test_without_validation_there_is_one_line() -> None:
    page = taught(2, validated=False)._repr_html_()
    (chart,) = charts(page)
    assert len(points(chart)) == 2
    assert "accuracy by epoch" not in page
    assert "None" not in page


def test_of_many_epochs_the_first_and_the_last_are_in_the_table() -> None:
    epochs = [Epoch(number, 1 / number, None, None, 0.5) for number in range(1, 101)]
    page = History(epochs)._repr_html_()
    rows = re.findall(r"<tr><td>(\d+)</td>", page)
    half = SHOWN // 2
    assert [int(row) for row in rows] == [*range(1, half + 1), *range(101 - half, 101)]
    assert f"{100 - SHOWN} epochs between" in page
    assert len(points(charts(page)[0])) == 100


def test_a_history_of_nothing_says_so() -> None:
    assert History()._repr_html_() == "<p>no epoch is over yet</p>"
