"""What can be taken away from a project: the net in many formats, the project, and a recipe."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any, NamedTuple

from ..core.errors import DataError, shown
from ..exchange import registry
from ..exchange.export_model import files_of
from ..exchange.exporter import Exporter
from ..network import Network
from ..storage import model_file
from ..storage.model_file import SavedModel
from ..training.metrics import score_record
from .attempts import Attempt
from .failures import ConflictError, MissingError
from .learn_log import LOG
from .project import Project
from .project_contents import NAMES
from .project_files import OWN
from .teaching_data import is_complete

_CHUNK = 1 << 16
_OWN_FILES = (NAMES, f"{OWN}/project.json")
_LESSONS = f"{OWN}/{LOG}"
_RECIPE = '''"""Teach the net of the project {name} again, without the app."""

import piecewise as pw

net = pw.load("net.safetensors")  # taken away from the app, too
data = pw.read_data("{name}.zip", net.preprocessor)
again = pw.Network({layers!r}, net.input, data.classes, net.seed, net.preprocessor)
pw.train(again, *data.subset("train"), pw.Recipe(**{recipe!r}))
if again.parameters_sha256 == net.parameters_sha256:
    print("the same net, bit for bit")
else:
    print("another net: the samples, or the names of the classes, have changed since")
'''


class Taken(NamedTuple):
    """A file to take away: its name, and its content as bytes or as an open file."""

    name: str
    content: bytes | IO[bytes]


def formats(net: Network) -> list[dict[str, Any]]:
    """The formats in which a net can be taken away, and why others cannot express it."""
    model = net.saved_model()
    return [
        {"name": name, "title": exporter.title, "refusal": exporter.refusal(model)}
        for name in registry.exporter_names()
        for exporter in [registry.exporter(name)]
    ]


def take(
    name: str, project: Project, attempt: Attempt | None, net: Network | None,
    *, with_lessons: bool = False,
) -> Taken:  # fmt: skip
    """A file to take away; MissingError if there is none of this name, ConflictError if there is no
    net yet, DataError if the net cannot be expressed in this format."""
    if name == "project.zip":
        archive = project_zip(project, with_lessons=with_lessons)
        return Taken(f"{plain_name(project.name)}.zip", archive)
    if name not in ("net", "recipe.py", *registry.exporter_names()):
        raise MissingError(f"take: there is none of the name {shown(name)}")
    if net is None or attempt is None:
        raise ConflictError("net: there is none yet; teach one first")
    if name == "net":
        return Taken("net.safetensors", model_file.content(_saved_model(net, attempt)))
    if name == "recipe.py":
        return Taken("recipe.py", _recipe(project, attempt).encode())
    return Taken(f"{name}.zip", _exported(registry.exporter(name), _saved_model(net, attempt)))


def project_zip(project: Project, *, with_lessons: bool = False) -> IO[bytes]:
    """The samples, the names of the classes and the knobs, in a temporary file; with what the
    learner answered in the lessons if a person wants that."""
    file = tempfile.TemporaryFile(dir=project.root / OWN)  # noqa: SIM115 - the caller closes it
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for path in (*_OWN_FILES, *([_LESSONS] if with_lessons else [])):
                if (project.root / path).is_file():
                    archive.write(project.root / path, path)
            for sample in [*project.labelled("train")[0], *project.labelled("test")[0]]:
                archive.writestr(sample, project.content(sample))
    except OSError as error:
        file.close()
        raise DataError(f"project: not written: {error.strerror}") from None
    file.seek(0)
    return file


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The content of a file, piece by piece; then the file is closed."""
    with file:
        while piece := file.read(_CHUNK):
            yield piece


def _exported(exporter: Exporter, model: SavedModel) -> bytes:
    """An archive of the files of an exporter, with its usage."""
    if why := exporter.refusal(model):
        raise DataError(f"{exporter.title} cannot express this net: {why}")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files_of(exporter, model).items():
            archive.writestr(path, data)
    return content.getvalue()


def _saved_model(net: Network, attempt: Attempt) -> SavedModel:
    """The contents of the net's file, with the score that the app measured in folds."""
    model, score = net.saved_model(), attempt.score
    if model.training_summary.get("scores") or not score or not is_complete(score):
        return model
    interval = score["low"], score["high"]
    folds = score_record(score["right"] / score["n"], interval, score["n"], score["base"])
    summary = {**model.training_summary, "scores": {"folds": folds}}
    return replace(model, training_summary=summary)


def _recipe(project: Project, attempt: Attempt) -> str:
    """A program that teaches the same net."""
    name = plain_name(project.name)
    return _RECIPE.format(name=name, layers=attempt.layers, recipe=attempt.recipe)


def plain_name(name: str) -> str:
    """A name of letters and numbers of ASCII, for a header and a program."""
    letters = "".join(one if one.isascii() and (one.isalnum() or one in " -_") else "-"
                      for one in name[:60])  # fmt: skip
    return letters.strip(" -") or "project"
