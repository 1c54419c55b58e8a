"""What `piecewise app` opens: the folder of a project, an archive of one, or a net."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import DataError, PiecewiseError, shown
from ..data.sources.zip_archives import list_zip, open_zip
from ..network import Network
from .attempts import Attempt, Attempts
from .failures import ConflictError
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
        add_net(project, Attempts(folder), net)
        project.set_settings(layers=net.notation)
    except PiecewiseError as error:
        raise DataError(f"{path}: {error}") from None
    finally:
        project.close()
    return folder


def add_net(project: Project, attempts: Attempts, net: Network) -> Attempt:
    """Add a net as an attempt. A project without classes gets those of the net and its
    preprocessor; ConflictError if it has others."""
    classes = project.classes()
    if not classes:
        for name in net.classes:
            project.add_class(name)
        folders = {one.name: one.folder for one in project.classes()}
        project.set_order([folders[name] for name in net.classes])
    elif {one.name for one in classes} != set(net.classes):
        own = ", ".join(one.name for one in classes)
        raise ConflictError(
            f"net: its classes are {shown(', '.join(net.classes))}, those of the project "
            f"{shown(own)}; `piecewise app NET` opens it in a new project"
        )
    if project.preprocessor is None:
        project.pin(net.preprocessor, imported=True)
    recipe = net.recipe or {}
    attempt = Attempt(0, net.notation, recipe, "", net.parameters_sha256, "opened", 0, 0.0)
    return attempts.add(attempt, net)


def _new_folder(path: Path) -> Path:
    folder = Path(path.stem)
    if folder.exists():
        raise DataError(f"{folder}: exists already, and nothing is written over it; "
                        f"`piecewise app {folder}` opens it")  # fmt: skip
    return folder
