"""The sums of a fully connected layer and of its input gradient, for one or two groups at a time.

output[o] = bias[o] + sum over c of weight[o][c] * source[c]

A layer has many weights, and each is used once per group. So two groups are computed together: a
tile of outputs keeps one sum per vector of examples in registers, and a loaded weight is multiplied
by all of them. For an input gradient, o and c swap roles and the source is the upstream gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.llvm_text import Function
from ..ir.loop_notes import relu_mask_text
from ..ir.target import Target
from ..ir.window_terms import runs, tile_height

_BLOCK = 128
"""Terms that are added to all outputs before the next ones. The weights of an input gradient lie a
row apart; those of a block stay in the cache until all outputs have used them."""


Vectors = list[tuple[int, int]]
"""Vectors of examples, as (group, byte offset in a cell)."""


@dataclass(frozen=True)
class FullSums:
    """The sums of a layer. Strides of the weight count numbers."""

    terms: int
    """Terms of each sum."""
    outputs: int
    output_stride: int
    term_stride: int
    groups: int
    bias: bool = False
    relu: bool = False
    masked: bool = False
    """Whether the outputs are gradients that are zero where a mask is not above zero."""
    backward: bool = False
    """Whether it computes an input gradient: the source is the upstream gradient."""

    @property
    def block(self) -> int:
        """Terms that are added at a time."""
        return min(self.terms, _BLOCK) if self.term_stride > 1 else self.terms

    @property
    def earlier_blocks(self) -> int:
        """Blocks before the last one."""
        return (self.terms - 1) // self.block

    @property
    def arguments(self) -> str:
        """The kernel's arguments: pointers of each group, the weights and the biases."""
        names = ["source", "output", *["mask"] * self.masked]
        each = [f"{name}{group}" for group in range(self.groups) for name in names]
        return " ".join([*each, "weight", *["bias"] * self.bias])


def full_sums(f: Function, machine: Target, spec: FullSums) -> None:
    """Write the kernel of `FullSums.arguments`; sources, outputs and masks are [value][16]."""
    _FullSumsEmitter(f, machine, spec).emit()


