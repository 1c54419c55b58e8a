"""Plain values, which JSON can hold: records become dicts, arrays and tuples become lists."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PlainRecord:
    """The base class of records that are written as JSON."""

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the fields."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}


def plain(value: Any) -> Any:
    """A value, or the values in it, as plain values."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value
