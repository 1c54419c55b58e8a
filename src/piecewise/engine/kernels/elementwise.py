"""Elementwise kernels: ReLU and division."""

from __future__ import annotations

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function


def relu(f: Function, layout: FeatureMapLayout) -> None:
    """Write the kernel (source, output): ReLU where it is not fused into another kernel."""
    strided = {"x": ("%source", layout.cell_bytes), "y": ("%output", layout.cell_bytes)}
    f.note("negative values become 0")
    with f.loop("values", layout.values, strided) as value:
        f.note("store relu(value)")
        f.store(f.relu(f.load(value["x"])), value["y"])


def divide(f: Function, layout: FeatureMapLayout, divisor: int) -> None:
    """Write the kernel (values): divide all values in place."""
    f.note("gradient of sums from gradient of means")
    with f.loop("values", layout.values, {"x": ("%values", layout.cell_bytes)}) as value:
        f.note(f"store gradient / {divisor}")
        f.store(f.op("fdiv", f.load(value["x"]), f.constant(divisor)), value["x"])
