"""Cases of which some run always, and the others with the long tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def now_and_long(every: Iterable[Any], now: Collection[Any]) -> list[Any]:
    """For `parametrize`, of one name or of several (tuples): those that are not among ``now`` are
    marked as long."""
    found = []
    for case in every:
        values = case if isinstance(case, tuple) else (case,)
        marks = () if case in now else pytest.mark.long
        found.append(pytest.param(*values, marks=marks))
    return found
