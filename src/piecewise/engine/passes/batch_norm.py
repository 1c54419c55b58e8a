"""Batch normalization, with a fused max pooling where possible."""

from __future__ import annotations

from dataclasses import dataclass

from ...spec.architecture import Stage
from ...spec.layers import Norm
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES
from ..ir.memory_plan import NetworkWriter
from ..kernels import float64_kernels
from ..kernels.batch_norm import NormBackward, normalize, normalize_backward
from ..kernels.batch_statistics import (
    SAVED_BYTES,
    add_statistics,
    batch_statistics,
    load_running_stats,
)
from ..kernels.pooling import FusedNorm
from .base import Pass
from .pooling import PoolWindows


@dataclass
class NormPass(Pass):
    """Normalizes each channel: by the group's statistics in training, otherwise by the running
    statistics. Then scales and shifts it. ``pool`` is the pooling stage fused into it, if any."""

    kind = Norm
    pool: Stage | None = None

    def follow(self, last: Pass | None) -> None:
        super().follow(last)
        if last:
            last.gradient_in_place = True
            last.mean_cancels = self.training and len(last.fused_stages) == 1

    def input_gradient(self, writer: NetworkWriter) -> str:
        """The pointer to its input, which the gradient replaces: it is loaded anyway, and memory
        is what limits the speed here."""
        return self.input_pointer(writer)

    def fuse_pool(self, stage: Stage) -> bool:
        fits = PoolWindows(stage).fits_in_bands and self.cell_bytes == GROUP_BYTES
        if self.pool is not None or not fits or self.stage.number in self.lengths.rows:
            return False
        self.pool = stage
        self.fused_stages.append(stage)
        return True

    def _saved(self, writer: NetworkWriter) -> str:
        """The statistics of each channel that the backward pass uses."""
        return writer.buffer(f"{self.name}.saved", SAVED_BYTES * self.input.channels)

    def forward(self, writer: NetworkWriter) -> None:
        if writer.real == "double":
            self._forward_float64(writer)
            return
        saved = self._saved(writer)
        if self.training:
            self._compute_statistics(writer, saved)
        else:
            self._load_running_stats(writer, saved)
        weight, bias = (writer.weights(row) for row in self.stage.parameters)
        if self.pool is not None:
            self._normalize_and_pool(writer, self.pool, (saved, weight, bias))
            return
        layout, relu = self.input, self.relu
        kernel = writer.kernel(
            "normalize",
            (layout, self.training, relu),
            "source saved weight bias output",
            lambda f: normalize(f, layout, training=self.training, relu=relu),
        )
        source, output = self.input_pointer(writer), self.output_pointer(writer)
        writer.call(kernel, source, saved, weight, bias, output)
        self.clear_output(writer)

    def _compute_statistics(self, writer: NetworkWriter, saved: str) -> None:
        """Write the call that computes the group's statistics."""
        layout, lengths = self.input, self._lengths(writer)
        padded = bool(lengths)
        kernel = writer.kernel(
            "group_statistics",
            (layout, padded),
            "source saved count:examples" + " lengths" * padded,
            lambda f: batch_statistics(f, layout, Norm.epsilon, padded=padded),
        )
        writer.call(kernel, self.input_pointer(writer), saved, writer.examples, *lengths)

    def _normalize_and_pool(
        self, writer: NetworkWriter, stage: Stage, numbers: tuple[str, str, str]
    ) -> None:
        """Normalization and pooling, one row of windows after the other. ``numbers`` points to the
        statistics, the weight and the bias."""
        pool = self._windows(stage)
        source, output = self.input_pointer(writer), self.output_pointer(writer)
        normals = argmax = output
        if self.needs_backward:
            normals = self._normals(writer)
            argmax = writer.buffer(f"{self.name}.argmax", pool.argmax_bytes)
        step = pool.rows.stride * self.input.row_bytes
        buffers = (source, output, argmax)
        bands = pool.forward(writer, self.input, buffers, step, relu=self.relu, normals=normals)
        for row, _, kernel in bands:
            pointers = (row[key] for key in ("source", "out", "argmax"))
            writer.call(kernel, *pointers, *numbers, row["normals"])

    def _windows(self, stage: Stage) -> PoolWindows:
        """The windows of the fused pooling."""
        norm = FusedNorm(self.training, stores_normals=self.needs_backward)
        return PoolWindows(stage, self.cell_bytes, norm=norm)

    def _normals(self, writer: NetworkWriter) -> str:
        """The normalized value of the largest cell of each window."""
        return writer.buffer(f"{self.name}.normals", self.output.size)

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
        saved, upstream = self._saved(writer), self.output_gradient(writer)
        pooled = self.output if self.pool else None
        self._parameter_gradients(writer, saved, upstream, pooled)
        if self.pool and self.needs_input_gradient:
            self._gradient_before_pool(writer, self.pool, saved, upstream)
        if self.training:
            self._add_statistics(writer, saved)

    def _parameter_gradients(
        self, writer: NetworkWriter, saved: str, upstream: str, pooled: FeatureMapLayout | None
    ) -> None:
        """Write the call that computes the gradients of weight and bias, and without a fused
        pooling also that of the input."""
        lengths = self._lengths(writer)
        spec = NormBackward(
            self.input, self.training, self.masked, self.needs_input_gradient, bool(lengths), pooled
        )
        kernel = writer.kernel(
            "normalize_backward",
            spec,
            "source saved weight upstream weight_gradient bias_gradient count:examples"
            + " lengths" * spec.padded,
            lambda f: normalize_backward(f, spec),
        )
        weight, bias = self.stage.parameters
        source = self._normals(writer) if pooled else self.input_pointer(writer)
        gradients = (writer.gradient(weight), writer.gradient(bias))
        arguments = (source, saved, writer.weights(weight), upstream, *gradients)
        writer.call(kernel, *arguments, writer.examples, *lengths)

    def _gradient_before_pool(
        self, writer: NetworkWriter, stage: Stage, saved: str, upstream: str
    ) -> None:
        """Write the call that computes the input gradient from that of the fused pooling."""
        pool = self._windows(stage)
        argmax = writer.buffer(f"{self.name}.argmax", pool.argmax_bytes)
        buffers = (upstream, argmax, self.input_gradient(writer), upstream)
        numbers = (saved, writer.weights(self.stage.parameters[0]), writer.examples)
        pool.backward(writer, self.input, buffers, masked=self.masked, norm=numbers)

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
