"""Being stopped: Ctrl-C or a polite kill while a net learns, and no cut while it is saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


def stoppable() -> AbstractContextManager[None]:
    """A polite kill (SIGTERM) raises KeyboardInterrupt, as Ctrl-C does."""
    return _handled(signal.SIGTERM, signal.default_int_handler)


def undisturbed() -> AbstractContextManager[None]:
    """Hear no Ctrl-C for a short while that must not be cut."""
    return _handled(signal.SIGINT, signal.SIG_IGN)


def stop_listening() -> None:
    """Hear no further Ctrl-C: what comes now is short, and ends the program."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _handled(number: signal.Signals, handler: Any) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
