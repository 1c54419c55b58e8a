"""The state of an import from Keras: the chain so far, and what the next layer gets."""

from __future__ import annotations

from math import prod

import numpy as np

from ...core.errors import ModelFileError
from ...core.windows import same_windows
from ...data.images.preprocessor import ImagePreprocessor
from ...spec.layers import Dropout, Pool, Relu
from ..chain import CHANNELS_LAST, ChainBuilder
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

    def __init__(self, sides: Sides, vocabulary: int | None, weights: Weights) -> None:
        self.weights = weights
        self.rank, self.pads = len(sides), NO_PADS
        self.edges = Edges()
        self.preprocessor: ImagePreprocessor | None = None
        known = [int(side) for side in sides if side is not None]
        if len(known) < len(sides):
            raise ModelFileError(
                f"its input is {sides}, with open sides; say the input: channels, rows, columns"
            )
        if vocabulary is not None:
            shape = (1, vocabulary, known[0])
        else:
            shape = (known[-1], *((1, 1, *known[:-1])[-2:]))  # type: ignore[assignment]
        self.chain = ChainBuilder(shape, CHANNELS_LAST)
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
        self.chain = ChainBuilder(shape, CHANNELS_LAST)

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

    @property
    def nonnegative(self) -> bool:
        """Whether no value of the last layer is negative."""
        for layer, _ in reversed(self.chain.layers):
            if isinstance(layer, Relu):
                return True
            if not isinstance(layer, Pool | Dropout):
                return False
        return False

    def check_end(self) -> None:
        """Refuse an order of outputs that a network here does not have."""
        self.edges.flush(self.chain)
        shape = self.chain.shape
        if shape.channels > 1 and prod(shape[1:]) > 1:
            raise ModelFileError(
                f"it ends with {shape}, several positions of several channels; end it with a "
                "fully connected layer"
            )

    def rescale(self, settings: Settings, factor: list[float], shift: list[float]) -> None:
        """Multiply and add. In front of pictures it is a part of their preprocessing: the input of
        such a file is bytes, and that of the layers here is from -1 to 1."""
        where, chain = settings.where, self.chain
        a, b = np.array(factor, np.float64), np.array(shift, np.float64)
        channels = (1, chain.shape.channels)
        if a.size not in channels or b.size not in channels:
            raise settings.refused(f"a scale of {max(a.size, b.size)} numbers for {chain.shape}")
        if self.is_start and self.rank == 3:
            note = f"{where}: the input is bytes, which the preprocessor scales to -1 to 1"
            chain.notes.append(note)
            a, b = 127.5 * a, 127.5 * a + b
            for sign, background in ((1, "any"), (-1, "light")):
                if np.abs(a - sign).max() < 1e-6 and np.abs(b).max() < 1e-6:
                    self.preprocessor = ImagePreprocessor(chain.input, background)
                    return
        if a.size == b.size == 1:
            chain.scale(where, float(a[0]), float(b[0]))
        else:
            full = np.ones(chain.shape.channels)
            chain.scale(where, (full * a).astype("f4"), (full * b).astype("f4"))
