"""Convolution, with a fused max pooling where possible."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...core.windows import Windows
from ...spec.architecture import Stage
from ...spec.layers import Convolution
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES
from ..ir.memory_plan import NetworkWriter
from ..ir.window_terms import backward_terms, forward_terms
from ..kernels.convolution import Correlation
from ..kernels.convolution_weight_gradient import WeightGradient, WeightGradientEmitter
from ..kernels.elementwise import divide
from ..kernels.reductions import sum_cells
from ..kernels.winograd_transforms import TILE
from .base import Pass, correlation_kernel, reduce_sums, run_correlation, term_table_of
from .pooling import PoolWindows
from .winograd import (
    TiledConvolution,
    TilePointers,
    bands,
    convolve,
    convolve_band,
    first_row,
    transformed_weights,
    uses_tiles,
    write_transform,
)
from .winograd_weight_gradient import GRADIENT_TILES, write_weight_gradient


@dataclass
class ConvolutionPass(Pass):
    """Convolution. ``pool`` is the pooling stage fused into it, if any."""

    kind = Convolution
    pool: Stage | None = None

    @property
    def layer(self) -> Convolution:
        assert isinstance(self.stage.layer, Convolution)
        return self.stage.layer

    @property
    def windows(self) -> tuple[Windows, Windows]:
        """The windows along rows and columns."""
        return self.layer.windows(self.stage.input)

    @property
    def products(self) -> int:
        """Kernel cells per channel."""
        return self.layer.kernel[0] * self.layer.kernel[1]

    @property
    def convolved(self) -> FeatureMapLayout:
        """The layout of the convolution's output, before a pooling."""
        return self.layout(self.stage.output)

    def fuse_pool(self, stage: Stage) -> bool:
        pool = PoolWindows(stage)
        if self.pool is not None or not pool.fits_in_bands:
            return False
        if self.tiles and TILE % pool.rows.window:
            return False  # its windows do not fit into rows of tiles
        self.pool = stage
        self.fused_stages.append(stage)
        return True

    @property
    def tiles(self) -> TiledConvolution | None:
        """The forward pass in tiles, if the shapes of the layer are worth it."""
        if self.direct or not uses_tiles(self.stage):
            return None
        rows, columns = self.windows
        before, relu = (rows.before, columns.before), self.relu and self.pool is None
        output, bias = self.convolved, self.layer.bias
        return TiledConvolution(self.name, self.input, output, before, bias, relu)

    @property
    def gradient_tiles(self) -> TiledConvolution | None:
        """The input gradient in tiles, if it is needed and worth it."""
        wanted = self.needs_backward and self.needs_input_gradient and not self.direct
        if not wanted or not uses_tiles(self.stage, backward=True):
            return None
        rows, columns = self.windows
        before = (2 - rows.before, 2 - columns.before)
        return TiledConvolution(
            f"d.{self.name}", self.convolved, self.input, before, masked=self.masked, backward=True
        )

    @property
    def weight_tiles(self) -> TiledConvolution | None:
        """The weight gradient in tiles, if the forward pass is computed in tiles."""
        if self.tiles is None:
            return None
        rows, columns = self.windows
        before = (rows.before, columns.before)
        name, maps, tiles = f"w.{self.name}", self.convolved, GRADIENT_TILES
        return TiledConvolution(name, self.input, maps, before, tiles=tiles)

    @property
    def prepares(self) -> bool:
        return bool(self.tiles or self.gradient_tiles)

    def prepare(self, writer: NetworkWriter) -> None:
        for tiles in (self.tiles, self.gradient_tiles):
            if tiles:
                write_transform(writer, tiles, self._parameters(writer)[0])

    def correlation(self, output: FeatureMapLayout, *, relu: bool) -> Correlation:
        """The sums of the forward pass, for an output of this layout."""
        rows, columns = self.windows
        channels = self.input.channels
        return Correlation(
            self.input,
            output,
            forward_terms(rows),
            forward_terms(columns),
            output_stride=channels * self.products,
            sum_stride=self.products,
            kernel_columns=self.layer.kernel[1],
            bias=self.layer.bias,
            divide=channels * self.products if self.layer.mean else 1,
            relu=relu,
        )

    def _parameters(self, writer: NetworkWriter) -> tuple[str, str]:
        """Pointers to the weight and the bias; without a bias, that of the weight twice."""
        rows = self.stage.parameters
        weight = writer.weights(rows[0])
        return weight, writer.weights(rows[1]) if self.layer.bias else weight

    def forward(self, writer: NetworkWriter) -> None:
        weight, bias = self._parameters(writer)
        source, output = self.input_pointer(writer), self.output_pointer(writer)
        if self.tiles:
            weight = transformed_weights(writer, self.tiles)
            pointers = TilePointers(source, weight, bias, output, output)
            if self.pool:
                self._forward_pooled_tiles(writer, self.tiles, pointers)
            else:
                convolve(writer, self.tiles, pointers)
        elif self.pool is None:
            spec = self.correlation(self.output, relu=self.relu)
            run_correlation(writer, "convolution", spec, (source, weight, bias, output, output))
        else:
            padded = self.stage.number in self.lengths.rows
            pool = PoolWindows(self.pool, self.cell_bytes, padded=padded)
            self._forward_pooled(writer, pool, (source, weight, bias, output))
        self.clear_output(writer)

    def _forward_pooled(
        self, writer: NetworkWriter, pool: PoolWindows, buffers: tuple[str, str, str, str]
    ) -> None:
        """Convolution and pooling on (source, weight, bias, output), band by band: as many rows as
        a window is high, then their windows."""
        source, weight, bias, output = buffers
        height = pool.rows.window
        band = self.layout(self.stage.output._replace(height=height))
        band_pointer = writer.buffer(f"{self.name}.band", band.size)
        spec = self.correlation(band, relu=False)
        convolve, rows = (
            correlation_kernel(writer, "convolution", spec),
            term_table_of(writer, spec),
        )
        argmax = output
        if self.needs_backward:
            argmax = writer.buffer(f"{self.name}.argmax", pool.argmax_bytes)
        pointers = (rows, output, argmax)
        lengths = [self.lengths.after(writer, self.stage.number)] * pool.padded
        for row, count, kernel in pool.forward(writer, band, pointers, 24 * height, relu=self.relu):
            others = [weight, bias, row["source"], f"i64 {count}"]
            writer.call_per_vector(convolve, [source, band_pointer, band_pointer], others)
            writer.call(kernel, band_pointer, row["out"], row["argmax"], *lengths)

    def _forward_pooled_tiles(
        self, writer: NetworkWriter, tiles: TiledConvolution, pointers: TilePointers
    ) -> None:
        """Convolution in tiles and pooling, band by band: rows of tiles, then their windows."""
        assert self.pool
        pool = PoolWindows(self.pool, self.cell_bytes)
        height, last = pool.rows.window, pool.rows.count - 1
        maps = self.layout(self.stage.output._replace(height=tiles.band))
        band = writer.buffer(f"{self.name}.band", maps.size)
        tiles = replace(tiles, output=maps)
        argmax = pointers.output
        if self.needs_backward:
            argmax = writer.buffer(f"{self.name}.argmax", pool.argmax_bytes)
        for first, rows, repeat in bands(pool.rows.cells(last).stop, tiles.band):
            windows = tiles.band // height
            steps = {"out": (pointers.output, windows * pool.output.row_bytes)}
            steps["argmax"] = (argmax, windows * pool.argmax_row_bytes)
            with writer.f.loop("bands", repeat, steps, remark=f"{rows} rows") as each:
                row = first_row(writer, tiles, first, each.index)
                convolve_band(writer, tiles, pointers._replace(output=band, mask=band), row, rows)
                at, step = first // height, height * maps.row_bytes
                places = (writer.f.at(band, -at * step), each["out"], each["argmax"])
                if not self.needs_backward:
                    places = (*places[:2], places[1])
                own = range(at, at - (-rows // height))
                for each_row, _, kernel in pool.forward(
                    writer, maps, places, step, relu=self.relu, rows=own
                ):
                    writer.call(kernel, each_row["source"], each_row["out"], each_row["argmax"])

    def backward(self, writer: NetworkWriter) -> None:
        layout = self.convolved
        self.clear_output_gradient(writer)
        upstream = self.output_gradient(writer)
        if self.pool is not None:
            pooled, upstream = upstream, writer.buffer(f"d.{self.name}.rows", layout.size)
            pool = PoolWindows(self.pool, self.cell_bytes)
            argmax = writer.buffer(f"{self.name}.argmax", pool.argmax_bytes)
            pool.backward(writer, layout, (pooled, argmax, upstream, upstream), masked=False)
        if self.layer.mean:
            products = self.input.channels * self.products
            kernel = writer.kernel(
                "divide", (layout, products), "values", lambda f: divide(f, layout, products)
            )
            writer.call(kernel, upstream)
        self._weight_gradient(writer, upstream)
        if self.layer.bias and not self.mean_cancels:  # else it stays zero
            self._bias_gradient(writer, upstream)
        if self.needs_input_gradient:
            self._input_gradient(writer, upstream)

    def _weight_gradient(self, writer: NetworkWriter, upstream: str) -> None:
        rows, columns = self.windows
        row = self.stage.parameters[0]
        if tiles := self.weight_tiles:
            source, gradient = self.input_pointer(writer), writer.gradient(row)
            write_weight_gradient(writer, tiles, source, upstream, gradient)
            return
        spec = WeightGradient(
            self.input,
            self.convolved,
            forward_terms(rows),
            forward_terms(columns),
            self.layer.kernel,
            self.layer.stride,
        )
        kernel = writer.kernel(
            "weight_gradient",
            spec,
            "source upstream sums",
            lambda f: WeightGradientEmitter(f, writer.module, writer.machine, spec).emit(),
            writer.machine.lanes,
        )
        sums = writer.buffer(f"{self.name}.sums", _sums_bytes(row.size))
        writer.call_per_vector(kernel, [self.input_pointer(writer), upstream, sums], [])
        reduce_sums(writer, sums, row)

    def _bias_gradient(self, writer: NetworkWriter, upstream: str) -> None:
        layout, row = self.convolved, self.stage.parameters[1]
        sums = writer.buffer(f"{self.name}.cells", _sums_bytes(row.size))
        kernel = writer.kernel("sum_cells", layout, "upstream sums", lambda f: sum_cells(f, layout))
        writer.call(kernel, upstream, sums)
        reduce_sums(writer, sums, row)

    def _input_gradient(self, writer: NetworkWriter, upstream: str) -> None:
        if tiles := self.gradient_tiles:
            weight = transformed_weights(writer, tiles)
            mask = self.relu_mask(writer, upstream)
            output = self.input_gradient(writer)
            convolve(writer, tiles, TilePointers(upstream, weight, weight, output, mask))
            return
        rows, columns = self.windows
        spec = Correlation(
            self.convolved,
            self.input,
            backward_terms(rows),
            backward_terms(columns),
            output_stride=self.products,
            sum_stride=self.input.channels * self.products,
            kernel_columns=self.layer.kernel[1],
            bias=False,
            masked=self.masked,
            backward=True,
        )
        weight, _ = self._parameters(writer)
        mask = self.relu_mask(writer, upstream)
        run_correlation(
            writer,
            "input_gradient",
            spec,
            (upstream, weight, weight, self.input_gradient(writer), mask),
        )


def _sums_bytes(count: int) -> int:
    """Bytes of sixteen sums per parameter; `reduce_lanes` reads sixteen parameters at a time."""
    return GROUP_BYTES * 16 * -(-count // 16)
