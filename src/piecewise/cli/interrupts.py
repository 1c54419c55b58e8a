"""Signals: stop a training between two steps, and never while a net is saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self


class Stopping:
    """While this is entered, the first Ctrl-C, polite kill (SIGTERM) or closed terminal (SIGHUP) is
    kept until `look` is called at a place where nothing is half done; a second one does not
    wait."""

    SIGNALS = tuple(
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    )

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in self.SIGNALS:
            self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, *_: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def look(self) -> None:
        """Raise KeyboardInterrupt if it was asked for."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hear no Ctrl-C for a short while that must not be cut."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stop_listening() -> None:
    """Hear no further Ctrl-C: what comes now is short, and ends the program."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
