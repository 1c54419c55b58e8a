"""Actions of the place Learn: the pages of the lessons, predictions, reasons and checks."""

from __future__ import annotations

from ...lessons.typed_numbers import MAX_LENGTH
from ...lessons.worked_examples import STAGES
from ..fields import TEXT, TEXTS, WHOLE, RequestField, TextKind, Values, WholeKind
from ..lesson_examples import LessonExamples
from ..lesson_pages import MOST_QUESTIONS, LessonPages
from ..routes import AppRoute
from ..session import Session

MAX_WORDS = 1_000
"""Characters of a learner's own words."""


class LearnActions:
    """The actions on the lessons."""

    def __init__(self, session: Session) -> None:
        self._state = session.learn
        self._pages = LessonPages(session.learn)
        self._examples = LessonExamples(session.learn)

    def lessons(self, values: Values) -> Values:
        """The lessons, how far the learner is, and whose drawings they show."""
        return self._pages.overview()

    def renew(self, values: Values) -> Values:
        """Take the drawings and the net of now for the lessons."""
        self._state.renew()
        return self._pages.overview()

    def lesson(self, values: Values) -> Values:
        """A lesson with its numbers; what follows the prediction is there if one was made."""
        return self._pages.page(values["lesson"], values["seed"])

    def predict(self, values: Values) -> Values:
        """Keep a prediction, null if the learner does not know; the lesson with its result."""
        self._pages.predict(values["lesson"], values["answer"])
        return self._pages.page(values["lesson"], values["seed"])

    def reason(self, values: Values) -> Values:
        """Keep the reason that the learner chose; whether it is right."""
        return self._pages.choose_reason(
            values["lesson"], values["choice"], values["words"], values["seed"]
        )

    def check(self, values: Values) -> Values:
        """A question of a check, and what was answered."""
        return self._pages.check(
            values["lesson"], values["check"], values["seed"], values["number"]
        )

    def answer_check(self, values: Values) -> Values:
        """Keep an answer to a question; whether it is right, a hint, or the solution."""
        asked = values["lesson"], values["check"], values["seed"], values["number"]
        return self._pages.answer(*asked, values["answer"])

    def example(self, values: Values) -> Values:
        """A stage of the worked example of a lesson, with the steps that are shown."""
        return self._examples.example(*_stage(values))

    def answer_example(self, values: Values) -> Values:
        """Keep what the learner calculated; which steps are right, and all after two tries."""
        return self._examples.answer(*_stage(values), values["answers"])


def _stage(values: Values) -> tuple[str, int, int, int]:
    return values["lesson"], values["seed"], values["stage"], values["number"]


_SEED = RequestField("seed", WHOLE, default=0)
_QUESTION = (
    RequestField("check", TEXT, required=True),
    RequestField("number", WholeKind(0, MOST_QUESTIONS - 1), default=0),
    _SEED,
)
_TYPED = TextKind(MAX_LENGTH)
_PREDICTION = (RequestField("answer", _TYPED, required=True, nullable=True), _SEED)
_STAGE = (
    RequestField("stage", WholeKind(0, STAGES - 1), default=0),
    RequestField("number", WholeKind(0, MOST_QUESTIONS - 1), default=0),
    _SEED,
)
_REASON = (
    RequestField("choice", WHOLE, required=True),
    RequestField("words", TextKind(MAX_WORDS), default=""),
    _SEED,
)
ROUTES = (
    AppRoute("GET", "/api/learn", LearnActions.lessons),
    AppRoute("POST", "/api/learn", LearnActions.renew),
    AppRoute("GET", "/api/learn/{lesson}", LearnActions.lesson, (_SEED,)),
    AppRoute("POST", "/api/learn/{lesson}/prediction", LearnActions.predict, _PREDICTION),
    AppRoute("POST", "/api/learn/{lesson}/reason", LearnActions.reason, _REASON),
    AppRoute("GET", "/api/learn/{lesson}/check", LearnActions.check, _QUESTION),
    AppRoute("POST", "/api/learn/{lesson}/check", LearnActions.answer_check,
             (*_QUESTION, RequestField("answer", _TYPED, required=True))),
    AppRoute("GET", "/api/learn/{lesson}/example", LearnActions.example, _STAGE),
    AppRoute("POST", "/api/learn/{lesson}/example", LearnActions.answer_example,
             (*_STAGE, RequestField("answers", TEXTS, required=True))),
)  # fmt: skip
"""The routes of these actions."""
