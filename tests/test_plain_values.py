"""Plain values of records."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from piecewise.core.array_types import Array
from piecewise.core.plain_values import PlainRecord
from piecewise.trace.arithmetic import Position


@dataclass(frozen=True)
class Inner(PlainRecord):
    numbers: Array


@dataclass(frozen=True)
class Outer(PlainRecord):
    name: str
    inner: tuple[Inner, ...]
    position: Position
    missing: float | None = None


def test_record_is_plain_down_to_its_arrays() -> None:
    record = Outer("a", (Inner(np.array([[1.5], [2]], np.float32)),), Position("conv1", 0, 1, 2))
    plain = record.to_json()
    assert json.loads(json.dumps(plain)) == plain
    assert plain == {
        "name": "a",
        "inner": [{"numbers": [[1.5], [2.0]]}],
        "position": ["conv1", 0, 1, 2],
        "missing": None,
    }
