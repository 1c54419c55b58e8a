"""Sounds in ONNX: samples become the spectrogram of `AudioPreprocessor.transform`, node by node.

All numbers are float64, as there. The sums are in the order of the runtime, which changes the last
bits of a power, but no byte of the spectrogram unless a level is halfway between two.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float64
from ...core.portable_math import exp, sine_cosine
from ...data.audio.preprocessor import FLOOR, QUIET, SILENCE, AudioPreprocessor
from ...data.audio.spectrogram import PER_LN, TURN, hann_window, mel_bands
from .graph import BATCH, Graph, Value

SAMPLES, STEPS = "samples", "steps"
"""Open sides: the samples of each sound, and its time steps."""


def add_spectrogram(graph: Graph, preprocessor: AudioPreprocessor, samples: Value) -> Value:
    """Samples float32 (N, samples), at the preprocessor's rate -> the levels (N, 1, bands, frames),
    float64 whole numbers from 0 to 255."""
    nodes = _Nodes(graph, preprocessor)
    bands = nodes.bands(nodes.frames(samples))
    return nodes.levels(*nodes.columns(bands, *nodes.used_steps(bands)))


class _Nodes:
    """Adds nodes for one preprocessor."""

    def __init__(self, graph: Graph, preprocessor: AudioPreprocessor) -> None:
        self._graph, self._preprocessor = graph, preprocessor
        self._hop, self._window = preprocessor.hop, preprocessor.window
        self._width = preprocessor.frames
        self._blocks = -(-self._window // self._hop)  # of a hop each, in a window
        self._cells = self._blocks * self._hop  # of a frame; zeros after those of the window

    # Shorthand: constants have the name of their value or use.

    def _whole(self, name: str, value: npt.ArrayLike) -> Value:
        return self._graph.constant(name, np.asarray(value, np.int64))

    def _real(self, name: str, value: npt.ArrayLike) -> Value:
        return self._graph.constant(name, np.asarray(value, np.float64))

    # From samples to the powers of bands.

    def frames(self, samples: Value) -> Value:
        """Samples (N, samples) -> overlapping frames (N, steps, cells): pieces of a hop, each
        joined with those after it."""
        add, hop, blocks = self._graph.add, self._hop, self._blocks
        self._count_steps(samples)
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

    def _count_steps(self, samples: Value) -> None:
        """The number of time steps: 1 + samples // hop."""
        add = self._graph.add
        sides = add("Shape", [samples], "sides", (2,), np.int64)
        self._length = add("Gather", [sides, self._whole("side", 1)], "sample_count", (), axis=0)
        full = add("Div", [self._length, self._whole("hop", self._hop)], "full_hops")
        self._steps = add("Add", [full, self._whole("one", 1)], "step_count")

    def _pads(self) -> Value:
        """Zeros around the samples: half a window in front, and at the end as many as complete the
        pieces of the last frame."""
        add, half = self._graph.add, self._window // 2
        more = self._whole("blocks_after", self._blocks - 1)
        blocks = add("Add", [self._steps, more], "block_count")
        needed = add("Mul", [blocks, self._whole("hop", self._hop)], "padded_count")
        used = add("Add", [self._length, self._whole("half_window", half)], "used_count")
        after = add("Sub", [needed, used], "zeros_after")
        after = add("Reshape", [after, self._whole("one_side", [1])], "zeros_at_end", (1,))
        before = self._whole("zeros_before", [0, half, 0])
        return add("Concat", [before, after], "zeros", (4,), axis=0)

    def bands(self, frames: Value) -> Value:
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

    # From bands to the steps that are used.

    def used_steps(self, bands: Value) -> tuple[Value, Value]:
        """The first used step and the step after the last, each (N, 1); none of silence."""
        add = self._graph.add
        totals = add(
            "ReduceSum", [bands, self._whole("axis_2", [2])], "totals", (BATCH, STEPS), keepdims=0
        )
        start, stop = self._extent(totals)
        length = add("Sub", [stop, start], "loud_steps")
        width = self._whole("frames_count", self._width)
        is_long = add("Greater", [length, width], "is_long", dtype=np.bool_)
        strongest = self._strongest(totals, start, stop)
        first = add("Where", [is_long, strongest, start], "first_step", (BATCH, 1), np.int64)
        most = add("Min", [length, width], "step_limit")
        return first, add("Add", [first, most], "step_after_last")

    def _extent(self, totals: Value) -> tuple[Value, Value]:
        """The range from the first to the last step that is loud: (0, 0) of silence."""
        add, dims = self._graph.add, (BATCH, STEPS)
        loudest = add("ReduceMax", [totals], "loudest_step", (BATCH, 1), axes=[1], keepdims=1)
        silence = self._real("silence", SILENCE)
        sounds = add("GreaterOrEqual", [loudest, silence], "has_sound", dtype=np.bool_)
        least = add("Mul", [loudest, self._real("quiet", QUIET)], "least_power")
        loud = add("GreaterOrEqual", [totals, least], "loud", dtype=np.bool_)
        used = add("And", [loud, sounds], "used", dims)
        self._numbers = self._range("step_numbers", self._steps, STEPS)
        one = self._whole("one", 1)
        after = add("Add", [self._numbers, one], "numbers_after")
        last = add("Where", [used, after, self._whole("zero", 0)], "loud_ends", dims, np.int64)
        stop = add("ReduceMax", [last], "loud_stop", (BATCH, 1), axes=[1], keepdims=1)
        early = add("Where", [used, self._numbers, stop], "loud_starts", dims, np.int64)
        return add("ReduceMin", [early], "loud_start", (BATCH, 1), axes=[1], keepdims=1), stop

    def _strongest(self, totals: Value, start: Value, stop: Value) -> Value:
        """The first step (N, 1) of the range of all columns with the most power."""
        add, dims, width = self._graph.add, (BATCH, STEPS), self._width
        inside = self._is_inside(self._numbers, start, stop, "in_extent", dims)
        nothing = self._real("nothing", 0)
        own = add("Where", [inside, totals, nothing], "extent_powers", dims, np.float64)
        pads = self._whole("sum_pads", [0, 1, 0, width])
        padded = add("Pad", [own, pads], "padded_powers", (BATCH, "sums"))
        sums = add("CumSum", [padded, self._whole("side", 1)], "power_sums")
        before = self._slice(sums, "sums_before", 0, -width)
        after = self._slice(sums, "sums_after", width, np.iinfo(np.int64).max)
        powers = add("Sub", [after, before], "range_powers")
        one, end = self._whole("one", 1), self._whole("frames_count", width)
        last = add("Sub", [stop, end], "last_start")
        limit = add("Add", [last, one], "start_limit")
        starts = add("Add", [self._steps, one], "start_count")
        numbers = self._range("start_numbers", starts, "starts")
        valid = self._is_inside(numbers, start, limit, "is_start", (BATCH, "starts"))
        never = self._real("never", -1)
        found = add("Where", [valid, powers, never], "start_powers", powers.dims, np.float64)
        return add("ArgMax", [found], "strongest", (BATCH, 1), np.int64, axis=1, keepdims=1)

    # From steps to the columns of the input.

    def columns(self, bands: Value, first: Value, stop: Value) -> tuple[Value, Value]:
        """The powers (N, columns, bands) of the used steps, centred, and which columns are used
        (N, columns, 1)."""
        add, width = self._graph.add, self._width
        dims, axis = (BATCH, width), self._whole("axis_2", [2])
        count = add("Sub", [stop, first], "column_count")
        free = add("Sub", [self._whole("frames_count", width), count], "free_columns", (BATCH, 1))
        left = add("Div", [free, self._whole("two", 2)], "left_columns")
        shift = add("Sub", [first, left], "column_shift")
        numbers = self._whole("columns", np.arange(width))
        steps = add("Add", [numbers, shift], "column_steps", dims)
        used = self._is_inside(steps, first, stop, "is_used", dims)
        safe = add("Where", [used, steps, self._whole("zero", 0)], "safe_steps", dims, np.int64)
        index = add("Unsqueeze", [safe, axis], "step_index", (BATCH, width, 1))
        dims_3 = (BATCH, width, self._preprocessor.bands)
        powers = add("GatherND", [bands, index], "column_powers", dims_3, batch_dims=1)
        return powers, add("Unsqueeze", [used, axis], "used_columns", (BATCH, width, 1))

    def levels(self, powers: Value, used: Value) -> Value:
        """Powers as decibels below the loudest cell, from 0 to 255: (N, 1, bands, columns)."""
        add, real = self._graph.add, self._real
        nothing = real("nothing", 0)
        own = add("Where", [used, powers, nothing], "used_powers", powers.dims, np.float64)
        loudest = add("ReduceMax", [own], "loudest", (BATCH, 1, 1), axes=[1, 2], keepdims=1)
        divisor = add("Max", [loudest, real("smallest", np.finfo(np.float64).tiny)], "reference")
        ratios = add("Div", [own, divisor], "ratios")
        least = add("Max", [ratios, real("least_ratio", exp(FLOOR / 10 / PER_LN))], "least_ratios")
        decibels = add("Mul", [add("Log", [least], "logarithms"), real("ten_per_ln", 10 * PER_LN)],
                       "decibels")  # fmt: skip
        scaled = add("Mul", [decibels, real("levels_per_decibel", 255 / FLOOR)], "attenuation")
        exact = add("Sub", [real("most", 255), scaled], "exact_levels", powers.dims)
        levels = add("Round", [exact], "levels")
        filled = add("Where", [used, levels, nothing], "filled", powers.dims, np.float64)
        bands, columns = self._preprocessor.bands, self._width
        turned = add("Transpose", [filled], "turned", (BATCH, bands, columns), perm=[0, 2, 1])
        axis = self._whole("axis_1", [1])
        return add("Unsqueeze", [turned, axis], "spectrogram", (BATCH, 1, bands, columns))

    # Small helpers.

    def _range(self, name: str, count: Value, side: str) -> Value:
        """The numbers from 0 to before ``count``."""
        zero, one = self._whole("zero", 0), self._whole("one", 1)
        return self._graph.add("Range", [zero, count, one], name, (side,))

    def _slice(self, x: Value, name: str, start: int, stop: int) -> Value:
        limits = [("start", start), ("stop", stop), ("axis", 1)]
        constants = [self._whole(f"{name}.{key}", [value]) for key, value in limits]
        return self._graph.add("Slice", [x, *constants], name, (BATCH, "starts"))

    def _is_inside(
        self, numbers: Value, start: Value, stop: Value, name: str, dims: tuple[int | str, ...]
    ) -> Value:
        """Whether start <= number < stop."""
        add = self._graph.add
        late = add("GreaterOrEqual", [numbers, start], f"{name}_from", dims, np.bool_)
        early = add("Less", [numbers, stop], f"{name}_until", dims, np.bool_)
        return add("And", [late, early], name)
