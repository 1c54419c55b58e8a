"""The settings of a layer in a file of Keras, each checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from ...core.constraints import MAX_AXIS
from ...core.errors import ModelFileError, shown

Sides = tuple[int | None, ...]


class Settings:
    """The settings of a layer.

    Parameters
    ----------
    where : str
        The layer in error messages.
    values : mapping
        What the file says.
    """

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self.where, self._values = where, values

    def refused(self, why: str) -> ModelFileError:
        """The error for a layer that cannot be imported."""
        return ModelFileError(f"layer {shown(self.where, 80)}: {why}")

    def get(self, key: str, default: Any = None) -> Any:
        """A setting as it is in the file; the default if it is missing or null."""
        value = self._values.get(key)
        return default if value is None else value

    def require(self, key: str, *allowed: Any) -> None:
        """Refuse any other value of a setting that the file has."""
        value = self.get(key, allowed[0])
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise self.refused(f"its {key} is {shown(value)}, wanted {shown(allowed[0])}")

    def flag(self, key: str, default: bool) -> bool:
        """A setting that is true or false."""
        value = self.get(key, default)
        if type(value) is not bool:
            raise self.refused(f"its {key} is {shown(value)}, wanted true or false")
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        """A setting that is a positive whole number."""
        value = self.get(key, default)
        if type(value) is not int or not 1 <= value <= MAX_AXIS:
            raise self.refused(
                f"its {key} is {shown(value)}, wanted a whole number from 1 to {MAX_AXIS:,}"
            )
        return value

    def number(self, key: str, default: float) -> float:
        """A setting that is a finite number."""
        value = self.get(key, default)
        if type(value) not in {int, float} or not isfinite(value) or abs(value) > 1e30:
            raise self.refused(f"its {key} is {shown(value)}, wanted a number")
        return float(value)

    def numbers(self, key: str, default: float) -> list[float]:
        """A setting that is a number, or a list of numbers."""
        value = self.get(key, default)
        if not isinstance(value, list):
            return [self.number(key, default)]
        return [Settings(self.where, {key: one}).number(key, default) for one in value[:MAX_AXIS]]

    def sizes(self, key: str, rank: int, default: tuple[int, ...] | None = None) -> tuple[int, int]:
        """Rows and columns of a setting with ``rank`` numbers (1 or 2), or one for all of them."""
        value = self.get(key, default)
        found = list(value) if isinstance(value, list | tuple) else [value] * rank
        if len(found) != rank:
            raise self.refused(f"its {key} is {shown(value)}, wanted {rank} numbers")
        first, *others = (Settings(self.where, {key: one}).integer(key) for one in found)
        return (first, others[0]) if others else (1, first)

    def input_sides(self) -> Sides | None:
        """The shape of one example that a layer takes, if the file says it here."""
        for key in ("batch_shape", "batch_input_shape", "build_input_shape"):
            shape = self.get(key)
            if isinstance(shape, list) and 2 <= len(shape) <= 4:
                if all(one is None or (type(one) is int and 1 <= one <= MAX_AXIS)
                       for one in shape[1:]):  # fmt: skip
                    return tuple(shape[1:])
                raise self.refused(f"its {key} is {shown(shape)}, wanted numbers of cells")
        return None

    @property
    def activation(self) -> str:
        """The name of its activation: "linear" if it has none."""
        value = self.get("activation", "linear")
        if isinstance(value, dict):
            value = value.get("config") if value.get("class_name") == "function" else value
            value = value.get("class_name") if isinstance(value, dict) else value
        if not isinstance(value, str):
            raise self.refused(f"its activation is {shown(value)}, wanted a name")
        return value.lower()
