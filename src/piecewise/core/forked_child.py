"""Forked children: renew the locks and counters that threads of the parent held at the fork."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class RenewedAfterFork(Protocol):
    """An object with state that belongs to the threads of a process."""

    def renew_after_fork(self) -> None:
        """Make its locks and counters new: none of the parent's other threads exists here."""


_owners: WeakSet[RenewedAfterFork] = WeakSet()


def renew_in_forked_child(owner: RenewedAfterFork) -> None:
    """From now on, renew ``owner`` in every forked child, as long as it exists.

    A child has only the thread that forked. A lock that another thread held would stay locked in
    the child forever, and a barrier would count a thread that is not there.
    """
    _owners.add(owner)


def _renew_all() -> None:
    for owner in list(_owners):
        owner.renew_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
