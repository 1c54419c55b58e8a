"""The chapters of the tour, in the order of the deck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.console import RenderableType

from ..core.array_types import Floating
from ..data.xo import CLASSES, DECK_TRICKY_X, DECK_X, FEATURES
from ..lessons.deck_facts import DECK_ANSWERS, SLIDE_ERRORS, Facts
from ..spec.layer_base import layer_fields
from ..spec.layers import KINDS
from ..spec.summary import summary
from .drawing import beside, lines, ninths, numbers, picture, prose, table, titled, truncated

Blocks = Iterator[RenderableType]


class Chapter(NamedTuple):
    """A chapter: its name on the command line, its title, and the generator of its blocks."""

    name: str
    title: str
    show: Callable[[Facts], Blocks]


def literal(facts: Facts) -> Blocks:
    """Comparing pixel by pixel fails."""
    pixels = facts.literal
    yield prose(
        "This tour follows the slides \"A toy ConvNet: X's and O's\", called the deck. It computes "
        "every number of the slides anew."
    )
    yield prose("Here is an X, and another X as a person might draw it.")
    yield beside(titled("the X", picture(DECK_X)), titled("a trickier X", picture(DECK_TRICKY_X)))
    yield prose(
        f"A computer that compares them pixel by pixel finds only {pixels['shared_ink']} of the "
        f"{pixels['ink']} ink pixels of the X at the same position. Computers are literal: to "
        "them, these are two different images. A ConvNet compares pieces of images instead, which "
        "are called features:"
    )
    best, tricky = facts.best_match(facts.x), facts.best_match(facts.tricky_x)
    yield beside(*(titled(name, picture(kernel)) for name, kernel in FEATURES.items()))
    yield table(
        ("feature", "best match in the X", "in the trickier X"),
        [(name, ninths(best[name]), ninths(tricky[name])) for name in FEATURES],
    )
    yield prose(
        "9/9 is a perfect match. The trickier X contains the cross exactly and both diagonals "
        "nearly. It consists of the pieces of an X, only at other positions."
    )


def filtering(facts: Facts) -> Blocks:
    """One match, step by step."""
    kernel = FEATURES["\\"]
    yield prose("How well does a feature match one patch of the image? Filtering takes four steps.")
    for title, row, column in (("A perfect match", 1, 1), ("The center of the X", 3, 3)):
        patch = DECK_X[row : row + 3, column : column + 3]
        products = kernel * patch
        yield prose(f"{title}: rows {row}-{row + 2}, columns {column}-{column + 2}")
        yield beside(
            titled("1 line up", picture(kernel)),
            titled("the patch", picture(patch)),
            titled("2 multiply", _integers(products)),
        )
        yield prose(
            f"3 add up: {int(products.sum())}; 4 divide by the {products.size} pixels of the "
            f"feature: {ninths(float(products.mean()))} = {truncated(float(products.mean()))}"
        )
    yield prose(
        "Ink is +1 and background is -1. A pixel that matches therefore adds +1, and a pixel that "
        "does not match adds -1."
    )


def maps(facts: Facts) -> Blocks:
    """The match of each feature at every position."""
    yield prose(
        "Convolution computes this match at every possible position. A 3x3 feature has 7x7 "
        "positions in an image of 9x9 pixels. The matches of one feature form one map. (Decimals "
        "are cut off, not rounded, as on the slides.)"
    )
    for (name, kernel), plane in zip(FEATURES.items(), facts.x["conv1"], strict=True):
        yield beside(titled(f"feature {name}", picture(kernel)), numbers(plane))
    yield prose(
        "The diagonals match best along the arms of the X; the cross matches best where they meet."
    )


def pooling(facts: Facts) -> Blocks:
    """Each map shrinks to the largest value of every window."""
    yield prose(
        "Pooling moves a window of 2x2 with a stride of 2 across each map and keeps the largest "
        "value. Since 7 is odd, the last windows extend over the edge and use only the values "
        "inside, so 7x7 becomes 4x4."
    )
    for index, name in enumerate(FEATURES):
        yield beside(
            titled(f"map of {name}", numbers(facts.x["conv1"][index])),
            titled("pooled", numbers(facts.x["pool1"][index])),
        )
    yield prose("A pooled map still shows whether a feature matched, but less precisely where.")


def relu(facts: Facts) -> Blocks:
    """Negative values become zero."""
    yield prose("A rectified linear unit (ReLU) sets negative values to zero and keeps all others.")
    yield beside(
        titled("map of \\", numbers(facts.x["conv1"][0])),
        titled("after ReLU", numbers(facts.x["relu1"][0])),
    )
    yield prose(
        "ReLU may come before or after max pooling: the pooled maps of the X are the same in "
        "either order."
    )


def stacking(facts: Facts) -> Blocks:
    """Layers on layers."""
    yield prose("The output of one layer is the input of the next. Pooled once more:")
    yield beside(
        *(
            titled(f"{name} pooled twice", numbers(plane))
            for name, plane in zip(FEATURES, facts.x["pool2"], strict=True)
        )
    )
    yield prose("The complete net from 81 pixels to two answers, one line per layer:")
    yield lines(summary(facts.architecture))


def votes(facts: Facts) -> Blocks:
    """Every value gets a vote."""
    yield prose(
        "The last maps hold twelve values. Each value votes for X and for O: its vote is the value "
        "times a weight, which states how strongly the value predicts that answer. The deck does "
        "not give these weights. Here they are the smallest weights with which the answers are 1 "
        "(X) and 0 (O) for the X, and 0 and 1 for an O."
    )
    pooled, weights = facts.x["pool2"], facts.parameters["full1.weight"]
    cells = [(name, row, column) for name in FEATURES for row in (0, 1) for column in (0, 1)]
    rows = []
    for number, (name, row, column) in enumerate(cells):
        votes_x, votes_o = facts.votes[:, number]
        rows.append(
            (
                f"{name} [{row}, {column}]", truncated(float(pooled.ravel()[number])),
                f"{weights[0, number]:+.3f}", f"{votes_x:+.3f}",
                f"{weights[1, number]:+.3f}", f"{votes_o:+.3f}",
            )
        )  # fmt: skip
    total_x, total_o = facts.votes.sum(axis=1)
    rows.append(("added up", "", "", f"{total_x:.3f}", "", f"{abs(total_o):.3f}"))
    yield table(("map [row, column] of the X", "", "weight", "vote X", "weight", "vote O"), rows)
    yield prose("The answers with the same weights for these images:")
    images = {"the X": facts.x, "an O (not in the deck)": facts.o, "the trickier X": facts.tricky_x}
    yield table(
        ("image", *CLASSES),
        [
            (name, *(f"{abs(answer):.2f}" for answer in image_walk.logits))
            for name, image_walk in images.items()
        ],
    )


def errors(facts: Facts) -> Blocks:
    """How wrong an answer is."""
    yield prose(
        "Error = |right answer - actual answer|. The example of the deck is an image of an X:"
    )
    right_answers = {"X": 1, "O": 0}
    rows = [
        (name, str(right_answers[name]), f"{DECK_ANSWERS[name]:.2f}", f"{facts.errors[name]:.2f}",
         f"{SLIDE_ERRORS[name]:.2f}")
        for name in CLASSES
    ]  # fmt: skip
    rows.append(("total", "", "", f"{facts.errors['total']:.2f}", f"{SLIDE_ERRORS['total']:.2f}"))
    yield table(("", "right", "actual", "error", "error on the slide"), rows)
    yield prose(
        "The slide has a slip: the error of 0.51 compared with 0 is 0.51, not 0.49, so the total "
        "is 0.59, not 0.57. (The two answers are scores, not probabilities, so they need not "
        "add up to 1.)"
    )


def learning(facts: Facts) -> Blocks:
    """Nudging against backpropagation."""
    result = facts.learning
    yield prose(
        "Where do all the magic numbers come from? From gradient descent. Nudge each feature pixel "
        "and each voting weight up and down a bit, and measure how the error changes: this is the "
        "gradient. Backpropagation computes all gradients in one backward pass from the error to "
        "the pixels."
    )
    yield table(
        ("gradient of", "by nudging", "by backpropagation"),
        [
            (f"{sample.name}[{','.join(map(str, sample.indices))}]", f"{sample.nudged:+.9f}",
             f"{sample.backpropagated:+.9f}")
            for sample in result.samples
        ],
    )  # fmt: skip
    yield prose(
        f"The gradients of all {result.parameters} parameters differ by at most "
        f"{result.largest_difference:.0e} of the largest one. Each step of gradient descent "
        "changes the parameters against their gradients, and the error falls:"
    )
    yield table(
        ("steps", "error by nudging", "error by backpropagation"),
        [
            (str(steps), f"{nudged:.6f}", f"{backpropagated:.6f}")
            for steps, backpropagated, nudged in result.errors
        ],
        left=0,
    )
    yield prose(
        f"For each step, nudging runs the net {2 * result.parameters} times. Backpropagation runs "
        "it once forward and once backward."
    )


def hyperparameters(facts: Facts) -> Blocks:
    """The knobs: numbers that are not learned."""
    yield prose(
        "Some numbers are not learned but chosen by a person: the hyperparameters, or knobs. The "
        "number and order of the layers is a choice, too."
    )
    yield table(
        ("layer", "knob", "what it is"),
        [
            (kind.word if number == 0 else "", knob.name, knob.metadata["meaning"])
            for kind in KINDS
            for number, knob in enumerate(layer_fields(kind))
        ],
        left=3,
    )


def beyond(facts: Facts) -> Blocks:
    """Other inputs than images."""
    yield prose("A ConvNet can learn from all inputs that can be arranged like an image:")
    yield table(
        ("", "columns", "rows"),
        [
            ("image", "pixels", "pixels"),
            ("sound", "time steps", "intensity in each frequency band"),
            ("text", "position in the sentence", "words (or letters) of the vocabulary"),
        ],
        left=3,
    )
    yield prose(
        "Neighboring rows and columns must be related. If the data are just as useful after their "
        "columns are swapped, a ConvNet is the wrong tool. The toolkits that the deck names, "
        "Caffe, CNTK, Deeplearning4j, TensorFlow, Theano and Torch, train nets of the same layers."
    )
    yield prose("Next, train a net: piecewise demo")


def _integers(plane: Floating) -> RenderableType:
    return "\n".join(" ".join(f"{int(value):+d}" for value in line) for line in plane)


CHAPTERS = (
    Chapter("literal", "Computers are literal", literal),
    Chapter("filtering", "Filtering: the math behind the match", filtering),
    Chapter("maps", "Convolution: trying every possible match", maps),
    Chapter("pooling", "Pooling: shrinking the stack", pooling),
    Chapter("relu", "Rectified linear units", relu),
    Chapter("stacking", "Layers get stacked", stacking),
    Chapter("votes", "Fully connected: every value gets a vote", votes),
    Chapter("errors", "Error: how wrong is an answer", errors),
    Chapter("learning", "Learning: nudging and backpropagation", learning),
    Chapter("knobs", "Hyperparameters: the knobs", hyperparameters),
    Chapter("beyond", "Not just images", beyond),
)
