"""ReLU, fused into the pass before it, or a pass of its own."""

from __future__ import annotations

from ...spec.architecture import Stage
from ...spec.layers import Relu
from ..ir.memory_plan import NetworkWriter
from ..kernels.elementwise import relu
from .base import Pass


class ReluPass(Pass):
    """ReLU of the network's input, or where every activation is kept."""

    kind = Relu

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:
        last.relu = True
        last.fused_stages.append(stage)
        return True

    def forward(self, writer: NetworkWriter) -> None:
        layout = self.input
        kernel = writer.kernel("relu", layout, "source output", lambda f: relu(f, layout))
        writer.call(kernel, self.input_pointer(writer), self.output_pointer(writer))

    def backward(self, writer: NetworkWriter) -> None:
        assert not self.needs_input_gradient, "ReLU by itself is the first pass"
