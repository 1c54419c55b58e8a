"""The passport of an export: how far each toolkit's answers are from those of piecewise, measured.

Each exported file is run in its toolkit, where that is installed, on the same samples. The passport
has the largest difference of logits and probabilities, the versions, the SHA-256 of every file, and
whether the negative controls were caught. Toolkits that are not installed are "not run here".
"""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...core.array_types import Float32
from ...core.errors import reason
from ...core.progress import OnProgress, Progress
from ...core.version import __version__
from ...reference.losses import softmax
from ...storage.model_file import SavedModel
from ..exporter import Exporter, Files
from ..runner import Outputs, Runner, RunnerError, Samples
from .controls import negative_controls
from .samples import logits_of, raw_logits_of

PROBABILITIES = 1e-5
"""The largest difference of probabilities that agrees."""
LOGITS = 1e-4
"""The largest difference of logits that agrees, relative to the largest logit."""
NOT_RUN = "not run here"


@dataclass(frozen=True)
class Difference:
    """The largest difference of logits, relative to the largest logit, and of probabilities; None
    for logits that the toolkit does not give."""

    logits: float | None
    probabilities: float

    @property
    def agrees(self) -> bool:
        """Whether both are within the tolerances."""
        return self.probabilities <= PROBABILITIES and (
            self.logits is None or self.logits <= LOGITS
        )


@dataclass(frozen=True)
class ToolkitRun:
    """What one toolkit answered for the files of one exporter."""

    toolkit: str
    version: str | None
    difference: Difference | None = None
    controls: Mapping[str, Difference] = field(default_factory=dict)
    problem: str = ""
    """Why there is no difference: not installed, or an error of the toolkit."""

    @property
    def agrees(self) -> bool | None:
        """Whether the toolkit agrees and every control is caught; None if it was not run."""
        if self.difference is None:
            return None if self.problem == NOT_RUN else False
        caught = not any(control.agrees for control in self.controls.values())
        return self.difference.agrees and caught

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        if self.difference is None:
            return {"toolkit": self.toolkit, "version": self.version, "problem": self.problem}
        return {
            "toolkit": self.toolkit,
            "version": self.version,
            "largest_difference": asdict(self.difference),
            "negative_controls": {
                name: {**asdict(one), "caught": not one.agrees}
                for name, one in self.controls.items()
            },
            "agrees": self.agrees,
        }


@dataclass
class Passport:
    """The passport of an export: the network, the samples, and what every toolkit answered."""

    model: SavedModel
    sample_count: int
    sample_source: str
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """The SHA-256 of every file by exporter and name."""
    runs: dict[str, list[ToolkitRun]] = field(default_factory=dict)
    """By exporter."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why exporters cannot express the network, by exporter."""

    @property
    def disagreements(self) -> list[tuple[str, ToolkitRun]]:
        """The runs that failed, disagreed, or did not catch a control, by exporter."""
        return [
            (name, run) for name, runs in self.runs.items() for run in runs if run.agrees is False
        ]

    def add_files(self, exporter: str, files: Files) -> None:
        """Enter the files of an exporter."""
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        self.files[exporter] = digests

    def to_json(self) -> dict[str, Any]:
        """Plain values, for passport.json."""
        architecture = self.model.architecture
        return {
            "piecewise": __version__,
            "machine": f"{platform.system()} {platform.machine()}",
            "net": {
                "layers": architecture.notation,
                "input": list(architecture.input),
                "classes": list(architecture.classes),
                "parameters_sha256": self.model.parameters_sha256,
            },
            "samples": {"count": self.sample_count, "source": self.sample_source},
            "tolerances": {"logits": LOGITS, "probabilities": PROBABILITIES},
            "exports": {
                name: {"files": files, "runs": [run.to_json() for run in self.runs.get(name, [])]}
                for name, files in self.files.items()
            },
            "refused": self.refused,
        }


class Comparison:
    """Runs toolkits on the files of a network, and compares their answers with those of
    piecewise."""

    def __init__(self, model: SavedModel, samples: Samples) -> None:
        self._model, self._samples = model, samples
        expected = logits_of(model, samples)
        self._expected = {False: expected, True: raw_logits_of(model, samples, expected)}
        self._controls = negative_controls(model, samples, expected, LOGITS)

    def run(self, runner: Runner, exporter: Exporter, folder: Path) -> ToolkitRun:
        """One toolkit on the files of one exporter, in ``folder``, and on its controls."""
        version = runner.version()
        if version is None:
            return ToolkitRun(runner.name, None, problem=NOT_RUN)
        try:
            with tempfile.TemporaryDirectory() as place:
                controls = self._control_folders(exporter, Path(place))
                outputs = runner.run_all([folder, *controls.values()], self._samples)
            difference, *others = [self._difference(runner, one) for one in outputs]
        except Exception as error:  # a toolkit can raise anything
            return ToolkitRun(runner.name, version, problem=f"failed: {reason(error)[:500]}")
        caught = dict(zip(controls, others, strict=True))
        return ToolkitRun(runner.name, version, difference, caught)

    def _control_folders(self, exporter: Exporter, place: Path) -> dict[str, Path]:
        """The folders with the files of the negative controls, by name."""
        folders = {}
        for number, (name, control) in enumerate(self._controls.items()):
            folders[name] = place / str(number)
            folders[name].mkdir()
            for file, content in exporter.files(control).items():
                (folders[name] / file).write_bytes(content)
        return folders

    def _difference(self, runner: Runner, outputs: Outputs) -> Difference:
        expected = self._expected[runner.reads_raw]
        temperature = np.float32(self._model.calibration.temperature)
        probabilities = _largest(outputs.probabilities, softmax(expected / temperature))
        if outputs.logits is None:
            return Difference(None, probabilities)
        scale = float(np.abs(expected).max()) or 1.0
        return Difference(_largest(outputs.logits, expected) / scale, probabilities)


def _largest(got: Float32, expected: Float32) -> float:
    """The largest difference; RunnerError if the shapes differ or there is none."""
    if got.shape != expected.shape:
        raise RunnerError(f"its answers have the shape {got.shape}, wanted {expected.shape}")
    largest = float(np.abs(got.astype(np.float64) - expected).max())
    if not np.isfinite(largest):
        raise RunnerError("its answers, or those of piecewise, are not finite numbers")
    return largest


def compare(
    comparison: Comparison,
    passport: Passport,
    exporters: Mapping[str, Exporter],
    runners: list[Runner],
    folder: Path,
    on_progress: OnProgress | None,
) -> None:
    """Run all toolkits of the exporters, and enter what they answered in the passport."""
    pairs = [(runner, exporters[runner.exporter]) for runner in runners
             if runner.exporter in exporters]  # fmt: skip
    for done, (runner, exporter) in enumerate(pairs):
        if on_progress:
            on_progress(Progress("comparing", done, len(pairs), note=runner.name))
        run = comparison.run(runner, exporter, folder / exporter.folder)
        passport.runs.setdefault(exporter.name, []).append(run)
    if on_progress:
        on_progress(Progress("comparing", len(pairs), len(pairs)))
