"""The swapped seats of the place Learn: the partner, what its drawings are named, and the repairs.

Each step is sent after its prediction only: the names after that of the lesson, the probabilities
and the nearest own drawings after `SURENESS`, the repaired nets after `REPAIR`.
"""

from __future__ import annotations

from typing import Any

from ..core.errors import DataError
from ..lessons.net_quantities import ink_pixels
from ..lessons.seat_swap import AUGMENTED, SURE, WITH_PARTNER, SeatSwap
from .failures import ConflictError
from .fields import Values
from .learn_state import LearnState
from .lesson_pages import PREDICTION, SWAP, about

SURENESS, REPAIR, REPORT = "sureness", "repair", "report"
CHOICES = 3
"""Of the questions about sureness (no mistake is sure, some, all) and repair (the partner's
drawings help more, augmentation does, neither)."""
SENTENCES = 3
"""What fooled the net, what was changed, and how one knows."""


class SwapPages:
    """The swapped seats of a project, and what its learner answered."""

    def __init__(self, state: LearnState) -> None:
        self._state, self._log = state, state.log

    def state(self) -> Values:
        """The partner and its drawings, and all that follows the predictions that were made."""
        pinned = self._state.pinned()
        swap, about_swap = self._state.swap(), about(SWAP, self._state)
        partner = swap.partner
        is_open = self._log.last(what=PREDICTION, lesson=SWAP, **about_swap) is not None
        sureness = self._answer(SURENESS) if is_open else None
        knows = is_open and (sureness is not None or not swap.mistakes)
        repair = self._answer(REPAIR) if knows else None
        return {
            "partner": {"name": partner.name, "origin": partner.origin,
                        "kept": len(partner.kept.labels), "words": partner.words,
                        "unknown_words": partner.unknown_words,
                        "chosen_wrong": partner.chosen_wrong if is_open else None},
            "may_bring": not pinned.why_generated,
            "drawings": [{"pixels": ink_pixels(one).astype(int).tolist(), "label": one.label}
                         for one in swap.asked_drawings],
            "sure": SURE,
            "names": [one.predicted for one in swap.answers] if is_open else None,
            "sureness": sureness,
            "answers": _answers(swap) if knows else None,
            "repair": repair,
            "repairs": _repairs(swap) if repair is not None else None,
            "report": self._report(),
        }  # fmt: skip

    def answer(self, question: str, answer: int | None) -> None:
        """Keep a prediction, None if the learner does not know. The first one counts.
        ConflictError before its turn."""
        state = self.state()
        if state["names" if question == SURENESS else "answers"] is None:
            raise ConflictError(f"{question}: answer the prediction before it first")
        if self._answer(question) is None:
            self._log.add(what=question, answer=answer, **about(SWAP, self._state))

    def report(self, sentences: list[str]) -> None:
        """Keep what the learner wrote."""
        if len(sentences) != SENTENCES:
            raise DataError(f"sentences: got {len(sentences)}, wanted {SENTENCES}")
        self._log.add(what=REPORT, sentences=sentences, **about(SWAP, self._state))

    def _answer(self, question: str) -> Values | None:
        """What was answered; None if nothing was."""
        made = self._log.last(what=question, **about(SWAP, self._state))
        if made is None:
            return None
        answer = made.get("answer")
        is_choice = type(answer) is int and 0 <= answer < CHOICES
        return {"answer": answer if is_choice else None, "right": self._right(question)}

    def _right(self, question: str) -> int:
        """The number of the right choice."""
        swap = self._state.swap()
        if question == SURENESS:
            sure = swap.sure_mistakes
            return 0 if not sure else 2 if sure == len(swap.mistakes) else 1
        kept = {one.name: one.kept for one in swap.repairs}
        difference = kept[WITH_PARTNER] - kept[AUGMENTED]
        return 0 if difference > 0 else 1 if difference < 0 else 2

    def _report(self) -> list[str]:
        made = self._log.last(what=REPORT, **about(SWAP, self._state))
        sentences: Any = made.get("sentences") if made else None
        is_report = isinstance(sentences, list) and len(sentences) == SENTENCES
        return [str(one) for one in sentences] if is_report else [""] * SENTENCES


def _answers(swap: SeatSwap) -> list[Values]:
    """What the net says to each drawing, how sure it is, and the nearest own drawings."""
    return [{"predicted": one.predicted, "probability": one.probability,
             "is_doubtful": one.probability < swap.threshold, "nearest": list(one.nearest)}
            for one in swap.answers]  # fmt: skip


def _repairs(swap: SeatSwap) -> list[Values]:
    """The nets, what they name right, and whether they learned from drawings of the partner."""
    return [{**one._asdict(), "has_met": one.name == WITH_PARTNER} for one in swap.repairs]
