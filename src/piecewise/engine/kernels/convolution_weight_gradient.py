"""The gradient of a convolution's weights.

Each weight adds up, for each example in its lane, every upstream value times the source value it
met; `add_up` then makes one number of the sixteen lanes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Function, Loop, Module, Pointers
from ..ir.target import Target
from ..ir.window_terms import Terms, index_formulas, range_text, run_lengths, split_evenly

_NEAR = 32 * 1024
"""Bytes of upstream values that stay in the nearest cache while kernels go by."""
_WIDEST_CHUNK = 9
"""Kernel columns whose sums are carried together."""
_MOST_CHUNKS = 4
"""Chunks that are still written out one by one."""
_MOST_PEELED = 24
"""Columns at the edges, a chunk, that are still written out one by one."""


@dataclass(frozen=True)
class WeightGradient:
    """``rows`` and ``columns`` are the forward terms: for each upstream cell, which kernel cell met
    which source cell."""

    source: FeatureMapLayout
    upstream: FeatureMapLayout
    rows: Terms
    columns: Terms
    kernel: tuple[int, int]
    strides: tuple[int, int]

    @property
    def kernel_row_bytes(self) -> int:
        """Bytes of the sums of one row of a kernel."""
        return self.kernel[1] * GROUP_BYTES

    @property
    def channel_bytes(self) -> int:
        """Bytes of the sums of one channel of a kernel."""
        return self.kernel[0] * self.kernel_row_bytes

    @property
    def feature_bytes(self) -> int:
        """Bytes of the sums of one feature's kernel."""
        return self.source.channels * self.channel_bytes


class _WeightTile(NamedTuple):
    """Features by channels by kernel columns, whose sums are carried together."""

    features: int
    channels: int
    first: int = 0
    """The first of the kernel columns."""
    span: int = 1
    """How many of them."""


_NEVER = (range(0), 0)


def _met(terms: Terms) -> dict[int, tuple[range, int]]:
    """For each kernel cell: the upstream cells that it met a source with, and the first source."""
    found: dict[int, tuple[range, int]] = {}
    for index, cell in enumerate(terms):
        for k, source in cell:
            met, first = found.get(k, (range(index, index), source))
            found[k] = range(met.start, index + 1), first
    return found


