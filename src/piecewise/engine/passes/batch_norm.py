"""Batch normalization."""

from __future__ import annotations

from ...spec.layers import Norm
from ..ir.memory_plan import NetworkWriter
from ..kernels import float64_kernels
from ..kernels.batch_norm import (
    SAVED_BYTES,
    NormBackward,
    add_statistics,
    batch_statistics,
    load_running_stats,
    normalize,
    normalize_backward,
)
from .base import Pass


class NormPass(Pass):
    """Normalizes each channel: by the group's statistics in training, otherwise by the running
    statistics. Then scales and shifts it."""

    kind = Norm

    def _saved(self, writer: NetworkWriter) -> str:
        """The statistics of each channel that the backward pass uses."""
        return writer.buffer(f"{self.name}.saved", SAVED_BYTES * self.input.channels)

    def forward(self, writer: NetworkWriter) -> None:
        if writer.real == "double":
            self._forward_float64(writer)
            return
        source, saved, layout, relu = (
            self.input_pointer(writer),
            self._saved(writer),
            self.input,
            self.relu,
        )
        lengths = self._lengths(writer)
        padded = bool(lengths)
        if self.training:
            observer = writer.kernel(
                "group_statistics",
                (layout, padded),
                "source saved count:examples" + " lengths" * padded,
                lambda f: batch_statistics(f, layout, Norm.epsilon, padded=padded),
            )
            writer.call(observer, source, saved, writer.examples, *lengths)
        else:
            self._load_running_stats(writer, saved)
        weight, bias = (writer.weights(row) for row in self.stage.parameters)
        kernel = writer.kernel(
            "normalize",
            (layout, self.training, relu),
            "source saved weight bias output",
            lambda f: normalize(f, layout, training=self.training, relu=relu),
        )
        writer.call(kernel, source, saved, weight, bias, self.output_pointer(writer))
        self.clear_output(writer)

    def _forward_float64(self, writer: NetworkWriter) -> None:
        """In float64. The statistics go to the shard, because there is no backward pass."""
        source, layout, relu = self.input_pointer(writer), self.input, self.relu
        find = writer.shard_statistic if self.training else writer.running_stat
        mean, variance = (find(row) for row in self.stage.running_stats)
        lengths = self._lengths(writer)
        padded = bool(lengths)
        if self.training:
            observer = writer.kernel(
                "group_statistics",
                (layout, padded),
                "source mean variance count:examples" + " lengths" * padded,
                lambda f: float64_kernels.batch_statistics(f, layout, padded=padded),
            )
            writer.call(observer, source, mean, variance, writer.examples, *lengths)
        weight, bias = (writer.weights(row) for row in self.stage.parameters)
        kernel = writer.kernel(
            "normalize",
            (layout, relu),
            "source mean variance weight bias output",
            lambda f: float64_kernels.normalize(f, layout, Norm.epsilon, relu=relu),
        )
        writer.call(kernel, source, mean, variance, weight, bias, self.output_pointer(writer))
        self.clear_output(writer)

    def _lengths(self, writer: NetworkWriter) -> list[str]:
        """The pointer to the lengths of the input's texts, if the input is padded."""
        lengths = self.input_lengths(writer)
        return [lengths] if lengths else []

    def _load_running_stats(self, writer: NetworkWriter, saved: str) -> None:
        """Write the call that loads the running statistics."""
        mean, variance = (writer.running_stat(row) for row in self.stage.running_stats)
        channels = self.input.channels
        kernel = writer.kernel(
            "load_running_stats",
            channels,
            "mean variance saved",
            lambda f: load_running_stats(f, channels, Norm.epsilon),
        )
        writer.call(kernel, mean, variance, saved)

    def backward(self, writer: NetworkWriter) -> None:
        self.clear_output_gradient(writer)
        saved, lengths = self._saved(writer), self._lengths(writer)
        spec = NormBackward(
            self.input, self.training, self.masked, self.needs_input_gradient, bool(lengths)
        )
        kernel = writer.kernel(
            "normalize_backward",
            spec,
            "source saved weight upstream weight_gradient bias_gradient output count:examples"
            + " lengths" * spec.padded,
            lambda f: normalize_backward(f, spec),
        )
        weight, bias = self.stage.parameters
        upstream = self.output_gradient(writer)
        out = self.input_gradient(writer) if self.needs_input_gradient else upstream
        gradients = (writer.gradient(weight), writer.gradient(bias))
        arguments = (self.input_pointer(writer), saved, writer.weights(weight), upstream)
        writer.call(kernel, *arguments, *gradients, out, writer.examples, *lengths)
        if self.training:
            self._add_statistics(writer, saved)

    def _add_statistics(self, writer: NetworkWriter, saved: str) -> None:
        """Add the group's statistics to the shard's."""
        mean, variance = (writer.shard_statistic(row) for row in self.stage.running_stats)
        channels = self.input.channels
        kernel = writer.kernel(
            "add_statistics",
            channels,
            "saved mean variance count:examples",
            lambda f: add_statistics(f, channels),
        )
        writer.call(kernel, saved, mean, variance, writer.examples)
