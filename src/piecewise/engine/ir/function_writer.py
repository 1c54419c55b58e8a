"""Base classes of function writers: i64 arithmetic, atomics, and loads from the program context."""

from __future__ import annotations

from collections.abc import Sequence

from .llvm_text import Function, Module
from .program_context import FIELD_OFFSETS, NEXT_ITEM


class Writer:
    """Writes one function of a module. ``pause`` is the instruction of a spin-wait loop."""

    def __init__(self, f: Function, module: Module, pause: str = "") -> None:
        self.f, self.module, self.pause = f, module, pause

    def integer(self, operation: str, a: str, b: str | int) -> str:
        """Write an instruction on two i64 operands and return its result."""
        return self.f.op(operation, a, str(b), "i64")

    def minimum(self, a: str, b: str) -> str:
        """The smaller of two signed i64 values."""
        less = self.integer("icmp slt", a, b)
        return self.f.value(f"select i1 {less}, i64 {a}, i64 {b}")

    def atomic_load(self, pointer: str) -> str:
        """Load an i64 that other threads write."""
        return self.f.value(f"load atomic i64, ptr {pointer} acquire, align 8")

    def atomic_store(self, value: str | int, pointer: str, ordering: str) -> None:
        """Store an i64 that other threads read."""
        self.f.line(f"store atomic i64 {value}, ptr {pointer} {ordering}, align 8")

    def atomic_increment(self, pointer: str, ordering: str) -> str:
        """Add 1 to an i64 and return the value before."""
        return self.f.value(f"atomicrmw add ptr {pointer}, i64 1 {ordering}")

    def spin(self) -> None:
        """Write the processor's hint for a spin-wait loop."""
        self.f.line(f'call void asm sideeffect "{self.pause}", ""()')

    def yield_thread(self, function: str) -> None:
        """Let another thread run: call the system function at this address."""
        self.f.value(f"call i32 {function}()")

    def finish(self) -> None:
        """Add the function to the module."""
        self.module.add(self.f)


class EntryWriter(Writer):
    """Writes ``name(context, thread)``, a function that Python calls on every thread."""

    def __init__(self, name: str, module: Module, pause: str = "", real: str = "float") -> None:
        function = Function(name, ["ptr %context", "i64 %thread"], public=True, real=real)
        super().__init__(function, module, pause)

    def load_context(self, name: str, kind: str = "i64") -> str:
        """Load a field of the program context."""
        return self.f.load("%context", FIELD_OFFSETS[name], kind)

    def load_pointers(self, *names: str) -> list[str]:
        """Load fields of the program context that are pointers."""
        return [self.load_context(name, "ptr") for name in names]

    def load_element(self, name: str, index: str, size: int = 8, kind: str = "i64") -> str:
        """Load an element of an array that the program context points to."""
        pointer = self.f.at(self.load_context(name, "ptr"), self.integer("mul", index, size))
        return self.f.load(pointer, 0, kind)

    def claim(self) -> str:
        """The number of the next work item; no other thread gets it."""
        return self.atomic_increment(self.f.at("%context", NEXT_ITEM), "monotonic")

    def call_network(
        self, function: str, shared: Sequence[str], groups: Sequence[tuple[str, str, str]]
    ) -> None:
        """Call a function of a `NetworkWriter` with what its groups share (parameters, running
        statistics, key), and each group's memory, shard and number of examples. The function for
        two groups has the name of the other one, with "_pair"."""
        arguments = [f"ptr {pointer}" for pointer in shared]
        for memory, shard, examples in groups:
            arguments += [f"ptr {memory}", f"ptr {shard}", f"i64 {examples}"]
        self.f.call(function + "_pair" * (len(groups) - 1), *arguments)
