"""Actions of the lesson about other data: samples with their columns in another order, and what the
order matters to nets."""

from __future__ import annotations

from typing import Any

from ...core.errors import PiecewiseError
from ...data.audio.decoding import Sound
from ...data.audio.preprocessor import AudioPreprocessor
from ...insight.attribution.patches import Originals
from ...lessons import column_order as orders
from ...lessons import net_quantities as nets
from ...lessons.learner import Learner, LearnerDrawing
from ...lessons.order_trial import TRIALS, computed_trial
from ...lessons.own_samples import all_samples
from ...page.media import sound_url
from ...training.shuffle_test import shuffle_test
from ..fields import RequestField, Values, WholeKind, WordKind
from ..routes import AppRoute
from ..session import Session

OWN = "own"
"""The name of the trial of the learner's own samples."""


class LearnOrderActions:
    """The actions on the order of columns."""

    def __init__(self, session: Session) -> None:
        self._state, self._project = session.learn, session.project

    def shuffle(self, values: Values) -> Values:
        """A drawing, a sound or a text of the learner, or a computed one of this kind, with its
        columns in order and in another one; what the small net of these samples answers to both;
        and the sound, or the words, in both orders."""
        own, kind = self._state.pinned().learner, values["kind"]
        learner = orders.learner_of(own, kind)
        number = values["sample"] % len(learner.drawings)
        drawing = learner.drawings[number]
        sides = {
            name: {**_answer(learner, one), **self._media(learner, kind, number, is_shuffled)}
            for name, one, is_shuffled in (
                ("before", drawing, False), ("after", orders.shuffled_drawing(drawing), True)
            )
        }  # fmt: skip
        return {
            "label": learner.classes[drawing.label],
            "source": orders.source(own, kind),
            "is_own": learner is own,
            "order": [at + 1 for at in orders.new_order(drawing.pixels.shape[-1])],
            "count": len(learner.drawings),
            "right": orders.right_answers(learner, is_shuffled=False),
            "shuffled_right": orders.right_answers(learner, is_shuffled=True),
            **sides,
        }

    def order(self, values: Values) -> Values:
        """Nets that are trained with the columns in order and shuffled: how often both are right,
        the difference with its interval, and the verdict."""
        if values["data"] != OWN:
            return computed_trial(values["data"]).to_json()
        pinned = self._state.pinned()
        data = pinned.learner.data if pinned.why_generated else all_samples(self._project.root)
        return shuffle_test(data).to_json()

    def _media(self, learner: Learner, kind: str, number: int, is_shuffled: bool) -> dict[str, Any]:
        """The sound of a sample as a data URL, or its words; neither for a drawing."""
        if kind == orders.TEXTS:
            columns = learner.drawings[number].pixels.shape[-1]
            words = learner.tokens[number]
            return {"words": orders.words_in_order(words, columns, is_shuffled=is_shuffled)}
        sound = self._sound(learner, number) if kind == orders.SOUNDS else None
        preprocessor = learner.data.preprocessor
        if sound is None or not isinstance(preprocessor, AudioPreprocessor):
            return {}
        played = orders.sound_in_order(sound, preprocessor, is_shuffled=is_shuffled)
        return {"sound": sound_url(played)}

    def _sound(self, learner: Learner, number: int) -> Sound | None:
        """The sound of a sample; None if its file is gone."""
        if learner is not self._state.pinned().learner:
            return orders.tone_sounds()[number]
        try:
            found = Originals(learner.data, self._project.root)[number]
        except PiecewiseError:
            return None
        return found if isinstance(found, Sound) else None


def _answer(learner: Learner, drawing: LearnerDrawing) -> dict[str, Any]:
    """A drawing, and what the small net answers to it."""
    walk = nets.walk(learner.small, drawing)
    answer = int(walk.logits.argmax())
    return {
        "pixels": nets.ink_pixels(drawing).astype(int).tolist(),
        "answer": learner.classes[answer],
        "probability": float(walk.probabilities[answer]),
    }


_KINDS = WordKind(orders.DRAWINGS, orders.SOUNDS, orders.TEXTS)
ROUTES = (
    AppRoute("POST", "/api/small-net/shuffle", LearnOrderActions.shuffle,
             (RequestField("kind", _KINDS, default=orders.DRAWINGS),
              RequestField("sample", WholeKind(0, 999), default=0))),
    AppRoute("POST", "/api/small-net/order", LearnOrderActions.order,
             (RequestField("data", WordKind(OWN, *TRIALS), default=OWN),)),
)  # fmt: skip
"""The routes of these actions."""
