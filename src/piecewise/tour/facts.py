"""Every number of the tour, computed by the network and the reference that the tests test.

The deck's net is three 3x3 features, matched by the mean of products, ReLU, two poolings and a
vote of every value, in float64 so that nothing is rounded that the deck counts exactly.
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
from ..reference.finite_differences import numerical_gradients
from ..reference.fully_connected import votes
from ..reference.losses import absolute
from ..reference.model import gradients
from ..spec.architecture import Architecture
from ..trace.walk import Walk, walk

DECK_NET = "conv 3 3 mean, relu, pool 2, pool 2, full"
DECK_ANSWERS = {"X": 0.92, "O": 0.51}
"""The deck's actual answers for a picture of an X; the right ones are 1 and 0."""
SLIDE_ERRORS = {"X": 0.08, "O": 0.49, "total": 0.57}
"""What the slide prints; two of the three are slips."""
STEPS = (0, 5, 10, 20, 40)
RATE = 0.05
SAMPLES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("conv1.weight", (0, 0, 0, 0)),
    ("conv1.weight", (1, 0, 1, 1)),
    ("full1.weight", (0, 4)),
    ("full1.weight", (1, 11)),
)
"""The numbers that the tour shows the slopes of."""


class Nudged(NamedTuple):
    """One number of the deck's net and the slope of the error at it, found in two ways."""

    name: str
    place: tuple[int, ...]
    nudged: float
    backpropagated: float


@dataclass(frozen=True)
class Learning:
    """The two ways of learning side by side."""

    samples: tuple[Nudged, ...]
    parameters: int
    largest_difference: float
    """Between the two slopes of any parameter, relative to the largest slope of its array."""
    errors: tuple[tuple[int, float, float], ...]
    """Steps taken, and the error then by backpropagation and by nudging."""


