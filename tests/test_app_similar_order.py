"""The order of samples in which similar ones follow each other."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

import piecewise as pw
from piecewise.app import similar_order as module
from piecewise.app.opening import add_net
from piecewise.app.similar_order import similar_order

from .app_room import Room

pytest.importorskip("starlette", reason="the app's server is an extra")


def test_clusters_follow_each_other_and_the_outlier_comes_last() -> None:
    random = np.random.default_rng(3)
    centers = random.normal(size=(200, 3)) * 4
    clusters = np.tile([0, 1, 2], 20)
    columns = centers[:, clusters] + random.normal(size=(200, 60)) / 4
    columns[:, 7] = 60
    order = similar_order(columns)
    assert sorted(order) == list(range(60))
    assert order[-1] == 7
    changes = sum(clusters[one] != clusters[other] for one, other in pairwise(order[:-1]))
    assert changes == 2


def test_samples_with_activations_that_are_not_finite_come_last() -> None:
    columns = np.random.default_rng(3).normal(size=(20, 9))
    columns[4, 2], columns[:, 5] = np.nan, np.inf
    order = similar_order(columns)
    assert sorted(order) == list(range(9))
    assert order[-2:] == [2, 5]
    assert similar_order(np.full((20, 3), np.nan)) == [0, 1, 2]


def test_some_of_very_many_samples_are_ordered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ORDERED", 3)
    room = Room(tmp_path, each=9)
    room.teach()
    query = urlencode({"folder": "up", "order": "alike", "count": 99})
    ids = room.ask("GET", f"/api/samples?{query}")[1]["ids"]
    oldest = room.project.ids("train", "up")
    assert sorted(ids[:3]) == sorted(oldest[at] for at in (0, 3, 6))
    assert ids[3:] == [one for one in oldest[::-1] if one not in ids[:3]]
    room.close()


def test_samples_are_listed_with_similar_ones_together(tmp_path: Path) -> None:
    room = Room(tmp_path, each=9)
    query = urlencode({"folder": "up", "order": "alike", "count": 5})
    newest = room.project.ids("train", "up")[::-1]
    assert room.ask("GET", f"/api/samples?{query}")[1] == {"total": 9, "ids": newest[:5]}
    room.teach()
    others = [room.project.add_drawing("up", "train", room.drawing("down")) for _ in range(2)]
    ids = room.ask("GET", f"/api/samples?{query.replace('5', '99')}")[1]["ids"]
    assert sorted(ids) == sorted([*newest, *others])
    assert sorted(ids[-2:]) == sorted(others)
    assert room.ask("GET", f"/api/samples?{query}&from=3")[1]["ids"] == ids[3:8]
    net = pw.Network("full", (1, 8, 8), room.teacher.net.classes)  # type: ignore[union-attr]
    room.teacher.use(add_net(room.project, room.teacher.attempts, net).number)
    newest = room.project.ids("train", "up")[::-1]
    assert room.ask("GET", f"/api/samples?{query}")[1]["ids"] == newest[:5]
    room.close()
