"""Signal handling: stop training between two steps, and never interrupt a save."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self


class DeferredInterrupt:
    """A context manager that defers SIGINT (Ctrl-C), SIGTERM and SIGHUP until `check` is called.

    `check` is called between two steps. A second signal raises KeyboardInterrupt at once.
    """

    SIGNALS = tuple(
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    )

    def __init__(self) -> None:
        self.is_requested = False
        self._previous_handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in self.SIGNALS:
            self._previous_handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        if self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has arrived."""
        if self.is_requested:
            raise KeyboardInterrupt


@contextmanager
def ignore_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C while a file is saved."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def ignore_further_interrupts() -> None:
    """Ignore Ctrl-C until the program ends; only short work follows."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
