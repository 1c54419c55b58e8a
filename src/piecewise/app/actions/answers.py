"""Actions on answers of the net, and on what can be taken away."""

from __future__ import annotations

from ...network import Network
from ..answers import Question
from ..fields import ANY, FLAG, OBJECT, TEXT, WHOLE, RequestField, Values, WordKind
from ..muting import Mutes, checked_maps
from ..routes import BYTES, AppRoute
from ..session import Session
from ..take import Taken, formats, take
from ..teaching import Teacher
from ..untaught import UntaughtNets

_WALK = RequestField("walk", WHOLE, required=True)


class OtherNets:
    """The net of the attempt that was asked last beside the one that answers, so that its file is
    read once."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self._last: tuple[str, Network] | None = None

    def of(self, number: int) -> Network:
        """The net of an attempt; MissingError."""
        digest = self._teacher.attempts.get(number).parameters_sha256
        last = self._last
        if last is None or last[0] != digest:
            self._last = last = digest, self._teacher.attempts.net(number)
        return last[1]


class AnswerActions:
    """The actions on the answers of the net that is taught."""

    def __init__(self, session: Session) -> None:
        self._teacher, self._answers = session.teacher, session.answers
        self._project, self._mutes = session.project, Mutes()
        self._untaught = UntaughtNets(session.project, session.teacher.samples)
        self._others = OtherNets(session.teacher)

    def answer(self, values: Values) -> bytes:
        """The answer of the net to a sample, strokes, a text or an uploaded file, with every number
        behind it. With ``attempt``, the net of that attempt answers. Before a net is taught, an
        untaught net answers."""
        known, detail = values.pop("known", None), values.pop("detail")
        number, maps = values.pop("attempt", None), checked_maps(values.pop("mute", []))
        question = Question.of(values)
        net = self._teacher.net if number is None else self._others.of(number)
        facts = {"untaught": net is None}
        net = self._untaught.of(question) if net is None else self._mutes.of(net, maps)
        return self._answers.answer(net, question, known, detail=detail, facts=facts)

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
        """A file to take away. ``lessons``: whether the archive of the project also holds what was
        answered in the lessons."""
        if values["name"] == "report.html":
            return Taken("report.html", self._answers.report(values.get("walk")))
        return take(values["name"], self._project, self._teacher.attempt, self._teacher.net,
                    with_lessons=values["lessons"] == "yes")  # fmt: skip


_QUESTION = (
    RequestField("sample", TEXT), RequestField("strokes", ANY), RequestField("width", ANY),
    RequestField("text", TEXT), RequestField("upload", WHOLE), RequestField("changes", OBJECT),
    RequestField("known", TEXT), RequestField("detail", FLAG, default=True),
    RequestField("mute", ANY), RequestField("attempt", WHOLE),
)  # fmt: skip
_NAMED = (RequestField("name", TEXT, required=True),)
_TAKE = (RequestField("walk", WHOLE), RequestField("lessons", WordKind("yes", "no"), "no"))
ROUTES = (
    AppRoute("POST", "/api/answer", AnswerActions.answer, _QUESTION),
    AppRoute("POST", "/api/uploads", AnswerActions.add_upload, _NAMED, BYTES),
    AppRoute("POST", "/api/votes", AnswerActions.votes, (_WALK,)),
    AppRoute("POST", "/api/mattered", AnswerActions.mattered, (_WALK,)),
    AppRoute("GET", "/api/take", AnswerActions.formats),
    AppRoute("GET", "/api/take/{name}", AnswerActions.take, _TAKE),
)
"""The routes of these actions."""
