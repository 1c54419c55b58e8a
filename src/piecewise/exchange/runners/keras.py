"""Keras, on TensorFlow or on another backend, runs the files of two exporters."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..runner import Outputs, Runner, RunnerError, Samples
from .environments import package_version, python_of, run_script


class KerasRunner(Runner):
    """The installed Keras, or that of .toolkits/tensorflow, on the files for TensorFlow."""

    name: ClassVar[str] = "Keras"
    exporter: ClassVar[str] = "tensorflow"

    def version(self) -> str | None:
        python = python_of("tensorflow", "keras")
        return None if python is None else package_version(python, "keras")

    def run(self, folder: Path, samples: Samples) -> Outputs:
        python = python_of("tensorflow", "keras")
        if python is None:
            raise RunnerError("Keras is not installed")
        arrays = {"inputs": samples.inputs, "layer_inputs": samples.layer_inputs}
        made = run_script(python, "keras.py.txt", folder, arrays)
        return Outputs(made["logits"], made["probabilities"])


class KerasLegacyRunner(KerasRunner):
    """Keras on the file for Deeplearning4j, which is a file of Keras 2."""

    name: ClassVar[str] = "Keras, reading the same file"
    exporter: ClassVar[str] = "dl4j"


class Deeplearning4jRunner(Runner):
    """Deeplearning4j itself, which is not run: its packages are Java's."""

    name: ClassVar[str] = "Deeplearning4j"
    exporter: ClassVar[str] = "dl4j"

    def version(self) -> str | None:
        return None

    def run(self, folder: Path, samples: Samples) -> Outputs:
        raise RunnerError("Deeplearning4j is not run here; compile and run Check.java")
