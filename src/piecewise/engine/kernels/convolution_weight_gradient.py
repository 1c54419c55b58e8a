"""The weight gradient of a convolution.

Each lane adds up, for its example, every upstream value times the source value that the weight
multiplied. `reduce_lanes` then sums the sixteen lanes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, Module, Pointers
from ..ir.target import Target
from ..ir.window_terms import Terms, index_formulas, range_text, runs, split_evenly

_CACHE_BYTES = 32 * 1024
"""Bytes of upstream values that stay in the L1 cache over the loop of kernels."""
_WIDEST_CHUNK = 9
"""The most kernel columns per chunk; the sums of a chunk stay in registers."""
_MOST_CHUNKS = 4
"""The most chunks that are unrolled."""
_MOST_PEELED = 24
"""The most edge columns per chunk that are unrolled."""


@dataclass(frozen=True)
class WeightGradient:
    """The terms of a weight gradient. ``rows`` and ``columns`` are the forward terms: for each
    upstream cell the kernel cells and the source cells that they multiplied."""

    source: FeatureMapLayout
    upstream: FeatureMapLayout
    rows: Terms
    columns: Terms
    kernel: tuple[int, int]
    strides: tuple[int, int]

    @property
    def kernel_row_bytes(self) -> int:
        """Bytes of the sums of a kernel row."""
        return self.kernel[1] * GROUP_BYTES

    @property
    def channel_bytes(self) -> int:
        """Bytes of the sums of a kernel's channel."""
        return self.kernel[0] * self.kernel_row_bytes

    @property
    def feature_bytes(self) -> int:
        """Bytes of the sums of a feature's kernel."""
        return self.source.channels * self.channel_bytes


class _WeightTile(NamedTuple):
    """Features by channels by kernel columns whose sums stay in registers."""

    features: int
    channels: int
    first: int = 0
    """The first kernel column."""
    span: int = 1
    """The number of kernel columns."""


_NEVER = (range(0), 0)


def _uses_of(terms: Terms) -> dict[int, tuple[range, int]]:
    """For each kernel cell: the upstream cells whose source it multiplied, and the first source
    cell."""
    uses: dict[int, tuple[range, int]] = {}
    for index, cell in enumerate(terms):
        for k, source in cell:
            upstream, first = uses.get(k, (range(index, index), source))
            uses[k] = range(upstream.start, index + 1), first
    return uses


