"""`piecewise train`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console

from ..data.dataset import DataSet, read_data
from ..errors import DataError, LimitError, ModelFileError, NotationError
from ..learning.choices import held_out, layers_for, recipe_for
from ..learning.recipe import Recipe
from ..learning.scores import Scores, evaluate
from ..learning.trainer import Progress, train
from ..limits import Sides
from ..network import Network
from ..notation import parse
from .output import data, json_option, meter, print_json, printable, words
from .words import score_lines


@click.command(name="train")
@click.argument("source", metavar="DATA")
@click.option("-o", "--output", metavar="NET", required=True, help="The model file to write.")
@click.option("--layers", metavar="TEXT", help="The layers, as in 'conv 8 5, relu, pool 2, full'.")
@click.option("--size", metavar="SIZE", help="Rows and columns pictures are brought to: 28, 24x32.")
@click.option("--epochs", type=int, help="Times through the training pictures.")
@click.option("--batch-size", type=int, help="Pictures a step.")
@click.option("--learning-rate", type=float, help="How far a step goes.")
@click.option("--loss", help="cross-entropy, squared or absolute (the deck's).")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same net.")
@json_option(click)
def command(source: str, output: str, as_json: bool, **knobs: Any) -> None:
    """Teach a net the pictures of DATA and save it.

    DATA is a folder with a folder of pictures per class (under train, validation and test, if it is
    divided), or an .npz with images and labels. A part for testing is never trained on; the score
    is measured on it. Without one, a tenth of each class is held out and the score is measured on
    that. Ctrl-C saves the net as it is.
    """
    started, console = time.perf_counter(), words()
    _check_output(Path(output))
    size, layers = _size(knobs.pop("size")), knobs.pop("layers")
    given = {name: value for name, value in knobs.items() if value is not None}
    _check_usage(layers, given)
    with meter("reading", console) as show:
        dataset = read_data(source, size=size, progress=show)
    _tell_skipped(dataset, console)
    net, recipe, parts = _planned(dataset, source, layers, given)
    _tell_plan(net, recipe, parts, console)
    interrupted = _taught(net, recipe, parts, console)
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
        console.print(f"saved {output}, {seconds:.1f} s in all")
    if interrupted:
        raise KeyboardInterrupt


Parts = dict[str, tuple[Any, Any]]


def _check_output(output: Path) -> None:
    """Tell now, not after training, that the net cannot be written there."""
    if output.is_dir():
        raise ModelFileError(f"{output}: a folder, wanted the name of a file")
    if output.exists() and not output.is_file():
        raise ModelFileError(f"{output}: there is something that is not a file")
    if not output.parent.is_dir():
        raise ModelFileError(f"{output}: there is no folder {output.parent}")


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
    if len(set(labels.tolist())) < 2:
        raise DataError(
            f"{source}: training pictures of {len(set(labels.tolist()))} class, wanted 2 or more; "
            "give each class a folder of its own"
        )
    if not len(parts["validation"][1]):
        out = held_out(labels, seed)
        parts["train"] = pictures[~out], labels[~out]
        parts["validation"] = pictures[out], labels[out]
    return parts


def _tell_skipped(dataset: DataSet, console: Console) -> None:
    for sentence in dataset.skipped[:5]:
        console.print(f"skipped: {printable(sentence)}", markup=False)
    if len(dataset.skipped) > 5:
        console.print(f"skipped {len(dataset.skipped) - 5:,} more")


def _tell_plan(net: Network, recipe: Recipe, parts: Parts, console: Console) -> None:
    counts = ", ".join(f"{len(labels):,} for {name}" for name, (_, labels) in parts.items())
    console.print(f"pictures   {counts}", markup=False)
    console.print(f"classes    {printable(', '.join(net.classes[:20]))}", markup=False)
    kind = "drawings on a {} ground" if net.preparation.ground != "any" else "photos"
    shape = "x".join(str(side) for side in net.input)
    console.print(f"input      {shape}, {kind.format(net.preparation.ground)}", markup=False)
    console.print(f"layers     {net.notation}", markup=False)
    console.print(
        f"recipe     {recipe.epochs} epochs, batches of {recipe.batch_size}, learning rate "
        f"{recipe.learning_rate:g}, {recipe.loss}, seed {recipe.seed}",
        markup=False,
    )


def _taught(net: Network, recipe: Recipe, parts: Parts, console: Console) -> bool:
    """Train with a meter; whether Ctrl-C ended it."""

    def told(progress: Progress) -> None:
        show(progress.step, progress.steps, f", loss {progress.loss:.4f}")
        if progress.finished:
            epoch = progress.finished
            show.clear()
            console.print(
                f"epoch {epoch.epoch:>3} of {recipe.epochs}   loss {epoch.loss:.4f}   validation "
                f"{100 * (epoch.validation_accuracy or 0):.2f} %   {epoch.seconds:.1f} s"
            )

    validation = parts["validation"] if len(parts["validation"][1]) else None
    try:
        with meter("training", console) as show:
            train(net, *parts["train"], recipe, validation, told)
    except KeyboardInterrupt:
        console.print("stopped; the net is saved as it is")
        return True
    return False


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
