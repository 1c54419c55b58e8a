"""Training-time tricks: how far pictures may be changed on their way into a training step.

What a trick means stands in `reference/tricks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import LimitError, shown
from .limits import Number, YesNo, refuse

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


@dataclass(frozen=True)
class _Tricks:
    """An Augmentation, or its knobs by name, as a file holds them."""

    wanted: str = "an Augmentation"

    def check(self, value: object) -> Augmentation:
        if isinstance(value, dict):
            unknown = sorted(str(name) for name in value.keys() - _KNOBS)
            if unknown:
                raise LimitError(f"augmentation: there is no {shown(unknown[0])}")
            value = Augmentation(**value)
        if not isinstance(value, Augmentation):
            raise refuse(value, self)
        return value

    def read(self, text: str) -> Augmentation:
        """As in "rotation 15, scaling 0.8..1.25, flip"; "none" for no tricks."""
        found: dict[str, object] = {}
        for item in text.split(",") if text.strip() != "none" else ():
            name, *values = item.replace("..", " ").split() or [""]
            try:
                numbers = [float(value) for value in values]
            except ValueError:
                raise LimitError(f"got {shown(item.strip())}, wanted a trick and numbers") from None
            found[name] = tuple(numbers) if len(numbers) > 1 else (numbers or [True])[0]
        return self.check(found)

    def write(self, value: Augmentation) -> str:
        told = []
        for field in fields(Augmentation):
            set_to = getattr(value, field.name)
            if set_to is True:
                told.append(field.name)
            elif set_to != field.default:
                numbers = set_to if isinstance(set_to, tuple) else (set_to,)
                told.append(f"{field.name} {'..'.join(f'{number:.6g}' for number in numbers)}")
        return ", ".join(told) or "none"


_KNOBS = {field.name for field in fields(Augmentation)}
AUGMENTATION = _Tricks()
"""The limit of a recipe's tricks."""
