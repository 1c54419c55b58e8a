"""The chapters of the tour, in the order of the deck.

Their sentences are the blocks `tour` of the lessons; this module draws what comes between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from rich.console import RenderableType

from ..core.array_types import Floating
from ..data.xo import CLASSES, DECK_TRICKY_X, DECK_X, FEATURES
from ..lessons.catalog import lesson
from ..lessons.deck_facts import DECK_ANSWERS, RIGHT_ANSWERS, SLIDE_ERRORS, Facts
from ..lessons.deck_quantities import Deck
from ..lessons.learner import generated_learner
from ..lessons.page_values import PageValues
from ..lessons.quantities import Context
from ..spec.layer_base import layer_fields
from ..spec.layers import KINDS
from ..spec.summary import summary
from .drawing import beside, lines, ninths, numbers, picture, prose, table, titled, truncated

Blocks = Iterator[RenderableType]


class Chapter(NamedTuple):
    """A chapter: its name on the command line, which is that of its lesson, and its title."""

    name: str
    title: str

    def show(self, facts: Facts) -> Blocks:
        """The blocks: each paragraph, and the picture or table that follows it."""
        values = PageValues(Context(generated_learner(), Deck(facts)))
        for block in lesson(self.name).of_kind("tour"):
            yield prose(" ".join(values.filled_text(line) for _, line in block.lines))
            if shown := block.attributes.get("show"):
                yield from DRAWN[shown](facts)


def two_x(_: Facts) -> Blocks:
    """The deck's X, and the trickier one."""
    yield beside(titled("the X", picture(DECK_X)), titled("a trickier X", picture(DECK_TRICKY_X)))


def best_matches(facts: Facts) -> Blocks:
    """The features, and their best match in each X."""
    best, tricky = facts.best_match(facts.x), facts.best_match(facts.tricky_x)
    yield beside(*(titled(name, picture(kernel)) for name, kernel in FEATURES.items()))
    yield table(
        ("feature", "best match in the X", "in the trickier X"),
        [(name, ninths(best[name]), ninths(tricky[name])) for name in FEATURES],
    )


def matches_step_by_step(_: Facts) -> Blocks:
    """Two matches, step by step."""
    kernel = FEATURES["\\"]
    for title, row, column in (("A perfect match", 1, 1), ("The center of the X", 3, 3)):
        patch = DECK_X[row : row + 3, column : column + 3]
        products = kernel * patch
        yield prose(f"{title}: rows {row + 1}-{row + 3}, columns {column + 1}-{column + 3}")
        yield beside(
            titled("1 line up", picture(kernel)),
            titled("the patch", picture(patch)),
            titled("2 multiply", _integers(products)),
        )
        yield prose(
            f"3 add up: {int(products.sum())}; 4 divide by the {products.size} pixels of the "
            f"feature: {ninths(float(products.mean()))} = {truncated(float(products.mean()))}"
        )


def feature_maps(facts: Facts) -> Blocks:
    """The match of each feature at every position."""
    for (name, kernel), plane in zip(FEATURES.items(), facts.x["conv1"], strict=True):
        yield beside(titled(f"feature {name}", picture(kernel)), numbers(plane))


def pooled_maps(facts: Facts) -> Blocks:
    """Each map before and after pooling."""
    for index, name in enumerate(FEATURES):
        yield beside(
            titled(f"map of {name}", numbers(facts.x["conv1"][index])),
            titled("pooled", numbers(facts.x["pool1"][index])),
        )


def map_after_relu(facts: Facts) -> Blocks:
    """A map before and after ReLU."""
    yield beside(
        titled("map of \\", numbers(facts.x["conv1"][0])),
        titled("after ReLU", numbers(facts.x["relu1"][0])),
    )


def pooled_twice(facts: Facts) -> Blocks:
    """The maps after the second pooling."""
    yield beside(
        *(
            titled(f"{name} pooled twice", numbers(plane))
            for name, plane in zip(FEATURES, facts.x["pool2"], strict=True)
        )
    )


def whole_net(facts: Facts) -> Blocks:
    """One line for each layer."""
    yield lines(summary(facts.architecture))