class WeightGradientEmitter:
    """Writes the kernel (source, upstream, sums), with sums [feature][channel][ky][kx][16]."""

    def __init__(
        self, function: Function, module: Module, machine: Target, spec: WeightGradient
    ) -> None:
        self.f, self.module, self.spec = function, module, spec
        self.by_row, self.by_column = _uses_of(spec.rows), _uses_of(spec.columns)
        self.chunks = self._chunks()
        self.tile = self._widest_tile(31 if machine.registers >= 32 else 15)
        # 1x1 kernels stream their sources through the cache, which takes half of it.
        free = _CACHE_BYTES // 2 if spec.kernel == (1, 1) else _CACHE_BYTES
        rows_in_cache = free // (self.tile.features * spec.upstream.row_bytes)
        self.blocks = split_evenly(spec.upstream.shape.height, max(1, rows_in_cache))
        self.rows_met = ""
        """The number of upstream rows of a kernel row, for the listing."""
        self.is_first = ""
        """The i1 whether a block of rows is the first, whose sums start at zero; empty if there is
        only one block."""

    def _chunks(self) -> list[tuple[int, int]]:
        """The chunks of kernel columns as (first, count); empty if unrolling them would be too much
        code."""
        chunks = _starts(split_evenly(self.spec.kernel[1], _WIDEST_CHUNK))
        uses = [self._columns_met(first, span) for first, span in chunks]
        peeled = sum(len(outer) - len(inner) for inner, outer in uses)
        fits = len(chunks) <= _MOST_CHUNKS and peeled <= _MOST_PEELED * len(chunks)
        return chunks if fits else []

    def _widest_tile(self, registers: int) -> _WeightTile:
        """The tile with the most multiplications per load whose sums, sources and one upstream
        value fit into the registers."""
        features, channels = self.spec.upstream.channels, self.spec.source.channels
        widest = max((span for _, span in self.chunks), default=1)
        best, most = _WeightTile(1, 1), 0.0
        for c in range(1, min(4, channels) + 1):
            free = (registers - 1 - c * widest) // (c * widest)
            if free < 1:
                continue
            f = max(split_evenly(features, min(free, 8)))
            gain = f * c * widest / (c * widest + f + 2)
            if gain > most:
                best, most = _WeightTile(f, c), gain
        return best

    def _columns_met(self, first: int, span: int) -> tuple[range, range]:
        """The upstream columns that all, and that any, of some kernel columns use."""
        uses = [
            some for k in range(first, first + span) if (some := self.by_column.get(k, _NEVER)[0])
        ]
        if not uses:
            return range(0), range(0)
        outer = range(min(some.start for some in uses), max(some.stop for some in uses))
        start, stop = max(some.start for some in uses), min(some.stop for some in uses)
        if len(uses) < span or start >= stop:
            return range(outer.start, outer.start), outer
        return range(start, stop), outer

    def emit(self) -> None:
        """Write all sums, one block of rows at a time, so that upstream values stay in the
        cache."""
        f, spec = self.f, self.spec
        height = spec.kernel[0]
        uses = [self.by_row.get(ky, _NEVER) for ky in range(height)]
        numbers: list[int] = []
        for first, count in _starts(self.blocks):
            for rows, source in uses:
                start, stop = max(rows.start, first), min(rows.stop, first + count)
                source_row = source + (start - rows.start) * spec.strides[0]
                numbers += [
                    max(0, stop - start),
                    start * spec.upstream.row_bytes,
                    source_row * spec.source.row_bytes,
                ]
        table = self.module.table(numbers)
        self.rows_met = range_text(numbers[::3])
        f.note("weight gradient, one sum of products per example")
        strided, remark = (
            {"rows": (table, 24 * height)},
            f"{range_text(self.blocks)} rows that fit in the cache",
        )
        with f.loop("blocks", len(self.blocks), strided, remark=remark) as block:
            if len(self.blocks) > 1:
                self.is_first = f.op("icmp eq", block.index, "0", "i64")
            self._block(block["rows"])

    def _block(self, table: str) -> None:
        """The sums of a block of rows, for tiles of features and channels."""
        f, spec = self.f, self.spec
        size, sums = spec.upstream.channel_bytes, spec.feature_bytes
        for feature, count, repeat in runs(spec.upstream.channels, self.tile.features):
            strided = {
                "upstream": (f.at("%upstream", feature * size), count * size),
                "sums": (f.at("%sums", feature * sums), count * sums),
            }
            with f.loop("features", repeat, strided, remark=f"{count} at once") as features:
                self._features(table, features, count)

    def _features(self, table: str, features: Pointers, count: int) -> None:
        """The sums of a block of rows and a tile of features, channel tile by channel tile."""
        f, spec = self.f, self.spec
        size, sums = spec.source.channel_bytes, spec.channel_bytes
        for channel, channels, times in runs(spec.source.channels, self.tile.channels):
            strided = {
                "source": (f.at("%source", channel * size), channels * size),
                "sums": (f.at(features["sums"], channel * sums), channels * sums),
            }
            with f.loop("channels", times, strided, remark=f"{channels} at once") as c:
                rows = {"row": (table, 24), "sums": (c["sums"], spec.kernel_row_bytes)}
                with f.loop("ky", spec.kernel[0], rows) as ky:
                    pointers = {
                        "count": f.load(ky["row"], 0, "i64"),
                        "upstream": f.at(features["upstream"], f.load(ky["row"], 8, "i64")),
                        "source": f.at(c["source"], f.load(ky["row"], 16, "i64")),
                        "sums": ky["sums"],
                    }
                    self._kernel_row(pointers, _WeightTile(count, channels))

    def _kernel_row(self, pointers: dict[str, str], tile: _WeightTile) -> None:
        """The sums of one kernel row. ``pointers`` includes the ``count`` of its upstream rows."""
        for first, span in self.chunks:
            self._chunk(pointers, tile._replace(first=first, span=span))
        if not self.chunks:
            self._by_table(pointers, tile)

    def _chunk(self, pointers: dict[str, str], tile: _WeightTile) -> None:
        """The sums of a chunk of kernel columns: edge columns unrolled, the others in a loop."""
        inner, outer = self._columns_met(tile.first, tile.span)
        with self._rows(pointers, tile) as y:
            self._edge(y, tile, range(outer.start, inner.start))
            if inner:
                source = inner.start * self.spec.strides[1] - self._padding_before() + tile.first
                self._cells(y, tile, len(inner), inner.start, source)
            self._edge(y, tile, range(inner.stop, outer.stop))

    def _edge(self, y: Loop, tile: _WeightTile, columns: range) -> None:
        """Unrolled upstream columns at an edge."""
        with self.f.note_products(
            f"{self._product_text(tile)}, x {range_text(columns or [0])} unrolled"
        ):
            for column in columns:
                self._cell(y, tile, column)

    def _product_text(self, tile: _WeightTile) -> str:
        """The product of the inner loop, as the loop listing shows it."""
        kernel, cell = index_formulas(self.spec.rows, self.spec.columns)
        chunk = range_text(range(tile.first, tile.first + tile.span))
        where = f", kx {chunk}" if self.chunks and kernel else ""
        return f"sum[f][c]{kernel} += gradient[f][y][x] * x[c]{cell or '[y][x]'}{where}"

    def _by_table(self, pointers: dict[str, str], tile: _WeightTile) -> None:
        """One kernel column at a time, with its upstream columns from a table."""
        f, spec = self.f, self.spec
        numbers: list[int] = []
        for k in range(spec.kernel[1]):
            uses = self.by_column.get(k, _NEVER)[0]
            source = next((s for kx, s in spec.columns[uses.start] if kx == k), 0) if uses else 0
            numbers += [len(uses), uses.start * GROUP_BYTES, source * GROUP_BYTES]
        strided = {
            "column": (self.module.table(numbers), 24),
            "sums": (pointers["sums"], GROUP_BYTES),
        }
        with f.loop("kx", spec.kernel[1], strided) as kx:
            count = f.load(kx["column"], 0, "i64")
            inner = pointers | {
                "upstream": f.at(pointers["upstream"], f.load(kx["column"], 8, "i64")),
                "source": f.at(pointers["source"], f.load(kx["column"], 16, "i64")),
                "sums": kx["sums"],
            }
            with self._rows(inner, tile) as y:
                self._cells(y, tile, count, 0, 0)

    def _padding_before(self) -> int:
        """Columns of padding on the left."""
        for index, cell in enumerate(self.spec.columns):
            for k, source in cell:
                return index * self.spec.strides[1] + k - source
        return 0

    @contextmanager
    def _rows(self, pointers: dict[str, str], tile: _WeightTile) -> Iterator[Loop]:
        """The loop over the upstream rows of a kernel row. It loads the tile's sums before the
        loop, carries them, and stores them afterwards."""
        f, spec = self.f, self.spec
        strided = {
            "upstream": (pointers["upstream"], spec.upstream.row_bytes),
            "source": (pointers["source"], spec.strides[0] * spec.source.row_bytes),
        }
        offsets = [
            o * spec.feature_bytes + c * spec.channel_bytes + (tile.first + k) * GROUP_BYTES
            for o in range(tile.features)
            for c in range(tile.channels)
            for k in range(tile.span)
        ]
        sums = [(f.vector, self._earlier_sum(pointers["sums"], offset)) for offset in offsets]
        shape = f"{tile.features} x {tile.channels} x {tile.span}"
        f.note(f"{len(sums)} sums in registers: {shape} (features, channels, kx)")
        with f.loop("y", pointers["count"], strided, sums, trip_count=self.rows_met) as y:
            yield y
        f.note(f"store the {len(sums)} sums")
        for offset, value in zip(offsets, y.carried, strict=True):
            f.store(value, pointers["sums"], offset)

    def _earlier_sum(self, sums: str, offset: int) -> str:
        """A sum over the earlier blocks of rows."""
        if not self.is_first:
            return "zeroinitializer"
        f, v = self.f, self.f.vector
        stored = f.load(sums, offset)
        return f.value(f"select i1 {self.is_first}, {v} zeroinitializer, {v} {stored}")

    def _cells(
        self, y: Loop, tile: _WeightTile, count: int | str, upstream: int, source: int
    ) -> None:
        """A loop over ``count`` upstream columns that all kernel columns of the tile use."""
        f, step = self.f, self.spec.strides[1]
        strided = {
            "upstream": (f.at(y["upstream"], upstream * GROUP_BYTES), GROUP_BYTES),
            "source": (f.at(y["source"], source * GROUP_BYTES), step * GROUP_BYTES),
        }
        carried = [(f.vector, total) for total in y.carried]
        turns = range_text(
            len(self.by_column.get(k, _NEVER)[0]) for k in range(self.spec.kernel[1])
        )
        with (
            f.loop("x", count, strided, carried, trip_count="" if self.chunks else turns) as x,
            f.note_products(self._product_text(tile)),
        ):
            self._add(x, tile, (x["source"], x["upstream"]), range(tile.span))
        y.carried = x.carried

    def _cell(self, y: Loop, tile: _WeightTile, column: int) -> None:
        """One column at an edge, for the kernel columns that use it."""
        uses = dict(self.spec.columns[column])
        columns = [k for k in range(tile.span) if tile.first + k in uses]
        if columns:
            first = uses[tile.first + columns[0]] - columns[0]
            source = self.f.at(y["source"], first * GROUP_BYTES)
            upstream = self.f.at(y["upstream"], column * GROUP_BYTES)
            self._add(y, tile, (source, upstream), columns)

    def _add(
        self, loop: Loop, tile: _WeightTile, pointers: tuple[str, str], columns: Sequence[int]
    ) -> None:
        """Add one product to each sum of the loop, for these kernel columns of the tile: load their
        sources first, then one upstream value per feature."""
        f, sums = self.f, list(loop.carried)
        source, upstream = pointers
        sources = {
            (c, k): f.load(source, c * self.spec.source.channel_bytes + k * GROUP_BYTES)
            for c in range(tile.channels)
            for k in columns
        }
        for o in range(tile.features):
            value = f.load(upstream, o * self.spec.upstream.channel_bytes)
            for (c, k), x in sources.items():
                index = (o * tile.channels + c) * tile.span + k
                sums[index] = f.fma(value, x, sums[index])
        loop.carried = sums


def _starts(spans: list[int]) -> list[tuple[int, int]]:
    """The spans as (first, span)."""
    return [(sum(spans[:index]), span) for index, span in enumerate(spans)]
