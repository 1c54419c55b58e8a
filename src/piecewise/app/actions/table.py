"""The table of all routes of a project, from which the server and the documentation are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..routes import AppRoute
from ..session import Session
from . import (
    answers,
    checks,
    exports,
    gathering,
    inside,
    jobs,
    learn,
    learn_order,
    learn_parts,
    maps,
    nets,
    nudge,
    project,
    samples,
    swap,
    teaching,
)

TABLE: tuple[tuple[Any, tuple[AppRoute, ...]], ...] = (
    (project.ProjectActions, project.ROUTES),
    (samples.SampleActions, samples.ROUTES),
    (gathering.GatheringActions, gathering.ROUTES),
    (teaching.TeachingActions, teaching.ROUTES),
    (answers.AnswerActions, answers.ROUTES),
    (inside.InsideActions, inside.ROUTES),
    (maps.MapActions, maps.ROUTES),
    (checks.CheckActions, checks.ROUTES),
    (exports.ExportActions, exports.ROUTES),
    (jobs.JobActions, jobs.ROUTES),
    (nudge.NudgeActions, nudge.ROUTES),
    (nets.NetActions, nets.ROUTES),
    (learn.LearnActions, learn.ROUTES),
    (learn_parts.LearnPartActions, learn_parts.ROUTES),
    (learn_order.LearnOrderActions, learn_order.ROUTES),
    (swap.SwapActions, swap.ROUTES),
)
"""Groups of actions, each with its routes, whose actions are methods of the group."""


def routes_of(session: Session) -> list[AppRoute]:
    """The routes of a project that is open."""
    groups = [(group(session), routes) for group, routes in TABLE]
    return [
        replace(route, action=getattr(group, route.action.__name__))
        for group, routes in groups
        for route in routes
    ]
