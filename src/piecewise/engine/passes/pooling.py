"""Pooling as a pass of its own, and the windows that fused pooling uses too."""

from __future__ import annotations

from collections.abc import Iterator

from ...spec.architecture import Stage
from ...spec.layers import Pool
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES, Loop
from ..ir.memory_plan import NetworkWriter
from ..ir.window_terms import backward_terms, forward_terms
from ..kernels.pooling import FusedNorm, PoolingRow, argmax_format, pool_row
from ..kernels.pooling_backward import PoolingBackward, divide_by_window_size, pooling_backward
from .base import Pass

_HIGHEST_BAND = 4
"""The largest window height and width that is fused into a convolution."""


class PoolWindows:
    """The windows of a pooling stage, computed one row of windows at a time. ``padded``: its input
    is padded after the end of texts, whose lengths are the last argument of the kernels. ``norm``:
    the batch normalization that is fused into it."""

    def __init__(
        self,
        stage: Stage,
        cell_bytes: int = GROUP_BYTES,
        *,
        padded: bool = False,
        norm: FusedNorm | None = None,
    ) -> None:
        assert isinstance(stage.layer, Pool)
        self.layer, self.output = stage.layer, FeatureMapLayout(stage.output, cell_bytes)
        self.padded, self.norm = padded, norm
        self.rows, self.columns = stage.layer.windows(stage.input)
        self.argmax = argmax_format((self.rows.window, self.columns.window))

    @property
    def fits_in_bands(self) -> bool:
        """Whether it can be fused into a convolution or batch normalization, band by band."""
        return self.layer.kind == "max" and all(
            windows.stride == windows.window <= _HIGHEST_BAND
            for windows in (self.rows, self.columns)
        )

    @property
    def argmax_row_bytes(self) -> int:
        """Bytes of the argmax of a row of windows."""
        return self.output.shape.width * self.argmax.size

    @property
    def argmax_bytes(self) -> int:
        """Bytes of the argmax of all windows."""
        return self.output.channels * self.output.shape.height * self.argmax_row_bytes

    def _equal_rows(self, rows: range) -> list[tuple[int, int, int]]:
        """Rows of windows with the same height, as (first, count, source rows per window)."""
        groups: list[tuple[int, int, int]] = []
        for index in rows:
            count = len(self.rows.cells(index))
            if groups and groups[-1][2] == count:
                groups[-1] = (groups[-1][0], groups[-1][1] + 1, count)
            else:
                groups.append((index, 1, count))
        return groups

    def forward(
        self,
        writer: NetworkWriter,
        source: FeatureMapLayout,
        buffers: tuple[str, str, str],
        step: int,
        *,
        relu: bool,
        rows: range | None = None,
        normals: str = "",
    ) -> Iterator[tuple[Loop, int, str]]:
        """Open loops over all rows of windows, or over ``rows``. Yields the loop with the pointers
        "source", "out" and "argmax", the number of source rows, and the kernel to call. "source"
        advances ``step`` bytes per row of windows. ``normals`` is a pointer that advances like
        "out", if given."""
        source_start, output, argmax = buffers
        for first, repeat, count in self._equal_rows(rows or range(self.rows.count)):
            strided = {
                "source": (writer.f.at(source_start, first * step), step),
                "out": (writer.f.at(output, first * self.output.row_bytes), self.output.row_bytes),
                "argmax": (
                    writer.f.at(argmax, first * self.argmax_row_bytes),
                    self.argmax_row_bytes,
                ),
            }
            if normals:
                start = writer.f.at(normals, first * self.output.row_bytes)
                strided["normals"] = (start, self.output.row_bytes)
            kernel = self._kernel(writer, source, count, relu=relu, stores_argmax=argmax != output)
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
        stores_argmax: bool,
    ) -> str:
        """The kernel for one row of windows over ``count`` source rows."""
        spec = PoolingRow(
            source,
            self.output,
            count,
            forward_terms(self.columns),
            self.columns.window,
            self.layer.kind,
            relu,
            stores_argmax and self.layer.kind == "max",
            self.argmax,
            self.padded,
            self.norm,
        )
        arguments = "source output index" + " lengths" * self.padded
        arguments += " saved weight bias normals" if self.norm else ""
        return writer.kernel(
            "pool_row", spec, arguments, lambda f: pool_row(f, writer.module, spec)
        )

    def backward(
        self,
        writer: NetworkWriter,
        source: FeatureMapLayout,
        buffers: tuple[str, str, str, str],
        *,
        masked: bool,
        lengths: str = "",
        norm: tuple[str, ...] = (),
    ) -> None:
        """Compute the gradient of ``source`` from (upstream, argmax, output, mask). ``norm``: the
        last arguments for a fused batch normalization."""
        upstream, argmax, out, mask = buffers
        if self.layer.kind == "average":
            self._divide_by_window_size(writer, upstream, lengths)
        spec = PoolingBackward(
            self.output,
            source,
            backward_terms(self.rows),
            backward_terms(self.columns),
            self.columns.window,
            (self.rows.stride, self.columns.stride),
            self.layer.kind,
            masked,
            self.argmax,
            self.norm is not None,
            self.norm is not None and self.norm.training,
        )
        arguments = "upstream index output mask"
        arguments += " saved weight count:examples" if self.norm else ""
        kernel = writer.kernel(
            "pooling_backward",
            spec,
            arguments,
            lambda f: pooling_backward(f, writer.module, spec),
        )
        writer.call(kernel, upstream, argmax, out, mask, *norm)

    def _divide_by_window_size(self, writer: NetworkWriter, upstream: str, lengths: str) -> None:
        """Divide the upstream gradient by the cells of each window."""
        layout, starts = self.output, tuple[int, ...]()
        if self.padded:
            starts = tuple(self.columns.cells(n).start for n in range(self.columns.count))
        rows, columns = (
            tuple(len(windows.cells(index)) for index in range(windows.count))
            for windows in (self.rows, self.columns)
        )
        kernel = writer.kernel(
            "divide_by_window_size",
            (layout, rows, columns, starts),
            "upstream" + " lengths" * self.padded,
            lambda f: divide_by_window_size(f, writer.module, layout, rows, columns, starts),
        )
        writer.call(kernel, upstream, *[lengths] * self.padded)


