"""The chapters of the tour, in the order of the deck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.console import RenderableType

from ..data.xo import CLASSES, DECK_TRICKY_X, DECK_X, FEATURES
from ..spec.layer import layer_fields
from ..spec.layers import KINDS
from ..spec.summary import summary
from .drawing import Plane, beside, lines, ninths, numbers, picture, prose, table, titled, truncated
from .facts import DECK_ANSWERS, SLIDE_ERRORS, Facts

Blocks = Iterator[RenderableType]


class Chapter(NamedTuple):
    """A chapter: the word that calls it, its title, and what it shows."""

    name: str
    title: str
    show: Callable[[Facts], Blocks]


def literal(facts: Facts) -> Blocks:
    """Comparing pixel by pixel fails."""
    found = facts.literal
    yield prose("Here is an X, and the same X as a hand might draw it another time.")
    yield beside(titled("the X", picture(DECK_X)), titled("a trickier X", picture(DECK_TRICKY_X)))
    yield prose(
        f"A computer that compares them pixel by pixel finds only {found['shared_ink']} of the X's "
        f"{found['ink']} ink pixels in their places. Taken literally, these are two different "
        "things. A ConvNet looks for pieces instead:"
    )
    best, tricky = facts.best_match(facts.x), facts.best_match(facts.tricky_x)
    yield beside(*(titled(name, picture(kernel)) for name, kernel in FEATURES.items()))
    yield table(
        ("piece", "best match in the X", "in the trickier X"),
        [(name, ninths(best[name]), ninths(tricky[name])) for name in FEATURES],
    )
    yield prose(
        "9/9 is a perfect match. The trickier X holds the cross perfectly and both diagonals "
        "nearly: its pieces are those of an X, wherever they have moved to."
    )


def filtering(facts: Facts) -> Blocks:
    """One match, step by step."""
    kernel = FEATURES["\\"]
    yield prose("How well does a piece match one place of the picture? Four steps tell.")
    for title, row, column in (("A perfect place", 1, 1), ("The centre of the X", 3, 3)):
        patch = DECK_X[row : row + 3, column : column + 3]
        products = kernel * patch
        yield prose(f"{title}: rows {row}-{row + 2}, columns {column}-{column + 2}")
        yield beside(
            titled("1 line up", picture(kernel)),
            titled("  the patch", picture(patch)),
            titled("2 multiply", _whole_numbers(products)),
        )
        yield prose(
            f"3 add up: {int(products.sum())}.   4 divide by the {products.size} pixels of the "
            f"feature: {ninths(float(products.mean()))} = {truncated(float(products.mean()))}"
        )
    yield prose(
        "A pixel that agrees, ink on ink or ground on ground, counts +1; one that does not, -1."
    )


def maps(facts: Facts) -> Blocks:
    """Every possible place, for each feature."""
    yield prose(
        "Convolution tries the match in every possible place. Nine by nine pixels leave seven by "
        "seven places for a 3x3 feature; each feature makes one map. (Decimals are cut, as on the "
        "slides.)"
    )
    for (name, kernel), plane in zip(FEATURES.items(), facts.x["conv1"], strict=True):
        yield beside(titled(f"feature {name}", picture(kernel)), numbers(plane))
    yield prose("The diagonals light up where the X has its arms, the cross where they meet.")


def pooling(facts: Facts) -> Blocks:
    """Each map shrunk by keeping the largest value of every window."""
    yield prose(
        "Pooling walks a window, 2x2 with a stride of 2, across each map and keeps the largest "
        "value. Seven is odd: the last windows hang over the edge and look at what is there, so "
        "7x7 becomes 4x4."
    )
    for index, name in enumerate(FEATURES):
        yield beside(
            titled(f"map of {name}", numbers(facts.x["conv1"][index])),
            titled("pooled", numbers(facts.x["pool1"][index])),
        )
    yield prose("Where exactly a piece was found is blurred a little; that it was found stays.")


def relu(facts: Facts) -> Blocks:
    """Everything negative to zero."""
    yield prose("A rectified linear unit changes everything negative to zero, and nothing else.")
    yield beside(
        titled("map of \\", numbers(facts.x["conv1"][0])),
        titled("after ReLU", numbers(facts.x["relu1"][0])),
    )
    yield prose(
        "It does not matter whether ReLU comes before max pooling or after it: the X's pooled maps "
        "come out the same both ways."
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
    yield prose("The whole net, a line a layer, from 81 pixels to two answers:")
    yield lines(summary(facts.architecture))


def votes(facts: Facts) -> Blocks:
    """Every value gets a vote."""
    yield prose(
        "The last maps, laid out in a row, are twelve values. Each one votes for X and for O: its "
        "vote is its value times a weight that says how strongly it predicts that answer. The deck "
        "leaves these weights open; here they are the smallest that answer 1 and 0 for the X, 0 "
        "and 1 for an O."
    )
    stack, weights = facts.x["pool2"], facts.arrays["full1.weight"]
    places = [(name, row, column) for name in FEATURES for row in (0, 1) for column in (0, 1)]
    rows = []
    for number, (name, row, column) in enumerate(places):
        votes_x, votes_o = facts.votes[:, number]
        rows.append(
            (
                f"{name} row {row} column {column}", truncated(float(stack.ravel()[number])),
                f"{weights[0, number]:+.3f}", f"{votes_x:+.3f}",
                f"{weights[1, number]:+.3f}", f"{votes_o:+.3f}",
            )
        )  # fmt: skip
    total_x, total_o = facts.votes.sum(axis=1)
    rows.append(("added up", "", "", f"{total_x:.3f}", "", f"{abs(total_o):.3f}"))
    yield table(("value of the X", "", "weight", "vote X", "weight", "vote O"), rows)
    yield prose("The same weights, asked about pictures they were not made for:")
    pictures = {"the X": facts.x, "an O (ours)": facts.o, "the trickier X": facts.tricky_x}
    yield table(
        ("picture", *CLASSES),
        [
            (name, *(f"{abs(answer):.2f}" for answer in walked.logits))
            for name, walked in pictures.items()
        ],
    )


def errors(facts: Facts) -> Blocks:
    """How wrong an answer is."""
    yield prose("Error = |right answer - actual answer|. The deck's example, a picture of an X:")
    right = {"X": 1, "O": 0}
    rows = [
        (name, str(right[name]), f"{DECK_ANSWERS[name]:.2f}", f"{facts.errors[name]:.2f}",
         f"{SLIDE_ERRORS[name]:.2f}")
        for name in CLASSES
    ]  # fmt: skip
    rows.append(("total", "", "", f"{facts.errors['total']:.2f}", f"{SLIDE_ERRORS['total']:.2f}"))
    yield table(("", "right", "actual", "error", "the slide prints"), rows)
    yield prose(
        "The slide slips: from 0 to 0.51 it is 0.51, not 0.49, and the total is 0.59, not 0.57. "
        "(The two answers stand for themselves; they are scores, not probabilities, and need not "
        "add up to 1.)"
    )


def learning(facts: Facts) -> Blocks:
    """Nudging against backpropagation."""
    found = facts.learning
    yield prose(
        "Where do all the magic numbers come from? Gradient descent: adjust each feature pixel and "
        "voting weight up and down a bit and see how the error changes. Backpropagation finds the "
        "same slopes, all of them in one pass from the error back to the pixels."
    )
    yield table(
        ("number", "by nudging", "by backpropagation"),
        [
            (f"{sample.name}{list(sample.place)}", f"{sample.nudged:+.9f}",
             f"{sample.backpropagated:+.9f}")
            for sample in found.samples
        ],
    )  # fmt: skip
    yield prose(
        f"Over all {found.parameters} parameters the largest difference, measured against the "
        f"largest slope, is {found.largest_difference:.0e}. Step after step down the slope, the "
        f"error falls:"
    )
    yield table(
        ("steps", "error by nudging", "error by backpropagation"),
        [(str(steps), f"{other:.6f}", f"{one:.6f}") for steps, one, other in found.errors],
        left=0,
    )
    yield prose(
        f"Nudging runs the net {2 * found.parameters} times a step; backpropagation once, "
        "there and back."
    )


def hyperparameters(facts: Facts) -> Blocks:
    """The knobs that learning does not turn."""
    yield prose(
        "Some numbers are not learned; a person turns these knobs. How many of each layer, in what "
        "order, is one more of them."
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
    """Not just pictures."""
    yield prose("What works on pictures works on whatever can be laid out like one:")
    yield table(
        ("", "columns", "rows"),
        [
            ("picture", "pixels", "pixels"),
            ("sound", "time steps", "intensity in each frequency band"),
            ("text", "position in the sentence", "words (or letters) of the dictionary"),
        ],
        left=3,
    )
    yield prose(
        "The test: neighbours must mean something. If the data is as useful after its columns are "
        "shuffled, a ConvNet is the wrong tool. The toolkits the deck names, Caffe, CNTK, "
        "Deeplearning4j, TensorFlow, Theano and Torch, train nets of exactly these layers."
    )
    yield prose("Now let one learn:  piecewise demo")


def _whole_numbers(plane: Plane) -> RenderableType:
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
    Chapter("beyond", "Not just pictures", beyond),
)
