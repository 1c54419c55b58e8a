"""Everything that explains one prediction, as data for pages, terminals and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.dataset import Dataset
from ..inputs import layer_inputs
from ..network import Network
from ..spec.class_numbers import class_number
from ..trace.vote_ledger import Ledger
from ..trace.walk import Walk
from .attribution.coordinates import Coordinates, input_coordinates
from .attribution.passages import Passage, passages_of
from .attribution.patches import TopPatches, top_patches
from .attribution.saliency import Attribution, attributions
from .net_facts import net_facts
from .reason import Reason, find_reason, map_votes, rival_of
from .robustness.curves import Curve, example_robustness

FIRST_FEATURES, LAST_FEATURES = 8, 6
"""Features with matching patches: of the first convolution, and of the last one those with the
largest votes."""
MATCHES = 6
"""Patches of each feature, best and worst."""


@dataclass(frozen=True)
class Explanation:
    """One prediction of a net and what explains it. Expensive values are computed on first use and
    cached.

    Attributes
    ----------
    net : Network
        The net.
    name : str
        Name of the input.
    example : array
        The preprocessed input.
    walk : Walk
        The activations of all layers.
    label : int
        Class number that is explained.
    original : object or None
        The input before preprocessing, if it is known.
    """

    net: Network
    name: str
    example: npt.NDArray[Any]
    walk: Walk
    label: int
    original: Any = None

    @property
    def logits(self) -> npt.NDArray[np.float32]:
        """A logit for each class."""
        return self.walk.logits

    @cached_property
    def order(self) -> list[int]:
        """The numbers of the classes, the largest logit first."""
        return [int(index) for index in np.argsort(-self.logits, kind="stable")]

    @property
    def answer(self) -> int:
        """The number of the class with the largest logit."""
        return self.order[0]

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """A probability for each class."""
        probabilities: npt.NDArray[np.float32] = self.net.probabilities_of(self.logits[None])[0]
        return probabilities

    @property
    def voting_layer(self) -> str:
        """The name of the layer to whose maps votes are carried back."""
        return self.walk.voting_layer

    @cached_property
    def ledger(self) -> Ledger:
        """The votes for the class in the last layer."""
        return self.walk.ledger(self.label)

    @cached_property
    def carried_back(self) -> Ledger:
        """The votes for the class, carried back to the maps of ``voting_layer``."""
        return self.votes_for(self.label)

    def votes_for(self, label: int | str) -> Ledger:
        """The votes for any class, carried back to the maps of ``voting_layer``."""
        return self.walk.ledger(label, back_to=self.voting_layer)

    @cached_property
    def map_votes(self) -> dict[str, list[float]]:
        """Each map's votes for the class, in every layer, carried back through the layers, minus
        those for the rival of `reason`."""
        return map_votes(self.walk, self.label, rival_of(self.walk, self.label))

    @cached_property
    def reason(self) -> Reason | None:
        """Why the net prefers the class to the next one, in a sentence and as data; None if it has
        only one class."""
        return find_reason(
            self.net, self.example, self.walk, self.label, self.probabilities,
            self.attributions[0], self.coordinates, self.passages,
        )  # fmt: skip

    @cached_property
    def attributions(self) -> list[Attribution]:
        """How much each cell of the input matters for the class, by several methods."""
        return attributions(self.net, self.example, self.label)

    @cached_property
    def curves(self) -> list[Curve]:
        """Votes and probabilities while the input is shifted, scaled, rotated, and drawn with other
        strokes. Texts, and inputs of a single pixel, have none."""
        net = self.net
        is_text = net.architecture.reads_texts or net.preprocessor.kind == "texts"
        if is_text or prod(net.input[1:]) < 2:
            return []
        return example_robustness(net, self.example, self.label)

    @cached_property
    def coordinates(self) -> Coordinates:
        """Where the cells of the input lie: pixels, hertz and seconds, or words."""
        return input_coordinates(self.net.preprocessor, self.example, self.original)

    @cached_property
    def passages(self) -> list[Passage] | None:
        """The words of a text as it was written, and their positions in the input; None for other
        inputs, and if the original is not known."""
        return passages_of(self.net.preprocessor, self.example, self.original)

    @cached_property
    def warning(self) -> str | None:
        """Why the prediction may be wrong, if there is a reason and the original is known."""
        if self.original is None:
            return None
        return self.net.preprocessor.warning(self.original)

    @cached_property
    def facts(self) -> list[list[str]]:
        """How the net was made, as names and values."""
        return net_facts(self.net)

    def feature_patches(self, data: Dataset) -> list[TopPatches]:
        """The patches of the training split of ``data`` that match features best and worst: for the
        first features of the first convolution, and for those of the last one whose maps vote most
        for the class."""
        named = [stage for stage in self.net.architecture.stages if stage.convolutional]
        if not named:
            return []
        first, last = named[0], named[-1]
        chosen = [(first.name, map_) for map_ in range(min(FIRST_FEATURES, first.output.channels))]
        if len(named) > 1:
            votes = self.walk.ledger(self.label, back_to=last.name).by_map()
            order = np.argsort(-votes, kind="stable")[:LAST_FEATURES]
            chosen += [(last.name, map_) for map_ in order.tolist()]
        pictures, _ = data.subset("train")
        names = [
            name for name, part in zip(data.names, data.splits, strict=True) if part == "train"
        ]
        return [top_patches(self.net, pictures, *one, most=MATCHES, names=names) for one in chosen]

    def to_json(self) -> dict[str, Any]:
        """Plain values: the prediction, its reason, the votes, and how much each input cell
        matters."""
        return {
            "schema": 1,
            "input": self.name,
            "predicted": self.net.classes[self.answer],
            "explained": self.net.classes[self.label],
            "classes": list(self.net.classes),
            "probabilities": self.probabilities.tolist(),
            "logits": self.logits.tolist(),
            "reason": self.reason and self.reason.to_json(),
            "temperature": self.net.calibration.temperature,
            "ledger": self.ledger.to_json(),
            "carried_back": self.carried_back.to_json(),
            "attributions": [one.to_json() for one in self.attributions],
            "warning": self.warning,
        }


def explain(
    net: Network,
    example: npt.NDArray[Any],
    *,
    name: str = "",
    label: int | str | None = None,
    original: Any = None,
) -> Explanation:
    """Explain the prediction of a net for one input.

    Parameters
    ----------
    net : Network
        The net.
    example : array (channels, height, width) or (positions,)
        A preprocessed input.
    name : str, optional
        Name of the input.
    label : int or str, optional
        Number or name of the class to explain; the predicted class by default.
    original : object, optional
        The input before preprocessing. With it, the explanation has warnings and original units.

    Returns
    -------
    Explanation
        Votes, saliency maps and robustness curves of the prediction.

    Raises
    ------
    DataError
        If the example does not fit the net.
    LimitError
        If the label is not a class.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(1, 9, seed=0)
    >>> net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    >>> explanation = pw.explain(net, xo.inputs[0])
    >>> explanation.voting_layer
    'relu1'
    """
    example = np.asarray(example)
    walk = net.walk(layer_inputs(net, example[None])[0])
    chosen = int(walk.logits.argmax()) if label is None else class_number(net.classes, label)
    return Explanation(net, name, example, walk, chosen, original)
