"""The action that opens a net from a file in a project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import DataError, PiecewiseError, reason, shown
from ...network import Network
from ..fields import TEXT, RequestField, Values
from ..opening import add_net
from ..routes import FILE, AppRoute
from ..session import Session

OWN = ".safetensors"
FOREIGN = (".onnx", ".keras", ".h5", ".hdf5", ".t7", ".th7", ".caffemodel")
"""The suffixes of files of other toolkits, by which `piecewise import` recognizes them."""


class NetActions:
    """The actions on nets that come from files."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._project, self._teacher = session.project, session.teacher

    def open(self, values: Values) -> Values:
        """Add a net as an attempt, and answer with it: a model file, or a file of another toolkit
        that `piecewise import` reads. A project without classes gets those of the net; another one
        must have the same."""
        net = _net_of(values["content"], values["name"])
        attempt = add_net(self._project, self._teacher.attempts, net)
        self._teacher.use(attempt.number)
        return self._session.report()


def _net_of(content: Path, name: str) -> Network:
    """The net of a file of this name; DataError."""
    suffix = Path(name).suffix.lower()
    with _with_suffix(content, suffix if suffix in FOREIGN else OWN) as file:
        try:
            return Network.import_file(file) if suffix in FOREIGN else Network.load(file)
        except PiecewiseError as error:
            message = reason(error).replace(f"{file}: ", "", 1)
            raise DataError(f"{shown(name)}: {message}") from None


@contextmanager
def _with_suffix(content: Path, suffix: str) -> Iterator[Path]:
    """A file under a name with this suffix, which is one of those above: never the whole name that
    a request gives."""
    named = content.with_suffix(suffix)
    try:
        os.link(content, named)
    except OSError:  # a file system without links
        named.write_bytes(content.read_bytes())
    try:
        yield named
    finally:
        named.unlink(missing_ok=True)


ROUTES = (
    AppRoute("POST", "/api/nets", NetActions.open, (RequestField("name", TEXT, required=True),),
             FILE),
)  # fmt: skip
"""The routes of these actions."""
