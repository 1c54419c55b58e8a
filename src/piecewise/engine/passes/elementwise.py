"""Dropout, ReLU by itself, and embedding."""

from __future__ import annotations

from ...spec.architecture import Stage
from ...spec.layers import Dropout, Embed, Relu
from ..ir.memory_plan import Driver
from ..ir.thread_header import WORDS_AT
from ..kernels.dropout import Drop, drop, drop_backward
from ..kernels.elementwise import rectify
from ..kernels.embedding import look_up, look_up_backward
from .base import Pass


class DropoutPass(Pass):
    """A share of the values sits out; only while training is there such a pass."""

    kind = Dropout

    def _factors(self, d: Driver) -> str:
        """What each value was multiplied by."""
        return d.place(f"{self.name}.factors", self.input.size)

    def forward(self, d: Driver) -> None:
        layer = self.stage.layer
        assert isinstance(layer, Dropout)
        what = Drop(self.input, layer.rate, self.stage.number, self.relu)
        kernel = d.kernel(
            "drop", what, "source output factors key pictures", lambda f: drop(f, what)
        )
        factors = self._factors(d)
        d.call(kernel, self.given(d), self.made(d), factors, "%key", "%memory")

    def backward(self, d: Driver) -> None:
        if not self.passes_on:
            return
        stack, masked = self.input, self.masked
        kernel = d.kernel(
            "drop_back",
            (stack, masked),
            "source factors upstream output",
            lambda f: drop_backward(f, stack, masked=masked),
        )
        factors = self._factors(d)
        d.call(kernel, self.mask(d, factors), factors, self.upstream(d), self.downstream(d))


class ReluPass(Pass):
    """ReLU by itself: of the network's input, or where every stack is kept."""

    kind = Relu

    @classmethod
    def fuse(cls, last: Pass, stage: Stage) -> bool:
        last.relu = True
        last.covers.append(stage)
        return True

    def forward(self, d: Driver) -> None:
        stack = self.input
        kernel = d.kernel("rectify", stack, "source output", lambda f: rectify(f, stack))
        d.call(kernel, self.given(d), self.made(d))

    def backward(self, d: Driver) -> None:
        assert not self.passes_on, "ReLU by itself is the first pass"


class EmbedPass(Pass):
    """Words looked up: always the first pass, its input is the words themselves."""

    kind = Embed

    def given(self, d: Driver) -> str:
        return d.f.at("%memory", WORDS_AT)

    def forward(self, d: Driver) -> None:
        stack, relu = self.output, self.relu
        kernel = d.kernel(
            "look_up",
            (stack, relu),
            "words weight output",
            lambda f: look_up(f, stack, relu=relu),
        )
        d.call(kernel, self.given(d), d.weights(self.stage.parameters[0]), self.made(d))

    def backward(self, d: Driver) -> None:
        stack = self.output
        kernel = d.kernel(
            "look_up_back",
            stack,
            "words upstream gradient count:count",
            lambda f: look_up_backward(f, stack),
        )
        gradient = d.gradient(self.stage.parameters[0])
        d.call(kernel, self.given(d), self.upstream(d), gradient, "i64 %pictures")
