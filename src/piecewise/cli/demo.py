"""`piecewise demo`: trains and tests a net on generated images, without any files."""

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
from ..training.evaluation import evaluate
from ..training.recipe import Recipe
from ..training.train import train
from .options import json_option, output_option
from .output import Meter, activation_hint, messages, print_json, print_message, results, show
from .output_files import check_net_path, force_option

LAYERS = "2 * (conv 8 5, norm, relu, pool 2), full"
SIZE = 28
TRAINED_ON, TESTED_ON, TESTED_ON_EACH, SHOWN = 3_000, 10_000, 1_000, 6
EARLY = 256  # images that a net has seen at "during"
UNSEEN_SEED = 1  # of the test images; the training images have the seed 0
RECIPE = Recipe(epochs=8, batch_size=64, learning_rate=0.1, nesterov=True)
DECKS_OWN = {"X": DECK_X, "tricky X": DECK_TRICKY_X}


class DemoResult(NamedTuple):
    """The trained net and its results."""

    net: Network
    errors: dict[str, list[dict[str, Any]]]
    """The deck's error tables "before", "during" and "after" training."""
    accuracy: dict[str, float]
    deck: dict[str, dict[str, Any]]
    seconds: dict[str, float]


@click.command(name="demo")
@output_option("Save the net to this model file.", metavar="NET")
@force_option
@json_option
def command(output: str | None, force: bool, as_json: bool) -> None:
    """Train a ConvNet to tell X from O on generated images, and test it on unseen ones.

    As in the deck, the images are shifted, scaled, rotated, drawn with thick or thin strokes, and
    noisy. The demo needs no files and no internet connection.
    """
    console, page = messages(), results()
    if output is not None:
        check_net_path(output, force=force)
    clock = _Clock()
    unseen = make_xo(TESTED_ON, SIZE, UNSEEN_SEED)
    if not as_json:
        _introduce(page, unseen)
    result = _run(console, unseen, clock)
    if output is not None:
        result.net.save(output)
    if as_json:
        print_json(_report(result))
        return
    _print_result(page, result)
    if output is not None:
        print_message(console, f"saved {output}; try: piecewise predict {output} IMAGE")
    if hint := activation_hint():
        print_message(console, hint)


def _run(console: Console, unseen: XODataset, clock: _Clock) -> DemoResult:
    """Generate the images, train and test."""
    examples = make_xo(TRAINED_ON, SIZE, seed=0)
    clock.mark("generating")
    net = Network(LAYERS, (1, SIZE, SIZE), CLASSES, seed=0, preprocessor=examples.preprocessor)
    errors = {"before": _error_table(net, unseen)}

    early = deepcopy(net)
    train(early, examples.inputs[:EARLY], examples.labels[:EARLY], replace(RECIPE, epochs=1))
    errors["during"] = _error_table(early, unseen)
    with Meter(console) as meter:
        train(net, examples.inputs, examples.labels, RECIPE, on_progress=meter)
    errors["after"] = _error_table(net, unseen)
    clock.mark("training")
    accuracy = {"all": evaluate(net, unseen.inputs, unseen.labels).accuracy}
    for trick in ("plain", *VARIATION_NAMES):
        alone = make_xo(TESTED_ON_EACH, SIZE, UNSEEN_SEED, TRICKY.only(trick))
        accuracy[trick] = evaluate(net, alone.inputs, alone.labels).accuracy
    clock.mark("testing")
    deck = {name: _answer(net, plane) for name, plane in DECKS_OWN.items()}
    return DemoResult(net, errors, accuracy, deck, clock.seconds)


class _Clock:
    """Measures the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def mark(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self.last = now - self.last, now


def _error_table(net: Network, drawings: XODataset) -> list[dict[str, Any]]:
    """The deck's error table of the first images, with probabilities as answers."""
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
    """The prediction for an image of the deck (9, 9), which is preprocessed like a file."""
    pixels = np.rint((plane[:, :, None] + 1) * 127.5).astype(np.uint8)
    probabilities = net.probabilities(net.preprocessor.transform(pixels)[None])[0]
    return {
        "predicted": CLASSES[int(probabilities.argmax())],
        "probabilities": dict(zip(CLASSES, probabilities.tolist(), strict=True)),
    }


def _report(result: DemoResult) -> dict[str, Any]:
    return {
        "accuracy": result.accuracy["all"],
        "n": TESTED_ON,
        "accuracy_by_trick": {k: v for k, v in result.accuracy.items() if k != "all"},
        "deck": result.deck,
        **{f"errors_{when}": table for when, table in result.errors.items()},
        "layers": result.net.notation,
        "recipe": result.net.recipe,
        "seconds": result.seconds,
        "parameters_sha256": result.net.parameters_sha256,
    }


def _introduce(console: Console, unseen: XODataset) -> None:
    show(console, Text(f"A ConvNet learns to tell X from O: {LAYERS}\n", style="bold"))
    show(
        console,
        prose(
            f"It is trained on {TRAINED_ON:,} generated images and tested on {TESTED_ON:,} others, "
            "such as these:"
        ),
    )
    images, ascii_only = (
        unseen.preprocessor.to_float(unseen.inputs[:2, 0]),
        console.options.ascii_only,
    )
    drawn = zip(unseen.labels.tolist(), images, strict=False)
    blocks = [
        titled(CLASSES[label], halves(plane, ascii_only=ascii_only)) for label, plane in drawn
    ]
    show(console, beside(*blocks))


def _print_result(console: Console, result: DemoResult) -> None:
    show(
        console,
        prose(
            f"The deck's error table of {SHOWN} of them (probability of X and error) before "
            f"training, during training (after {EARLY} images), and after "
            f"{RECIPE.epochs} epochs of all {TRAINED_ON:,} images:"
        ),
    )
    show(console, _error_rows(result))
    show(
        console,
        prose(
            f"Accuracy on {TESTED_ON:,} unseen images with all tricks at once, and on "
            f"{TESTED_ON_EACH:,} with each trick alone:"
        ),
    )
    names = {"all": "all tricks at once", "plain": "no trick"}
    rows = [
        (names.get(name, name), f"{100 * accuracy:.2f} %")
        for name, accuracy in result.accuracy.items()
    ]
    show(console, table(("trick", "accuracy"), rows))
    for name, answer in result.deck.items():
        percentage = 100 * answer["probabilities"][answer["predicted"]]
        show(
            console,
            Text(
                f"The deck's {name} is an {answer['predicted']} (probability {percentage:.1f} %)."
            ),
        )
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.seconds.items())
    show(console, Text(f"\nThis took: {took}.", style="dim"))


def _error_rows(result: DemoResult) -> RenderableType:
    """A row per image: the probability of X and the error at each time."""
    times = list(result.errors.values())
    rows = []
    for number, each in enumerate(zip(*times, strict=True), 1):
        cells = [f"{number}  {each[0]['label']}"]
        for entry in each:
            cells += [f"{entry['actual'][CLASSES[0]]:.2f}", f"{entry['error']:.2f}"]
        rows.append(cells)
    totals = [f"{sum(entry['error'] for entry in each):.2f}" for each in times]
    rows.append(["total", *(cell for total in totals for cell in ("", total))])
    titles = [title for when in result.errors for title in (f"{when}", "error")]
    return table(("label", *titles), rows)
