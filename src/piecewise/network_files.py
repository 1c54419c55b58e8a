"""The files of a network: model files, and exports to the formats of other toolkits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from .network_state import NetworkState
from .spec.parameters import Parameters, flattened

if TYPE_CHECKING:
    from .storage.model_file import SavedModel


class NetworkFiles(NetworkState):
    """The base class of `Network` that reads and writes files."""

    def saved_model(self) -> SavedModel:
        """All that a file holds of the network; its arrays are those of the network."""
        from .storage import model_file  # noqa: PLC0415 - only files need it

        return model_file.SavedModel(
            self.architecture,
            self.seed,
            self.preprocessor,
            self.state,
            self.recipe,
            self.history,
            self.calibration,
            self.training_summary,
            self.training_digests,
        )

    @classmethod
    def from_saved_model(cls, model: SavedModel) -> Self:
        """The network of a `SavedModel`; its arrays are copied."""
        net = cls.__new__(cls)  # without drawing initial parameters
        net._describe(model.architecture, model.seed, model.preprocessor)
        rows, running_stats = model.architecture.parameters, model.architecture.running_stats
        net.parameters = Parameters(flattened(rows, model.tensors), rows)
        net.running_stats = Parameters(flattened(running_stats, model.tensors), running_stats)
        net.recipe, net.history = model.recipe, model.history
        net.calibration, net.training_summary = model.calibration, model.training_summary
        net.training_digests = model.training_digests
        return net

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (.safetensors) atomically, and read it back to verify it.

        Parameters
        ----------
        path : path
            The path of the model file.

        Raises
        ------
        ModelFileError
            If it cannot be written; an existing file then stays as it is.
        """
        from .storage import model_file  # noqa: PLC0415 - only files need it

        model_file.write(path, self.saved_model())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load the network of a model file.

        Parameters
        ----------
        path : path
            The path of the model file.

        Returns
        -------
        Network

        Raises
        ------
        ModelFileError
            If the file cannot be read, or is not a model file of this format.

        Examples
        --------
        >>> import piecewise as pw, tempfile
        >>> net = pw.Network("full", (1, 9, 9), ("X", "O"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.save(f"{folder}/net.safetensors")
        ...     same = pw.load(f"{folder}/net.safetensors")
        >>> same.parameters_sha256 == net.parameters_sha256
        True
        """
        from .storage import model_file  # noqa: PLC0415

        return cls.from_saved_model(model_file.read(path))
