"""Function writers of the single-input program: its main function and its pieces."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from ...spec.layer_base import Shape
from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function, Module
from ..ir.memory_plan import MemoryPlan, NetworkWriter
from ..ir.target import Target
from ..kernels.convolution import Correlation
from .layer_pieces import SplitThresholds, multiplication_count
from .weight_packing import block_count
from .work_sharing import (
    acquire_helpers,
    call_shared_layer,
    release_helpers,
    write_run_shared_layer,
    write_task,
)


def blocked_maps(shape: Shape) -> FeatureMapLayout:
    """The layout of feature maps as [block of channels][row][column][16]."""
    return FeatureMapLayout(Shape(block_count(shape.channels), shape.height, shape.width))


class PieceWriter(NetworkWriter):
    """Writes ``run_piece(memory, packed, number)``, which computes one piece of a shared layer."""

    def __init__(self, program: SingleImageWriter, kernels: dict[Hashable, str]) -> None:
        function = Function("run_piece", ["ptr %memory", "ptr %packed", "i64 %number"])
        super().__init__(function, program.module, program.machine, program.plan, kernels)
        self.count = 0
        self._labels: list[str] = []
        self._end = self.f.new_label()

    @contextmanager
    def next(self) -> Iterator[None]:
        """The code written inside the block is the next piece."""
        self.count += 1
        self._labels.append(self.f.new_label())
        self.f.begin_block(self._labels[-1])
        yield
        self.f.line(f"br label %{self._end}")

    def finish(self) -> None:
        super().finish()
        cases = " ".join(f"i64 {n}, label %{label}" for n, label in enumerate(self._labels))
        self.f.prelude.append(f"  switch i64 %number, label %{self._end} [ {cases} ]")
        self.f.begin_block(self._end)


class SingleImageWriter(NetworkWriter):
    """Writes ``infer_single`` and gives each layer its slice of the packed weights."""

    def __init__(
        self, module: Module, target: Target, plan: MemoryPlan, thresholds: SplitThresholds
    ) -> None:
        kernels: dict[Hashable, str] = {}
        names = ("memory", "packed", "input", "byte_scaling", "logits")
        function = Function("infer_single", [f"ptr %{name}" for name in names], public=True)
        super().__init__(function, module, target, plan, kernels)
        self.thresholds, self.pieces = thresholds, PieceWriter(self, kernels)
        self.shared_multiplications = 0
        self._packed_floats = 0

    def take_packed(self, floats: int) -> int:
        """The offset, in bytes, of the next ``floats`` packed weights."""
        self._packed_floats += floats
        return 4 * (self._packed_floats - floats)

    def share(self, first: int, correlation: Correlation) -> None:
        """Make a shared layer of the pieces written since piece ``first``."""
        if not self.shared_multiplications:
            write_task(self)
        self.shared_multiplications += multiplication_count(correlation)
        call_shared_layer(self, first, self.pieces.count - first)

    def finish(self) -> None:
        if self.pieces.count:
            release_helpers(self)
            self.f.arguments = [*self.f.arguments, "ptr %common", "ptr %own", "i64 %threads"]
            self.pieces.finish()
            write_run_shared_layer(self.module, self.machine.pause)
        super().finish()
        if self.pieces.count:
            self.f.prelude += acquire_helpers()
