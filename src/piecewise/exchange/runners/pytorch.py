"""PyTorch runs the module of the PyTorch exporter."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..runner import Outputs, Runner, RunnerError, Samples
from .environments import package_version, python_of, run_script


class PyTorchRunner(Runner):
    """The installed PyTorch, or that of .toolkits/pytorch."""

    name: ClassVar[str] = "PyTorch"
    exporter: ClassVar[str] = "pytorch"

    def version(self) -> str | None:
        python = python_of("pytorch", "torch")
        return None if python is None else package_version(python, "torch")

    def run(self, folder: Path, samples: Samples) -> Outputs:
        python = python_of("pytorch", "torch")
        if python is None:
            raise RunnerError("PyTorch is not installed")
        arrays = {"inputs": samples.inputs, "layer_inputs": samples.layer_inputs}
        made = run_script(python, "pytorch.py.txt", folder, arrays)
        return Outputs(made["logits"], made["probabilities"])
