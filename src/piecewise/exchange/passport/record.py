"""The passport of an export: the net, its files, and what every toolkit answered."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ...core.version import __version__
from ...storage.model_file import SavedModel
from ..exporter import Files

FORMAT = 1
"""The version of passport.json; it changes if a key changes its meaning or goes away."""
PROBABILITIES = 1e-5
"""The largest difference of probabilities that agrees."""
LOGITS = 1e-4
"""The largest difference of logits that agrees, relative to the largest logit."""
TOLERANCES = {"probabilities": PROBABILITIES, "logits": LOGITS}
NOT_RUN, INTERRUPTED = "not run here", "not run: interrupted"
"""The problems of a toolkit that is not installed, and of one that was not waited for."""


@dataclass(frozen=True)
class Difference:
    """The largest difference of logits, relative to the largest logit, and of probabilities; None
    for logits that the toolkit does not give. ``sample`` is the one whose probabilities differ
    most."""

    logits: float | None
    probabilities: float
    sample: str = field(default="", compare=False)

    @property
    def exceeding(self) -> dict[str, float]:
        """Those above their tolerances, by their names: "probabilities", "logits"."""
        every = {"probabilities": self.probabilities, "logits": self.logits or 0.0}
        return {name: value for name, value in every.items() if value > TOLERANCES[name]}

    @property
    def caught_by(self) -> str | None:
        """The name of the one that is farthest above its tolerance, as a multiple of it."""
        factors = {name: value / TOLERANCES[name] for name, value in self.exceeding.items()}
        return max(factors, key=factors.__getitem__, default=None)

    @property
    def agrees(self) -> bool:
        """Whether both are within the tolerances."""
        return not self.exceeding


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
            return None if self.problem in {NOT_RUN, INTERRUPTED} else False
        return self.difference.agrees and not self.missed

    @property
    def missed(self) -> list[str]:
        """The controls that the comparison did not catch."""
        return [name for name, control in self.controls.items() if control.agrees]

    @property
    def verdict(self) -> str:
        """The answer in a few words: "agrees", "differs", a control that it misses, or the
        problem."""
        if self.difference is None:
            return self.problem
        if not self.difference.agrees:
            return "differs"
        return f"misses the control: {self.missed[0]}" if self.missed else "agrees"

    @property
    def title(self) -> str:
        """The toolkit and its version."""
        return f"{self.toolkit} {self.version or ''}".strip()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        values: dict[str, Any] = {
            "toolkit": self.toolkit,
            "version": self.version,
            "agrees": self.agrees,
        }
        if self.difference is None:
            return {**values, "problem": self.problem}
        controls = {
            name: {**asdict(one), "caught": not one.agrees, "caught_by": list(one.exceeding)}
            for name, one in self.controls.items()
        }
        return {
            **values, "largest_difference": asdict(self.difference), "negative_controls": controls
        }  # fmt: skip


@dataclass
class Passport:
    """The passport of an export: the network, the samples, and what every toolkit answered."""

    model: SavedModel
    sample_count: int
    sample_source: str
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """The SHA-256 of every file by exporter and path in the folder of the export."""
    runs: dict[str, list[ToolkitRun]] = field(default_factory=dict)
    """By exporter."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why exporters were left out, by exporter."""
    page_sha256: str = ""
    """The SHA-256 of the page that shows this passport."""

    @property
    def verdict(self) -> str:
        """One sentence about all runs."""
        if bad := dict.fromkeys(run.toolkit for _, run in self.disagreements):
            return f"Not all toolkits agree with piecewise: {', '.join(bad)}."
        runs = [run for runs in self.runs.values() for run in runs]
        ran = dict.fromkeys(run.toolkit for run in runs if run.agrees)
        if not ran and any(run.problem == INTERRUPTED for run in runs):
            return "The comparison was interrupted before any toolkit had run."
        if not ran:
            return "No toolkit is installed here, so no answer was compared."
        return f"All toolkits that ran agree with piecewise: {', '.join(ran)}."

    @property
    def disagreements(self) -> list[tuple[str, ToolkitRun]]:
        """The runs that failed, disagreed, or did not catch a control, by exporter."""
        return [
            (name, run) for name, runs in self.runs.items() for run in runs if run.agrees is False
        ]

    def add_files(self, exporter: str, files: Files) -> None:
        """Enter the files of an exporter."""
        self.files[exporter] = {path: sha256(content) for path, content in files.items()}

    def add_run(self, exporter: str, run: ToolkitRun) -> None:
        """Enter what a toolkit answered for the files of an exporter."""
        self.runs.setdefault(exporter, []).append(run)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for passport.json."""
        architecture = self.model.architecture
        return {
            "format": FORMAT,
            "piecewise": __version__,
            "machine": f"{platform.system()} {platform.machine()}",
            "net": {
                "layers": architecture.notation,
                "input": list(architecture.input),
                "classes": list(architecture.classes),
                "parameters_sha256": self.model.parameters_sha256,
            },
            "samples": {"count": self.sample_count, "source": self.sample_source},
            "tolerances": TOLERANCES,
            "exports": {
                name: {"files": files, "runs": [run.to_json() for run in self.runs.get(name, [])]}
                for name, files in self.files.items()
            },
            "refused": self.refused,
            "page_sha256": self.page_sha256,
        }


def sha256(content: bytes) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
