"""A C compiler builds the source of the C exporter, and the program runs."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np

from ..runner import Outputs, Runner, RunnerError, Samples
from .environments import run

FLAGS = ("-O2", "-std=c99", "-Wall", "-Wextra", "-Werror")
_NATIVE = "-march=native"  # with the fused multiply-add of this processor, where compilers know it


class CCompiler(Runner):
    """The compiler that $CC names, else cc, gcc or clang.

    Parameters
    ----------
    flags : tuple of str
        Its options.
    """

    name = "C compiler"
    exporter = "c"

    def __init__(self, flags: tuple[str, ...] = FLAGS) -> None:
        self.flags = flags

    def version(self) -> str | None:
        compiler = _compiler()
        if compiler is None:
            return None
        return run([compiler, "--version"], Path.cwd()).decode("utf-8", "replace").splitlines()[0]

    def run(self, folder: Path, samples: Samples) -> Outputs:
        layer_inputs, has_bytes = samples.layer_inputs, samples.inputs.dtype == np.uint8
        kind = "float" if layer_inputs.dtype == np.float32 else "int"
        sent = layer_inputs.astype(np.float32 if kind == "float" else np.intc).tobytes()
        sent += samples.inputs.tobytes() if has_bytes else b""
        count = len(layer_inputs)
        with tempfile.TemporaryDirectory() as place:
            program = self._build(folder, Path(place), kind, has_bytes=has_bytes)
            made = run([program, str(count)], Path(place), stdin=sent)
        values = np.frombuffer(made, np.float32).reshape(1 + has_bytes, count, 2, -1)
        return Outputs(values[0, :, 0], values[-1, :, 1])

    def _build(self, folder: Path, place: Path, kind: str, *, has_bytes: bool) -> str:
        """The program of the source in a folder, built in ``place``."""
        compiler = _compiler()
        if compiler is None:
            raise RunnerError("no C compiler is installed")
        judge = (files(__package__) / "scripts" / "judge.c.txt").read_text("utf-8")
        (place / "judge.c").write_text(judge, "utf-8")
        sources = ["judge.c", str(folder.absolute() / "net.c"), "-I", str(folder.absolute())]
        defined = [f"-DNET_TYPE={kind}", *(["-DNET_BYTES"] if has_bytes else [])]
        command = [compiler, *self.flags, *defined, *sources, "-lm", "-o", "judge"]
        try:
            run([*command, _NATIVE], place)
        except RunnerError:
            run(command, place)
        return str(place / "judge")


def _compiler() -> str | None:
    """The path of a C compiler; None if there is none."""
    names = (os.environ.get("CC", ""), "cc", "gcc", "clang")
    return next((path for name in names if name and (path := shutil.which(name))), None)
