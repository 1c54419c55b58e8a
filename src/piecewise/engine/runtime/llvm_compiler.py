"""The only importer of llvmlite.binding: the processor's features, and text to machine code."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from ..ir.target import Target, machine

# Level 1 of code generation and none of the optimiser's passes: the text is already what has to
# run, and more would cost three times the time for nothing.
_LEVEL = 1


@cache
def _ready() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()


@cache
def host_target(name: str | None = None) -> Target:
    """The processor this runs on, in one of its forms: ``name``, or the one that is asked for in
    the environment, or the widest. LimitError if it does not have it."""
    form = machine(llvm.get_host_cpu_name(), dict(llvm.get_host_cpu_features()), name)
    if name is None and not form.fused:
        warnings.warn(
            "this processor has no fused multiply-add; the numbers are the same, but everything "
            "takes many times as long",
            stacklevel=2,
        )
    return form


def compiler() -> str:
    """What compiles here, and for which system: LLVM's version, the level, the triple."""
    version = ".".join(str(part) for part in llvm.llvm_version_info)
    return f"{version} O{_LEVEL} {llvm.get_default_triple()}"


class CompilationError(RuntimeError):
    """LLVM rejects a generated program. That is a bug in piecewise, whatever the network."""


class MachineCode:
    """Machine code in memory: the addresses of its functions. It stays as long as this object."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def address(self, name: str) -> int:
        return int(self._engine.get_function_address(name))


def _target(form: Target) -> Any:
    _ready()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=form.processor, features=form.features, opt=_LEVEL, jit=True
    )


def compiled(text: str, form: Target) -> bytes:
    """LLVM text as an object file. CompilationError where the text is not a valid module."""
    target = _target(form)
    module = _verified(text)
    module.triple = llvm.get_default_triple()
    module.data_layout = str(target.target_data)
    return bytes(target.emit_object(module))


def _verified(text: str) -> Any:
    """LLVM text as a module. Code generation does not check its input: what the verifier rejects
    would crash the process or compute wrong numbers."""
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise CompilationError(
            f"LLVM rejects the generated program: {str(error).strip()} (a bug in piecewise: please "
            "report it with the layers of the network)"
        ) from None
    return module


def loaded(code: bytes, form: Target) -> MachineCode:
    """An object file as machine code that can be called."""
    target = _target(form)
    empty = llvm.parse_assembly("")
    empty.triple = llvm.get_default_triple()
    engine = llvm.create_mcjit_compiler(empty, target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return MachineCode(engine)
