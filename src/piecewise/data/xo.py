"""Synthetic data set of X's and O's: the deck's images and features, and a generator (`make_xo`).

The generator draws strokes as a hand would, each one different, at any size from 9x9. It varies
them as the deck's trickier cases do: translation, scaling, rotation and stroke width, with noise
on top. Each image comes with the values of its variations. The same seed gives the same bytes on
every platform.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np

from ..core.array_types import Bool, Float32, Float64, Int64, Labels, Uint8
from ..core.constraints import SEED, Integer, Real, checked
from ..core.portable_math import sine_cosine
from ..core.rng import XO_DRAWS, Key, derive_key, fold_in, uniform
from ..engine.runtime.thread_pool import processors
from .images.preprocessor import ImagePreprocessor

CLASSES = ("X", "O")


def _image(rows: str) -> Float32:
    """An image from text: # is ink (+1), . is background (-1)."""
    lines = rows.split()
    return np.array([[1 if mark == "#" else -1 for mark in line] for line in lines], np.float32)


DECK_X = _image("""
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
DECK_TRICKY_X = _image("""
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
DECK_O = _image("""
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
"""Drawn for this package: the deck shows an O, but not its pixels."""

FEATURES = {
    "\\": _image("#.. .#. ..#"),
    "x": _image("#.# .#. #.#"),
    "/": _image("..# .#. #.."),
}
"""The deck's three features, 3x3."""


@dataclass(frozen=True)
class XOVariation:
    """The range of each random variation of a letter; 0 (for a factor: 1) switches it off.

    ``translation``: the largest shift each way, as a fraction of the image side. ``scale``: the
    smallest and largest factor. ``rotation``: the largest angle each way, in degrees.
    ``stroke_width``: the largest factor of the stroke's width; 1 / ``stroke_width`` is the
    smallest. ``noise``: the largest standard deviation of the grey levels, where the full range
    is 1.
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
            ("smallest scale", Real(0.2, 1), low),
            ("largest scale", Real(1, 2), high),
            ("rotation", Real(0, 180), self.rotation),
            ("stroke width", Real(1, 4), self.stroke_width),
            ("noise", Real(0, 0.5), self.noise),
        ):
            checked(f"variation: {name}", limit, value)

    def only(self, name: str) -> XOVariation:
        """Switch off all fields but ``name``; "plain" switches off all."""
        return PLAIN if name == "plain" else replace(PLAIN, **{name: getattr(self, name)})


TRICKY = XOVariation()
PLAIN = XOVariation(0.0, (1.0, 1.0), 0.0, 1.0, 0.0)
VARIATION_NAMES = tuple(field.name for field in fields(XOVariation))


@dataclass(frozen=True)
class XODataset:
    """Generated images of X's and O's with their labels and the variation of each image.

    Parameters
    ----------
    inputs : uint8 array (N, 1, size, size)
        White ink (255) on a black background (0).
    labels : int64 array (N,)
        0 for X and 1 for O.
    variations : dict of float64 arrays (N,)
        "translation_x" (to the right) and "translation_y" (down) in pixels, "scale" as a factor,
        "rotation" in degrees (clockwise), "stroke_width" in pixels and "noise", the standard
        deviation of the grey levels, where the full range is 1.
    classes : tuple of str
        The class names, ("X", "O").
    """

    inputs: Uint8
    labels: Labels
    variations: dict[str, Float64]
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"XODataset(inputs={self.inputs.shape}, classes={list(self.classes)})"

    @property
    def preprocessor(self) -> ImagePreprocessor:
        """The preprocessor that fits these images: grey drawings on a dark background."""
        size = self.inputs.shape[2]
        return ImagePreprocessor((1, size, size), "dark", margin=0.14)


def make_xo(
    count: int, size: int = 28, seed: int = 0, variation: XOVariation = TRICKY, first: int = 0
) -> XODataset:
    """Generate images of X's and O's, alternating, starting with X.

    Parameters
    ----------
    count : int
        The number of images, from 1 to 10,000,000.
    size : int, default 28
        The side of each image in pixels, from 9 to 512.
    seed : int, default 0
        Seeds the generator. Image ``first + i`` of a seed is the same for every ``count``, on
        every platform.
    variation : XOVariation
        How much the letters vary in position, scale, rotation, stroke width and noise.
    first : int, default 0
        The index of the first image.

    Returns
    -------
    XODataset

    Raises
    ------
    LimitError
        If ``count``, ``size``, ``seed`` or ``first`` is outside its range.

    Examples
    --------
    >>> import piecewise as pw
    >>> data = pw.make_xo(4, size=12)
    >>> data.inputs.shape, data.labels.tolist()
    ((4, 1, 12, 12), [0, 1, 0, 1])
    """
    for name, limit, value in (
        ("count", Integer(1, 10_000_000), count),
        ("size", Integer(9, 512), size),
        ("seed", SEED, seed),
        ("first", Integer(0, 2**40), first),
    ):
        checked(f"make_xo: {name}", limit, value)
    images = np.empty((count, 1, size, size), np.uint8)
    block = max(1, (1 << 17) // (size * size))  # small enough for the processor's cache

    def draw_block(start: int) -> dict[str, Float64]:
        indices = np.arange(first + start, first + min(start + block, count))
        images[start : start + block, 0], variations = _draw(indices, size, seed, variation)
        return variations

    with ThreadPoolExecutor(processors()) as pool:
        blocks = list(pool.map(draw_block, range(0, count, block)))
    labels = np.arange(first, first + count) % 2
    variations = {name: np.concatenate([one[name] for one in blocks]) for name in blocks[0]}
    return XODataset(images, labels, variations)


# A letter is a chain of straight segments in the square from -1 to 1; the second half of them is
# the second stroke of an X.
_SEGMENTS = 24
_HAND = 16  # random numbers for the hand's variety
_BEND = 0.12  # how far a hand strays from the straight or the round
_LETTER = 0.36  # half a letter's height, as a fraction of the image side
_STROKE = 1 / 9  # a stroke's width, as a fraction of the image side: one pixel in the deck's 9x9


def _draw(
    indices: Int64, size: int, seed: int, variation: XOVariation
) -> tuple[Uint8, dict[str, Float64]]:
    """The images (N, size, size) of these indices, and the variations of each."""
    key = derive_key(seed, XO_DRAWS, indices)
    hand = 2 * uniform(fold_in(key, 0), _HAND) - 1  # (N, 16) from -1 to 1
    values = _variations(uniform(fold_in(key, 1), 6), size, variation)
    starts, ends = _strokes(hand, indices % 2 == 0)
    to_pixels = _PixelTransform(values, size)
    ink = _ink(to_pixels(starts), to_pixels(ends), values["stroke_width"], size)
    if variation.noise:
        ink = ink + values["noise"][:, None, None] * _approximate_normal(fold_in(key, 2), size)
    return np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8), values


def _variations(drawn: Float64, size: int, variation: XOVariation) -> dict[str, Float64]:
    """The variations of each image from six uniform numbers in [0, 1), (N, 6)."""
    even = 2 * drawn - 1
    low, high = variation.scale
    # As many thin strokes as thick ones: uniform from 1 / stroke_width to 1, and from 1 to
    # stroke_width.
    thick = 1 + even[:, 4] * (variation.stroke_width - 1)
    thin = 1 / (1 - even[:, 4] * (variation.stroke_width - 1))
    width = np.where(even[:, 4] >= 0, thick, thin)
    return {
        "translation_x": even[:, 0] * variation.translation * size,
        "translation_y": even[:, 1] * variation.translation * size,
        "scale": low + drawn[:, 2] * (high - low),
        "rotation": even[:, 3] * variation.rotation,
        "stroke_width": width * _STROKE * size,
        "noise": drawn[:, 5] * variation.noise,
    }


def _strokes(hand: Float64, is_x: Bool) -> tuple[Float64, Float64]:
    """The start and end of each segment, (N, 24, 2) as x and y."""
    x_starts, x_ends = _x_strokes(hand)
    o_points = _o_points(hand)
    choose = is_x[:, None, None]
    starts = np.where(choose, x_starts, o_points[:, :-1])
    ends = np.where(choose, x_ends, o_points[:, 1:])
    return starts, ends


def _x_strokes(hand: Float64) -> tuple[Float64, Float64]:
    """Two strokes of twelve segments, corner to corner, with displaced ends, each slightly bent."""
    half = _SEGMENTS // 2
    t = np.linspace(0, 1, half + 1)
    corners = np.array([[-1, -1], [1, 1], [1, -1], [-1, 1]], float)
    displaced = corners + _BEND * 1.5 * hand[:, :8].reshape(-1, 4, 2)
    strokes = []
    for stroke in (0, 1):
        start, end = displaced[:, 2 * stroke], displaced[:, 2 * stroke + 1]
        along = start[:, None] + t[:, None] * (end - start)[:, None]
        across = np.stack([-(end - start)[:, 1], (end - start)[:, 0]], axis=1)
        bow = _BEND * hand[:, 8 + stroke, None, None] * (4 * t * (1 - t))[:, None]
        strokes.append(along + bow * across[:, None])
    starts = np.concatenate([stroke[:, :-1] for stroke in strokes], axis=1)
    ends = np.concatenate([stroke[:, 1:] for stroke in strokes], axis=1)
    return starts, ends


def _o_points(hand: Float64) -> Float64:
    """One stroke around: a dented oval that starts anywhere and may not close, or overlap."""
    t = np.linspace(0, 1, _SEGMENTS + 1)
    full_turn = 6.283185307179586
    begin, sweep = hand[:, :1] * full_turn / 2, full_turn * (1 + 0.06 * hand[:, 1:2])
    sine, cosine = sine_cosine(begin + sweep * t)
    dent2, dent2_other = sine_cosine(2 * (begin + sweep * t) + 3 * hand[:, 2:3])
    dent3, _ = sine_cosine(3 * (begin + sweep * t) + 3 * hand[:, 3:4])
    radius = 1 + _BEND * (
        0.6 * hand[:, 4:5] * dent2 + 0.4 * hand[:, 5:6] * dent2_other + 0.5 * hand[:, 6:7] * dent3
    )
    drift = _BEND * hand[:, 7:8] * t  # separates the end from the start
    wide, high = 0.82 + 0.18 * hand[:, 8:9], 0.95 + 0.1 * hand[:, 9:10]
    return np.stack([wide * (radius + drift) * cosine, high * (radius + drift) * sine], axis=2)


class _PixelTransform:
    """Rotates, scales and shifts points of the letter's square to pixel coordinates."""

    def __init__(self, values: dict[str, Float64], size: int) -> None:
        sine, cosine = sine_cosine(values["rotation"] * (3.141592653589793 / 180))
        reach = values["scale"] * _LETTER * size
        self.cosine, self.sine = reach * cosine, reach * sine
        middle = (size - 1) / 2
        self.x, self.y = middle + values["translation_x"], middle + values["translation_y"]

    def __call__(self, points: Float64) -> Float64:
        """Points (N, segments, 2) of the square -> pixel coordinates, x to the right and y down."""
        x, y = points[..., 0], points[..., 1]
        cosine, sine = self.cosine[:, None], self.sine[:, None]
        return np.stack(
            [cosine * x - sine * y + self.x[:, None], sine * x + cosine * y + self.y[:, None]],
            axis=2,
        )


def _ink(starts: Float64, ends: Float64, width: Float64, size: int) -> Float64:
    """The ink in each pixel, (N, size, size) from 0 to 1: from the distance to the nearest segment,
    fading over one pixel at the edge of the stroke."""
    cells = np.arange(size, dtype=np.float64)
    shape = len(starts), size, size
    nearest, along, away, square = (np.full(shape, np.inf) for _ in range(4))
    for segment in range(starts.shape[1]):
        sx, sy = (starts[:, segment, axis, None, None] for axis in (0, 1))
        dx, dy = (ends[:, segment, axis, None, None] - s for axis, s in ((0, sx), (1, sy)))
        px, py = cells[None, None, :] - sx, cells[None, :, None] - sy
        np.add(px * dx, py * dy, out=along)
        along /= np.maximum(dx * dx + dy * dy, 1e-12)
        np.clip(along, 0, 1, out=along)
        np.subtract(px, np.multiply(along, dx, out=away), out=away)
        np.multiply(away, away, out=square)
        np.subtract(py, np.multiply(along, dy, out=away), out=away)
        np.multiply(away, away, out=away)
        np.minimum(nearest, np.add(square, away, out=square), out=nearest)
    return np.asarray(np.clip(width[:, None, None] / 2 + 0.5 - np.sqrt(nearest), 0, 1))


def _approximate_normal(key: Key, size: int) -> Float64:
    """Noise of standard deviation 1, (N, size, size): the sum of four uniform numbers."""
    drawn = uniform(key, 4 * size * size).reshape(-1, 4, size, size)
    summed = drawn[:, 0] + drawn[:, 1] + drawn[:, 2] + drawn[:, 3]
    return np.asarray((summed - 2) * np.sqrt(3.0))
