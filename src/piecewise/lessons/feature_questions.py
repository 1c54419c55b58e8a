"""Questions about features: their matches, and the flip of a pixel under a kernel."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..data.xo import FEATURES
from . import feature_matches as features
from . import net_quantities as nets
from .learner import Learner
from .question_parts import DRAWINGS_ASKED, EXACT, HALF_DIGIT, Pool, class_of, shown_value, some
from .questions import CheckQuestion

_LEAST_ASKED = 2
"""Drawings without ties, so that different seeds can ask about different ones."""


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


def best_feature(learner: Learner) -> Pool:
    """The feature that matches a drawing best. Drawings with ties are not asked about; if nearly
    all have ties, the questions are about single patches."""
    asked = list(_best_features(learner))
    yield from asked if len(asked) >= _LEAST_ASKED else _patch_agreement(learner)


def _patch_agreement(learner: Learner) -> Pool:
    """The pixels of a patch that agree with a feature."""
    for index, drawing in enumerate(learner.drawings[:DRAWINGS_ASKED]):
        ink = nets.ink_pixels(drawing)
        for name, row, column in product(FEATURES, range(0, 7, 3), range(0, 7, 3)):
            feature = FEATURES[name]
            last_row, last_column = row + feature.shape[0], column + feature.shape[1]
            patch = np.where(ink[row:last_row, column:last_column], 1, -1)
            agreeing = int(features.agreeing_pixels(drawing, name)[row, column])
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


def _best_features(learner: Learner) -> Pool:
    numbers = {name: number for number, name in enumerate(FEATURES, 1)}
    listed = ", ".join(f"{name} ({number})" for name, number in numbers.items())
    for index, drawing in enumerate(learner.drawings):
        agreeing = {name: int(features.agreeing_pixels(drawing, name).max()) for name in FEATURES}
        best = features.best_feature(drawing)
        if best == features.SEVERAL:
            continue
        counts = list(agreeing.values())
        yield CheckQuestion(
            f"The features {listed} may stand anywhere on drawing {index + 1}, this "
            f"{class_of(learner, drawing)}. Type the number of the one with the best match.",
            numbers[best],
            1 + counts.index(max(counts)),
            {numbers[name]: f"at best, {count} pixels agree with {name}"
             for name, count in agreeing.items() if name != best},
            EXACT,
            f"At best, {', '.join(f'{count} with {name}' for name, count in agreeing.items())} of "
            f"{FEATURES[best].size} pixels agree.",
            index,
        )  # fmt: skip


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
