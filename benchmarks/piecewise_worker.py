"""The worker of piecewise."""

from __future__ import annotations

from typing import Any

import piecewise
from piecewise import CompiledNetwork, Network, Recipe
from piecewise.core.array_types import Array

from .agreement import GRADIENTS, RATE, STEPS, write_steps
from .clock import now
from .networks import BATCH_IMAGES, read_inputs
from .peak import peak
from .training_worker import SLOW
from .workers import InferenceWorker, process_arguments, serve


class PiecewiseWorker(InferenceWorker):
    """A network and its commands."""

    net: Network
    compiled: CompiledNetwork

    def prepare(self, path: str, batch: int) -> str:
        self.inputs, self.batch = read_inputs(path), batch
        self.net = self.inputs.net.network()
        self._reset()
        return "train, logits"

    def check(self, path: str, threads: int) -> None:
        """Write the results for `distance`; with rate 1, a step subtracts the gradient."""
        pictures, labels = self.inputs.pictures, self.inputs.labels
        parts = [slice(start, start + self.batch) for start in range(0, len(labels), self.batch)]
        first = parts[0]
        self._reset()
        logits = self.net.logits(pictures[first], threads=threads)
        losses = self._train(pictures[first], labels[first], STEPS, RATE, threads)
        gradients = []
        for part in parts[:GRADIENTS]:
            self._reset()
            self._train(pictures[part], labels[part], 1, 1.0, threads)
            before, now = self.inputs.weights, self.net.parameters
            gradients.append({name: before[name] - now[name] for name in now})
        write_steps(path, logits, gradients, losses)

    def train(self, times: int, threads: int) -> float:
        """Seconds for this many epochs."""
        self._reset()
        began = now()
        self._train(self.inputs.pictures, self.inputs.labels, times, SLOW, threads)
        return now() - began

    def infer_batch(self, threads: int) -> None:
        self.net.logits(self.inputs.pictures[:BATCH_IMAGES], threads=threads)

    def infer_one(self, picture: Array, threads: int) -> None:
        self.compiled.logits(picture[0])

    def single(self, times: int, threads: int) -> float:
        self.compiled = self.net.compile(threads=threads)
        return super().single(times, threads)

    def _reset(self) -> None:
        for name, array in self.inputs.weights.items():
            self.net.parameters[name] = array

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


def commands() -> dict[str, Any]:
    worker = PiecewiseWorker()
    names = ("prepare", "check", "train", "infer", "single")
    return {name: getattr(worker, name) for name in names} | {"peak": peak}


if __name__ == "__main__":
    process_arguments("piecewise_worker", __doc__)
    serve(commands())
