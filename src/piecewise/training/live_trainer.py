"""Training on a background thread: a new call cancels the training that runs (`LiveTrainer`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from copy import deepcopy

import numpy.typing as npt

from ..core.forked_child import renew_in_forked_child
from ..core.progress import OnProgress, Progress
from ..network import Network
from .recipe import Recipe
from .train import Validation, train


class LiveTrainer:
    """Trains copies of a network on a background thread, one at a time.

    Every call of `train` starts from the same initial parameters and cancels the previous one. The
    result of a call is that of `piecewise.train`, bit for bit, whatever was cancelled before.

    Parameters
    ----------
    net : Network
        The network to copy. It is copied at once and never changed.
    threads : int, optional
        The number of threads; see `piecewise.train`.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(40, size=9, seed=0)
    >>> live = pw.LiveTrainer(pw.Network("full", (1, 9, 9), ("X", "O")))
    >>> future = live.train(xo.inputs, xo.labels, pw.Recipe(epochs=2))
    >>> len(future.result().history)
    2
    """

    def __init__(self, net: Network, threads: int | None = None) -> None:
        self._net, self._threads = deepcopy(net), threads
        self._last: _BackgroundRun | None = None
        self.renew_after_fork()
        renew_in_forked_child(self)

    def renew_after_fork(self) -> None:
        """Start anew in a forked child, where no training runs."""
        self._lock, self._last = threading.Lock(), None

    def train(
        self,
        inputs: npt.ArrayLike,
        labels: npt.ArrayLike,
        recipe: Recipe | None = None,
        validation: Validation = None,
        on_progress: OnProgress | None = None,
    ) -> Future[Network]:
        """Cancel the current training and start a new one.

        Parameters
        ----------
        inputs : array (N, C, H, W)
            The training inputs. They must not change while training runs.
        labels : array of int or str (N,)
            The number or the name of the class of each input.
        recipe : Recipe, optional
            The hyperparameters.
        validation : (inputs, labels), optional
            A validation split.
        on_progress : callable, optional
            Called with a `Progress` on the background thread.

        Returns
        -------
        concurrent.futures.Future of Network
            Its ``result()`` is the trained network. It raises CancelledError if a later call or
            `cancel` ended this training, else whatever `piecewise.train` raised.
        """

        def train_copy(report: OnProgress) -> Network:
            net = deepcopy(self._net)
            train(net, inputs, labels, recipe, validation, report, self._threads)
            return net

        with self._lock:
            previous, self._last = self._last, _BackgroundRun(train_copy, on_progress)
            if previous:
                previous.cancel()
            self._last.start(previous)
            return self._last.future

    def cancel(self) -> None:
        """Cancel the current training, if there is one."""
        with self._lock:
            if self._last:
                self._last.cancel()


class _BackgroundRun:
    """One training on its own thread. Cancelling its future cancels the training, too."""

    def __init__(
        self, train_copy: Callable[[OnProgress], Network], on_progress: OnProgress | None
    ) -> None:
        self.future: Future[Network] = Future()
        self._train_copy, self._on_progress = train_copy, on_progress
        self._ended = threading.Event()

    def start(self, previous: _BackgroundRun | None) -> None:
        """Start the thread; it waits for the previous run to end."""
        run = threading.Thread(
            target=self._run, args=(previous,), name="piecewise live", daemon=True
        )
        run.start()

    def cancel(self) -> None:
        """Stop at the next progress report; ``result()`` raises CancelledError at once."""
        self.future.cancel()

    def _run(self, previous: _BackgroundRun | None) -> None:
        if previous:
            previous._ended.wait()
        try:
            self._check_cancelled()
            net = self._train_copy(self._report)
        except CancelledError:
            self.future.cancel()
        except BaseException as error:
            with suppress(InvalidStateError):  # cancelled meanwhile
                self.future.set_exception(error)
        else:
            with suppress(InvalidStateError):
                self.future.set_result(net)
        finally:
            del self._train_copy  # frees the inputs
            self._ended.set()

    def _report(self, progress: Progress) -> None:
        self._check_cancelled()
        if self._on_progress:
            self._on_progress(progress)

    def _check_cancelled(self) -> None:
        if self.future.cancelled():
            raise CancelledError
