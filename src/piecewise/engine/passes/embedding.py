"""Embedding: the first pass of a network that reads texts."""

from __future__ import annotations

from ...spec.layers import Embed
from ..ir.memory_plan import NetworkWriter
from ..ir.thread_header import INPUTS_OFFSET
from ..kernels.embedding import look_up, look_up_backward
from .base import Pass


class EmbedPass(Pass):
    """Words looked up: always the first pass, its input is the words themselves."""

    kind = Embed

    def given(self, d: NetworkWriter) -> str:
        return d.f.at("%memory", INPUTS_OFFSET)

    def forward(self, d: NetworkWriter) -> None:
        stack, relu = self.output, self.relu
        kernel = d.kernel(
            "embedding",
            (stack, relu),
            "words weight output",
            lambda f: look_up(f, stack, relu=relu),
        )
        d.call(kernel, self.given(d), d.weights(self.stage.parameters[0]), self.made(d))

    def backward(self, d: NetworkWriter) -> None:
        stack = self.output
        kernel = d.kernel(
            "embedding_backward",
            stack,
            "words upstream gradient count:count",
            lambda f: look_up_backward(f, stack),
        )
        gradient = d.gradient(self.stage.parameters[0])
        d.call(kernel, self.given(d), self.upstream(d), gradient, "i64 %pictures")
