"""Seats of a class: the data sets of its pupils, and the seat in the name of each pooled file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from unicodedata import normalize

import numpy as np

from ..core.array_types import Labels, Strings

SEAT_GROUPS = "*_{group}"
"""The pattern of the groups of a pooled class: its files are called NUMBER_SEAT."""
_POOLED = re.compile(r"\d{4,}_([^_]+)\.[^.]+")
_MOST_NAME = 40


def seat_names(files: Sequence[str | PurePath]) -> list[str]:
    """A short name for each seat, from the name of its file or folder. It has letters and digits
    only, so that it is one word of a file name; equal ones get a number."""
    names: list[str] = []
    for file in files:
        path = PurePath(file)
        stem = normalize("NFC", path.stem if path.suffix.lower() == ".zip" else path.name)
        name = "".join(one for one in stem if one.isalnum())[:_MOST_NAME] or "seat"
        number, taken = 2, {one.lower() for one in names}
        free = name
        while free.lower() in taken:
            free, number = f"{name}n{number}", number + 1
        names.append(free)
    return names


def seats_of(files: Sequence[str], labels: Labels) -> Strings | None:
    """The seat of each file of a pooled class; None if some have none, or if some class would have
    no samples without one of the seats."""
    found = [_POOLED.fullmatch(file) for file in files]
    if not found or not all(found):
        return None
    seats = np.array([one[1] for one in found if one])
    classes = np.unique(labels)
    is_spread = all(len(np.unique(seats[labels == label])) > 1 for label in classes)
    return seats if is_spread else None
