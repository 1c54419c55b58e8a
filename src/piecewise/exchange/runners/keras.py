"""Keras, on TensorFlow or on another backend, runs the files of two exporters."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..runner import Outputs, Runner, RunnerError, Samples
from .script_runner import Interpreter, ScriptRunner, python_with


class KerasRunner(ScriptRunner):
    """The installed Keras, or that of .toolkits/tensorflow, on the files for TensorFlow."""

    name: ClassVar[str] = "Keras"
    exporter: ClassVar[str] = "tensorflow"
    script: ClassVar[str] = "keras.py.txt"

    def interpreter(self) -> Interpreter | None:
        return python_with("tensorflow", "keras")


class KerasLegacyRunner(KerasRunner):
    """Keras on the file for Deeplearning4j, which is a file of Keras 2."""

    name: ClassVar[str] = "Keras (reads the same file)"
    exporter: ClassVar[str] = "dl4j"


class Deeplearning4jRunner(Runner):
    """Deeplearning4j itself, which is not run: its packages are Java's."""

    name: ClassVar[str] = "Deeplearning4j"
    exporter: ClassVar[str] = "dl4j"

    def version(self) -> str | None:
        return None

    def run(self, folder: Path, samples: Samples) -> Outputs:
        raise RunnerError("Deeplearning4j is not run here; compile and run Check.java")
