"""Plots of what a network does and how it learned, by Matplotlib, which is an extra.

Each takes the ``ax`` to draw on, makes a figure of its own without one, and returns the Axes, to
be changed or saved as any other. PiecewiseError where Matplotlib is not installed. Colours are
signed, as everywhere: blue below zero, white at zero, orange above. Names are shown as they are,
none read as a formula.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .core.array_types import Array, Float64
from .core.errors import DataError, LimitError, PiecewiseError, did_you_mean, shown
from .display.charts import BLUE, GREY, ORANGE
from .display.images import ABOVE, BELOW, ZERO
from .insight.attribution.saliency import Attribution
from .insight.dynamics.kernel_history import kernels
from .insight.dynamics.nudge_curve import NudgeCurve
from .insight.evaluation.error_table import ErrorTable
from .insight.robustness.curves import Curve
from .network import Network
from .trace.walk import Walk
from .training.history import History
from .training.metrics import Scores

Axes = Any
"""A `matplotlib.axes.Axes`."""

MOST_PLANES = 256
"""Maps, or channels of kernels, that are drawn beside each other."""
MOST_BARS = 20
"""Pictures of an error table that are drawn."""
MOST_COUNTS, MOST_NAMES = 20, 60
"""Classes up to which counts are written into a confusion matrix, and names beside it."""
_AS_IT_IS = {"parse_math": False}


def plot_history(history: History | Sequence[Mapping[str, Any]], ax: Axes = None) -> Axes:
    """The mean loss by epoch; where there were validation pictures, their loss, too, and their
    accuracy by a second axis on the right. ``history``: what `train` gives, or
    `Network.history`."""
    epochs_json = history.to_json() if isinstance(history, History) else list(history)
    ax = _axes(ax)
    epochs = [epoch["epoch"] for epoch in epochs_json]
    lines = ax.plot(
        epochs, [epoch["loss"] for epoch in epochs_json], color=ORANGE, label="training"
    )
    seen = [epoch for epoch in epochs_json if epoch["validation_loss"] is not None]
    if seen:
        epochs = [epoch["epoch"] for epoch in seen]
        losses = [epoch["validation_loss"] for epoch in seen]
        lines += ax.plot(epochs, losses, color=BLUE, label="validation")
        right = ax.twinx()
        shares = [100 * epoch["validation_accuracy"] for epoch in seen]
        lines += right.plot(epochs, shares, ":", color=BLUE, label="validation accuracy")
        right.set_ylabel("% right")
        ax.legend(handles=lines)
    return _titled(ax, "Loss by epoch", "epoch", "mean loss")


def plot_activations(walk: Walk, layer: str, ax: Axes = None) -> Axes:
    """The maps of a layer's stack beside each other; of word numbers (positions), the numbers in a
    row. LimitError where the walk has no such layer."""
    if layer not in walk:
        raise LimitError(
            f"layer: got {shown(layer)}, wanted one of the walk's{did_you_mean(str(layer), walk)}"
        )
    stack = walk[layer]
    planes = stack if stack.ndim == 3 else stack.reshape(1, 1, -1)
    if planes.shape[1:] == (1, 1):  # a number a map: side by side they are one row
        planes = planes.reshape(1, 1, -1)
    shape = " x ".join(str(side) for side in stack.shape)
    return _signed(ax, planes, _square(planes), f"{layer}: {shape}")


def plot_kernels(net: Network, layer: str, ax: Axes = None) -> Axes:
    """The kernels of a layer: of several channels a row of them for each feature; of one channel,
    all features in a square. LimitError where the net has no such layer with kernels."""
    of_all = kernels(net, layer)
    features, channels, *sides = of_all.shape
    planes = of_all.reshape(-1, *sides)
    across = channels if channels > 1 else _square(planes)
    return _signed(ax, planes, across, f"{layer}: {features} kernels")


def plot_attribution(
    example: npt.ArrayLike, mattered: Attribution, ax: Axes = None, words: Sequence[str] = ()
) -> Axes:
    """What mattered: orange speaks for the class, blue against it. It is laid over the ``example``
    (C, H, W), in grey; of a text (positions), it is a bar each, over the ``words`` that stand
    there, if these are given. DataError where their sizes differ."""
    given, values = np.asarray(example), mattered.values
    cells = given.shape[1:] if given.ndim == 3 else (1, *given.shape)
    if cells != values.shape or len(words) not in (0, values.shape[1]):
        raise DataError(
            f"example: got cells {cells} and {len(words)} words, wanted {values.shape}, as what "
            "mattered has, and a word a column or none"
        )
    ax = _axes(ax)
    if given.ndim == 3:
        _laid_over(ax, given.astype(np.float64).mean(axis=0), mattered)
        ax.set_axis_off()
    else:
        heights = values[0].tolist()
        colours = [ORANGE if one > 0 else BLUE for one in heights]
        ax.bar(range(len(heights)), heights, color=colours)
        if words:
            ax.set_xticks(range(len(words)), list(words), rotation=90, **_AS_IT_IS)
        ax.set_ylabel(mattered.unit)
    ax.set_title(f"{mattered.method}: what mattered for class {mattered.label}")
    return ax


def plot_curves(curves: Sequence[Curve], ax: Axes = None) -> Axes:
    """The probability of the class that is watched, over one of the tricks in its own unit; or over
    several, whose dials then all go from -1 to 1. The picture as it is stands in the middle; a
    cross is where the answer breaks."""
    ax = _axes(ax)
    for curve in curves:
        perturbation = curve.perturbation
        xs = [at / perturbation.unchanged_index - 1 for at in range(len(perturbation.sizes))]
        xs = list(perturbation.sizes) if len(curves) == 1 else xs
        ys = curve.probabilities[:, curve.label].tolist()
        ends = f"{perturbation.sizes[0]:g} to {perturbation.sizes[-1]:g} {perturbation.unit}"
        (line,) = ax.plot(xs, ys, label=f"{perturbation.name}, {ends}")
        broken = sorted({one.size_index for one in (curve.below, curve.above) if one})
        if broken:
            crosses = [xs[at] for at in broken], [ys[at] for at in broken]
            ax.plot(*crosses, "x", color=line.get_color(), label="_breaks")
    if curves:
        ax.legend(fontsize="small")
    ax.set_ylim(-0.02, 1.02)
    axis_title = "from one end of each dial to the other"
    if len(curves) == 1:
        axis_title = f"{curves[0].perturbation.name}, {curves[0].perturbation.unit}"
    return _titled(ax, "Tricks", axis_title, "probability")


def plot_nudge_curve(curve: NudgeCurve, ax: Axes = None) -> Axes:
    """The mean loss over one parameter, today's value on it, and the slope as a line that touches
    it."""
    ax = _axes(ax)
    ax.plot(curve.values, curve.losses, color=ORANGE, label="loss")
    heights = ax.get_ylim()
    ends = curve.values[0], curve.values[-1]
    touching = [curve.loss + curve.gradient * (end - curve.value) for end in ends]
    ax.plot(ends, touching, "--", color=BLUE, label=f"slope {curve.gradient:.4g}")
    ax.set_ylim(heights)  # the line that touches does not widen the plot
    ax.plot([curve.value], [curve.loss], "o", color=ORANGE, label=f"today {curve.value:.4g}")
    ax.legend()
    return _titled(
        ax, f"Nudging {curve.parameter}", curve.parameter, f"mean {curve.loss_name} loss"
    )


def plot_error_table(table: ErrorTable, ax: Axes = None) -> Axes:
    """The total error of each picture as a bar, in the table's order, the first at the top; of
    many pictures the first `MOST_BARS`. Bars of wrong answers are orange, the others grey."""
    ax = _axes(ax)
    drawn, totals = table.order[:MOST_BARS], table.totals
    wrong = [table.predicted(index) != table.label(index) for index in drawn]
    names = [f"{table.name(index)} ({table.label(index)})" for index in drawn]
    heights = [totals[index] for index in drawn]
    ax.barh(range(len(drawn)), heights, color=[ORANGE if one else GREY for one in wrong])
    ax.set_yticks(range(len(drawn)), names, **_AS_IT_IS)
    ax.invert_yaxis()
    left = len(table) - len(drawn)
    more = f" ({left:,} of them not drawn)" if left else ""
    title = f"Total error of {len(table):,} pictures{more}: {table.total:.2f}"
    return _titled(ax, title, f"error: |right - actual|, of {table.outputs}, added up", "")


def plot_confusion(scores: Scores, ax: Axes = None) -> Axes:
    """The confusion matrix: right classes in rows, answers in columns, with the counts where there
    are at most `MOST_COUNTS` classes, and the names up to `MOST_NAMES`. Colours are shares of a
    row."""
    ax = _axes(ax)
    counts, names = scores.confusion, list(scores.classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = _colours(only_above=True)
    ax.imshow(shares, cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    ticks, tick_labels = (range(len(names)), names) if len(names) <= MOST_NAMES else ([], [])
    size = "medium" if len(names) <= MOST_COUNTS else "xx-small"
    turned = 90 if sum(map(len, tick_labels)) > 20 else 0
    ax.set_xticks(ticks, tick_labels, rotation=turned, fontsize=size, **_AS_IT_IS)
    ax.set_yticks(ticks, tick_labels, fontsize=size, **_AS_IT_IS)
    for (row, column), count in np.ndenumerate(counts) if len(names) <= MOST_COUNTS else ():
        colour = "white" if shares[row, column] > 0.6 else "black"
        ax.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
    title = f"{100 * scores.accuracy:.2f} % of {scores.n:,} right"
    return _titled(ax, title, "answer", "right class")


# What they have in common.


def _axes(ax: Axes) -> Axes:
    """The Axes to draw on; of a new figure, if there is none."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise PiecewiseError(
            "plots want the package matplotlib, which is not installed; try: pip install "
            "'piecewise-convnet[plot]'"
        ) from None
    return pyplot.subplots(layout="constrained")[1]


