"""The update rules of the optimizers, for a block of sixteen parameters.

`reference/optimizers.py` defines them.
"""

from __future__ import annotations

from ...spec.optimizer_constants import BETA1, BETA2, EPSILON
from ..ir.llvm_text import Function, Loop


def update_rule(
    f: Function, optimizer: str, block: Loop, old: str, gradient: str, scalars: list[str]
) -> str:
    """The new weights; the optimizer state is updated in memory. ``block``: the pointers "state"
    and, with adamw, "second". ``scalars``: rate, rate x decay, AdamW's two bias corrections,
    momentum and decay."""
    if optimizer == "adamw":
        return _adamw(f, block, old, gradient, scalars)
    return _sgd(f, block, old, gradient, scalars, nesterov=optimizer == "nesterov")


def _sgd(
    f: Function, block: Loop, old: str, gradient: str, scalars: list[str], *, nesterov: bool
) -> str:
    """SGD with momentum or Nesterov momentum: the new weights."""
    rate, _, _, _, momentum, decay = scalars
    gradient = f.fma(decay, old, gradient)
    velocity = f.fma(momentum, f.load(block["state"]), gradient)
    f.store(velocity, block["state"])
    step = f.fma(momentum, velocity, gradient) if nesterov else velocity
    return f.fma(f.op("fmul", rate, f.constant(-1)), step, old)


def _adamw(f: Function, block: Loop, old: str, gradient: str, scalars: list[str]) -> str:
    """AdamW: the new weights."""
    rate, shrink, first_correction, second_correction = scalars[:4]
    old = f.fma(f.op("fmul", shrink, f.constant(-1)), old, old)
    first = f.fma(
        f.constant(BETA1), f.load(block["state"]), f.op("fmul", f.constant(1 - BETA1), gradient)
    )
    squared = f.op("fmul", f.op("fmul", f.constant(1 - BETA2), gradient), gradient)
    second = f.fma(f.constant(BETA2), f.load(block["second"]), squared)
    f.store(first, block["state"])
    f.store(second, block["second"])
    corrected = f.op("fdiv", second, second_correction)
    deviation = f.value(f"call {f.vector} @llvm.sqrt.v16f32({f.vector} {corrected})")
    step = f.op(
        "fdiv", f.op("fdiv", first, first_correction), f.op("fadd", deviation, f.constant(EPSILON))
    )
    return f.fma(f.op("fmul", rate, f.constant(-1)), step, old)
