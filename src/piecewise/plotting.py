"""Matplotlib plots of activations, kernels, attributions and training history (an extra).

Each function draws on ``ax``, or on a new figure, and returns the Axes. It raises PiecewiseError if
Matplotlib is not installed. Colours are diverging: blue below zero, white at zero, orange above.
Names are shown as plain text, not as math text.
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
"""Feature maps, or channels of kernels, that are drawn."""
MOST_BARS = 20
"""Examples of an error table that are drawn."""
MOST_COUNTS, MOST_NAMES = 20, 60
"""Largest numbers of classes for which a confusion matrix shows counts, and names."""
_PLAIN_TEXT = {"parse_math": False}


def plot_history(history: History | Sequence[Mapping[str, Any]], ax: Axes = None) -> Axes:
    """Plot the mean loss by epoch, with the validation loss and, on a second axis, the validation
    accuracy if there are any. ``history``: the result of `train`, or `Network.history`."""
    epochs_json = history.to_json() if isinstance(history, History) else list(history)
    ax = _axes(ax)
    epochs = [epoch["epoch"] for epoch in epochs_json]
    lines = ax.plot(
        epochs, [epoch["loss"] for epoch in epochs_json], color=ORANGE, label="training"
    )
    validated = [epoch for epoch in epochs_json if epoch["validation_loss"] is not None]
    if validated:
        epochs = [epoch["epoch"] for epoch in validated]
        losses = [epoch["validation_loss"] for epoch in validated]
        lines += ax.plot(epochs, losses, color=BLUE, label="validation")
        accuracy_axes = ax.twinx()
        accuracies = [100 * epoch["validation_accuracy"] for epoch in validated]
        lines += accuracy_axes.plot(
            epochs, accuracies, ":", color=BLUE, label="validation accuracy"
        )
        accuracy_axes.set_ylabel("accuracy in %")
        ax.legend(handles=lines)
    return _titled(ax, "Loss by epoch", "epoch", "mean loss")


def plot_activations(walk: Walk, layer: str, ax: Axes = None) -> Axes:
    """Plot the feature maps of a layer beside each other; word numbers (positions) as one row.
    LimitError if the walk has no such layer."""
    if layer not in walk:
        raise LimitError(
            f"layer: got {shown(layer)}, wanted one of the walk's{did_you_mean(str(layer), walk)}"
        )
    activation = walk[layer]
    planes = activation if activation.ndim == 3 else activation.reshape(1, 1, -1)
    if planes.shape[1:] == (1, 1):  # one value per map: draw them as one row
        planes = planes.reshape(1, 1, -1)
    shape = " x ".join(str(side) for side in activation.shape)
    return _signed(ax, planes, _square(planes), f"{layer}: {shape}")


def plot_kernels(net: Network, layer: str, ax: Axes = None) -> Axes:
    """Plot the kernels of a layer: one row per feature for several channels, or all features in a
    square for one channel. LimitError if the net has no such layer with kernels."""
    all_kernels = kernels(net, layer)
    features, channels, *sides = all_kernels.shape
    planes = all_kernels.reshape(-1, *sides)
    across = channels if channels > 1 else _square(planes)
    return _signed(ax, planes, across, f"{layer}: {features} kernels")


def plot_attribution(
    example: npt.ArrayLike, attribution: Attribution, ax: Axes = None, words: Sequence[str] = ()
) -> Axes:
    """Plot a saliency map: orange is evidence for the class, blue against it. It is drawn over the
    ``example`` (C, H, W) in grey; for a text (positions), as bars with ``words`` as labels.
    DataError if the sizes differ."""
    inputs, values = np.asarray(example), attribution.values
    cells = inputs.shape[1:] if inputs.ndim == 3 else (1, *inputs.shape)
    if cells != values.shape or len(words) not in (0, values.shape[1]):
        raise DataError(
            f"example: got cells {cells} and {len(words)} words, wanted {values.shape}, the shape "
            "of the attribution, and one word per column or none"
        )
    ax = _axes(ax)
    if inputs.ndim == 3:
        _overlay(ax, inputs.astype(np.float64).mean(axis=0), attribution)
        ax.set_axis_off()
    else:
        heights = values[0].tolist()
        colours = [ORANGE if one > 0 else BLUE for one in heights]
        ax.bar(range(len(heights)), heights, color=colours)
        if words:
            ax.set_xticks(range(len(words)), list(words), rotation=90, **_PLAIN_TEXT)
        ax.set_ylabel(attribution.unit)
    ax.set_title(f"{attribution.method}: attribution for class {attribution.label}")
    return ax


def plot_curves(curves: Sequence[Curve], ax: Axes = None) -> Axes:
    """Plot the probability of a class against the size of a perturbation, in its unit; several
    perturbations are scaled to -1 to 1. The unchanged image is in the middle; a cross marks where
    the prediction changes."""
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
    axis_title = "size of the perturbation, scaled to -1 to 1"
    if len(curves) == 1:
        axis_title = f"{curves[0].perturbation.name}, {curves[0].perturbation.unit}"
    return _titled(ax, "Robustness", axis_title, "probability")


def plot_nudge_curve(curve: NudgeCurve, ax: Axes = None) -> Axes:
    """Plot the mean loss against one parameter, its current value, and the tangent there."""
    ax = _axes(ax)
    ax.plot(curve.values, curve.losses, color=ORANGE, label="loss")
    heights = ax.get_ylim()
    ends = curve.values[0], curve.values[-1]
    tangent = [curve.loss + curve.gradient * (end - curve.value) for end in ends]
    ax.plot(ends, tangent, "--", color=BLUE, label=f"gradient {curve.gradient:.4g}")
    ax.set_ylim(heights)  # the tangent does not change the limits
    ax.plot(
        [curve.value], [curve.loss], "o", color=ORANGE, label=f"current value {curve.value:.4g}"
    )
    ax.legend()
    return _titled(
        ax, f"Nudging {curve.parameter}", curve.parameter, f"mean {curve.loss_name} loss"
    )


def plot_error_table(table: ErrorTable, ax: Axes = None) -> Axes:
    """Plot the total errors of the first `MOST_BARS` examples of a table as bars, the first at the
    top. Bars of wrong predictions are orange, the others grey."""
    ax = _axes(ax)
    drawn, totals = table.order[:MOST_BARS], table.totals
    wrong = [table.predicted(index) != table.label(index) for index in drawn]
    names = [f"{table.name(index)} ({table.label(index)})" for index in drawn]
    heights = [totals[index] for index in drawn]
    ax.barh(range(len(drawn)), heights, color=[ORANGE if one else GREY for one in wrong])
    ax.set_yticks(range(len(drawn)), names, **_PLAIN_TEXT)
    ax.invert_yaxis()
    left = len(table) - len(drawn)
    more = f" ({left:,} of them not drawn)" if left else ""
    title = f"Total error of {len(table):,} pictures{more}: {table.total:.2f}"
    return _titled(ax, title, f"sum of |target - output|, outputs: {table.outputs}", "")


def plot_confusion(scores: Scores, ax: Axes = None) -> Axes:
    """Plot a confusion matrix: true classes in rows, predicted classes in columns. Counts are shown
    for up to `MOST_COUNTS` classes, and names for up to `MOST_NAMES`. Colours are fractions of a
    row."""
    ax = _axes(ax)
    counts, names = scores.confusion, list(scores.classes)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = _colours(only_above=True)
    ax.imshow(fractions, cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    ticks, tick_labels = (range(len(names)), names) if len(names) <= MOST_NAMES else ([], [])
    size = "medium" if len(names) <= MOST_COUNTS else "xx-small"
    rotation = 90 if sum(map(len, tick_labels)) > 20 else 0
    ax.set_xticks(ticks, tick_labels, rotation=rotation, fontsize=size, **_PLAIN_TEXT)
    ax.set_yticks(ticks, tick_labels, fontsize=size, **_PLAIN_TEXT)
    for (row, column), count in np.ndenumerate(counts) if len(names) <= MOST_COUNTS else ():
        colour = "white" if fractions[row, column] > 0.6 else "black"
        ax.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
    title = f"{100 * scores.accuracy:.2f} % of {scores.n:,} correct"
    return _titled(ax, title, "predicted class", "true class")


# Helpers.


def _axes(ax: Axes) -> Axes:
    """The Axes to draw on; those of a new figure by default."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise PiecewiseError(
            "plots need the package matplotlib, which is not installed; try: pip install "
            "'piecewise-convnet[plot]'"
        ) from None
    return pyplot.subplots(layout="constrained")[1]


