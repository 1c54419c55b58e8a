"""Actions on the teaching: check layers, teach, stop, and the attempts."""

from __future__ import annotations

from dataclasses import asdict

from ...spec.layer_base import Shape
from ..failures import ConflictError
from ..fields import (
    FLAG,
    OBJECT,
    PART,
    TEXT,
    WHOLE,
    RequestField,
    TextKind,
    Values,
    WordKind,
)
from ..layer_edits import edits
from ..routes import AppRoute
from ..session import Session
from .layer_check import check_layers, checked_recipe, guessed_ms, inputs_of

MAX_NOTE = 1_000
"""Characters of a note."""
_STAGE = RequestField("stage", WordKind("sketch", "thorough"), "sketch")
_WORK = RequestField("stage", WordKind("sketch", "thorough", "score"), "sketch")


class TeachingActions:
    """The actions on the teacher of a project."""

    def __init__(self, session: Session) -> None:
        self._session, self._teacher = session, session.teacher

    def check(self, values: Values) -> Values:
        """The shapes and sizes of layers on the inputs of the project, without teaching them, and a
        guess of the milliseconds that a sketch takes."""
        found = check_layers(self._session.project, values["layers"])
        recipe = checked_recipe(values.get("recipe", {}))
        guess = guessed_ms(self._session, values["layers"], recipe.get("epochs"))
        return {**found, "guess_ms": guess}

    def edits(self, values: Values) -> Values:
        """The edits of a column of layers, each with its cost or why no net can have it."""
        shape, classes = inputs_of(self._session.project)
        column = values["column"] - 1
        found = edits(values["layers"], column, values.get("knob"), Shape(*shape), classes)
        return {"edits": [one._asdict() for one in found]}

    def teach(self, values: Values) -> Values:
        """Teach anew; with the stage thorough, as `piecewise train` does. With the stage score, the
        net stays, and the samples are judged in folds, by nets that are trained as it was."""
        if values["stage"] == "thorough":
            self._session.thorough.start()
        elif values["stage"] == "score":
            self._teacher.measure()
        else:
            self._teacher.changed()
        return {}

    def stop(self, values: Values) -> Values:
        """Stop what is taught; the net stays."""
        if values["stage"] == "thorough":
            self._session.thorough.stop()
        else:
            self._teacher.stop()
        return {}

    def mistakes(self, values: Values) -> Values:
        """The mistakes of cross-validation on the samples for learning, or those on the samples for
        the test."""
        is_test = values["part"] == "test"
        held_out = self._teacher.test() if is_test else self._teacher.held_out
        if held_out is None:
            raise ConflictError("mistakes: not measured yet; they are when the score is there")
        return held_out.to_json()

    def attempts(self, values: Values) -> Values:
        """All attempts, the oldest first."""
        return {"attempts": [asdict(one) for one in self._teacher.attempts.list()]}

    def change_attempt(self, values: Values) -> Values:
        """Write a note on an attempt, or keep its net for ever."""
        given = {"note": values.get("note"), "pinned": values.get("kept")}
        changed = {name: value for name, value in given.items() if value is not None}
        return asdict(self._teacher.change_attempt(values["number"], **changed))

    def use_attempt(self, values: Values) -> Values:
        """Answer with the net of an attempt."""
        self._teacher.use(values["number"])
        return self._session.report()


_LAYERS = (RequestField("layers", TEXT, required=True), RequestField("recipe", OBJECT))
_COLUMN = (RequestField("layers", TEXT, required=True),
           RequestField("column", WHOLE, required=True), RequestField("knob", TEXT))  # fmt: skip
_NUMBER = (RequestField("number", WHOLE),)
_ATTEMPT = (*_NUMBER, RequestField("note", TextKind(MAX_NOTE)), RequestField("kept", FLAG))
_PART = (RequestField("part", PART, "train"),)
ROUTES = (
    AppRoute("POST", "/api/check", TeachingActions.check, _LAYERS),
    AppRoute("POST", "/api/edits", TeachingActions.edits, _COLUMN),
    AppRoute("POST", "/api/teach", TeachingActions.teach, (_WORK,)),
    AppRoute("POST", "/api/stop", TeachingActions.stop, (_STAGE,)),
    AppRoute("POST", "/api/mistakes", TeachingActions.mistakes, _PART),
    AppRoute("GET", "/api/attempts", TeachingActions.attempts),
    AppRoute("PATCH", "/api/attempts/{number}", TeachingActions.change_attempt, _ATTEMPT),
    AppRoute("POST", "/api/attempts/{number}/use", TeachingActions.use_attempt, _NUMBER),
)
"""The routes of these actions."""
