"""The small parts that programs are made of: terms, tiles, and functions written as text."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from math import ceil
from random import Random
from typing import Any

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.windows import Windows, complete_windows, partial_windows, same_windows
from piecewise.engine.ir.llvm_text import Function, Module, float_constant, splat
from piecewise.engine.ir.window_terms import (
    Terms,
    backward_terms,
    forward_terms,
    run_lengths,
    split_evenly,
    term_steps,
    term_table,
    tile_runs,
)
from piecewise.engine.runtime.llvm_compiler import (
    CompilationError,
    MachineCode,
    compile_ir,
    host_target,
    load_object,
)
from piecewise.engine.runtime.thread_pool import aligned

from .test_engine import anything, seeds


def random_windows(random: Random) -> Windows:
    size, window, stride = random.randint(1, 14), random.randint(1, 6), random.randint(1, 7)
    kind = random.choice(("whole", "padded", "partial", "same"))
    if kind == "same":
        return same_windows(size, window, stride)
    if kind == "partial":
        return partial_windows(size, window, stride)
    around = random.randint(0, 4) if kind == "padded" else 0
    return complete_windows(size, min(window, size + 2 * around), stride, around, around)


def pairs(windows: Windows) -> set[tuple[int, int, int]]:
    """(window, kernel cell, cell) of all that meet, from the words of `Windows`."""
    every = [
        (index, k, index * windows.stride - windows.before + k)
        for index in range(windows.count)
        for k in range(windows.window)
    ]
    return {(index, k, cell) for index, k, cell in every if 0 <= cell < windows.size}


@seeds(300)
@anything
def test_terms_say_who_meets_whom_in_order(seed: int) -> None:
    windows = random_windows(Random(seed))
    forth, back = forward_terms(windows), backward_terms(windows)
    assert (len(forth), len(back)) == (windows.count, windows.size)
    assert {(i, k, cell) for i, terms in enumerate(forth) for k, cell in terms} == pairs(windows)
    assert {(i, k, cell) for cell, terms in enumerate(back) for k, i in terms} == pairs(windows)
    for terms in (*forth, *back):
        assert list(terms) == sorted(set(terms)), windows
        assert len({k for k, _ in terms}) == len(terms), windows


@seeds(300)
@anything
def test_runs_say_the_same_terms(seed: int) -> None:
    random = Random(seed)
    windows = random_windows(random)
    odd = [random.randint(0, 9) for _ in range(random.randint(1, 9))]  # no window moves like this
    irregular: Terms = tuple(((0, place), (2, place + 1)) for place in odd)
    for terms in (forward_terms(windows), backward_terms(windows), irregular):
        found: list[tuple[tuple[int, int], ...]] = []
        for run in (
            tile_runs(terms, split_evenly(len(terms), random.randint(1, 5))) if terms else []
        ):
            assert run.start == len(found)
            assert len(run.pattern) == run.span
            for turn in range(run.repeat):
                first = run.source + turn * run.step
                found += [tuple((k, first + s) for k, s in cell) for cell in run.pattern]
        assert tuple(found) == terms, windows


@seeds(300)
@anything
def test_a_table_and_its_steps_say_the_same_terms(seed: int) -> None:
    windows = random_windows(Random(seed))
    for terms in (forward_terms(windows), backward_terms(windows)):
        assert said(term_table(terms, 4, 64), term_steps(terms)) == terms, windows


def said(numbers: list[int], step: tuple[int, int]) -> Terms:
    rows = np.array(numbers, int).reshape(-1, 3).tolist()
    return tuple(
        tuple((k // 4 + n * step[0], s // 64 + n * step[1]) for n in range(count))
        for count, k, s in rows
    )


def test_parts_are_few_and_nearly_equal() -> None:
    for count in range(1, 60):
        for most in range(1, 20):
            for unit in range(1, most + 1):
                found = split_evenly(count, most, unit)
                assert sum(found) == count
                assert min(found) > 0
                assert max(found) <= most
                assert all(span % unit == 0 for span in found[:-1])
                assert len(found) == ceil(ceil(count / unit) / (most // unit))
                assert max(found) - min(found[:-1], default=max(found)) <= unit
                again = [span for span, repeat in run_lengths(found) for _ in range(repeat)]
                assert again == found
    assert run_lengths([3, 3, 2, 2, 2, 3]) == [(3, 2), (2, 3), (3, 1)]


def test_parts_are_larger_first() -> None:
    assert split_evenly(10, 4) == [4, 3, 3]
    assert split_evenly(12, 4) == [4, 4, 4]
    assert split_evenly(7, 4, 2) == [4, 3]


def ran(arguments: str, write: Callable[[Function], None], *arrays: Array | int) -> MachineCode:
    """Compile a function and call it."""
    machine, module = host_target(), Module()
    lanes, v = 16, "<16 x float>"
    function = Function("tried", arguments.split(", "), lanes, public=True)
    write(function)
    module.add(function)
    module.declarations.add(f"declare {v} @llvm.fma.v16f32({v}, {v}, {v})")
    native = load_object(compile_ir(module.text(), machine), machine)
    kinds = [ctypes.c_int64 if isinstance(a, int) else ctypes.c_void_p for a in arrays]
    given: list[Any] = [a if isinstance(a, int) else a.ctypes.data for a in arrays]
    ctypes.CFUNCTYPE(None, *kinds)(native.address("tried"))(*given)
    return native


def filled(values: Any) -> Array:
    array = aligned(np.size(values))
    array[:] = np.ravel(values)
    return array


@pytest.mark.parametrize(
    ("count", "sure"),
    [(0, False), (1, False), (9, False), (1, True), (2, True), (9, True)],
)
@pytest.mark.parametrize("written", [False, True])
def test_a_loop_moves_its_pointers_and_carries_its_sums(
    count: int, sure: bool, written: bool
) -> None:
    def write(f: Function) -> None:
        moving, first = {"x": ("%x", 64)}, [(f.vector, f.constant(100)), ("i64", "7")]
        turns = count if written else "%count"
        with f.loop("turns", turns, moving, first, at_least_once=sure) as turn:
            total, number = turn.carried
            more = f.op("add", f.op("mul", number, "3", "i64"), turn.index, "i64")
            turn.carried = [f.op("fadd", total, f.load(turn["x"])), more]
        f.store(turn.carried[0], "%y")
        f.store(turn.carried[1], "%y", 64, "i64")

    x, y = filled(np.arange(160)), filled(np.zeros(32))
    ran("ptr %x, ptr %y, i64 %count", write, x, y, count)
    number = 7
    for index in range(count):
        number = 3 * number + index
    assert y[:16].tolist() == (100 + x.reshape(-1, 16)[:count].sum(axis=0)).tolist()
    assert y[16:18].view(np.int64)[0] == number


def test_loops_inside_loops() -> None:
    def write(f: Function) -> None:
        with f.loop("i", "%count", {}, [("i64", "0")]) as outer:
            with f.loop("j", outer.index, {}, [("i64", outer.carried[0])]) as inner:
                inner.carried = [f.op("add", inner.carried[0], inner.index, "i64")]
            outer.carried = inner.carried
        f.store(outer.carried[0], "%y", 0, "i64")

    y = filled(np.zeros(16))
    ran("ptr %y, i64 %count", write, y, 12)
    assert y.view(np.int64)[0] == sum(j for i in range(12) for j in range(i))


@pytest.mark.parametrize("count", [1, 5])
def test_what_repeats_goes_on_until_it_leaves_and_when_runs_if_so(count: int) -> None:
    def write(f: Function) -> None:
        with f.repeat() as done:
            before = f.load("%y", 0, "i64")
            f.break_if(done, f.op("icmp sge", before, "%count", "i64"))
            f.store(f.op("add", before, "1", "i64"), "%y", 0, "i64")
            with f.when(f.op("icmp eq", before, "3", "i64")):
                f.store("-1", "%y", 8, "i64")

    y = filled(np.zeros(16))
    ran("ptr %y, i64 %count", write, y, count)
    assert y.view(np.int64)[:2].tolist() == [count, -1 if count > 3 else 0]


def test_arithmetic_on_vectors() -> None:
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (3, 16)).astype(np.float32)
    x[0, :4] = [np.nan, -np.inf, -0.0, np.inf]

    def write(f: Function) -> None:
        a, b, c = (f.load("%x", 64 * row) for row in range(3))
        f.store(f.relu(a), "%y")
        f.store(f.fma(b, c, b), "%y", 64)
        f.store(f.load_splat("%x", 64 + 4 * 5), "%y", 128)
        f.store(f.constant(0.1), "%y", 192)
        f.store(f.select(f.value(f"fcmp olt {f.vector} {b}, {c}"), b, c), "%y", 256)
        f.store(f.sum_lanes(b), "%y", 320, "float")
        f.store(f.shuffle(b, c, list(range(1, 32, 2))), "%y", 384)

    y = filled(np.full(112, 5))
    ran("ptr %x, ptr %y", write, filled(x), y)
    found, b, c = y.reshape(7, 16), x[1], x[2]
    assert np.array_equal(found[0], np.where(x[0] < 0, 0, x[0]), equal_nan=True)
    exactly = (b.astype(np.float64) * c + b).astype(np.float32)
    assert np.abs(found[1] - exactly).max() <= 2.0**-23 * np.abs(exactly).max()
    assert (found[2] == b[5]).all()
    assert (found[3] == np.float32(0.1)).all()
    assert np.array_equal(found[4], np.minimum(b, c))
    for half in (8, 4, 2, 1):
        b = b[:half] + b[half : 2 * half]
    assert found[5].tolist() == [b[0], *[5] * 15]
    assert np.array_equal(found[6], x[1:].ravel()[1::2])


def test_sixteen_rows_turn_into_columns() -> None:
    def write(f: Function) -> None:
        rows = [f.load("%x", 64 * row) for row in range(16)]
        for row, column in enumerate(f.transpose(rows)):
            f.store(column, "%y", 64 * row)

    x, y = filled(np.arange(256)), filled(np.zeros(256))
    ran("ptr %x, ptr %y", write, x, y)
    assert np.array_equal(y.reshape(16, 16), x.reshape(16, 16).T)


def test_constants_are_rounded_to_float32_once() -> None:
    assert float_constant(0.1) == "0x3FB99999A0000000"
    assert float_constant(-2) == "0xC000000000000000"
    assert splat(2, 1) == "<float 0x3FF0000000000000, float 0x3FF0000000000000>"
    assert splat(3, 7, "i32") == "<i32 7, i32 7, i32 7>"


def test_equal_tables_are_written_once() -> None:
    module = Module()
    names = [module.table(numbers) for numbers in ([1, 2], [3], [1, 2])]
    assert names[0] == names[2] != names[1]
    assert module.text().count("constant [2 x i64] [i64 1, i64 2]") == 1


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("%v1 = add i64 %v2, 1\n  %v2 = add i64 1, 1", "does not dominate"),
        ("br label %entry\nafter:", "Entry block"),
        ("call void @nobody()", "undefined value '@nobody'"),
        ("%v1 = fadd i64 1, 1", "invalid operand type"),
    ],
)
def test_an_invalid_program_is_not_compiled(body: str, complaint: str) -> None:
    valid = "define void @tried() {\nentry:\n  ret void\n}"
    assert compile_ir(valid, host_target())
    broken = valid.replace("  ret", f"  {body}\n  ret")
    with pytest.raises(CompilationError, match=r"^LLVM rejects the generated program: ") as caught:
        compile_ir(broken, host_target())
    assert complaint in str(caught.value)
    assert "a bug in piecewise" in str(caught.value)
