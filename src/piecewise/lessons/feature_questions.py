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
    """The feature that matches a drawing best; drawings with ties are not asked about."""
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
