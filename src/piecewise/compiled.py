"""A network compiled for low-latency inference on single inputs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .core.array_types import Float32
from .core.constraints import THREADS, checked
from .core.errors import LimitError
from .engine.runtime.single_image import SingleImageProgram
from .inputs import HasInputs
from .raw_inputs import Inputs, raw_inputs
from .spec.parameters import Parameters


class PredictingNetwork(HasInputs, Protocol):
    """The attributes of a `Network` that its compiled copy uses; network.py imports this file."""

    parameters: Parameters
    running_stats: Parameters

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""

    def logits(self, inputs: npt.ArrayLike, threads: int | None = None) -> Float32:
        """The scores before softmax."""

    def probabilities_of(self, logits: Float32) -> Float32:
        """The probabilities of logits."""


class CompiledNetwork:
    """A copy of a network, compiled for low-latency inference on single inputs.

    It gives the same bits as `Network`. Training the network later does not change it. A float32
    input of the network's shape needs no conversion and is the fastest.

    Parameters
    ----------
    net : Network
        The network to copy.
    threads : int, optional
        The largest number of threads; chosen by the size of the network if left out.

    Examples
    --------
    >>> import piecewise as pw
    >>> net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
    >>> net.compile().logits(pw.make_xo(1, size=9).inputs[0]).shape
    (2,)
    """

    def __init__(self, net: PredictingNetwork, threads: int | None = None) -> None:
        self.net = deepcopy(net)
        self.threads: int | None = checked("threads", THREADS, threads)
        self._program = SingleImageProgram(net.architecture)
        flat, running_stats = self.net.parameters.flat, self.net.running_stats.flat
        self._program.set_weights(flat, running_stats, net.preprocessor.scaling)
        self._thread_count = self._program.thread_count(self.threads)
        self._shape = self._program.input.shape
        self._dtype = self._program.input.dtype

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the network; the copy is compiled again."""
        return CompiledNetwork, (self.net, self.threads)

    def logits(self, inputs: Inputs) -> Float32:
        """The scores before softmax.

        Parameters
        ----------
        inputs : array (C, H, W) or (N, C, H, W), or what is not preprocessed yet
            One input or several; token numbers (positions,) or (N, positions) for texts. Or the
            name of a file, a Pillow image, a text, or a list of them, as for `Network.logits`.

        Returns
        -------
        array of float32 (classes,) or (N, classes)

        Raises
        ------
        DataError
            If the array does not fit the network.
        LimitError
            If an input or a logit is not a finite float32 number.
        """
        array = np.asarray(inputs)
        if array.shape != self._shape or array.dtype != self._dtype or array.dtype.kind == "i":
            return self._checked_logits(inputs)
        with self._program.lock:
            logits = self._program.logits(array, self._thread_count)
        if not np.isfinite(logits).all():
            raise LimitError(
                "the logits are not finite numbers; the input or the parameters are too large or "
                "not finite"
            )
        return logits

    def _checked_logits(self, inputs: Inputs) -> Float32:
        """The logits of inputs that need a check or a conversion first."""
        if (raw := raw_inputs(inputs)) is not None:
            raw_logits = self.net.logits(raw, self.threads)
            return raw_logits if isinstance(inputs, list | tuple) else raw_logits[0]
        array = np.asarray(inputs)
        if array.shape == self._shape:
            logits: Float32 = self.net.logits(array[None], self.threads)[0]
            return logits
        return self.net.logits(array, self.threads)

    def probabilities(self, inputs: Inputs) -> Float32:
        """The probability of each class.

        Parameters
        ----------
        inputs : array
            One input or several; see `logits`.

        Returns
        -------
        array of float32 (classes,) or (N, classes)
        """
        logits = self.logits(inputs)
        return self.net.probabilities_of(np.atleast_2d(logits)).reshape(logits.shape)

    def predict(self, inputs: Inputs) -> str | list[str]:
        """The name of the most probable class.

        Parameters
        ----------
        inputs : array
            One input or several; see `logits`.

        Returns
        -------
        str, or list of str for several inputs
        """
        logits = self.logits(inputs)
        names = [self.net.classes[index] for index in np.atleast_2d(logits).argmax(axis=1)]
        return names[0] if logits.ndim == 1 else names
