"""Actions on the project: its name, its classes, its knobs, and undo."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import Any

from ...core.errors import shown
from ...data.images.preprocessor import ImagePreprocessor
from ..failures import ConflictError, OtherValueError
from ..fields import OBJECT, TEXT, TEXTS, RequestField, ShareKind, Values, WholeKind
from ..routes import AppRoute
from ..session import Session
from .layer_check import check_layers, checked_recipe

MAX_INPUT = 512
"""Pixels of the side of the inputs of a net."""
_NAME = RequestField("name", TEXT, required=True)


class ProjectActions:
    """The actions on a project and its classes."""

    def __init__(self, session: Session) -> None:
        self._session, self._project = session, session.project
        self._renamed: dict[str, str] = {}  # folders that classes had before
        self._renaming = Lock()

    def state(self, values: Values) -> Values:
        """The state of the project: classes, knobs, teaching."""
        return self._session.state()

    def change(self, values: Values) -> Values:
        """Rename the project, order its classes, set the side of its pictures in pixels or the
        coverage of its answers, or set its knobs; null resets a knob to its default. ``was``
        holds the values that the page knows: if another window has changed one of them meanwhile,
        the request is refused and nothing changes."""
        settings: Values = {name: values[name] for name in ("layers", "recipe") if name in values}
        self._check_was(values.get("was", {}))
        self._check_settings(settings)
        if "name" in values:
            self._project.rename(values["name"])
        if "order" in values:
            self._project.set_order(values["order"])
        if "coverage" in values:
            self._project.set_settings(coverage=values["coverage"])
            self._session.teacher.measure_doubt()
        if "size" in values:
            self._resize(values["size"])
        if settings:
            self._project.set_settings(can_undo=True, **settings)
        return self._session.report(changed=bool(settings) or "size" in values)

    def _resize(self, side: int) -> None:
        """Prepare all pictures with this side from now on."""
        preprocessor = self._project.preprocessor
        if not isinstance(preprocessor, ImagePreprocessor):
            raise ConflictError("size: pictures have one as soon as a net was taught")
        shape = (preprocessor.shape[0], side, side)
        self._project.pin(replace(preprocessor, shape=shape))

    def _check_was(self, was: Values) -> None:
        """Refuse a change of knobs that are others than the page knows."""
        settings = self._project.settings
        for name, now in (("layers", settings.get("layers")), ("recipe", settings.get("recipe")),
                          ("name", self._project.name)):  # fmt: skip
            if name in was and was[name] != now:
                raise _changed(name, now)

    def _check_settings(self, settings: Values) -> None:
        """Refuse knobs that no net can have, before they are kept."""
        if settings.get("layers") is not None:
            check_layers(self._project, settings["layers"])
        if settings.get("recipe") is not None:
            checked_recipe(settings["recipe"])

    def add_class(self, values: Values) -> Values:
        """Add a class; its folder."""
        folder = self._project.add_class(values["name"])
        self._session.report(changed=True)
        return {"folder": folder}

    def rename_class(self, values: Values) -> Values:
        """Call a class by another name; its folder. ``was`` is the name that the page knows: if
        another window has changed it meanwhile, the request is refused."""
        with self._renaming:
            old = self._folder_now(values["folder"])
            now = next((one.name for one in self._project.classes() if one.folder == old), None)
            if "was" in values and now is not None and values["was"] != now:
                raise _changed("class", now)
            folder = self._project.rename_class(old, values["name"])
            self._renamed[old] = folder
        self._session.report(changed=True)
        return {"folder": folder}

    def _folder_now(self, folder: str) -> str:
        """The folder of a class that was renamed meanwhile."""
        folders = {one.folder for one in self._project.classes()}
        seen = {folder}
        while folder not in folders and self._renamed.get(folder, folder) not in seen:
            folder = self._renamed[folder]
            seen.add(folder)
        return folder

    def remove_class(self, values: Values) -> Values:
        """Remove a class with its samples."""
        self._project.remove_class(values["folder"])
        return self._session.report(changed=True)

    def merge_class(self, values: Values) -> Values:
        """Move the samples of a class to another one, and remove it."""
        self._project.merge(values["folder"], values["into"])
        return self._session.report(changed=True)

    def undo(self, values: Values) -> Values:
        """Undo the last change of samples or classes; what it was."""
        sentence = self._project.undo()
        self._session.report(changed=True)
        return {"undone": sentence}

    def redo(self, values: Values) -> Values:
        """Do the change that was undone last; what it was."""
        sentence = self._project.redo()
        self._session.report(changed=True)
        return {"done": sentence}


def _changed(what: str, now: Any) -> OtherValueError:
    return OtherValueError(f"{what}: another window changed it to {shown(now, 1_000)}", now)


_SETTINGS = (
    RequestField("name", TEXT), RequestField("order", TEXTS),
    RequestField("layers", TEXT, nullable=True),
    RequestField("recipe", OBJECT, nullable=True), RequestField("was", OBJECT),
    RequestField("size", WholeKind(8, MAX_INPUT)),
    RequestField("coverage", ShareKind()),
)  # fmt: skip
_INTO = (RequestField("into", TEXT, required=True),)
ROUTES = (
    AppRoute("GET", "/api/project", ProjectActions.state),
    AppRoute("PATCH", "/api/project", ProjectActions.change, _SETTINGS),
    AppRoute("POST", "/api/classes", ProjectActions.add_class, (_NAME,)),
    AppRoute(
        "PATCH",
        "/api/classes/{folder}",
        ProjectActions.rename_class,
        (_NAME, RequestField("was", TEXT)),
    ),
    AppRoute("DELETE", "/api/classes/{folder}", ProjectActions.remove_class),
    AppRoute("POST", "/api/classes/{folder}/merge", ProjectActions.merge_class, _INTO),
    AppRoute("POST", "/api/undo", ProjectActions.undo),
    AppRoute("POST", "/api/redo", ProjectActions.redo),
)
"""The routes of these actions."""
