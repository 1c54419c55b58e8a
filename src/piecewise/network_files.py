"""The files of a network: model files, and files of other toolkits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .core.progress import OnProgress
from .data.file_bytes import checked_path
from .inputs import check_inputs
from .network_state import NetworkState
from .raw_inputs import Inputs, decode_raw, raw_inputs
from .spec.architecture import class_names, input_shape
from .spec.parameters import Parameters, flattened

if TYPE_CHECKING:
    from .exchange.export_model import ExportResult
    from .exchange.runner import Samples
    from .storage.model_file import SavedModel


class NetworkFiles(NetworkState):
    """The base class of `Network` that reads and writes files."""

    def saved_model(self) -> SavedModel:
        """The contents of the network's model file. The arrays are not copied.

        Returns
        -------
        SavedModel
        """
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
        """Build a network from the contents of a model file.

        Parameters
        ----------
        model : SavedModel
            Its arrays are copied.

        Returns
        -------
        Network
        """
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
            A file that `save` wrote.

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

    # Files of other toolkits.

    def export(
        self,
        folder: str | os.PathLike[str],
        to: Sequence[str] | str | None = None,
        samples: Inputs | None = None,
        on_progress: OnProgress | None = None,
    ) -> ExportResult:
        """Export the network to files of other toolkits, each compared with this network.

        Parameters
        ----------
        folder : path
            A new folder, or one of an earlier export, which is replaced; files of your own stay.
            Each format gets a folder in it, with a USAGE.md; passport.html and passport.json
            compare the outputs of each toolkit with those of this network.
        to : list of str, optional
            The formats: "onnx", "pytorch", "tensorflow", "caffe", "torch", "cntk", "dl4j",
            "theano", "numpy", "c", "html", "card". By default, all that can express the network.
        samples : array, or names of files, texts or Pillow images, optional
            The inputs on which the toolkits are compared, as for `logits`; by default, noise.
        on_progress : callable, optional
            Called with a `Progress`.

        Returns
        -------
        ExportResult
            The folder, the files, and the passport.

        Raises
        ------
        LimitError
            If there is no such format.
        ModelFileError
            If a format of ``to`` cannot express the network; the message names the layer.
        DataError
            If the folder holds other files or cannot be written, or the samples do not fit. After
            an error, the folder is as it was before.
        KeyboardInterrupt
            If it is interrupted. While toolkits are compared, the files are kept.

        Examples
        --------
        >>> import piecewise as pw, tempfile
        >>> net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = net.export(folder, to=["card"])
        ...     [file.name for file in result.files]
        ['README.md', 'passport.html', 'passport.json']
        """
        from .exchange.export_model import GENERATED, export_model  # noqa: PLC0415

        chosen = [to] if isinstance(to, str) else to
        given = None if samples is None else self._samples(samples)
        source = GENERATED if given is None else "given samples"
        return export_model(self.saved_model(), Path(folder), chosen, given, source, on_progress)

    def _samples(self, inputs: Inputs) -> Samples:
        """Inputs as samples; with the decoded examples, if they are not arrays yet."""
        from .exchange.passport.samples import samples_of, samples_of_inputs  # noqa: PLC0415

        raw = raw_inputs(inputs)
        if raw is None:
            return samples_of_inputs(self.preprocessor, check_inputs(self, inputs))
        decoded = decode_raw(self.preprocessor, raw)
        reads_texts = self.architecture.reads_texts
        return samples_of(self.preprocessor, decoded, reads_texts=reads_texts)

    @classmethod
    def import_file(
        cls,
        path: str | os.PathLike[str],
        *,
        input: Sequence[int] | None = None,
        classes: Iterable[str] | None = None,
        layers: str | None = None,
        architecture: str | os.PathLike[str] | None = None,
        range: Sequence[float] | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        channel_order: str | None = None,
    ) -> Self:
        """Import a network from a file of ONNX, Keras (`.keras`, `.h5`), Caffe, Torch 7, or of
        PyTorch parameters in safetensors. Nothing in the file is run.

        Parameters
        ----------
        path : path
            The file.
        input : (int, int, int), optional
            Channels, rows and columns of the input, where the file leaves them open.
        classes : list of str, optional
            The names of the classes; by default those in the file, or numbers.
        layers : str, optional
            The layers in the notation, for a file of parameters alone (PyTorch).
        architecture : path, optional
            The file of the layers (Caffe's .prototxt), where the parameters are in another one.
        range : (float, float), optional
            The values of black and white pixels in training, such as (0, 1) or (0, 255); by default
            those in the file, or (-1, 1). A `norm` layer in front of the net converts inputs.
        mean, std : float or list of float, optional
            The mean and standard deviation by which the pixel values were normalized in training.
        channel_order : {"rgb", "bgr"}, optional
            The order of the colours that the first layer reads.

        Returns
        -------
        Network
            ``net.training_summary["imported"]`` says how layers and inputs were rewritten.

        Raises
        ------
        LimitError
            If an argument is not allowed, or does not fit the file.
        ModelFileError
            If the file cannot be read, or has a layer that piecewise does not support.
        """
        from .exchange.import_model import import_model  # noqa: PLC0415
        from .exchange.input_scale import InputLevels  # noqa: PLC0415
        from .exchange.registry import ImportOptions  # noqa: PLC0415

        options = ImportOptions(
            None if input is None else input_shape(input),
            None if classes is None else class_names(classes),
            layers,
            None if architecture is None else checked_path("architecture", architecture),
            InputLevels.of(range, mean, std, channel_order),
        )
        return cls.from_saved_model(import_model(checked_path("path", path), options))
