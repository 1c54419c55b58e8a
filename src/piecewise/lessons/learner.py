"""The learner of a lesson: own drawings, and the nets that are trained on them.

The small net is one that can be calculated by hand: 9x9 pixels, three 3x3 kernels and twelve votes
for a class. It is trained in a hundredth of a second. `first` is the same net before training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ..core.array_types import Array
from ..core.errors import DataError, shown
from ..data.dataset import Dataset
from ..data.images.preprocessor import ImagePreprocessor
from ..data.xo import make_xo
from ..network import Network
from ..training.recipe import Recipe
from ..training.train import train
from .own_samples import SIDE, WordRows, own_samples
from .references import LessonError

SMALL_NET = "conv 3 3, relu, pool 2, pool 2, full"
DRAWINGS = 10
LARGE_NET = "conv 8 5, relu, pool 2, conv 8 3, relu, pool 2, full"
LARGE_SIDE = 28
WHITE = 255
SMALL_RECIPE = Recipe(epochs=60, batch_size=10, learning_rate=0.1)


@dataclass(frozen=True)
class LearnerDrawing:
    """One of the learner's drawings, as the small net gets it."""

    pixels: Array
    label: int
    paper: int = 0
    """The grey level of the background: 0, or 255 for dark ink on a light background."""


@dataclass(frozen=True)
class Learner:
    """The drawings of two classes, and the nets of the lessons.

    Parameters
    ----------
    name : str
        What the drawings are, in words.
    data : Dataset
        The drawings (N, C, 9, 9), with the labels 0 and 1.
    own_net : Network, optional
        The learner's net. If left out, a net is trained on generated drawings.
    rows : WordRows, optional
        How texts became the drawings, if they are those of texts.
    tokens : tuple of tuple of str
        The words of the columns of each drawing, if they are those of texts.
    """

    name: str
    data: Dataset
    own_net: Network | None = None
    rows: WordRows | None = None
    tokens: tuple[tuple[str, ...], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the rows, if the drawings are those of texts."""
        return self.rows.words if self.rows else ()

    @property
    def classes(self) -> tuple[str, ...]:
        return self.data.classes

    @property
    def paper(self) -> int:
        """The grey level of the background of all drawings."""
        preprocessor = self.data.preprocessor
        is_light = (
            isinstance(preprocessor, ImagePreprocessor) and preprocessor.background == "light"
        )
        return WHITE if is_light else 0

    def drawing(self, label: int, number: int) -> LearnerDrawing:
        """The drawing ``number`` of class ``label``, both counted from 1; LessonError."""
        if not 1 <= label <= len(self.classes):
            raise LessonError(f"class: got {label}, wanted 1 or 2")
        found = np.flatnonzero(self.data.labels == label - 1)
        if not 1 <= number <= len(found):
            raise LessonError(
                f"drawing: got {number} of class {label}, wanted a number from 1 to {len(found)}"
            )
        return LearnerDrawing(self.data.inputs[found[number - 1]], label - 1, self.paper)

    @cached_property
    def drawings(self) -> tuple[LearnerDrawing, ...]:
        """All drawings."""
        pairs = zip(self.data.inputs, self.data.labels.tolist(), strict=True)
        return tuple(LearnerDrawing(pixels, label, self.paper) for pixels, label in pairs)

    @cached_property
    def first(self) -> Network:
        """The small net before training."""
        return self.untrained(SMALL_NET)

    def untrained(self, layers: str) -> Network:
        """A net for the drawings, before training."""
        return _untrained(layers, self.data)

    @cached_property
    def small(self) -> Network:
        """The small net, trained on all drawings."""
        return _trained(SMALL_NET, self.data)

    @cached_property
    def net(self) -> Network:
        """The learner's net."""
        return self.own_net or _trained(LARGE_NET, _generated(LARGE_SIDE, 0))


def generated_learner(seed: int = 0, own_net: Network | None = None) -> Learner:
    """A learner whose ten drawings are generated."""
    return Learner(f"generated drawings, seed {seed}", _generated(SIDE, seed), own_net)


def project_learner(folder: Path, own_net: Network | None = None) -> Learner:
    """A learner with the samples of a data set: a folder of the app, or any other. Where they
    cannot be shown, as photos, the lessons show generated drawings."""
    own = own_samples(folder)
    if own.data is None:
        name = f"generated drawings in place of {own.kind}"
        return replace(generated_learner(0, own_net), name=name)
    return Learner(str(folder), own.data, own_net, own.rows, own.tokens)


def load_own_net(path: Path) -> Network:
    """The learner's net in a model file; DataError unless it reads pictures or sounds."""
    net = Network.load(path)
    if net.preprocessor.modality not in ("pictures", "sounds"):
        raise DataError(
            f"{path}: got a net that reads {shown(net.preprocessor.modality)}, wanted one that "
            "reads pictures or sounds"
        )
    return net


def _generated(side: int, seed: int) -> Dataset:
    xo = make_xo(DRAWINGS, side, seed)
    return Dataset(xo.inputs, xo.labels, xo.classes, np.full(len(xo), "train"), xo.preprocessor)


def _untrained(layers: str, data: Dataset) -> Network:
    shape = data.inputs.shape[1:]
    return Network(layers, shape, data.classes, seed=0, preprocessor=data.preprocessor)


def _trained(layers: str, data: Dataset) -> Network:
    net = _untrained(layers, data)
    train(net, data.inputs, data.labels, SMALL_RECIPE)
    return net
