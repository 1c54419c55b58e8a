"""Declarations of the LLVM intrinsics that kernels use."""

from __future__ import annotations

from .llvm_text import Module, vector_of
from .target import Target


def declare(module: Module, machine: Target) -> None:
    """Declare the intrinsics of float32 programs for this machine."""
    for lanes in {machine.lanes, 16}:
        v, m = vector_of(lanes), vector_of(lanes, "i1")
        module.declarations |= {
            f"declare {v} @llvm.fma.v{lanes}f32({v}, {v}, {v})",
            f"declare {v} @llvm.masked.load.v{lanes}f32.p0(ptr, {m}, {v})",
            f"declare void @llvm.masked.store.v{lanes}f32.p0({v}, ptr, {m})",
        }
    v, w = "<16 x float>", "<16 x i32>"
    module.declarations |= {
        f"declare {v} @llvm.fabs.v16f32({v})",
        f"declare {v} @llvm.sqrt.v16f32({v})",
        "declare float @llvm.sqrt.f32(float)",
        f"declare {w} @llvm.fshl.v16i32({w}, {w}, {w})",
        f"declare {v} @llvm.masked.gather.v16f32.v16p0(<16 x ptr>, <16 x i1>, {v})",
        "declare i1 @llvm.vector.reduce.or.v16i1(<16 x i1>)",
        "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)",
        "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
    }


def declare_float64(module: Module, machine: Target) -> None:
    """Declare the additional intrinsics of float64 programs."""
    for lanes in {machine.lanes, 16}:
        v = vector_of(lanes, "double")
        module.declarations.add(f"declare {v} @llvm.fma.v{lanes}f64({v}, {v}, {v})")
    v, w = "<16 x double>", "<16 x i32>"
    module.declarations |= {
        f"declare {v} @llvm.fabs.v16f64({v})",
        "declare double @llvm.sqrt.f64(double)",
        f"declare {w} @llvm.fshl.v16i32({w}, {w}, {w})",
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
    }