def _colours(*, only_above: bool = False) -> Any:
    """Blue, white, orange, as in all pictures of planes; grey where there is no number."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    chosen = (ZERO, ABOVE) if only_above else (BELOW, ZERO, ABOVE)
    colours = [tuple(part / 255 for part in one) for one in chosen]
    return LinearSegmentedColormap.from_list("piecewise", colours).with_extremes(bad=GREY)


def _signed(ax: Axes, planes: Array, across: int, title: str) -> Axes:
    """Planes (N, rows, columns) beside each other, so many in a row, in signed colours."""
    ax = _axes(ax)
    largest = float(np.abs(planes).max(initial=0.0)) or 1.0
    drawn = mosaic(planes[:MOST_PLANES], across)
    knobs = {"cmap": _colours(), "vmin": -largest, "vmax": largest, "interpolation": "nearest"}
    ax.figure.colorbar(ax.imshow(drawn, aspect=_aspect(drawn), **knobs), ax=ax)
    ax.set_axis_off()
    left = len(planes) - MOST_PLANES
    ax.set_title(title if left <= 0 else f"{title}, {left:,} planes not drawn")
    return ax


def _laid_over(ax: Axes, grey: Float64, mattered: Attribution) -> None:
    """A picture (rows, columns) in grey, and over it what mattered, the more the less grey."""
    strength = np.abs(mattered.values)
    largest = float(strength.max(initial=0.0)) or 1.0
    both: dict[str, Any] = {"interpolation": "nearest", "aspect": _aspect(grey)}
    ax.imshow(grey, cmap="gray", **both)
    knobs = {
        "cmap": _colours(),
        "vmin": -largest,
        "vmax": largest,
        "alpha": 0.9 * strength / largest,
    }
    ax.figure.colorbar(ax.imshow(mattered.values, **knobs, **both), ax=ax, label=mattered.unit)


def mosaic(planes: Array, across: int) -> Float64:
    """Planes (N, rows, columns) beside each other, ``across`` in a row, with lines of NaN between
    and around them."""
    count, height, width = planes.shape
    down = -(-count // across)
    drawn = np.full((down * (height + 1) + 1, across * (width + 1) + 1), np.nan)
    for number, plane in enumerate(planes):
        row, column = divmod(number, across)
        top, left = row * (height + 1) + 1, column * (width + 1) + 1
        drawn[top : top + height, left : left + width] = plane
    return drawn


def _square(planes: Array) -> int:
    """How many planes in a row make it as square as may be."""
    return int(np.ceil(np.sqrt(min(len(planes), MOST_PLANES))))


def _aspect(drawn: Array) -> str:
    """Cells are square, but where that would leave nothing but a line."""
    height, width = drawn.shape
    return "equal" if max(height, width) <= 8 * min(height, width) else "auto"


def _titled(ax: Axes, title: str, x_title: str, y_title: str) -> Axes:
    ax.set_title(title, **_AS_IT_IS)
    ax.set_xlabel(x_title, **_AS_IT_IS)
    ax.set_ylabel(y_title, **_AS_IT_IS)
    return ax
