"""Work sharing: threads compute one layer of a single input together, piece by piece.

The calling thread claims pieces from the low end and its helpers from the high end, so that each
of them finds the part of the previous layer that it computed in its own cache. The caller waits
only for claimed pieces, never for a helper that has not arrived. The pieces of all layers are
numbered. One atomic word holds the range of free pieces and the number of threads that may claim
them. A thread claims a piece by a compare-and-exchange of that word, which succeeds only if the
piece is still free.
"""

from __future__ import annotations

from ..ir.function_writer import Writer
from ..ir.llvm_text import Function, Module

MAX_HELPERS = 7
"""Helper threads, without the caller."""
MAX_PIECES = 1 << 16
"""Pieces of all layers of a network."""
FREE_PIECES, PIECES_DONE, OWNER, TASK, EXIT, PIECES_CLAIMED = 0, 128, 256, 384, 512, 640
"""Offsets in the memory block that the threads share: the word of free pieces; how many pieces
the helpers have finished; whether a caller owns the helpers; the function that computes a piece
(`PIECE_FUNCTION` and what follows); whether helpers should exit; how many pieces each helper ever
claimed. They are 128 bytes apart because different threads write them."""
PIECE_FUNCTION, MEMORY, PACKED, YIELDS = TASK, TASK + 8, TASK + 16, TASK + 24
SIZE = PIECES_CLAIMED + 128 * MAX_HELPERS
_POLLS = 1024
"""Polls of a waiting thread before it lets other threads run. They take longer than a piece does,
so that no thread gives up its processor in the middle of a layer."""
_ONE_HIGH, _ONE_THREAD = 1 << 16, 1 << 32
"""One unit of each field of the word: the first free piece is in bits 0 to 15, the end of the free
pieces in bits 16 to 31, and the number of threads above."""


class _SharedBlockWriter(Writer):
    """Writes a function that works on the shared block."""

    def __init__(
        self, name: str, arguments: str, module: Module, pause: str, *, public: bool = False
    ) -> None:
        super().__init__(Function(name, arguments.split(", "), public=public), module, pause)

    def read(self, offset: int) -> str:
        """A word that other threads write."""
        return self.atomic_load(self.f.at("%block", offset))

    def free_pieces(self) -> tuple[str, str, str]:
        """The word, the first free piece in it, and the end of the free pieces."""
        word = self.read(FREE_PIECES)
        low = self.integer("and", word, _ONE_HIGH - 1)
        return word, low, self.integer("and", self.integer("lshr", word, 16), _ONE_HIGH - 1)

    def exchange(self, word: str, new: str) -> str:
        """Compare and exchange: whether the word was still ``word``, and is ``new`` now."""
        change = f"cmpxchg ptr %block, i64 {word}, i64 {new} acq_rel acquire"
        return self.f.value(f"extractvalue {{ i64, i1 }} {self.f.value(change)}, 1")

    def wait(self, poll: str) -> None:
        """Pause between two polls; yield to other threads after every `_POLLS` of them."""
        f = self.f
        self.spin()
        with f.when(self.integer("icmp eq", self.integer("and", poll, _POLLS - 1), _POLLS - 1)):
            self.yield_thread(f.load("%block", YIELDS, "ptr"))


def acquire_helpers() -> list[str]:
    """The first lines of a function with shared layers: it uses the helpers' block if no other
    caller does, and its own block otherwise, which no helper polls."""
    return [
        f"  %owner = getelementptr i8, ptr %common, i64 {OWNER}",
        "  %owned = cmpxchg ptr %owner, i64 0, i64 1 acq_rel monotonic",
        "  %mine = extractvalue { i64, i1 } %owned, 1",
        "  %block = select i1 %mine, ptr %common, ptr %own",
        f"  %most = mul i64 %threads, {_ONE_THREAD}",
    ]


def write_task(w: Writer) -> None:
    """Before the first shared layer: store the function that computes a piece."""
    for offset, value in ((PIECE_FUNCTION, "@run_piece"), (MEMORY, "%memory"), (PACKED, "%packed")):
        w.f.store(value, "%block", offset, "ptr")


def call_shared_layer(w: Writer, first: int, count: int) -> None:
    """Run the pieces ``first`` to ``first + count - 1``; all are done when the call returns."""
    word = w.integer("or", "%most", first + _ONE_HIGH * (first + count))
    w.f.call("run_shared_layer", "ptr %block", f"i64 {word}", f"i64 {first + count}")


def release_helpers(w: Writer) -> None:
    """After the last shared layer: let other callers use the helpers."""
    w.atomic_store(0, w.f.at("%block", OWNER), "release")


def write_run_shared_layer(module: Module, pause: str) -> None:
    """``run_shared_layer(block, word, end)``: publish ``word``, compute pieces from its low end
    until none is free, and wait until the helpers have finished theirs."""
    arguments = "ptr %block, i64 %word, i64 %end"
    w = _SharedBlockWriter("run_shared_layer", arguments, module, pause)
    f = w.f
    f.store("0", "%block", PIECES_DONE, "i64")
    w.atomic_store("%word", "%block", "release")
    memory, packed = f.load("%block", MEMORY, "ptr"), f.load("%block", PACKED, "ptr")
    with f.repeat() as none_free:
        word, low, high = w.free_pieces()
        f.break_if(none_free, w.integer("icmp uge", low, high))
        with f.when(w.exchange(word, w.integer("add", word, 1))):
            f.call("run_piece", f"ptr {memory}", f"ptr {packed}", f"i64 {low}")
    claimed_by_helpers = w.integer("sub", "%end", low)
    with f.repeat() as all_done, f.loop("polls", _POLLS * _ONE_HIGH) as poll:
        f.break_if(all_done, w.integer("icmp eq", w.read(PIECES_DONE), claimed_by_helpers))
        w.wait(poll.index)
    w.finish()


def write_help(module: Module, pause: str) -> None:
    """``help(block, number, polls)``: compute pieces as helper ``number``, until this many polls
    in a row found none or the helper is asked to exit."""
    arguments = "ptr %block, i64 %number, i64 %polls"
    w = _SharedBlockWriter("help", arguments, module, pause, public=True)
    f = w.f
    offset = w.integer("add", w.integer("mul", "%number", 128), PIECES_CLAIMED)
    claimed = f.at("%block", offset)
    with f.repeat() as nothing:
        f.break_if(nothing, w.integer("icmp ne", w.read(EXIT), 0))
        found = f.new_label()
        with f.loop("polls", "%polls") as poll:
            word, low, high = w.free_pieces()
            some = w.integer("icmp ult", low, high)
            allowed = w.integer(
                "icmp ugt", w.integer("lshr", word, 32), w.integer("add", "%number", 1)
            )
            f.break_if(found, f.op("and", some, allowed, "i1"))
            w.wait(poll.index)
        f.line(f"br label %{nothing}")
        f.begin_block(found)
        with f.when(w.exchange(word, w.integer("sub", word, _ONE_HIGH))):
            function, memory, packed = (
                f.load("%block", at, "ptr") for at in (PIECE_FUNCTION, MEMORY, PACKED)
            )
            number = w.integer("sub", high, 1)
            f.line(f"call void {function}(ptr {memory}, ptr {packed}, i64 {number})")
            f.store(w.integer("add", f.load(claimed, 0, "i64"), 1), claimed, 0, "i64")
            w.atomic_increment(f.at("%block", PIECES_DONE), "release")
    w.finish()
