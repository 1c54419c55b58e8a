"""Sounds in ONNX: samples become the spectrograms of `AudioPreprocessor.windows`, node by node, and
the logits of a sound are the mean of those of its windows.

All numbers are float64, as there. The sums are in the order of the runtime, which changes the last
bits of a power, but no byte of the spectrogram unless a level is halfway between two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...core.portable_math import exp
from ...data.audio.preprocessor import (
    FAINT,
    FLOOR,
    LONG,
    MAX_WINDOWS,
    QUIET,
    SILENCE,
    AudioPreprocessor,
)
from ...data.audio.spectrogram import PER_LN
from .graph import BATCH, Graph, Value
from .sound_bands import STEPS, BandNodes, SoundNodes

WINDOWS = "windows"
"""The open side of all windows of all sounds."""
_STARTS, _CANDIDATES = "starts", "candidates"
_END = np.iinfo(np.int64).max


class SoundWindows(NamedTuple):
    """The windows of all sounds in a batch."""

    levels: Value
    """The inputs (windows, 1, bands, frames), float64 whole numbers from 0 to 255."""
    sounds: Value
    """The number (windows,) of the sound that each is from."""
    all_sounds: Value
    """The numbers of all sounds (N, 1)."""


def add_windows(graph: Graph, preprocessor: AudioPreprocessor, samples: Value) -> SoundWindows:
    """Samples float32 (N, samples), at the preprocessor's rate -> the windows of all sounds."""
    bands = BandNodes(graph, preprocessor, samples)
    sounds, starts, counts = _StepNodes(graph, preprocessor, bands).windows()
    levels = _ColumnNodes(graph, preprocessor, bands).levels(sounds, starts, counts)
    return SoundWindows(levels, sounds, bands.sounds)


def mean_over_windows(graph: Graph, windows: SoundWindows, logits: Value) -> Value:
    """The mean of logits (windows, classes) over the windows of each sound: (N, classes)."""
    add, dims = graph.add, (BATCH, WINDOWS)
    own = add("Equal", [windows.all_sounds, windows.sounds], "is_of_sound", dims, np.bool_)
    ones = add("Cast", [own], "window_ones", dtype=np.float32, to=1)
    axis = graph.constant("axis_1", np.array([1]))
    counts = add("ReduceSum", [ones, axis], "window_counts", (BATCH, 1), keepdims=1)
    shares = add("Div", [ones, counts], "window_shares")
    return add("MatMul", [shares, logits], "mean_logits", (BATCH, logits.dims[1]))


