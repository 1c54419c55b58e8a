"""Pooling by itself, and the windows that a convolution's pass uses too."""

from __future__ import annotations

from collections.abc import Iterator

from ...spec.architecture import Stage
from ...spec.layers import Pool
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Loop
from ..ir.memory_plan import NetworkWriter
from ..ir.window_terms import backward_terms, forward_terms
from ..kernels.pooling import PoolingRow, argmax_format, pool_row
from ..kernels.pooling_backward import PoolingBackward, divide_by_window_size, pooling_backward
from .base import Pass

_HIGHEST_BAND = 4
"""Rows and columns of the largest windows that follow a convolution's rows."""


class PoolWindows:
    """The windows of a pooling stage, row of windows by row of windows."""

    def __init__(self, stage: Stage, cell_bytes: int = GROUP_BYTES) -> None:
        assert isinstance(stage.layer, Pool)
        self.layer, self.output = stage.layer, FeatureMapLayout(stage.output, cell_bytes)
        self.rows, self.columns = stage.layer.windows(stage.input)
        self.winners = argmax_format((self.rows.window, self.columns.window))

    @property
    def fits_in_bands(self) -> bool:
        """Whether it can follow a convolution's rows band by band."""
        return self.layer.kind == "max" and all(
            windows.stride == windows.window <= _HIGHEST_BAND
            for windows in (self.rows, self.columns)
        )

    @property
    def winner_row_bytes(self) -> int:
        """Bytes of the winners of a row of windows."""
        return self.output.shape.width * self.winners.size

    @property
    def winner_bytes(self) -> int:
        """Bytes of all winners."""
        return self.output.channels * self.output.shape.height * self.winner_row_bytes

    def _equal_rows(self, rows: range) -> list[tuple[int, int, int]]:
        """Rows of windows as (first, how many, rows under each)."""
        found: list[tuple[int, int, int]] = []
        for index in rows:
            count = len(self.rows.cells(index))
            if found and found[-1][2] == count:
                found[-1] = (found[-1][0], found[-1][1] + 1, count)
            else:
                found.append((index, 1, count))
        return found

    def forward(
        self,
        writer: NetworkWriter,
        source: FeatureMapLayout,
        places: tuple[str, str, str],
        step: int,
        *,
        relu: bool,
        rows: range | None = None,
    ) -> Iterator[tuple[Loop, int, str]]:
        """For every row of windows, or for these, written as loops: the pointers to (given, out,
        winners), the rows under it, and the kernel to call on them; ``given`` moves ``step`` bytes
        a row."""
        given, output, winners = places
        for first, repeat, count in self._equal_rows(rows or range(self.rows.count)):
            strided = {
                "given": (writer.f.at(given, first * step), step),
                "out": (writer.f.at(output, first * self.output.row_bytes), self.output.row_bytes),
                "winners": (
                    writer.f.at(winners, first * self.winner_row_bytes),
                    self.winner_row_bytes,
                ),
            }
            kernel = self._kernel(writer, source, count, relu=relu, keeps=winners != output)
            remark = f"one row of windows over {count} {'rows' if count > 1 else 'row'}"
            with writer.f.loop("bands", repeat, strided, remark=remark) as row:
                yield row, count, kernel

    def _kernel(
        self,
        writer: NetworkWriter,
        source: FeatureMapLayout,
        count: int,
        *,
        relu: bool,
        keeps: bool,
    ) -> str:
        """The kernel for one row of windows with ``count`` rows under it."""
        spec = PoolingRow(
            source,
            self.output,
            count,
            forward_terms(self.columns),
            self.columns.window,
            self.layer.kind,
            relu,
            keeps and self.layer.kind == "max",
            self.winners,
        )
        return writer.kernel(
            "pool_row", spec, "source output index", lambda f: pool_row(f, writer.module, spec)
        )

    def backward(
        self,
        writer: NetworkWriter,
        source: FeatureMapLayout,
        places: tuple[str, str, str, str],
        *,
        masked: bool,
    ) -> None:
        """On (upstream, winners, output, mask): the gradient of ``source``."""
        upstream, winners, out, mask = places
        if self.layer.kind == "average":
            self._divide_by_window_size(writer, upstream)
        spec = PoolingBackward(
            self.output,
            source,
            backward_terms(self.rows),
            backward_terms(self.columns),
            self.columns.window,
            (self.rows.stride, self.columns.stride),
            self.layer.kind,
            masked,
            self.winners,
        )
        kernel = writer.kernel(
            "pooling_backward",
            spec,
            "upstream index output mask",
            lambda f: pooling_backward(f, writer.module, spec),
        )
        writer.call(kernel, upstream, winners, out, mask)

    def _divide_by_window_size(self, writer: NetworkWriter, upstream: str) -> None:
        """Divide the upstream by the cells that each window covers."""
        layout = self.output
        rows, columns = (
            tuple(len(windows.cells(index)) for index in range(windows.count))
            for windows in (self.rows, self.columns)
        )
        kernel = writer.kernel(
            "divide_by_window_size",
            (layout, rows, columns),
            "upstream",
            lambda f: divide_by_window_size(f, writer.module, layout, rows, columns),
        )
        writer.call(kernel, upstream)


class PoolPass(Pass):
    """Pooling that no convolution does on its way."""

    kind = Pool

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:
        return last.fuse_pool(stage)

    @property
    def windows(self) -> PoolWindows:
        return PoolWindows(self.stage, self.cell_bytes)

    @property
    def stores_argmax(self) -> bool:
        """Whether the way back asks which cell won."""
        return (
            self.needs_backward and self.needs_input_gradient and self.windows.layer.kind == "max"
        )

    def forward(self, writer: NetworkWriter) -> None:
        pool = self.windows
        source, output = self.given(writer), self.made(writer)
        winners = output
        if self.stores_argmax:
            winners = writer.buffer(f"{self.name}.winners", pool.winner_bytes)
        step = pool.rows.stride * self.input.row_bytes
        places = (source, output, winners)
        for row, _, kernel in pool.forward(writer, self.input, places, step, relu=self.relu):
            writer.call(kernel, row["given"], row["out"], row["winners"])

    def backward(self, writer: NetworkWriter) -> None:
        if not self.needs_input_gradient:
            return
        pool = self.windows
        upstream = winners = self.output_gradient(writer)
        if self.stores_argmax:
            winners = writer.buffer(f"{self.name}.winners", pool.winner_bytes)
        places = (upstream, winners, self.input_gradient(writer), self.relu_mask(writer, upstream))
        pool.backward(writer, self.input, places, masked=self.masked)
