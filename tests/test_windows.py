"""Window arithmetic, compared with windows enumerated one by one."""

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
        windows = complete_windows(size, window, stride, before, after)
        starts = [s for s in range(0, 40, stride) if s + window <= before + size + after]
        assert windows.count == len(starts), (size, window, stride, before, after)
        for index, start in enumerate(starts):
            cells = [c - before for c in range(start, start + window) if 0 <= c - before < size]
            assert list(windows.cells(index)) == cells


def test_partial_windows_start_on_cells_and_cover_axis() -> None:
    for size, window, stride in itertools.product(SIZES, WINDOWS, STRIDES):
        windows = partial_windows(size, window, stride)
        count = 1
        while (count - 1) * stride + window < size and count * stride < size:
            count += 1
        assert windows.count == count, (size, window, stride)
        covered = {cell for index in range(count) for cell in windows.cells(index)}
        if stride <= window:
            assert covered == set(range(size))
        assert all(len(windows.cells(index)) > 0 for index in range(count))


def test_same_windows_odd_padding_goes_to_end() -> None:
    for size, window, stride in itertools.product(SIZES, WINDOWS, STRIDES):
        windows = same_windows(size, window, stride)
        expected = -(-size // stride)
        zeros = next(
            z for z in range(99) if complete_windows(size, window, stride, 0, z).count >= expected
        )
        assert windows.count == expected
        assert windows.before == zeros // 2
        assert windows.after == zeros - zeros // 2


def test_window_offset_selects_padded_cells() -> None:
    for windows in (
        complete_windows(7, 3, 2, 1, 1),
        partial_windows(7, 2, 2),
        partial_windows(8, 3, 2),
        same_windows(7, 4, 3),
    ):
        padded = [None] * windows.before + list(range(windows.size)) + [None] * windows.after
        for cell in range(windows.window):
            values = padded[windows.offset(cell)]
            assert len(values) == windows.count
            for index, value in enumerate(values):
                position = index * windows.stride - windows.before + cell
                assert value == (position if 0 <= position < windows.size else None)


@pytest.mark.parametrize(
    ("windows", "count", "last"),
    [
        (partial_windows(7, 2, 2), 4, [6]),  # the deck: 7 -> 4, the last window hangs over
        (complete_windows(7, 2, 2), 3, [4, 5]),
        (complete_windows(9, 3, 1), 7, [6, 7, 8]),  # the deck: 9 -> 7
        (same_windows(28, 5, 2), 14, [25, 26, 27]),
        (partial_windows(3, 5, 5), 1, [0, 1, 2]),
    ],
)
def test_windows_worked_examples_match(windows: Windows, count: int, last: list[int]) -> None:
    assert windows.count == count
    assert list(windows.cells(count - 1)) == last


def test_complete_windows_short_axis_has_none() -> None:
    assert complete_windows(2, 3, 1).count == 0
