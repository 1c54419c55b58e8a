"""Perturbations: changes of inputs by translation, scale, rotation and stroke width.

A perturbation changes inputs over a range of sizes around the unchanged input, which is the middle
one. The ranges depend only on the shape of the inputs; over most of them a person still recognizes
the input. The changes are those of data augmentation (`reference/augmentation.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.array_types import Float32
from ...core.errors import LimitError
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.preprocessing import Preprocessor
from ...network import Network
from ...reference.augmentation import GeometricDraws, apply_geometric

SHIFT = 0.25
"""Largest translation, as a fraction of the side; rounded to whole pixels."""
STEPS = 8
"""Maximum number of sizes on each side of the unchanged input, of translation and stroke width."""
SCALES = tuple(number / 10 for number in range(5, 16))
"""Factors."""
ROTATIONS = tuple(float(5 * number) for number in range(-9, 10))
"""Degrees, clockwise. At 45 degrees an X becomes a plus."""
STROKE_WIDTH = 1 / 28
"""Largest dilation and erosion, as a fraction of the shorter side: one pixel of 28. More erosion
would remove pen strokes."""
MAX_STROKE_WIDTH = 3.0


@dataclass(frozen=True)
class Perturbation:
    """One way to change inputs, over a range of sizes."""

    name: str
    """One of "right", "down", "scale", "rotation" and "stroke_width"."""
    kind: str
    """The option of `Augmentation` that it belongs to: "translation", "scale", "rotation" or
    "stroke_width"."""
    unit: str
    """Unit of the sizes."""
    sizes: tuple[float, ...]
    """Evenly spaced; the middle one leaves inputs unchanged."""
    drawn: tuple[float, ...]
    """The sizes in the units of `reference.augmentation.GeometricDraws`."""
    training_range: float
    """Value of the augmentation option that covers all sizes."""

    @property
    def unchanged_index(self) -> int:
        """Index of the size that changes nothing: the middle one."""
        return len(self.sizes) // 2

    def apply(self, pictures: Float32, number: int, background: str) -> Float32:
        """Preprocessed inputs (N, C, H, W), changed by the size with index ``number``."""
        return apply_together({self: number}, pictures, background)

    def to_json(self) -> dict[str, Any]:
        """The axis of a curve as plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "unit": self.unit,
            "sizes": list(self.sizes),
            "unchanged_index": self.unchanged_index,
        }


def apply_together(
    chosen: Mapping[Perturbation, int], pictures: Float32, background: str
) -> Float32:
    """Preprocessed inputs (N, C, H, W), changed by several perturbations at once: by the size of
    each with the given index."""
    none = np.zeros(1)
    unchanged = GeometricDraws(none, none, np.ones(1), none, none, np.array([False]))
    sizes = {one.name: np.array([one.drawn[number]]) for one, number in chosen.items()}
    changed = unchanged._replace(**sizes)
    return apply_geometric(changed, pictures, background).astype(np.float32)


def perturbations(preprocessor: Preprocessor) -> tuple[Perturbation, ...]:
    """The perturbations for a kind of input: for images translation to the right and down, scale,
    rotation and stroke width; for sounds translation in time. LimitError for texts.
    """
    _, height, width = preprocessor.shape
    if preprocessor.kind == "texts":
        raise LimitError(
            "robustness: got a net that reads texts, wanted one for pictures or sounds"
        )
    if isinstance(preprocessor, AudioPreprocessor):
        seconds = preprocessor.hop / preprocessor.rate
        found = [_translation("right", width, "seconds", seconds)]
    else:
        found = [_translation("right", width, "pixels"), _translation("down", height, "pixels")]
        if min(height, width) > 1:  # a single row or column has no shape to rotate
            reach = round(min(MAX_STROKE_WIDTH, STROKE_WIDTH * min(height, width)), 2)
            widths = tuple(reach * number / STEPS for number in range(-STEPS, STEPS + 1))
            found += [
                _perturbation("scale", "times", SCALES),
                _perturbation("rotation", "degrees", ROTATIONS),
                _perturbation("stroke_width", "pixels", widths),
            ]
    found = [perturbation for perturbation in found if len(perturbation.sizes) > 1]
    if not found:
        raise LimitError(f"robustness: got inputs of {width} x {height}, wanted two pixels or more")
    return tuple(found)


def perturbations_of(net: Network) -> tuple[Perturbation, ...]:
    """The perturbations for the inputs of a net. LimitError if it reads texts."""
    if net.architecture.reads_texts:
        raise LimitError(
            "robustness: got a net that reads texts, wanted one for pictures or sounds"
        )
    return perturbations(net.preprocessor)


def _translation(name: str, side: int, unit: str, per_pixel: float = 1.0) -> Perturbation:
    """A translation by whole pixels, which needs no interpolation."""
    reach = max(1, round(SHIFT * side)) if side > 1 else 0
    step = -(-reach // STEPS) or 1
    most = reach // step
    pixels = tuple(float(step * number) for number in range(-most, most + 1))
    sizes = tuple(round(one * per_pixel, 6) for one in pixels)
    return Perturbation(name, "translation", unit, sizes, pixels, pixels[-1] / side)


def _perturbation(name: str, unit: str, sizes: tuple[float, ...]) -> Perturbation:
    return Perturbation(name, name, unit, sizes, sizes, (sizes[-1] - sizes[0]) / 2)