class WeightGradientEmitter:
    """Writes the function (source, upstream, sums): sums [feature][channel][ky][kx][16]."""

    def __init__(
        self, function: Function, module: Module, machine: Target, spec: WeightGradient
    ) -> None:
        self.f, self.module, self.spec = function, module, spec
        self.by_row, self.by_column = _met(spec.rows), _met(spec.columns)
        self.chunks = self._chunks()
        self.tile = self._widest_tile(31 if machine.registers >= 32 else 15)
        # Sources that meet one kernel cell stream past, and want half of the room.
        room = _NEAR // 2 if spec.kernel == (1, 1) else _NEAR
        near = room // (self.tile.features * spec.upstream.row_bytes)
        self.blocks = split_evenly(spec.upstream.shape.height, max(1, near))
        self.rows_met = ""
        """How many rows a kernel row met, in words."""
        self.is_first = ""
        """Whether a block of rows is the first, whose sums begin at zero; not asked if there is
        only one."""

    def _chunks(self) -> list[tuple[int, int]]:
        """The kernel's columns as (first, how many) of each chunk; none where that would be too
        much code."""
        chunks = _starts(split_evenly(self.spec.kernel[1], _WIDEST_CHUNK))
        met = [self._columns_met(first, span) for first, span in chunks]
        peeled = sum(len(outer) - len(inner) for inner, outer in met)
        fits = len(chunks) <= _MOST_CHUNKS and peeled <= _MOST_PEELED * len(chunks)
        return chunks if fits else []

    def _widest_tile(self, registers: int) -> _WeightTile:
        """The tile that multiplies most for what it loads, of those whose sums, sources and one
        upstream value fit into the registers."""
        features, channels = self.spec.upstream.channels, self.spec.source.channels
        widest = max((span for _, span in self.chunks), default=1)
        best, most = _WeightTile(1, 1), 0.0
        for c in range(1, min(4, channels) + 1):
            room = (registers - 1 - c * widest) // (c * widest)
            if room < 1:
                continue
            f = max(split_evenly(features, min(room, 8)))
            gain = f * c * widest / (c * widest + f + 2)
            if gain > most:
                best, most = _WeightTile(f, c), gain
        return best

    def _columns_met(self, first: int, span: int) -> tuple[range, range]:
        """The upstream columns that all, and that any, of some kernel columns met a source with."""
        met = [
            some for k in range(first, first + span) if (some := self.by_column.get(k, _NEVER)[0])
        ]
        if not met:
            return range(0), range(0)
        outer = range(min(some.start for some in met), max(some.stop for some in met))
        start, stop = max(some.start for some in met), min(some.stop for some in met)
        if len(met) < span or start >= stop:
            return range(outer.start, outer.start), outer
        return range(start, stop), outer

    def emit(self) -> None:
        """All sums, block of rows by block of rows, so that upstream values stay near."""
        f, spec = self.f, self.spec
        height = spec.kernel[0]
        met = [self.by_row.get(ky, _NEVER) for ky in range(height)]
        numbers: list[int] = []
        for first, count in _starts(self.blocks):
            for rows, source in met:
                start, stop = max(rows.start, first), min(rows.stop, first + count)
                place = source + (start - rows.start) * spec.strides[0]
                numbers += [
                    max(0, stop - start),
                    start * spec.upstream.row_bytes,
                    place * spec.source.row_bytes,
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
        """The sums of some rows: features by the tile, and for each its channels."""
        f, spec = self.f, self.spec
        size, sums = spec.upstream.channel_bytes, spec.feature_bytes
        feature = 0
        for count, repeat in run_lengths(split_evenly(spec.upstream.channels, self.tile.features)):
            strided = {
                "upstream": (f.at("%upstream", feature * size), count * size),
                "sums": (f.at("%sums", feature * sums), count * sums),
            }
            with f.loop("features", repeat, strided, remark=f"{count} at once") as features:
                self._features(table, features, count)
            feature += count * repeat

    def _features(self, table: str, features: Pointers, count: int) -> None:
        """The sums of some rows and features: channels by the tile, each with its kernel rows."""
        f, spec = self.f, self.spec
        size, sums = spec.source.channel_bytes, spec.channel_bytes
        channel = 0
        for channels, times in run_lengths(split_evenly(spec.source.channels, self.tile.channels)):
            strided = {
                "source": (f.at("%source", channel * size), channels * size),
                "sums": (f.at(features["sums"], channel * sums), channels * sums),
            }
            with f.loop("channels", times, strided, remark=f"{channels} at once") as c:
                rows = {"row": (table, 24), "sums": (c["sums"], spec.kernel_row_bytes)}
                with f.loop("ky", spec.kernel[0], rows) as ky:
                    place = {
                        "count": f.load(ky["row"], 0, "i64"),
                        "upstream": f.at(features["upstream"], f.load(ky["row"], 8, "i64")),
                        "source": f.at(c["source"], f.load(ky["row"], 16, "i64")),
                        "sums": ky["sums"],
                    }
                    self._kernel_row(place, _WeightTile(count, channels))
            channel += channels * times

    def _kernel_row(self, place: dict[str, str], tile: _WeightTile) -> None:
        """The sums of one kernel row. ``place``: pointers, and the ``count`` of rows it met."""
        for first, span in self.chunks:
            self._chunk(place, tile._replace(first=first, span=span))
        if not self.chunks:
            self._by_table(place, tile)

    def _chunk(self, place: dict[str, str], tile: _WeightTile) -> None:
        """Kernel columns together: upstream columns at the edges one by one, others in a loop."""
        inner, outer = self._columns_met(tile.first, tile.span)
        with self._rows(place, tile) as y:
            self._edge(y, tile, range(outer.start, inner.start))
            if inner:
                source = inner.start * self.spec.strides[1] - self._before() + tile.first
                self._cells(y, tile, len(inner), inner.start, source)
            self._edge(y, tile, range(inner.stop, outer.stop))

    def _edge(self, y: Loop, tile: _WeightTile, columns: range) -> None:
        """Columns one by one."""
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

    def _by_table(self, place: dict[str, str], tile: _WeightTile) -> None:
        """One kernel column at a time: which columns it met is looked up."""
        f, spec = self.f, self.spec
        numbers: list[int] = []
        for k in range(spec.kernel[1]):
            met = self.by_column.get(k, _NEVER)[0]
            source = next((s for kx, s in spec.columns[met.start] if kx == k), 0) if met else 0
            numbers += [len(met), met.start * GROUP_BYTES, source * GROUP_BYTES]
        strided = {"column": (self.module.table(numbers), 24), "sums": (place["sums"], GROUP_BYTES)}
        with f.loop("kx", spec.kernel[1], strided) as kx:
            count = f.load(kx["column"], 0, "i64")
            inner = place | {
                "upstream": f.at(place["upstream"], f.load(kx["column"], 8, "i64")),
                "source": f.at(place["source"], f.load(kx["column"], 16, "i64")),
                "sums": kx["sums"],
            }
            with self._rows(inner, tile) as y:
                self._cells(y, tile, count, 0, 0)

    def _before(self) -> int:
        """Columns of padding on the left."""
        for index, cell in enumerate(self.spec.columns):
            for k, source in cell:
                return index * self.spec.strides[1] + k - source
        return 0

    @contextmanager
    def _rows(self, place: dict[str, str], tile: _WeightTile) -> Iterator[Loop]:
        """The loop over the rows that a kernel row met. It carries the tile's sums, which are read
        before it and written after it."""
        f, spec = self.f, self.spec
        strided = {
            "upstream": (place["upstream"], spec.upstream.row_bytes),
            "source": (place["source"], spec.strides[0] * spec.source.row_bytes),
        }
        offsets = [
            o * spec.feature_bytes + c * spec.channel_bytes + (tile.first + k) * GROUP_BYTES
            for o in range(tile.features)
            for c in range(tile.channels)
            for k in range(tile.span)
        ]
        sums = [(f.vector, self._so_far(place["sums"], offset)) for offset in offsets]
        kept = f"{tile.features} x {tile.channels} x {tile.span}"
        f.note(f"{len(sums)} sums in registers: {kept} (features, channels, kx)")
        with f.loop("y", place["count"], strided, sums, trip_count=self.rows_met) as y:
            yield y
        f.note(f"store the {len(sums)} sums")
        for offset, value in zip(offsets, y.carried, strict=True):
            f.store(value, place["sums"], offset)

    def _so_far(self, sums: str, offset: int) -> str:
        """A sum from the blocks of rows before this one."""
        if not self.is_first:
            return "zeroinitializer"
        f, v = self.f, self.f.vector
        found = f.load(sums, offset)
        return f.value(f"select i1 {self.is_first}, {v} zeroinitializer, {v} {found}")

    def _cells(
        self, y: Loop, tile: _WeightTile, count: int | str, upstream: int, source: int
    ) -> None:
        """``count`` columns in a loop, from these places on, that every kernel column met."""
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
        """One column at an edge: only the kernel columns that met a source."""
        met = dict(self.spec.columns[column])
        columns = [k for k in range(tile.span) if tile.first + k in met]
        if columns:
            first = met[tile.first + columns[0]] - columns[0]
            source = self.f.at(y["source"], first * GROUP_BYTES)
            upstream = self.f.at(y["upstream"], column * GROUP_BYTES)
            self._add(y, tile, (source, upstream), columns)

    def _add(
        self, loop: Loop, tile: _WeightTile, places: tuple[str, str], columns: Sequence[int]
    ) -> None:
        """One more product to each sum the loop carries, for the kernel columns that are ``there``:
        their sources first, then one upstream value a feature."""
        f, sums = self.f, list(loop.carried)
        source, upstream = places
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
    """(first, span) of each part."""
    return [(sum(spans[:index]), span) for index, span in enumerate(spans)]
