"""The base of `Network`: its architecture, parameters and metadata, and how it is displayed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .core.array_types import Array, Float32
from .core.constraints import SEED, checked
from .core.errors import DataError, LimitError, shown
from .data.images.preprocessor import ImagePreprocessor
from .data.preprocessing import Preprocessor
from .reference.losses import softmax
from .spec.architecture import Architecture
from .spec.calibration import Calibration
from .spec.layer import Layer
from .spec.parameters import Parameters, initial_values
from .spec.summary import summary, summary_html


class NetworkBase:
    """See `Network`."""

    def __init__(
        self,
        layers: str | Iterable[Layer],
        input: Sequence[int],
        classes: int | Iterable[str],
        seed: int = 0,
        preprocessor: Preprocessor | None = None,
    ) -> None:
        self._describe(Architecture(layers, input, classes), seed, preprocessor)
        rows, running_stats = self.architecture.parameters, self.architecture.running_stats
        self.parameters = Parameters(initial_values(rows, self.seed), rows)
        self.running_stats = Parameters(initial_values(running_stats, self.seed), running_stats)

    def _describe(
        self, architecture: Architecture, seed: int, preprocessor: Preprocessor | None
    ) -> None:
        """Set everything but the parameters and running statistics."""
        self.architecture = architecture
        self.seed: int = checked("seed", SEED, seed)
        self.preprocessor = ImagePreprocessor(self.input) if preprocessor is None else preprocessor
        if not isinstance(self.preprocessor, Preprocessor):
            raise LimitError(f"preprocessor: got {shown(preprocessor)}, wanted a Preprocessor")
        if self.preprocessor.shape != self.input:
            raise LimitError(
                f"preprocessor: got one for {self.preprocessor.shape}, wanted {self.input}"
            )
        self.history: list[dict[str, Any]] = []
        self.recipe: dict[str, Any] = {}
        self.calibration = Calibration()

    # Description.

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layer records."""
        return self.architecture.layers

    @property
    def notation(self) -> str:
        """The layers as text in the notation."""
        return self.architecture.notation

    @property
    def input(self) -> tuple[int, int, int]:
        """The shape of an input: channels, rows, columns."""
        return tuple(self.architecture.input)  # type: ignore[return-value]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.architecture.classes

    @property
    def state(self) -> dict[str, Float32]:
        """Parameters and running statistics by name: all arrays that a prediction depends on."""
        return {**self.parameters, **self.running_stats}

    @property
    def parameters_sha256(self) -> str:
        """SHA-256 of the parameters, then the running statistics, as little-endian float32."""
        digest = hashlib.sha256(self.parameters.flat.astype("<f4").tobytes())
        digest.update(self.running_stats.flat.astype("<f4").tobytes())
        return digest.hexdigest()

    # Display.

    def __repr__(self) -> str:
        names = self.classes
        numbered = names == tuple(str(number) for number in range(len(names)))
        classes = len(names) if numbered else list(names)
        return (
            f'Network("{self.notation}", input={self.input}, classes={classes}, seed={self.seed})'
        )

    def summary(self) -> str:
        """A table with a row per layer: name, notation, output shape, parameters, multiplications.

        Returns
        -------
        str
        """
        return summary(self.architecture)

    def loop_listing(self, layer: str | None = None) -> str:
        """The compiled loops of a layer, or of all layers, as text.

        Parameters
        ----------
        layer : str, optional
            The name of the layer.

        Returns
        -------
        str

        Raises
        ------
        LimitError
            If there is no such layer.
        """
        from .engine.runtime import loop_listing  # noqa: PLC0415

        return loop_listing.listing(self.architecture, layer)

    def _repr_html_(self) -> str:
        return summary_html(self.architecture)

    # Inputs from files.

    def read_inputs(self, *files: str | os.PathLike[str]) -> Array:
        """Read and preprocess files.

        Parameters
        ----------
        *files : path
            Files of the kind that the preprocessor reads.

        Returns
        -------
        array (N, ...)
            Inputs for `logits`, `probabilities` and `predict`.

        Raises
        ------
        DataError
            If a file cannot be read; the message names it.
        """
        return self.preprocess(*(self.preprocessor.read(Path(file)) for file in files))

    def preprocess(self, *examples: Any) -> Array:
        """Preprocess examples that are in memory.

        Parameters
        ----------
        *examples : array (H, W, C) of uint8, sound, or str
            Images, sounds as `read_sound` returns them, or texts.

        Returns
        -------
        array (N, ...)
            Inputs for `logits`, `probabilities` and `predict`.
        """
        if not examples:
            raise DataError("got nothing to preprocess, wanted one example or more")
        return np.stack([self.preprocessor.transform(example) for example in examples])

    def probabilities_of(self, logits: Float32) -> Float32:
        """Softmax of logits at the calibrated temperature.

        Parameters
        ----------
        logits : array of float32 (N, classes)
            The result of `logits`.

        Returns
        -------
        array of float32 (N, classes)
        """
        return softmax(logits / np.float32(self.calibration.temperature))
