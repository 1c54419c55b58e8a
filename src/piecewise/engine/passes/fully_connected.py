"""Fully connected: a correlation of one cell."""

from __future__ import annotations

from ...spec.layer import Shape
from ...spec.layers import Full
from ..ir.feature_maps import FeatureMapLayout
from ..ir.memory_plan import NetworkWriter
from ..ir.window_terms import Terms
from ..kernels.convolution import Correlation
from ..kernels.fully_connected_weight_gradient import (
    FullWeightGradient,
    outer,
    turn,
    turned_row_bytes,
)
from .base import Pass, reduce_sums, run_correlation

_ONE: Terms = (((0, 0),),)
"""The terms of an axis with one cell."""


class FullPass(Pass):
    """Every value gets a vote: input and output are so many channels of one cell."""

    kind = Full

    @property
    def values(self) -> FeatureMapLayout:
        """The input, a value a channel."""
        return self.stack(Shape(self.input.values, 1, 1))

    @property
    def votes(self) -> FeatureMapLayout:
        """The output, a neuron a channel."""
        return self.stack(Shape(self.output.values, 1, 1))

    def forward(self, d: NetworkWriter) -> None:
        weight, bias = (d.weights(row) for row in self.stage.parameters)
        inputs = self.values.channels
        what = Correlation(
            self.values, self.votes, _ONE, _ONE, inputs, 1, 1, bias=True, relu=self.relu
        )
        run_correlation(
            d, "fully_connected", what, (self.given(d), weight, bias, self.made(d), self.made(d))
        )

    def backward(self, d: NetworkWriter) -> None:
        inputs, neurons = self.values.channels, self.votes.channels
        weight, bias = self.stage.parameters
        upstream = self.upstream(d)
        turned = d.buffer(f"{self.name}.turned", 16 * turned_row_bytes(inputs))
        kernel = d.kernel("transpose", inputs, "source turned", lambda f: turn(f, inputs))
        d.call(kernel, self.given(d), turned)
        what = FullWeightGradient(inputs, neurons, d.machine.sums)
        kernel = d.kernel(
            "full_weight_gradient",
            what,
            "turned upstream gradient count:count",
            lambda f: outer(f, what),
            d.machine.lanes,
        )
        d.call(kernel, turned, upstream, d.gradient(weight), "i64 %pictures")
        reduce_sums(d, upstream, bias)
        if self.needs_input_gradient:
            self._hand_on(d, upstream)

    def _hand_on(self, d: NetworkWriter, upstream: str) -> None:
        inputs = self.values.channels
        what = Correlation(
            self.votes,
            self.values,
            _ONE,
            _ONE,
            1,
            inputs,
            1,
            bias=False,
            masked=self.masked,
            back=True,
        )
        row = self.stage.parameters[0]
        weight, no_bias = d.weights(row), d.weights(row)
        places = (upstream, weight, no_bias, self.downstream(d), self.mask(d, upstream))
        run_correlation(d, "input_gradient", what, places)
