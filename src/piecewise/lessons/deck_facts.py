"""Every number of the tour, computed by the reference implementation.

The deck's net has three 3x3 features (matched by the mean of the products), ReLU, two pooling
layers and a fully connected layer. It runs in float64, which is more precise than the decimals of
the slides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float64
from ..core.rng import derive_key, uniform
from ..data.xo import CLASSES, DECK_O, DECK_TRICKY_X, DECK_X, FEATURES, make_xo
from ..reference.fully_connected import votes
from ..reference.losses import absolute
from ..reference.model import gradients
from ..reference.numerical_gradients import numerical_gradients
from ..spec.architecture import Architecture
from ..trace.walk import Walk, walk

DECK_NET = "conv 3 3 mean, relu, pool 2, pool 2, full"
DECK_ANSWERS = {"X": 0.92, "O": 0.51}
"""The actual answers of the deck for an image of an X."""
RIGHT_ANSWERS = {"X": 1, "O": 0}
"""The right answers for this image."""
SLIDE_ERRORS = {"X": 0.08, "O": 0.49, "total": 0.57}
"""The errors that the slide prints; two of the three are slips."""
STEPS = (0, 5, 10, 20, 40)
LEARNING_RATE = 0.05
SAMPLES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("conv1.weight", (0, 0, 0, 0)),
    ("conv1.weight", (1, 0, 1, 1)),
    ("full1.weight", (0, 4)),
    ("full1.weight", (1, 11)),
)
"""The parameters whose gradients the tour shows."""


class GradientSample(NamedTuple):
    """The gradient of the error by one parameter of the deck's net, computed in two ways."""

    name: str
    indices: tuple[int, ...]
    nudged: float
    backpropagated: float


@dataclass(frozen=True)
class Learning:
    """Nudging and backpropagation side by side."""

    samples: tuple[GradientSample, ...]
    parameters: int
    largest_difference: float
    """The largest difference between the two gradients of a parameter, relative to the largest
    gradient of its array."""


class TrainingStart(NamedTuple):
    """The parameters with which training begins, and the images with their labels."""

    parameters: dict[str, Float64]
    x: Float64
    labels: npt.NDArray[np.int64]


