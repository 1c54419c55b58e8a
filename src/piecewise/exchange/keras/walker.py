"""The state of an import from Keras: the chain so far, and what the next layer gets."""

from __future__ import annotations

from math import prod

import numpy as np

from ...core.errors import ModelFileError
from ...core.windows import same_windows
from ..chain import CHANNELS_LAST, ChainBuilder
from ..checked_layers import WANTED_INPUT
from ..input_scale import InputLevels
from ..rewriting import Pads
from .edges import Edges
from .model_path import FileLayer
from .settings import Settings, Sides
from .weights import Weights

NO_PADS: Pads = (0, 0, 0, 0)


class KerasWalker:
    """Adds the layers of a file to a chain, one after another.

    Attributes
    ----------
    rank : int
        Axes of the last output in Keras, without the batch: 3 for maps (rows, columns, channels),
        2 for sequences (positions, channels), 1 for values.
    pads : Pads
        Rows and columns of zeros that the next layer gets.
    """

    def __init__(
        self,
        sides: Sides,
        vocabulary: int | None,
        weights: Weights,
        levels: InputLevels | None = None,
    ) -> None:
        self.weights, self._levels = weights, levels
        self.rank, self.pads = len(sides), NO_PADS
        self.edges = Edges()
        known = [int(side) for side in sides if side is not None]
        if len(known) < len(sides):
            raise ModelFileError(
                f"its input is {sides}, of which some sides are open; {WANTED_INPUT}"
            )
        if vocabulary is not None:
            shape = (1, vocabulary, known[0])
        else:
            shape = (known[-1], *((1, 1, *known[:-1])[-2:]))  # type: ignore[assignment]
        self.chain = self._new_chain(shape)
        self._layers = 0

    def count(self) -> None:
        """Count a layer that computes something."""
        self._layers += 1

    @property
    def is_start(self) -> bool:
        """Whether no layer computed anything yet."""
        return self._layers == 0

    def restart(self, shape: tuple[int, int, int]) -> None:
        """Begin again with another shape of the input, which has the same values."""
        self.chain = self._new_chain(shape)

    def _new_chain(self, shape: tuple[int, int, int]) -> ChainBuilder:
        chain = ChainBuilder(shape, CHANNELS_LAST, self._levels)
        if self.rank == 3 and chain.inputs is not None:
            chain.inputs.is_pictures = True
        return chain

    def take_pads(self, layer: FileLayer) -> Pads:
        """The zeros around the input of a layer, which says that it takes them."""
        pads, self.pads = self.pads, NO_PADS
        return pads

    def window_pads(
        self, settings: Settings, window: tuple[int, int], stride: tuple[int, int], pads: Pads
    ) -> Pads:
        """The zeros that a layer with windows adds to those around its input: for "valid" none,
        for "same" as many as give ceil(input / stride) windows, for "causal" all in front."""
        kind = settings.get("padding", "valid")
        if kind == "valid":
            return pads
        top, left, bottom, right = pads
        if kind == "causal" and self.rank == 2:
            return top, left + window[1] - 1, bottom, right
        if kind != "same":
            raise settings.refused(f"its padding is {kind!r:.40}, wanted valid or same")
        shape = self.chain.shape
        rows = same_windows(shape.height + top + bottom, window[0], stride[0])
        columns = same_windows(shape.width + left + right, window[1], stride[1])
        return (top + rows.before, left + columns.before,
                bottom + rows.after, right + columns.after)  # fmt: skip

    def check_end(self) -> None:
        """Refuse an order of outputs that a network here does not have."""
        self.edges.flush(self.chain)
        shape = self.chain.shape
        self.chain.check_end(self.rank == 1)
        if shape.channels > 1 and prod(shape[1:]) > 1:
            raise ModelFileError(
                f"it ends with flattened maps of {shape}, whose values have another order here; "
                "end it with a global pooling or a fully connected layer"
            )

    def rescale(self, settings: Settings, factor: list[float], shift: list[float]) -> None:
        """Multiply and add."""
        where, chain = settings.where, self.chain
        a, b = np.array(factor, np.float64), np.array(shift, np.float64)
        channels = (1, chain.shape.channels)
        if a.size not in channels or b.size not in channels:
            raise settings.refused(f"a scale of {max(a.size, b.size)} numbers for {chain.shape}")
        chain.scale(where, a, b)
