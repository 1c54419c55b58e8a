"""Where the real data sets are, if they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HOME = Path(os.environ.get("PIECEWISE_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real(name: str) -> Path:
    """A data set's file; the test that asks is skipped where it is absent."""
    path = HOME / name
    if not path.exists():
        pytest.skip(f"{name} is not here; PIECEWISE_DATA names the folder that holds it")
    return path
