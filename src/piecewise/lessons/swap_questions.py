"""Questions about how sure a net is: of its mistakes, and for a threshold of "I don't know"."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from ..spec.calibration import Calibration
from . import net_quantities as nets
from .learner import Learner, LearnerDrawing
from .question_parts import EXACT, HALF_DIGIT, Pool, class_of, shown_value
from .questions import CheckQuestion
from .seat_swap import SURE

_DRAWINGS = 3, 2
"""Of the first and of the second class."""
_MOVES = [(down, right) for down in (-4, -3, 0, 3, 4) for right in (-4, -3, 0, 3, 4)
          if (down, right) != (0, 0)]  # fmt: skip
"""Far enough that a net makes mistakes, which it does not if a drawing moves by a pixel."""


class _Said(NamedTuple):
    """What the small net says to a drawing: its class, the class that is said, and how sure."""

    label: str
    predicted: str
    probability: Decimal

    @property
    def is_sure_mistake(self) -> bool:
        return self.label != self.predicted and float(self.probability) >= SURE


def _moved(learner: Learner) -> Iterator[list[LearnerDrawing]]:
    """Some drawings of each class, moved, once for each move."""
    of_classes = [[one for one in learner.drawings if one.label == label] for label in (0, 1)]
    drawings = [*of_classes[0][: _DRAWINGS[0]], *of_classes[1][: _DRAWINGS[1]]]
    for down, right in _MOVES:
        yield [nets.shifted_drawing(one, down, right) for one in drawings]


def _said(learner: Learner, drawings: list[LearnerDrawing]) -> list[_Said]:
    """What the net says to drawings that are computed together."""
    net = learner.small
    probabilities = net.probabilities_of(net.logits(np.stack([one.pixels for one in drawings])))
    return [_Said(class_of(learner, one), learner.classes[int(row.argmax())],
                  shown_value(float(row.max())))
            for one, row in zip(drawings, probabilities, strict=True)]  # fmt: skip


def _walked(learner: Learner, drawings: list[LearnerDrawing]) -> list[_Said]:
    """The same, with a walk for each drawing."""
    walks = [nets.walk(learner.small, one) for one in drawings]
    return [_Said(class_of(learner, one), nets.answer(learner.small, one),
                  shown_value(float(walk.probabilities.max())))
            for one, walk in zip(drawings, walks, strict=True)]  # fmt: skip


def _said_words(one: _Said) -> str:
    return f"drawn {one.label}, named {one.predicted} ({one.probability})"


def sure_mistakes(learner: Learner) -> Pool:
    """Mistakes that the net is sure of."""
    for drawings in _moved(learner):
        said = _said(learner, drawings)
        found = [one for one in said if one.is_sure_mistake]
        mistakes = sum(one.label != one.predicted for one in said)
        sure = sum(float(one.probability) >= SURE for one in said)
        listed, named = ("; ".join(map(_said_words, some)) for some in (said, found))
        yield CheckQuestion(
            "Some drawings were moved after the app had cut them out. Your small net says: "
            f"{listed}. How many mistakes does it make with a probability of {SURE} or more?",
            len(found),
            sum(one.is_sure_mistake for one in _walked(learner, drawings)),
            {mistakes: f"some of these mistakes have a probability below {SURE}",
             sure: "a sure answer can be right: count the mistakes only"},
            EXACT,
            f"{len(found)}: {named or 'none'}",
        )  # fmt: skip


def answer_threshold(learner: Learner) -> Pool:
    """The threshold with which a net answers so many drawings."""
    for drawings in _moved(learner):
        shown = [one.probability for one in _said(learner, drawings)]
        falling = sorted(shown, reverse=True)
        confidences = tuple(float(one.probability) for one in _walked(learner, drawings))
        known = Calibration(n=len(shown), confidences=tuple(sorted(confidences, reverse=True)))
        for count in range(2, len(shown)):
            yield CheckQuestion(
                f"For {len(shown)} drawings, the largest probabilities are "
                f"{', '.join(map(str, shown))}. Below a threshold, the net says that it does not "
                f"know. Which of these probabilities is the threshold with which it answers "
                f"{count}?",
                float(falling[count - 1]),
                known.threshold_for(count / len(shown)),
                {float(falling[-count]): "count from the largest probability",
                 float(falling[count]): f"with this one, {count + 1} are answered"},
                HALF_DIGIT,
                f"The {count} largest are {', '.join(map(str, falling[:count]))}; the smallest of "
                f"them is {falling[count - 1]}.",
            )  # fmt: skip
