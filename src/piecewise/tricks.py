"""Training-time tricks: how far pictures may be changed on their way into a training step.

What a trick means stands in `reference/tricks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import LimitError, shown
from .limits import Number, YesNo

GROUND = -1.0
"""The ground of every drawing after its preparation; ink is +1."""


@dataclass(frozen=True)
class Augmentation:
    """How far each trick may go; LimitError where one is outside its limit. The defaults leave
    every picture exactly as it is.

    ``translation``: of the picture's sides, to each side. ``scaling``: the smallest and largest
    factor. ``rotation``: degrees, to each side. ``weight``: pixels by which strokes become thicker
    or thinner, to each side of the picture's own. ``flip``: whether half of the pictures are
    mirrored, left and right changing places.
    """

    translation: float = 0.0
    scaling: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    weight: float = 0.0
    flip: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.scaling, tuple | list) or len(self.scaling) != 2:
            wanted = "the smallest and the largest factor"
            raise LimitError(f"augmentation: scaling: got {shown(self.scaling)}, wanted {wanted}")
        checked = [
            _checked(name, limit, value)
            for name, limit, value in (
                ("translation", Number(0, 0.5), self.translation),
                ("smallest scaling", Number(0.2, 1), self.scaling[0]),
                ("largest scaling", Number(1, 2), self.scaling[1]),
                ("rotation", Number(0, 180), self.rotation),
                ("weight", Number(0, 3), self.weight),
                ("flip", YesNo(), self.flip),
            )
        ]
        values = (checked[0], (checked[1], checked[2]), *checked[3:])
        for field, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)

    @property
    def changes(self) -> bool:
        """Whether anything may happen at all."""
        return self != Augmentation()


def _checked(name: str, limit: Number | YesNo, value: object) -> float | bool:
    try:
        return limit.check(value)
    except LimitError as error:
        raise LimitError(f"augmentation: {name}: {error}") from None
