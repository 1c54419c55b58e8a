"""Fully connected layers."""

from __future__ import annotations

from ...spec.layer_base import Shape
from ...spec.layers import Full
from ..ir.feature_maps import FeatureMapLayout
from ..ir.memory_plan import NetworkWriter
from ..kernels.fully_connected import FullSums, full_sums
from ..kernels.fully_connected_weight_gradient import (
    FullWeightGradient,
    full_weight_gradient,
    transpose_inputs,
    transposed_row_bytes,
)
from .base import Pass, reduce_sums


class FullPass(Pass):
    """A fully connected layer: input and output are channels of one cell."""

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
        weight, bias = self.stage.parameters
        upstream = self.output_gradient(writer)
        transposed = writer.buffer(f"{self.name}.transposed", 16 * transposed_row_bytes(inputs))
        kernel = writer.kernel(
            "transpose", inputs, "source transposed", lambda f: transpose_inputs(f, inputs)
        )
        writer.call(kernel, self.input_pointer(writer), transposed)
        spec = FullWeightGradient(inputs, neurons, writer.machine.sums)
        kernel = writer.kernel(
            "full_weight_gradient",
            spec,
            "transposed upstream gradient count:count",
            lambda f: full_weight_gradient(f, spec),
            writer.machine.lanes,
        )
        writer.call(kernel, transposed, upstream, writer.gradient(weight), writer.examples)
        reduce_sums(writer, upstream, bias)

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
