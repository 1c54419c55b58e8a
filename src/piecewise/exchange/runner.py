"""The base class of runners: the inputs and outputs of a toolkit that runs an exported network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from ..core.array_types import Array, Float32
from ..core.errors import PiecewiseError


class RunnerError(PiecewiseError, RuntimeError):
    """A toolkit that failed on an exported network."""


class Samples(NamedTuple):
    """Inputs on which a toolkit is compared with piecewise."""

    inputs: Array
    """Preprocessed inputs: uint8 or float32 (N, C, H, W), or tokens (N, positions)."""
    layer_inputs: Array
    """The same as the layers read it: float32 (N, C, H, W), or int64 tokens (N, positions)."""
    raw: list[Any] | None = None
    """The examples before preprocessing: decoded images (H, W, C), sounds, or texts."""
    files: list[bytes] | None = None
    """The examples as PNG or WAV files."""
    names: list[str] | None = None
    """What the examples are, for the passport."""


class Outputs(NamedTuple):
    """What a toolkit computed, (N, classes) each; logits are None if it does not give them."""

    logits: Float32 | None
    probabilities: Float32


class Runner(ABC):
    """A toolkit, or a reader of its format, that runs an exported network."""

    name: str
    """Its name in a passport: "onnxruntime"."""
    exporter: str
    """The name of the exporter whose files it runs."""
    reads_raw: ClassVar[bool] = False
    """Whether it runs raw samples, where there are some, with the preprocessing in the file: of a
    long sound all windows, as `piecewise predict`."""

    @abstractmethod
    def version(self) -> str | None:
        """The installed version; None if it is not installed. It does not import the toolkit."""

    @abstractmethod
    def run(self, folder: Path, samples: Samples) -> Outputs:
        """Run the files in the folder of the exporter on all samples."""

    def run_all(self, folders: Sequence[Path], samples: Samples) -> list[Outputs]:
        """`run` for several folders, in one process of the toolkit where that is possible."""
        return [self.run(folder, samples) for folder in folders]
