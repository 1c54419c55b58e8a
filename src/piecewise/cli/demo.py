"""`piecewise demo`: the main job, end to end, with nothing needed but the package."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import rich_click as click
from rich.console import Console, RenderableType
from rich.text import Text

from ..data.xo import CLASSES, DECK_TRICKY_X, DECK_X, TRICKY, VARIATION_NAMES, XODataset, make_xo
from ..network import Network
from ..reference.losses import absolute
from ..tour.drawing import beside, halves, prose, table, titled
from ..training.metrics import evaluate
from ..training.recipe import Recipe
from ..training.train import train
from .options import OUTPUT, json_option
from .output import Meter, check_place, data, print_json, say, show, words

LAYERS = "2 * (conv 8 5, norm, relu, pool 2), full"
SIZE = 28
TRAINED_ON, TESTED_ON, TESTED_ON_EACH, SHOWN = 3_000, 10_000, 1_000, 6
EARLY = 256  # drawings that a net has seen when it is looked at during learning
UNSEEN_SEED = 1  # of the pictures the net is tested on; those it learns from have the seed 0
RECIPE = Recipe(epochs=8, batch_size=64, learning_rate=0.1, nesterov=True)
SCHEMA = 1
"""Of what --json prints."""
DECKS_OWN = {"X": DECK_X, "tricky X": DECK_TRICKY_X}


class Found(NamedTuple):
    """What the demo found out."""

    net: Network
    errors: dict[str, list[dict[str, Any]]]
    """The deck's error table, by when: "before", "during" and "after" learning."""
    accuracy: dict[str, float]
    deck: dict[str, dict[str, Any]]
    seconds: dict[str, float]


@click.command(name="demo")
@click.option(
    "-o", "--output", metavar="NET", panel=OUTPUT, help="Save the net to this model file."
)
@json_option
def command(output: str | None, as_json: bool) -> None:
    """Train a ConvNet to tell X from O on generated images, and test it on unseen ones.

    As in the deck, the images are shifted, scaled, rotated, drawn with thick or thin strokes, and
    noisy. The demo needs no files and no internet connection.
    """
    console, page = words(), data()
    if output is not None:
        check_place(output)
    clock = _Clock()
    unseen = make_xo(TESTED_ON, SIZE, UNSEEN_SEED)
    if not as_json:
        _introduce(page, unseen)
    found = _found(console, unseen, clock)
    if output is not None:
        found.net.save(output)
    if as_json:
        print_json(_report(found))
        return
    _tell(page, found)
    if output is not None:
        say(console, f"saved {output}; try: piecewise predict {output} PICTURE")


def _found(console: Console, unseen: XODataset, clock: _Clock) -> Found:
    """Draw, teach and test."""
    lessons = make_xo(TRAINED_ON, SIZE, seed=0)
    clock.mark("drawing")
    net = Network(LAYERS, (1, SIZE, SIZE), CLASSES, seed=0, preprocessor=lessons.preprocessor)
    errors = {"before": _error_table(net, unseen)}

    early = deepcopy(net)
    train(early, lessons.inputs[:EARLY], lessons.labels[:EARLY], replace(RECIPE, epochs=1))
    errors["during"] = _error_table(early, unseen)
    with Meter(console) as meter:
        train(net, lessons.inputs, lessons.labels, RECIPE, on_progress=meter)
    errors["after"] = _error_table(net, unseen)
    clock.mark("learning")
    accuracy = {"all": evaluate(net, unseen.inputs, unseen.labels).accuracy}
    for trick in ("plain", *VARIATION_NAMES):
        alone = make_xo(TESTED_ON_EACH, SIZE, UNSEEN_SEED, TRICKY.only(trick))
        accuracy[trick] = evaluate(net, alone.inputs, alone.labels).accuracy
    clock.mark("testing")
    deck = {name: _answer(net, plane) for name, plane in DECKS_OWN.items()}
    return Found(net, errors, accuracy, deck, clock.seconds)


