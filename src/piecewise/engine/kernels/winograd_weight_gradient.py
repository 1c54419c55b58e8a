"""The weight gradient of a 3x3 convolution in tiles of 4x4 output cells: its kernels.

It is the transpose of the convolution in tiles (`winograd_transforms`): the source cells of a tile
and the gradients of its output cells are both transformed to 6x6 values, their products are added
up at each of the 36 positions, and a transform of the 36 sums gives the gradients of 3x3 weights.
A vector of the sums holds sixteen features, so nothing has to be added over its lanes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Module, vector_of
from .reductions import masked_load, masked_store
from .transposition import ROWS_BYTES, store_rows, transpose
from .winograd import TileLayout, tiles_of
from .winograd_transforms import (
    POSITIONS,
    TILE,
    WINDOW,
    kernel_gradients,
    sixteens,
    transformed_upstream,
)

_LANES = 16
"""Features per block, and examples of a group."""
_SQUARE_BYTES = _LANES * GROUP_BYTES
"""Bytes of sixteen features for sixteen examples."""
_WIDE = vector_of(_LANES)
_KERNEL, _CELLS = 3, 9


class BlockLayout(NamedTuple):
    """Where blocks of sixteen features lie: [36][block], with an unused cell after each
    position."""

    blocks: int
    block: int
    """Bytes of a block."""

    @property
    def position(self) -> int:
        """Bytes from one position to the next."""
        return self.blocks * self.block + GROUP_BYTES

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return POSITIONS * self.position


class GradientLayout(NamedTuple):
    """Where the values and the sums of a weight gradient lie. ``tiles``: the tiles whose values
    are there at once."""

    channels: int
    features: int
    tiles: int

    @property
    def blocks(self) -> int:
        """Blocks of sixteen features."""
        return -(-self.features // _LANES)

    @property
    def source(self) -> TileLayout:
        """The transformed source: [36][channel][tile][16 examples]."""
        return tiles_of(self.channels, self.tiles, GROUP_BYTES)

    @property
    def upstream(self) -> BlockLayout:
        """The transformed gradients: [36][block][tile][16 examples][16]."""
        return BlockLayout(self.blocks, self.tiles * _SQUARE_BYTES)

    @property
    def sums(self) -> BlockLayout:
        """The sums: [36][block][channel][16]."""
        return BlockLayout(self.blocks, self.channels * GROUP_BYTES)

    def product_numbers(self, tiles: int, most_channels: int) -> list[str]:
        """The integers that `multiply_gradients` takes, for the values of ``tiles`` tiles."""
        numbers = (
            tiles * _LANES, self.channels // most_channels, self.blocks,
            self.source.position, self.upstream.position, self.sums.position, self.sums.block,
        )  # fmt: skip
        return [f"i64 {number}" for number in numbers]


def upstream_numbers(
    maps: FeatureMapLayout, rows: int, columns: int, layout: GradientLayout
) -> list[str]:
    """The integers that `transform_upstream` takes, for ``rows`` x ``columns`` output cells."""
    numbers = (
        maps.channels, maps.channel_bytes, maps.row_bytes, rows, columns,
        -(-columns // TILE), layout.upstream.position, layout.upstream.block,
    )  # fmt: skip
    return [f"i64 {number}" for number in numbers]


_ROWS = TILE * TILE * _SQUARE_BYTES
"""Where the pointers to sixteen features lie among the cells."""
UPSTREAM_ARGUMENTS = (
    "upstream values cells count:features count:channel_bytes count:row_bytes "
    "count:rows count:columns count:tiles count:position count:block"
)
CELLS_BYTES = _ROWS + ROWS_BYTES
"""Bytes of the cells that `transform_upstream` works on."""


def transform_upstream(f: Function, module: Module) -> None:
    """Write the kernel that transforms the gradients of output cells. ``rows`` and ``columns``
    count cells; the last tiles may be partial."""
    f.note("4x4 gradients of each tile, transformed for %features features")
    tile_rows = f.op("lshr", f.op("add", "%rows", str(TILE - 1), "i64"), "2", "i64")
    band, line = f.op("shl", "%row_bytes", "2", "i64"), f.op("shl", "%tiles", "10", "i64")
    blocks, text = sixteens(f, "%features"), "%features / 16 rounded up,"
    each = {"values": ("%values", "%block")}
    remark = "16 features at once"
    with f.loop("blocks", blocks, each, at_least_once=True, trip_count=text, remark=remark) as b:
        _store_features(f, b.index)
        by_row = {"upstream": ("%upstream", band), "values": (b["values"], line)}
        text = "%rows / 4 rounded up,"
        with f.loop("rows", tile_rows, by_row, at_least_once=True, trip_count=text) as row:
            height = _left(f, row.index, "%rows", TILE)
            by_tile: dict[str, tuple[str, int | str]] = {
                "upstream": (row["upstream"], TILE * GROUP_BYTES),
                "values": (row["values"], _SQUARE_BYTES),
            }
            with f.loop("tiles", "%tiles", by_tile, at_least_once=True) as tile:
                width = _left(f, tile.index, "%columns", TILE)
                _load_cells(f, module, tile["upstream"], (height, width))
                _transform_cells(f, tile["values"])


def _store_features(f: Function, block: str) -> None:
    """Store the pointers to the maps of sixteen features behind the cells. What is beyond the last
    feature is a copy of it."""
    first, last = f.op("shl", block, "4", "i64"), f.op("sub", "%features", "1", "i64")
    rows = []
    for number in range(_LANES):
        feature = f.op("add", first, str(number), "i64")
        inside = f.op("icmp slt", feature, last, "i64")
        feature = f.value(f"select i1 {inside}, i64 {feature}, i64 {last}")
        rows.append(f.at("%upstream", f.op("mul", feature, "%channel_bytes", "i64")))
    store_rows(f, rows, f.at("%cells", _ROWS))


def _left(f: Function, index: str, count: str, most: int) -> str:
    """The size of part ``index`` of ``count``: ``most``, or less at the end."""
    left = f.op("sub", count, f.op("mul", index, str(most), "i64"), "i64")
    partial = f.op("icmp slt", left, str(most), "i64")
    return f.value(f"select i1 {partial}, i64 {left}, i64 {most}")


def _load_cells(f: Function, module: Module, upstream: str, sides: tuple[str, str]) -> None:
    """The cells of a tile, with features instead of examples in the lanes; those outside of the
    map are zero."""
    height, width = sides
    partial = f.op("icmp ne", f.op("mul", height, width, "i64"), str(TILE * TILE), "i64")
    steps = {"cell": ("%cells", GROUP_BYTES)}
    remark = "set to zero, if the tile is partial"
    with f.when(partial), f.loop("cells", 256, steps, remark=remark) as each:
        f.store("zeroinitializer", each["cell"], kind=_WIDE)
    by_row: dict[str, tuple[str, int | str]] = {
        "upstream": (upstream, "%row_bytes"), "cells": ("%cells", TILE * _SQUARE_BYTES)
    }  # fmt: skip
    with f.loop("y", height, by_row, at_least_once=True, trip_count="up to 4") as y:
        by_cell = {
            "upstream": (y["upstream"], GROUP_BYTES), "cells": (y["cells"], _SQUARE_BYTES)
        }  # fmt: skip
        with f.loop("x", width, by_cell, at_least_once=True, trip_count="up to 4") as x:
            f.note("transpose 16 features of 16 examples")
            start, cell = (
                f.cast("ptrtoint", pointer, "ptr", "i64")
                for pointer in ("%upstream", x["upstream"])
            )
            offset = f.op("sub", cell, start, "i64")
            transpose(f, module, f.at("%cells", _ROWS), offset, x["cells"])


def _transform_cells(f: Function, values: str) -> None:
    """The 6x6 values of a tile, example by example."""
    size = f.lanes * f.bytes
    steps = {"cells": ("%cells", size), "values": (values, size)}
    with f.loop("examples", _LANES * _LANES // f.lanes, steps) as each:
        with f.note_products("add a factor times a gradient, along 4 rows and columns"):
            columns = [
                transformed_upstream(
                    f,
                    [f.load(each["cells"], (TILE * y + x) * _SQUARE_BYTES) for y in range(TILE)],
                )
                for x in range(TILE)
            ]
            rows = [transformed_upstream(f, list(row)) for row in zip(*columns, strict=True)]
        f.note("store 36 values of the tile")
        pointer = each["values"]
        for at, value in enumerate(value for row in rows for value in row):
            pointer = f.at(pointer, "%position") if at else pointer
            f.store(value, pointer)


class GradientProducts(NamedTuple):
    """What the kernel of the products depends on, besides its arguments."""

    most_channels: int
    """The channels whose sums stay in registers."""
    rest: int
    """The channels that remain."""
    odd: bool
    """Whether a vector of features remains after those of two vectors."""
    channel: int
    """Bytes from the source values of a channel to those of the next."""
    block: int
    """Bytes from the gradients of a block to those of the next."""


PRODUCT_ARGUMENTS = (
    "source upstream sums count:steps count:tiles count:blocks "
    "count:source_position count:upstream_position count:sums_position count:sums_block"
)


def multiply_gradients(f: Function, spec: GradientProducts) -> None:
    """Write the kernel that adds products to the sums. A step is an example of a tile; ``tiles``
    counts the parts of ``most_channels`` channels."""
    f.note(f"{POSITIONS} positions, each a sum of products over the examples of the tiles")
    by_position = {n: (f"%{n}", f"%{n}_position") for n in ("source", "upstream", "sums")}
    with f.loop("positions", POSITIONS, by_position) as position:
        pointers = {name: position[name] for name in by_position}
        for moved, vectors in _vectors(f, spec, pointers):
            _channels(f, spec, moved, vectors)


def _vectors(
    f: Function, spec: GradientProducts, pointers: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], list[tuple[int, str]]]]:
    """Open the loops over the features, two vectors at once. Yields the pointers, and for each
    vector its offsets in the gradients and in the sums."""
    wide, size = f.lanes == _LANES, f.lanes * f.bytes
    count = f.op("lshr", "%blocks", "1", "i64") if wide else "%blocks"
    step = f.op("shl", "%sums_block", str(int(wide)), "i64")
    steps: dict[str, tuple[str, int | str]] = {
        "upstream": (pointers["upstream"], (1 + wide) * spec.block),
        "sums": (pointers["sums"], step),
    }
    text, remark = "%blocks / 2 rounded down," if wide else "", f"{_LANES * (1 + wide)} at once"
    with f.loop("features", count, steps, trip_count=text, remark=remark) as block:
        moved = {name: block[name] for name in steps}
        if wide:
            yield {**pointers, **moved}, [(0, "0"), (spec.block, "%sums_block")]
        else:
            parts = {name: (pointer, 2 * size) for name, pointer in moved.items()}
            with f.loop("vectors", GROUP_BYTES // (2 * size), parts) as part:
                moved = {name: part[name] for name in steps}
                yield {**pointers, **moved}, [(0, "0"), (size, str(size))]
    if spec.odd:
        offsets = [("upstream", str(2 * spec.block)), ("sums", step)]
        last = {
            name: f.at(pointers[name], f.op("mul", count, offset, "i64"))
            for name, offset in offsets
        }
        yield {**pointers, **last}, [(0, "0")]


def _channels(
    f: Function, spec: GradientProducts, pointers: Mapping[str, str],
    vectors: list[tuple[int, str]],
) -> None:  # fmt: skip
    """The sums of some vectors of features with all channels."""
    sizes = {"source": spec.most_channels * spec.channel, "sums": spec.most_channels * GROUP_BYTES}
    steps = {name: (pointers[name], size) for name, size in sizes.items()}
    remark = f"{spec.most_channels} at once"
    with f.loop("channels", "%tiles", steps, at_least_once=True, remark=remark) as c:
        own = (c["source"], pointers["upstream"], c["sums"])
        _add_products(f, spec, own, spec.most_channels, vectors)
    if spec.rest:
        source, sums = (
            f.at(pointers[name], f.op("mul", "%tiles", str(size), "i64"))
            for name, size in sizes.items()
        )
        _add_products(f, spec, (source, pointers["upstream"], sums), spec.rest, vectors)


def _add_products(
    f: Function,
    spec: GradientProducts,
    pointers: tuple[str, str, str],
    channels: int,
    vectors: list[tuple[int, str]],
) -> None:
    """Add a chain of products over the steps to each sum."""
    source, upstream, sums = pointers
    count = channels * len(vectors)
    f.note(f"{count} sums in registers: {channels} x {len(vectors)} vectors, each starts at 0")
    steps = {"source": (source, f.bytes), "upstream": (upstream, GROUP_BYTES)}
    zeros = [(f.vector, "zeroinitializer")] * count
    with (
        f.loop("steps", "%steps", steps, zeros, at_least_once=True) as step,
        f.note_products("sum += source[position][c][example] * gradient[position][example][f]"),
    ):
        factors = [f.load(step["upstream"], at) for at, _ in vectors]
        totals = []
        for c in range(channels):
            value = f.load_splat(step["source"], c * spec.channel)
            for n, factor in enumerate(factors):
                totals.append(f.fma(factor, value, step.carried[c * len(vectors) + n]))
        step.carried = totals
    f.note(f"add them to the {count} sums of the tiles before")
    for n, (_, at) in enumerate(vectors):
        pointer = f.at(sums, at)
        for c in range(channels):
            total = step.carried[c * len(vectors) + n]
            before = f.load(pointer, c * GROUP_BYTES)
            f.store(f.op("fadd", before, total), pointer, c * GROUP_BYTES)


GRADIENT_ARGUMENTS = "sums lines gradient count:features count:channels count:position count:block"


def gradient_lines_bytes(channels: int) -> int:
    """Bytes of the lines that `add_weight_gradients` works on."""
    lines = _LANES * -(-_CELLS * channels // _LANES)
    return GROUP_BYTES * (lines + _LANES + _KERNEL * WINDOW) + ROWS_BYTES


def add_weight_gradients(f: Function, module: Module) -> None:
    """Write the kernel that transforms the sums and adds the result to the gradient
    [feature][channel][3][3]."""
    f.note("3x3 gradients of each of %features x %channels kernels")
    numbers = f.op("mul", "%channels", str(_CELLS), "i64")
    row_bytes = f.op("shl", numbers, "2", "i64")
    chunks = sixteens(f, numbers)
    square = f.at("%lines", f.op("shl", chunks, "10", "i64"))
    parts = f.at(square, _SQUARE_BYTES)
    lines = f.at(parts, GROUP_BYTES * _KERNEL * WINDOW)
    store_rows(f, [f.at("%lines", at * GROUP_BYTES) for at in range(_LANES)], lines)
    blocks, text = sixteens(f, "%features"), "%features / 16 rounded up,"
    sixteen_rows = f.op("shl", row_bytes, "4", "i64")
    moving = {"sums": ("%sums", "%block"), "gradient": ("%gradient", sixteen_rows)}
    remark = "16 features at once"
    with f.loop("blocks", blocks, moving, at_least_once=True, trip_count=text, remark=remark) as b:
        by_channel = {"sums": (b["sums"], GROUP_BYTES), "line": ("%lines", _CELLS * GROUP_BYTES)}
        with f.loop("channels", "%channels", by_channel, at_least_once=True) as c:
            _transform_sums(f, c["sums"], parts, c["line"])
        steps = {"gradient": (b["gradient"], GROUP_BYTES)}
        text = "9 x %channels / 16 rounded up,"
        with f.loop("weights", chunks, steps, at_least_once=True, trip_count=text) as chunk:
            transpose(f, module, lines, f.op("shl", chunk.index, "10", "i64"), square)
            mask = f.first_lanes(_left(f, chunk.index, numbers, _LANES))
            rows: dict[str, tuple[str, int | str]] = {
                "value": (square, GROUP_BYTES),
                "gradient": (chunk["gradient"], row_bytes),
            }
            features = _left(f, b.index, "%features", _LANES)
            text = "up to 16"
            with f.loop("features", features, rows, at_least_once=True, trip_count=text) as row:
                f.note("add 16 values to the shard's gradient")
                total = f.op("fadd", masked_load(f, row["gradient"], mask), f.load(row["value"]))
                masked_store(f, total, row["gradient"], mask)


def _transform_sums(f: Function, sums: str, parts: str, line: str) -> None:
    """The gradients of sixteen kernels: down the columns, then along the rows."""
    six = f.op("mul", "%position", str(WINDOW), "i64")
    with f.loop("x", WINDOW, {"sums": (sums, "%position"), "part": (parts, GROUP_BYTES)}) as x:
        pointers = [x["sums"]]
        for _ in range(WINDOW - 1):
            pointers.append(f.at(pointers[-1], six))
        with f.note_products("add a factor times a sum, down 6 columns"):
            values = kernel_gradients(f, [f.load(pointer) for pointer in pointers])
        for ky, value in enumerate(values):
            f.store(value, x["part"], WINDOW * GROUP_BYTES * ky)
    rows = {"part": (parts, WINDOW * GROUP_BYTES), "line": (line, _KERNEL * GROUP_BYTES)}
    with f.loop("ky", _KERNEL, rows) as row:
        with f.note_products("add a factor times a sum, along 3 rows"):
            loaded = [f.load(row["part"], at * GROUP_BYTES) for at in range(WINDOW)]
            values = kernel_gradients(f, loaded)
        f.note("store 3 gradients for each of the 16 features")
        for kx, value in enumerate(values):
            f.store(value, row["line"], kx * GROUP_BYTES)


def clear_sums(f: Function) -> None:
    """Write the kernel that sets ``count`` vectors of sixteen sums to zero."""
    f.note("set the sums to zero")
    with f.loop("cells", "%count", {"sums": ("%sums", GROUP_BYTES)}, at_least_once=True) as each:
        f.store("zeroinitializer", each["sums"])
