"""What `piecewise app` opens: the folder of a project, an archive of one, or a net."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import DataError, PiecewiseError
from ..data.sources.zip_archives import list_zip, open_zip
from ..network import Network
from .attempts import Attempt, Attempts
from .imports import ImportReport, import_data, import_knobs
from .project import Project


def project_of_archive(path: Path) -> tuple[Path, ImportReport]:
    """A new project in the current folder, named as the archive, with its samples. DataError if
    there is a folder of this name."""
    folder = _new_folder(path)
    list_zip(open_zip(path))  # before the folder is made
    project = Project(folder)
    try:
        report = import_data(project, path)
        import_knobs(project, path)
    finally:
        project.close()
    return folder, report


def project_of_net(path: Path) -> Path:
    """A new project with the classes and the preprocessor of a net, and the net as its first
    attempt. DataError if there is a folder of its name."""
    net = Network.load(path)
    folder = _new_folder(path)
    project = Project(folder)
    try:
        for name in net.classes:
            project.add_class(name)
        project.set_order([one.folder for name in net.classes for one in project.classes()
                           if one.name == name])  # fmt: skip
        project.pin(net.preprocessor)
        recipe = net.recipe or {}
        attempt = Attempt(0, net.notation, recipe, "", net.parameters_sha256, "opened", 0, 0.0)
        Attempts(folder).add(attempt, net)
        project.set_settings(layers=net.notation)
    except PiecewiseError as error:
        raise DataError(f"{path}: {error}") from None
    finally:
        project.close()
    return folder


def _new_folder(path: Path) -> Path:
    folder = Path(path.stem)
    if folder.exists():
        raise DataError(f"{folder}: exists already, and nothing is written over it; "
                        f"`piecewise app {folder}` opens it")  # fmt: skip
    return folder
