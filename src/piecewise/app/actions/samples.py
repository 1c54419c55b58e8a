"""Actions on samples: list, add, import, move, remove, and draw them."""

from __future__ import annotations

from ...core.errors import LimitError
from ..atlas import LEAST_SIDE, MAX_ATLAS, MAX_SIDE, Thumbnails, beginning
from ..fields import ANY, PART, TEXT, TEXTS, RequestField, Values, WholeKind, WordKind
from ..routes import BYTES, AppRoute
from ..session import Session
from ..similar_order import SimilarSamples
from ..strokes import checked_drawing

MAX_COUNT = 1_000
"""Ids of one answer."""
_PART = RequestField("part", PART, "train")
_IDS = RequestField("ids", TEXTS, required=True)


class SampleActions:
    """The actions on the samples of a project."""

    def __init__(self, session: Session) -> None:
        self._session, self._project = session, session.project
        self._thumbnails = Thumbnails(session.project)
        self._similar = SimilarSamples(session.project, session.teacher)

    def samples(self, values: Values) -> Values:
        """The ids of samples of a class, and how many there are. The order is ``added``: the newest
        first; ``unsure``: first those of which the nets of the cross-validation were least certain;
        ``wrong``: first those that these nets got wrong; or ``alike``: each is followed by the one
        that is most similar for the net. Those without a prediction are last."""
        count, held_out = min(values["count"], MAX_COUNT), self._session.teacher.held_out
        folder, part, start = values["folder"], values["part"], values["from"]
        order = values["order"]
        if order == "alike":
            ids = self._similar.ids(folder, part)
        elif order == "added" or held_out is None:
            return self._project.samples(folder, part, start, count)._asdict()
        else:
            rank = held_out.doubtful_first(wrong=order == "wrong")
            ids = self._project.ids(part, folder)[::-1]
            ids.sort(key=lambda one: rank.get(one, len(rank)))
        return {"total": len(ids), "ids": ids[start : start + count]}

    def add_samples(self, values: Values) -> Values:
        """Save a drawing or texts in a class; the new ids."""
        folder, part = values["folder"], values["part"]
        if "texts" in values:
            ids = self._project.add_texts(folder, part, values["texts"])
        else:
            drawing = checked_drawing(values.get("strokes"), values.get("width"))
            ids = [self._project.add_drawing(folder, part, drawing)]
        self._session.report(changed=True)
        return {"ids": ids}

    def add_file(self, values: Values) -> Values:
        """Save an uploaded file in a class; its id."""
        folder, part, name = (values[one] for one in ("folder", "part", "name"))
        sample = self._project.add_file(folder, part, name, values["content"])
        self._session.report(changed=True)
        return {"ids": [sample]}

    def move(self, values: Values) -> Values:
        """Move samples to a class, or leave them in theirs, and to a part; their new ids."""
        ids = self._project.move(values["ids"], values.get("folder"), values["part"])
        self._session.report(changed=True)
        return {"ids": ids}

    def remove(self, values: Values) -> Values:
        """Remove samples."""
        self._project.remove(values["ids"])
        return self._session.report(changed=True)

    def atlas(self, values: Values) -> bytes:
        """A PNG with a square for each of the samples, in rows of 20, in their order."""
        ids = values["ids"]
        if not 1 <= len(ids) <= MAX_ATLAS:
            raise LimitError(f"ids: got {len(ids):,}, wanted 1 to {MAX_ATLAS}")
        return self._thumbnails.atlas(ids, values["side"])

    def texts(self, values: Values) -> Values:
        """The beginnings of samples that are texts."""
        ids = values["ids"]
        if not 1 <= len(ids) <= MAX_ATLAS:
            raise LimitError(f"ids: got {len(ids):,}, wanted 1 to {MAX_ATLAS}")
        return {"texts": [beginning(self._project, one) for one in ids]}

    def content(self, values: Values) -> bytes:
        """The file of a sample, byte for byte."""
        return self._project.content(values["id"])


_FOLDER = RequestField("folder", TEXT, required=True)
_PAGE = (_FOLDER, _PART, RequestField("from", WholeKind(), 0),
        RequestField("count", WholeKind(), 200),
        RequestField("order", WordKind("added", "unsure", "wrong", "alike"), "added"))  # fmt: skip
_DRAWING = (_PART, RequestField("strokes", ANY), RequestField("width", ANY),
           RequestField("texts", TEXTS))  # fmt: skip
_SIDE = RequestField("side", WholeKind(LEAST_SIDE, MAX_SIDE), 48)
_NAMED = (_PART, RequestField("name", TEXT, required=True))
ROUTES = (
    AppRoute("GET", "/api/samples", SampleActions.samples, _PAGE),
    AppRoute("POST", "/api/samples/{folder}", SampleActions.add_samples, _DRAWING),
    AppRoute("POST", "/api/files/{folder}", SampleActions.add_file, _NAMED, BYTES),
    AppRoute("POST", "/api/move", SampleActions.move, (_IDS, RequestField("folder", TEXT), _PART)),
    AppRoute("POST", "/api/remove", SampleActions.remove, (_IDS,)),
    AppRoute("POST", "/api/atlas", SampleActions.atlas, (_IDS, _SIDE)),
    AppRoute("POST", "/api/texts", SampleActions.texts, (_IDS,)),
    AppRoute(
        "POST", "/api/content", SampleActions.content, (RequestField("id", TEXT, required=True),)
    ),
)
"""The routes of these actions."""
