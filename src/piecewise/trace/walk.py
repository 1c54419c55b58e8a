"""One picture through a network with every stack kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from . import vote_ledger
from .arithmetic import LayerInput, Position, Why, why
from .backprop import LOGIT, Backprop
from .exact import exact
from .vote_ledger import Ledger


class Walk(Mapping[str, Array]):
    """The stacks of one picture by the layers' names, "input" first: each (C, H, W); of a text, the
    input is its words (positions).

    ``logits`` and ``probabilities`` are those of the classes (K,).
    """

    def __init__(
        self, architecture: Architecture, arrays: Arrays, stacks: dict[str, Array]
    ) -> None:
        self._architecture, self._stacks = architecture, stacks
        self._arrays = {name: array.copy() for name, array in arrays.items()}  # as they are now
        *_, last = stacks.values()
        self.logits = last.reshape(-1)
        self.probabilities = softmax(self.logits[None])[0]

    def __getitem__(self, name: str) -> Array:
        return self._stacks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stacks)

    def __len__(self) -> int:
        return len(self._stacks)

    def __repr__(self) -> str:
        return f"Walk({', '.join(self._stacks)})"

    def _repr_html_(self) -> str:
        """Every stack as a row of small pictures, and the logits, for a notebook."""
        return walk_html(self._stacks, self._architecture.classes, self.logits.tolist())

    def why(self, layer: str, feature: int, row: int = 0, column: int = 0) -> Why:
        """The arithmetic of one number: that of a layer, by name, at a map, row and column. Its
        terms have places, with which the same can be asked on, down to "input". LimitError where
        there is no such number."""
        position = self._checked(Position(layer, feature, row, column))
        if layer == "input":
            return Why(position, self._value(position), "input")
        names = list(self._stacks)
        stage = next(stage for stage in self._architecture.stages if stage.name == layer)
        before = names[names.index(layer) - 1]
        source = LayerInput(before, self._stacks[before], stage_arrays(stage, self._arrays))
        return why(stage, position, self._value(position), source)

    def exact(self, layer: str, feature: int, row: int = 0, column: int = 0) -> Fraction:
        """The same number as a fraction of weights and pixels, nothing rounded on the way.
        LimitError where norm is in it, or more terms than can be added."""
        position = self._checked(Position(layer, feature, row, column))
        return exact(position, lambda one: self.why(*one), list(self._stacks))

    @property
    def voting_layer(self) -> str:
        """The name of the stack whose values vote: what the first of the full layers at the end
        reads."""
        return vote_ledger.voting_layer(self._architecture.stages)

    def ledger(self, label: int | None = None, back_to: str | None = None) -> Ledger:
        """Every value's vote for a class, by number (the answer's, if left out).

        Of the last layer, a full one, they add up to the logit as the engine computed it. With
        ``back_to``, a stack's name, they are carried back to its values through the layers after
        it; LimitError where there is no such class or stack.
        """
        label = int(self.logits.argmax()) if label is None else self._checked_label(label)
        stages, before = self._architecture.stages, [*self._stacks][-2]
        if stages[-1].layer.fully_connected and back_to in (None, before):
            return vote_ledger.direct(label, self._logit(label), stages[-1].input)
        stack = self.voting_layer if back_to is None else back_to
        x = self._stacks.get(stack)
        if x is None or x.ndim != 3 or stack == stages[-1].name:
            known = [name for name, one in self._stacks.items() if one.ndim == 3][:-1]
            wanted = f"one of {', '.join(known)}" if known else "a net with a layer after its words"
            raise LimitError(f"back_to: got {shown(stack)}, wanted {wanted}")
        back = Backprop(self._architecture, self._arrays, self._stacks, label, LOGIT, stack)
        slope = back.errors[stack]
        return vote_ledger.carried(
            label, stages[-1].name, stack, self.logits[label].item(), x, slope
        )

    def backprop(self, label: int, loss: str = "cross-entropy") -> Backprop:
        """The way back, for this class: how fast a loss ("logit": the class's logit) changes with
        every number of the walk and with every parameter."""
        label = self._checked_label(label)
        if loss != LOGIT:
            checked("loss", LOSS, loss)
        return Backprop(self._architecture, self._arrays, self._stacks, label, loss)

    def _logit(self, label: int) -> Why:
        *_, (last, stack) = self._stacks.items()
        return self.why(last, *(int(at) for at in np.unravel_index(label, stack.shape)))

    def _checked_label(self, label: object) -> int:
        if not is_integer(label) or not 0 <= label < self.logits.size:
            wanted = f"a class's number from 0 to {self.logits.size - 1}"
            raise LimitError(f"label: got {shown(label)}, wanted {wanted}")
        return int(label)

    def _value(self, position: Position) -> float:
        if self._is_text(position.layer):  # the picture of a text: 1 where the word stands
            return float(int(self._stacks["input"][position.column]) == position.row)
        return float(self._stacks[position.layer][position[1:]])

    def _is_text(self, layer: str) -> bool:
        return layer == "input" and self._architecture.reads_texts

    def _checked(self, position: Position) -> Position:
        if position.layer not in self._stacks:
            known = ", ".join(self._stacks)
            guess = did_you_mean(str(position.layer), self._stacks)
            raise LimitError(f"layer: got {shown(position.layer)}, wanted one of {known}{guess}")
        text = self._is_text(position.layer)
        shape = self._architecture.input if text else self._stacks[position.layer].shape
        for name, index, side in zip(
            ("feature", "row", "column"), position[1:], shape, strict=True
        ):
            if not is_integer(index) or not 0 <= index < side:
                raise LimitError(
                    f"{name}: got {shown(index)}, wanted a whole number from 0 to {side - 1}"
                )
        return Position(position.layer, *(int(index) for index in position[1:]))


def walk(architecture: Architecture, arrays: Arrays, picture: Array) -> Walk:
    """Picture (C, H, W), or words (positions) -> every stack it becomes."""
    outputs, _ = forward(architecture.stages, arrays, picture[None])
    stacks = {"input": picture}
    for stage, output in zip(architecture.stages, outputs, strict=True):
        stacks[stage.name] = output[0]
    return Walk(architecture, arrays, stacks)
