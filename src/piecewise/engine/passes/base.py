"""What every pass can be asked, and what several of them do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ...spec.architecture import ArrayEntry, Stage
from ...spec.layer import Layer, Shape
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import GROUP_BYTES
from ..ir.memory_plan import NetworkWriter
from ..kernels.convolution import Correlation, Emitter, Float64Emitter, row_table
from ..kernels.reductions import reduce_lanes


@dataclass
class Pass:
    """A layer that runs."""

    stage: Stage
    source: str
    """The name of its input's place."""
    needs_backward: bool
    """Whether a way back follows, for which some passes keep notes."""
    training: bool = False
    """Whether it runs as in training: norm uses the statistics of the group."""
    relu: bool = False
    """Whether its output goes through ReLU."""
    masked: bool = False
    """Whether its input went through ReLU."""
    needs_input_gradient: bool = False
    """Whether a pass before it has parameters, and so wants the gradient of this one's input."""
    fused_stages: list[Stage] = field(default_factory=list)
    """The stages that are done in this pass."""
    cell_bytes: int = GROUP_BYTES
    """Of the sixteen numbers of a cell."""

    kind: ClassVar[type[Layer]]
    """The kind of layer it runs."""

    @property
    def name(self) -> str:
        return self.stage.name

    @property
    def target(self) -> str:
        """The name of its output's place."""
        return self.name

    def layout(self, shape: Shape) -> FeatureMapLayout:
        """How a stack of this shape lies."""
        return FeatureMapLayout(shape, self.cell_bytes)

    @property
    def input(self) -> FeatureMapLayout:
        return self.layout(self.stage.input)

    @property
    def output(self) -> FeatureMapLayout:
        return self.layout(self.fused_stages[-1].output)

    def given(self, writer: NetworkWriter) -> str:
        """The pointer to its input."""
        return writer.buffer(self.source, self.input.size)

    def made(self, writer: NetworkWriter) -> str:
        """The pointer to its output."""
        return writer.buffer(self.target, self.output.size)

    def output_gradient(self, writer: NetworkWriter) -> str:
        """The gradient of what the pass made."""
        return writer.buffer(f"d.{self.target}", self.output.size)

    def input_gradient(self, writer: NetworkWriter) -> str:
        """The gradient of what the pass was given."""
        return writer.buffer(f"d.{self.source}", self.input.size)

    def relu_mask(self, writer: NetworkWriter, unused: str) -> str:
        """What tells where the gradient of the input passes: the input, if that went through ReLU;
        if not, any pointer does."""
        return self.given(writer) if self.masked else unused

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:  # noqa: ARG003
        """Have the pass before, ``last``, run this stage too, if it can; whether it does."""
        return False

    def fuse_pool(self, stage: Stage) -> bool:
        """Run the pooling that follows too, if this pass can; whether it does."""
        return False

    def forward(self, writer: NetworkWriter) -> None:
        """Write the calls that make the output of the input."""
        raise NotImplementedError

    def backward(self, writer: NetworkWriter) -> None:
        """Write the calls that make the gradients of parameters and input."""
        raise NotImplementedError


def reduce_sums(writer: NetworkWriter, sums: str, row: ArrayEntry) -> None:
    """Add sums, sixteen to a number, to the gradient of a line of the parameter table."""
    kernel = writer.kernel("reduce_lanes", (), "sums gradient count:count", reduce_lanes)
    writer.call(kernel, sums, writer.gradient(row), f"i64 {row.size}")


def emitter_for(writer: NetworkWriter) -> type[Emitter]:
    """What writes a driver's correlations."""
    return Float64Emitter if writer.real == "double" else Emitter


def rows_of(writer: NetworkWriter, spec: Correlation) -> str:
    """The table that tells each output row its terms."""
    emitter = emitter_for(writer)
    return row_table(writer.module, spec, emitter.weight_bytes, emitter.cell_bytes)


def correlation_kernel(writer: NetworkWriter, name: str, spec: Correlation) -> str:
    """The kernel for some rows of a correlation."""
    return writer.kernel(
        name,
        spec,
        "source output mask weight bias rows count:count",
        lambda f: emitter_for(writer)(f, writer.module, writer.machine, spec).emit(),
        writer.machine.lanes,
    )


def run_correlation(
    writer: NetworkWriter, name: str, spec: Correlation, places: tuple[str, str, str, str, str]
) -> None:
    """Run a correlation, all of its rows, on (source, weight, bias, output, mask)."""
    kernel = correlation_kernel(writer, name, spec)
    source, weight, bias, output, mask = places
    table = rows_of(writer, spec)
    writer.call_per_vector(
        kernel, [source, output, mask], [weight, bias, table, f"i64 {len(spec.rows)}"]
    )
