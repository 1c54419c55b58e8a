"""The action that opens a net from a file in a project."""

from __future__ import annotations

from ...core.errors import DataError, PiecewiseError, reason, shown
from ...network import Network
from ..fields import TEXT, RequestField, Values
from ..opening import add_net
from ..routes import FILE, AppRoute
from ..session import Session


class NetActions:
    """The actions on nets that come from files."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._project, self._teacher = session.project, session.teacher

    def open(self, values: Values) -> Values:
        """Add a net as an attempt, and answer with it. A project without classes gets those of the
        net; another one must have the same."""
        name = values["name"]
        try:
            net = Network.load(values["content"])
        except PiecewiseError as error:
            message = reason(error).replace(f"{values['content']}: ", "", 1)
            raise DataError(f"{shown(name)}: {message}") from None
        attempt = add_net(self._project, self._teacher.attempts, net)
        self._teacher.use(attempt.number)
        return self._session.report()


ROUTES = (
    AppRoute("POST", "/api/nets", NetActions.open, (RequestField("name", TEXT, required=True),),
             FILE),
)  # fmt: skip
"""The routes of these actions."""
