"""Theano runs the script of the Theano exporter, in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .script_runner import Interpreter, ScriptRunner, python_with

FLAGS = "device=cpu,floatX=float32,blas.ldflags=,optimizer_excluding=fusion:inplace"
"""Without fused operations, fewer of them have to be compiled."""


class TheanoRunner(ScriptRunner):
    """Theano 1.0.5 of .toolkits/theano; scripts/toolkits/theano.sh installs it."""

    name: ClassVar[str] = "Theano"
    exporter: ClassVar[str] = "theano"
    script: ClassVar[str] = "theano.py.txt"

    def interpreter(self) -> Interpreter | None:
        found = python_with("theano", "theano")
        if found is None:
            return None
        # Compiled operations are kept, because a network needs a minute to compile its own.
        cache = Path(found.python).parents[1] / "compiled"
        return found._replace(variables={"THEANO_FLAGS": f"{FLAGS},base_compiledir={cache}"})
