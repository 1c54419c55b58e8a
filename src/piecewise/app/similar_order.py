"""An order of samples in which similar ones follow each other, as the last layer of the net sees
them."""

from __future__ import annotations

from threading import Lock

import numpy as np

from ..core.array_types import Float64
from ..core.rng import COLUMNS, derive_key, random_words
from ..inputs import check_inputs
from ..insight.evaluation.mistakes import NearestExamples
from ..network import Network
from .project import Project
from .teaching import Teacher

DIMENSIONS = 32
"""Sums of activations with random signs, by which samples are compared: their distances are those
of all activations, to about a quarter (Johnson, Lindenstrauss 1984)."""
MOST_ORDERED = 4_000
"""Samples of a class that are ordered: the time grows with the square of their number."""


def similar_order(columns: Float64) -> list[int]:
    """The numbers of samples whose activations are the columns (values, N). The sample nearest to
    the mean is the first; each is followed by the most similar one of those that are left, so that
    those that are like no other come last, before those with activations that are not finite."""
    is_finite = np.isfinite(columns).all(axis=0)
    finite, others = np.flatnonzero(is_finite), np.flatnonzero(~is_finite)
    order = _nearest_next(_random_sums(columns[:, finite])) if len(finite) else []
    return [*finite[order].tolist(), *others.tolist()]


def _nearest_next(points: Float64) -> list[int]:
    """The order of points (`DIMENSIONS`, N)."""
    count = points.shape[1]
    taken = np.zeros(count)  # infinite for those that have a place
    current, order = int(np.argmin(_squares(points, _mean(points)))), list[int]()
    for _ in range(count):
        order.append(current)
        taken[current] = np.inf
        current = int(np.argmin(_squares(points, points[:, current]) + taken))
    return order


def _random_sums(columns: Float64) -> Float64:
    words = random_words(derive_key(0, COLUMNS), len(columns)).tolist()
    sums = np.zeros((DIMENSIONS, columns.shape[1]))
    for column, word in zip(columns, words, strict=True):  # in this order on every machine
        signs = np.array([1.0 if word >> bit & 1 else -1.0 for bit in range(DIMENSIONS)])
        sums += signs[:, None] * column
    return sums


def _mean(points: Float64) -> Float64:
    mean: Float64 = np.cumsum(points, axis=1)[:, -1] / points.shape[1]
    return mean


def _squares(points: Float64, point: Float64) -> Float64:
    """The squared distances of a point."""
    squares = np.zeros(points.shape[1])
    for row, value in zip(points, point.tolist(), strict=True):
        away = row - value
        squares += away * away
    return squares


class SimilarSamples:
    """The samples of the classes of a project in this order; the last ones are kept."""

    def __init__(self, project: Project, teacher: Teacher) -> None:
        self._project, self._teacher = project, teacher
        self._lock = Lock()
        self._key: tuple[Network, int] | None = None
        self._orders: dict[tuple[str, str], list[str]] = {}

    def ids(self, folder: str, part: str) -> list[str]:
        """The ids of the samples of a class in a part. Those that cannot be read come last, and so
        do some of very many. Without a net for these samples, the newest come first."""
        newest = self._project.ids(part, folder)[::-1]
        net = self._teacher.net
        if net is None or net.preprocessor != self._project.preprocessor:
            return newest
        with self._lock:
            key = net, self._project.version
            if self._key is None or self._key[0] is not net or self._key[1] != key[1]:
                self._key, self._orders = key, {}
            if (folder, part) not in self._orders:
                self._orders[folder, part] = self._ordered(net, folder, part)
            rank = {one: at for at, one in enumerate(self._orders[folder, part])}
        return sorted(newest, key=lambda one: rank.get(one, len(rank)))

    def _ordered(self, net: Network, folder: str, part: str) -> list[str]:
        folders = [one.folder for one in self._project.classes()]
        split = self._teacher.samples.split(part, folders)
        rows = np.flatnonzero(split.labels == folders.index(folder))
        if not len(rows):
            return []
        count = min(len(rows), MOST_ORDERED)
        rows = rows[np.arange(count) * len(rows) // count]  # evenly spaced
        ids = [split.ids[row] for row in rows]
        seen = NearestExamples(net, check_inputs(net, split.inputs[rows]), split.labels[rows], ids)
        return [ids[seen.indices[at]] for at in similar_order(seen.columns)]
