"""Actions on jobs: how far one is, and its end."""

from __future__ import annotations

from ..fields import WHOLE, RequestField, Values
from ..routes import AppRoute
from ..session import Session


class JobActions:
    """The actions on the jobs of a project."""

    def __init__(self, session: Session) -> None:
        self._jobs = session.jobs

    def job(self, values: Values) -> Values:
        """How far a job is, and its result when it is done."""
        return self._jobs.state(values["number"])

    def stop(self, values: Values) -> Values:
        """Stop a job."""
        return self._jobs.stop(values["number"])


_NUMBER = (RequestField("number", WHOLE),)
ROUTES = (
    AppRoute("GET", "/api/jobs/{number}", JobActions.job, _NUMBER),
    AppRoute("DELETE", "/api/jobs/{number}", JobActions.stop, _NUMBER),
)
"""The routes of these actions."""
