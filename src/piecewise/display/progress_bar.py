"""A progress bar in one line of a terminal or a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from rich.console import Console

from ..core.progress import Progress


class ProgressBar:
    """A progress bar in one line of a terminal or a notebook, for ``on_progress``.

    Elsewhere, such as in a log file, it prints a line for each epoch. As a context manager, it
    clears its line at the end.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where it is printed; standard error if left out.
    then : callable, optional
        Called after each report; an exception that it raises stops the work.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(160, size=9, seed=0)
    >>> net = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"))
    >>> with pw.ProgressBar() as bar:
    ...     history = pw.train(net, xo.inputs, xo.labels, on_progress=bar)
    """

    def __init__(
        self, console: Console | None = None, then: Callable[[], None] | None = None
    ) -> None:
        self.console = Console(stderr=True) if console is None else console
        self.then = then
        self._is_live = self.console.is_terminal or self.console.is_jupyter
        self.stage, self.started, self.shown, self.resumed_at = "", 0.0, 0.0, 0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self.stage:
            self.clear()
            self.stage, self.started, self.shown = progress.stage, now, 0.0
            self.resumed_at = progress.done if progress.resumed else 0
        is_due = now - self.shown >= 0.1 or progress.done >= progress.total
        if not self._is_live:
            self._print_plain(progress)
        elif is_due:
            self.shown = now
            self._write("\r" + self._line(progress, now - self.started))
        if self.then:
            self.then()

    def _print_plain(self, progress: Progress) -> None:
        """Print a line at the end of an epoch."""
        if (epoch := progress.epoch) is None:
            return
        accuracy = epoch.validation_accuracy
        scored = "" if accuracy is None else f", validation accuracy {100 * accuracy:.2f} %"
        self._write(f"{progress.stage}: epoch {epoch.epoch}, loss {epoch.loss:.4f}{scored}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove the line from the terminal."""
        if self._is_live and self.shown:
            self._write("\r" + " " * (self.console.width - 1) + "\r")

    def _line(self, progress: Progress, seconds: float) -> str:
        """The stage, a bar, the percentage, the time left, and the loss or the count."""
        done, total, loss = progress.done, progress.total, progress.loss
        fraction, width = done / max(1, total), self.console.width - 1
        new = (done - self.resumed_at) / max(1, total - self.resumed_at)  # of what this run does
        is_known = seconds > 0.5 and new > 0.02  # before that, time left would be a guess
        remaining = f", {_span(seconds * (1 - new) / new)} left" if is_known else ""
        count = "" if progress.note else f", {done:,} of {total:,}"
        note = count if loss is None else f", loss {loss:.4f}"
        note += f", {progress.note}" if progress.note else ""
        numbers = f"{int(100 * fraction)} %{remaining}{note}"
        space = max(0, min(24, width - len(progress.stage) - len(numbers) - 4))
        filled = round(space * fraction)
        bar = f"[{'#' * filled}{'-' * (space - filled)}] " if space > 3 else ""
        return f"{progress.stage} {bar}{numbers}"[:width].ljust(width)

    def _write(self, text: str) -> None:
        with suppress(OSError):
            self.console.file.write(text)
            self.console.file.flush()


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
