"""A builder for LLVM intermediate representation (IR) in text form.

A `Function` collects instructions from top to bottom. Values are strings that name LLVM values
("%v17"). `Function.loop` opens a counted loop with strided pointers and loop-carried values. Each
loop and each `note` also becomes a line of the loop listing (`loop_notes`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from .loop_notes import LoopNotes

GROUP_BYTES = 64
"""Bytes of one cell in float32: sixteen values, one per example of a group."""
FLOAT64_GROUP_BYTES = 128
"""Bytes of one cell in float64."""
SIZES = {"float": 4, "i32": 4, "double": 8, "i64": 8, "ptr": 8, "i8": 1, "i16": 2}
"""Bytes of the scalar types."""

PointerSteps = Mapping[str, tuple[str, int | str]]
"""Pointers by name, each with the bytes it advances per iteration."""


class Pointers(Protocol):
    """Pointers by name: a `Loop` or a dictionary."""

    def __getitem__(self, name: str, /) -> str: ...


def float64_constant(value: float) -> str:
    """A double constant as LLVM text: its bits in hexadecimal."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def float_constant(value: float) -> str:
    """A float constant as LLVM text: the bits of the double that equals the float32."""
    return float64_constant(struct.unpack("<f", struct.pack("<f", value))[0])


def vector_of(lanes: int, element: str = "float") -> str:
    """The vector type of ``lanes`` elements."""
    return f"<{lanes} x {element}>"


def splat(lanes: int, value: float, element: str = "float") -> str:
    """A constant vector with equal lanes, without its type."""
    to_text = {"float": float_constant, "double": float64_constant}.get(element)
    text = to_text(value) if to_text else str(int(value))
    return "<" + ", ".join([f"{element} {text}"] * lanes) + ">"


class Loop:
    """An open loop: ``index``, strided pointers by name, and ``carried`` values.

    Set ``carried`` to the values for the next iteration before the loop closes. After the loop it
    holds the final values.
    """

    def __init__(self, index: str, strided: Mapping[str, str], carried: list[str]) -> None:
        self.index, self.carried = index, carried
        self._pointers = strided

    def __getitem__(self, name: str) -> str:
        return self._pointers[name]


class _Phi(NamedTuple):
    """The phi instruction of a loop-carried value: name, type, and value on entry."""

    name: str
    kind: str
    first: str


