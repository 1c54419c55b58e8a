"""X's and O's: the deck's own pictures and features, and a generator of trickier ones.

The generator draws strokes as a hand would, never twice alike, at any size from 9x9, and bends them
by the deck's trickier cases: translation, scaling, rotation and stroke weight, with noise on top.
Each picture carries the tricks that made it. The same seed gives the same bytes on every platform.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from ..core.array_types import Float64
from ..core.constraints import SEED, Integer, Real, checked
from ..core.portable_math import sine_cosine
from ..core.rng import XO_DRAWS, Key, derive_key, fold_in, uniform
from ..engine.runtime.thread_pool import processors
from .images.preprocessor import ImagePreprocessor, Pictures

CLASSES = ("X", "O")


def _picture(rows: str) -> npt.NDArray[np.float32]:
    """A picture from text: # is ink (+1), . is ground (-1)."""
    lines = rows.split()
    return np.array([[1 if mark == "#" else -1 for mark in line] for line in lines], np.float32)


DECK_X = _picture("""
    .........
    .#.....#.
    ..#...#..
    ...#.#...
    ....#....
    ...#.#...
    ..#...#..
    .#.....#.
    .........
""")
DECK_TRICKY_X = _picture("""
    .........
    ......#..
    .#...#...
    ..##.#...
    ....#....
    ...#.##..
    ...#...#.
    ..#......
    .........
""")
DECK_O = _picture("""
    .........
    ...###...
    ..#...#..
    .#.....#.
    .#.....#.
    .#.....#.
    ..#...#..
    ...###...
    .........
""")
"""Ours: the deck shows an O, but its pixels are lost."""

FEATURES = {
    "\\": _picture("#.. .#. ..#"),
    "x": _picture("#.# .#. #.#"),
    "/": _picture("..# .#. #.."),
}
"""The deck's three features, 3x3."""


@dataclass(frozen=True)
class XOVariation:
    """How far each of the deck's trickier cases may go; 0 (a factor of 1) leaves it out.

    ``translation``: of the picture's side, to each side. ``scaling``: the smallest and largest
    factor. ``rotation``: degrees, to each side. ``weight``: the factor of the stroke's width, at
    most and, as 1 / weight, at least. ``noise``: deviation of the grey levels, of the whole range.
    """

    translation: float = 0.12
    scale: tuple[float, float] = (0.6, 1.1)
    rotation: float = 30.0
    stroke_width: float = 1.6
    noise: float = 0.08

    def __post_init__(self) -> None:
        low, high = self.scale
        for name, limit, value in (
            ("translation", Real(0, 0.5), self.translation),
            ("smallest scaling", Real(0.2, 1), low),
            ("largest scaling", Real(1, 2), high),
            ("rotation", Real(0, 180), self.rotation),
            ("weight", Real(1, 4), self.stroke_width),
            ("noise", Real(0, 0.5), self.noise),
        ):
            checked(f"tricks: {name}", limit, value)

    def alone(self, name: str) -> XOVariation:
        """Only the trick of this name; none for "plain"."""
        return PLAIN if name == "plain" else replace(PLAIN, **{name: getattr(self, name)})


TRICKY = XOVariation()
PLAIN = XOVariation(0.0, (1.0, 1.0), 0.0, 1.0, 0.0)
TRICK_NAMES = tuple(field.name for field in fields(XOVariation))


@dataclass(frozen=True)
class XODataset:
    """Pictures (N, 1, size, size) as bytes, white ink on black; labels (N,), 0 for X and 1 for O;
    and each picture's tricks.

    ``tricks``: (N,) arrays by name: "translation_x" and "translation_y" in pixels (right and down),
    "scaling" a factor, "rotation" in degrees (clockwise), "weight" the stroke's width in pixels,
    "noise" the deviation of the grey levels, of the whole range.
    """

    inputs: Pictures
    labels: npt.NDArray[np.int64]
    variations: dict[str, Float64]
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def preprocessor(self) -> ImagePreprocessor:
        """How these pictures become inputs."""
        size = self.inputs.shape[2]
        return ImagePreprocessor((1, size, size), "dark", margin=0.14)