def _colours(*, only_above: bool = False) -> Any:
    """The colour map blue, white, orange; NaN is grey."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    chosen = (ZERO, ABOVE) if only_above else (BELOW, ZERO, ABOVE)
    colours = [tuple(channel / 255 for channel in one) for one in chosen]
    return LinearSegmentedColormap.from_list("piecewise", colours).with_extremes(bad=GREY)


def _signed(ax: Axes, planes: Array, across: int, title: str) -> Axes:
    """Draw planes (N, rows, columns), ``across`` per row, in diverging colours."""
    ax = _axes(ax)
    largest = float(np.abs(planes).max(initial=0.0)) or 1.0
    drawn = mosaic(planes[:MOST_PLANES], across)
    options = {"cmap": _colours(), "vmin": -largest, "vmax": largest, "interpolation": "nearest"}
    ax.figure.colorbar(ax.imshow(drawn, aspect=_aspect(drawn), **options), ax=ax)
    ax.set_axis_off()
    left = len(planes) - MOST_PLANES
    ax.set_title(title if left <= 0 else f"{title}, {left:,} planes not drawn")
    return ax


def _overlay(ax: Axes, grey: Float64, attribution: Attribution) -> None:
    """Draw an image (rows, columns) in grey, and a saliency map over it, opaque where strong."""
    strength = np.abs(attribution.values)
    largest = float(strength.max(initial=0.0)) or 1.0
    shared: dict[str, Any] = {"interpolation": "nearest", "aspect": _aspect(grey)}
    ax.imshow(grey, cmap="gray", **shared)
    options = {
        "cmap": _colours(),
        "vmin": -largest,
        "vmax": largest,
        "alpha": 0.9 * strength / largest,
    }
    ax.figure.colorbar(
        ax.imshow(attribution.values, **options, **shared), ax=ax, label=attribution.unit
    )


def mosaic(planes: Array, across: int) -> Float64:
    """Planes (N, rows, columns) as one array, ``across`` per row, separated by lines of NaN."""
    count, height, width = planes.shape
    down = -(-count // across)
    drawn = np.full((down * (height + 1) + 1, across * (width + 1) + 1), np.nan)
    for number, plane in enumerate(planes):
        row, column = divmod(number, across)
        top, left = row * (height + 1) + 1, column * (width + 1) + 1
        drawn[top : top + height, left : left + width] = plane
    return drawn


def _square(planes: Array) -> int:
    """The number of planes per row for a nearly square mosaic."""
    return int(np.ceil(np.sqrt(min(len(planes), MOST_PLANES))))


def _aspect(drawn: Array) -> str:
    """The aspect of the plot: square cells, unless the array is very long."""
    height, width = drawn.shape
    return "equal" if max(height, width) <= 8 * min(height, width) else "auto"


def _titled(ax: Axes, title: str, x_title: str, y_title: str) -> Axes:
    ax.set_title(title, **_PLAIN_TEXT)
    ax.set_xlabel(x_title, **_PLAIN_TEXT)
    ax.set_ylabel(y_title, **_PLAIN_TEXT)
    return ax