class Function(LoopNotes):
    """One function under construction. ``lanes`` is the number of examples per vector, ``real`` the
    type of its numbers, "float" or "double"."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        lanes: int = 16,
        *,
        public: bool = False,
        real: str = "float",
    ) -> None:
        super().__init__()
        self.name, self.lanes, self.real = name, lanes, real
        self.vector, self.bytes = vector_of(lanes, real), SIZES[real]
        self.arguments, self._public = arguments, public
        self._lines: list[str] = []
        self._count = 0
        self._block = "entry"
        self.prelude: list[str] = []
        """Lines that come before all others."""

    # Plain lines.

    def line(self, text: str) -> None:
        """Append an instruction without a result."""
        self._lines.append("  " + text)

    def value(self, text: str) -> str:
        """Append an instruction and return its result."""
        name = self._new()
        self._lines.append(f"  {name} = {text}")
        return name

    def _new(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def new_label(self) -> str:
        """A new block label, to be placed with `begin_block`."""
        self._count += 1
        return f"b{self._count}"

    def begin_block(self, label: str) -> None:
        """Start the block ``label``."""
        self._lines.append(f"{label}:")
        self._block = label

    # Memory.

    def at(self, pointer: str, offset: int | str) -> str:
        """The pointer plus ``offset`` bytes."""
        if offset in {0, "0"}:
            return pointer
        return self.value(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def load(self, pointer: str, offset: int | str = 0, kind: str = "", align: int = 0) -> str:
        """Load a vector of numbers, or a value of type ``kind``."""
        kind = kind or self.vector
        align = align or _alignment(kind)
        return self.value(f"load {kind}, ptr {self.at(pointer, offset)}, align {align}")

    def store(
        self, value: str, pointer: str, offset: int | str = 0, kind: str = "", align: int = 0
    ) -> None:
        """Store a vector of numbers, or a value of type ``kind``."""
        kind = kind or self.vector
        align = align or _alignment(kind)
        self.line(f"store {kind} {value}, ptr {self.at(pointer, offset)}, align {align}")

    # Arithmetic on vectors of numbers.

    def broadcast(self, scalar: str, kind: str = "") -> str:
        """A vector with a scalar in all lanes."""
        kind = kind or self.real
        wide = vector_of(self.lanes, kind)
        first = self.value(f"insertelement {wide} poison, {kind} {scalar}, i64 0")
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        return self.value(f"shufflevector {wide} {first}, {wide} poison, {zeros}")

    def load_splat(self, pointer: str, offset: int | str = 0) -> str:
        """Load a scalar and broadcast it to all lanes."""
        return self.broadcast(self.load(pointer, offset, self.real))

    def fma(self, a: str, b: str, c: str) -> str:
        """Fused multiply-add: a * b + c, rounded once."""
        v, bits = self.vector, 8 * self.bytes
        self.products += 1
        return self.value(f"call {v} @llvm.fma.v{self.lanes}f{bits}({v} {a}, {v} {b}, {v} {c})")

    def constant(self, value: float) -> str:
        """A constant in all lanes."""
        return splat(self.lanes, value, self.real)

    def op(self, operation: str, a: str, b: str, kind: str = "") -> str:
        """A binary instruction such as "fadd" or "fcmp ogt"."""
        return self.value(f"{operation} {kind or self.vector} {a}, {b}")

    def cast(self, operation: str, value: str, kind: str, target: str) -> str:
        """A conversion instruction such as "trunc" or "bitcast"."""
        return self.value(f"{operation} {kind} {value} to {target}")

    def select(self, condition: str, yes: str, no: str, kind: str = "") -> str:
        """Per lane ``yes`` or ``no``, by a vector of i1."""
        kind, truth = kind or self.vector, vector_of(self.lanes, "i1")
        return self.value(f"select {truth} {condition}, {kind} {yes}, {kind} {no}")

    def relu(self, value: str) -> str:
        """ReLU; NaN stays NaN."""
        below = self.op("fcmp olt", value, "zeroinitializer")
        return self.select(below, "zeroinitializer", value)

    def where_positive(self, mask: str, value: str) -> str:
        """The value in lanes whose mask is above zero, zero in the others."""
        above = self.op("fcmp ogt", mask, "zeroinitializer")
        return self.select(above, value, "zeroinitializer")

    def first_lanes(self, count: str) -> str:
        """The mask of the first ``count`` lanes (an i64): sixteen i1."""
        wide = self.broadcast(self.cast("trunc", count, "i64", "i32"), "i32")
        return self.value(f"icmp slt {_indices(range(16))}, {wide}")

    def sum_lanes(self, value: str, operation: str = "fadd") -> str:
        """The sum of all lanes, added pairwise: i and i + 8, then i + 4, i + 2, i + 1."""
        width = self.lanes
        while width > 1:
            kind, half = vector_of(width, self.real), width // 2
            low, high = (
                self.shuffle(value, "poison", range(start, start + half), kind)
                for start in (0, half)
            )
            value = self.op(operation, low, high, vector_of(half, self.real))
            width = half
        return self.value(f"extractelement <1 x {self.real}> {value}, i64 0")

    def shuffle(self, a: str, b: str, lanes: Sequence[int], kind: str = "") -> str:
        """Lanes of two vectors, numbered through both, as one vector."""
        kind = kind or self.vector
        return self.value(f"shufflevector {kind} {a}, {kind} {b}, {_indices(lanes)}")

    def transpose(self, rows: Sequence[str], kind: str = "") -> list[str]:
        """Transpose sixteen vectors of sixteen lanes, by four rounds of interleaving."""
        vectors = list(rows)
        for _ in range(4):
            pairs = [(vectors[index], vectors[index + 8]) for index in range(8)]
            vectors = [
                self.shuffle(a, b, [lane // 2 + 16 * (lane % 2) + half for lane in range(16)], kind)
                for a, b in pairs
                for half in (0, 8)
            ]
        return vectors

    def nearest(self, value: str) -> str:
        """Round to the nearest integer, ties to even, for values from -2**22 to 2**22: adding 1.5 *
        2**23 drops the fraction."""
        shifted = self.op("fadd", value, self.constant(1.5 * 2**23))
        return self.op("fsub", shifted, self.constant(1.5 * 2**23))

    # Control.

    @contextmanager
    def loop(
        self,
        name: str,
        count: int | str,
        strided: PointerSteps | None = None,
        carried: Sequence[tuple[str, str]] = (),
        *,
        at_least_once: bool = False,
        trip_count: str = "",
        remark: str = "",
    ) -> Iterator[Loop]:
        """Open a loop over 0 to ``count`` - 1 (an integer or an i64 value). ``strided`` gives
        pointers by name and the bytes each advances per iteration, ``carried`` the (type, initial
        value) of loop-carried values.

        In the loop listing, ``trip_count`` describes a count that is an i64 value, and ``remark``
        describes one iteration.
        """
        strided = strided or {}
        with self.nested(f"for {name}, {trip_count or count} times", remark):
            if count == 1:
                starts = {key: start for key, (start, _) in strided.items()}
                yield Loop("0", starts, [first for _, first in carried])
            else:
                sure = at_least_once or (isinstance(count, int) and count > 0)
                with self._loop_blocks(count, strided, carried, sure=sure) as loop:
                    yield loop

    @contextmanager
    def _loop_blocks(
        self,
        count: int | str,
        strided: PointerSteps,
        carried: Sequence[tuple[str, str]],
        *,
        sure: bool,
    ) -> Iterator[Loop]:
        """The loop as basic blocks. If ``sure``, the first iteration runs without a test of
        ``count``."""
        body, latch, after = self.new_label(), self.new_label(), self.new_label()
        before, head = self._block, body if sure else self.new_label()
        self.line(f"br label %{head}")
        self.begin_block(head)
        slots = len(self._lines)  # the phi lines are written when their second values are known
        phis = [_Phi(self._new(), "i64", "0")]
        phis += [_Phi(self._new(), "ptr", start) for start, _ in strided.values()]
        phis += [_Phi(self._new(), kind, first) for kind, first in carried]
        self._lines += [""] * len(phis)
        index, *names = (phi.name for phi in phis)
        values = names[len(strided) :]
        if not sure:
            more = self.value(f"icmp slt i64 {index}, {count}")
            self.line(f"br i1 {more}, label %{body}, label %{after}")
            self.begin_block(body)
        loop = Loop(index, dict(zip(strided, names, strict=False)), list(values))
        yield loop
        self.line(f"br label %{latch}")
        self.begin_block(latch)
        following = [self.value(f"add nuw nsw i64 {index}, 1")]
        following += [self.at(loop[key], step) for key, (_, step) in strided.items()]
        following += loop.carried
        if sure:
            more = self.value(f"icmp slt i64 {following[0]}, {count}")
            self.line(f"br i1 {more}, label %{head}, label %{after}")
        else:
            self.line(f"br label %{head}")
        for slot, (phi, second) in enumerate(zip(phis, following, strict=True), slots):
            edges = f"[ {phi.first}, %{before} ], [ {second}, %{latch} ]"
            self._lines[slot] = f"  {phi.name} = phi {phi.kind} {edges}"
        self.begin_block(after)
        if not sure:
            loop.carried = values

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Open a block that runs only if the i1 value is true."""
        yes, after = self.new_label(), self.new_label()
        self.line(f"br i1 {condition}, label %{yes}, label %{after}")
        self.begin_block(yes)
        yield
        self.line(f"br label %{after}")
        self.begin_block(after)

    @contextmanager
    def repeat(self) -> Iterator[str]:
        """Open an endless loop; `break_if` leaves it through the label that this yields."""
        body, after = self.new_label(), self.new_label()
        self.line(f"br label %{body}")
        self.begin_block(body)
        yield after
        self.line(f"br label %{body}")
        self.begin_block(after)

    def break_if(self, label: str, condition: str) -> None:
        """Jump to the label if the i1 value is true."""
        on = self.new_label()
        self.line(f"br i1 {condition}, label %{label}, label %{on}")
        self.begin_block(on)

    def call(self, function: str, *arguments: str) -> None:
        """Call a function; each argument comes with its type."""
        self.line(f"call void @{function}({', '.join(arguments)})")

    def text(self) -> str:
        """The function as LLVM text."""
        linkage = "" if self._public else "internal "
        head = f"define {linkage}void @{self.name}({', '.join(self.arguments)}) #0 {{"
        return "\n".join([head, "entry:", *self.prelude, *self._lines, "  ret void", "}", ""])


