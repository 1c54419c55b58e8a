"""Deeplearning4j, which is not run: its packages are Java's."""

from __future__ import annotations

from pathlib import Path

from ..runner import Outputs, Runner, RunnerError, Samples


class Deeplearning4jRunner(Runner):
    """Deeplearning4j itself; Keras runs the same file."""

    name = "Deeplearning4j"
    exporter = "dl4j"

    def version(self) -> str | None:
        return None

    def run(self, folder: Path, samples: Samples) -> Outputs:
        raise RunnerError("Deeplearning4j is not run here; compile and run Check.java")
