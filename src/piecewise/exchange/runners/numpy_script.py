"""NumPy runs the script of the NumPy exporter."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..runner import Outputs, Runner, Samples
from .environments import run_script


class NumPyRunner(Runner):
    """The running Python, with NumPy alone."""

    name: ClassVar[str] = "NumPy"
    exporter: ClassVar[str] = "numpy"

    def version(self) -> str | None:
        return np.__version__

    def run(self, folder: Path, samples: Samples) -> Outputs:
        arrays = {"inputs": samples.inputs, "layer_inputs": samples.layer_inputs}
        made = run_script(sys.executable, "numpy_script.py.txt", folder, arrays)
        return Outputs(made["logits"], made["probabilities"])
