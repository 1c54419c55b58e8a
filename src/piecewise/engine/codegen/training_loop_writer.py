"""The sizes and offsets of a program, and the base of its entry functions' writers."""

from __future__ import annotations

from dataclasses import dataclass

from ...spec.frozen_layers import NOTHING, FrozenPart
from ..ir.function_writer import EntryWriter
from ..ir.llvm_text import Module
from ..ir.program_context import STOPPED, WEIGHTS
from ..ir.thread_header import (
    INPUTS_OFFSET,
    LABELS_OFFSET,
    NUMBERS_OFFSET,
    SAMPLE_WEIGHTS_OFFSET,
)
from ..kernels.embedding_marks import MarkedTable
from ..passes.fully_connected import WeightRecord


@dataclass(frozen=True)
class ProgramLayout:
    """The sizes and memory offsets that the entry functions need."""

    parameter_count: int
    running_stat_count: int
    pack_kernel: str
    """The kernel that packs images into lanes; empty for texts."""
    input_at: int
    """The offset of the packed input in a thread's memory."""
    logits_at: int
    logits_gradient_at: int
    classes: int
    optimizer: str
    """"sgd", "nesterov", "adamw", or "none": only the gradient, in the first shard."""
    stats_momentum: float
    """The momentum of batch norm's running averages."""
    frames_at: int | None = None
    """The offset of geometric augmentation's work buffer; None without it."""
    weighted: bool = False
    """Whether examples have sample weights."""
    intensity_kernels: tuple[str, ...] = ()
    """The kernels that change images after they were packed into lanes."""
    frozen: FrozenPart = NOTHING
    """The parameters and running statistics that no step changes, the first of each."""
    table: MarkedTable | None = None
    """The embedding table, if it is so large that its gradient is summed where it is not zero."""
    scaled: bool = False
    """Whether each gradient is multiplied by a factor of its own."""
    records: tuple[WeightRecord, ...] = ()
    """The layers whose weight gradients are computed for a whole batch at once."""
    second_memory: int = 0
    """The offset of a second group's memory in a thread's, if the program runs two at a time; 0 if
    it runs one."""
    prepares: bool = False
    """Whether a thread first computes what depends on the parameters alone."""

    @property
    def blocks(self) -> int:
        """Blocks of sixteen parameters."""
        return -(-self.parameter_count // 16)

    @property
    def record_bytes(self) -> int:
        """Bytes that each group leaves for them."""
        return self.records[0].bytes if self.records else 0

    @property
    def block_ranges(self) -> list[tuple[int, int, bool]]:
        """Ranges of blocks (first, stop, recorded). The gradients of recorded ones are in the first
        shard alone. A block with other parameters beside the weights of a layer is not recorded."""
        ranges, done = [], 0
        for record in self.records:
            weights = record.blocks
            if weights:
                ranges += [(done, weights.start, False), (weights.start, weights.stop, True)]
                done = weights.stop
        ranges.append((done, self.blocks, False))
        return [each for each in ranges if each[0] < each[1]]

    @property
    def marked_blocks(self) -> int:
        """Blocks, from the first on, whose gradients are zero unless they are marked."""
        return self.table.blocks if self.table else 0

    @property
    def shard_floats(self) -> int:
        """Floats from one shard to the next: gradients and statistics in complete cache lines, not
        a power of two apart."""
        lines = self.blocks + -(-self.running_stat_count // 16)
        return 16 * (lines + 8 + lines % 2)


class LoopWriter(EntryWriter):
    """Writes an entry function."""

    def __init__(self, name: str, module: Module, layout: ProgramLayout, pause: str) -> None:
        super().__init__(name, module, pause)
        self.layout = layout

    def thread_memory(self) -> str:
        """The memory of the thread that runs."""
        f = self.f
        slot = f.at(self.load_context("thread_memories", "ptr"), self.integer("shl", "%thread", 3))
        return f.load(slot, 0, "ptr")

    def network_arguments(self) -> tuple[str, str, str]:
        """The arguments of a network function that its groups share: parameters, running statistics
        and the key."""
        weights = self.f.load("%context", WEIGHTS, "ptr")
        running_stats, key = self.load_pointers("running_stats", "key")
        return weights, running_stats, key

    def open_preparation(self) -> str:
        """The pointer to whether the thread has prepared its memory for these parameters: not
        yet."""
        if not self.layout.prepares:
            return ""
        declaration = "  %prepared = alloca i64"
        if declaration not in self.f.prelude:
            self.f.prelude.append(declaration)
        self.f.store("0", "%prepared", 0, "i64")
        return "%prepared"

    def prepare(self, memory: str, prepared: str) -> None:
        """Prepare the thread's memory before its first group, if the program needs that."""
        if not prepared:
            return
        with self.f.when(self.integer("icmp eq", self.f.load(prepared, 0, "i64"), 0)):
            self.call_network("prepare", self.network_arguments(), [(memory, "null", "0")])
            self.f.store("1", prepared, 0, "i64")

    def groups_together(self, items: str) -> str:
        """How many of these groups or shards a thread runs at once: 1, or 2 if there are enough of
        them for all threads."""
        if not self.layout.second_memory:
            return "1"
        needed = self.integer("shl", self.load_context("threads"), 1)
        enough = self.integer("icmp sge", items, needed)
        return self.f.value(f"select i1 {enough}, i64 2, i64 1")

    def gather(self, memory: str, start: str, count: str, *, ordered: bool) -> None:
        """Fill the group's header from position ``start`` on: the examples' indices, labels,
        sample weights and addresses. Unused lanes repeat the first example. Then pack and augment
        the input."""
        f = self.f
        inputs, stride = self.load_context("inputs", "ptr"), self.load_context("stride")
        moving = {
            "index": (f.at(memory, NUMBERS_OFFSET), 8),
            "label": (f.at(memory, LABELS_OFFSET), 8),
            "address": (f.at(memory, INPUTS_OFFSET), 8),
        }
        if self.layout.weighted:
            moving["weight"] = (f.at(memory, SAMPLE_WEIGHTS_OFFSET), 4)
        with f.loop("lanes", 16, moving) as lane:
            used = self.integer("icmp slt", lane.index, count)
            offset = f.value(f"select i1 {used}, i64 {lane.index}, i64 0")
            index = self.integer("add", start, offset)
            if ordered:
                index = self.load_element("order", index)
                f.store(self.load_element("labels", index), lane["label"], 0, "i64")
                if self.layout.weighted:
                    weight = self.load_element("sample_weights", index, 4, "float")
                    f.store(weight, lane["weight"], 0, "float")
            f.store(index, lane["index"], 0, "i64")
            f.store(f.at(inputs, self.integer("mul", index, stride)), lane["address"], 0, "ptr")
        self._pack(memory)

    def _pack(self, memory: str) -> None:
        """Pack the group's images into lanes, and augment them."""
        f, layout = self.f, self.layout
        indices = f"ptr {f.at(memory, NUMBERS_OFFSET)}"
        packed = f"ptr {f.at(memory, layout.input_at)}"
        scaling = self.load_context("byte_scaling", "ptr")
        arguments = [f"ptr {f.at(memory, INPUTS_OFFSET)}", f"ptr {scaling}"]
        if layout.frames_at is not None:
            frames = f"ptr {f.at(memory, layout.frames_at)}"
            geometry = f"ptr {self.load_context('geometry', 'ptr')}"
            f.call("augment_geometry", *arguments, geometry, indices, frames, packed)
        elif layout.pack_kernel:
            f.call(layout.pack_kernel, *arguments, packed)
        for kernel in layout.intensity_kernels:
            f.call(kernel, packed, f"ptr {self.load_context('intensity', 'ptr')}", indices)

    def frozen_lanes(self, frozen: int, block: str, first: str = "0") -> str:
        """The lanes of block ``first + block``, sixteen values, that are among the first ``frozen``
        values; empty if nothing is frozen."""
        if not frozen:
            return ""
        start = self.integer("shl", self.integer("add", first, block), 4)
        return self.f.first_lanes(self.integer("sub", str(frozen), start))

    def keep_frozen(self, lanes: str, old: str, new: str) -> str:
        """The old values in the frozen lanes, the new ones in the others."""
        return self.f.select(lanes, old, new) if lanes else new

    def stop_if(self, condition: str) -> None:
        """Stop training at the next barrier if the condition holds."""
        with self.f.when(condition):
            stopped = self.f.at("%context", STOPPED)  # several threads may write it at once
            self.atomic_store(1, stopped, "monotonic")
