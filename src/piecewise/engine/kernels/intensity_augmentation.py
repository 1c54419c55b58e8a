"""Intensity augmentation: contrast, brightness, noise and band masking, in place on packed
images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...core.rng import AUGMENTATION_DRAWS, NOISE, derive_key
from ...spec.augmentation import BACKGROUND, Augmentation
from ...spec.layer_base import Shape
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, splat
from .threefry import example_keys, threefry

_INTS, _WIDE = "<16 x i32>", "<16 x i64>"

# Word offsets of the parameters; the first four words are the keys of random draws and of noise.
_CONTRAST, _BRIGHTNESS, _NOISE, _ROWS, _COLUMNS = range(4, 9)

# Counters of random draws, two words each. Geometric augmentation uses the counters before.
_LEVELS, _ROW_BAND, _COLUMN_BAND, _NOISE_LEVEL = range(3, 7)


def intensity_parameters(
    augmentation: Augmentation, shape: Shape, seed: int, epoch: int
) -> npt.NDArray[np.uint32]:
    """The kernels' parameters for an epoch: two keys and the strength of each change."""
    words = np.zeros(9, np.uint32)
    words[:2], words[2:4] = (
        derive_key(seed, purpose, epoch) for purpose in (AUGMENTATION_DRAWS, NOISE)
    )
    floats = words.view(np.float32)
    floats[_CONTRAST], floats[_BRIGHTNESS], floats[_NOISE] = (
        augmentation.contrast,
        augmentation.brightness,
        augmentation.noise,
    )
    words[_ROWS], words[_COLUMNS] = (augmentation.max_band(side) for side in shape[1:])
    return words


def intensity_arguments() -> list[str]:
    """The declared arguments of the kernels of `augment_intensity` and `mask_bands`."""
    return [f"ptr noalias %{name}" for name in ("pixels", "parameters", "numbers")]


def augment_intensity(f: Function, values: int, *, changes_levels: bool, adds_noise: bool) -> None:
    """Write the kernel (pixels, parameters, numbers): change contrast and brightness
    (``changes_levels``) and add noise (``adds_noise``) on packed images of ``values`` cells.
    ``numbers`` are the image numbers, sixteen i64."""
    _PixelAugmenter(f, changes_levels=changes_levels, adds_noise=adds_noise).all_pixels(values)


class _PixelAugmenter:
    """Changes the cells of sixteen images, two at a time, because one counter gives two words of
    noise."""

    def __init__(self, f: Function, *, changes_levels: bool, adds_noise: bool) -> None:
        self.f, self.changes_levels, self.adds_noise = f, changes_levels, adds_noise
        keys = example_keys(f, "%parameters", "%numbers")
        if changes_levels:
            contrast, brightness = _centered(f, _random_words(f, keys, _LEVELS))
            self.factor = f.fma(contrast, _parameter(f, _CONTRAST), f.constant(1))
            self.brightness = f.op("fmul", brightness, _parameter(f, _BRIGHTNESS))
        if adds_noise:
            drawn = f.cast("sitofp", _random_words(f, keys, _NOISE_LEVEL)[0], _INTS, f.vector)
            most = f.op("fmul", _parameter(f, _NOISE), f.constant(2.0**-24))
            self.noise_level = f.op("fmul", drawn, most)
            self.keys = example_keys(f, f.at("%parameters", 8), "%numbers")

    def all_pixels(self, values: int) -> None:
        pairs, rest = divmod(values, 2)
        if pairs:
            with self.f.loop("pairs", pairs, {"x": ("%pixels", 2 * GROUP_BYTES)}) as pair:
                self._cells(pair["x"], self.f.cast("trunc", pair.index, "i64", "i32"), 2)
        if rest:
            self._cells(self.f.at("%pixels", 2 * GROUP_BYTES * pairs), str(pairs), 1)

    def _cells(self, pixels: str, counter: str, cells: int) -> None:
        f = self.f
        if self.adds_noise:
            noise = _centered(f, _random_words(f, self.keys, f.broadcast(counter, "i32")))
        for cell in range(cells):
            x = f.load(pixels, cell * GROUP_BYTES)
            if self.changes_levels:
                x = f.fma(x, self.factor, self.brightness)
            if self.adds_noise:
                x = f.fma(noise[cell], self.noise_level, x)
            x = f.select(f.op("fcmp olt", x, f.constant(-1)), f.constant(-1), x)
            x = f.select(f.op("fcmp ogt", x, f.constant(1)), f.constant(1), x)
            f.store(x, pixels, cell * GROUP_BYTES)


def mask_bands(f: Function, shape: Shape) -> None:
    """Write the kernel (pixels, parameters, numbers): set a band of rows and a band of columns of
    each packed image to background."""
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
    """The first cell of a band and its number of cells, from random numbers of 24 bits."""
    size_word, start_word = (f.cast("zext", word, _INTS, _WIDE) for word in drawn)
    most = f.cast("zext", f.load("%parameters", 4 * widest, "i32"), "i32", "i64")
    cells = _scale_to(f, size_word, f.broadcast(f.op("add", most, "1", "i64"), "i64"))
    first = _scale_to(f, start_word, f.op("sub", splat(16, side + 1, "i64"), cells, _WIDE))
    return f.cast("trunc", first, _WIDE, _INTS), f.cast("trunc", cells, _WIDE, _INTS)


def _scale_to(f: Function, drawn: str, count: str) -> str:
    """An integer from 0 to ``count`` - 1, from a random number of 24 bits."""
    return f.op("lshr", f.op("mul", drawn, count, _WIDE), splat(16, 24, "i64"), _WIDE)


def _inside(f: Function, loop: Loop, band: tuple[str, str]) -> str:
    """The images whose band contains the row or column of this iteration."""
    index = f.broadcast(f.cast("trunc", loop.index, "i64", "i32"), "i32")
    return f.op("icmp ult", f.op("sub", index, band[0], _INTS), band[1], _INTS)


def _parameter(f: Function, offset: int) -> str:
    return f.load_splat("%parameters", 4 * offset)


def _random_words(f: Function, keys: tuple[str, str], counter: int | str) -> tuple[str, str]:
    """Two random integers of 24 bits for each image."""
    counters = splat(16, counter, "i32") if isinstance(counter, int) else counter
    first, second = (
        f.op("lshr", word, splat(16, 8, "i32"), _INTS)
        for word in threefry(f, keys, counters, "zeroinitializer")
    )
    return first, second


def _centered(f: Function, drawn: tuple[str, str]) -> list[str]:
    """Integers of 24 bits rescaled to [-1, 1)."""
    floats = [f.cast("sitofp", word, _INTS, f.vector) for word in drawn]
    return [f.fma(value, f.constant(2.0**-23), f.constant(-1)) for value in floats]
