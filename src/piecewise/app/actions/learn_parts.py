"""Actions of the interactive parts of the lessons: the small net, and the nudge of its weights."""

from __future__ import annotations

from dataclasses import replace

from ...core.array_types import Array
from ...core.errors import DataError, shown
from ...data.xo import FEATURES
from ...insight.dynamics.nudge_curve import nudge_curve
from ...insight.evaluation.error_table import error_table
from ...insight.explanation import explain
from ...lessons import net_quantities as nets
from ...lessons.deck_facts import RIGHT_ANSWERS
from ...lessons.deck_quantities import Deck
from ...lessons.descent import (
    FACTORS,
    RATE,
    Descent,
    descent,
    hardest_drawing,
    largest_value,
    mean_loss,
)
from ...lessons.feature_matches import agreeing_pixels
from ...lessons.formats import printed
from ...lessons.knob_trial import KERNELS, POOLINGS, SIZES, knob_trial
from ...lessons.learner import Learner, LearnerDrawing
from ...network import Network
from ..failures import MissingError
from ..fields import ANY, RequestField, Values, WholeKind, WordKind
from ..muting import Mutes, checked_maps
from ..routes import AppRoute
from ..session import Session

MOST_STEPS = 20
"""Steps of gradient descent of one request."""
FAR = 8
"""Pixels by which a drawing can be moved."""


class LearnPartActions:
    """The actions on the small net of the lessons."""

    def __init__(self, session: Session) -> None:
        self._state, self._answers = session.learn, session.answers
        self._mutes = Mutes()

    def walk(self, values: Values) -> bytes:
        """What the small net says to a drawing of the learner, moved and with flipped pixels, and
        every number behind it; without the votes of some maps. The JSON object counts the ink
        pixels that the changed and the original drawing share and, for each layer, the values that
        changed."""
        learner = self._state.pinned().learner
        before = _drawing(learner, values["drawing"])
        moved = nets.shifted_drawing(before, values["down"], values["right"])
        after = replace(moved, pixels=_flipped(moved, values.get("flipped", [])))
        net = self._mutes.of(_net(learner, values["net"]), checked_maps(values.get("mute", [])))
        old, ink = net.walk(before.pixels), nets.ink_pixels(after)
        explanation = explain(net, after.pixels, name=learner.classes[before.label])
        facts = {
            "parameters_sha256": net.parameters_sha256,
            "pixels": ink.astype(int).tolist(),
            "label": before.label,
            "ink": int(ink.sum()),
            "shared_ink": int((ink & nets.ink_pixels(before)).sum()),
            "changed": {name: int((values != explanation.walk[name]).sum())
                        for name, values in old.items()},
            "source": None,
        }  # fmt: skip
        return self._answers.opened(explanation, facts)

    def features(self, values: Values) -> Values:
        """The features of the deck, how many pixels of a drawing agree with each at every position,
        and the kernels of the small net before and after training."""
        learner = self._state.pinned().learner
        drawing = _drawing(learner, values["drawing"])
        return {
            "pixels": nets.ink_pixels(drawing).astype(int).tolist(),
            "features": {name: (one > 0).astype(int).tolist() for name, one in FEATURES.items()},
            "agreeing": {name: agreeing_pixels(drawing, name).tolist() for name in FEATURES},
            "kernels": {name: _printed_kernels(net)
                        for name, net in (("first", learner.first), ("small", learner.small))},
        }  # fmt: skip

    def errors(self, values: Values) -> Values:
        """The error table of the slide beside the true errors, and the errors of all drawings
        before and after training."""
        pinned = self._state.pinned()
        learner, data = pinned.learner, pinned.learner.data
        tables = [
            (name, error_table(net, data.inputs, data.labels))
            for name, net in (("first", learner.first), ("small", learner.small))
        ]
        rows = [
            {"label": learner.classes[drawing.label],
             **{name: {"actual": printed(table.actual[index, drawing.label], "2"),
                       "error": printed(table.totals[index], "2")}
                for name, table in tables}}
            for index, drawing in enumerate(learner.drawings)
        ]  # fmt: skip
        totals = {name: printed(table.total, "2") for name, table in tables}
        return {"slide": _slide_rows(pinned.deck), "drawings": rows, "totals": totals}

    def nudge(self, values: Values) -> Values:
        """The loss of the untrained small net on a drawing as a function of one voting weight; and
        the mean loss of all drawings and the weight, before and after steps of gradient descent.
        Without the number of a drawing, it is that with the largest loss; without a column, the
        weight is that of its largest value. ``factor`` says how many times as long a step is after
        which the mean loss has risen."""
        learner = self._state.pinned().learner
        number = values.get("drawing", hardest_drawing(learner))
        drawing = _drawing(learner, number)
        index = values["row"], values.get("column", largest_value(learner.first, drawing))
        pixels, labels = drawing.pixels[None], [drawing.label]
        curve = nudge_curve(learner.first, pixels, labels, "full1.weight", index).to_json()
        nets_of_steps = descent(learner, values["steps"], values["rate"] * RATE)
        steps = [{"loss": mean_loss(learner, net), "weight": _voting_weight(net, index)}
                 for net in nets_of_steps]  # fmt: skip
        return {**curve, "drawing": number, "factor": Descent(learner).factor, "steps": steps}

    def knob(self, values: Values) -> Values:
        """The score of a small net with other knobs, each drawing named by nets that never saw
        it."""
        learner = self._state.pinned().learner
        trial = knob_trial(learner, values["kernels"], values["size"], values["poolings"])
        return trial._asdict()


