"""The LLVM text builder, and the terms and tiles of convolutions."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from math import ceil
from random import Random
from typing import Any

import llvmlite.binding as llvm
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
    runs,
    split_evenly,
    term_steps,
    term_table,
    tile_runs,
)
from piecewise.engine.runtime.llvm_compiler import (
    CompilationError,
    MachineCode,
    compile_ir,
    compiler_version,
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


def all_terms(windows: Windows) -> set[tuple[int, int, int]]:
    """(window, kernel cell, source cell) of all terms, from the definition of `Windows`."""
    every = [
        (index, k, index * windows.stride - windows.before + k)
        for index in range(windows.count)
        for k in range(windows.window)
    ]
    return {(index, k, cell) for index, k, cell in every if 0 <= cell < windows.size}


@seeds(300)
@anything
def test_window_terms_random_windows_equal_definition(seed: int) -> None:
    windows = random_windows(Random(seed))
    forth, back = forward_terms(windows), backward_terms(windows)
    assert (len(forth), len(back)) == (windows.count, windows.size)
    assert {(i, k, cell) for i, terms in enumerate(forth) for k, cell in terms} == all_terms(
        windows
    )
    assert {(i, k, cell) for cell, terms in enumerate(back) for k, i in terms} == all_terms(windows)
    for terms in (*forth, *back):
        assert list(terms) == sorted(set(terms)), windows
        assert len({k for k, _ in terms}) == len(terms), windows


@seeds(300)
@anything
def test_tile_runs_expanded_equal_terms(seed: int) -> None:
    random = Random(seed)
    windows = random_windows(random)
    starts = [
        random.randint(0, 9) for _ in range(random.randint(1, 9))
    ]  # no window moves like this
    irregular: Terms = tuple(((0, source), (2, source + 1)) for source in starts)
    for terms in (forward_terms(windows), backward_terms(windows), irregular):
        found: list[tuple[tuple[int, int], ...]] = []
        for run in (
            tile_runs(terms, split_evenly(len(terms), random.randint(1, 5))) if terms else []
        ):
            assert run.start == len(found)
            assert len(run.pattern) == run.span
            for iteration in range(run.repeat):
                first = run.source + iteration * run.step
                found += [tuple((k, first + s) for k, s in cell) for cell in run.pattern]
        assert tuple(found) == terms, windows


@seeds(300)
@anything
def test_term_table_with_steps_equals_terms(seed: int) -> None:
    windows = random_windows(Random(seed))
    for terms in (forward_terms(windows), backward_terms(windows)):
        assert expanded(term_table(terms, 4, 64), term_steps(terms)) == terms, windows


def expanded(numbers: list[int], step: tuple[int, int]) -> Terms:
    rows = np.array(numbers, int).reshape(-1, 3).tolist()
    return tuple(
        tuple((k // 4 + n * step[0], s // 64 + n * step[1]) for n in range(count))
        for count, k, s in rows
    )


def test_split_evenly_any_count_gives_fewest_near_equal_parts() -> None:
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


def test_runs_cover_a_range_with_equal_parts_together() -> None:
    assert list(runs(10, 4)) == [(0, 4, 1), (4, 3, 2)]
    assert list(runs(70, 32, 16)) == [(0, 32, 2), (64, 6, 1)]
    assert list(runs(0, 4)) == []


def test_split_evenly_puts_larger_parts_first() -> None:
    assert split_evenly(10, 4) == [4, 3, 3]
    assert split_evenly(12, 4) == [4, 4, 4]
    assert split_evenly(7, 4, 2) == [4, 3]


def compile_and_run(
    arguments: str, write: Callable[[Function], None], *arrays: Array | int
) -> MachineCode:
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


def aligned_array(values: Any) -> Array:
    array = aligned(np.size(values))
    array[:] = np.ravel(values)
    return array


@pytest.mark.parametrize(
    ("count", "at_least_once"),
    [(0, False), (1, False), (9, False), (1, True), (2, True), (9, True)],
)
@pytest.mark.parametrize("constant_count", [False, True])
def test_loop_advances_pointers_and_carries_values(
    count: int, at_least_once: bool, constant_count: bool
) -> None:
    def write(f: Function) -> None:
        moving, first = {"x": ("%x", 64)}, [(f.vector, f.constant(100)), ("i64", "7")]
        count_value = count if constant_count else "%count"
        with f.loop("turns", count_value, moving, first, at_least_once=at_least_once) as iteration:
            total, number = iteration.carried
            more = f.op("add", f.op("mul", number, "3", "i64"), iteration.index, "i64")
            iteration.carried = [f.op("fadd", total, f.load(iteration["x"])), more]
        f.store(iteration.carried[0], "%y")
        f.store(iteration.carried[1], "%y", 64, "i64")

    x, y = aligned_array(np.arange(160)), aligned_array(np.zeros(32))
    compile_and_run("ptr %x, ptr %y, i64 %count", write, x, y, count)
    number = 7
    for index in range(count):
        number = 3 * number + index
    assert y[:16].tolist() == (100 + x.reshape(-1, 16)[:count].sum(axis=0)).tolist()
    assert y[16:18].view(np.int64)[0] == number


def test_loop_nested_sums_inner_indices() -> None:
    def write(f: Function) -> None:
        with f.loop("i", "%count", {}, [("i64", "0")]) as outer:
            with f.loop("j", outer.index, {}, [("i64", outer.carried[0])]) as inner:
                inner.carried = [f.op("add", inner.carried[0], inner.index, "i64")]
            outer.carried = inner.carried
        f.store(outer.carried[0], "%y", 0, "i64")

    y = aligned_array(np.zeros(16))
    compile_and_run("ptr %y, i64 %count", write, y, 12)
    assert y.view(np.int64)[0] == sum(j for i in range(12) for j in range(i))


@pytest.mark.parametrize("count", [1, 5])
def test_repeat_runs_until_break_and_when_runs_conditionally(count: int) -> None:
    def write(f: Function) -> None:
        with f.repeat() as done:
            before = f.load("%y", 0, "i64")
            f.break_if(done, f.op("icmp sge", before, "%count", "i64"))
            f.store(f.op("add", before, "1", "i64"), "%y", 0, "i64")
            with f.when(f.op("icmp eq", before, "3", "i64")):
                f.store("-1", "%y", 8, "i64")

    y = aligned_array(np.zeros(16))
    compile_and_run("ptr %y, i64 %count", write, y, count)
    assert y.view(np.int64)[:2].tolist() == [count, -1 if count > 3 else 0]


def test_vector_arithmetic_equals_numpy() -> None:
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

    y = aligned_array(np.full(112, 5))
    compile_and_run("ptr %x, ptr %y", write, aligned_array(x), y)
    found, b, c = y.reshape(7, 16), x[1], x[2]
    assert np.array_equal(found[0], np.where(x[0] < 0, 0, x[0]), equal_nan=True)
    exact = (b.astype(np.float64) * c + b).astype(np.float32)
    assert np.abs(found[1] - exact).max() <= 2.0**-23 * np.abs(exact).max()
    assert (found[2] == b[5]).all()
    assert (found[3] == np.float32(0.1)).all()
    assert np.array_equal(found[4], np.minimum(b, c))
    for half in (8, 4, 2, 1):
        b = b[:half] + b[half : 2 * half]
    assert found[5].tolist() == [b[0], *[5] * 15]
    assert np.array_equal(found[6], x[1:].ravel()[1::2])


def test_transpose_sixteen_rows_gives_columns() -> None:
    def write(f: Function) -> None:
        rows = [f.load("%x", 64 * row) for row in range(16)]
        for row, column in enumerate(f.transpose(rows)):
            f.store(column, "%y", 64 * row)

    x, y = aligned_array(np.arange(256)), aligned_array(np.zeros(256))
    compile_and_run("ptr %x, ptr %y", write, x, y)
    assert np.array_equal(y.reshape(16, 16), x.reshape(16, 16).T)


def test_constants_are_rounded_to_float32_once() -> None:
    assert float_constant(0.1) == "0x3FB99999A0000000"
    assert float_constant(-2) == "0xC000000000000000"
    assert splat(2, 1) == "<float 0x3FF0000000000000, float 0x3FF0000000000000>"
    assert splat(3, 7, "i32") == "<i32 7, i32 7, i32 7>"


def test_table_equal_values_share_one_constant() -> None:
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
def test_compile_invalid_program_raises_error(body: str, complaint: str) -> None:
    valid = "define void @tried() {\nentry:\n  ret void\n}"
    assert compile_ir(valid, host_target())
    broken = valid.replace("  ret", f"  {body}\n  ret")
    with pytest.raises(CompilationError, match=r"^LLVM rejects the generated program: ") as caught:
        compile_ir(broken, host_target())
    assert complaint in str(caught.value)
    assert "a bug in piecewise" in str(caught.value)


LOOP = """define void @scale(ptr %x, i64 %count) {
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %product = mul i64 %i, %count
  %at = getelementptr i8, ptr %x, i64 %product
  store i64 %i, ptr %at
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %body, label %after
after:
  ret void
}"""
"""A loop whose multiplication loop strength reduction replaces by an addition."""


def test_compile_omits_loop_strength_reduction_and_restores_llvms_option() -> None:
    def with_llvms_own_options() -> bytes:
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=target.processor, features=target.features, opt=1, jit=True
        )
        module = llvm.parse_assembly(LOOP)
        module.triple = llvm.get_default_triple()
        module.data_layout = str(machine.target_data)
        return bytes(machine.emit_object(module))

    target = host_target()
    before = with_llvms_own_options()
    assert compile_ir(LOOP, target) != before
    assert compile_ir(LOOP, target) != before
    assert with_llvms_own_options() == before
    assert "-disable-lsr" in compiler_version()
