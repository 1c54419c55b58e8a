"""Transposition of sixteen rows of floats: one function that all kernels of a program call."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.llvm_text import GROUP_BYTES, Function, Module

ROWS_BYTES = 128
"""Bytes of the pointers to sixteen rows."""
_NAME = "transpose"


def transpose_kernel(module: Module) -> str:
    """The name of the function (rows, offset, output): sixteen floats of each of sixteen rows, from
    byte ``offset`` on, as [16][row]. ``rows`` are sixteen pointers. Its shuffles take longer to
    compile than most kernels, so a program has them only once."""
    if _NAME not in module.functions:
        f = Function(_NAME, ["ptr noalias %rows", "i64 %offset", "ptr noalias %output"])
        rows = [f.load("%rows", 8 * number, "ptr") for number in range(16)]
        vectors = f.transpose([f.load(row, "%offset", align=4) for row in rows])
        for at, vector in enumerate(vectors):
            f.store(vector, "%output", at * GROUP_BYTES)
        module.add(f)
    return _NAME


def store_rows(f: Function, rows: Sequence[str], place: str) -> None:
    """Store the pointers to sixteen rows."""
    for number, row in enumerate(rows):
        f.store(row, place, 8 * number, "ptr")


def transpose(f: Function, module: Module, rows: str, offset: str, output: str) -> None:
    """Call the function of `transpose_kernel`."""
    f.call(transpose_kernel(module), f"ptr {rows}", f"i64 {offset}", f"ptr {output}")
