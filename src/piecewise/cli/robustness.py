"""`piecewise robustness`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rich_click as click

from ..core.progress import OnProgress
from ..data.dataset import Dataset, read_data
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
from .interrupts import DeferredInterrupt, ignore_interrupts
from .options import OUTPUT, TRAINING, json_option, threads_option
from .output import (
    Meter,
    check_net_path,
    messages,
    print_json,
    print_message,
    print_skipped,
    results,
)

SCHEMA = 1
"""Of what --json prints."""
BARS = "▁▂▃▄▅▆▇█"
_UNITS = {"pixels": "px", "seconds": "s", "degrees": "deg", "times": "x"}
_NAMES = {
    "right": "shift right",
    "down": "shift down",
    "scale": "scaling",
    "stroke_width": "stroke width",
}


@dataclass(frozen=True)
class RobustnessOptions:
    """The options of the command."""

    net_file: str
    source: str
    train_with: tuple[str, ...]
    threads: int | None
    output: str | None
    as_json: bool


@click.command(name="robustness")
@click.argument("net_file", metavar="NET")
@click.argument("source", metavar="DATA")
@click.option(
    "--train-with",
    metavar="TRICK",
    multiple=True,
    panel=TRAINING,
    help="Train the net again by its own recipe with this augmentation, over the whole range that "
    "is measured: translation, scale, rotation, stroke_width, or all. May be repeated.",
)
@threads_option
@click.option(
    "-o", "--output", metavar="NEWNET", panel=OUTPUT, help="Save the net trained by --train-with."
)
@json_option
def command(**values: Any) -> None:
    """Measure how far inputs may be shifted, scaled, rotated, and drawn with thicker or thinner
    strokes until the net in the model file NET answers wrongly.

    Uses the test split of DATA if it has one, else all examples. Prints, for each kind of change,
    accuracy as a curve, the area under it (1 if all answers are right over the whole range), and
    the area for comparing pixel by pixel with the training examples. With --train-with, also prints
    both for a net trained with this augmentation. Other kinds that this net would forget are added
    to its training, and the number of epochs is raised, where a validation split shows the need.
    """
    options = RobustnessOptions(**values)
    output, threads = options.output, options.threads
    if output is not None and not options.train_with:
        raise click.UsageError("-o NEWNET wants --train-with TRICK: there is no new net without it")
    if output is not None:
        check_net_path(output)
    net = Network.load(options.net_file)
    perturbations(net.preprocessor)  # refuses nets that read texts before the data are read
    asked = checked_kinds(net, options.train_with) if options.train_with else ()
    console, taught, after = messages(), None, None
    with DeferredInterrupt() as interrupt, Meter(console, interrupt.check) as meter:
        dataset = read_data(
            options.source, net.preprocessor, classes=net.classes, on_progress=meter
        )
        measured = _Measured(dataset, meter, threads)
        before = measured.curves(net, compared=True)
        if asked:
            taught = train_with_augmentation(
                net, dataset, asked, on_progress=meter, threads=threads
            )
            after = measured.curves(taught.net)
    print_skipped(dataset.skipped, console)
    if taught and output is not None:
        with ignore_interrupts():
            taught.net.save(output)
    if options.as_json:
        report = {"schema": SCHEMA, "split": measured.split, **before.to_json()}
        print_json({**report, **_taught(before, taught, after), "skipped": dataset.skipped})
        return
    print_message(
        console, f"on {'the test split' if measured.split == 'test' else 'all examples'}:"
    )
    out = results()
    for line in _lines(before, taught, after):
        out.print(line, markup=False)
    if output is not None:
        print_message(console, f"saved {output}")


class _Measured:
    """The split that is measured, and the training examples for the literal comparison."""

    def __init__(self, given: Dataset, on_progress: OnProgress, threads: int | None) -> None:
        self.split = "test" if (given.splits == "test").any() else "all"
        self.examples = (
            given.subset("test") if self.split == "test" else (given.inputs, given.labels)
        )
        self.learned = given.subset("train") if self.split == "test" else None
        self.on_progress, self.threads = on_progress, threads

    def curves(self, net: Network, compared: bool = False) -> DatasetRobustness:
        """The curves of a net; ``compared``: with those of the literal comparison."""
        compare, (pictures, labels) = None, self.examples
        if compared and self.learned is not None and len(self.learned[1]):
            sizes = sum(len(perturbation.sizes) for perturbation in perturbations(net.preprocessor))
            pixels = int(np.prod(net.input))
            some = worth(len(self.learned[1]), len(labels) * sizes, pixels)
            compare = self.learned[0][some], self.learned[1][some]
        return dataset_robustness(
            net, pictures, labels, compare, on_progress=self.on_progress, threads=self.threads
        )


def _taught(
    before: DatasetRobustness, taught: AugmentationResult | None, after: DatasetRobustness | None
) -> dict[str, Any]:
    if taught is None or after is None:
        return {}
    changed = {change.kind: change.to_json() for change in area_changes(before, after)}
    return {"trained": {**taught.to_json(), **after.to_json()}, "changes": changed}


def _lines(
    before: DatasetRobustness, taught: AugmentationResult | None, after: DatasetRobustness | None
) -> Iterator[str]:
    """A line a dial: how far it goes, the curve, the accuracy where it is lowest, the areas."""
    compared = f", compared with {before.literal_n:,} training examples" if before.literal_n else ""
    yield f"{before.n:,} pictures{compared}"
    yield ""
    longest = max(len(curve.perturbation.sizes) for curve in before.curves)
    yield f"{'':<31}{'accuracy':<{longest}}  lowest    area  literal"
    for number, curve in enumerate(before.curves):
        area = curve.literal_area
        literal = f"{area:9.3f}" if area is not None else f"{'-':>9}"
        yield f"{_named(curve.perturbation):<31}{_line(curve, longest)}{literal}"
        if after is not None:
            yield f"{'  trained':<31}{_line(after.curves[number], longest)}"
    yield ""
    yield "area: under the curve of accuracy over the sizes, 1 at most"
    yield "literal: the same for the label of the nearest training example,"
    yield "compared pixel by pixel"
    if taught is not None and after is not None:
        yield ""
        yield from _changed(taught, area_changes(before, after))


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


def _changed(taught: AugmentationResult, changed: Sequence[AreaChange]) -> Iterator[str]:
    """What became of each trick."""
    for change in changed:
        risen = f"{100 * (change.risen or 0):+6.1f} %"
        if change.after > change.before and change.gained is not None:
            risen += f", {100 * change.gained:.0f} % of what was missing"
        how = "" if change.kind in taught.kinds else "not "
        far = taught.ranges.get(change.kind, 0.0)
        if how and far:
            how = f"{100 * far:.0f} % "
        yield f"{change.kind:<13}{change.before:.3f} -> {change.after:.3f} {risen} ({how}trained)"
    if taught.epochs_factor > 1:
        yield f"(trained for {taught.epochs_factor} times as many epochs as before)"
