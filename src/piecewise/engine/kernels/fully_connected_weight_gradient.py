"""The weight gradient of a fully connected layer: the outer products of gradients and inputs, added
example by example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.llvm_text import GROUP_BYTES, Function
from ..ir.window_terms import runs, split_evenly
from .reductions import masked_load, masked_store

_SPAN = 4
"""The most vectors of inputs per tile."""


def transposed_row_bytes(values: int) -> int:
    """Bytes of an example's values, rounded up to full vectors of sixteen."""
    return 4 * 16 * -(-values // 16)


def transpose_inputs(f: Function, values: int) -> None:
    """Write the kernel (source, transposed): [values][16] -> [16][values rounded up to 16]."""
    row = transposed_row_bytes(values)
    strided = {"source": ("%source", 16 * GROUP_BYTES), "transposed": ("%transposed", 64)}
    f.note("transpose the inputs: each example's values side by side")
    with f.loop("blocks", -(-values // 16), strided, remark="16 values of 16 examples") as block:
        rows = [f.load(block["source"], index * GROUP_BYTES) for index in range(16)]
        for index, column in enumerate(f.transpose(rows)):
            f.store(column, block["transposed"], index * row)


@dataclass(frozen=True)
class FullWeightGradient:
    """The gradient of ``neurons`` x ``inputs`` weights. ``sums`` is the largest number of vectors
    per tile."""

    inputs: int
    neurons: int
    sums: int


class _OuterProductTile(NamedTuple):
    """A tile of neurons by vectors of inputs, with pointers to its numbers."""

    neurons: int
    span: int
    transposed: str
    upstream: str
    gradient: str


def full_weight_gradient(f: Function, spec: FullWeightGradient) -> None:
    """Write the kernel (transposed, upstream, gradient, count), where each of ``count`` examples
    adds gradient times value.

    The layouts are transposed [16][inputs rounded up], upstream [neurons][16] and gradient
    [neurons][inputs].
    """
    f.note(f"gradient of {spec.neurons} x {spec.inputs} weights, added example by example")
    full, rest = divmod(spec.inputs, f.lanes)
    wide = max(split_evenly(full, _SPAN), default=1)
    row, vector = 4 * spec.inputs, 4 * f.lanes
    for neuron, count, repeat in runs(spec.neurons, max(1, min(8, spec.sums // wide))):
        strided = {
            "upstream": (f.at("%upstream", neuron * GROUP_BYTES), count * GROUP_BYTES),
            "gradient": (f.at("%gradient", neuron * row), count * row),
        }
        with f.loop("neurons", repeat, strided, remark=f"{count} at once") as tiles:
            upstream = tiles["upstream"]
            for start, span, times in runs(full, _SPAN):
                columns = {
                    "transposed": (f.at("%transposed", start * vector), span * vector),
                    "gradient": (f.at(tiles["gradient"], start * vector), span * vector),
                }
                remark = (
                    f"{span * f.lanes} at once, {f.lanes} to a vector: {count * span} in registers"
                )
                with f.loop("values", times, columns, remark=remark) as x:
                    _add_examples(
                        f,
                        spec,
                        _OuterProductTile(count, span, x["transposed"], upstream, x["gradient"]),
                    )
            if rest:
                offset = full * vector
                transposed, gradient = f.at("%transposed", offset), f.at(tiles["gradient"], offset)
                mask = "<" + ", ".join(f"i1 {int(lane < rest)}" for lane in range(f.lanes)) + ">"
                with f.nested(f"for the last {rest} values", f"{count} in registers"):
                    _add_examples(
                        f, spec, _OuterProductTile(count, 1, transposed, upstream, gradient), mask
                    )


def _add_examples(
    f: Function, spec: FullWeightGradient, tile: _OuterProductTile, mask: str = ""
) -> None:
    """Add all examples to a tile. ``mask``: the lanes that are weights, if not all."""
    neurons, span, transposed, upstream, gradient = tile
    vector = 4 * f.lanes
    offsets = [o * 4 * spec.inputs + x * vector for o in range(neurons) for x in range(span)]
    if mask:
        sums = [masked_load(f, f.at(gradient, offset), mask) for offset in offsets]
    else:
        sums = [f.load(gradient, offset, align=4) for offset in offsets]
    strided = {
        "transposed": (transposed, transposed_row_bytes(spec.inputs)),
        "upstream": (upstream, 4),
    }
    carried = [(f.vector, value) for value in sums]
    with f.loop("examples", "%count", strided, carried, at_least_once=True) as n:
        values = [f.load(n["transposed"], x * vector) for x in range(span)]
        errors = [f.load_splat(n["upstream"], o * GROUP_BYTES) for o in range(neurons)]
        pairs = [(error, value) for error in errors for value in values]
        with f.note_products("weight_gradient[f][v] += gradient[f] * value[v]"):
            n.carried = [f.fma(*pair, total) for pair, total in zip(pairs, n.carried, strict=True)]
    for offset, value in zip(offsets, n.carried, strict=True):
        if mask:
            masked_store(f, value, f.at(gradient, offset), mask)
        else:
            f.store(value, gradient, offset, align=4)
