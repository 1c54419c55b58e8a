"""The worker of this package."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import piecewise
from piecewise import CompiledNetwork, Network, Recipe
from piecewise.core.array_types import Array
from piecewise.engine.runtime import network_programs, single_image

from .agreement import RATE, SLOPES, STEPS, write_steps
from .nets import ANSWERED, read_given
from .peak import peak
from .workers import Answering, serve

SLOW = 1e-4
"""The learning rate of what is timed: the numbers stay what they are."""


@contextmanager
def using(threads: int) -> Iterator[None]:
    """A network answers on all processors it finds: it finds so many."""
    with (
        patch.object(network_programs, "processors", lambda: threads),
        patch.object(single_image, "processors", lambda: threads),
    ):
        yield


class Ours(Answering):
    """A network and what is asked of it."""

    net: Network
    compiled: CompiledNetwork
    batch: int

    def prepare(self, path: str, batch: int) -> str:
        self.given, self.batch = read_given(path), batch
        self.net = self.given.net.network()
        self._from_the_start()
        return "train, logits"

    def check(self, path: str, threads: int) -> None:
        """What `write_steps` writes; a slope is what a step of rate 1 takes off the weights."""
        pictures, labels = self.given.pictures, self.given.labels
        parts = [slice(start, start + self.batch) for start in range(0, len(labels), self.batch)]
        first = parts[0]
        self._from_the_start()
        with using(threads):
            logits = self.net.logits(pictures[first])
        losses = self._train(pictures[first], labels[first], STEPS, RATE, threads)
        slopes = []
        for part in parts[:SLOPES]:
            self._from_the_start()
            self._train(pictures[part], labels[part], 1, 1.0, threads)
            before, now = self.given.weights, self.net.parameters
            slopes.append({name: before[name] - now[name] for name in now})
        write_steps(path, logits, slopes, losses)

    def train(self, times: int, threads: int) -> float:
        """Seconds for so many times through the pictures."""
        self._from_the_start()
        began = time.perf_counter()
        self._train(self.given.pictures, self.given.labels, times, SLOW, threads)
        return time.perf_counter() - began

    def whole(self, threads: int) -> None:
        self.net.logits(self.given.pictures[:ANSWERED])

    def one(self, picture: Array, threads: int) -> None:
        self.compiled.logits(picture[0])

    def answer(self, times: int, threads: int) -> float:
        with using(threads):
            return super().answer(times, threads)

    def single(self, times: int, threads: int) -> float:
        with using(threads):
            self.compiled = self.net.compile()
            return super().single(times, threads)

    def _from_the_start(self) -> None:
        for name, array in self.given.weights.items():
            self.net.parameters[name] = array
        self.compiled = self.net.compile()

    def _train(
        self, pictures: Array, labels: Array, epochs: int, rate: float, threads: int
    ) -> list[float]:
        recipe = Recipe(
            epochs=epochs,
            batch_size=self.batch,
            learning_rate=rate,
            schedule="constant",
            weight_decay=0,
        )
        return piecewise.train(self.net, pictures, labels, recipe, threads=threads).losses


def doors() -> dict[str, Any]:
    worker = Ours()
    names = ("prepare", "check", "train", "answer", "single")
    return {name: getattr(worker, name) for name in names} | {"peak": peak}


if __name__ == "__main__":
    serve(doors())