def make_xo(
    count: int, size: int = 28, seed: int = 0, tricks: XOVariation = TRICKY, first: int = 0
) -> XODataset:
    """``count`` X's and O's in turn, ``size`` pixels square (9 to 512).

    Picture ``first + i`` of a seed is the same however many are drawn with it.
    Raises LimitError.
    """
    for name, limit, value in (
        ("count", Integer(1, 10_000_000), count),
        ("size", Integer(9, 512), size),
        ("seed", SEED, seed),
        ("first", Integer(0, 2**40), first),
    ):
        checked(f"draw: {name}", limit, value)
    pictures = np.empty((count, 1, size, size), np.uint8)
    block = max(1, (1 << 17) // (size * size))  # small enough for the processor's cache

    def draw_block(start: int) -> dict[str, Float64]:
        numbers = np.arange(first + start, first + min(start + block, count))
        pictures[start : start + block, 0], drawn = _draw(numbers, size, seed, tricks)
        return drawn

    with ThreadPoolExecutor(processors()) as pool:
        columns = list(pool.map(draw_block, range(0, count, block)))
    labels = np.arange(first, first + count) % 2
    together = {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}
    return XODataset(pictures, labels, together)


# A letter is a chain of straight pieces in a square from -1 to 1; the second half of them is the
# second stroke of an X.
_SEGMENTS = 24
_HAND = 16  # random numbers for the hand's variety
_BEND = 0.12  # how far a hand strays from the straight or the round
_LETTER = 0.36  # half a letter's height, of the picture's side
_STROKE = 1 / 9  # a stroke's width, of the picture's side: one pixel in the deck's 9x9


def _draw(
    numbers: npt.NDArray[np.int64], size: int, seed: int, tricks: XOVariation
) -> tuple[Pictures, dict[str, Float64]]:
    """The pictures of these numbers and their tricks."""
    key = derive_key(seed, XO_DRAWS, numbers)
    hand = 2 * uniform(fold_in(key, 0), _HAND) - 1  # (N, 16) from -1 to 1
    values = _trick_values(uniform(fold_in(key, 1), 6), size, tricks)
    starts, ends = _strokes(hand, numbers % 2 == 0)
    place = _Placing(values, size)
    ink = _ink(place(starts), place(ends), values["weight"], size)
    if tricks.noise:
        ink = ink + values["noise"][:, None, None] * _bell(fold_in(key, 2), size)
    return np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8), values


def _trick_values(drawn: Float64, size: int, tricks: XOVariation) -> dict[str, Float64]:
    """The tricks of each picture from six even numbers in [0, 1)."""
    even = 2 * drawn - 1
    low, high = tricks.scale
    # As many thin strokes as thick ones: even between 1 / weight and 1, and between 1 and weight.
    thick = 1 + even[:, 4] * (tricks.stroke_width - 1)
    thin = 1 / (1 - even[:, 4] * (tricks.stroke_width - 1))
    width = np.where(even[:, 4] >= 0, thick, thin)
    return {
        "translation_x": even[:, 0] * tricks.translation * size,
        "translation_y": even[:, 1] * tricks.translation * size,
        "scaling": low + drawn[:, 2] * (high - low),
        "rotation": even[:, 3] * tricks.rotation,
        "weight": width * _STROKE * size,
        "noise": drawn[:, 5] * tricks.noise,
    }


def _strokes(hand: Float64, is_x: npt.NDArray[np.bool_]) -> tuple[Float64, Float64]:
    """Where each piece starts and ends, (N, 24, 2) as x and y."""
    x_starts, x_ends = _x_strokes(hand)
    o_points = _o_points(hand)
    choose = is_x[:, None, None]
    starts = np.where(choose, x_starts, o_points[:, :-1])
    ends = np.where(choose, x_ends, o_points[:, 1:])
    return starts, ends


def _x_strokes(hand: Float64) -> tuple[Float64, Float64]:
    """Two strokes of twelve pieces, corner to corner, each end astray and each a little bent."""
    half = _SEGMENTS // 2
    t = np.linspace(0, 1, half + 1)
    corners = np.array([[-1, -1], [1, 1], [1, -1], [-1, 1]], float)
    astray = corners + _BEND * 1.5 * hand[:, :8].reshape(-1, 4, 2)
    strokes = []
    for stroke in (0, 1):
        start, end = astray[:, 2 * stroke], astray[:, 2 * stroke + 1]
        along = start[:, None] + t[:, None] * (end - start)[:, None]
        across = np.stack([-(end - start)[:, 1], (end - start)[:, 0]], axis=1)
        bow = _BEND * hand[:, 8 + stroke, None, None] * (4 * t * (1 - t))[:, None]
        strokes.append(along + bow * across[:, None])
    starts = np.concatenate([stroke[:, :-1] for stroke in strokes], axis=1)
    ends = np.concatenate([stroke[:, 1:] for stroke in strokes], axis=1)
    return starts, ends


