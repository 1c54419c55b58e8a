"""The net of a project before one is taught: its weights are random, and its maps can be seen."""

from __future__ import annotations

from threading import Lock
from typing import Any

from ..core.errors import DataError
from ..data.modalities import MODALITIES
from ..data.preprocessing import Preprocessor
from ..network import Network
from ..training.defaults import default_config
from .answers import Question
from .failures import ConflictError
from .prepared import PreparedSamples
from .project import Project
from .strokes import checked_drawing, draw

OFFERED = {"pictures": ("X", "O"), "sounds": ("B", "A"), "texts": ("B", "A")}
"""The classes that the page offers to an empty project, by the kind of its samples."""
LETTERS = " .,:;!?'-abcdefghijklmnopqrstuvwxyz0123456789"
"""What the first text is read with, so that the net stays the same while it is typed."""


class UntaughtNets:
    """The untaught net of a project, with the layers that its first sketch will have."""

    def __init__(self, project: Project, samples: PreparedSamples) -> None:
        self._project, self._samples = project, samples
        self._lock = Lock()
        self._last: tuple[tuple[int, bool], Network] | None = None

    def of(self, question: Question) -> Network:
        """The net that shows what is asked about. ConflictError if there is nothing from which the
        size of its inputs follows: no sample, no drawing and no text."""
        with self._lock:
            key = self._project.version, question.text is None
            if self._last is None or self._last[0] != key:
                self._last = key, self._made(question)
            return self._last[1]

    def _made(self, question: Question) -> Network:
        preprocessor, count = self._preprocessor(question)
        names = [one.name for one in self._project.classes()]
        offered = OFFERED[preprocessor.modality]
        names += [one for one in offered if one not in names][: max(0, 2 - len(names))]
        layers = (
            self._project.settings.get("layers")
            or default_config(
                preprocessor.kind, preprocessor.shape, len(names), max(1, count), effort="quick"
            ).layers
        )
        return Network(layers, preprocessor.shape, names, preprocessor=preprocessor)

    def _preprocessor(self, question: Question) -> tuple[Preprocessor, int]:
        """The pinned preprocessor, or one that is fitted to the samples, or to a drawing or a text;
        and the number of samples."""
        count = sum(one.train for one in self._project.classes())
        if (pinned := self._project.preprocessor) is not None:
            return pinned, count
        if count:
            return self._samples.fitted(), count
        if question.text is not None:
            return MODALITIES["texts"].fit_preprocessor([LETTERS, question.text]), 0
        if question.strokes is None:
            raise ConflictError("answer: no net is taught yet")
        picture: Any = draw(checked_drawing(question.strokes, question.width))[:, :, None]
        if not picture.any():
            raise DataError("strokes: the drawing is empty")
        modality = MODALITIES["pictures"]
        return modality.fit_preprocessor([picture], labels=[0]), 0