class _FullSumsEmitter:
    """Writes one kernel."""

    def __init__(self, f: Function, machine: Target, spec: FullSums) -> None:
        self.f, self.spec = f, spec
        self.axis = "channels" if spec.backward else "features"
        self.cell_bytes = 16 * f.bytes
        # Eight sums keep the multipliers busy; those of two vectors share the loads of weights.
        vectors = [
            (group, lane * f.bytes)
            for group in range(spec.groups)
            for lane in range(0, 16, f.lanes)
        ]
        width = min(2, len(vectors))
        self.height = min(8, machine.sums // width)
        self.vectors = [vectors[first : first + width] for first in range(0, len(vectors), width)]
        """The vectors of a tile, as (group, byte offset in a cell), for each tile."""
        self.weight_step = spec.term_stride * f.bytes

    @property
    def sources(self) -> list[str]:
        return [f"source{group}" for group in range(self.spec.groups)]

    def emit(self) -> None:
        """Write the loops over blocks of terms, if there are several, and over tiles."""
        f, spec = self.f, self.spec
        together = f", {spec.groups} groups at once" if spec.groups > 1 else ""
        f.note(f"{spec.outputs} {self.axis}, each a sum of products{together}")
        blocks, start = spec.earlier_blocks, {name: f"%{name}" for name in spec.arguments.split()}
        if not blocks:
            self._tiles(start, spec.terms, "all")
            return
        self._clear()
        steps = dict.fromkeys(self.sources, spec.block * self.cell_bytes)
        steps["weight"] = spec.block * self.weight_step
        strided = {name: (start[name], step) for name, step in steps.items()}
        with f.loop("blocks", blocks, strided, remark=f"{spec.block} terms of each sum") as block:
            self._tiles(start | {name: block[name] for name in steps}, spec.block, "earlier")
        last = {name: f.at(start[name], blocks * step) for name, step in steps.items()}
        terms = spec.terms - blocks * spec.block
        with f.nested(f"for the last {terms} terms"):
            self._tiles(start | last, terms, "last")

    def _clear(self) -> None:
        f, size = self.f, self.spec.outputs * self.cell_bytes
        f.note("set the outputs to 0")
        for group in range(self.spec.groups):
            arguments = f"ptr align 64 %output{group}, i8 0, i64 {size}, i1 false"
            f.line(f"call void @llvm.memset.p0.i64({arguments})")

    def _tiles(self, start: Mapping[str, str], terms: int, which: str) -> None:
        """Add the next terms to all sums, tile by tile. ``which``: "all" terms, those of an
        "earlier" block or of the "last" one."""
        f, spec = self.f, self.spec
        steps = {"weight": spec.output_stride * f.bytes}
        steps |= {f"output{group}": self.cell_bytes for group in range(spec.groups)}
        if spec.bias:
            steps["bias"] = f.bytes
        if spec.masked and which != "earlier":
            steps |= {f"mask{group}": self.cell_bytes for group in range(spec.groups)}
        height = tile_height(spec.outputs, self.height)
        for output, count, repeat in runs(spec.outputs, height):
            strided = {
                name: (f.at(start[name], output * step), count * step)
                for name, step in steps.items()
            }
            with f.loop(self.axis, repeat, strided, remark=f"{count} at once") as tile:
                pointers = {name: start[name] for name in self.sources}
                pointers |= {name: tile[name] for name in steps}
                for vectors in self.vectors:
                    self._tile(pointers, vectors, count, terms, which)

    def _tile(
        self, pointers: Mapping[str, str], vectors: Vectors, count: int, terms: int, which: str
    ) -> None:
        """Add terms to the sums of some outputs and vectors."""
        f, spec = self.f, self.spec
        sums = self._first_sums(pointers, vectors, count, which)
        groups = sorted({group for group, _ in vectors})
        strided = {
            f"source{group}": (pointers[f"source{group}"], self.cell_bytes) for group in groups
        }
        strided["weight"] = (pointers["weight"], self.weight_step)
        name, x = ("f", "gradient[f]") if spec.backward else ("c", "x[c]")
        with f.loop(name, terms, strided, [(f.vector, s) for s in sums]) as term:
            values = [f.load(term[f"source{group}"], part) for group, part in vectors]
            with f.note_products(f"sum += weight[f][c] * {x}"):
                weights = (
                    f.load_splat(term["weight"], o * spec.output_stride * f.bytes)
                    for o in range(count)
                )
                pairs = ((weight, value) for weight in weights for value in values)
                term.carried = [
                    f.fma(*pair, total) for pair, total in zip(pairs, term.carried, strict=True)
                ]
        self._store(pointers, vectors, term.carried, which)

    def _places(self, vectors: Vectors, count: int) -> list[tuple[int, int, int]]:
        """(output, group, byte offset from the tile's first output) of each sum."""
        return [
            (o, group, o * self.cell_bytes + part) for o in range(count) for group, part in vectors
        ]

    def _first_sums(
        self, pointers: Mapping[str, str], vectors: Vectors, count: int, which: str
    ) -> list[str]:
        f, places = self.f, self._places(vectors, count)
        first = {"all": "bias" if self.spec.bias else "0"}.get(which, "its last value")
        f.note(f"{len(places)} sums in registers: {count} x {len(vectors)}, each starts at {first}")
        if which != "all":
            return [f.load(pointers[f"output{group}"], offset) for _, group, offset in places]
        if not self.spec.bias:
            return ["zeroinitializer"] * len(places)
        biases = [f.load_splat(pointers["bias"], o * f.bytes) for o in range(count)]
        return [biases[o] for o, _, _ in places]

    def _store(
        self, pointers: Mapping[str, str], vectors: Vectors, sums: list[str], which: str
    ) -> None:
        f, spec, done = self.f, self.spec, which != "earlier"
        relu, masked = spec.relu and done, spec.masked and done
        text = ", after relu" if relu else relu_mask_text(masked)
        f.note(f"store the {len(sums)} sums{text}")
        places = self._places(vectors, len(sums) // len(vectors))
        for total, (_, group, offset) in zip(sums, places, strict=True):
            value = f.relu(total) if relu else total
            if masked:
                value = f.where_positive(f.load(pointers[f"mask{group}"], offset), value)
            f.store(value, pointers[f"output{group}"], offset)