def _indices(lanes: Sequence[int]) -> str:
    """A constant vector of lane numbers, with its type."""
    return f"<{len(lanes)} x i32> <" + ", ".join(f"i32 {lane}" for lane in lanes) + ">"


def _alignment(kind: str) -> int:
    """The natural alignment of a type in bytes, at most a cache line."""
    if kind in SIZES:
        return SIZES[kind]
    lanes, _, element = kind.strip("<>").split()
    return min(64, int(lanes) * SIZES[element])


class Module:
    """Functions and constant tables that are compiled together."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}
        self._tables: dict[tuple[int, ...], str] = {}
        self.declarations: set[str] = set()
        """Declarations of LLVM intrinsics."""

    def add(self, function: Function) -> Function:
        """Add a function and return it."""
        self.functions[function.name] = function
        return function

    def table(self, numbers: Sequence[int]) -> str:
        """The name of a constant array of i64; equal arrays share one."""
        key = tuple(int(n) for n in numbers)
        return self._tables.setdefault(key, f"@table{len(self._tables)}")

    def text(self) -> str:
        """The module as LLVM text."""
        sections = [*sorted(self.declarations), ""]
        for key, name in self._tables.items():
            values = ", ".join(f"i64 {n}" for n in key)
            sections.append(f"{name} = internal constant [{len(key)} x i64] [{values}], align 64")
        sections += [function.text() for function in self.functions.values()]
        sections.append('attributes #0 = { nounwind "no-trapping-math"="true" }')
        return "\n".join(sections)
