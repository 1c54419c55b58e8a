"""A walk: one input through a network, with the activations of every layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from ..core.array_types import Array
from ..core.constraints import LOSS, checked, is_integer
from ..core.errors import LimitError, did_you_mean, shown
from ..display.images import walk_html
from ..reference.losses import softmax
from ..reference.model import forward, stage_arrays
from ..reference.reductions import Arrays
from ..spec.architecture import Architecture
from ..spec.class_numbers import class_number
from . import vote_ledger
from .arithmetic import LayerInput, Position, Why, why
from .backprop import LOGIT, Backprop, lengths_of, logit_errors
from .exact import exact
from .vote_ledger import Ledger, VoteArrays


class Walk(Mapping[str, Array]):
    """The activations of one input by layer name, in forward order, "input" first.

    `Network.walk` makes it. Activations have the shape (channels, rows, columns); the input of a
    text has the shape (positions,). The parameters are copied, so that later training does not
    change a walk.

    Attributes
    ----------
    logits : ndarray of shape (K,)
    probabilities : ndarray of shape (K,)
        The softmax of the logits, divided by the temperature of the network's calibration.

    Examples
    --------
    >>> import piecewise as pw
    >>> net = pw.Network("conv 8 3, relu, pool 2, full", input=(1, 9, 9), classes=["X", "O"])
    >>> walk = net.walk(pw.make_xo(1, size=9, seed=0).inputs[0].astype("float32"))
    >>> list(walk)
    ['input', 'conv1', 'relu1', 'pool1', 'full1']
    >>> walk["pool1"].shape
    (8, 4, 4)
    """

    def __init__(
        self,
        architecture: Architecture,
        arrays: Arrays,
        activations: dict[str, Array],
        temperature: float = 1.0,
    ) -> None:
        self._architecture, self._activations = architecture, activations
        self._arrays = {name: array.copy() for name, array in arrays.items()}
        self._lengths = lengths_of(architecture, activations["input"])
        *_, last = activations.values()
        self.logits = last.reshape(-1)
        self.probabilities = softmax(self.logits[None] / np.float32(temperature))[0]

    def __getitem__(self, name: str) -> Array:
        return self._activations[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._activations)

    def __len__(self) -> int:
        return len(self._activations)

    def __repr__(self) -> str:
        return f"Walk({', '.join(self._activations)})"

    def _repr_html_(self) -> str:
        """The activations as images, and the logits, for a notebook."""
        return walk_html(self._activations, self._architecture.classes, self.logits.tolist())

    def why(self, layer: str, feature: int, row: int = 0, column: int = 0) -> Why:
        """The arithmetic of one activation.

        Parameters
        ----------
        layer : str
            The layer's name, such as "conv1", or "input".
        feature, row, column : int
            The index of the feature map, the row and the column.

        Returns
        -------
        Why
            The terms, each with the position of its value, from which the next `why` can start:
            ``walk.why(*term.position)``.

        Raises
        ------
        LimitError
            If there is no such activation.

        Examples
        --------
        >>> import piecewise as pw
        >>> net = pw.Network("conv 8 3, relu, full", input=(1, 9, 9), classes=2)
        >>> walk = net.walk(pw.make_xo(1, size=9, seed=0).inputs[0].astype("float32"))
        >>> why = walk.why("conv1", 5, 4, 6)
        >>> why.recomputed == why.value
        True
        """
        position = self._checked(Position(layer, feature, row, column))
        if layer == "input":
            return Why(position, self._value(position), "input")
        names = list(self._activations)
        stage = next(stage for stage in self._architecture.stages if stage.name == layer)
        before = names[names.index(layer) - 1]
        own, length = stage_arrays(stage, self._arrays), self._lengths[stage.number - 1]
        source = LayerInput(before, self._activations[before], own, length)
        return why(stage, position, self._value(position), source)

    def exact(self, layer: str, feature: int, row: int = 0, column: int = 0) -> Fraction:
        """The same activation as an exact fraction of weights and inputs, without rounding.

        Parameters are those of `why`. Raises LimitError if a norm layer is involved, or more terms
        than can be added.
        """
        position = self._checked(Position(layer, feature, row, column))
        return exact(position, lambda source: self.why(*source), list(self._activations))

    def length(self, layer: str) -> int:
        """The columns of a layer's activations before the padding of a text; all columns if the
        network reads no texts."""
        return self._lengths[list(self._activations).index(layer)]

    @property
    def voting_layer(self) -> str:
        """The layer whose activations vote: the input of the first of the final full layers."""
        return vote_ledger.voting_layer(self._architecture.stages)

    def ledger(self, label: int | str | None = None, back_to: str | None = None) -> Ledger:
        """The votes of all values for a class.

        Parameters
        ----------
        label : int or str, optional
            The number of the class; by default, the predicted one.
        back_to : str, optional
            The layer whose activations vote. By default, the input of the last layer, if that is
            full; the votes then add up to the logit bit by bit. For an earlier layer, a vote is the
            activation times the gradient of the logit.

        Returns
        -------
        Ledger

        Raises
        ------
        LimitError
            If there is no such class or layer.

        Examples
        --------
        >>> import piecewise as pw
        >>> net = pw.Network("conv 8 3, relu, full", input=(1, 9, 9), classes=2)
        >>> walk = net.walk(pw.make_xo(1, size=9, seed=0).inputs[0].astype("float32"))
        >>> ledger = walk.ledger(0)
        >>> ledger.total == ledger.logit
        True
        """
        label = int(self.logits.argmax()) if label is None else self._number(label)
        stages, source = self._architecture.stages, self._voting_source(back_to)
        if self._votes_directly(source):
            return vote_ledger.direct(label, self._logit(label), stages[-1].input)
        logit, arrays = self.logits[label].item(), self.vote_arrays(label, source)
        return vote_ledger.carried(label, stages[-1].name, source, logit, arrays)

    def vote_arrays(self, label: int | str, back_to: str | None = None) -> VoteArrays:
        """The votes of `ledger` as arrays, which takes less time than an object for each vote.

        Parameters and errors are those of `ledger`.

        Examples
        --------
        >>> import piecewise as pw
        >>> net = pw.Network("conv 8 3, relu, full", input=(1, 9, 9), classes=2)
        >>> walk = net.walk(pw.make_xo(1, size=9, seed=0).inputs[0].astype("float32"))
        >>> walk.vote_arrays(0).weights.shape
        (8, 7, 7)
        """
        label, source = self._number(label), self._voting_source(back_to)
        last, x = self._architecture.stages[-1], self._activations[source]
        if self._votes_directly(source):
            weights = self._arrays[f"{last.name}.weight"][label].reshape(last.input)
            bias = self._arrays[f"{last.name}.bias"][label].item()
            return VoteArrays(x.reshape(last.input), weights, bias)
        back = Backprop(self._architecture, self._arrays, self._activations, label, LOGIT, source)
        return vote_ledger.carried_arrays(self.logits[label].item(), x, back.errors[source])

    def _votes_directly(self, source: str) -> bool:
        """Whether the logits are sums of the weighted activations of this layer."""
        last = self._architecture.stages[-1]
        return last.layer.fully_connected and source == [*self._activations][-2]

    def _voting_source(self, back_to: str | None) -> str:
        """The layer whose activations vote; LimitError."""
        last, last_input = self._architecture.stages[-1], [*self._activations][-2]
        if last.layer.fully_connected and back_to in (None, last_input):
            return last_input
        source = self.voting_layer if back_to is None else back_to
        x = self._activations.get(source)
        if x is None or x.ndim != 3 or source == last.name:
            known = [name for name, one in self._activations.items() if one.ndim == 3][:-1]
            wanted = (
                f"one of {', '.join(known)}" if known else "a net with a layer after its embedding"
            )
            raise LimitError(f"back_to: got {shown(source)}, wanted {wanted}")
        return source

    def backprop(self, label: int | str, loss: str = "cross-entropy") -> Backprop:
        """Backpropagation for one class: the gradients of all activations and parameters.

        Parameters
        ----------
        label : int or str
            The number of the class.
        loss : {"cross-entropy", "squared", "absolute", "logit"}
            The loss, or the logit of the class.

        Returns
        -------
        Backprop

        Raises
        ------
        LimitError
            If there is no such class or loss.
        """
        label = self._number(label)
        if loss != LOGIT:
            checked("loss", LOSS, loss)
        return Backprop(self._architecture, self._arrays, self._activations, label, loss)

    def logit_errors(self, labels: Sequence[int | str]) -> list[dict[str, Array]]:
        """The errors of `backprop` for the logits of several classes, computed in one pass.

        Parameters
        ----------
        labels : sequence of int or str
            The numbers of the classes.

        Returns
        -------
        list of dict of str to ndarray
            For each class, by layer name: the gradients of its logit by the activations.
        """
        numbers = [self._number(label) for label in labels]
        return logit_errors(self._architecture, self._arrays, self._activations, numbers)

    def _logit(self, label: int) -> Why:
        *_, (last, activation) = self._activations.items()
        return self.why(last, *(int(at) for at in np.unravel_index(label, activation.shape)))

    def _number(self, label: object) -> int:
        return class_number(self._architecture.classes, label)

    def _value(self, position: Position) -> float:
        if self._is_text(
            position.layer
        ):  # the one-hot input of a text: 1 for the token at a position
            return float(int(self._activations["input"][position.column]) == position.row)
        return float(self._activations[position.layer][position[1:]])

    def _is_text(self, layer: str) -> bool:
        return layer == "input" and self._architecture.reads_texts

    def _checked(self, position: Position) -> Position:
        if position.layer not in self._activations:
            known = ", ".join(self._activations)
            guess = did_you_mean(str(position.layer), self._activations)
            raise LimitError(f"layer: got {shown(position.layer)}, wanted one of {known}{guess}")
        text = self._is_text(position.layer)
        shape = self._architecture.input if text else self._activations[position.layer].shape
        for name, index, side in zip(
            ("feature", "row", "column"), position[1:], shape, strict=True
        ):
            if not is_integer(index) or not 0 <= index < side:
                raise LimitError(
                    f"{name}: got {shown(index)}, wanted a whole number from 0 to {side - 1}"
                )
        return Position(position.layer, *(int(index) for index in position[1:]))


def walk(architecture: Architecture, arrays: Arrays, example: Array) -> Walk:
    """The walk of an input (C, H, W), or of tokens (positions)."""
    outputs, _ = forward(architecture.stages, arrays, example[None])
    activations = {"input": example}
    for stage, output in zip(architecture.stages, outputs, strict=True):
        activations[stage.name] = output[0]
    return Walk(architecture, arrays, activations)
