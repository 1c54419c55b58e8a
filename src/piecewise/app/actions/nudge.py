"""The action that shows the loss as a function of one weight."""

from __future__ import annotations

import numpy as np

from ...insight.dynamics.nudge_curve import nudge_curve
from ..failures import ConflictError
from ..fields import ANY, TEXT, RequestField, Values
from ..routes import AppRoute
from ..session import Session

MAX_SAMPLES = 500
"""Samples whose loss is measured, evenly spaced."""


class NudgeActions:
    """The action on the parameters of the net that answers."""

    def __init__(self, session: Session) -> None:
        self._project, self._teacher = session.project, session.teacher

    def nudge(self, values: Values) -> Values:
        """The mean loss on samples for learning as a function of one parameter, and its gradient:
        `pw.nudge_curve` of the parameter ``name`` at ``index``."""
        net = self._teacher.net
        if net is None:
            raise ConflictError("nudge: no net is taught yet")
        folders = {one.name: one.folder for one in self._project.classes()}
        if set(folders) != set(net.classes):
            raise ConflictError("nudge: the net has other classes; teach it anew")
        split = self._teacher.samples.split("train", list(folders.values()))
        if not split.ids:
            raise ConflictError("nudge: there is no sample for learning")
        rows = np.unique(np.linspace(0, len(split.ids) - 1, MAX_SAMPLES).astype(int))
        numbers = np.array([net.classes.index(name) for name in folders])
        return nudge_curve(
            net, split.inputs[rows], numbers[split.labels[rows]], values["name"], values["index"],
            values.get("reach"),
        ).to_json()  # fmt: skip


_PARAMETER = (RequestField("name", TEXT, required=True), RequestField("index", ANY, required=True),
              RequestField("reach", ANY))  # fmt: skip
ROUTES = (AppRoute("POST", "/api/nudge", NudgeActions.nudge, _PARAMETER),)
"""The routes of these actions."""
