"""Runners that run a fixed script in a Python that has the toolkit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ..runner import Outputs, Runner, RunnerError, Samples
from .environments import package_version, python_of, run_scripts


class Interpreter(NamedTuple):
    """A Python that has a toolkit, its version, and variables for its environment."""

    python: str
    version: str
    variables: Mapping[str, str] = MappingProxyType({})


class ScriptRunner(Runner):
    """A toolkit that one of the scripts in `scripts` runs; they get the arrays ``inputs`` and
    ``layer_inputs`` of the samples.

    Parameters
    ----------
    name, exporter : str
        See `Runner`.
    script : str
        The name of the script.
    interpreter : callable
        Returns the Python with the toolkit; None if there is none.
    """

    def __init__(
        self, name: str, exporter: str, script: str, interpreter: Callable[[], Interpreter | None]
    ) -> None:
        self.name, self.exporter = name, exporter
        self.script, self.interpreter = script, interpreter

    def version(self) -> str | None:
        found = self.interpreter()
        return found and found.version

    def run(self, folder: Path, samples: Samples) -> Outputs:
        return self.run_all([folder], samples)[0]

    def run_all(self, folders: Sequence[Path], samples: Samples) -> list[Outputs]:
        found = self.interpreter()
        if found is None:
            raise RunnerError(f"{self.name} is not installed")
        arrays = {"inputs": samples.inputs, "layer_inputs": samples.layer_inputs}
        made = run_scripts(found.python, self.script, folders, arrays, found.variables)
        return [Outputs(one["logits"], one["probabilities"]) for one in made]


def python_with(toolkit: str, package: str) -> Interpreter | None:
    """The Python that has a package: that of the toolkit's own environment, else the running one;
    None if neither has it."""
    python = python_of(toolkit, package)
    version = None if python is None else package_version(python, package)
    return None if python is None or version is None else Interpreter(python, version)
