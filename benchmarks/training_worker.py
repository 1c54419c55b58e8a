"""Workers of toolkits that train on batches in memory, whatever the layout of their arrays."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

from piecewise.core.array_types import Array

from .agreement import GRADIENTS, RATE, STEPS, write_steps
from .clock import now
from .networks import BATCH_IMAGES, read_inputs
from .workers import InferenceWorker, serve

SLOW = 1e-4
"""The learning rate while timing: so small that all numbers stay finite."""


class BatchTrainer(InferenceWorker):
    """Timing of training, the same for every toolkit. Batches are laid out in memory before."""

    def build(self) -> str:
        """Build the network of `inputs`; what was chosen for it."""
        raise NotImplementedError

    def reset(self) -> None:
        """Take the parameters of `inputs` again, with a velocity of zero."""
        raise NotImplementedError

    def laid_out(self, values: Array) -> Any:
        """Images, texts or labels as the toolkit's own array."""
        raise NotImplementedError

    def logits(self, images: Any) -> Array:
        """The logits of images that are laid out."""
        raise NotImplementedError

    def steps(self, batches: list[tuple[Any, Any]], rate: float) -> float:
        """A step of SGD with momentum 0.9 on each batch; the loss of the last one."""
        raise NotImplementedError

    def parameters(self) -> dict[str, Array]:
        """The parameters in the layout of piecewise."""
        raise NotImplementedError

    def prepare(self, path: str, batch: int) -> str:
        """Build the network and lay out its batches."""
        self.inputs = read_inputs(path)
        said = self.build()
        self.reset()
        pictures, labels = self.inputs.pictures, self.inputs.labels
        parts = [slice(start, start + batch) for start in range(0, len(labels), batch)]
        self.batches = [tuple(map(self.laid_out, (pictures[part], labels[part]))) for part in parts]
        self.answered = self.laid_out(pictures[:BATCH_IMAGES])
        return said

    def check(self, path: str, threads: int) -> None:
        """Write the results for `distance`; with rate 1, a step subtracts the gradient."""
        first = self.batches[:1]
        self.reset()
        logits = self.logits(first[0][0])
        losses = [self.steps(first, RATE) for _ in range(STEPS)]
        gradients = []
        for number in range(GRADIENTS):
            self.reset()
            self.steps(self.batches[number : number + 1], 1.0)
            before, after = self.inputs.weights, self.parameters()
            gradients.append({name: before[name] - after[name] for name in before})
        write_steps(path, logits, gradients, losses)

    def train(self, times: int, threads: int) -> float:
        """Seconds for this many epochs."""
        self.reset()
        batches = list(islice(cycle(self.batches), times * len(self.batches)))
        began = now()
        self.steps(batches, SLOW)
        return now() - began

    def infer_batch(self, threads: int) -> None:
        self.logits(self.answered)

    def infer_one(self, picture: Array, threads: int) -> None:
        self.logits(self.laid_out(picture))


def run(worker: BatchTrainer) -> None:
    """Answer requests until the input ends."""
    commands = ("prepare", "check", "train", "infer", "single")
    serve({name: getattr(worker, name) for name in commands})
