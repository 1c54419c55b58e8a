"""Convolution in tiles of 4x4 output cells: the kernel of its last step, from sums to cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Pointers, float64_constant
from ..ir.loop_notes import relu_mask_text
from .winograd import TileLayout
from .winograd_transforms import TILE, WINDOW, transformed_sums


def _tile_runs(cells: int) -> Iterator[tuple[int, int, int]]:
    """Complete tiles, then the remaining cells: (first tile, cells, repeats)."""
    complete, rest = divmod(cells, TILE)
    if complete:
        yield 0, TILE, complete
    if rest:
        yield complete, rest, 1


@dataclass(frozen=True)
class OutputTiles:
    """Output cells computed from the sums of tiles."""

    output: FeatureMapLayout
    rows: int
    columns: int
    """The rows and columns that are computed; the last tiles may be partial."""
    sums: TileLayout
    bias: str
    """ "": none; "each": one number for each vector; "vector": one for each lane."""
    relu: bool = False
    masked: bool = False
    """Whether the output is a gradient that is zero where a mask, with the output's layout, is not
    above zero."""

    def parts(self) -> Iterator[tuple[OutputPart, int, int, list[str]]]:
        """The complete tiles, and the partial ones at the borders: what a kernel computes, the
        offsets of its sums and its output, and the integers that it takes."""
        maps, sums = self.output, self.sums
        tiles = -(-self.columns // TILE)
        for first_row, height, rows in _tile_runs(self.rows):
            for first, width, columns in _tile_runs(self.columns):
                partial = height * width < TILE * TILE
                part = OutputPart(partial, sums.tile, self.bias, self.masked)
                numbers = (
                    maps.channels, maps.channel_bytes, maps.row_bytes, rows, columns,
                    sums.position, sums.channel, tiles * sums.tile, int(self.relu), height, width,
                )  # fmt: skip
                offset = TILE * (first_row * maps.row_bytes + first * maps.cell_bytes)
                start = (first_row * tiles + first) * sums.tile
                yield part, start, offset, [f"i64 {number}" for number in numbers]


class OutputPart(NamedTuple):
    """Tiles that one kernel computes."""

    partial: bool
    """Whether the tiles are partial; their height and width are arguments of the kernel."""
    sums_tile: int
    """Bytes from the sums of a tile to those of the next."""
    bias: str
    masked: bool


OUTPUT_ARGUMENTS = (
    "sums bias output mask count:channels count:channel_bytes count:row_bytes "
    "count:rows count:columns count:position count:sums_channel count:sums_row count:relu "
    "count:height count:width"
)


def transform_sums(f: Function, spec: OutputPart) -> None:
    """Write the kernel that computes output cells from the sums of tiles. ``rows`` and ``columns``
    count tiles; ``relu`` is 1 if ReLU is applied."""
    f.note("4x4 output cells of each tile, for %channels channels")
    moving = {"out": "%output", "mask": "%mask"} if spec.masked else {"out": "%output"}
    by_channel: dict[str, tuple[str, int | str]] = {
        name: (pointer, "%channel_bytes") for name, pointer in moving.items()
    }
    by_channel["sums"] = ("%sums", "%sums_channel")
    if spec.bias:
        by_channel["bias"] = ("%bias", 4 if spec.bias == "each" else GROUP_BYTES)
    positions = [f.op("mul", "%position", str(WINDOW * row), "i64") for row in range(WINDOW)]
    band = f.op("mul", "%row_bytes", str(TILE), "i64")
    relu = f.op("icmp ne", "%relu", "0", "i64")
    infinity = float64_constant(-inf)
    least = f.broadcast(f.value(f"select i1 {relu}, float 0.0, float {infinity}"))
    with f.loop("channels", "%channels", by_channel, at_least_once=True) as c:
        bias = ""
        if spec.bias:
            bias = f.load_splat(c["bias"]) if spec.bias == "each" else f.load(c["bias"])
        by_row = {name: (c[name], band) for name in moving} | {"sums": (c["sums"], "%sums_row")}
        most = "up to " * spec.partial + str(TILE)
        remark = f"{most} at once"
        with f.loop("rows", "%rows", by_row, at_least_once=True, remark=remark) as row:
            by_tile = {name: (row[name], TILE * GROUP_BYTES) for name in moving}
            by_tile["sums"] = (row["sums"], spec.sums_tile)
            remark = f"{most} columns at once"
            with f.loop("x", "%columns", by_tile, at_least_once=True, remark=remark) as x:
                pointers = {name: x[name] for name in by_tile}
                store = _store_partial_tile if spec.partial else _store_tile
                store(f, spec, pointers, positions, bias, least)


def _store_tile(
    f: Function, spec: OutputPart, pointers: Mapping[str, str], positions: list[str], added: str,
    least: str,
) -> None:  # fmt: skip
    """The output cells of one tile, with a bias ``added`` and not below ``least``."""
    sums, columns = pointers["sums"], []
    with f.note_products("add a factor times a sum, along the rows and columns of 36 sums"):
        for column in range(WINDOW):
            if column:
                sums = f.at(sums, "%position")
            columns.append(transformed_sums(f, [f.load(sums, at) for at in positions]))
        rows = [transformed_sums(f, [c[row] for c in columns]) for row in range(TILE)]
    f.note(f"store the {TILE * TILE} cells{_finish_text(spec, added)}")
    offset = "0"
    for y, row in enumerate(rows):
        if y:
            offset = f.op("add", offset, "%row_bytes", "i64")
        moved = {name: f.at(pointers[name], offset) for name in pointers if name != "sums"}
        for x, value in enumerate(row):
            _store_cell(f, spec, moved, x, _finished(f, value, added, least))


def _store_partial_tile(
    f: Function, spec: OutputPart, pointers: Mapping[str, str], positions: list[str], added: str,
    least: str,
) -> None:  # fmt: skip
    """The same for a tile of ``height`` x ``width`` cells. In loops, because it is rare and takes
    less time to compile. The sums are overwritten."""
    with f.loop("x", WINDOW, {"sums": (pointers["sums"], "%position")}) as column:
        with f.note_products("add a factor times a sum, down 6 columns"):
            values = transformed_sums(f, [f.load(column["sums"], at) for at in positions])
        for at, value in zip(positions, values, strict=False):
            f.store(value, column["sums"], at)
    steps: dict[str, tuple[str, int | str]] = {
        name: (pointer, "%row_bytes") for name, pointer in pointers.items()
    }
    steps["sums"] = (pointers["sums"], positions[1])
    with f.loop("y", "%height", steps, at_least_once=True) as row:
        loaded, sums = [f.load(row["sums"])], row["sums"]
        for _ in range(WINDOW - 1):
            sums = f.at(sums, "%position")
            loaded.append(f.load(sums))
        with f.note_products("add a factor times a sum, along the row"):
            values = transformed_sums(f, loaded)
        f.note(f"store %width cells{_finish_text(spec, added)}")
        for x, value in enumerate(values):
            with f.when(f.op("icmp slt", str(x), "%width", "i64")):
                _store_cell(f, spec, row, x, _finished(f, value, added, least))


def _finish_text(spec: OutputPart, added: str) -> str:
    """What happens to cells before they are stored, for the listing."""
    return ", plus bias" * bool(added) + relu_mask_text(spec.masked)


def _finished(f: Function, value: str, added: str, least: str) -> str:
    """A cell with its bias, and not below ``least``."""
    result = f.op("fadd", value, added) if added else value
    return f.select(f.op("fcmp olt", result, least), least, result)


def _store_cell(f: Function, spec: OutputPart, row: Pointers, x: int, value: str) -> None:
    """Store cell ``x`` of a row of a tile."""
    if spec.masked:
        value = f.where_positive(f.load(row["mask"], x * GROUP_BYTES), value)
    f.store(value, row["out"], x * GROUP_BYTES)
