"""The base class of passes, and helpers that several passes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ...spec.architecture import ArrayEntry, Stage
from ...spec.layer_base import Layer, Shape
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES
from ..ir.memory_plan import NetworkWriter
from ..kernels.convolution import Correlation, Emitter, Float64Emitter, row_table
from ..kernels.reductions import reduce_lanes
from .text_lengths import NO_LENGTHS, TextLengths, clear


@dataclass
class Pass:
    """A layer of the network, with the layers that are fused into it."""

    stage: Stage
    source: str
    """The name of its input buffer."""
    needs_backward: bool
    """Whether a backward pass follows, for which some passes save values."""
    training: bool = False
    """Whether it runs in training mode, where batch norm uses the group's statistics."""
    relu: bool = False
    """Whether ReLU is applied to its output."""
    masked: bool = False
    """Whether its input is the output of a ReLU."""
    mean_cancels: bool = False
    """Whether a number added to a channel of its output has no effect, because batch norm follows
    and subtracts the mean."""
    gradient_in_place: bool = False
    """Whether the gradient of its output replaces the output, which nothing reads afterwards."""
    needs_input_gradient: bool = False
    """Whether an earlier pass has parameters to train, so that the input gradient is needed."""
    frozen: bool = False
    """Whether its parameters and running statistics stay as they are."""
    fused_stages: list[Stage] = field(default_factory=list)
    """The stages of the architecture that this pass computes."""
    cell_bytes: int = GROUP_BYTES
    """Bytes of a cell's sixteen values."""
    direct: bool = False
    """Whether a convolution adds its products one by one, whatever its shape."""
    lengths: TextLengths = NO_LENGTHS
    """Where the network's texts end."""

    kind: ClassVar[type[Layer]]
    """The kind of layer that it computes."""
    takes_all_groups: ClassVar[bool] = False
    """Whether it computes all groups of a writer at once, instead of one after the other."""

    @property
    def name(self) -> str:
        return self.stage.name

    @property
    def trained(self) -> bool:
        """Whether it has parameters to train."""
        return bool(self.stage.parameters) and not self.frozen

    @property
    def target(self) -> str:
        """The name of its output buffer."""
        return self.name

    def layout(self, shape: Shape) -> FeatureMapLayout:
        """The memory layout of feature maps of this shape."""
        return FeatureMapLayout(shape, self.cell_bytes)

    @property
    def input(self) -> FeatureMapLayout:
        return self.layout(self.stage.input)

    @property
    def output(self) -> FeatureMapLayout:
        return self.layout(self.fused_stages[-1].output)

    def input_pointer(self, writer: NetworkWriter) -> str:
        """The pointer to its input."""
        return writer.buffer(self.source, self.input.size)

    def output_pointer(self, writer: NetworkWriter) -> str:
        """The pointer to its output."""
        return writer.buffer(self.target, self.output.size)

    def output_gradient(self, writer: NetworkWriter) -> str:
        """The pointer to the gradient of its output."""
        if self.gradient_in_place:
            return self.output_pointer(writer)
        return writer.buffer(f"d.{self.target}", self.output.size)

    def input_gradient(self, writer: NetworkWriter) -> str:
        """The pointer to the gradient of its input."""
        return writer.buffer(f"d.{self.source}", self.input.size)

    def relu_mask(self, writer: NetworkWriter, unused: str) -> str:
        """The values that mask the input gradient: the input, if it is the output of a ReLU.
        Otherwise any pointer is valid, such as ``unused``."""
        return self.input_pointer(writer) if self.masked else unused

    def input_lengths(self, writer: NetworkWriter) -> str:
        """The pointer to the lengths of the input's texts; empty if the input is not padded."""
        return self.lengths.after(writer, self.stage.number - 1)

    def output_lengths(self, writer: NetworkWriter) -> str:
        """The pointer to the lengths of the output's texts; empty if the output is not padded."""
        return self.lengths.after(writer, self.fused_stages[-1].number)

    def clear_output(self, writer: NetworkWriter) -> None:
        """Set the padding of the output to zero, if it is padded."""
        lengths = self.output_lengths(writer)
        clear(writer, self.output_pointer(writer), self.output, lengths)

    def clear_output_gradient(self, writer: NetworkWriter) -> None:
        """Set the gradients of the output's padding to zero, unless a ReLU has done that."""
        lengths = "" if self.relu else self.output_lengths(writer)
        clear(writer, self.output_gradient(writer), self.output, lengths)

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:  # noqa: ARG003
        """Let the pass before, ``last``, compute this stage too, if it can. Returns whether it
        does."""
        return False

    def follow(self, last: Pass | None) -> None:
        """Tell this pass and the one before it (None for the first) what each needs to know of the
        other."""
        self.masked = bool(last and last.relu)

    def fuse_pool(self, stage: Stage) -> bool:
        """Compute the pooling that follows too, if possible. Returns whether it does."""
        return False

    @property
    def prepares(self) -> bool:
        """Whether `prepare` writes any calls."""
        return False

    def prepare(self, writer: NetworkWriter) -> None:
        """Write the kernel calls that compute what depends on the parameters alone."""

    def forward(self, writer: NetworkWriter) -> None:
        """Write the kernel calls that compute the output."""
        raise NotImplementedError

    def backward(self, writer: NetworkWriter) -> None:
        """Write the kernel calls that compute the gradients of parameters and input."""
        raise NotImplementedError


def reduce_sums(writer: NetworkWriter, sums: str, row: ArrayEntry) -> None:
    """Add sums, sixteen per parameter, to the gradient of a row of the parameter table."""
    kernel = writer.kernel("reduce_lanes", (), "sums gradient count:count", reduce_lanes)
    writer.call(kernel, sums, writer.gradient(row), f"i64 {row.size}")


def emitter_for(writer: NetworkWriter) -> type[Emitter]:
    """The emitter class of a writer's correlations."""
    return Float64Emitter if writer.real == "double" else Emitter


def term_table_of(writer: NetworkWriter, spec: Correlation) -> str:
    """The table with the terms of each output row."""
    emitter = emitter_for(writer)
    return row_table(writer.module, spec, emitter.weight_bytes, emitter.cell_bytes)


def correlation_kernel(writer: NetworkWriter, name: str, spec: Correlation) -> str:
    """The kernel that computes some rows of a correlation."""
    return writer.kernel(
        name,
        spec,
        "source output mask weight bias rows count:count",
        lambda f: emitter_for(writer)(f, writer.module, writer.machine, spec).emit(),
        writer.machine.lanes,
    )


def run_correlation(
    writer: NetworkWriter, name: str, spec: Correlation, buffers: tuple[str, str, str, str, str]
) -> None:
    """Compute all rows of a correlation on (source, weight, bias, output, mask)."""
    kernel = correlation_kernel(writer, name, spec)
    source, weight, bias, output, mask = buffers
    table = term_table_of(writer, spec)
    writer.call_per_vector(
        kernel, [source, output, mask], [weight, bias, table, f"i64 {len(spec.rows)}"]
    )
