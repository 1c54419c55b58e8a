"""The comparison of toolkits with piecewise: the largest differences of their answers.

Each exported file is run in its toolkit, where that is installed, on the same samples; so are the
files of the negative controls. Toolkits that are not installed are "not run here".
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...core.array_types import Float32
from ...core.errors import reason
from ...core.progress import OnProgress, Progress
from ...reference.losses import softmax
from ...storage.model_file import SavedModel
from ..exporter import Exporter
from ..runner import Outputs, Runner, RunnerError, Samples
from .controls import negative_controls
from .record import INTERRUPTED, LOGITS, NOT_RUN, Difference, Passport, ToolkitRun
from .samples import logits_of, raw_logits_of


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
        probabilities, at = _largest(outputs.probabilities, softmax(expected / temperature))
        names = self._samples.names
        sample = names[at] if names else f"sample {at + 1}"
        if outputs.logits is None:
            return Difference(None, probabilities, sample)
        scale = float(np.abs(expected).max()) or 1.0
        return Difference(_largest(outputs.logits, expected)[0] / scale, probabilities, sample)


def _largest(got: Float32, expected: Float32) -> tuple[float, int]:
    """The largest difference, and the row that has it; RunnerError if the shapes differ or there
    is none."""
    if got.shape != expected.shape:
        raise RunnerError(f"its answers have the shape {got.shape}, wanted {expected.shape}")
    differences = np.abs(got.astype(np.float64) - expected).max(axis=1)
    if not np.isfinite(differences).all():
        raise RunnerError("its answers, or those of piecewise, are not finite numbers")
    return float(differences.max()), int(differences.argmax())


def compare(
    comparison: Comparison,
    passport: Passport,
    exporters: Mapping[str, Exporter],
    runners: list[Runner],
    folder: Path,
    on_progress: OnProgress | None,
) -> None:
    """Run all toolkits of the exporters, and enter what they answered in the passport. If that is
    interrupted, the passport says which of them were not run."""
    pairs = [(runner, exporters[runner.exporter]) for runner in runners
             if runner.exporter in exporters]  # fmt: skip
    try:
        for done, (runner, exporter) in enumerate(pairs):
            if on_progress:
                on_progress(Progress("comparing", done, len(pairs), note=runner.name))
            run = comparison.run(runner, exporter, folder / exporter.folder)
            passport.add_run(exporter.name, run)
    except KeyboardInterrupt:
        for runner, exporter in pairs[sum(map(len, passport.runs.values())) :]:
            passport.add_run(exporter.name, ToolkitRun(runner.name, None, problem=INTERRUPTED))
        raise
    if on_progress:
        on_progress(Progress("comparing", len(pairs), len(pairs)))
