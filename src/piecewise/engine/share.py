"""One picture's layers shared out: threads claim pieces of a layer from its two ends.

The thread that was asked takes pieces from the low end, and its helpers from the high end, so that
each finds near it what it made of the layer before. Nobody waits for a helper that has not come:
only pieces that were really claimed are waited for. All pieces of a network are numbered; those
that are free now, and how many threads may take some, are one word. Whoever changes that word from
what it saw has a piece that is free at that moment, however long it looked before.
"""

from __future__ import annotations

from .ir import Function, Module

MOST_HELPERS = 7
"""Threads beside the one that was asked."""
MOST_PIECES = 1 << 16
"""Pieces of all layers of a network."""
FREE, DONE, OWNER, TOLD, LEAVE, TAKEN = 0, 128, 256, 384, 512, 640
"""Where, in the block of memory that threads share, is told: which pieces are free, how many of
the helpers' are done, whether somebody has the helpers, what a piece is (`RUN` and what follows),
whether helpers are to go, and how many pieces each ever took (128 bytes apart, as all that
different threads write)."""
RUN, MEMORY, PACKED, YIELDS = TOLD, TOLD + 8, TOLD + 16, TOLD + 24
SIZE = TAKEN + 128 * MOST_HELPERS
_LOOKS = 1024
"""How often a thread that waits looks before it lets others run: longer than a piece takes, so that
on a busy machine none gives its processor away in the middle of a layer."""
_HIGH, _THREADS = 1 << 16, 1 << 32
"""What counts one in the word: pieces begin at the lowest bits, end above, threads on top."""


class _Writer:
    """A function that works on the block."""

    def __init__(self, name: str, arguments: str, pause: str, *, public: bool = False) -> None:
        self.f = Function(name, arguments.split(", "), public=public)
        self.pause = pause

    def whole(self, operation: str, a: str, b: str | int) -> str:
        return self.f.two(operation, a, str(b), "i64")

    def look(self, place: int) -> str:
        """A word that others write."""
        pointer = self.f.at("%block", place)
        return self.f.value(f"load atomic i64, ptr {pointer} acquire, align 8")

    def free(self) -> tuple[str, str, str]:
        """The word, and the free pieces in it: the first, and the one behind the last."""
        word = self.look(FREE)
        low = self.whole("and", word, _HIGH - 1)
        return word, low, self.whole("and", self.whole("lshr", word, 16), _HIGH - 1)

    def claimed(self, word: str, new: str) -> str:
        """Whether the word was still this one, and is ``new`` now."""
        change = f"cmpxchg ptr %block, i64 {word}, i64 {new} acq_rel acquire"
        return self.f.value(f"extractvalue {{ i64, i1 }} {self.f.value(change)}, 1")

    def wait(self, turn: str) -> None:
        """A pause; now and then others may run. ``turn``: how many there were."""
        f = self.f
        f.line(f'call void asm sideeffect "{self.pause}", ""()')
        with f.when(self.whole("icmp eq", self.whole("and", turn, _LOOKS - 1), _LOOKS - 1)):
            f.value(f"call i32 {f.load('%block', YIELDS, 'ptr')}()")


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


def told(f: Function) -> None:
    """Before the first shared layer: what a piece is."""
    for place, value in ((RUN, "@piece"), (MEMORY, "%memory"), (PACKED, "%packed")):
        f.store(value, "%block", place, "ptr")


def shared(f: Function, first: int, count: int) -> None:
    """A layer of these pieces; behind it all of them are done."""
    word = f.two("or", "%most", str(first + _HIGH * (first + count)), "i64")
    f.call("share", "ptr %block", f"i64 {word}", f"i64 {first + count}")


def given_back(f: Function) -> None:
    """Behind the last shared layer: somebody else may have the helpers."""
    pointer = f.at("%block", OWNER)
    f.line(f"store atomic i64 0, ptr {pointer} release, align 8")


def write_share(module: Module, pause: str) -> None:
    """``share(block, word, end)``: the pieces of ``word`` up to ``end``, until all are done."""
    w = _Writer("share", "ptr %block, i64 %word, i64 %end", pause)
    f = w.f
    f.store("0", "%block", DONE, "i64")
    f.line("store atomic i64 %word, ptr %block release, align 8")
    memory, packed = f.load("%block", MEMORY, "ptr"), f.load("%block", PACKED, "ptr")
    with f.repeat() as none_free:
        word, low, high = w.free()
        f.leave(none_free, w.whole("icmp uge", low, high))
        with f.when(w.claimed(word, w.whole("add", word, 1))):
            f.call("piece", f"ptr {memory}", f"ptr {packed}", f"i64 {low}")
    theirs = w.whole("sub", "%end", low)
    with f.repeat() as all_done, f.loop("looks", _LOOKS * _HIGH) as turn:
        f.leave(all_done, w.whole("icmp eq", w.look(DONE), theirs))
        w.wait(turn.index)
    module.add(f)


def write_help(module: Module, pause: str) -> None:
    """``help(block, number, looks)``: take pieces as helper ``number``, until there were none for
    so many looks, or it is told to go."""
    w = _Writer("help", "ptr %block, i64 %number, i64 %looks", pause, public=True)
    f = w.f
    place = f.two("add", f.two("mul", "%number", "128", "i64"), str(TAKEN), "i64")
    taken = f.at("%block", place)
    with f.repeat() as nothing:
        f.leave(nothing, w.whole("icmp ne", w.look(LEAVE), 0))
        found = f.label()
        with f.loop("looks", "%looks") as turn:
            word, low, high = w.free()
            some = w.whole("icmp ult", low, high)
            allowed = w.whole("icmp ugt", w.whole("lshr", word, 32), w.whole("add", "%number", 1))
            f.leave(found, f.two("and", some, allowed, "i1"))
            w.wait(turn.index)
        f.line(f"br label %{nothing}")
        f.begin(found)
        with f.when(w.claimed(word, w.whole("sub", word, _HIGH))):
            run, memory, packed = (f.load("%block", at, "ptr") for at in (RUN, MEMORY, PACKED))
            number = w.whole("sub", high, 1)
            f.line(f"call void {run}(ptr {memory}, ptr {packed}, i64 {number})")
            f.store(w.whole("add", f.load(taken, 0, "i64"), 1), taken, 0, "i64")
            done = f.at("%block", DONE)
            f.value(f"atomicrmw add ptr {done}, i64 1 release")
    module.add(f)