def vote_table(facts: Facts) -> Blocks:
    """The votes of all values for both classes."""
    pooled, weights = facts.x["pool2"], facts.parameters["full1.weight"]
    cells = [(name, row, column) for name in FEATURES for row in (0, 1) for column in (0, 1)]
    rows = []
    for number, (name, row, column) in enumerate(cells):
        votes_x, votes_o = facts.votes[:, number]
        rows.append(
            (
                f"{name} ({row + 1}, {column + 1})", truncated(float(pooled.ravel()[number])),
                f"{weights[0, number]:+.3f}", f"{votes_x:+.3f}",
                f"{weights[1, number]:+.3f}", f"{votes_o:+.3f}",
            )
        )  # fmt: skip
    total_x, total_o = facts.votes.sum(axis=1)
    rows.append(("added up", "", "", f"{total_x:.3f}", "", f"{abs(total_o):.3f}"))
    yield table(("map (row, column) of the X", "", "weight", "vote X", "weight", "vote O"), rows)


def answer_table(facts: Facts) -> Blocks:
    """The answers for three images."""
    images = {"the X": facts.x, "an O (not in the deck)": facts.o, "the trickier X": facts.tricky_x}
    yield table(
        ("image", *CLASSES),
        [
            (name, *(f"{abs(answer):.2f}" for answer in image_walk.logits))
            for name, image_walk in images.items()
        ],
    )


def slide_errors(facts: Facts) -> Blocks:
    """The error table, beside that of the slide."""
    rows = [
        (name, str(RIGHT_ANSWERS[name]), f"{DECK_ANSWERS[name]:.2f}", f"{facts.errors[name]:.2f}",
         f"{SLIDE_ERRORS[name]:.2f}")
        for name in CLASSES
    ]  # fmt: skip
    rows.append(("total", "", "", f"{facts.errors['total']:.2f}", f"{SLIDE_ERRORS['total']:.2f}"))
    yield table(("", "right", "actual", "error", "error on the slide"), rows)


def gradient_table(facts: Facts) -> Blocks:
    """Gradients by nudging and by backpropagation."""
    yield table(
        ("gradient of", "by nudging", "by backpropagation"),
        [
            (f"{sample.name}[{','.join(map(str, sample.indices))}]", f"{sample.nudged:+.9f}",
             f"{sample.backpropagated:+.9f}")
            for sample in facts.learning.samples
        ],
    )  # fmt: skip


def descent_table(facts: Facts) -> Blocks:
    """The error after some steps of gradient descent."""
    yield table(
        ("steps", "error by nudging", "error by backpropagation"),
        [
            (str(steps), f"{nudged:.6f}", f"{backpropagated:.6f}")
            for steps, backpropagated, nudged in facts.descent
        ],
        left=0,
    )


def knob_table(_: Facts) -> Blocks:
    """The hyperparameters of every layer kind."""
    yield table(
        ("layer", "knob", "what it is"),
        [
            (kind.word if number == 0 else "", knob.name, knob.metadata["meaning"])
            for kind in KINDS
            for number, knob in enumerate(layer_fields(kind))
        ],
        left=3,
    )


def kinds_of_data(_: Facts) -> Blocks:
    """Rows and columns of images, sounds and texts."""
    yield table(
        ("", "columns", "rows"),
        [
            ("image", "pixels", "pixels"),
            ("sound", "time steps", "intensity in each frequency band"),
            ("text", "position in the sentence", "words (or letters) of the vocabulary"),
        ],
        left=3,
    )


def _integers(plane: Floating) -> RenderableType:
    return "\n".join(" ".join(f"{int(value):+d}" for value in line) for line in plane)


DRAWN: Mapping[str, Callable[[Facts], Blocks]] = {
    drawn.__name__: drawn
    for drawn in (
        two_x, best_matches, matches_step_by_step, feature_maps, pooled_maps, map_after_relu,
        pooled_twice, whole_net, vote_table, answer_table, slide_errors, gradient_table,
        descent_table, knob_table, kinds_of_data,
    )
}  # fmt: skip
"""The pictures and tables, by the name that a block `tour` shows."""

CHAPTERS = (
    Chapter("literal", "Computers are literal"),
    Chapter("features", "Features match pieces of the image"),
    Chapter("filtering", "Filtering: the math behind the match"),
    Chapter("maps", "Convolution: trying every possible match"),
    Chapter("pooling", "Pooling: shrinking the stack"),
    Chapter("relu", "Rectified linear units"),
    Chapter("stacking", "Layers get stacked"),
    Chapter("votes", "Fully connected: every value gets a vote"),
    Chapter("errors", "Error: how wrong is an answer"),
    Chapter("learning", "Learning: nudging and backpropagation"),
    Chapter("knobs", "Hyperparameters: the knobs"),
    Chapter("beyond", "Not just images"),
)
