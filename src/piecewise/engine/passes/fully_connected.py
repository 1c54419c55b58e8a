"""Fully connected layers, as a correlation of one cell."""

from __future__ import annotations

from ...spec.layer_base import Shape
from ...spec.layers import Full
from ..ir.feature_maps import FeatureMapLayout
from ..ir.memory_plan import NetworkWriter
from ..ir.window_terms import Terms
from ..kernels.convolution import Correlation
from ..kernels.fully_connected_weight_gradient import (
    FullWeightGradient,
    full_weight_gradient,
    transpose_inputs,
    transposed_row_bytes,
)
from .base import Pass, reduce_sums, run_correlation

_ONE: Terms = (((0, 0),),)
"""The terms of an axis with one cell."""


class FullPass(Pass):
    """A fully connected layer: input and output are channels of one cell."""

    kind = Full

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
        inputs = self.values.channels
        spec = Correlation(
            self.values, self.outputs, _ONE, _ONE, inputs, 1, 1, bias=True, relu=self.relu
        )
        run_correlation(
            writer,
            "fully_connected",
            spec,
            (
                self.input_pointer(writer),
                weight,
                bias,
                self.output_pointer(writer),
                self.output_pointer(writer),
            ),
        )

    def backward(self, writer: NetworkWriter) -> None:
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
        writer.call(kernel, transposed, upstream, writer.gradient(weight), "i64 %examples")
        reduce_sums(writer, upstream, bias)
        if self.needs_input_gradient:
            self._input_gradient(writer, upstream)

    def _input_gradient(self, writer: NetworkWriter, upstream: str) -> None:
        inputs = self.values.channels
        spec = Correlation(
            self.outputs,
            self.values,
            _ONE,
            _ONE,
            1,
            inputs,
            1,
            bias=False,
            masked=self.masked,
            backward=True,
        )
        row = self.stage.parameters[0]
        weight, no_bias = writer.weights(row), writer.weights(row)
        buffers = (
            upstream,
            weight,
            no_bias,
            self.input_gradient(writer),
            self.relu_mask(writer, upstream),
        )
        run_correlation(writer, "input_gradient", spec, buffers)
