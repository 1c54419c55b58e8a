"""The pages of the place Learn: lessons with the numbers of the learner, as far as they are open.

A result is sent after the prediction only, and a hint after an answer. Answers are kept with the
SHA-256 of the small net that they are about; for another net, a lesson begins anew.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ..core.errors import shown
from ..lessons.answer_key import asked_question, seat_draw
from ..lessons.catalog import LESSONS, lesson
from ..lessons.learner import LearnerDrawing
from ..lessons.lesson_file import LessonPage
from ..lessons.lesson_view import LessonView
from ..lessons.net_quantities import ink_pixels
from ..lessons.order_trial import begin_trials
from ..lessons.page_values import PageValues
from ..lessons.questions import CheckQuestion, Draw
from ..lessons.references import LessonError
from ..lessons.typed_numbers import read_number
from ..lessons.worked_examples import EXAMPLES
from .failures import MissingError
from .fields import Values
from .learn_state import LearnState, PinnedLearner

TRIES = 3
"""Wrong answers until a question is solved for the learner."""
MOST_QUESTIONS = 1_000
"""Questions of a check."""
PREDICTION, REASON, CHECK = "prediction", "reason", "check"
SWAP, BEYOND = "swap", "beyond"
"""The lesson whose numbers depend on the partner, too; and the one that shows trials."""


class LessonPages:
    """The pages for the learner of a project, and what is answered on them."""

    def __init__(self, state: LearnState) -> None:
        self._state, self._log = state, state.log

    def overview(self) -> Values:
        """The lessons, how far the learner is, and whose drawings they show."""
        pinned = self._state.pinned()
        done = {one["lesson"] for one in self._log.of(what=PREDICTION, net=_sha256(pinned))}
        return {
            "lessons": [
                {"lesson": name, "question": page.question, "minutes": int(page.head["minutes"]),
                 "is_begun": name in done}
                for name, page in ((name, _page(name)) for name in LESSONS)
            ],
            "learner": {
                "classes": list(pinned.learner.classes),
                "drawings": len(pinned.learner.drawings),
                "labels": [one.label for one in pinned.learner.drawings],
                "pixels": [ink_pixels(one).astype(int).tolist()
                           for one in pinned.learner.drawings],
                "why_generated": pinned.why_generated,
                "net": _sha256(pinned),
                "is_outdated": self._state.is_outdated(pinned),
            },
        }  # fmt: skip

    def page(self, name: str, seed: int) -> Values:
        """A lesson; what follows the prediction is there if one was made. MissingError."""
        pinned, page = self._state.pinned(), _page(name)
        view = LessonView(page, PageValues(self._state.context()))
        tasks = page.of_kind("task")
        found: Values = {
            "lesson": name,
            "number": LESSONS.index(name) + 1,
            "of": len(LESSONS),
            "part": tasks[0].attributes["part"] if tasks else "",
            "has_example": bool(tasks) and tasks[0].attributes["part"] in EXAMPLES,
            "net": _sha256(pinned),
            "pixels": _pixels(view.drawing),
            **view.before(pinned.modality),
            "committed": None,
        }
        made = self._log.last(what=PREDICTION, lesson=name, **about(name, self._state))
        if made is None:
            if name == BEYOND:
                begin_trials()
            return found
        after = view.after()
        after["answer"] = made.get("answer")
        after["why"] = self._why(name, after.pop("reasons"), seed, pinned)
        after["checks"] = [self.latest_check(name, block.attributes["generator"], seed)
                           for block in page.of_kind("check")]  # fmt: skip
        return {**found, "committed": after}

    def predict(self, name: str, answer: str | None) -> None:
        """Keep a prediction: a number, or the index of an interval or an option; None if the
        learner does not know. The first one counts. LessonError."""
        pinned, page = self._state.pinned(), _page(name)
        view = LessonView(page, PageValues(self._state.context()))
        predict = view.before(pinned.modality)["predict"]
        if answer is not None:
            _check_prediction(answer, predict)
        values = {"what": PREDICTION, "lesson": name, **about(name, self._state)}
        if self._log.last(**values) is None:
            self._log.add(**values, answer=answer)

    def _why(
        self, name: str, reasons: list[tuple[str, str]], seed: int, pinned: PinnedLearner
    ) -> Values:
        """The reasons in the order of the seed, the last one that was chosen, and why it is
        wrong."""
        order = _order(len(reasons), seat_draw(pinned.learner, name, REASON, seed))
        made = self._log.last(what=REASON, lesson=name, net=_sha256(pinned))
        choice = made.get("choice") if made else None
        choice = choice if choice in order else None
        chosen = None if choice is None else order.index(choice)
        return {"reasons": [reasons[one][0] for one in order], "chosen": chosen,
                "is_right": None if chosen is None else choice == 0,
                "why_not": "" if choice is None else reasons[choice][1],
                "words": made.get("words", "") if made else ""}  # fmt: skip

    def choose_reason(self, name: str, choice: int, words: str, seed: int) -> Values:
        """Keep the reason that the learner chose, and words of the learner's own; what `page` says
        about reasons. LessonError."""
        pinned = self._state.pinned()
        reasons = LessonView(_page(name), PageValues(self._state.context())).reasons()
        if choice >= len(reasons):
            raise LessonError(f"choice: got {choice}, wanted 0 to {len(reasons) - 1}")
        order = _order(len(reasons), seat_draw(pinned.learner, name, REASON, seed))
        self._log.add(what=REASON, lesson=name, net=_sha256(pinned), choice=order[choice],
                      words=words)  # fmt: skip
        return self._why(name, reasons, seed, pinned)

    def latest_check(self, name: str, check: str, seed: int) -> Values:
        """The question of a check that was answered last, or the first one."""
        known = {"what": CHECK, "lesson": name, "check": check, "seed": seed}
        made = self._log.last(**known, net=_sha256(self._state.pinned()))
        number: Any = made.get("number") if made else 0
        is_number = type(number) is int and 0 <= number < MOST_QUESTIONS
        return self.check(name, check, seed, number if is_number else 0)

    def check(self, name: str, check: str, seed: int, number: int) -> Values:
        """A question of a check, what was answered, and its solution once it is solved.
        MissingError if the lesson has no such check."""
        asked, is_generated = self._question(name, check, seed, number)
        found = {"check": check, "number": number, "is_generated": is_generated}
        if asked is None:
            return {**found, "question": "", "tries": [], "is_solved": False}
        tries = [_tried(asked, text) for text in self._answers(name, check, seed, number)]
        wrong = sum(not one["is_right"] for one in tries)
        is_right = any(one["is_right"] for one in tries)
        found |= {"question": asked.text, "tolerance": asked.tolerance, "tries": tries,
                  "drawing": asked.drawing, "is_right": is_right,
                  "is_solved": is_right or wrong >= TRIES}  # fmt: skip
        if found["is_solved"]:
            found |= {"work": asked.work, "answer": f"{asked.answer:.6g}"}
        return found

    def answer(self, name: str, check: str, seed: int, number: int, text: str) -> Values:
        """Keep an answer; what `check` says then. LessonError if it is no number."""
        asked, _ = self._question(name, check, seed, number)
        read_number(text)
        if asked is not None and not self.check(name, check, seed, number)["is_solved"]:
            self._log.add(what=CHECK, lesson=name, check=check, seed=seed, number=number,
                          answer=text, net=_sha256(self._state.pinned()))  # fmt: skip
        return self.check(name, check, seed, number)

    def _answers(self, name: str, check: str, seed: int, number: int) -> list[str]:
        made = self._log.of(what=CHECK, lesson=name, check=check, seed=seed, number=number,
                            net=_sha256(self._state.pinned()))  # fmt: skip
        return [one["answer"] for one in made if _is_typed(one.get("answer"))]

    def _question(
        self, name: str, check: str, seed: int, number: int
    ) -> tuple[CheckQuestion | None, bool]:
        """A question, and whether it is about generated drawings, because there is none about the
        learner's own."""
        pinned = self._state.pinned()
        known = [block.attributes["generator"] for block in _page(name).of_kind("check")]
        if check not in known:
            raise MissingError(f"check: got {shown(check)}, wanted {' or '.join(known)}")
        return asked_question(pinned.learner, pinned.pool(check), name, check, seed, number)


