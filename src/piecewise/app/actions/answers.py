"""Actions on answers of the net, and on what can be taken away."""

from __future__ import annotations

from ..answers import Question
from ..failures import ConflictError
from ..fields import ANY, FLAG, OBJECT, TEXT, WHOLE, RequestField, Values
from ..muting import Mutes, checked_maps
from ..routes import BYTES, AppRoute
from ..session import Session
from ..take import Taken, formats, take

_WALK = RequestField("walk", WHOLE, required=True)


class AnswerActions:
    """The actions on the answers of the net that is taught."""

    def __init__(self, session: Session) -> None:
        self._teacher, self._answers = session.teacher, session.answers
        self._project, self._mutes = session.project, Mutes()

    def answer(self, values: Values) -> bytes:
        """What the net says to a sample, strokes or a text, and every number behind it."""
        net = self._teacher.net
        if net is None:
            raise ConflictError("answer: no net is taught yet")
        known, detail = values.pop("known", None), values.pop("detail")
        net = self._mutes.of(net, checked_maps(values.pop("mute", [])))
        return self._answers.answer(net, Question.of(values), known, detail=detail)

    def add_upload(self, values: Values) -> Values:
        """Keep a file that is no sample, for questions about it; its number."""
        return {"upload": self._answers.add_upload(values["name"], values["content"])}

    def votes(self, values: Values) -> bytes:
        """The votes of an open answer."""
        return self._answers.votes(values["walk"])

    def mattered(self, values: Values) -> bytes:
        """The reason, the saliency maps and the robustness curves of an open answer."""
        return self._answers.mattered(values["walk"])

    def formats(self, values: Values) -> Values:
        """The formats in which the net can be taken away."""
        net = self._teacher.net
        return {"formats": [] if net is None else formats(net)}

    def take(self, values: Values) -> Taken:
        """A file to take away."""
        if values["name"] == "report.html":
            return Taken("report.html", self._answers.report(values.get("walk")))
        return take(values["name"], self._project, self._teacher.attempt, self._teacher.net)


_QUESTION = (
    RequestField("sample", TEXT), RequestField("strokes", ANY), RequestField("width", ANY),
    RequestField("text", TEXT), RequestField("upload", WHOLE), RequestField("changes", OBJECT),
    RequestField("known", TEXT), RequestField("detail", FLAG, default=True),
    RequestField("mute", ANY),
)  # fmt: skip
_NAMED = (RequestField("name", TEXT, required=True),)
ROUTES = (
    AppRoute("POST", "/api/answer", AnswerActions.answer, _QUESTION),
    AppRoute("POST", "/api/uploads", AnswerActions.add_upload, _NAMED, BYTES),
    AppRoute("POST", "/api/votes", AnswerActions.votes, (_WALK,)),
    AppRoute("POST", "/api/mattered", AnswerActions.mattered, (_WALK,)),
    AppRoute("GET", "/api/take", AnswerActions.formats),
    AppRoute("GET", "/api/take/{name}", AnswerActions.take, (RequestField("walk", WHOLE),)),
)
"""The routes of these actions."""
