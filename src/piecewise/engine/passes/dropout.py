"""Dropout."""

from __future__ import annotations

from ...spec.layers import Dropout
from ..ir.memory_plan import NetworkWriter
from ..kernels.dropout import DropoutForward, dropout, dropout_backward
from .base import Pass


class DropoutPass(Pass):
    """Sets a fraction of the values to zero; exists only in training."""

    kind = Dropout

    def _factors(self, writer: NetworkWriter) -> str:
        """The factor that each value was multiplied by."""
        return writer.buffer(f"{self.name}.factors", self.input.size)

    def forward(self, writer: NetworkWriter) -> None:
        layer = self.stage.layer
        assert isinstance(layer, Dropout)
        spec = DropoutForward(self.input, layer.rate, self.stage.number, self.relu)
        kernel = writer.kernel(
            "dropout", spec, "source output factors key examples", lambda f: dropout(f, spec)
        )
        factors = self._factors(writer)
        writer.call(
            kernel,
            self.input_pointer(writer),
            self.output_pointer(writer),
            factors,
            "%key",
            writer.memory,
        )

    def backward(self, writer: NetworkWriter) -> None:
        if not self.needs_input_gradient:
            return
        layout, masked = self.input, self.masked
        kernel = writer.kernel(
            "dropout_backward",
            (layout, masked),
            "source factors upstream output",
            lambda f: dropout_backward(f, layout, masked=masked),
        )
        factors = self._factors(writer)
        writer.call(
            kernel,
            self.relu_mask(writer, factors),
            factors,
            self.output_gradient(writer),
            self.input_gradient(writer),
        )
