"""The memory plan of a thread, and the writer of functions that call kernels.

A pass asks for buffers by name. When all passes are written, `MemoryPlan` knows when each buffer is
in use and assigns offsets, so that buffers with disjoint lifetimes may share memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from ...spec.architecture import ArrayEntry
from .function_writer import Writer
from .llvm_text import Function, Module
from .target import Target

LINE = 64
"""Bytes of a cache line; every buffer is aligned to one."""
_ALWAYS = (-1, 1 << 30)
"""The first and last time of buffers that are always in use."""


@dataclass
class Buffer:
    """Some bytes of a thread's memory, in use from pass ``first`` to pass ``last``."""

    size: int
    first: int
    last: int
    offset: int = -1
    """Where it begins in bytes; set by `MemoryPlan.assign_offsets`."""


@dataclass
class MemoryPlan:
    """The buffers of a thread's memory, from byte ``start`` on."""

    start: int
    guard: int = 0
    """Free bytes around each buffer, in which tests detect stray writes."""
    separate: bool = False
    """Whether no two buffers share memory, so that all can be read afterwards."""
    buffers: dict[str, Buffer] = field(default_factory=dict)

    def use(self, name: str, size: int, time: int) -> None:
        """Record that a buffer of ``size`` bytes is in use at this time. It stays in use between
        its first and its last time."""
        buffer = self.buffers.setdefault(name, Buffer(size, time, time))
        assert buffer.size == size, f"{name}: {buffer.size} bytes, then {size}"
        buffer.first, buffer.last = min(buffer.first, time), max(buffer.last, time)

    def assign_offsets(self) -> int:
        """Assign an offset to every buffer and return the total bytes. Large buffers come first,
        each at the lowest offset that is free during its lifetime."""
        end = self.start + self.guard
        placed: list[Buffer] = []
        for buffer in sorted(self.buffers.values(), key=lambda p: (-p.size, p.first)):
            offset = self.start + self.guard
            for other in sorted(
                (o for o in placed if self._overlap(o, buffer)), key=lambda o: o.offset
            ):
                if offset + self._padded_size(buffer) <= other.offset:
                    break
                offset = max(offset, other.offset + self._padded_size(other))
            buffer.offset = offset
            placed.append(buffer)
            end = max(end, offset + self._padded_size(buffer))
        return end + 16 * LINE  # kernels may read, never write, a little past a buffer

    def _overlap(self, a: Buffer, b: Buffer) -> bool:
        return self.separate or (a.first <= b.last and b.first <= a.last)

    def _padded_size(self, buffer: Buffer) -> int:
        return -(-buffer.size // LINE) * LINE + self.guard


GROUP_ARGUMENTS = ("ptr %memory", "ptr %shard", "i64 %examples")
"""The arguments of a network function for each of its groups: the memory of its buffers, the shard
of its gradients and its number of examples. A digit follows the names of the second group's."""


def network_function(name: str, real: str = "float", groups: int = 1) -> Function:
    """A function that runs passes on one group, or on several at once. ``real`` is the type of all
    numbers, "float" or "double"."""
    shared = ("ptr %parameters", "ptr %running_stats", "ptr %key")
    own = [f"{argument}{group or ''}" for group in range(groups) for argument in GROUP_ARGUMENTS]
    return Function(name, [*shared, *own], real=real)


class NetworkWriter(Writer):
    """Writes one function that calls kernels in turn, such as a `network_function`. ``kernels``
    holds the names of the kernels written so far; the writers of a program share it."""

    def __init__(
        self,
        f: Function,
        module: Module,
        machine: Target,
        plan: MemoryPlan,
        kernels: dict[Hashable, str],
        statistics_offset: int = 0,
        groups: int = 1,
    ) -> None:
        super().__init__(f, module, machine.pause)
        self.real, self.bytes = f.real, f.bytes
        self.machine, self.plan = machine, plan
        self.time = 0
        """The number of the pass that is being written."""
        self.calls: list[tuple[str, str]] = []
        """(layer, kernel) of every call, in order."""
        self.groups = range(groups)
        """The numbers of the groups that the function runs on."""
        self.group = 0
        """The group that kernels are called for now."""
        self.statistics_offset = statistics_offset
        """Where a shard keeps batch statistics, counted in numbers."""
        self._kernels = kernels
        self._used: set[str] = set()

    @property
    def layer(self) -> str:
        """The layer of the pass that is being written."""
        return self.f.layer

    @layer.setter
    def layer(self, layer: str) -> None:
        self.f.layer = layer

    def each_group(self) -> Iterator[int]:
        """The groups in turn; each is the current one until the next."""
        for group in self.groups:
            self.group = group
            yield group
        self.group = 0

    def _of_group(self, argument: str) -> str:
        """The name of the current group's argument."""
        return f"{argument}{self.group or ''}"

    @property
    def memory(self) -> str:
        """The pointer to the current group's memory."""
        return self._of_group("%memory")

    @property
    def shard(self) -> str:
        """The pointer to the current group's shard."""
        return self._of_group("%shard")

    @property
    def examples(self) -> str:
        """The current group's number of examples, as an argument."""
        return f"i64 {self._of_group('%examples')}"

    def buffer(self, name: str, size: int) -> str:
        """The pointer to a buffer of the current group that is in use now."""
        self.plan.use(name, size, self.time)
        self._used.add(name)
        return f"%at{self.group or ''}.{name}"

    def lasting_buffer(self, name: str, size: int) -> str:
        """The pointer to a buffer that all groups share and that keeps its values between runs."""
        for time in _ALWAYS:
            self.plan.use(name, size, time)
        self._used.add(name)
        return f"%at.{name}"

    def weights(self, row: ArrayEntry) -> str:
        """The pointer to the parameters of a row of the parameter table."""
        return self.f.at("%parameters", self.bytes * row.offset)

    def gradient(self, row: ArrayEntry) -> str:
        """The pointer to their gradient in the shard."""
        return self.f.at(self.shard, self.bytes * row.offset)

    def running_stat(self, row: ArrayEntry) -> str:
        """The pointer to a running statistic."""
        return self.f.at("%running_stats", self.bytes * row.offset)

    def shard_statistic(self, row: ArrayEntry) -> str:
        """The pointer to the shard's sum for a running statistic."""
        return self.f.at(self.shard, self.bytes * (self.statistics_offset + row.offset))

    def kernel(
        self,
        name: str,
        spec: Hashable,
        arguments: str,
        write: Callable[[Function], None],
        lanes: int = 16,
    ) -> str:
        """The name of a kernel. ``write`` writes it once for each (name, spec). ``arguments`` lists
        its pointers; "count:" before a name marks an integer."""
        key = (name, spec)
        if key not in self._kernels:
            declared = [_declared(argument) for argument in arguments.split()]
            number = sum(existing.startswith(f"{name}.") for existing in self._kernels.values())
            function = Function(f"{name}.{number}", declared, lanes, real=self.real)
            write(function)
            self.module.add(function)
            self._kernels[key] = function.name
        return self._kernels[key]

    def call(self, kernel: str, *arguments: str) -> None:
        """Call a kernel. Arguments that start with "i64 " are integers, others pointers."""
        declared = self.module.functions[kernel].arguments
        if not self.group:  # the calls of a second group are the same
            self.f.note_call(kernel, declared, arguments)
        self._call(kernel, arguments)

    def note_later_call(self, kernel: str, **counts: int) -> None:
        """Add a kernel to the loop listing that another function calls, with some of its integer
        arguments."""
        declared = self.module.functions[kernel].arguments
        names = [argument.split("%")[1] for argument in declared]
        values = [f"i64 {counts.get(name, f'%{name}')}" for name in names]
        if not self.group:
            self.f.note_call(kernel, declared, values)
        self.calls.append((self.layer, kernel))

    def _call(self, kernel: str, arguments: Sequence[str]) -> None:
        self.calls.append((self.layer, kernel))
        typed = [a if a.startswith("i64 ") else f"ptr {a}" for a in arguments]
        self.f.call(kernel, *typed)

    def call_per_vector(self, kernel: str, vectors: list[str], others: list[str]) -> None:
        """Call a kernel that processes ``machine.lanes`` examples, once per vector of the group.
        ``vectors`` are pointers that advance by one vector per call, ``others`` stay the same."""
        lanes = self.machine.lanes
        declared, values = self.module.functions[kernel].arguments, [*vectors, *others]
        if self.group:
            pass  # the calls of a second group are the same
        elif lanes == 16:
            self.f.note_call(kernel, declared, values)
        else:
            with self.f.nested(f"{16 // lanes} times", f"{lanes} examples at once"):
                self.f.note_call(kernel, declared, values)
        for part in range(16 // lanes):
            moved = [self.f.at(stack, self.bytes * part * lanes) for stack in vectors]
            self._call(kernel, [*moved, *others])

    def finish(self) -> None:
        """Compute the buffers' pointers at the function's start and add it to the module. The plan
        must have its offsets."""
        pointers = [
            f"  %at{group or ''}.{name} = getelementptr i8, ptr %memory{group or ''}, "
            f"i64 {self.plan.buffers[name].offset}"
            for name in sorted(self._used)
            for group in self.groups
        ]
        self.f.prelude = pointers
        super().finish()


def _declared(argument: str) -> str:
    """The LLVM declaration of a kernel's argument."""
    name = argument.removeprefix("count:")
    return f"ptr noalias %{name}" if name == argument else f"i64 %{name}"
