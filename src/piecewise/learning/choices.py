"""What is chosen when nothing is said: layers from the pictures' shape, a recipe from their
number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..randomness import SPLIT, key_of, shuffled
from .recipe import Recipe

VALIDATION_SHARE = 0.1


def layers_for(shape: tuple[int, int, int]) -> str:
    """Layers in notation for pictures of a shape (channels, rows, columns): convolution, ReLU and
    pooling until the map is small, more features each time, then votes."""
    _, height, width = shape
    items: list[str] = []
    features, kernel = 8, 5
    while min(height, width) >= 6 and len(items) < 15:
        kernel = 5 if not items and min(height, width) >= 20 else 3
        items += [f"conv {features} {kernel}", "relu", "pool 2"]
        height, width = (-(-(side - kernel + 1) // 2) for side in (height, width))
        features = min(32, 2 * features)
    return ", ".join([*items, "full"])


def recipe_for(count: int, seed: int) -> Recipe:
    """A recipe for ``count`` training pictures: fewer are gone through more often."""
    epochs = min(40, max(2, round(30_000 / max(1, count))))
    return Recipe(epochs=epochs, batch_size=32, seed=seed)


def held_out(
    labels: npt.NDArray[np.int64], seed: int, share: float = VALIDATION_SHARE
) -> npt.NDArray[np.bool_]:
    """Which pictures are kept for validation: ``share`` of each class, drawn by the seed; at
    least one of each class that has two."""
    out = np.zeros(len(labels), bool)
    for label in np.unique(labels).tolist():
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < 2:
            continue
        order = shuffled(key_of(seed, SPLIT, label), len(of_class))
        out[of_class[order[: max(1, round(share * len(of_class)))]]] = True
    return out
