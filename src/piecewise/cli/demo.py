"""`piecewise demo`: the main job, end to end, with nothing needed but the package."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import rich_click as click
from rich.console import Console, RenderableType
from rich.text import Text

from ..data.xo import (
    CLASSES,
    DECK_TRICKY_X,
    DECK_X,
    TRICK_NAMES,
    TRICKY,
    Drawings,
    draw,
)
from ..learning.history import Progress
from ..learning.recipe import Recipe
from ..learning.scores import evaluate
from ..learning.trainer import train
from ..network import Network
from ..reference.losses import absolute
from ..tour.drawing import beside, picture, prose, table, titled
from .output import check_place, data, json_option, meter, print_json, say, show, words

LAYERS = "conv 8 3, relu, pool 2, full"
SIZE = 9
TRAINED_ON, TESTED_ON, SHOWN = 4_000, 1_000, 6
UNSEEN_SEED = 1  # of the pictures the net is tested on; those it learns from have the seed 0
RECIPE = Recipe(epochs=6, batch_size=32, learning_rate=0.1)


class Found(NamedTuple):
    """What the demo found out."""

    net: Network
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    accuracy: dict[str, float]
    deck: dict[str, dict[str, Any]]
    seconds: dict[str, float]


@click.command(name="demo")
@click.option("-o", "--output", metavar="NET", help="Save the net to this model file.")
@json_option(click)
def command(output: str | None, as_json: bool) -> None:
    """Teach a ConvNet X from O on pictures drawn on the spot, and test it on unseen ones.

    Small nine by nine pictures as in the deck, each with its tricks: shifted, scaled, turned,
    drawn with a thick or a thin pen, and noisy. No network and no files are needed.
    """
    console, page = words(), data()
    if output is not None:
        check_place(output)
    unseen = draw(TESTED_ON, SIZE, UNSEEN_SEED)
    if not as_json:
        _introduce(page, unseen)
    found = _found(console, unseen)
    if output is not None:
        found.net.save(output)
    if as_json:
        print_json(_report(found))
        return
    _tell(page, found)
    if output is not None:
        say(console, f"saved {output}; try: piecewise predict {output} PICTURE")


def _found(console: Console, unseen: Drawings) -> Found:
    """Draw, teach and test."""
    clock = _Clock()
    lessons = draw(TRAINED_ON, SIZE, seed=0)
    clock.mark("drawing")
    net = Network(LAYERS, (1, SIZE, SIZE), CLASSES, seed=0, preparation=lessons.preparation)
    before = _error_table(net, unseen)

    def told(progress: Progress) -> None:
        shown(progress.step, progress.steps, f", loss {progress.loss:.4f}")

    with meter("learning", console) as shown:
        train(net, lessons.pictures, lessons.labels, RECIPE, progress=told)
    clock.mark("learning")
    accuracy = {"all": evaluate(net, unseen.pictures, unseen.labels).accuracy}
    for trick in ("plain", *TRICK_NAMES):
        alone = draw(TESTED_ON, SIZE, UNSEEN_SEED, TRICKY.alone(trick))
        accuracy[trick] = evaluate(net, alone.pictures, alone.labels).accuracy
    clock.mark("testing")
    deck = {
        name: _answer(net, pixels) for name, pixels in (("X", DECK_X), ("tricky X", DECK_TRICKY_X))
    }
    return Found(net, before, _error_table(net, unseen), accuracy, deck, clock.seconds)


class _Clock:
    """How long each part took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def mark(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self.last = now - self.last, now


def _error_table(net: Network, drawings: Drawings) -> list[dict[str, Any]]:
    """The deck's error table of the first few pictures, answers as probabilities."""
    answers = net.probabilities(drawings.pictures[:SHOWN])
    totals, _ = absolute(answers, drawings.labels[:SHOWN])
    return [
        {
            "right": CLASSES[label],
            "actual": dict(zip(CLASSES, row.tolist(), strict=True)),
            "error": float(total),
        }
        for label, row, total in zip(drawings.labels.tolist(), answers, totals, strict=False)
    ]


def _answer(net: Network, pixels: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, Any]:
    probabilities = net.probabilities(pixels[None, None])[0]
    return {
        "label": CLASSES[int(probabilities.argmax())],
        "probabilities": dict(zip(CLASSES, probabilities.tolist(), strict=True)),
    }


def _report(found: Found) -> dict[str, Any]:
    return {
        "accuracy": found.accuracy["all"],
        "n": TESTED_ON,
        "accuracy_by_trick": {k: v for k, v in found.accuracy.items() if k != "all"},
        "deck": found.deck,
        "errors_before": found.before,
        "errors_after": found.after,
        "layers": found.net.notation,
        "recipe": found.net.recipe,
        "seconds": found.seconds,
        "parameters_sha256": found.net.parameters_sha256,
    }


def _introduce(console: Console, unseen: Drawings) -> None:
    show(console, Text(f"A ConvNet learns X from O: {LAYERS}\n", style="bold"))
    show(
        console,
        prose(
            f"It learns from {TRAINED_ON:,} drawings; none of them is among the {TESTED_ON:,} that "
            "it is tested on, such as these:"
        ),
    )
    pictures = unseen.preparation.scale(unseen.pictures[:3, 0])
    drawn = zip(unseen.labels.tolist(), pictures, strict=False)
    show(console, beside(*(titled(CLASSES[label], picture(plane)) for label, plane in drawn)))


def _tell(console: Console, found: Found) -> None:
    show(console, prose("The deck's error table for some of them, before learning and after:"))
    show(console, _error_rows(found))
    show(console, prose(f"On {TESTED_ON:,} unseen pictures a line, trick by trick:"))
    names = {"all": "all tricks at once", "plain": "no trick"}
    shares = [(names.get(name, name), f"{100 * s:.1f} %") for name, s in found.accuracy.items()]
    show(console, table(("trick", "right"), shares))
    for name, answer in found.deck.items():
        chance = 100 * answer["probabilities"][answer["label"]]
        show(console, Text(f"The deck's {name} is an {answer['label']} ({chance:.1f} %)."))
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.seconds.items())
    show(console, Text(f"\nThis took: {took}.", style="dim"))


def _error_rows(found: Found) -> RenderableType:
    rows = []
    for number, (before, after) in enumerate(zip(found.before, found.after, strict=True), 1):
        cells = [f"{number}  {before['right']}"]
        for each in (before, after):
            cells += [f"{each['actual'][name]:.2f}" for name in CLASSES]
            cells.append(f"{each['error']:.2f}")
        rows.append(cells)
    first, last = (sum(row["error"] for row in each) for each in (found.before, found.after))
    rows.append(["total", "", "", f"{first:.2f}", "", "", f"{last:.2f}"])
    return table(("right", "before: X", "O", "error", "after: X", "O", "error"), rows)
