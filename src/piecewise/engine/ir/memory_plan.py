"""What passes are written with: kernels made once for each form, and places in a thread's memory.

A pass says where its numbers lie by name; when all passes are written, the `Plan` knows when each
place is used and lays them out so that places never in use together may share memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from ...spec.architecture import ArrayEntry
from .function_writer import Writer
from .llvm_text import Function, Module
from .target import Target

LINE = 64
"""Bytes of a cache line; every place begins on one."""


@dataclass
class Buffer:
    """Some bytes of a thread's memory, in use from one pass to another."""

    size: int
    first: int
    last: int
    offset: int = -1
    """Where it begins; known when the plan is laid out."""


@dataclass
class MemoryPlan:
    """Where everything lies in a thread's memory, from byte ``start`` on."""

    start: int
    guard: int = 0
    """Bytes left free around each place, which tests fill and look at."""
    separate: bool = False
    """Whether every place has memory of its own, so that it can be read afterwards."""
    buffers: dict[str, Buffer] = field(default_factory=dict)

    def use(self, name: str, size: int, time: int) -> None:
        """A place of ``size`` bytes is in use at this time, and at all times between its uses."""
        place = self.buffers.setdefault(name, Buffer(size, time, time))
        assert place.size == size, f"{name}: {place.size} bytes, then {size}"
        place.first, place.last = min(place.first, time), max(place.last, time)

    def assign_offsets(self) -> int:
        """Give every place its offset; the bytes needed in all. Large places first, each as low as
        it fits beside those that are in use at the same time."""
        end = self.start + self.guard
        laid: list[Buffer] = []
        for place in sorted(self.buffers.values(), key=lambda p: (-p.size, p.first)):
            offset = self.start + self.guard
            for other in sorted((o for o in laid if self._meet(o, place)), key=lambda o: o.offset):
                if offset + self._room(place) <= other.offset:
                    break
                offset = max(offset, other.offset + self._room(other))
            place.offset = offset
            laid.append(place)
            end = max(end, offset + self._room(place))
        return end + 16 * LINE  # kernels may read, never write, a little past a place

    def _meet(self, a: Buffer, b: Buffer) -> bool:
        return self.separate or (a.first <= b.last and b.first <= a.last)

    def _room(self, place: Buffer) -> int:
        return -(-place.size // LINE) * LINE + self.guard


def network_function(name: str, real: str = "float") -> Function:
    """A function that runs passes on a group. ``real``: what all numbers are, "float" or
    "double"."""
    pointers = [
        f"ptr %{what}" for what in ("memory", "parameters", "running_stats", "shard", "key")
    ]
    return Function(name, [*pointers, "i64 %examples"], real=real)


class NetworkWriter(Writer):
    """Writes one function that calls kernels in turn, such as a `network_function`. ``kernels``:
    the names of those written so far, shared by the drivers of a program."""

    def __init__(
        self,
        f: Function,
        module: Module,
        machine: Target,
        plan: MemoryPlan,
        kernels: dict[Hashable, str],
        statistics_offset: int = 0,
    ) -> None:
        super().__init__(f, module, machine.pause)
        self.real, self.bytes = f.real, f.bytes
        self.machine, self.plan = machine, plan
        self.time = 0
        """The number of the pass that is being written."""
        self.calls: list[tuple[str, str]] = []
        """(layer, kernel) of every call, in order."""
        self.statistics_offset = statistics_offset
        """Where a shard keeps the statistics, in numbers."""
        self._kernels = kernels
        self._used: set[str] = set()

    @property
    def layer(self) -> str:
        """The layer of the pass that is being written."""
        return self.f.layer

    @layer.setter
    def layer(self, layer: str) -> None:
        self.f.layer = layer

    def buffer(self, name: str, size: int) -> str:
        """The pointer to a place in use now."""
        self.plan.use(name, size, self.time)
        self._used.add(name)
        return f"%at.{name}"

    def weights(self, row: ArrayEntry) -> str:
        """The pointer to a line of the parameter table."""
        return self.f.at("%parameters", self.bytes * row.offset)

    def gradient(self, row: ArrayEntry) -> str:
        """The pointer to its gradient in the shard."""
        return self.f.at("%shard", self.bytes * row.offset)

    def running_stat(self, row: ArrayEntry) -> str:
        """The pointer to a running average."""
        return self.f.at("%running_stats", self.bytes * row.offset)

    def shard_statistic(self, row: ArrayEntry) -> str:
        """The pointer to what the shard has seen for a running average."""
        return self.f.at("%shard", self.bytes * (self.statistics_offset + row.offset))

    def kernel(
        self,
        name: str,
        spec: Hashable,
        arguments: str,
        write: Callable[[Function], None],
        lanes: int = 16,
    ) -> str:
        """The name of the function that ``write`` writes, the same one for the same ``what``.
        ``arguments``: its pointers' names, "count:" before a name for a whole number."""
        key = (name, spec)
        if key not in self._kernels:
            given = [_declared(argument) for argument in arguments.split()]
            number = sum(existing.startswith(f"{name}.") for existing in self._kernels.values())
            function = Function(f"{name}.{number}", given, lanes, real=self.real)
            write(function)
            self.module.add(function)
            self._kernels[key] = function.name
        return self._kernels[key]

    def call(self, kernel: str, *arguments: str) -> None:
        """Call a kernel; an argument that starts with "i64 " is a number, others are pointers."""
        declared = self.module.functions[kernel].arguments
        self.f.note_call(kernel, declared, arguments)
        self._call(kernel, arguments)

    def _call(self, kernel: str, arguments: Sequence[str]) -> None:
        self.calls.append((self.layer, kernel))
        typed = [a if a.startswith("i64 ") else f"ptr {a}" for a in arguments]
        self.f.call(kernel, *typed)

    def call_per_vector(self, kernel: str, vectors: list[str], others: list[str]) -> None:
        """Call a kernel that does ``machine.lanes`` examples for all sixteen: ``stacks`` move on by
        so many lanes, ``others`` stay."""
        lanes = self.machine.lanes
        declared, given = self.module.functions[kernel].arguments, [*vectors, *others]
        if lanes == 16:
            self.f.note_call(kernel, declared, given)
        else:
            with self.f.nested(f"{16 // lanes} times", f"{lanes} examples at once"):
                self.f.note_call(kernel, declared, given)
        for part in range(16 // lanes):
            moved = [self.f.at(stack, self.bytes * part * lanes) for stack in vectors]
            self._call(kernel, [*moved, *others])

    def finish(self) -> None:
        """When the plan is laid out: say where the places are, and be part of the module."""
        heads = [
            f"  %at.{name} = getelementptr i8, ptr %memory, i64 {self.plan.buffers[name].offset}"
            for name in sorted(self._used)
        ]
        self.f.prelude = heads
        super().finish()


def _declared(argument: str) -> str:
    """An argument of a kernel as LLVM declares it."""
    name = argument.removeprefix("count:")
    return f"ptr noalias %{name}" if name == argument else f"i64 %{name}"