def _o_points(hand: Float64) -> Float64:
    """One stroke around: an oval, a little dented, begun anywhere, not quite closed or
    overlapping."""
    t = np.linspace(0, 1, _SEGMENTS + 1)
    full_turn = 6.283185307179586
    begin, sweep = hand[:, :1] * full_turn / 2, full_turn * (1 + 0.06 * hand[:, 1:2])
    sine, cosine = sine_cosine(begin + sweep * t)
    dent2, dent2_other = sine_cosine(2 * (begin + sweep * t) + 3 * hand[:, 2:3])
    dent3, _ = sine_cosine(3 * (begin + sweep * t) + 3 * hand[:, 3:4])
    radius = 1 + _BEND * (
        0.6 * hand[:, 4:5] * dent2 + 0.4 * hand[:, 5:6] * dent2_other + 0.5 * hand[:, 6:7] * dent3
    )
    drift = _BEND * hand[:, 7:8] * t  # the end does not meet the beginning
    wide, high = 0.82 + 0.18 * hand[:, 8:9], 0.95 + 0.1 * hand[:, 9:10]
    return np.stack([wide * (radius + drift) * cosine, high * (radius + drift) * sine], axis=2)


class _Placing:
    """Turns, scales and shifts points of the letter's square into pixels."""

    def __init__(self, values: dict[str, Float64], size: int) -> None:
        sine, cosine = sine_cosine(values["rotation"] * (3.141592653589793 / 180))
        reach = values["scaling"] * _LETTER * size
        self.cosine, self.sine = reach * cosine, reach * sine
        middle = (size - 1) / 2
        self.x, self.y = middle + values["translation_x"], middle + values["translation_y"]

    def __call__(self, points: Float64) -> Float64:
        """(N, pieces, 2) of the square -> the same in pixels, x to the right and y down."""
        x, y = points[..., 0], points[..., 1]
        cosine, sine = self.cosine[:, None], self.sine[:, None]
        return np.stack(
            [cosine * x - sine * y + self.x[:, None], sine * x + cosine * y + self.y[:, None]],
            axis=2,
        )


def _ink(starts: Float64, ends: Float64, weight: Float64, size: int) -> Float64:
    """How much ink each pixel holds, (N, size, size) from 0 to 1: by its distance to the nearest
    piece, fading over one pixel at the edge of the stroke."""
    cells = np.arange(size, dtype=np.float64)
    shape = len(starts), size, size
    nearest, along, away, square = (np.full(shape, np.inf) for _ in range(4))
    for piece in range(starts.shape[1]):
        sx, sy = (starts[:, piece, axis, None, None] for axis in (0, 1))
        dx, dy = (ends[:, piece, axis, None, None] - s for axis, s in ((0, sx), (1, sy)))
        px, py = cells[None, None, :] - sx, cells[None, :, None] - sy
        np.add(px * dx, py * dy, out=along)
        along /= np.maximum(dx * dx + dy * dy, 1e-12)
        np.clip(along, 0, 1, out=along)
        np.subtract(px, np.multiply(along, dx, out=away), out=away)
        np.multiply(away, away, out=square)
        np.subtract(py, np.multiply(along, dy, out=away), out=away)
        np.multiply(away, away, out=away)
        np.minimum(nearest, np.add(square, away, out=square), out=nearest)
    return np.asarray(np.clip(weight[:, None, None] / 2 + 0.5 - np.sqrt(nearest), 0, 1))


def _bell(key: Key, size: int) -> Float64:
    """Bell-shaped noise of deviation 1, (N, size, size): four even numbers added up."""
    drawn = uniform(key, 4 * size * size).reshape(-1, 4, size, size)
    summed = drawn[:, 0] + drawn[:, 1] + drawn[:, 2] + drawn[:, 3]
    return np.asarray((summed - 2) * np.sqrt(3.0))
