"""The action that opens a net from a file in a project."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import DataError, PiecewiseError, reason, shown
from ...network import Network
from ...storage import model_file
from ...storage.safetensors_file import open_safetensors
from ..fields import TEXT, RequestField, Values, WordKind
from ..opening import add_net
from ..packs import files_in, open_pack
from ..project import Project
from ..routes import FILE, AppRoute
from ..session import Session

OWN = ".safetensors"
FOREIGN = (".onnx", ".keras", ".h5", ".hdf5", ".t7", ".th7", ".caffemodel", ".prototxt")
"""The suffixes of files of other toolkits, by which `piecewise import` recognizes them."""
PARAMETERS, LAYERS = ".caffemodel", ".prototxt"
"""The suffixes of the two files of a net of Caffe."""


class NetActions:
    """The actions on nets that come from files."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._project, self._teacher = session.project, session.teacher

    def open(self, values: Values) -> Values:
        """Add a net as an attempt, and answer with it: a model file, or a file of another toolkit
        that `piecewise import` reads. The kind ``caffe`` is a pack of a .caffemodel and its
        .prototxt. A .safetensors file that holds weights alone (PyTorch) needs their ``layers``, in
        the notation; its inputs and classes are those of the project. A project without classes
        gets those of the net; another one must have the same."""
        content, name = values["content"], values["name"]
        suffix = Path(name).suffix.lower()
        with _files(content, suffix, is_pack=values["kind"] == "caffe") as file:
            if suffix == OWN and "layers" not in values and _holds_weights_alone(file):
                raise DataError(f"layers: {shown(name)} holds weights alone; give their layers")
            try:
                net = _net_of(file, values.get("layers"), self._project)
            except PiecewiseError as error:
                message = reason(error).replace(f"{file}: ", "", 1)
                raise DataError(f"{shown(name)}: {message}") from None
        attempt = add_net(self._project, self._teacher.attempts, net)
        self._teacher.use(attempt.number)
        return self._session.report()


def _net_of(file: Path, layers: str | None, project: Project) -> Network:
    """The net of a file; with ``layers``, of their weights alone, for the inputs and the classes of
    the project."""
    if layers is not None:
        preprocessor, classes = project.preprocessor, [one.name for one in project.classes()]
        if preprocessor is None or len(classes) < 2:
            raise DataError("weights are read for the inputs and the classes of the project; teach "
                            "it a net first")  # fmt: skip
        return Network.import_file(file, layers=layers, input=preprocessor.shape, classes=classes)
    return Network.import_file(file) if file.suffix in FOREIGN else Network.load(file)


def _holds_weights_alone(file: Path) -> bool:
    """Whether a .safetensors file is none of piecewise; False if it is damaged."""
    try:
        with open_safetensors(file, "a model file", model_file.MAX_FILE_BYTES) as opened:
            return model_file.KEY not in opened.metadata
    except (OSError, ValueError):
        return False


@contextmanager
def _files(content: Path, suffix: str, *, is_pack: bool) -> Iterator[Path]:
    """The file of a net under a name with its suffix, which is one of those above: never the whole
    name that a request gives. Of a pack, the file of the parameters, with that of the layers beside
    it."""
    with tempfile.TemporaryDirectory(prefix="net-", dir=content.parent) as folder:
        named = Path(folder) / f"net{suffix if suffix in FOREIGN else OWN}"
        if is_pack:
            files = list(files_in(open_pack(content)))
            packed = {one.suffix.lower(): one for one in files}
            if len(files) != 2 or set(packed) != {PARAMETERS, LAYERS}:
                raise DataError(f"pack: wanted a {PARAMETERS} and its {LAYERS}")
            for kind, one in packed.items():
                named.with_suffix(kind).write_bytes(one.read_bytes())
            yield named.with_suffix(PARAMETERS)
            return
        try:
            os.link(content, named)
        except OSError:  # a file system without links
            named.write_bytes(content.read_bytes())
        yield named


_NET = (
    RequestField("name", TEXT, required=True),
    RequestField("kind", WordKind("file", "caffe"), "file"), RequestField("layers", TEXT),
)  # fmt: skip
ROUTES = (AppRoute("POST", "/api/nets", NetActions.open, _NET, FILE),)
"""The routes of these actions."""
