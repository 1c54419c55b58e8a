"""Batch normalisation."""

from __future__ import annotations

from ...spec.layers import Norm
from ..ir.memory_plan import NetworkWriter
from ..kernels import float64_kernels
from ..kernels.batch_norm import (
    KEPT_BYTES,
    NormBackward,
    normalize,
    normalize_backward,
    note_statistics,
    observe,
    recall,
)
from .base import Pass


class NormPass(Pass):
    """Each map shifted and scaled: in training by the statistics of the group, else by the running
    averages."""

    kind = Norm

    def _kept(self, d: NetworkWriter) -> str:
        """What the way forward notes of each channel."""
        return d.buffer(f"{self.name}.kept", KEPT_BYTES * self.input.channels)

    def forward(self, d: NetworkWriter) -> None:
        if d.real == "double":
            self._forward_wide(d)
            return
        source, kept, stack, relu = self.given(d), self._kept(d), self.input, self.relu
        if self.training:
            observer = d.kernel(
                "group_statistics",
                stack,
                "source kept count:pictures",
                lambda f: observe(f, stack, Norm.epsilon),
            )
            d.call(observer, source, kept, "i64 %pictures")
        else:
            self._recall(d, kept)
        weight, bias = (d.weights(row) for row in self.stage.parameters)
        kernel = d.kernel(
            "normalize",
            (stack, self.training, relu),
            "source kept weight bias output",
            lambda f: normalize(f, stack, training=self.training, relu=relu),
        )
        d.call(kernel, source, kept, weight, bias, self.made(d))

    def _forward_wide(self, d: NetworkWriter) -> None:
        """In float64; the statistics are kept in the shard, where there is no way back."""
        source, stack, relu = self.given(d), self.input, self.relu
        find = d.statistic if self.training else d.average
        mean, variance = (find(row) for row in self.stage.running_stats)
        if self.training:
            observer = d.kernel(
                "group_statistics",
                stack,
                "source mean variance count:pictures",
                lambda f: float64_kernels.observe(f, stack),
            )
            d.call(observer, source, mean, variance, "i64 %pictures")
        weight, bias = (d.weights(row) for row in self.stage.parameters)
        kernel = d.kernel(
            "normalize",
            (stack, relu),
            "source mean variance weight bias output",
            lambda f: float64_kernels.normalize(f, stack, Norm.epsilon, relu=relu),
        )
        d.call(kernel, source, mean, variance, weight, bias, self.made(d))

    def _recall(self, d: NetworkWriter, kept: str) -> None:
        """Take the running averages."""
        mean, variance = (d.average(row) for row in self.stage.running_stats)
        channels = self.input.channels
        kernel = d.kernel(
            "load_running_stats",
            channels,
            "mean variance kept",
            lambda f: recall(f, channels, Norm.epsilon),
        )
        d.call(kernel, mean, variance, kept)

    def backward(self, d: NetworkWriter) -> None:
        kept = self._kept(d)
        what = NormBackward(self.input, self.training, self.masked, self.needs_input_gradient)
        kernel = d.kernel(
            "normalize_backward",
            what,
            "source kept weight upstream weight_gradient bias_gradient output count:pictures",
            lambda f: normalize_backward(f, what),
        )
        weight, bias = self.stage.parameters
        upstream = self.upstream(d)
        out = self.downstream(d) if self.needs_input_gradient else upstream
        given = (self.given(d), kept, d.weights(weight), upstream)
        d.call(kernel, *given, d.gradient(weight), d.gradient(bias), out, "i64 %pictures")
        if self.training:
            self._note(d, kept)

    def _note(self, d: NetworkWriter, kept: str) -> None:
        """Add the group's statistics to the shard's."""
        mean, variance = (d.statistic(row) for row in self.stage.running_stats)
        channels = self.input.channels
        kernel = d.kernel(
            "add_statistics",
            channels,
            "kept mean variance count:pictures",
            lambda f: note_statistics(f, channels),
        )
        d.call(kernel, kept, mean, variance, "i64 %pictures")
