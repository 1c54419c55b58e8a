"""What is done to every value by itself."""

from __future__ import annotations

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function


def relu(f: Function, stack: FeatureMapLayout) -> None:
    """The function (source, output): ReLU, where nothing before it could do it on the way."""
    moving = {"x": ("%source", stack.cell_bytes), "y": ("%output", stack.cell_bytes)}
    f.note("what is below 0 becomes 0")
    with f.loop("values", stack.values, moving) as value:
        f.note("keep the value, at least 0 (relu)")
        f.store(f.relu(f.load(value["x"])), value["y"])


def divide(f: Function, stack: FeatureMapLayout, divisor: int) -> None:
    """The function (values): all of a stack divided, in place."""
    f.note("slopes of sums from slopes of means")
    with f.loop("values", stack.values, {"x": ("%values", stack.cell_bytes)}) as value:
        f.note(f"slope / {divisor}")
        f.store(f.op("fdiv", f.load(value["x"]), f.constant(divisor)), value["x"])