class _StepNodes(SoundNodes):
    """Adds the nodes from the powers of bands to the steps that windows start at."""

    def __init__(self, graph: Graph, preprocessor: AudioPreprocessor, bands: BandNodes) -> None:
        super().__init__(graph, preprocessor)
        self._sounds, self._step_count = bands.sounds, bands.step_count
        axis = self._whole("axis_2", [2])
        totals = graph.add("ReduceSum", [bands.powers, axis], "totals", (BATCH, STEPS), keepdims=0)
        self._extent(totals)
        self._strongest(totals)

    def windows(self) -> tuple[Value, Value, Value]:
        """Of each window (windows, 1): the number of its sound (windows,), its first step, and how
        many of its columns are used."""
        add, width = self._graph.add, self._width
        limit = self._whole("uncut_steps", int(LONG * width))
        self._is_cut = add("Greater", [self._length, limit], "is_cut", dtype=np.bool_)
        candidates = self._candidates()
        inputs = [self._is_cut, candidates, self._first]
        starts = add("Where", inputs, "window_starts", candidates.dims, np.int64)
        flat = self._whole("flat", [-1])
        used = add("Reshape", [self._used(candidates), flat], "flat_used", ("places",))
        found = add("NonZero", [used], "found_windows", (1, WINDOWS), np.int64)
        places = add("Reshape", [found, flat], "window_places", (WINDOWS,))
        sounds = add("Div", [places, self._candidate_count], "window_sounds")
        flat_starts = add("Reshape", [starts, flat], "flat_starts", ("places",))
        first = add("Gather", [flat_starts, places], "window_firsts", (WINDOWS,), axis=0)
        axis = self._whole("axis_1", [1])
        first = add("Unsqueeze", [first, axis], "first_column_steps", (WINDOWS, 1))
        counts = add("Gather", [self._count, sounds], "column_counts", (WINDOWS, 1), axis=0)
        return sounds, first, counts

    def _extent(self, totals: Value) -> None:
        """The range (N, 1) from the first to the last step that is loud: (0, 0) of silence."""
        add, dims = self._graph.add, (BATCH, STEPS)
        loudest = add("ReduceMax", [totals], "loudest_step", (BATCH, 1), axes=[1], keepdims=1)
        silence = self._real("silence", SILENCE)
        sounds = add("GreaterOrEqual", [loudest, silence], "has_sound", dtype=np.bool_)
        least = add("Mul", [loudest, self._real("quiet", QUIET)], "least_power")
        loud = add("GreaterOrEqual", [totals, least], "loud", dtype=np.bool_)
        used = add("And", [loud, sounds], "used", dims)
        self._numbers = self._range("step_numbers", self._step_count, STEPS)
        after = add("Add", [self._numbers, self._whole("one", 1)], "numbers_after")
        last = add("Where", [used, after, self._whole("zero", 0)], "loud_ends", dims, np.int64)
        self._stop = add("ReduceMax", [last], "loud_stop", (BATCH, 1), axes=[1], keepdims=1)
        early = add("Where", [used, self._numbers, self._stop], "loud_starts", dims, np.int64)
        self._start = add("ReduceMin", [early], "loud_start", (BATCH, 1), axes=[1], keepdims=1)
        self._length = add("Sub", [self._stop, self._start], "loud_steps")

    def _strongest(self, totals: Value) -> None:
        """The first step (N, 1) of the range of all columns with the most power, or of the extent
        if that is not longer; and the number of steps that are used."""
        add, one = self._graph.add, self._whole("one", 1)
        width = self._whole("frames_count", self._width)
        self._last_start = add("Sub", [self._stop, width], "last_start")
        limit = add("Add", [self._last_start, one], "start_limit")
        self._start_count = add("Add", [self._step_count, one], "start_count")
        numbers = self._range("start_numbers", self._start_count, _STARTS)
        self._range_powers = self._powers_of_ranges(totals)
        valid = self._is_inside(numbers, self._start, limit, "is_start", (BATCH, _STARTS))
        inputs = [valid, self._range_powers, self._real("never", -1)]
        powers = add("Where", inputs, "start_powers", (BATCH, _STARTS), np.float64)
        dims = (BATCH, 1)
        self._most = add("ReduceMax", [powers], "most_power", dims, axes=[1], keepdims=1)
        best = add("ArgMax", [powers], "strongest", dims, np.int64, axis=1, keepdims=1)
        is_long = add("Greater", [self._length, width], "is_long", dtype=np.bool_)
        self._first = add("Where", [is_long, best, self._start], "first_step", dims, np.int64)
        self._count = add("Min", [self._length, width], "used_steps", dims)

    def _powers_of_ranges(self, totals: Value) -> Value:
        """The power (N, starts) of as many steps as there are columns, from each step on."""
        add, dims, width = self._graph.add, (BATCH, STEPS), self._width
        inside = self._is_inside(self._numbers, self._start, self._stop, "in_extent", dims)
        nothing = self._real("nothing", 0)
        own = add("Where", [inside, totals, nothing], "extent_powers", dims, np.float64)
        pads = self._whole("sum_pads", [0, 1, 0, width])
        padded = add("Pad", [own, pads], "padded_powers", (BATCH, "sums"))
        sums = add("CumSum", [padded, self._whole("one", 1)], "power_sums")
        ends = []
        for name, start, stop in (("after", width, _END), ("before", 0, -width)):
            bounds = (("start", start), ("stop", stop), ("axis", 1))
            limits = [self._whole(f"sums_{name}.{key}", [value]) for key, value in bounds]
            ends.append(add("Slice", [sums, *limits], f"sums_{name}", (BATCH, _STARTS)))
        return add("Sub", ends, "range_powers")

    def _candidates(self) -> Value:
        """The first steps (N, candidates) of the windows that a long sound could be cut into: the
        strongest one, and others before and after it."""
        add, width = self._graph.add, self._whole("frames_count", self._width)
        before = add("Sub", [self._first, self._start], "steps_before")
        whole = add("Div", [before, width], "windows_before")
        back = add("Mul", [whole, width], "window_steps_before")
        earliest = add("Sub", [self._first, back], "earliest_window")
        most = add("Div", [self._step_count, width], "most_windows")
        self._candidate_count = add("Add", [most, self._whole("one", 1)], "candidate_count")
        self._places = self._range("candidate_numbers", self._candidate_count, _CANDIDATES)
        jumps = add("Mul", [self._places, width], "candidate_steps")
        return add("Add", [earliest, jumps], "candidate_starts", (BATCH, _CANDIDATES))

    def _used(self, candidates: Value) -> Value:
        """Which candidates are windows: of a long sound, those with enough power; else the first,
        which stands for the whole sound."""
        add, dims = self._graph.add, candidates.dims
        fits = add("LessOrEqual", [candidates, self._last_start], "fits", dims, np.bool_)
        zero = self._whole("zero", 0)
        safe = add("Where", [fits, candidates, zero], "safe_starts", dims, np.int64)
        before = add("Mul", [self._sounds, self._start_count], "starts_of_sounds_before")
        cells = add("Add", [safe, before], "cells_of_candidates", dims)
        flat = add(
            "Reshape",
            [self._range_powers, self._whole("flat", [-1])],
            "all_powers",
            ("sums_of_all",),
        )
        powers = add("Gather", [flat, cells], "window_powers", dims, axis=0)
        least = add("Mul", [self._most, self._real("faint", FAINT)], "least_window_power")
        loud = add("GreaterOrEqual", [powers, least], "is_loud_window", dtype=np.bool_)
        cut = add("And", [fits, self._is_cut], "is_cut_window")
        kept = add("And", [cut, loud], "is_kept_window")
        best = add("Equal", [candidates, self._first], "is_strongest", dtype=np.bool_)
        other = add("Not", [best], "is_not_strongest")
        others = self._thinned(add("And", [kept, other], "is_other_window"))
        strongest = add("And", [kept, best], "is_strongest_window")
        of_long = add("Or", [others, strongest], "is_window_of_long")
        at_front = add("Equal", [self._places, zero], "is_front", dtype=np.bool_)
        uncut = add("Not", [self._is_cut], "is_uncut")
        sole = add("And", [uncut, at_front], "is_sole_window", dims)
        return add("Or", [of_long, sole], "is_window")

    def _thinned(self, others: Value) -> Value:
        """At most `MAX_WINDOWS` - 1 of the windows (N, candidates), evenly spaced: of n windows,
        those with the ranks i * n // most."""
        add, one = self._graph.add, self._whole("one", 1)
        most = self._whole("most_others", MAX_WINDOWS - 1)
        ones = add("Cast", [others], "other_ones", dtype=np.int64, to=7)
        counted = add("CumSum", [ones, one], "other_numbers")
        rank = add("Sub", [counted, one], "other_ranks")
        axis = self._whole("axis_1", [1])
        count = add("ReduceSum", [ones, axis], "other_count", (BATCH, 1), keepdims=1)
        divisor = add("Max", [count, one], "other_divisor", (BATCH, 1))
        scaled = add("Mul", [rank, most], "scaled_ranks")
        raised = add("Add", [scaled, add("Sub", [divisor, one], "rounding")], "raised_ranks")
        place = add("Div", [raised, divisor], "thinned_places")
        chosen = add("Div", [add("Mul", [place, count], "scaled_places"), most], "chosen_ranks")
        hit = add("Equal", [chosen, rank], "is_chosen_rank", dtype=np.bool_)
        early = add("Less", [place, most], "is_early", dtype=np.bool_)
        few = add("LessOrEqual", [count, most], "has_few", dtype=np.bool_)
        every = add("Or", [add("And", [hit, early], "is_chosen"), few], "is_spaced")
        return add("And", [others, every], "is_thinned_window")


