"""Sounds in ONNX: samples become the powers of mel bands, as in `data/audio/spectrogram.py`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float64
from ...core.portable_math import sine_cosine
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.audio.spectrogram import TURN, hann_window, mel_bands
from .graph import BATCH, Dimensions, Graph, Value

SAMPLES, STEPS = "samples", "steps"
"""Open sides: the samples of each sound, and its time steps."""


class SoundNodes:
    """Adds nodes for the sounds of one preprocessor.

    Parameters
    ----------
    graph : Graph
        The graph.
    preprocessor : AudioPreprocessor
        The preprocessor.
    """

    def __init__(self, graph: Graph, preprocessor: AudioPreprocessor) -> None:
        self._graph, self._preprocessor = graph, preprocessor
        self._hop, self._window = preprocessor.hop, preprocessor.window
        self._width = preprocessor.frames

    # Shorthand for constants.

    def _whole(self, name: str, value: npt.ArrayLike) -> Value:
        return self._graph.constant(name, np.asarray(value, np.int64))

    def _real(self, name: str, value: npt.ArrayLike) -> Value:
        return self._graph.constant(name, np.asarray(value, np.float64))

    # Nodes of which there are several.

    def _range(self, name: str, count: Value, side: str) -> Value:
        """The numbers from 0 to before ``count``."""
        zero, one = self._whole("zero", 0), self._whole("one", 1)
        return self._graph.add("Range", [zero, count, one], name, (side,))

    def _is_inside(
        self, numbers: Value, start: Value, stop: Value, name: str, dims: Dimensions
    ) -> Value:
        """Whether start <= number < stop."""
        add = self._graph.add
        late = add("GreaterOrEqual", [numbers, start], f"{name}_from", dims, np.bool_)
        early = add("Less", [numbers, stop], f"{name}_until", dims, np.bool_)
        return add("And", [late, early], name)


class BandNodes(SoundNodes):
    """Adds the nodes from samples to bands, and keeps what later nodes need."""

    def __init__(self, graph: Graph, preprocessor: AudioPreprocessor, samples: Value) -> None:
        super().__init__(graph, preprocessor)
        self._blocks = -(-self._window // self._hop)  # of a hop each, in a window
        self._cells = self._blocks * self._hop  # of a frame; zeros after those of the window
        self._count(samples)
        self.powers = self._bands(self._frames(samples))
        """The power in each mel band (N, steps, bands), the highest band first."""

    def _frames(self, samples: Value) -> Value:
        """Samples (N, samples) -> overlapping frames (N, steps, cells): pieces of a hop, each
        joined with those after it."""
        add, hop, blocks = self._graph.add, self._hop, self._blocks
        wide = add("Cast", [samples], "wide_samples", dtype=np.float64, to=11)
        padded = add("Pad", [wide, self._pads()], "padded_samples", (BATCH, "padded"))
        shape = self._whole("blocks.shape", [0, -1, hop])
        pieces = add("Reshape", [padded, shape], "blocks", (BATCH, "blocks", hop))
        shifted = []
        for block in range(blocks):
            stop = block + 1 - blocks or np.iinfo(np.int64).max
            bounds = [("start", block), ("stop", stop), ("axis", 1)]
            limits = [self._whole(f"blocks_{block}.{name}", [value]) for name, value in bounds]
            dims = (BATCH, STEPS, hop)
            shifted.append(add("Slice", [pieces, *limits], f"blocks_{block}", dims))
        return add("Concat", shifted, "frames", (BATCH, STEPS, self._cells), axis=2)

    def _count(self, samples: Value) -> None:
        """The numbers of the sounds (N, 1), and of their time steps: 1 + samples // hop."""
        add = self._graph.add
        sides = add("Shape", [samples], "sides", (2,), np.int64)
        sounds = add("Gather", [sides, self._whole("zero", 0)], "sound_count", (), axis=0)
        numbers = self._range("sound_numbers", sounds, BATCH)
        axis = self._whole("axis_1", [1])
        self.sounds = add("Unsqueeze", [numbers, axis], "sounds", (BATCH, 1))
        self._length = add("Gather", [sides, self._whole("one", 1)], "sample_count", (), axis=0)
        full = add("Div", [self._length, self._whole("hop", self._hop)], "full_hops")
        self.step_count = add("Add", [full, self._whole("one", 1)], "step_count")

    def _pads(self) -> Value:
        """Zeros around the samples: half a window in front, and at the end as many as complete the
        pieces of the last frame."""
        add, half = self._graph.add, self._window // 2
        more = self._whole("blocks_after", self._blocks - 1)
        blocks = add("Add", [self.step_count, more], "block_count")
        needed = add("Mul", [blocks, self._whole("hop", self._hop)], "padded_count")
        used = add("Add", [self._length, self._whole("half_window", half)], "used_count")
        after = add("Sub", [needed, used], "zeros_after")
        after = add("Reshape", [after, self._whole("one_side", [1])], "zeros_at_end", (1,))
        before = self._whole("zeros_before", [0, half, 0])
        return add("Concat", [before, after], "zeros", (4,), axis=0)

    def _bands(self, frames: Value) -> Value:
        """Frames -> the power in each mel band (N, steps, bands), the highest band first."""
        add, bins = self._graph.add, self._window // 2 + 1
        squares = []
        for part, matrix in zip(("real", "imaginary"), self._fourier_matrices(), strict=True):
            product = add("MatMul", [frames, matrix], f"spectrum_{part}", (BATCH, STEPS, bins))
            squares.append(add("Mul", [product, product], f"squared_{part}"))
        power = add("Add", squares, "power")
        filters = self._real("mel_filters", self._mel_filters())
        return add("MatMul", [power, filters], "bands", (BATCH, STEPS, self._preprocessor.bands))

    def _fourier_matrices(self) -> list[Value]:
        """The cosines and sines (cells, bins) of the Fourier transform, times the Hann window. They
        are nodes, because the file would be larger than the network with them."""
        add, window, bins = self._graph.add, self._window, self._window // 2 + 1
        rows = self._whole("fourier.samples", np.arange(self._cells)[:, None])
        columns = self._whole("fourier.bins", np.arange(bins))
        dims = (self._cells, bins)
        turns = add("Mul", [rows, columns], "fourier_products", dims)
        angles = add("Mod", [turns, self._whole("window", window)], "fourier_angles")
        hann = np.zeros((self._cells, 1))
        hann[:window] = hann_window(window)
        matrices = []
        for name, wave in zip(
            ("sines", "cosines"), sine_cosine(np.arange(window) * (TURN / window)), strict=True
        ):
            values = [self._real(f"fourier.{name}", wave), angles]
            plain = add("Gather", values, f"fourier_{name}", dims, axis=0)
            weighted = [plain, self._real("hann_window", hann)]
            matrices.append(add("Mul", weighted, f"weighted_{name}"))
        return matrices[::-1]

    def _mel_filters(self) -> Float64:
        """The mel filter bank (bins, bands), the highest band first."""
        one = self._preprocessor
        first, filters = mel_bands(one.rate, self._window, one.bands)
        bins = self._window // 2 + 1
        dense = np.zeros((bins + filters.shape[1], one.bands))
        for band, (start, weights) in enumerate(zip(first, filters, strict=True)):
            dense[start : start + len(weights), band] = weights
        return np.ascontiguousarray(dense[:bins, ::-1])
