"""Actions on the swapped seats of the lessons: the partner, predictions, and what is handed in."""

from __future__ import annotations

from ...lessons.seats import seat_names
from ..fields import TEXT, TEXTS, RequestField, Values, WholeKind, WordKind
from ..routes import FILE, AppRoute
from ..session import Session
from ..swap_pages import CHOICES, REPAIR, SURENESS, SwapPages
from .learn import MAX_WORDS


class SwapActions:
    """The actions on the partner of a learner."""

    def __init__(self, session: Session) -> None:
        self._state, self._pages = session.learn, SwapPages(session.learn)

    def swap(self, values: Values) -> Values:
        """The partner and its drawings, and all that follows the predictions that were made."""
        return self._pages.state()

    def bring(self, values: Values) -> Values:
        """Take an archive, such as the app saves, as the partner's. It is kept beside the samples
        of the project, and no net of the project learns from it."""
        self._state.bring_partner(values["content"], seat_names([values["name"]])[0])
        return self._pages.state()

    def leave(self, values: Values) -> Values:
        """Have generated drawings in place of the partner's."""
        self._state.leave_partner()
        return self._pages.state()

    def answer(self, values: Values) -> Values:
        """Keep a prediction, null if the learner does not know; what follows it."""
        self._pages.answer(values["question"], values["answer"])
        return self._pages.state()

    def report(self, values: Values) -> Values:
        """Keep the sentences that the learner wrote; nobody checks them."""
        self._pages.report([one[:MAX_WORDS] for one in values["sentences"]])
        return self._pages.state()


_ANSWER = (
    RequestField("question", WordKind(SURENESS, REPAIR), required=True),
    RequestField("answer", WholeKind(0, CHOICES - 1), required=True, nullable=True),
)
ROUTES = (
    AppRoute("GET", "/api/swap", SwapActions.swap),
    AppRoute("POST", "/api/swap", SwapActions.answer, _ANSWER),
    AppRoute("POST", "/api/swap/partner", SwapActions.bring,
             (RequestField("name", TEXT, required=True),), FILE),
    AppRoute("DELETE", "/api/swap/partner", SwapActions.leave),
    AppRoute("POST", "/api/swap/report", SwapActions.report,
             (RequestField("sentences", TEXTS, required=True),)),
)  # fmt: skip
"""The routes of these actions."""
