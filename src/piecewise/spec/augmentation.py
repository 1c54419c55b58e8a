"""The limits of augmentation: how far inputs are changed at random in training.

The changes themselves are defined in `reference/augmentation.py`.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from ..core.argument_names import names_checked
from ..core.constraints import Flag, Real, checked, constraint_error
from ..core.errors import LimitError, did_you_mean, shown

BACKGROUND = -1.0
"""The background of every preprocessed drawing; strokes are +1."""


@dataclass(frozen=True)
class _PairConstraint:
    """Two numbers with a constraint each, and the separator between them in a text; with
    ``shared``, one number means both."""

    description: str
    names: tuple[str, str]
    constraints: tuple[Real, Real]
    separator: str
    shared: bool = False

    def check(self, value: object) -> tuple[float, float]:
        if self.shared and not isinstance(value, tuple | list):
            both = self.constraints[0].check(value)
            return both, both
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise LimitError(f"got {shown(value)}, wanted {self.description}")
        first, second = map(checked, self.names, self.constraints, value)
        return first, second

    def write(self, value: tuple[float, float]) -> str:
        numbers = value[:1] if self.shared and value[0] == value[1] else value
        return self.separator.join(f"{number:.6g}" for number in numbers)


def _field(constraint: Real | Flag | _PairConstraint, meaning: str, default: Any = 0.0) -> Any:
    return field(default=default, metadata={"constraint": constraint, "meaning": meaning})


_SHIFT = _PairConstraint(
    "one number from 0 to 0.5 or two, down and right", ("down", "right"), (Real(0, 0.5),) * 2,
    " ", shared=True,
)  # fmt: skip
_FACTORS = _PairConstraint(
    "the smallest and the largest factor", ("smallest", "largest"), (Real(0.2, 1), Real(1, 2)),
    "..",
)  # fmt: skip


@names_checked("augmentation", "one of its limits")
@dataclass(frozen=True)
class Augmentation:
    """The limits of the random changes in training; the defaults change nothing.

    A spectrogram has time from left to right, so ``translation=(0, 0.1)`` shifts it in time only.

    Parameters
    ----------
    translation : float or (float, float)
        Largest shift down and right, as fractions of the height and of the width, 0 to 0.5.
    scale : (float, float)
        Smallest and largest factor, 0.2 to 1 and 1 to 2.
    rotation : float
        Largest angle in degrees, 0 to 180.
    stroke_width : float
        Largest dilation or erosion in pixels, 0 to 3.
    horizontal_flip : bool
        Whether half of the images are flipped.
    contrast : float
        Largest difference of the factor from 1, 0 to 0.9.
    brightness : float
        Largest constant that is added, 0 to 1; values are from -1 to 1.
    noise : float
        Largest amplitude of the noise, 0 to 1.
    band_masking : float
        Largest width of a masked band, as a fraction of the side, 0 to 0.9.

    Raises
    ------
    LimitError
        If a value is not allowed.

    Examples
    --------
    >>> import piecewise as pw
    >>> pw.Augmentation(translation=0.1, rotation=15).translation
    (0.1, 0.1)
    """

    translation: float | tuple[float, float] = _field(
        _SHIFT,
        "shifted by up to this fraction of the height and of the width in each direction",
        (0.0, 0.0),
    )
    scale: tuple[float, float] = _field(
        _FACTORS, "scaled down and up, by a random factor in this range", (1.0, 1.0)
    )
    rotation: float = _field(Real(0, 180), "rotated by up to so many degrees in each direction")
    stroke_width: float = _field(
        Real(0, 3), "strokes dilated or eroded by up to so many pixels on each side"
    )
    horizontal_flip: bool = _field(
        Flag(), "half of the images flipped, left to right", default=False
    )
    contrast: float = _field(
        Real(0, 0.9), "values multiplied by a random factor between 1 - contrast and 1 + contrast"
    )
    brightness: float = _field(
        Real(0, 1),
        "a random number between -brightness and brightness added to all values, which are from "
        "-1 to 1",
    )
    noise: float = _field(
        Real(0, 1),
        "random noise added to every cell, of at most this size; each image has its own level",
    )
    band_masking: float = _field(
        Real(0, 0.9),
        "a band of rows and one of columns set to the background, up to this fraction of a side",
    )

    def __post_init__(self) -> None:
        for one in augmentation_fields():
            name, constraint = one.name, one.metadata["constraint"]
            value = checked(f"augmentation: {name}", constraint, getattr(self, name))
            object.__setattr__(self, name, value)

    @property
    def shift(self) -> tuple[float, float]:
        """The largest shift down and right, as fractions of the height and of the width."""
        assert isinstance(self.translation, tuple), "it was checked"
        return self.translation

    @property
    def changes_anything(self) -> bool:
        """Whether it changes anything."""
        return self != _NO_AUGMENTATION

    @property
    def changes_geometry(self) -> bool:
        """Whether it makes geometric changes, stroke width included."""
        return replace(
            self, contrast=0.0, brightness=0.0, noise=0.0, band_masking=0.0
        ).changes_anything

    def max_band(self, side: int) -> int:
        """The largest number of cells of a masked band.

        For a fraction of 0.29 and 100 cells the result is 29, although 0.29 * 100 in float64 is
        slightly less than 29.
        """
        return int(self.band_masking * side + 1e-6)

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``Augmentation(**values)`` restores them."""
        values = {one.name: getattr(self, one.name) for one in augmentation_fields()}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def augmentation_fields() -> tuple[Field[Any], ...]:
    """The fields of `Augmentation`, each with its constraint and meaning."""
    return fields(Augmentation)


@dataclass(frozen=True)
class _AugmentationConstraint:
    """An Augmentation, or a dictionary of its fields, as a file holds them."""

    description: str = "an Augmentation"

    def check(self, value: object) -> Augmentation:
        if isinstance(value, dict):
            known = [one.name for one in augmentation_fields()]
            unknown = sorted(str(name) for name in value.keys() - set(known))
            if unknown:
                near = did_you_mean(unknown[0], known)
                raise LimitError(f"augmentation: there is no {shown(unknown[0])}{near}")
            value = Augmentation(**value)
        if not isinstance(value, Augmentation):
            raise constraint_error(value, self)
        return value

    def read(self, text: str) -> Augmentation:
        """As in "rotation 15, scale 0.8..1.25, translation 0 0.1, horizontal_flip"; or "none"."""
        values_by_name: dict[str, object] = {}
        for item in text.split(",") if text.strip() != "none" else ():
            name, *values = item.replace("..", " ").split() or [""]
            try:
                numbers = [float(value) for value in values]
            except ValueError:
                raise LimitError(f"got {shown(item.strip())}, wanted a name and numbers") from None
            values_by_name[name] = tuple(numbers) if len(numbers) > 1 else (numbers or [True])[0]
        return self.check(values_by_name)

    def write(self, value: Augmentation) -> str:
        items = []
        for one in augmentation_fields():
            set_to, constraint = getattr(value, one.name), one.metadata["constraint"]
            if set_to is True:
                items.append(one.name)
            elif set_to != one.default:
                number = (
                    constraint.write(set_to)
                    if isinstance(constraint, _PairConstraint)
                    else f"{set_to:.6g}"
                )
                items.append(f"{one.name} {number}")
        return ", ".join(items) or "none"


_NO_AUGMENTATION = Augmentation()

AUGMENTATION = _AugmentationConstraint()
"""The constraint of a recipe's augmentation."""
