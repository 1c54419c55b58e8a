"""Training-time tricks: how far pictures may be changed on their way into a training step.

What a trick means stands in `reference/augmentation.py`.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from ..core.constraints import Flag, Real, checked, constraint_error
from ..core.errors import LimitError, did_you_mean, shown

BACKGROUND = -1.0
"""The ground of every drawing after its preparation; ink is +1."""


@dataclass(frozen=True)
class _Two:
    """Two numbers, each with its own limit, and what stands ``between`` them in a text; with
    ``shared``, one number stands for both."""

    description: str
    names: tuple[str, str]
    limits: tuple[Real, Real]
    between: str
    shared: bool = False

    def check(self, value: object) -> tuple[float, float]:
        if self.shared and not isinstance(value, tuple | list):
            both = self.limits[0].check(value)
            return both, both
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise LimitError(f"got {shown(value)}, wanted {self.description}")
        first, second = map(checked, self.names, self.limits, value)
        return first, second

    def write(self, value: tuple[float, float]) -> str:
        told = value[:1] if self.shared and value[0] == value[1] else value
        return self.between.join(f"{number:.6g}" for number in told)


def _trick(limit: Real | Flag | _Two, meaning: str, default: Any = 0.0) -> Any:
    return field(default=default, metadata={"constraint": limit, "meaning": meaning})


_SHIFT = _Two(
    "one number from 0 to 0.5 or two, down and right", ("down", "right"), (Real(0, 0.5),) * 2,
    " ", shared=True,
)  # fmt: skip
_FACTORS = _Two(
    "the smallest and the largest factor", ("smallest", "largest"), (Real(0.2, 1), Real(1, 2)),
    "..",
)  # fmt: skip


@dataclass(frozen=True)
class Augmentation:
    """How far each trick may go; LimitError where one is outside its limit. The defaults leave
    every picture exactly as it is. What each trick does is its field's ``meaning``; a sound's
    picture has time from left to right, so that ``translation=(0, 0.1)`` shifts it in time alone.

    ``translation`` is kept as two numbers, of the height and of the width (see `shift`).
    """

    translation: float | tuple[float, float] = _trick(
        _SHIFT, "shifted, up to this share of the height and of the width to each side", (0.0, 0.0)
    )
    scale: tuple[float, float] = _trick(_FACTORS, "made smaller and larger", (1.0, 1.0))
    rotation: float = _trick(Real(0, 180), "turned, up to so many degrees to each side")
    stroke_width: float = _trick(
        Real(0, 3), "strokes made thicker or thinner, up to so many pixels to each side"
    )
    horizontal_flip: bool = _trick(
        Flag(), "half of the pictures mirrored, left to right", default=False
    )
    contrast: float = _trick(
        Real(0, 0.9), "numbers multiplied, by a factor up to this much above or below 1"
    )
    brightness: float = _trick(
        Real(0, 1), "made lighter or darker, up to this much (numbers run from -1 to 1)"
    )
    noise: float = _trick(
        Real(0, 1), "noise added to every cell, as loud as this at most, each picture in its own"
    )
    band_masking: float = _trick(
        Real(0, 0.9), "a band of rows and one of columns made ground, up to this share of a side"
    )

    def __post_init__(self) -> None:
        for trick in augmentation_fields():
            name, limit = trick.name, trick.metadata["constraint"]
            value = checked(f"augmentation: {name}", limit, getattr(self, name))
            object.__setattr__(self, name, value)

    @property
    def shift(self) -> tuple[float, float]:
        """The translation down and right, shares of the height and of the width."""
        assert isinstance(self.translation, tuple), "it was checked"
        return self.translation

    @property
    def changes(self) -> bool:
        """Whether anything may happen at all."""
        return self != Augmentation()

    @property
    def moves(self) -> bool:
        """Whether pixels may change places, or strokes their weight."""
        return replace(self, contrast=0.0, brightness=0.0, noise=0.0, band_masking=0.0).changes

    def widest(self, side: int) -> int:
        """The cells of the widest band that masks a side of so many; 0.29 of 100 are 29, though
        their product falls short of it."""
        return int(self.band_masking * side + 1e-6)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file, as it gives them back; ``Augmentation(**values)`` reads them."""
        values = {trick.name: getattr(self, trick.name) for trick in augmentation_fields()}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def augmentation_fields() -> tuple[Field[Any], ...]:
    """The tricks there are, each with its limit and meaning."""
    return fields(Augmentation)


@dataclass(frozen=True)
class _Tricks:
    """An Augmentation, or its knobs by name, as a file holds them."""

    description: str = "an Augmentation"

    def check(self, value: object) -> Augmentation:
        if isinstance(value, dict):
            known = [trick.name for trick in augmentation_fields()]
            unknown = sorted(str(name) for name in value.keys() - set(known))
            if unknown:
                near = did_you_mean(unknown[0], known)
                raise LimitError(f"augmentation: there is no {shown(unknown[0])}{near}")
            value = Augmentation(**value)
        if not isinstance(value, Augmentation):
            raise constraint_error(value, self)
        return value

    def read(self, text: str) -> Augmentation:
        """As in "rotation 15, scaling 0.8..1.25, translation 0 0.1, flip"; "none" for no tricks."""
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
        for trick in augmentation_fields():
            set_to, limit = getattr(value, trick.name), trick.metadata["constraint"]
            if set_to is True:
                told.append(trick.name)
            elif set_to != trick.default:
                number = limit.write(set_to) if isinstance(limit, _Two) else f"{set_to:.6g}"
                told.append(f"{trick.name} {number}")
        return ", ".join(told) or "none"


AUGMENTATION = _Tricks()
"""The limit of a recipe's tricks."""
