"""`piecewise train`."""

from __future__ import annotations

import time
from typing import Any, NoReturn

import rich_click as click
from rich.console import Console

from ..data.dataset import DataSet, read_data
from ..errors import DataError, LimitError, NotationError
from ..learning.choices import held_out, layers_for, recipe_for
from ..learning.history import Progress
from ..learning.recipe import Recipe
from ..learning.scores import Scores, evaluate
from ..learning.trainer import train
from ..limits import Sides
from ..network import Network
from ..notation import parse
from .output import check_place, data, json_option, meter, print_json, say, words
from .stopping import stop_listening, stoppable, undisturbed
from .words import score_lines

SKIPPED_SHOWN, CLASSES_SHOWN = 8, 20

Parts = dict[str, tuple[Any, Any]]
"""Pictures and labels by the name of the part."""


@click.command(name="train")
@click.argument("source", metavar="DATA")
@click.option("-o", "--output", metavar="NET", required=True, help="The model file to write.")
@click.option("--layers", metavar="TEXT", help="The layers, as in 'conv 8 5, relu, pool 2, full'.")
@click.option("--size", metavar="SIZE", help="Rows and columns pictures are brought to: 28, 24x32.")
@click.option("--epochs", type=int, help="Times through the training pictures.")
@click.option("--batch-size", type=int, help="Pictures a step.")
@click.option("--learning-rate", "--lr", type=float, help="How far a step goes.")
@click.option("--loss", help="cross-entropy, squared or absolute (the deck's).")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same net.")
@json_option(click)
def command(source: str, output: str, as_json: bool, **knobs: Any) -> None:
    """Teach a net the pictures of DATA and save it.

    DATA is a folder with a folder of pictures per class (under train, validation and test, if it is
    divided), or an .npz with images and labels. A part for testing is never trained on; the score
    is measured on it. Without one, a tenth of each class is held out and the score is measured on
    that. Ctrl-C, from the second epoch on, saves the net as it is.
    """
    started, console = time.perf_counter(), words()
    size, layers = _size(knobs.pop("size")), knobs.pop("layers")
    given = {name: value for name, value in knobs.items() if value is not None}
    _check_usage(layers, given)
    check_place(output)
    with meter("reading", console) as show:
        dataset = read_data(source, size=size, progress=show)
    _tell_skipped(dataset, console)
    net, recipe, parts = _planned(dataset, source, layers, given)
    _tell_plan(net, recipe, parts, console)
    if not _taught(net, recipe, parts, console):
        _stop(net, output, console)
    with undisturbed():
        net.save(output)
    scores = {
        name: evaluate(net, *parts[name]) for name in ("validation", "test") if len(parts[name][1])
    }
    seconds = time.perf_counter() - started
    if as_json:
        print_json(_report(net, scores, seconds))
    else:
        for name, score in scores.items():
            _print_scores(name, score)
        if not scores:
            say(console, "there were too few pictures to hold any out, so there is no score")
        say(console, f"saved {output}, {seconds:.1f} s in all")


def _check_usage(layers: str | None, given: dict[str, Any]) -> None:
    """Tell a wrong knob or layer before anything is read."""
    try:
        Recipe(**given)
        if layers is not None:
            parse(layers)
    except (LimitError, NotationError) as error:
        raise click.UsageError(str(error)) from None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        sides = Sides(1, 1_024).read(text)
    except LimitError as error:
        raise click.BadParameter(str(error), param_hint="--size") from None
    assert isinstance(sides, tuple)
    return sides


def _planned(
    dataset: DataSet, source: str, layers: str | None, given: dict[str, Any]
) -> tuple[Network, Recipe, Parts]:
    """The net to be taught, the recipe, and the parts of the data."""
    seed, shape = given["seed"], dataset.preparation.shape
    parts = _parts(dataset, source, seed)
    chosen = recipe_for(len(parts["train"][1]), seed)
    recipe = Recipe(**{**chosen.to_json(), **given})
    layers = layers or layers_for(shape)
    net = Network(layers, shape, dataset.classes, seed, dataset.preparation)
    return net, recipe, parts


