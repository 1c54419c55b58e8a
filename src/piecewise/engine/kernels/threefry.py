"""The Threefry random number generator in vectors, one example per lane: the same words as
`piecewise.core.rng`."""

from __future__ import annotations

from ...core.rng import PARITY, ROTATIONS
from ..ir.llvm_text import Function, splat

_WORDS = "<16 x i32>"


def threefry(f: Function, key: tuple[str, str], low: str, high: str) -> tuple[str, str]:
    """Two vectors of random words from keys and counters (``low``, ``high``)."""
    constant = splat(16, int(PARITY), "i32")
    parity = f.op("xor", f.op("xor", constant, key[0], _WORDS), key[1], _WORDS)
    schedule = (*key, parity)
    x, y = f.op("add", low, key[0], _WORDS), f.op("add", high, key[1], _WORDS)
    for block in range(5):
        for step in range(4):
            distance = splat(16, ROTATIONS[(4 * block + step) % 8], "i32")
            x = f.op("add", x, y, _WORDS)
            rotated = f.value(
                f"call {_WORDS} @llvm.fshl.v16i32({_WORDS} {y}, {_WORDS} {y}, {_WORDS} {distance})"
            )
            y = f.op("xor", rotated, x, _WORDS)
        x = f.op("add", x, schedule[(block + 1) % 3], _WORDS)
        y = f.op("add", y, schedule[(block + 2) % 3], _WORDS)
        y = f.op("add", y, splat(16, block + 1, "i32"), _WORDS)
    return x, y


def example_keys(f: Function, key: str, examples: str) -> tuple[str, str]:
    """The keys of a group's examples: ``key`` (two words in memory) folded with the example numbers
    (sixteen i64)."""
    start = f.broadcast(f.load(key, 0, "i32"), "i32"), f.broadcast(f.load(key, 4, "i32"), "i32")
    numbers = f.load(examples, 0, "<16 x i64>", align=8)
    low = f.cast("trunc", numbers, "<16 x i64>", _WORDS)
    upper = f.op("lshr", numbers, splat(16, 32, "i64"), "<16 x i64>")
    return threefry(f, start, low, f.cast("trunc", upper, "<16 x i64>", _WORDS))


def draw_order(f: Function) -> None:
    """Write the function (key, drawn, count) for shuffling. For each of ``count`` examples, padded
    to a multiple of 32, it stores an i64 with a random word above the example number. Sorting them
    gives the order of `rng.permutation`. Padding is the largest i64."""
    wide = "<16 x i64>"
    key = tuple(f.broadcast(f.load("%key", offset, "i32"), "i32") for offset in (0, 4))
    lanes = "<" + ", ".join(f"i32 {lane}" for lane in range(16)) + ">"
    blocks = f.op("lshr", f.op("add", "%count", "31", "i64"), "5", "i64")
    end = f.broadcast("%count", "i64")
    with f.loop("blocks", blocks, {"drawn": ("%drawn", 256)}) as block:
        first = f.broadcast(f.value(f"trunc i64 {block.index} to i32"), "i32")
        scaled = f.op("shl", first, splat(16, 4, "i32"), _WORDS)
        counter = f.op("add", scaled, lanes, _WORDS)
        for half, words in enumerate(threefry(f, (key[0], key[1]), counter, "zeroinitializer")):
            number = f.op(
                "add",
                f.op("shl", counter, splat(16, 1, "i32"), _WORDS),
                splat(16, half, "i32"),
                _WORDS,
            )
            number, word = (
                f.value(f"zext {_WORDS} {value} to {wide}") for value in (number, words)
            )
            both = f.op("or", f.op("shl", word, splat(16, 32, "i64"), wide), number, wide)
            present = f.value(f"icmp ult {wide} {number}, {end}")
            both = f.select(present, both, splat(16, -1, "i64"), wide)
            f.store(both, block["drawn"], 128 * half, wide)
