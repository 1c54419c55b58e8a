"""A network made ready to answer about single pictures as fast as it can."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .core.array_types import Float32
from .core.constraints import THREADS, checked
from .core.errors import LimitError
from .engine.runtime.single_image import SingleImageProgram

if TYPE_CHECKING:
    from .network import Network


class CompiledNetwork:
    """A network with the weights it had when this was made: later training does not change it.

    It answers what `Network` answers, with the same bits, and skips what takes time: a float32
    picture of the network's shape goes straight through. ``threads``: see `Network.compile`.
    """

    def __init__(self, net: Network, threads: int | None = None) -> None:
        self.net = deepcopy(net)
        self.threads: int | None = checked("threads", THREADS, threads)
        self._single = SingleImageProgram(net.architecture)
        flat, running_stats = self.net.parameters.flat, self.net.running_stats.flat
        self._single.set_weights(flat, running_stats, net.preprocessor.scaling)
        self._together = self._single.thread_count(self.threads)
        self._shape = self._single.input.shape
        self._kind = self._single.input.dtype

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is compiled anew: machine code stays where it is."""
        return CompiledNetwork, (self.net, self.threads)

    def logits(self, pictures: npt.ArrayLike) -> Float32:
        """One picture (C, H, W) -> (classes); or several, as `Network.logits`: (N, C, H, W) ->
        (N, classes). Words (positions), or (N, positions), for a network that reads texts.

        Raises DataError where an array does not fit, LimitError where the answers are beyond
        float32, or the picture holds what is no number.
        """
        given = np.asarray(pictures)
        if given.shape != self._shape or given.dtype != self._kind or given.dtype.kind == "i":
            return self._checked(given)
        with self._single.lock:
            answers = self._single.logits(given, self._together)
        if not np.isfinite(answers).all():
            raise LimitError(
                "the answers are no finite numbers; the picture or the weights hold what is none, "
                "or too large ones"
            )
        return answers

    def _checked(self, given: npt.NDArray[Any]) -> Float32:
        """The way of what has to be looked at first."""
        if given.shape == self._shape:
            answers: Float32 = self.net.logits(given[None], self.threads)[0]
            return answers
        return self.net.logits(given, self.threads)

    def probabilities(self, pictures: npt.ArrayLike) -> Float32:
        """How likely each class is, of one picture or of several."""
        logits = self.logits(pictures)
        return self.net.probabilities_of(np.atleast_2d(logits)).reshape(logits.shape)

    def predict(self, pictures: npt.ArrayLike) -> str | list[str]:
        """The name of the likeliest class: of one picture, or of each."""
        logits = self.logits(pictures)
        names = [self.net.classes[index] for index in np.atleast_2d(logits).argmax(axis=1)]
        return names[0] if logits.ndim == 1 else names
