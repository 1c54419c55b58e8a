"""Fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ...spec.layer_base import Shape
from ...spec.layers import Full
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES
from ..ir.memory_plan import NetworkWriter
from ..ir.thread_header import RECORD_OFFSET
from ..kernels.batch_weight_gradient import (
    ARGUMENTS,
    BatchWeightGradient,
    batch_weight_gradient,
    neuron_tiles,
)
from ..kernels.fully_connected import FullSums, full_sums
from ..kernels.fully_connected_weight_gradient import (
    FullWeightGradient,
    full_weight_gradient,
    transpose_inputs,
    transposed_row_bytes,
)
from .base import Pass, reduce_sums


class NeuronTiles(NamedTuple):
    """Neurons of a layer, from the first one on, in tiles of the same height, and the kernel of
    their weight gradient."""

    record: WeightRecord
    kernel: str
    height: int
    first_neuron: int
    repeats: int


@dataclass(eq=False)
class WeightRecord:
    """Where each group of a batch leaves what the weight gradient of a layer is made of: a part of
    its record. The gradient is computed when all groups have run."""

    inputs: int
    neurons: int
    first_weight: int
    """The layer's first weight among all parameters."""
    offset: int
    """Where the record holds the inputs [16][inputs rounded up]."""
    bytes: int = 0
    """Bytes from one group's record to the next."""
    tiles: tuple[NeuronTiles, ...] = ()

    @property
    def upstream_offset(self) -> int:
        """Where it holds the gradients of the outputs [neurons][16]."""
        return self.offset + 16 * transposed_row_bytes(self.inputs)

    @property
    def end(self) -> int:
        return self.upstream_offset + GROUP_BYTES * self.neurons

    @property
    def weights(self) -> range:
        """The layer's weights among all parameters."""
        return range(self.first_weight, self.first_weight + self.inputs * self.neurons)

    @property
    def blocks(self) -> range:
        """The blocks of sixteen parameters that hold weights of the layer alone."""
        return range(-(-self.weights.start // 16), self.weights.stop // 16)

    @property
    def shared_weights(self) -> list[int]:
        """The weights in blocks that hold other parameters, too."""
        ends = {*self.weights[:16], *self.weights[-16:]}
        return sorted(weight for weight in ends if weight // 16 not in self.blocks)


@dataclass
class FullPass(Pass):
    """A fully connected layer: input and output are channels of one cell. ``record``: for a weight
    gradient of the whole batch; None if each group adds its own."""

    record: WeightRecord | None = None

    kind = Full
    takes_all_groups = True

    @property
    def values(self) -> FeatureMapLayout:
        """The input, one channel per value."""
        return self.layout(Shape(self.input.values, 1, 1))

    @property
    def outputs(self) -> FeatureMapLayout:
        """The output, one channel per neuron."""
        return self.layout(Shape(self.output.values, 1, 1))

    def forward(self, writer: NetworkWriter) -> None:
        weight, bias = (writer.weights(row) for row in self.stage.parameters)
        inputs, neurons = self.values.channels, self.outputs.channels
        spec = FullSums(inputs, neurons, inputs, 1, len(writer.groups), bias=True, relu=self.relu)
        buffers = [
            pointer
            for _ in writer.each_group()
            for pointer in (self.input_pointer(writer), self.output_pointer(writer))
        ]
        self._sum(writer, "fully_connected", spec, [*buffers, weight, bias])

    def _sum(self, writer: NetworkWriter, name: str, spec: FullSums, arguments: list[str]) -> None:
        kernel = writer.kernel(
            name,
            spec,
            spec.arguments,
            lambda f: full_sums(f, writer.machine, spec),
            writer.machine.lanes,
        )
        writer.call(kernel, *arguments)

    def backward(self, writer: NetworkWriter) -> None:
        for _ in writer.each_group():
            self._parameter_gradients(writer)
        if self.needs_input_gradient:
            self._input_gradient(writer)

    def _parameter_gradients(self, writer: NetworkWriter) -> None:
        inputs, neurons = self.values.channels, self.outputs.channels
        bias = self.stage.parameters[1]
        upstream = self.output_gradient(writer)
        size = 16 * transposed_row_bytes(inputs)
        if self.record:
            record = writer.f.load(writer.memory, RECORD_OFFSET, "ptr")
            transposed = writer.f.at(record, self.record.offset)
        else:
            transposed = writer.buffer(f"{self.name}.transposed", size)
        kernel = writer.kernel(
            "transpose", inputs, "source transposed", lambda f: transpose_inputs(f, inputs)
        )
        writer.call(kernel, self.input_pointer(writer), transposed)
        if self.record:
            saved = writer.f.at(record, self.record.upstream_offset)
            copied = f"ptr align 64 {saved}, ptr align 64 {upstream}, i64 {GROUP_BYTES * neurons}"
            writer.f.line(f"call void @llvm.memcpy.p0.p0.i64({copied}, i1 false)")
            self._batch_weight_gradient(writer, self.record)
        else:
            self._weight_gradient(writer, transposed, upstream)
        reduce_sums(writer, upstream, bias)

    def _batch_weight_gradient(self, writer: NetworkWriter, record: WeightRecord) -> None:
        """Write the kernels for the weight gradient of a batch; the training loop calls them."""
        tiles, first = list[NeuronTiles](), 0
        for height, count in neuron_tiles(record.neurons, writer.machine.sums):
            spec = BatchWeightGradient(record.inputs, height, record.bytes)
            kernel = writer.kernel(
                "batch_weight_gradient",
                spec,
                ARGUMENTS,
                partial(batch_weight_gradient, spec=spec),
                writer.machine.lanes,
            )
            writer.note_later_call(kernel, tiles=count)
            tiles.append(NeuronTiles(record, kernel, height, first, count))
            first += height * count
        record.tiles = tuple(tiles)

    def _weight_gradient(self, writer: NetworkWriter, transposed: str, upstream: str) -> None:
        spec = FullWeightGradient(self.values.channels, self.outputs.channels, writer.machine.sums)
        kernel = writer.kernel(
            "full_weight_gradient",
            spec,
            "transposed upstream gradient count:count",
            lambda f: full_weight_gradient(f, spec),
            writer.machine.lanes,
        )
        gradient = writer.gradient(self.stage.parameters[0])
        writer.call(kernel, transposed, upstream, gradient, writer.examples)

    def _input_gradient(self, writer: NetworkWriter) -> None:
        inputs, neurons = self.values.channels, self.outputs.channels
        spec = FullSums(
            neurons, inputs, 1, inputs, len(writer.groups), masked=self.masked, backward=True
        )
        buffers: list[str] = []
        for _ in writer.each_group():
            buffers += [self.output_gradient(writer), self.input_gradient(writer)]
            buffers += [self.input_pointer(writer)] * self.masked
        weight = writer.weights(self.stage.parameters[0])
        self._sum(writer, "input_gradient", spec, [*buffers, weight])
