"""The state of a network: architecture, parameters and metadata, and how they are displayed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from .core.array_types import Float32
from .core.constraints import SEED, checked
from .core.errors import LimitError, shown
from .data.images.preprocessor import ImagePreprocessor
from .data.preprocessing import Preprocessor
from .spec.architecture import Architecture, class_names, class_stage
from .spec.calibration import Calibration
from .spec.layer_base import Layer
from .spec.parameters import Parameters, arrays_sha256, initial_values
from .spec.summary import summary, summary_html
from .spec.training_digests import TrainingDigests


class NetworkState:
    """The base class of `Network`, which describes the arguments: all but its computations."""

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
        self.training_summary: dict[str, Any] = {}
        self.training_digests = TrainingDigests()

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
        rows = self.architecture.parameters + self.architecture.running_stats
        return arrays_sha256(rows, self.state)

    # Transfer.

    def with_classes(self, classes: int | Iterable[str], seed: int = 0) -> Self:
        """A copy for other classes: the same layers, with a new last fully connected layer.

        The copy has all parameters and running statistics of this network before the last fully
        connected layer. In that layer, and in those after it, a class that this network knows keeps
        its values; a new class gets initial values. The copy is not calibrated, and keeps the
        digests of the training examples.

        Parameters
        ----------
        classes : int or iterable of str
            The number of classes, or their names, in the order of the copy's outputs.
        seed : int
            Seeds the initial values of new classes.

        Returns
        -------
        Network

        Raises
        ------
        LimitError
            If the classes are not valid; or if they are other ones and the network does not end
            with a fully connected layer that has one output per class.

        Examples
        --------
        >>> import piecewise as pw
        >>> net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
        >>> three = net.with_classes(("O", "X", "T"))
        >>> bool((three.parameters["full1.weight"][1] == net.parameters["full1.weight"][0]).all())
        True
        """
        names = class_names(classes)
        same = names == self.classes
        first = len(self.architecture.stages) if same else class_stage(self.architecture)
        other = type(self)(self.notation, self.input, names, seed, self.preprocessor)
        known = [name for name in names if name in self.classes]
        new_rows = [names.index(name) for name in known]
        old_rows = [self.classes.index(name) for name in known]
        by_class = {row.name for stage in self.architecture.stages[first:] for row in stage.arrays}
        for old, new in (
            (self.parameters, other.parameters),
            (self.running_stats, other.running_stats),
        ):
            for name, array in old.items():
                if name in by_class:
                    new[name][new_rows] = array[old_rows]
                else:
                    new[name][...] = array
        other.training_digests = self.training_digests
        return other

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

    def _repr_html_(self) -> str:
        return summary_html(self.architecture)
