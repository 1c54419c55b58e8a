"""One picture's layers shared out: threads claim pieces of a layer from its two ends.

The thread that was asked takes pieces from the low end, and its helpers from the high end, so that
each finds near it what it made of the layer before. Nobody waits for a helper that has not come:
only pieces that were really claimed are waited for. All pieces of a network are numbered; those
that are free now, and how many threads may take some, are one word. Whoever changes that word from
what it saw has a piece that is free at that moment, however long it looked before.
"""

from __future__ import annotations

from ..ir.function_writer import Writer
from ..ir.llvm_text import Function, Module

MAX_HELPERS = 7
"""Threads beside the one that was asked."""
MAX_PIECES = 1 << 16
"""Pieces of all layers of a network."""
FREE, STEPS_DONE, OWNER, TOLD, LEAVE, TAKEN = 0, 128, 256, 384, 512, 640
"""Where, in the block of memory that threads share, is told: which pieces are free, how many of
the helpers' are done, whether somebody has the helpers, what a piece is (`RUN` and what follows),
whether helpers are to go, and how many pieces each ever took (128 bytes apart, as all that
different threads write)."""
RUN, MEMORY, PACKED, YIELDS = TOLD, TOLD + 8, TOLD + 16, TOLD + 24
SIZE = TAKEN + 128 * MAX_HELPERS
_LOOKS = 1024
"""How often a thread that waits looks before it lets others run: longer than a piece takes, so that
on a busy machine none gives its processor away in the middle of a layer."""
_HIGH, _THREADS = 1 << 16, 1 << 32
"""What counts one in the word: pieces begin at the lowest bits, end above, threads on top."""


class _Writer(Writer):
    """Writes a function that works on the block."""

    def __init__(
        self, name: str, arguments: str, module: Module, pause: str, *, public: bool = False
    ) -> None:
        super().__init__(Function(name, arguments.split(", "), public=public), module, pause)

    def look(self, place: int) -> str:
        """A word that others write."""
        return self.atomic_load(self.f.at("%block", place))

    def free(self) -> tuple[str, str, str]:
        """The word, and the free pieces in it: the first, and the one behind the last."""
        word = self.look(FREE)
        low = self.integer("and", word, _HIGH - 1)
        return word, low, self.integer("and", self.integer("lshr", word, 16), _HIGH - 1)

    def claimed(self, word: str, new: str) -> str:
        """Whether the word was still this one, and is ``new`` now."""
        change = f"cmpxchg ptr %block, i64 {word}, i64 {new} acq_rel acquire"
        return self.f.value(f"extractvalue {{ i64, i1 }} {self.f.value(change)}, 1")

    def wait(self, turn: str) -> None:
        """A pause; now and then others may run. ``turn``: how many there were."""
        f = self.f
        self.spin()
        with f.when(self.integer("icmp eq", self.integer("and", turn, _LOOKS - 1), _LOOKS - 1)):
            self.yield_thread(f.load("%block", YIELDS, "ptr"))


def prelude() -> list[str]:
    """How a function with shared layers begins: it has the helpers' block, if nobody else does, or
    else its own, where nobody looks."""
    return [
        f"  %owner = getelementptr i8, ptr %common, i64 {OWNER}",
        "  %owned = cmpxchg ptr %owner, i64 0, i64 1 acq_rel monotonic",
        "  %mine = extractvalue { i64, i1 } %owned, 1",
        "  %block = select i1 %mine, ptr %common, ptr %own",
        f"  %most = mul i64 %threads, {_THREADS}",
    ]


def told(w: Writer) -> None:
    """Before the first shared layer: what a piece is."""
    for place, value in ((RUN, "@piece"), (MEMORY, "%memory"), (PACKED, "%packed")):
        w.f.store(value, "%block", place, "ptr")


def shared(w: Writer, first: int, count: int) -> None:
    """A layer of these pieces; behind it all of them are done."""
    word = w.integer("or", "%most", first + _HIGH * (first + count))
    w.f.call("share", "ptr %block", f"i64 {word}", f"i64 {first + count}")


def given_back(w: Writer) -> None:
    """Behind the last shared layer: somebody else may have the helpers."""
    w.atomic_store(0, w.f.at("%block", OWNER), "release")


def write_share(module: Module, pause: str) -> None:
    """``share(block, word, end)``: the pieces of ``word`` up to ``end``, until all are done."""
    w = _Writer("share", "ptr %block, i64 %word, i64 %end", module, pause)
    f = w.f
    f.store("0", "%block", STEPS_DONE, "i64")
    w.atomic_store("%word", "%block", "release")
    memory, packed = f.load("%block", MEMORY, "ptr"), f.load("%block", PACKED, "ptr")
    with f.repeat() as none_free:
        word, low, high = w.free()
        f.break_if(none_free, w.integer("icmp uge", low, high))
        with f.when(w.claimed(word, w.integer("add", word, 1))):
            f.call("piece", f"ptr {memory}", f"ptr {packed}", f"i64 {low}")
    theirs = w.integer("sub", "%end", low)
    with f.repeat() as all_done, f.loop("looks", _LOOKS * _HIGH) as turn:
        f.break_if(all_done, w.integer("icmp eq", w.look(STEPS_DONE), theirs))
        w.wait(turn.index)
    w.finish()


def write_help(module: Module, pause: str) -> None:
    """``help(block, number, looks)``: take pieces as helper ``number``, until there were none for
    so many looks, or it is told to go."""
    w = _Writer("help", "ptr %block, i64 %number, i64 %looks", module, pause, public=True)
    f = w.f
    place = w.integer("add", w.integer("mul", "%number", 128), TAKEN)
    taken = f.at("%block", place)
    with f.repeat() as nothing:
        f.break_if(nothing, w.integer("icmp ne", w.look(LEAVE), 0))
        found = f.new_label()
        with f.loop("looks", "%looks") as turn:
            word, low, high = w.free()
            some = w.integer("icmp ult", low, high)
            allowed = w.integer(
                "icmp ugt", w.integer("lshr", word, 32), w.integer("add", "%number", 1)
            )
            f.break_if(found, f.op("and", some, allowed, "i1"))
            w.wait(turn.index)
        f.line(f"br label %{nothing}")
        f.begin_block(found)
        with f.when(w.claimed(word, w.integer("sub", word, _HIGH))):
            run, memory, packed = (f.load("%block", at, "ptr") for at in (RUN, MEMORY, PACKED))
            number = w.integer("sub", high, 1)
            f.line(f"call void {run}(ptr {memory}, ptr {packed}, i64 {number})")
            f.store(w.integer("add", f.load(taken, 0, "i64"), 1), taken, 0, "i64")
            w.atomic_increment(f.at("%block", STEPS_DONE), "release")
    w.finish()