@cache
def _page(name: str) -> LessonPage:
    """A lesson by its name; MissingError."""
    if name not in LESSONS:
        raise MissingError(f"lesson: got {shown(name)}, wanted one of {', '.join(LESSONS)}")
    return lesson(name)


def about(name: str, state: LearnState) -> Values:
    """What a prediction of a lesson is about: the small net, and the partner of swapped seats."""
    partner = {"partner": state.swap().partner.sha256} if name == SWAP else {}
    return {"net": _sha256(state.pinned()), **partner}


def _sha256(pinned: PinnedLearner) -> str:
    return pinned.learner.small.parameters_sha256


def _pixels(drawing: LearnerDrawing | None) -> list[list[int]] | None:
    """A drawing, in rows of 1 for ink and 0 for background."""
    if drawing is None:
        return None
    rows: list[list[int]] = ink_pixels(drawing).astype(int).tolist()
    return rows


def _check_prediction(answer: str, predict: dict[str, Any]) -> None:
    """LessonError unless an answer is one of a prediction."""
    if predict["kind"] == "number":
        read_number(answer)
        return
    count = len(predict["options"]) or len(predict["limits"]) + 1
    if answer not in map(str, range(count)):
        raise LessonError(f"answer: got {shown(answer)}, wanted 0 to {count - 1}")


def _order(count: int, draw: Draw) -> list[int]:
    """The numbers below ``count`` in an order of the seed."""
    left = list(range(count))
    return [left.pop(draw.index(len(left))) for _ in range(count)]


def _tried(asked: CheckQuestion, text: str) -> Values:
    typed = float(read_number(text))
    is_right = asked.is_right(typed)
    return {"answer": text, "is_right": is_right, "hint": "" if is_right else asked.hint(typed)}


def _is_typed(answer: object) -> bool:
    """Whether an answer of the file can be read: others may have written it."""
    try:
        return isinstance(answer, str) and read_number(answer) is not None
    except LessonError:
        return False
