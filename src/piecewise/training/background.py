"""Live retraining: the same network, taught anew whenever its pictures or its recipe change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from copy import deepcopy

import numpy.typing as npt

from ..core.progress import OnProgress, Progress
from ..network import Network
from .recipe import Recipe
from .train import Validation, train


class LiveTrainer:
    """Teaches copies of a network, one at a time, beside the caller.

    Every `train` starts from the same initial weights and cancels the previous one at once.
    The same call gives the same bits, whatever was
    cancelled before. ``net`` is what is copied each time and stays as it is; ``threads``: see
    `train`.
    """

    def __init__(self, net: Network, threads: int | None = None) -> None:
        self._net, self._threads = deepcopy(net), threads
        self._lock = threading.Lock()
        self._last: _Teaching | None = None

    def train(
        self,
        pictures: npt.ArrayLike,
        labels: npt.ArrayLike,
        recipe: Recipe | None = None,
        validation: Validation = None,
        on_progress: OnProgress | None = None,
    ) -> Future[Network]:
        """Begin anew with these pictures, which must not change meanwhile; the trained network
        comes in the future.

        Its ``result()`` raises CancelledError if a later call, or `cancel`, came before it was
        done, else whatever `train` raises. ``on_progress`` is called on the
        thread that trains.
        """

        def taught(report: OnProgress) -> Network:
            net = deepcopy(self._net)
            train(net, pictures, labels, recipe, validation, report, self._threads)
            return net

        with self._lock:
            before, self._last = self._last, _Teaching(taught, on_progress)
            if before:
                before.cancel()
            self._last.start(before)
            return self._last.future

    def cancel(self) -> None:
        """End what is being taught, if anything is."""
        with self._lock:
            if self._last:
                self._last.cancel()


class _Teaching:
    """One network being taught on a thread of its own. Its future is also what cancels it."""

    def __init__(
        self, taught: Callable[[OnProgress], Network], on_progress: OnProgress | None
    ) -> None:
        self.future: Future[Network] = Future()
        self._taught, self._on_progress = taught, on_progress
        self._left = threading.Event()

    def start(self, before: _Teaching | None) -> None:
        """Begin as soon as the one before has left."""
        run = threading.Thread(target=self._run, args=(before,), name="piecewise live", daemon=True)
        run.start()

    def cancel(self) -> None:
        """Stop at the next report. Whoever waits for the result gets CancelledError at once."""
        self.future.cancel()

    def _run(self, before: _Teaching | None) -> None:
        if before:
            before._left.wait()
        try:
            self._check_cancelled()
            net = self._taught(self._report)
        except CancelledError:
            self.future.cancel()
        except BaseException as error:
            with suppress(InvalidStateError):  # cancelled meanwhile: nobody waits
                self.future.set_exception(error)
        else:
            with suppress(InvalidStateError):
                self.future.set_result(net)
        finally:
            del self._taught  # and with it the pictures
            self._left.set()

    def _report(self, progress: Progress) -> None:
        self._check_cancelled()
        if self._on_progress:
            self._on_progress(progress)

    def _check_cancelled(self) -> None:
        if self.future.cancelled():
            raise CancelledError
