"""Dropout. The zeroed values depend only on seed, epoch, example, layer and cell."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from ..ir.feature_maps import FeatureMapLayout
from ..ir.llvm_text import Function, Pointers, splat
from ..ir.loop_notes import relu_mask_text
from .threefry import example_keys, threefry


@dataclass(frozen=True)
class DropoutForward:
    """The forward pass of dropout. ``layer`` is the layer's number in the network, which selects
    its random words."""

    layout: FeatureMapLayout
    rate: float
    layer: int
    relu: bool


def dropout(f: Function, spec: DropoutForward) -> None:
    """Write the kernel (source, output, factors, key, examples). ``key`` holds the key of seed,
    purpose and epoch, ``examples`` the example numbers. ``factors`` are saved for the backward
    pass."""
    f.note(f"each value becomes 0 with probability {spec.rate:g}")
    pairs, rest = divmod(spec.layout.values, 2)
    keys = threefry(
        f, example_keys(f, "%key", "%examples"), splat(16, spec.layer, "i32"), "zeroinitializer"
    )
    size = 2 * spec.layout.cell_bytes
    strided = {"x": ("%source", size), "y": ("%output", size), "factors": ("%factors", size)}
    if pairs:
        with f.loop("pairs", pairs, strided, remark="2 values per random draw") as pair:
            _pair(f, spec, pair, keys, f.cast("trunc", pair.index, "i64", "i32"), 2)
    if rest:
        last = {key: f.at(start, pairs * size) for key, (start, _) in strided.items()}
        _pair(f, spec, last, keys, str(pairs), 1)


def _pair(
    f: Function,
    spec: DropoutForward,
    pointers: Pointers,
    keys: tuple[str, str],
    counter: str,
    cells: int,
) -> None:
    """Two cells, or the last one, from one counter of the random number generator."""
    f.note(f"{cells} random numbers from seed, epoch, example, layer and cell")
    f.note(
        f"store 0 or value / {1 - spec.rate:g}{', after relu' if spec.relu else ''}, and the factor"
    )
    words = threefry(f, keys, f.broadcast(counter, "i32"), "zeroinitializer")
    bound = splat(16, ceil(spec.rate * 2**24), "i32")  # word / 2**24 < rate, as integers
    for cell in range(cells):
        drawn = f.op("lshr", words[cell], splat(16, 8, "i32"), "<16 x i32>")
        out = f.op("icmp ult", drawn, bound, "<16 x i32>")
        factor = f.select(out, "zeroinitializer", f.constant(1 / (1 - spec.rate)))
        y = f.op("fmul", f.load(pointers["x"], cell * spec.layout.cell_bytes), factor)
        f.store(f.relu(y) if spec.relu else y, pointers["y"], cell * spec.layout.cell_bytes)
        f.store(factor, pointers["factors"], cell * spec.layout.cell_bytes)


def dropout_backward(f: Function, layout: FeatureMapLayout, *, masked: bool) -> None:
    """Write the kernel (source, factors, upstream, output). The source is the ReLU mask."""
    strided = {
        key: (f"%{key}", layout.cell_bytes) for key in ("source", "factors", "upstream", "output")
    }
    f.note("gradient of each value times its factor")
    with f.loop("values", layout.values, strided) as value:
        f.note(f"store gradient * factor{relu_mask_text(masked)}")
        gradient = f.op("fmul", f.load(value["upstream"]), f.load(value["factors"]))
        if masked:
            gradient = f.where_positive(f.load(value["source"]), gradient)
        f.store(gradient, value["output"])
