"""The order of classes that a source does not order itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")


def ordered_classes(names: Iterable[str]) -> list[str]:
    """The different names: by value if all are numbers (1, 2, 10), else by their characters."""
    different = sorted(set(names))
    if all(_NUMBER.fullmatch(name) for name in different):
        return sorted(different, key=Fraction)  # equal values (1, 01) stay in the order of text
    return different