class Facts:
    """The numbers of the tour, each computed at its first use."""

    architecture = Architecture(DECK_NET, (1, 9, 9), CLASSES)

    @cached_property
    def kernels(self) -> Float64:
        """(3, 1, 3, 3)"""
        return np.stack(list(FEATURES.values()))[:, None].astype(np.float64)

    @cached_property
    def parameters(self) -> dict[str, Float64]:
        """The parameters of the deck's net: its features, and voting weights that the deck does
        not give."""
        return {
            "conv1.weight": self.kernels,
            "full1.weight": self._voting_weights(),
            "full1.bias": np.zeros(2),
        }

    def walk_of(self, image: npt.NDArray[np.float32]) -> Walk:
        """The walk of a 9x9 image through the deck's net."""
        return walk(self.architecture, self.parameters, image[None].astype(np.float64))

    @cached_property
    def x(self) -> Walk:
        return self.walk_of(DECK_X)

    @cached_property
    def tricky_x(self) -> Walk:
        return self.walk_of(DECK_TRICKY_X)

    @cached_property
    def o(self) -> Walk:
        return self.walk_of(DECK_O)

    def _voting_weights(self) -> Float64:
        """(2, 12): the smallest weights with which the answers are 1 and 0 for the deck's X, and 0
        and 1 for an O.

        This is the minimum-norm solution of two equations: each row is a linear combination of the
        values of the two images.
        """
        zero_votes = {
            "conv1.weight": self.kernels,
            "full1.weight": np.zeros((2, 12)),
            "full1.bias": np.zeros(2),
        }
        x, o = (
            walk(self.architecture, zero_votes, image[None].astype(np.float64))["pool2"].ravel()
            for image in (DECK_X, DECK_O)
        )
        xx, xo, oo = (float((a * b).sum()) for a, b in ((x, x), (x, o), (o, o)))
        scale = xx * oo - xo * xo
        return np.stack([(oo * x - xo * o) / scale, (xx * o - xo * x) / scale])

    @cached_property
    def votes(self) -> Float64:
        """(2, 12): the votes of each value of the deck's X for X and for O."""
        return votes(self.x["pool2"].ravel(), self.parameters["full1.weight"])

    @cached_property
    def errors(self) -> dict[str, float]:
        """The deck's error table with correct values."""
        answers = np.array([[DECK_ANSWERS[name] for name in CLASSES]])
        right = np.array([float(RIGHT_ANSWERS[name]) for name in CLASSES])
        each = np.abs(right - answers)[0]
        total, _ = absolute(answers, np.array([0]))
        return {"X": float(each[0]), "O": float(each[1]), "total": float(total[0])}

    @property
    def literal(self) -> dict[str, int]:
        """The literal comparison of the tricky X with the X, pixel by pixel."""
        ink = DECK_X > 0
        tricky = DECK_TRICKY_X > 0
        return {
            "shared_ink": int((ink & tricky).sum()),
            "ink": int(ink.sum()),
            "same_pixels": int((ink == tricky).sum()),
            "pixels": int(ink.size),
        }

    def best_match(self, image_walk: Walk) -> dict[str, float]:
        """The best match of each feature in an image."""
        best = image_walk["conv1"].max(axis=(1, 2))
        return {name: float(value) for name, value in zip(FEATURES, best, strict=True)}

    @cached_property
    def _start(self) -> TrainingStart:
        """Slightly changed parameters, and five images.

        The deck's own image cannot be used: it is symmetric, so that many pooling windows have two
        equal maxima, where the error has no gradient. The number of images is odd because the
        gradients of a bias may cancel for an even number.
        """
        drawings = make_xo(5, size=9, seed=1)
        x = drawings.preprocessor.to_float(drawings.inputs).astype(np.float64)
        parameters = {
            row.name: self.parameters[row.name]
            + 0.2 * (2 * uniform(derive_key(2, number), row.size).reshape(row.shape) - 1)
            for number, row in enumerate(self.architecture.parameters)
        }
        return TrainingStart(parameters, x, drawings.labels)

    @cached_property
    def learning(self) -> Learning:
        """The gradients at the start of training, computed in both ways."""
        backpropagated = gradients(self.architecture, *self._start, "absolute").arrays
        nudged = numerical_gradients(self.architecture, *self._start, "absolute").arrays
        samples = tuple(
            GradientSample(
                name, indices, float(nudged[name][indices]), float(backpropagated[name][indices])
            )
            for name, indices in SAMPLES
        )
        largest = max(
            float(np.abs(nudged[name] - gradient).max() / np.abs(gradient).max())
            for name, gradient in backpropagated.items()
        )
        return Learning(samples, self.architecture.parameter_count, largest)

    @cached_property
    def descent(self) -> tuple[tuple[int, float, float], ...]:
        """For some numbers of steps of gradient descent: the number, and the mean error with the
        gradients of backpropagation and of nudging. It takes seconds, as nudging is slow."""
        parameters, x, labels = self._start
        by_backpropagation, by_nudging = (
            {name: array.copy() for name, array in parameters.items()} for _ in range(2)
        )
        rows = []
        for step in range(STEPS[-1] + 1):
            exact = gradients(self.architecture, by_backpropagation, x, labels, "absolute")
            nudged = numerical_gradients(self.architecture, by_nudging, x, labels, "absolute")
            if step in STEPS:
                rows.append((step, exact.loss, nudged.loss))
            for name in parameters:
                by_backpropagation[name] -= LEARNING_RATE * exact.arrays[name]
                by_nudging[name] -= LEARNING_RATE * nudged.arrays[name]
        return tuple(rows)

    def to_json(self) -> dict[str, Any]:
        """All numbers as plain values, not rounded."""
        return {
            "literal": self.literal,
            "best_match": {
                "X": self.best_match(self.x),
                "tricky X": self.best_match(self.tricky_x),
            },
            "maps": _by_feature(self.x["conv1"]),
            "relu": _by_feature(self.x["relu1"]),
            "pooled": _by_feature(self.x["pool1"]),
            "pooled_twice": _by_feature(self.x["pool2"]),
            "votes": dict(zip(CLASSES, self.votes.tolist(), strict=True)),
            "answers": {
                name: dict(zip(CLASSES, image_walk.logits.tolist(), strict=True))
                for name, image_walk in (("X", self.x), ("tricky X", self.tricky_x), ("O", self.o))
            },
            "errors": self.errors,
            "errors_on_the_slide": SLIDE_ERRORS,
            "gradient_check": {
                "largest_difference": self.learning.largest_difference,
                "parameters": self.learning.parameters,
            },
            "descent": [
                {"steps": steps, "backpropagation": backpropagated, "nudging": nudged}
                for steps, backpropagated, nudged in self.descent
            ],
        }


def _by_feature(feature_maps: Float64) -> dict[str, list[list[float]]]:
    return {name: plane.tolist() for name, plane in zip(FEATURES, feature_maps, strict=True)}
