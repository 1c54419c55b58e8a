"""A network compiled for low-latency inference on single inputs."""

from __future__ import annotations

from copy import deepcopy
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .core.array_types import Array, Float32
from .core.constraints import THREADS, checked
from .core.errors import LimitError
from .engine.runtime.single_image import SingleImageProgram
from .inputs import HasInputs, check_inputs, engine_inputs
from .raw_inputs import Inputs, raw_logits
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

    It gives the same bits as `Network`. Training the network later does not change it. The fastest
    inputs are arrays of the network's shape that need no conversion: float32 or uint8, for texts
    token numbers of int64.

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
        self._tokens = self.net.architecture.input[1] if self.net.architecture.reads_texts else 0
        self._program = self._compiled(uint8_input=False)
        self.input_shape: tuple[int, ...] = self._program.input.shape
        self._thread_count = self._program.thread_count(self.threads)

    def _compiled(self, *, uint8_input: bool) -> SingleImageProgram:
        """A program with the weights of the network."""
        program = SingleImageProgram(self.net.architecture, uint8_input=uint8_input)
        program.set_weights(self.net.parameters.flat, self.net.running_stats.flat,
                            self.net.preprocessor.scaling)  # fmt: skip
        return program

    @cached_property
    def _uint8_program(self) -> SingleImageProgram:
        """The program for images of bytes, compiled when the first one comes."""
        return self._compiled(uint8_input=True)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the network; the copy is compiled again."""
        return CompiledNetwork, (self.net, self.threads)

    def logits(self, inputs: Inputs) -> Float32:
        """The scores before softmax.

        Parameters
        ----------
        inputs : array (C, H, W) or (N, C, H, W), or raw inputs
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
        if array.shape == self.input_shape and self._is_ready(array):
            return self._single(array)
        raw = raw_logits(self.net.preprocessor, inputs, self._batch)
        if raw is not None:
            return raw if isinstance(inputs, list | tuple) else raw[0]
        return (
            self._batch(array[None])[0] if array.shape == self.input_shape else self._batch(array)
        )

    def _is_ready(self, array: Array) -> bool:
        """Whether an array of the right shape needs neither a conversion nor a message."""
        if self._tokens:  # as unsigned numbers, negative ones are too large
            return array.dtype == np.int64 and int(array.view(np.uint64).max()) < self._tokens
        return array.dtype in (np.float32, np.uint8)

    def _single(self, array: Array) -> Float32:
        """The logits (classes,) of one input that is ready."""
        program = self._uint8_program if array.dtype == np.uint8 else self._program
        with program.lock:
            logits = program.logits(array, self._thread_count)
        if not np.isfinite(logits).all():
            raise LimitError(
                "the logits are not finite numbers; the input or the parameters are too large or "
                "not finite"
            )
        return logits

    def _batch(self, inputs: Array) -> Float32:
        """The logits (N, classes) of an array that may need a conversion or a message."""
        if inputs.ndim and len(inputs) == 1:
            return self._single(engine_inputs(self.net, check_inputs(self.net, inputs))[0])[None]
        return self.net.logits(inputs, self.threads)

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
            See `probabilities`.

        Returns
        -------
        str, or list of str for several inputs
        """
        logits = self.logits(inputs)
        names = [self.net.classes[index] for index in np.atleast_2d(logits).argmax(axis=1)]
        return names[0] if logits.ndim == 1 else names
