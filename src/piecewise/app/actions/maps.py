"""What the place "Look inside" asks about the maps of the net, and the curves of an answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.array_types import Array
from ...data.audio.preprocessor import AudioPreprocessor
from ...insight.attribution.patches import map_maxima, top_patches
from ...network import Network
from ...page.explain import robustness_data
from ...page.top_patches import sound_of_patch, top_patches_data
from ...spec.layers import Relu
from ..failures import ConflictError
from ..fields import TEXT, WHOLE, RequestField, Values
from ..routes import AppRoute
from ..session import Session

MATCHES = 7
"""Patches that show what a map looks for."""
MAX_SEARCHED = 2_000
"""Samples that are searched for them, evenly spaced."""


class MapActions:
    """The actions on the maps of the net that answers."""

    def __init__(self, session: Session) -> None:
        self._project, self._teacher = session.project, session.teacher
        self._answers = session.answers

    def curves(self, values: Values) -> Values:
        """The robustness curves of an open answer."""
        explanation = self._answers.explanation(values["walk"])
        return {"curves": robustness_data(explanation)}

    def patches(self, values: Values) -> Values:
        """The patches of the samples for learning that a map answers to most."""
        net, inputs, ids = self._samples()

        def original(index: int) -> Any:
            return net.preprocessor.read(self._project.path(ids[index]))

        # So that words are those that were written, and seconds those of the recording.
        raw = None if net.preprocessor.modality == "pictures" else original
        found = top_patches(net, inputs, values["layer"], values["map"], MATCHES, ids, raw)
        matches = top_patches_data(net, [found])[0]["best"]
        best = [{**plain, "id": match.name, "field": list(match.field)}
                for match, plain in zip(found.best, matches, strict=True)]  # fmt: skip
        if isinstance(net.preprocessor, AudioPreprocessor):
            for match, plain in zip(found.best, best, strict=True):
                plain["sound"] = sound_of_patch(net, original(match.index), match)
        return {"best": best, "searched": found.n_searched}

    def activity(self, values: Values) -> Values:
        """How many of the samples for learning each map answers to, for every ReLU."""
        net, inputs, _ = self._samples()
        maps = {
            stage.name: (map_maxima(net, inputs, stage.name) > 0).sum(axis=0).tolist()
            for stage in net.architecture.stages
            if isinstance(stage.layer, Relu)
        }
        return {"samples": len(inputs), "maps": maps}

    def _samples(self) -> tuple[Network, Array, list[str]]:
        """The net that answers, and the samples for learning; ConflictError if there are none."""
        net = self._teacher.net
        if net is None:
            raise ConflictError("maps: no net is taught yet")
        folders = [one.folder for one in self._project.classes()]
        split = self._teacher.samples.split("train", folders)
        if not split.ids:
            raise ConflictError("maps: there are no samples")
        rows = np.linspace(0, len(split.ids) - 1, min(len(split.ids), MAX_SEARCHED)).astype(int)
        return net, split.inputs[rows], [split.ids[row] for row in rows]


_MAP = RequestField("layer", TEXT, required=True), RequestField("map", WHOLE, required=True)
ROUTES = (
    AppRoute(
        "POST", "/api/curves", MapActions.curves, (RequestField("walk", WHOLE, required=True),)
    ),
    AppRoute("POST", "/api/patches", MapActions.patches, _MAP),
    AppRoute("POST", "/api/activity", MapActions.activity),
)
"""The routes of these actions."""