class PoolPass(Pass):
    """Pooling that is not fused into a convolution."""

    kind = Pool

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:
        return last.fuse_pool(stage)

    @property
    def windows(self) -> PoolWindows:
        padded = self.stage.number - 1 in self.lengths.rows
        return PoolWindows(self.stage, self.cell_bytes, padded=padded)

    @property
    def stores_argmax(self) -> bool:
        """Whether the backward pass needs the argmax of each window."""
        return (
            self.needs_backward and self.needs_input_gradient and self.windows.layer.kind == "max"
        )

    def forward(self, writer: NetworkWriter) -> None:
        pool = self.windows
        source, output = self.input_pointer(writer), self.output_pointer(writer)
        argmax = output
        if self.stores_argmax:
            argmax = writer.buffer(f"{self.name}.argmax", pool.argmax_bytes)
        step = pool.rows.stride * self.input.row_bytes
        buffers = (source, output, argmax)
        lengths = [self.input_lengths(writer)] * pool.padded
        for row, _, kernel in pool.forward(writer, self.input, buffers, step, relu=self.relu):
            writer.call(kernel, row["source"], row["out"], row["argmax"], *lengths)
        self.clear_output(writer)

    def backward(self, writer: NetworkWriter) -> None:
        if not self.needs_input_gradient:
            return
        self.clear_output_gradient(writer)
        pool, lengths = self.windows, self.input_lengths(writer)
        upstream = argmax = self.output_gradient(writer)
        if self.stores_argmax:
            argmax = writer.buffer(f"{self.name}.argmax", pool.argmax_bytes)
        buffers = (upstream, argmax, self.input_gradient(writer), self.relu_mask(writer, upstream))
        pool.backward(writer, self.input, buffers, masked=self.masked, lengths=lengths)
