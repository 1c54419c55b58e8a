"""Peak performance: fused multiply-adds per second of independent chains in registers."""

from __future__ import annotations

import ctypes
import threading
from functools import cache

from piecewise.engine.ir.llvm_text import Function, Module, vector_of
from piecewise.engine.runtime.llvm_compiler import MachineCode, compile_ir, host_target, load_object
from piecewise.engine.runtime.thread_pool import aligned

from .clock import now

CHAINS = 12
"""Chains: enough for two units with a latency of four cycles, few enough for 16 registers."""


@cache
def _kernel() -> tuple[MachineCode, int]:
    """The machine code, and the number of operations per iteration."""
    form = host_target()
    vector = vector_of(form.lanes)
    function = Function("peak", ["ptr %memory", "i64 %turns"], form.lanes, public=True)
    a, b = function.load("%memory"), function.load("%memory", 64)
    starts = [(vector, a)] * CHAINS
    with function.loop("turn", "%turns", {}, starts, at_least_once=True) as loop:
        loop.carried = [function.fma(a, b, chain) for chain in loop.carried]
    for number, chain in enumerate(loop.carried):
        function.store(chain, "%memory", 128 + 64 * number)
    module = Module()
    module.add(function)
    arguments = ", ".join([vector] * 3)
    module.declarations.add(f"declare {vector} @llvm.fma.v{form.lanes}f32({arguments})")
    return load_object(compile_ir(module.text(), form), form), 2 * CHAINS * form.lanes


def peak(threads: int, turns: int = 2_000_000, tries: int = 5) -> float:
    """Operations per second of all threads together: the best of several tries, because other
    programs may interrupt one."""
    return max(_once(threads, turns) for _ in range(tries))


def _once(threads: int, turns: int) -> float:
    """One try: all threads start together, and the last one to finish counts."""
    native, operations = _kernel()
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(native.address("peak"))
    start = threading.Barrier(threads + 1)

    def chains() -> None:
        memory = aligned(16 * (CHAINS + 2))
        start.wait()
        run(memory.ctypes.data, turns)

    others = [threading.Thread(target=chains) for _ in range(threads)]
    for other in others:
        other.start()
    began = now()
    start.wait()
    for other in others:
        other.join()
    return threads * turns * operations / (now() - began)
