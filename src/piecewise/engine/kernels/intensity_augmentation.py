"""Training-time tricks on what pixels hold: contrast, light, noise and masks, in place on images
that have been laid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...core.rng import AUGMENTATION_DRAWS, NOISE, derive_key
from ...spec.augmentation import BACKGROUND, Augmentation
from ...spec.layer import Shape
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, splat
from .threefry import example_keys, threefry

_INTS, _WIDE = "<16 x i32>", "<16 x i64>"

# Where a kernel is told, in words of four bytes; the first four are the keys of draws and of noise.
_CONTRAST, _LIGHT, _NOISE, _ROWS, _COLUMNS = range(4, 9)

# The counters of draws; those before are geometry's. Each has two words.
_GRADE, _ROW_BAND, _COLUMN_BAND, _LOUDNESS = range(3, 7)


def intensity_parameters(
    augmentation: Augmentation, shape: Shape, seed: int, epoch: int
) -> npt.NDArray[np.uint32]:
    """What the kernels are told of an epoch: two keys and how far everything goes."""
    words = np.zeros(9, np.uint32)
    words[:2], words[2:4] = (
        derive_key(seed, purpose, epoch) for purpose in (AUGMENTATION_DRAWS, NOISE)
    )
    floats = words.view(np.float32)
    floats[_CONTRAST], floats[_LIGHT], floats[_NOISE] = (
        augmentation.contrast,
        augmentation.brightness,
        augmentation.noise,
    )
    words[_ROWS], words[_COLUMNS] = (augmentation.max_band(side) for side in shape[1:])
    return words


def intensity_arguments() -> list[str]:
    """Of the functions that `augment_intensity` and `mask` write."""
    return [f"ptr noalias %{name}" for name in ("pixels", "parameters", "numbers")]


def augment_intensity(f: Function, values: int, *, changes_levels: bool, adds_noise: bool) -> None:
    """The function (stack, shades, numbers): contrast and light (``graded``) and noise (``noisy``)
    for laid images of ``values`` cells and these ``numbers`` (sixteen i64)."""
    _PixelAugmenter(f, changes_levels=changes_levels, adds_noise=adds_noise).every(values)


class _PixelAugmenter:
    """The cells of sixteen images, two at a time: noise has two words for a counter."""

    def __init__(self, f: Function, *, changes_levels: bool, adds_noise: bool) -> None:
        self.f, self.changes_levels, self.adds_noise = f, changes_levels, adds_noise
        keys = example_keys(f, "%parameters", "%numbers")
        if changes_levels:
            contrast, light = _centered(f, _random_words(f, keys, _GRADE))
            self.factor = f.fma(contrast, _parameter(f, _CONTRAST), f.constant(1))
            self.light = f.op("fmul", light, _parameter(f, _LIGHT))
        if adds_noise:
            drawn = f.cast("sitofp", _random_words(f, keys, _LOUDNESS)[0], _INTS, f.vector)
            most = f.op("fmul", _parameter(f, _NOISE), f.constant(2.0**-24))
            self.loudness = f.op("fmul", drawn, most)
            self.keys = example_keys(f, f.at("%parameters", 8), "%numbers")

    def every(self, values: int) -> None:
        pairs, rest = divmod(values, 2)
        if pairs:
            with self.f.loop("pairs", pairs, {"x": ("%pixels", 2 * GROUP_BYTES)}) as pair:
                self._cells(pair["x"], self.f.cast("trunc", pair.index, "i64", "i32"), 2)
        if rest:
            self._cells(self.f.at("%pixels", 2 * GROUP_BYTES * pairs), str(pairs), 1)

    def _cells(self, place: str, counter: str, cells: int) -> None:
        f = self.f
        if self.adds_noise:
            noise = _centered(f, _random_words(f, self.keys, f.broadcast(counter, "i32")))
        for cell in range(cells):
            x = f.load(place, cell * GROUP_BYTES)
            if self.changes_levels:
                x = f.fma(x, self.factor, self.light)
            if self.adds_noise:
                x = f.fma(noise[cell], self.loudness, x)
            x = f.select(f.op("fcmp olt", x, f.constant(-1)), f.constant(-1), x)
            x = f.select(f.op("fcmp ogt", x, f.constant(1)), f.constant(1), x)
            f.store(x, place, cell * GROUP_BYTES)


def mask_bands(f: Function, shape: Shape) -> None:
    """The function (stack, shades, numbers): a band of rows and one of columns of each laid image
    of this shape become ground."""
    keys = example_keys(f, "%parameters", "%numbers")
    rows = _band(f, _random_words(f, keys, _ROW_BAND), _ROWS, shape.height)
    columns = _band(f, _random_words(f, keys, _COLUMN_BAND), _COLUMNS, shape.width)
    row_size = GROUP_BYTES * shape.width
    plane = {"x": ("%pixels", row_size * shape.height)}
    with (
        f.loop("channels", shape.channels, plane) as channel,
        f.loop("rows", shape.height, {"x": (channel["x"], row_size)}) as row,
    ):
        in_rows = _inside(f, row, rows)
        with f.loop("columns", shape.width, {"x": (row["x"], GROUP_BYTES)}) as column:
            masked = f.op("or", in_rows, _inside(f, column, columns), "<16 x i1>")
            f.store(f.select(masked, f.constant(BACKGROUND), f.load(column["x"])), column["x"])


def _band(f: Function, drawn: tuple[str, str], widest: int, side: int) -> tuple[str, str]:
    """The first cell of a band and how many it has, in whole numbers: shares of 24 bits."""
    breadth, place = (f.cast("zext", word, _INTS, _WIDE) for word in drawn)
    most = f.cast("zext", f.load("%parameters", 4 * widest, "i32"), "i32", "i64")
    cells = _scale_to(f, breadth, f.broadcast(f.op("add", most, "1", "i64"), "i64"))
    first = _scale_to(f, place, f.op("sub", splat(16, side + 1, "i64"), cells, _WIDE))
    return f.cast("trunc", first, _WIDE, _INTS), f.cast("trunc", cells, _WIDE, _INTS)


def _scale_to(f: Function, drawn: str, count: str) -> str:
    """One of 0 to ``count`` - 1."""
    return f.op("lshr", f.op("mul", drawn, count, _WIDE), splat(16, 24, "i64"), _WIDE)


def _inside(f: Function, place: Loop, band: tuple[str, str]) -> str:
    """Which images have the row or column of this turn in their band."""
    index = f.broadcast(f.cast("trunc", place.index, "i64", "i32"), "i32")
    return f.op("icmp ult", f.op("sub", index, band[0], _INTS), band[1], _INTS)


def _parameter(f: Function, place: int) -> str:
    return f.load_splat("%parameters", 4 * place)


def _random_words(f: Function, keys: tuple[str, str], counter: int | str) -> tuple[str, str]:
    """Two whole numbers of 24 bits for each image."""
    counters = splat(16, counter, "i32") if isinstance(counter, int) else counter
    first, second = (
        f.op("lshr", word, splat(16, 8, "i32"), _INTS)
        for word in threefry(f, keys, counters, "zeroinitializer")
    )
    return first, second


def _centered(f: Function, drawn: tuple[str, str]) -> list[str]:
    """Numbers of 24 bits spread over -1 to 1."""
    floats = [f.cast("sitofp", word, _INTS, f.vector) for word in drawn]
    return [f.fma(value, f.constant(2.0**-23), f.constant(-1)) for value in floats]
