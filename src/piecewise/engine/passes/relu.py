"""ReLU: fused into the pass before it where there is one, otherwise a pass of its own."""

from __future__ import annotations

from ...spec.architecture import Stage
from ...spec.layers import Relu
from ..ir.memory_plan import NetworkWriter
from ..kernels.elementwise import relu
from .base import Pass


class ReluPass(Pass):
    """ReLU by itself: of the network's input, or where every stack is kept."""

    kind = Relu

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:
        last.relu = True
        last.fused_stages.append(stage)
        return True

    def forward(self, d: NetworkWriter) -> None:
        stack = self.input
        kernel = d.kernel("relu", stack, "source output", lambda f: relu(f, stack))
        d.call(kernel, self.given(d), self.made(d))

    def backward(self, d: NetworkWriter) -> None:
        assert not self.needs_input_gradient, "ReLU by itself is the first pass"
