"""Theano runs the script of the Theano exporter, in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..runner import Outputs, Runner, RunnerError, Samples
from .environments import package_version, python_of, run_script

FLAGS = "device=cpu,floatX=float32,blas.ldflags=,optimizer_excluding=fusion:inplace"
"""Without fused operations, fewer of them have to be compiled."""


class TheanoRunner(Runner):
    """Theano 1.0.5 of .toolkits/theano."""

    name: ClassVar[str] = "Theano"
    exporter: ClassVar[str] = "theano"

    def version(self) -> str | None:
        python = python_of("theano", "theano")
        return None if python is None else package_version(python, "theano")

    def run(self, folder: Path, samples: Samples) -> Outputs:
        python = python_of("theano", "theano")
        if python is None:
            raise RunnerError("Theano is not installed; scripts/toolkits/theano.sh installs it")
        arrays = {"inputs": samples.inputs, "layer_inputs": samples.layer_inputs}
        # Compiled operations are kept, because a network needs a minute to compile its own.
        cache = Path(python).parents[1] / "compiled"
        flags = {"THEANO_FLAGS": f"{FLAGS},base_compiledir={cache}"}
        made = run_script(python, "theano.py.txt", folder, arrays, flags)
        return Outputs(made["logits"], made["probabilities"])
