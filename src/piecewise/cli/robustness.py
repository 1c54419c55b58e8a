"""`piecewise robustness`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rich_click as click

from ..core.progress import OnProgress
from ..data.dataset import Dataset
from ..insight.robustness.augmentation_training import (
    AreaChange,
    AugmentationResult,
    area_changes,
    checked_kinds,
    train_with_augmentation,
)
from ..insight.robustness.curves import DatasetCurve, DatasetRobustness, dataset_robustness
from ..insight.robustness.literal_matching import worth
from ..insight.robustness.perturbations import Perturbation, perturbations
from ..network import Network
from .dataset_options import DataOptions, read_for
from .interrupts import DeferredInterrupt, ignore_interrupts
from .options import (
    TRAINING,
    data_argument,
    json_option,
    net_argument,
    output_option,
    table_options,
    threads_option,
)
from .output import Meter, messages, print_json, print_message, print_skipped, results
from .output_files import check_net_path, force_option

BARS = "▁▂▃▄▅▆▇█"
_UNITS = {"pixels": "px", "seconds": "s", "degrees": "deg", "times": "x"}
_NAMES = {
    "right": "shift right",
    "down": "shift down",
    "scale": "scaling",
    "stroke_width": "stroke width",
}


@dataclass(frozen=True)
class RobustnessOptions(DataOptions):
    """The options of the command."""

    net_file: str
    train_with: tuple[str, ...]
    threads: int | None
    output: str | None
    force: bool


@click.command(name="robustness")
@net_argument
@data_argument
@table_options
@click.option(
    "--train-with",
    metavar="KIND",
    multiple=True,
    panel=TRAINING,
    help="Train the net again by its own recipe with this augmentation, over the whole range that "
    "is measured: translation, scale, rotation, stroke_width, or all. May be repeated.",
)
@threads_option
@output_option("Save the net trained by --train-with.", metavar="NEWNET")
@force_option
@json_option
def command(**values: Any) -> None:
    """Measure the accuracy of the net in the model file NET when inputs are shifted, scaled,
    rotated, or drawn with thicker or thinner strokes.

    Uses the test split of DATA if it has one, else all examples. For each kind of change, prints
    the accuracy as a curve, the area under the curve (1 if all predictions are right over the whole
    range), and the area of a baseline: the nearest training example, pixel by pixel. With
    --train-with, prints the same for a new net, which is trained with this augmentation. If
    another kind of change gets worse on the validation split, it is added to the augmentation; if
    the accuracy falls, the number of epochs is raised.
    """
    options = RobustnessOptions(**values)
    output, threads = options.output, options.threads
    if output is not None and not options.train_with:
        raise click.UsageError("-o needs --train-with, which trains the net to save")
    if output is not None:
        check_net_path(output, force=options.force)
    net = Network.load(options.net_file)
    perturbations(net.preprocessor)  # refuses nets that read texts before the data are read
    kinds = checked_kinds(net, options.train_with) if options.train_with else ()
    console, trained, after = messages(), None, None
    with DeferredInterrupt() as interrupt, Meter(console, interrupt.check) as meter:
        dataset = read_for(net, options.source, options.table, meter)
        measurement = _Measurement(dataset, meter, threads)
        before = measurement.curves(net, compared=True)
        if kinds:
            trained = train_with_augmentation(
                net, dataset, kinds, on_progress=meter, threads=threads
            )
            after = measurement.curves(trained.net)
    print_skipped(dataset.skipped, console)
    if trained and output is not None:
        with ignore_interrupts():
            trained.net.save(output)
    if options.as_json:
        report = {"split": measurement.split, **before.to_json()}
        print_json({**report, **_trained_json(before, trained, after), "skipped": dataset.skipped})
        return
    print_message(
        console, f"on {'the test split' if measurement.split == 'test' else 'all examples'}:"
    )
    out = results()
    for line in _lines(before, trained, after):
        out.print(line, markup=False, soft_wrap=True)
    if output is not None:
        print_message(console, f"saved {output}")


class _Measurement:
    """The split that is measured, and the training examples for the literal comparison."""

    def __init__(self, dataset: Dataset, on_progress: OnProgress, threads: int | None) -> None:
        self.split = "test" if (dataset.splits == "test").any() else "all"
        self.examples = (
            dataset.subset("test") if self.split == "test" else (dataset.inputs, dataset.labels)
        )
        self.references = dataset.subset("train") if self.split == "test" else None
        self.on_progress, self.threads = on_progress, threads

    def curves(self, net: Network, compared: bool = False) -> DatasetRobustness:
        """The curves of a net; ``compared``: with those of the literal comparison."""
        compare, (inputs, labels) = None, self.examples
        if compared and self.references is not None and len(self.references[1]):
            sizes = sum(len(perturbation.sizes) for perturbation in perturbations(net.preprocessor))
            pixels = int(np.prod(net.input))
            some = worth(len(self.references[1]), len(labels) * sizes, pixels)
            compare = self.references[0][some], self.references[1][some]
        return dataset_robustness(
            net, inputs, labels, compare, on_progress=self.on_progress, threads=self.threads
        )


def _trained_json(
    before: DatasetRobustness, trained: AugmentationResult | None, after: DatasetRobustness | None
) -> dict[str, Any]:
    if trained is None or after is None:
        return {}
    changed = {change.kind: change.to_json() for change in area_changes(before, after)}
    return {"trained": {**trained.to_json(), **after.to_json()}, "changes": changed}


def _lines(
    before: DatasetRobustness, trained: AugmentationResult | None, after: DatasetRobustness | None
) -> Iterator[str]:
    """One line per perturbation: its range, the accuracy curve, the lowest accuracy, the areas."""
    compared = f", compared with {before.literal_n:,} training examples" if before.literal_n else ""
    yield f"{before.n:,} examples{compared}"
    yield ""
    longest = max(len(curve.perturbation.sizes) for curve in before.curves)
    width = max(len(_named(curve.perturbation)) for curve in before.curves) + 2
    yield f"{'':<{width}}{'accuracy':<{longest}}  lowest    area  literal"
    for number, curve in enumerate(before.curves):
        area = curve.literal_area
        literal = f"{area:9.3f}" if area is not None else f"{'-':>9}"
        yield f"{_named(curve.perturbation):<{width}}{_line(curve, longest)}{literal}"
        if after is not None:
            yield f"{'  trained':<{width}}{_line(after.curves[number], longest)}"
    yield ""
    yield "area: the area under the accuracy curve, 1 at most"
    yield "literal: the same if the answer is the label of the nearest"
    yield "training example, compared pixel by pixel"
    if trained is not None and after is not None:
        yield ""
        yield from _changed(trained, area_changes(before, after))


def _named(perturbation: Perturbation) -> str:
    first, last, unit = (
        perturbation.sizes[0],
        perturbation.sizes[-1],
        _UNITS[perturbation.unit],
    )
    return f"{_NAMES.get(perturbation.name, perturbation.name)} {first:g} to {last:g} {unit}"


def _line(curve: DatasetCurve, longest: int) -> str:
    bars = _bars(curve.accuracies)
    return f"{bars:<{longest}}{100 * min(curve.accuracies):6.1f} %{curve.area:8.3f}"


def _bars(heights: Sequence[float]) -> str:
    """A bar for each number from 0 to 1."""
    last = len(BARS) - 1
    return "".join(BARS[max(0, min(last, int(height * len(BARS))))] for height in heights)


def _augmented(trained: AugmentationResult, kind: str) -> str:
    """Over how much of its range the training inputs were augmented in this way."""
    fraction = trained.ranges.get(kind, 0.0)
    if kind in trained.kinds:
        return "trained"
    return f"{100 * fraction:.0f} % of the range trained" if fraction else "not trained"


def _changed(trained: AugmentationResult, changed: Sequence[AreaChange]) -> Iterator[str]:
    """Lines with the change of the area for each kind of augmentation."""
    for change in changed:
        increase = f"{100 * (change.risen or 0):+6.1f} %"
        if change.after > change.before and change.gained is not None:
            increase += f", {100 * change.gained:.0f} % of the gap to 1"
        yield (
            f"{change.kind:<13}{change.before:.3f} -> {change.after:.3f} {increase} "
            f"({_augmented(trained, change.kind)})"
        )
    if trained.epochs_factor > 1:
        yield f"(trained for {trained.epochs_factor} times as many epochs as before)"
