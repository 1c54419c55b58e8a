"""The LLVM compiler: LLVM IR to machine code, and the features of this processor.

No other module imports llvmlite.binding.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from ..ir.target import Target, choose_target

# Code generation level 1 and no optimization passes: the generated IR is already vectorized and
# scheduled, and the passes would take three times as long without making it faster.
_LEVEL = 1
# The kernels' pointers already advance by strides, so loop strength reduction finds nothing to
# improve. It would take a quarter of the compile time.
_OPTION = "-disable-lsr"
_KNOWN_VERSION = 22
"""The last version of LLVM that is known to have the option: an unknown one ends the process."""


@cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()


@cache
def host_target(name: str | None = None) -> Target:
    """The host processor as a compilation target. ``name``: the vector instructions to use; by
    default those that the environment asks for, or else the widest. Raises LimitError if the
    processor does not have them."""
    target = choose_target(llvm.get_host_cpu_name(), dict(llvm.get_host_cpu_features()), name)
    if name is None and not target.fused:
        warnings.warn(
            "this processor has no fused multiply-add; the numbers are the same, but everything "
            "takes many times as long",
            stacklevel=2,
        )
    return target


def compiler_version() -> str:
    """LLVM's version, the code generation level and the target triple."""
    version = ".".join(str(number) for number in llvm.llvm_version_info)
    return " ".join([version, f"O{_LEVEL}", *_options(), llvm.get_default_triple()])


def _options() -> list[str]:
    return [_OPTION] * (llvm.llvm_version_info[0] <= _KNOWN_VERSION)


class CompilationError(RuntimeError):
    """LLVM rejects a generated program. This is a bug in piecewise, whatever the network."""


class MachineCode:
    """Machine code in memory. It is freed with this object."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def address(self, name: str) -> int:
        """The address of a function."""
        return int(self._engine.get_function_address(name))


def _target_machine(target: Target) -> Any:
    _initialize()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=target.processor, features=target.features, opt=_LEVEL, jit=True
    )


def compile_ir(text: str, target: Target) -> bytes:
    """Compile LLVM IR to an object file. Raises CompilationError if the IR is not valid."""
    target_machine = _target_machine(target)
    module = _parse_verified(text)
    module.triple = llvm.get_default_triple()
    module.data_layout = str(target_machine.target_data)
    with _options_set():
        return bytes(target_machine.emit_object(module))


@contextmanager
def _options_set() -> Iterator[None]:
    """Set LLVM's options for a while. They are those of the whole process, which may use LLVM for
    other purposes."""
    for option in _options():
        llvm.set_option("", option)
    try:
        yield
    finally:
        for option in _options():
            llvm.set_option("", f"{option}=false")


def _parse_verified(text: str) -> Any:
    """Parse and verify LLVM IR. Code generation does not check its input: what the verifier
    rejects would crash the process or compute wrong numbers."""
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise CompilationError(
            f"LLVM rejects the generated program: {str(error).strip()} (a bug in piecewise: please "
            "report it with the layers of the network)"
        ) from None
    return module


def load_object(code: bytes, target: Target) -> MachineCode:
    """Load an object file, so that its functions can be called."""
    target_machine = _target_machine(target)
    empty = llvm.parse_assembly("")
    empty.triple = llvm.get_default_triple()
    engine = llvm.create_mcjit_compiler(empty, target_machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return MachineCode(engine)
