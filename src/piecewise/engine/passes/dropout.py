"""Dropout while training."""

from __future__ import annotations

from ...spec.layers import Dropout
from ..ir.memory_plan import NetworkWriter
from ..kernels.dropout import DropoutForward, drop, drop_backward
from .base import Pass


class DropoutPass(Pass):
    """A share of the values sits out; only while training is there such a pass."""

    kind = Dropout

    def _factors(self, d: NetworkWriter) -> str:
        """What each value was multiplied by."""
        return d.buffer(f"{self.name}.factors", self.input.size)

    def forward(self, d: NetworkWriter) -> None:
        layer = self.stage.layer
        assert isinstance(layer, Dropout)
        what = DropoutForward(self.input, layer.rate, self.stage.number, self.relu)
        kernel = d.kernel(
            "dropout", what, "source output factors key pictures", lambda f: drop(f, what)
        )
        factors = self._factors(d)
        d.call(kernel, self.given(d), self.made(d), factors, "%key", "%memory")

    def backward(self, d: NetworkWriter) -> None:
        if not self.needs_input_gradient:
            return
        stack, masked = self.input, self.masked
        kernel = d.kernel(
            "dropout_backward",
            (stack, masked),
            "source factors upstream output",
            lambda f: drop_backward(f, stack, masked=masked),
        )
        factors = self._factors(d)
        d.call(kernel, self.mask(d, factors), factors, self.upstream(d), self.downstream(d))
