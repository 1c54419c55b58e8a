"""NumPy runs the script of the NumPy exporter."""

from __future__ import annotations

import sys
from typing import ClassVar

import numpy as np

from .script_runner import Interpreter, ScriptRunner


class NumPyRunner(ScriptRunner):
    """The running Python, with NumPy alone."""

    name: ClassVar[str] = "NumPy"
    exporter: ClassVar[str] = "numpy"
    script: ClassVar[str] = "numpy_script.py.txt"

    def interpreter(self) -> Interpreter | None:
        return Interpreter(sys.executable, np.__version__)
