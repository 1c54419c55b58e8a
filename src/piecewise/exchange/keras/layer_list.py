"""The list of Keras layers that an exporter builds, for `.keras` and `.h5` files alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.array_types import Float32

Dims = tuple[int, ...]
"""The shape of one example: rows, columns, channels; or values."""


@dataclass
class KerasLayer:
    """A layer: its class and its settings, and the arrays that a file has for it."""

    kind: str
    """The name of its class in `keras.layers`."""
    name: str
    config: dict[str, Any]
    dims: Dims
    """The shape of its output, without the batch."""
    variables: dict[str, Float32] = field(default_factory=dict)
    """Its arrays by the names that Keras gives them, in the order of Keras."""
    inputs: tuple[str, ...] = ()
    """The names of the layers before it."""


class LayerList:
    """The layers of a model; each reads the one before it unless ``inputs`` are passed."""

    def __init__(self) -> None:
        self.layers: list[KerasLayer] = []
        self.by_name: dict[str, KerasLayer] = {}

    @property
    def last(self) -> KerasLayer:
        """The layer that was added last."""
        return self.layers[-1]

    def add(
        self,
        kind: str,
        name: str,
        output: Dims,
        variables: dict[str, Float32] | None = None,
        inputs: Sequence[str] | None = None,
        **config: Any,
    ) -> str:
        """Add a layer of a class of Keras, and return its name; ``output`` is its shape."""
        before = (self.last.name,) if inputs is None and self.layers else tuple(inputs or ())
        layer = KerasLayer(kind, name, config, output, variables or {}, before)
        self.layers.append(layer)
        self.by_name[name] = layer
        return name

    def rename_last(self, name: str) -> None:
        """Give the last layer, which no other one reads yet, another name."""
        del self.by_name[self.last.name]
        self.last.name = name
        self.by_name[name] = self.last

    def in_keras_order(self) -> list[KerasLayer]:
        """The layers that the last one needs, in the order in which a model of Keras lists them.

        That is by the number of layers between each and the output, then by the order of a search
        from the output through the inputs of each layer.
        """
        found: dict[str, int] = {}
        waiting = [self.last.name]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = len(found)
                waiting += reversed(self.by_name[name].inputs)
        depths = dict.fromkeys(found, 0)
        used = [layer for layer in self.layers if layer.name in found]
        for layer in reversed(used):  # each is after its inputs
            for name in layer.inputs:
                depths[name] = max(depths[name], depths[layer.name] + 1)
        return sorted(used, key=lambda layer: (-depths[layer.name], found[layer.name]))