class _ColumnNodes(SoundNodes):
    """Adds the nodes from windows to inputs of the layers."""

    def __init__(self, graph: Graph, preprocessor: AudioPreprocessor, bands: BandNodes) -> None:
        super().__init__(graph, preprocessor)
        self._bands = bands

    def levels(self, sounds: Value, first: Value, counts: Value) -> Value:
        """The levels (windows, 1, bands, frames): decibels below the loudest cell."""
        powers, used = self._columns(sounds, first, counts)
        add, nothing = self._graph.add, self._real("nothing", 0)
        rounded = self._rounded(
            add("Where", [used, powers, nothing], "used_powers", powers.dims, np.float64)
        )
        filled = add("Where", [used, rounded, nothing], "filled", powers.dims, np.float64)
        dims = (WINDOWS, self._preprocessor.bands, self._width)
        turned = add("Transpose", [filled], "turned", dims, perm=[0, 2, 1])
        axis = self._whole("axis_1", [1])
        return add("Unsqueeze", [turned, axis], "spectrogram", (WINDOWS, 1, *dims[1:]))

    def _columns(self, sounds: Value, first: Value, counts: Value) -> tuple[Value, Value]:
        """The powers (windows, columns, bands) of the used steps, centred, and which columns are
        used (windows, columns, 1)."""
        add, width = self._graph.add, self._width
        dims, axis = (WINDOWS, width), self._whole("axis_2", [2])
        free = add("Sub", [self._whole("frames_count", width), counts], "free", (WINDOWS, 1))
        left = add("Div", [free, self._whole("two", 2)], "left_columns")
        shift = add("Sub", [first, left], "column_shift")
        steps = add("Add", [self._whole("columns", np.arange(width)), shift], "columns_at", dims)
        stop = add("Add", [first, counts], "step_after_last")
        used = self._is_inside(steps, first, stop, "is_used", dims)
        safe = add("Where", [used, steps, self._whole("zero", 0)], "safe_steps", dims, np.int64)
        rows = add("Unsqueeze", [sounds, self._whole("axis_1", [1])], "sound_column", (WINDOWS, 1))
        before = add("Mul", [rows, self._bands.step_count], "steps_of_sounds_before")
        cells = add("Add", [safe, before], "cells_of_windows", dims)
        shape = self._whole("flat_bands", [-1, self._preprocessor.bands])
        flat = add(
            "Reshape",
            [self._bands.powers, shape],
            "bands_of_all",
            ("steps_of_all", self._preprocessor.bands),
        )
        of_bands = (WINDOWS, width, self._preprocessor.bands)
        powers = add("Gather", [flat, cells], "column_powers", of_bands, axis=0)
        return powers, add("Unsqueeze", [used, axis], "used_columns", (WINDOWS, width, 1))

    def _rounded(self, powers: Value) -> Value:
        """Powers (windows, columns, bands) -> levels from 0 to 255."""
        add, real = self._graph.add, self._real
        loudest = add("ReduceMax", [powers], "loudest", (WINDOWS, 1, 1), axes=[1, 2], keepdims=1)
        divisor = add("Max", [loudest, real("smallest", np.finfo(np.float64).tiny)], "reference")
        ratios = add("Div", [powers, divisor], "ratios")
        least = add("Max", [ratios, real("least_ratio", exp(FLOOR / 10 / PER_LN))], "least_ratios")
        logarithms = add("Log", [least], "logarithms")
        decibels = add("Mul", [logarithms, real("ten_per_ln", 10 * PER_LN)], "decibels")
        scaled = add("Mul", [decibels, real("levels_per_decibel", 255 / FLOOR)], "attenuation")
        exact = add("Sub", [real("most", 255), scaled], "exact_levels", powers.dims)
        return add("Round", [exact], "levels")
