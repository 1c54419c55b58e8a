"""A network: an architecture with its parameters, and its predictions and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .core.array_types import Array, Float32, Float64
from .core.constraints import LOSS, checked
from .core.errors import LimitError
from .inputs import (
    as_array,
    check_examples,
    check_finite,
    check_inputs,
    convert_inputs,
    engine_inputs,
    layer_inputs,
)
from .network_files import NetworkFiles
from .raw_inputs import File, Inputs, paths_of, preprocess_all, raw_logits
from .reference.losses import softmax
from .spec.parameters import Parameters, all_finite
from .trace.backprop import Backprop
from .trace.walk import Walk

if TYPE_CHECKING:
    from .compiled import CompiledNetwork


class Network(NetworkFiles):
    """A ConvNet: an architecture with its parameters.

    Parameters
    ----------
    layers : str or iterable of Layer
        The layers as text in the notation, or as layer records.
    input : (int, int, int)
        The shape of an input: channels, rows, columns. For a network that begins with embed:
        (1, tokens of the vocabulary, positions).
    classes : int or iterable of str
        The number of classes, or their names.
    seed : int
        Seeds the initial parameters.
    preprocessor : Preprocessor, optional
        Turns files and bytes into inputs; by default, bytes from 0 to 255 are scaled to -1 to 1.

    Attributes
    ----------
    parameters, running_stats : Parameters
        The trained arrays, and the batch-norm statistics, by name.
    recipe, history : dict, list of dict
        The recipe and the epochs of the last training.
    calibration : Calibration
        The temperature and the confidence thresholds, fitted on held-out examples.
    training_digests : TrainingDigests
        Short hashes of the inputs that the network was trained on; `evaluate` scores them
        separately.

    Raises
    ------
    NotationError
        If the layers are not valid; ShapeError, a subclass, if they do not fit each other.
    LimitError
        If a number is not allowed.

    Examples
    --------
    >>> import piecewise as pw
    >>> net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
    >>> net.parameters["conv1.weight"].shape
    (4, 1, 3, 3)
    """

    # Inputs.

    def read_inputs(self, *files: File | Sequence[File]) -> Array:
        """Read and preprocess files.

        Parameters
        ----------
        *files : path, or one list of paths
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
        return self.preprocess(*map(self.preprocessor.read, paths_of(files)))

    def preprocess(self, *examples: Any) -> Array:
        """Preprocess examples that are in memory.

        Parameters
        ----------
        *examples : array (H, W, C) of uint8, Pillow image, sound, or str; or one list of them
            Images, sounds as `read_sound` returns them, or texts.

        Returns
        -------
        array (N, ...)
            Inputs for `logits`, `probabilities` and `predict`.
        """
        return preprocess_all(self.preprocessor, examples)

    # Predictions.

    def logits(self, inputs: Inputs, threads: int | None = None) -> Float32:
        """The scores before softmax.

        Parameters
        ----------
        inputs : array (N, C, H, W), or raw inputs
            float32, or uint8, which the preprocessor scales. For a network that begins with embed:
            token numbers (N, positions). Or the name of a file, a Pillow image, a text (for a
            network that reads texts), or a list of them; the logits of a long sound are the mean of
            those of its windows.
        threads : int, optional
            The largest number of threads; by default, the number of processors. The result does not
            depend on it.

        Returns
        -------
        array of float32 (N, classes)

        Raises
        ------
        DataError
            If the array does not fit the network.
        LimitError
            If a logit is not a finite float32 number.

        Examples
        --------
        >>> import piecewise as pw
        >>> net = pw.Network("full", (1, 9, 9), ("X", "O"))
        >>> net.logits(pw.make_xo(20, size=9).inputs).shape
        (20, 2)
        """
        from .engine.runtime import program_registry  # noqa: PLC0415 - it loads the compiler

        raw = raw_logits(self.preprocessor, inputs, lambda some: self.logits(some, threads))
        if raw is not None:
            return raw
        logits = program_registry.logits(
            self.architecture,
            self.parameters.flat,
            self.running_stats.flat,
            engine_inputs(self, check_inputs(self, inputs)),
            self.preprocessor.scaling,
            threads,
        )
        check_finite(logits)
        return logits

    def probabilities(self, inputs: Inputs) -> Float32:
        """The probability of each class.

        Parameters
        ----------
        inputs : array (N, C, H, W) or (N, positions)
            As for `logits`.

        Returns
        -------
        array of float32 (N, classes)
            Each row sums to 1.
        """
        return self.probabilities_of(self.logits(inputs))

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

    def predict(self, inputs: Inputs, coverage: float = 1.0) -> list[str | None]:
        """The name of the most probable class of each input.

        Parameters
        ----------
        inputs : array, name of a file, Pillow image, text, or a list of these
            As for `logits`.
        coverage : float
            Below 1, the prediction is None ("don't know") if its probability is below the threshold
            that this fraction of the held-out examples reaches (selective prediction).

        Returns
        -------
        list of str or None

        Raises
        ------
        LimitError
            If the network is not calibrated and ``coverage`` is below 1.

        Examples
        --------
        >>> import piecewise as pw
        >>> net = pw.Network("full", (1, 9, 9), ("X", "O"))
        >>> len(net.predict(pw.make_xo(20, size=9).inputs))
        20
        """
        threshold, logits = self.calibration.threshold_for(coverage), self.logits(inputs)
        confident = (self.probabilities_of(logits).max(axis=1) >= threshold).tolist()
        predictions = zip(logits.argmax(axis=1).tolist(), confident, strict=True)
        return [self.classes[index] if known else None for index, known in predictions]

    def walk(self, input: npt.ArrayLike) -> Walk:
        """The activations of every layer for one input, and the arithmetic of each value.

        Parameters
        ----------
        input : array (C, H, W) or (positions,)
            One input, without the batch axis.

        Returns
        -------
        Walk
            The activations by layer name; `Walk.why` explains a value.

        Raises
        ------
        DataError, LimitError
            As `logits`.

        Examples
        --------
        >>> import piecewise as pw
        >>> net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
        >>> list(net.walk(pw.make_xo(2, size=9).inputs[0]))
        ['input', 'conv1', 'relu1', 'pool1', 'full1']
        """
        from .engine.runtime import program_registry  # noqa: PLC0415

        x = layer_inputs(self, as_array(input, "input")[None])[0]
        activations = program_registry.feature_maps(
            self.architecture, self.parameters.flat, self.running_stats.flat, x
        )
        check_finite(activations[self.architecture.stages[-1].name])
        temperature = self.calibration.temperature
        return Walk(self.architecture, self.state, {"input": x, **activations}, temperature)

    def backprop(
        self, input: npt.ArrayLike, label: int | str, loss: str = "cross-entropy"
    ) -> Backprop:
        """Backpropagation for one input: the gradient of the loss with respect to every value.

        Parameters
        ----------
        input : array (C, H, W) or (positions,)
            One input, without the batch axis.
        label : int or str
            The number or the name of the class.
        loss : str
            A loss function, or "logit" for the gradient of the class's logit.

        Returns
        -------
        Backprop
            The gradients; `Backprop.why` explains one.
        """
        return self.walk(input).backprop(label, loss)

    def compile(self, threads: int | None = None) -> CompiledNetwork:
        """A copy of the network that is compiled for low latency on single inputs.

        Parameters
        ----------
        threads : int, optional
            The largest number of threads; chosen by the size of the network if left out. The result
            does not depend on it.

        Returns
        -------
        CompiledNetwork
        """
        from .compiled import CompiledNetwork  # noqa: PLC0415

        return CompiledNetwork(self, threads)

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

    # Gradients.

    def gradients(
        self, inputs: npt.ArrayLike, labels: npt.ArrayLike, loss: str = "cross-entropy"
    ) -> tuple[float, dict[str, Float32]]:
        """The mean loss and its gradient by backpropagation, in inference mode.

        Dropout is off, and batch norm uses its running statistics.

        Parameters
        ----------
        inputs : array (N, C, H, W) or (N, positions)
            As for `logits`.
        labels : array of int or str (N,)
            The number or the name of the class of each input.
        loss : str
            "cross-entropy", "squared" or "absolute".

        Returns
        -------
        (float, dict of str to array of float32)
            The mean loss, and its gradient by parameter name.

        Raises
        ------
        DataError
            If the arrays do not fit the network.
        LimitError
            If a loss is not a finite float32 number, or there is no such loss.
        """
        from .engine.runtime import program_registry  # noqa: PLC0415

        x, class_numbers = check_examples(self, inputs, labels)
        losses, flat = program_registry.gradients(
            self.architecture,
            self.parameters.flat,
            self.running_stats.flat,
            convert_inputs(self, x),
            class_numbers,
            checked("loss", LOSS, loss),
        )
        if not all_finite(losses):
            raise LimitError(
                "the losses are not finite float32 numbers; the parameters are too large or not "
                "finite"
            )
        return fsum(losses.tolist()) / len(losses), dict(
            Parameters(flat, self.architecture.parameters)
        )

    def numerical_gradients(
        self, inputs: npt.ArrayLike, labels: npt.ArrayLike, loss: str = "cross-entropy"
    ) -> tuple[float, dict[str, Float64]]:
        """The result of `gradients` by central differences (the deck's nudges) in float64.

        Parameters
        ----------
        inputs, labels, loss
            As for `gradients`. It takes two forward passes per parameter.

        Returns
        -------
        (float, dict of str to array of float64)
            The mean loss, and its gradient by parameter name.
        """
        from .engine.runtime import program_registry  # noqa: PLC0415

        x, class_numbers = check_examples(self, inputs, labels)
        result = program_registry.finite_differences(
            self.architecture,
            self.state,
            convert_inputs(self, x),
            class_numbers,
            checked("loss", LOSS, loss),
        )
        return result.loss, result.arrays


load = Network.load
import_net = Network.import_file
