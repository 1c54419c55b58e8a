"""Actions on the project: its name, its classes, its knobs, and undo."""

from __future__ import annotations

from ..fields import OBJECT, TEXT, TEXTS, RequestField, Values
from ..routes import AppRoute
from ..session import Session
from .layer_check import check_layers

_NAME = RequestField("name", TEXT, required=True)


class ProjectActions:
    """The actions on a project and its classes."""

    def __init__(self, session: Session) -> None:
        self._session, self._project = session, session.project

    def state(self, values: Values) -> Values:
        """The state of the project: classes, knobs, teaching."""
        return self._session.state()

    def change(self, values: Values) -> Values:
        """Rename the project, order its classes, or turn its knobs; null takes one back."""
        settings: Values = {name: values[name] for name in ("layers", "recipe") if name in values}
        self._check_settings(settings)
        if "name" in values:
            self._project.rename(values["name"])
        if "order" in values:
            self._project.set_order(values["order"])
        if settings:
            self._project.set_settings(**settings)
            self._session.teacher.changed()
        return self._session.report()

    def _check_settings(self, settings: Values) -> None:
        """Refuse knobs that no net can have, before they are kept."""
        from ...training.recipe import Recipe, check_knob_names  # noqa: PLC0415

        if settings.get("layers") is not None:
            check_layers(self._project, settings["layers"])
        recipe = settings.get("recipe")
        if recipe is not None:
            check_knob_names(recipe)
            Recipe(**recipe)

    def add_class(self, values: Values) -> Values:
        """Add a class; its folder."""
        folder = self._project.add_class(values["name"])
        self._session.report(changed=True)
        return {"folder": folder}

    def rename_class(self, values: Values) -> Values:
        """Call a class by another name; its folder."""
        folder = self._project.rename_class(values["folder"], values["name"])
        self._session.report(changed=True)
        return {"folder": folder}

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


_SETTINGS = (
    RequestField("name", TEXT), RequestField("order", TEXTS),
    RequestField("layers", TEXT, nullable=True),
    RequestField("recipe", OBJECT, nullable=True),
)  # fmt: skip
_INTO = (RequestField("into", TEXT, required=True),)
ROUTES = (
    AppRoute("GET", "/api/project", ProjectActions.state),
    AppRoute("PATCH", "/api/project", ProjectActions.change, _SETTINGS),
    AppRoute("POST", "/api/classes", ProjectActions.add_class, (_NAME,)),
    AppRoute("PATCH", "/api/classes/{folder}", ProjectActions.rename_class, (_NAME,)),
    AppRoute("DELETE", "/api/classes/{folder}", ProjectActions.remove_class),
    AppRoute("POST", "/api/classes/{folder}/merge", ProjectActions.merge_class, _INTO),
    AppRoute("POST", "/api/undo", ProjectActions.undo),
    AppRoute("POST", "/api/redo", ProjectActions.redo),
)
"""The routes of these actions."""
