"""Input packing: the rows of sixteen examples transposed, one example per lane; and the reverse for
logits."""

from __future__ import annotations

from ..ir.llvm_text import GROUP_BYTES, Function, Module
from .transposition import transpose


def pack_input(f: Function, module: Module, values: int, kind: str) -> None:
    """Write the kernel (examples, byte_scaling, output). ``examples`` is sixteen pointers, each to
    ``values`` floats or, if ``kind`` is "i8", bytes; a byte becomes (a * byte + b) / c with the
    three numbers of ``byte_scaling``."""
    numbers = (
        [f.load_splat("%byte_scaling", offset) for offset in (0, 4, 8)] if kind == "i8" else []
    )
    size = 1 if kind == "i8" else 4
    if values < 16:
        with f.loop("lanes", 16, {"example": ("%examples", 8), "out": ("%output", 4)}) as lane:
            example = f.load(lane["example"], 0, "ptr")
            with f.loop(
                "values", values, {"x": (example, size), "out": (lane["out"], GROUP_BYTES)}
            ) as value:
                f.store(to_float(f, f.load(value["x"], 0, kind), kind), value["out"], 0, "float")
        if kind == "i8":
            with f.loop("values", values, {"out": ("%output", GROUP_BYTES)}) as value:
                f.store(scale_bytes(f, f.load(value["out"]), numbers), value["out"])
        return
    full = values // 16
    with f.loop("blocks", full) as block:
        _block(f, module, f.op("shl", block.index, "4", "i64"), numbers)
    if values % 16:
        _block(f, module, str(values - 16), numbers)  # some of them a second time


def _block(f: Function, module: Module, first: str, numbers: list[str]) -> None:
    """Transpose sixteen values of each example. If there are ``numbers``, they are bytes."""
    out = f.at("%output", f.op("mul", first, str(GROUP_BYTES), "i64"))
    if not numbers:
        transpose(f, module, "%examples", f.op("shl", first, "2", "i64"), out)
        return
    vector = "<16 x i8>"
    rows = [
        f.load(f.load("%examples", 8 * lane, "ptr"), first, vector, align=1) for lane in range(16)
    ]
    for index, column in enumerate(f.transpose(rows, vector)):
        wide = f.value(f"zext {vector} {column} to <16 x i32>")
        value = scale_bytes(f, f.value(f"uitofp <16 x i32> {wide} to {f.vector}"), numbers)
        f.store(value, out, index * GROUP_BYTES)


def to_float(f: Function, value: str, kind: str) -> str:
    """A byte or a float as a float."""
    return f.value(f"uitofp i8 {value} to float") if kind == "i8" else value


def scale_bytes(f: Function, value: str, numbers: list[str]) -> str:
    """Bytes, as floats, by the three numbers of the byte scaling."""
    a, b, c = numbers
    return f.op("fdiv", f.fma(value, a, b), c)


def unpack_logits(f: Function, classes: int) -> None:
    """Write the kernel (logits, output, count): [classes][16] -> [count][classes]."""
    with (
        f.loop(
            "examples",
            "%count",
            {"logit": ("%logits", 4), "out": ("%output", 4 * classes)},
            at_least_once=True,
        ) as n,
        f.loop("classes", classes, {"logit": (n["logit"], GROUP_BYTES), "out": (n["out"], 4)}) as c,
    ):
        f.store(f.load(c["logit"], 0, "float"), c["out"], 0, "float")
