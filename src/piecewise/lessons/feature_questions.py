"""Questions about features: their matches, and the flip of a pixel under a kernel."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.array_types import Bool
from ..data.xo import FEATURES
from . import feature_matches as features
from . import net_quantities as nets
from .learner import Learner
from .question_parts import DRAWINGS_ASKED, EXACT, HALF_DIGIT, Pool, class_of, shown_value, some
from .questions import CheckQuestion

_LEAST_INK = 2
"""Ink pixels of a patch that is asked about."""


def agreeing_pixels(_: Learner) -> Pool:
    """The match of a black-and-white patch."""
    for agreeing in range(1, 9):
        feature = np.ones(9)
        patch = np.where(np.arange(9) < agreeing, 1, -1)
        yield CheckQuestion(
            f"{agreeing} of 9 pixels agree with the feature. What is the match?",
            nets.match(agreeing, 9),
            float((feature * patch).mean()),
            {agreeing / 9: "the pixels that disagree count -1", agreeing: "divide by 9"},
            HALF_DIGIT,
            f"({agreeing} - {9 - agreeing}) / 9 = {2 * agreeing - 9}/9 = "
            f"{shown_value(nets.match(agreeing, 9))}",
        )


def patch_agreement(learner: Learner) -> Pool:
    """The pixels of a patch that agree with a feature."""
    for index, drawing in enumerate(learner.drawings[:DRAWINGS_ASKED]):
        ink = nets.ink_pixels(drawing)
        for name, feature in FEATURES.items():
            agreeing_at = features.agreeing_pixels(drawing, name)
            for row, column in _inked_patches(ink, feature.shape):
                last_row, last_column = row + feature.shape[0], column + feature.shape[1]
                patch = np.where(ink[row:last_row, column:last_column], 1, -1)
                agreeing = int(agreeing_at[row, column])
                both = int(((patch > 0) & (feature > 0)).sum())
                yield CheckQuestion(
                    f"The feature {name} lies on rows {row + 1} to {last_row}, columns "
                    f"{column + 1} to {last_column} of this {class_of(learner, drawing)}, drawing "
                    f"{index + 1}. How many of its {feature.size} pixels agree?",
                    agreeing,
                    (int((patch * feature).sum()) + feature.size) // 2,
                    {feature.size - agreeing: "these pixels disagree",
                     both: "background that agrees counts, too"},
                    EXACT,
                    f"{both} pixels are ink in both, {agreeing - both} are background in both: "
                    f"{agreeing}.",
                    index,
                )  # fmt: skip


def _inked_patches(ink: Bool, shape: tuple[int, ...]) -> list[list[int]]:
    """The rows and columns of the patches with some ink; with the most there is if that is less."""
    counts = sliding_window_view(ink, shape).sum(axis=(2, 3))
    return np.argwhere(counts >= min(_LEAST_INK, int(counts.max()))).tolist()


def best_flip(learner: Learner) -> Pool:
    """The pixel whose flip raises the sum of the products most."""
    kernels = learner.small.parameters["conv1.weight"][:, 0]
    for drawing in some(learner.drawings, DRAWINGS_ASKED):
        patches = sliding_window_view(nets.ink_pixels(drawing), kernels.shape[1:])
        places = product(range(len(kernels)), *(range(0, side, 2) for side in patches.shape[:2]))
        for number, row, column in places:
            pixels = np.where(patches[row, column].ravel(), 1, -1).tolist()
            weights = [shown_value(one) for one in kernels[number].ravel().tolist()]
            products = [pixel * weight for pixel, weight in zip(pixels, weights, strict=True)]
            flipped = [sum(products) - 2 * one for one in products]
            lowest = min(products)
            if products.count(lowest) > 1 or lowest >= 0:
                continue
            best = products.index(lowest)
            wrong: dict[float, str] = {
                products.index(max(products)) + 1: "this flip lowers the sum most"
            }
            if (least := weights.index(min(weights))) != best:
                wrong.setdefault(least + 1, "look at the product, not at the weight alone")
            yield CheckQuestion(
                f"The pixels of a patch are {', '.join(map(str, pixels))}. The weights of kernel "
                f"{number + 1} are {', '.join(map(str, weights))}. One pixel, from 1 to "
                f"{len(pixels)}, is flipped between 1 and -1. Which flip raises the sum of the "
                "products most?",
                best + 1,
                flipped.index(max(flipped)) + 1,
                wrong,
                EXACT,
                f"The products are {', '.join(map(str, products))}. A flip changes the sign of its "
                f"product. The lowest product is number {best + 1}.",
            )
