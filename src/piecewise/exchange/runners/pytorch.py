"""PyTorch runs the module of the PyTorch exporter."""

from __future__ import annotations

from typing import ClassVar

from .script_runner import Interpreter, ScriptRunner, python_with


class PyTorchRunner(ScriptRunner):
    """The installed PyTorch, or that of .toolkits/pytorch."""

    name: ClassVar[str] = "PyTorch"
    exporter: ClassVar[str] = "pytorch"
    script: ClassVar[str] = "pytorch.py.txt"

    def interpreter(self) -> Interpreter | None:
        return python_with("pytorch", "torch")
