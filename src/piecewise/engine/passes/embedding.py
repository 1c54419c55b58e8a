"""Embedding, the first pass of a network that reads texts."""

from __future__ import annotations

from ...spec.layers import Embed
from ..ir.memory_plan import NetworkWriter
from ..ir.thread_header import INPUTS_OFFSET
from ..kernels.embedding import embed, embed_backward, transposed_bytes
from .base import Pass


class EmbedPass(Pass):
    """Looks up the embedding vector of each token, and computes the lengths of the texts after
    each layer. Its input is the token numbers."""

    kind = Embed

    def input_pointer(self, writer: NetworkWriter) -> str:
        return writer.f.at(writer.memory, INPUTS_OFFSET)

    def forward(self, writer: NetworkWriter) -> None:
        words = self.input_pointer(writer)
        self.lengths.compute(writer, words)
        layout, relu = self.output, self.relu
        kernel = writer.kernel(
            "embedding",
            (layout, relu),
            "words weight output",
            lambda f: embed(f, layout, relu=relu),
        )
        weights = writer.weights(self.stage.parameters[0])
        writer.call(kernel, words, weights, self.output_pointer(writer))

    def backward(self, writer: NetworkWriter) -> None:
        layout = self.output
        kernel = writer.kernel(
            "embedding_backward",
            layout,
            "words upstream gradient transposed count:count",
            lambda f: embed_backward(f, layout),
        )
        writer.call(
            kernel,
            self.input_pointer(writer),
            self.output_gradient(writer),
            writer.gradient(self.stage.parameters[0]),
            writer.buffer(f"{self.name}.transposed", transposed_bytes(layout)),
            writer.examples,
        )