def _drawing(learner: Learner, number: int) -> LearnerDrawing:
    if number >= len(learner.drawings):
        raise MissingError(f"drawing: there is none of the number {number}")
    return learner.drawings[number]


def _voting_weight(net: Network, index: tuple[int, int]) -> float:
    return float(net.parameters["full1.weight"][index])


def _slide_rows(deck: Deck) -> list[Values]:
    """The rows of the error table of the slide; the last one is the total."""
    rows: list[Values] = []
    for name in (*RIGHT_ANSWERS, "total"):
        slide, true = (printed(of(name), "2") for of in (deck.slide_error, deck.error))
        answers = (
            ["", ""]
            if name == "total"
            else [str(RIGHT_ANSWERS[name]), printed(deck.answer(name), "2")]
        )
        rows.append({"name": name, "right": answers[0], "actual": answers[1], "slide": slide,
                     "error": true, "is_wrong": slide != true})  # fmt: skip
    return rows


def _printed_kernels(net: Network) -> list[list[list[str]]]:
    """The kernels of the first layer with two decimals."""
    kernels = net.parameters["conv1.weight"][:, 0].tolist()
    return [[[printed(weight, "2") for weight in row] for row in kernel] for kernel in kernels]


def _net(learner: Learner, name: str) -> Network:
    return learner.small if name == "small" else learner.first


def _flipped(drawing: LearnerDrawing, pixels: object) -> Array:
    """The pixels of a drawing; those of the list are ink if they were background, and background if
    they were ink. DataError."""
    flipped, ink = drawing.pixels.copy(), nets.ink_pixels(drawing)
    if not isinstance(pixels, list) or len(pixels) > ink.size:
        raise DataError(f"flipped: got {shown(pixels)}, wanted pairs of a row and a column")
    for one in pixels:
        is_pair = isinstance(one, list) and [type(at) for at in one] == [int, int]
        if not is_pair or not all(0 <= at < side for at, side in zip(one, ink.shape, strict=True)):
            raise DataError(f"flipped: got {shown(one)}, wanted a row and a column")
        row, column = one
        flipped[:, row, column] = drawing.paper if ink[row, column] else 255 - drawing.paper
    return flipped


_DRAWINGS = WholeKind(0, 99)
_DRAWING = RequestField("drawing", _DRAWINGS, default=0)
_MOVED = WholeKind(-FAR, FAR)
_WALK = (
    RequestField("net", WordKind("small", "first"), default="small"), _DRAWING,
    RequestField("down", _MOVED, default=0), RequestField("right", _MOVED, default=0),
    RequestField("flipped", ANY), RequestField("mute", ANY),
)  # fmt: skip
_NUDGE = (
    RequestField("drawing", _DRAWINGS), RequestField("row", WholeKind(0, 1), default=0),
    RequestField("column", WholeKind(0, 11)),
    RequestField("steps", WholeKind(0, MOST_STEPS), default=0),
    RequestField("rate", WholeKind(1, FACTORS[-1]), default=1),
)  # fmt: skip
_KNOBS = (
    RequestField("kernels", WholeKind(KERNELS[0], KERNELS[-1]), default=3),
    RequestField("size", WholeKind(1, SIZES[-1]), default=3),
    RequestField("poolings", WholeKind(0, POOLINGS[-1]), default=2),
)
ROUTES = (
    AppRoute("POST", "/api/small-net/walk", LearnPartActions.walk, _WALK),
    AppRoute("POST", "/api/small-net/features", LearnPartActions.features, (_DRAWING,)),
    AppRoute("POST", "/api/small-net/errors", LearnPartActions.errors),
    AppRoute("POST", "/api/small-net/nudge", LearnPartActions.nudge, _NUDGE),
    AppRoute("POST", "/api/small-net/knob", LearnPartActions.knob, _KNOBS),
)
"""The routes of these actions; ``rate`` is in tenths."""