class Facts:
    """The tour's numbers, each computed when it is first asked for."""

    architecture = Architecture(DECK_NET, (1, 9, 9), CLASSES)

    @cached_property
    def kernels(self) -> Float64:
        """(3, 1, 3, 3)"""
        return np.stack(list(FEATURES.values()))[:, None].astype(np.float64)

    @cached_property
    def arrays(self) -> dict[str, Float64]:
        """The deck's net: its features, and the voting weights that the deck leaves open."""
        return {
            "conv1.weight": self.kernels,
            "full1.weight": self._voting_weights(),
            "full1.bias": np.zeros(2),
        }

    def walked(self, picture: npt.NDArray[np.float32]) -> Walk:
        """A 9x9 picture through the deck's net."""
        return walk(self.architecture, self.arrays, picture[None].astype(np.float64))

    @cached_property
    def x(self) -> Walk:
        return self.walked(DECK_X)

    @cached_property
    def tricky_x(self) -> Walk:
        return self.walked(DECK_TRICKY_X)

    @cached_property
    def o(self) -> Walk:
        return self.walked(DECK_O)

    def _voting_weights(self) -> Float64:
        """(2, 12): the smallest weights that answer 1 and 0 for the deck's X, and 0 and 1 for our
        O.

        Least squares by hand: each is a sum of the two pictures' values in proportions that solve
        two equations.
        """
        blank = {
            "conv1.weight": self.kernels,
            "full1.weight": np.zeros((2, 12)),
            "full1.bias": np.zeros(2),
        }
        x, o = (
            walk(self.architecture, blank, picture[None].astype(np.float64))["pool2"].ravel()
            for picture in (DECK_X, DECK_O)
        )
        xx, xo, oo = (float((a * b).sum()) for a, b in ((x, x), (x, o), (o, o)))
        scale = xx * oo - xo * xo
        return np.stack([(oo * x - xo * o) / scale, (xx * o - xo * x) / scale])

    @cached_property
    def votes(self) -> Float64:
        """(2, 12): what each value of the deck's X says for X and for O."""
        return votes(self.x["pool2"].ravel(), self.arrays["full1.weight"])

    @cached_property
    def errors(self) -> dict[str, float]:
        """The deck's error table with its true values."""
        answers = np.array([[DECK_ANSWERS[name] for name in CLASSES]])
        each = np.abs(np.array([[1.0, 0.0]]) - answers)[0]
        total, _ = absolute(answers, np.array([0]))
        return {"X": float(each[0]), "O": float(each[1]), "total": float(total[0])}

    @property
    def literal(self) -> dict[str, int]:
        """The tricky X compared with the X, pixel by pixel."""
        ink = DECK_X > 0
        tricky = DECK_TRICKY_X > 0
        return {
            "shared_ink": int((ink & tricky).sum()),
            "ink": int(ink.sum()),
            "same_pixels": int((ink == tricky).sum()),
            "pixels": int(ink.size),
        }

    def best_match(self, walked: Walk) -> dict[str, float]:
        """The best match of each feature anywhere in a picture."""
        best = walked["conv1"].max(axis=(1, 2))
        return {name: float(value) for name, value in zip(FEATURES, best, strict=True)}

    @cached_property
    def learning(self) -> Learning:
        """A few hand-drawn X's and O's, features and weights a little off, learned in both ways.

        The deck's own picture is no good here: it is so even that many windows have two winners,
        and at such a tie the error has no slope. Five, because the errors of an even number of
        pictures can pull a bias just as hard up as down.
        """
        drawings = make_xo(5, size=9, seed=1)
        x = drawings.preprocessor.to_float(drawings.inputs).astype(np.float64)
        right = drawings.labels
        arrays = {
            row.name: self.arrays[row.name]
            + 0.2 * (2 * uniform(derive_key(2, number), row.size).reshape(row.shape) - 1)
            for number, row in enumerate(self.architecture.parameters)
        }
        slopes = gradients(self.architecture, arrays, x, right, "absolute").arrays
        nudged = numerical_gradients(self.architecture, arrays, x, right, "absolute").arrays
        samples = tuple(
            Nudged(name, index, float(nudged[name][index]), float(slopes[name][index]))
            for name, index in SAMPLES
        )
        largest = max(
            float(np.abs(nudged[name] - slope).max() / np.abs(slope).max())
            for name, slope in slopes.items()
        )
        count = self.architecture.parameter_count
        return Learning(samples, count, largest, self._descents(arrays, x, right))

    def _descents(
        self, arrays: dict[str, Float64], x: Float64, right: npt.NDArray[np.int64]
    ) -> tuple[tuple[int, float, float], ...]:
        """The mean error after some steps of gradient descent, slopes found in both ways."""
        one, other = ({name: array.copy() for name, array in arrays.items()} for _ in range(2))
        rows = []
        for step in range(STEPS[-1] + 1):
            found = gradients(self.architecture, one, x, right, "absolute")
            error, slopes, _ = numerical_gradients(self.architecture, other, x, right, "absolute")
            if step in STEPS:
                rows.append((step, found.loss, error))
            for name in one:
                one[name] -= RATE * found.arrays[name]
                other[name] -= RATE * slopes[name]
        return tuple(rows)

    def to_json(self) -> dict[str, Any]:
        """The tour's numbers as plain values, none of them rounded."""
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
                name: dict(zip(CLASSES, walked.logits.tolist(), strict=True))
                for name, walked in (("X", self.x), ("tricky X", self.tricky_x), ("O", self.o))
            },
            "errors": self.errors,
            "errors_on_the_slide": SLIDE_ERRORS,
            "gradient_check": {
                "largest_difference": self.learning.largest_difference,
                "parameters": self.learning.parameters,
            },
            "descent": [
                {"steps": steps, "backpropagation": one, "nudging": other}
                for steps, one, other in self.learning.errors
            ],
        }


def _by_feature(stack: Float64) -> dict[str, list[list[float]]]:
    return {name: plane.tolist() for name, plane in zip(FEATURES, stack, strict=True)}
