"""Notes on the source of a data set: how it was read, and what may be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core.array_types import Int64
from ..preprocessing import Preprocessor
from ..sources.discovery import RawDataset
from .read_options import fit_warnings


def source_description(raw: RawDataset, indices: Int64) -> str:
    """How the source was understood; ``indices``: the number of the example of each input."""
    return ", ".join(filter(None, (raw.description, _windows_description(indices))))


def source_warnings(
    raw: RawDataset, preprocessor: Preprocessor, options: Mapping[str, Any]
) -> list[str]:
    """What may be wrong with the source, and options of little effect."""
    labels = [raw.label_error] if raw.label_error else []
    return [*raw.warnings, *labels, *fit_warnings(preprocessor, options)]


def _windows_description(indices: Int64) -> str:
    """How many long sounds were cut into several inputs; empty if none was."""
    counts = np.unique(indices, return_counts=True)[1]
    long = counts[counts > 1]
    if not len(long):
        return ""
    are_long = "is long and" if len(long) == 1 else "are long and"
    return f"{len(long):,} of {len(counts):,} sounds {are_long} cut into {long.sum():,} windows"
