"""Names of tensors in state dicts: the modules that they belong to, and the order of modules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cmp_to_key

ROLES = {
    "weight": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "running_mean": "mean",
    "moving_mean": "mean",
    "mean": "mean",
    "running_var": "variance",
    "moving_variance": "variance",
    "variance": "variance",
}
"""The array of a layer that the last part of a name stands for."""
IGNORED = "num_batches_tracked"
"""The last part of the names of counters, which no prediction depends on."""

_PIECES = re.compile(r"\d+|\D+")


class UnknownOrderError(Exception):
    """The names of two modules do not say which one comes first."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first, second)
        self.modules = first, second


def split_name(name: str) -> tuple[str, str]:
    """The module of a tensor, and the last part of its name: "features.0" and "weight"."""
    module, _, last = name.rpartition(".")
    return module, last


def in_order(modules: Iterable[str]) -> list[str]:
    """Modules in the order of their numbers: "conv2" before "conv10", "features.0" before
    "features.3".

    Raises UnknownOrderError if two names differ in words before they differ in a number.
    """
    return sorted(modules, key=cmp_to_key(_compare))


def _compare(first: str, second: str) -> int:
    a, b = (_PIECES.findall(name) for name in (first, second))
    for one, other in zip(a, b, strict=False):
        if one != other:
            if not (one.isdecimal() and other.isdecimal()):
                raise UnknownOrderError(first, second)
            return int(one) - int(other)
    shorter, longer = sorted((a, b), key=len)
    if len(longer) > len(shorter) and not longer[len(shorter)].isdecimal():
        raise UnknownOrderError(first, second)
    return len(a) - len(b)  # "fc" comes before "fc2"
