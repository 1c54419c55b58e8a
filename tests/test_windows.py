"""The window arithmetic against windows laid out one by one."""

from __future__ import annotations

import itertools

import pytest

from piecewise.core.windows import Windows, complete_windows, partial_windows, same_windows

SIZES = range(1, 12)
WINDOWS = range(1, 8)
STRIDES = range(1, 6)


def test_complete_windows_fit_padded_axis() -> None:
    for size, window, stride, before, after in itertools.product(
        SIZES, WINDOWS, STRIDES, range(3), range(3)
    ):
        found = complete_windows(size, window, stride, before, after)
        starts = [s for s in range(0, 40, stride) if s + window <= before + size + after]
        assert found.count == len(starts), (size, window, stride, before, after)
        for index, start in enumerate(starts):
            cells = [c - before for c in range(start, start + window) if 0 <= c - before < size]
            assert list(found.cells(index)) == cells


def test_partial_windows_start_on_cells_and_cover_axis() -> None:
    for size, window, stride in itertools.product(SIZES, WINDOWS, STRIDES):
        found = partial_windows(size, window, stride)
        count = 1
        while (count - 1) * stride + window < size and count * stride < size:
            count += 1
        assert found.count == count, (size, window, stride)
        covered = {cell for index in range(count) for cell in found.cells(index)}
        if stride <= window:
            assert covered == set(range(size))
        assert all(len(found.cells(index)) > 0 for index in range(count))


def test_same_windows_odd_padding_goes_to_end() -> None:
    for size, window, stride in itertools.product(SIZES, WINDOWS, STRIDES):
        found = same_windows(size, window, stride)
        wanted = -(-size // stride)
        zeros = next(
            z for z in range(99) if complete_windows(size, window, stride, 0, z).count >= wanted
        )
        assert found.count == wanted
        assert found.before == zeros // 2
        assert found.after == zeros - zeros // 2


def test_window_offset_selects_padded_cells() -> None:
    for made in (
        complete_windows(7, 3, 2, 1, 1),
        partial_windows(7, 2, 2),
        partial_windows(8, 3, 2),
        same_windows(7, 4, 3),
    ):
        padded = [None] * made.before + list(range(made.size)) + [None] * made.after
        for cell in range(made.window):
            met = padded[made.offset(cell)]
            assert len(met) == made.count
            for index, value in enumerate(met):
                place = index * made.stride - made.before + cell
                assert value == (place if 0 <= place < made.size else None)


@pytest.mark.parametrize(
    ("made", "count", "last"),
    [
        (partial_windows(7, 2, 2), 4, [6]),  # the deck: 7 -> 4, the last window hangs over
        (complete_windows(7, 2, 2), 3, [4, 5]),
        (complete_windows(9, 3, 1), 7, [6, 7, 8]),  # the deck: 9 -> 7
        (same_windows(28, 5, 2), 14, [25, 26, 27]),
        (partial_windows(3, 5, 5), 1, [0, 1, 2]),
    ],
)
def test_windows_worked_examples_match(made: Windows, count: int, last: list[int]) -> None:
    assert made.count == count
    assert list(made.cells(count - 1)) == last


def test_complete_windows_short_axis_has_none() -> None:
    assert complete_windows(2, 3, 1).count == 0