def _parts(dataset: DataSet, source: str, seed: int) -> Parts:
    parts = {name: dataset.part(name) for name in ("train", "validation", "test")}
    pictures, labels = parts["train"]
    if not len(labels):
        raise DataError(f"{source}: every picture is for testing, wanted some to learn from")
    if len(set(labels.tolist())) < 2:
        raise DataError(
            f"{source}: pictures of one class to learn from, wanted 2 or more; give each class a "
            "folder of its own"
        )
    if not len(parts["validation"][1]):
        out = held_out(labels, seed)
        parts["train"] = pictures[~out], labels[~out]
        parts["validation"] = pictures[out], labels[out]
    return parts


def _tell_skipped(dataset: DataSet, console: Console) -> None:
    for sentence in dataset.skipped[:SKIPPED_SHOWN]:
        say(console, f"skipped: {sentence}")
    if len(dataset.skipped) > SKIPPED_SHOWN:
        say(console, f"skipped {len(dataset.skipped) - SKIPPED_SHOWN:,} more")


def _tell_plan(net: Network, recipe: Recipe, parts: Parts, console: Console) -> None:
    counts = ", ".join(f"{len(labels):,} for {name}" for name, (_, labels) in parts.items())
    ground = net.preparation.ground
    kind = "photos" if ground == "any" else f"drawings on a {ground} ground"
    shape = "x".join(str(side) for side in net.input)
    for line in (
        f"pictures   {counts}",
        f"classes    {', '.join(net.classes[:CLASSES_SHOWN])}",
        f"input      {shape}, {kind}",
        f"layers     {net.notation}",
        f"recipe     epochs {recipe.epochs}, batches of {recipe.batch_size}, learning rate "
        f"{recipe.learning_rate:g}, {recipe.loss}, seed {recipe.seed}",
    ):
        say(console, line)


def _taught(net: Network, recipe: Recipe, parts: Parts, console: Console) -> bool:
    """Train with a meter; whether it went to its end."""

    def told(progress: Progress) -> None:
        show(progress.step, progress.steps, f", loss {progress.loss:.4f}")
        if progress.finished:
            epoch = progress.finished
            show.clear()
            share = epoch.validation_accuracy
            scored = "" if share is None else f"   validation {100 * share:.2f} %"
            say(
                console,
                f"epoch {epoch.epoch:>3} of {recipe.epochs}   loss {epoch.loss:.4f}{scored}   "
                f"{epoch.seconds:.1f} s",
            )

    validation = parts["validation"] if len(parts["validation"][1]) else None
    try:
        with stoppable(), meter("training", console) as show:
            train(net, *parts["train"], recipe, validation, told)
    except KeyboardInterrupt:
        stop_listening()
        return False
    return True


def _stop(net: Network, output: str, console: Console) -> NoReturn:
    """Save what there is, if it is something, and end as Ctrl-C does."""
    if net.history:
        net.save(output)
        say(console, f"stopped; the net is saved as it is: {output}")
    else:
        say(console, "stopped before the first epoch was through; nothing is saved")
    raise KeyboardInterrupt


def _print_scores(name: str, scores: Scores) -> None:
    console = data()
    console.print(f"{name}: {next(lines := score_lines(scores))}")
    for line in lines:
        console.print(line, markup=False)
    console.print()


def _report(net: Network, scores: dict[str, Scores], seconds: float) -> dict[str, Any]:
    return {
        **{name: score.to_json() for name, score in scores.items()},
        "seconds": seconds,
        "recipe": net.recipe,
        "layers": net.notation,
        "input": list(net.input),
        "classes": list(net.classes),
        "history": net.history,
        "parameters_sha256": net.parameters_sha256,
    }
