"""One picture through a network with every stack kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..architecture import Architecture
from ..errors import LimitError, did_you_mean, shown
from ..limits import is_whole
from .losses import softmax
from .run import forward, own
from .sums import Array, Arrays
from .why import Place, Source, Why, why


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

    def why(self, layer: str, feature: int, row: int = 0, column: int = 0) -> Why:
        """The arithmetic of one number: that of a layer, by name, at a map, row and column. Its
        terms have places, with which the same can be asked on, down to "input". LimitError where
        there is no such number."""
        place = self._checked(Place(layer, feature, row, column))
        if layer == "input":
            return Why(place, self._value(place), "input")
        names = list(self._stacks)
        stage = next(stage for stage in self._architecture.stages if stage.name == layer)
        before = names[names.index(layer) - 1]
        source = Source(before, self._stacks[before], own(stage, self._arrays))
        return why(stage, place, self._value(place), source)

    def _value(self, place: Place) -> float:
        if self._is_text(place.layer):  # the picture of a text: 1 where the word stands
            return float(int(self._stacks["input"][place.column]) == place.row)
        return float(self._stacks[place.layer][place[1:]])

    def _is_text(self, layer: str) -> bool:
        return layer == "input" and self._architecture.reads_texts

    def _checked(self, place: Place) -> Place:
        if place.layer not in self._stacks:
            known = ", ".join(self._stacks)
            guess = did_you_mean(str(place.layer), self._stacks)
            raise LimitError(f"layer: got {shown(place.layer)}, wanted one of {known}{guess}")
        text = self._is_text(place.layer)
        shape = self._architecture.input if text else self._stacks[place.layer].shape
        for name, index, side in zip(("feature", "row", "column"), place[1:], shape, strict=True):
            if not is_whole(index) or not 0 <= index < side:
                raise LimitError(
                    f"{name}: got {shown(index)}, wanted a whole number from 0 to {side - 1}"
                )
        return Place(place.layer, *(int(index) for index in place[1:]))


def walk(architecture: Architecture, arrays: Arrays, picture: Array) -> Walk:
    """Picture (C, H, W), or words (positions) -> every stack it becomes."""
    outputs, _ = forward(architecture.stages, arrays, picture[None])
    stacks = {"input": picture}
    for stage, output in zip(architecture.stages, outputs, strict=True):
        stacks[stage.name] = output[0]
    return Walk(architecture, arrays, stacks)
