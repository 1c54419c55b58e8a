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
    learns: bool
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

    def stack(self, shape: Shape) -> FeatureMapLayout:
        """How a stack of this shape lies."""
        return FeatureMapLayout(shape, self.cell_bytes)

    @property
    def input(self) -> FeatureMapLayout:
        return self.stack(self.stage.input)

    @property
    def output(self) -> FeatureMapLayout:
        return self.stack(self.fused_stages[-1].output)

    def given(self, d: NetworkWriter) -> str:
        """The pointer to its input."""
        return d.buffer(self.source, self.input.size)

    def made(self, d: NetworkWriter) -> str:
        """The pointer to its output."""
        return d.buffer(self.target, self.output.size)

    def upstream(self, d: NetworkWriter) -> str:
        """The gradient of what the pass made."""
        return d.buffer(f"d.{self.target}", self.output.size)

    def downstream(self, d: NetworkWriter) -> str:
        """The gradient of what the pass was given."""
        return d.buffer(f"d.{self.source}", self.input.size)

    def mask(self, d: NetworkWriter, unused: str) -> str:
        """What tells where the gradient of the input passes: the input, if that went through ReLU;
        if not, any pointer does."""
        return self.given(d) if self.masked else unused

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:  # noqa: ARG003
        """Have the pass before, ``last``, run this stage too, if it can; whether it does."""
        return False

    def fuse_pool(self, stage: Stage) -> bool:
        """Run the pooling that follows too, if this pass can; whether it does."""
        return False

    def forward(self, d: NetworkWriter) -> None:
        """Write the calls that make the output of the input."""
        raise NotImplementedError

    def backward(self, d: NetworkWriter) -> None:
        """Write the calls that make the gradients of parameters and input."""
        raise NotImplementedError


def reduce_sums(d: NetworkWriter, sums: str, row: ArrayEntry) -> None:
    """Add sums, sixteen to a number, to the gradient of a line of the parameter table."""
    kernel = d.kernel("reduce_lanes", (), "sums gradient count:count", reduce_lanes)
    d.call(kernel, sums, d.gradient(row), f"i64 {row.size}")


def emitter_for(d: NetworkWriter) -> type[Emitter]:
    """What writes a driver's correlations."""
    return Float64Emitter if d.real == "double" else Emitter


def rows_of(d: NetworkWriter, what: Correlation) -> str:
    """The table that tells each output row its terms."""
    emitter = emitter_for(d)
    return row_table(d.module, what, emitter.weight_bytes, emitter.cell_bytes)


def correlation_kernel(d: NetworkWriter, name: str, what: Correlation) -> str:
    """The kernel for some rows of a correlation."""
    return d.kernel(
        name,
        what,
        "source output mask weight bias rows count:count",
        lambda f: emitter_for(d)(f, d.module, d.machine, what).emit(),
        d.machine.lanes,
    )


def run_correlation(
    d: NetworkWriter, name: str, what: Correlation, places: tuple[str, str, str, str, str]
) -> None:
    """Run a correlation, all of its rows, on (source, weight, bias, output, mask)."""
    kernel = correlation_kernel(d, name, what)
    source, weight, bias, output, mask = places
    table = rows_of(d, what)
    d.call_per_vector(
        kernel, [source, output, mask], [weight, bias, table, f"i64 {len(what.rows)}"]
    )