class _Clock:
    """How long each part took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def mark(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self.last = now - self.last, now


def _error_table(net: Network, drawings: XODataset) -> list[dict[str, Any]]:
    """The deck's error table of the first few pictures, answers as probabilities."""
    answers = net.probabilities(drawings.inputs[:SHOWN])
    totals, _ = absolute(answers, drawings.labels[:SHOWN])
    return [
        {
            "label": CLASSES[label],
            "actual": dict(zip(CLASSES, row.tolist(), strict=True)),
            "error": float(total),
        }
        for label, row, total in zip(drawings.labels.tolist(), answers, totals, strict=False)
    ]


def _answer(net: Network, plane: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, Any]:
    """What the net says of a picture of the deck (9, 9), brought to its size as a file would be."""
    pixels = np.rint((plane[:, :, None] + 1) * 127.5).astype(np.uint8)
    probabilities = net.probabilities(net.preprocessor.transform(pixels)[None])[0]
    return {
        "predicted": CLASSES[int(probabilities.argmax())],
        "probabilities": dict(zip(CLASSES, probabilities.tolist(), strict=True)),
    }


def _report(found: Found) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "accuracy": found.accuracy["all"],
        "n": TESTED_ON,
        "accuracy_by_trick": {k: v for k, v in found.accuracy.items() if k != "all"},
        "deck": found.deck,
        **{f"errors_{when}": table for when, table in found.errors.items()},
        "layers": found.net.notation,
        "recipe": found.net.recipe,
        "seconds": found.seconds,
        "parameters_sha256": found.net.parameters_sha256,
    }


def _introduce(console: Console, unseen: XODataset) -> None:
    show(console, Text(f"A ConvNet learns X from O: {LAYERS}\n", style="bold"))
    show(
        console,
        prose(
            f"It learns from {TRAINED_ON:,} drawings; none of them is among the {TESTED_ON:,} that "
            "it is tested on, such as these:"
        ),
    )
    pictures, ascii_only = (
        unseen.preprocessor.to_float(unseen.inputs[:2, 0]),
        console.options.ascii_only,
    )
    drawn = zip(unseen.labels.tolist(), pictures, strict=False)
    blocks = [
        titled(CLASSES[label], halves(plane, ascii_only=ascii_only)) for label, plane in drawn
    ]
    show(console, beside(*blocks))


def _tell(console: Console, found: Found) -> None:
    show(
        console,
        prose(
            "The deck's error table for some of them, before learning, after the first "
            f"{EARLY} drawings, and after {RECIPE.epochs} times through all {TRAINED_ON:,}:"
        ),
    )
    show(console, _error_rows(found))
    show(
        console,
        prose(
            f"On {TESTED_ON:,} unseen pictures with all tricks at once, and on "
            f"{TESTED_ON_EACH:,} with each alone:"
        ),
    )
    names = {"all": "all tricks at once", "plain": "no trick"}
    shares = [(names.get(name, name), f"{100 * s:.2f} %") for name, s in found.accuracy.items()]
    show(console, table(("trick", "right"), shares))
    for name, answer in found.deck.items():
        chance = 100 * answer["probabilities"][answer["predicted"]]
        show(console, Text(f"The deck's {name} is an {answer['predicted']} ({chance:.1f} %)."))
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.seconds.items())
    show(console, Text(f"\nThis took: {took}.", style="dim"))


def _error_rows(found: Found) -> RenderableType:
    """A row a picture: the answer for X (that for O is the rest) and the error, at each time."""
    times = list(found.errors.values())
    rows = []
    for number, each in enumerate(zip(*times, strict=True), 1):
        cells = [f"{number}  {each[0]['label']}"]
        for entry in each:
            cells += [f"{entry['actual'][CLASSES[0]]:.2f}", f"{entry['error']:.2f}"]
        rows.append(cells)
    totals = [f"{sum(entry['error'] for entry in each):.2f}" for each in times]
    rows.append(["total", *(cell for total in totals for cell in ("", total))])
    titles = [title for when in found.errors for title in (f"{when}: {CLASSES[0]}", "error")]
    return table(("right", *titles), rows)
