"""Plots: what is drawn is what was asked for, number by number."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

import piecewise as pw
from piecewise import plotting
from piecewise.core.errors import DataError, LimitError, PiecewiseError
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.display.charts import BLUE, GREY, ORANGE
from piecewise.insight.attribution.saliency import grad_cam, occlusion
from piecewise.insight.dynamics.nudge_curve import NudgeCurve, nudge_curve
from piecewise.insight.evaluation.error_table import ErrorTable, error_table
from piecewise.insight.robustness.curves import Curve, example_robustness
from piecewise.training.history import History

mpl.use("Agg")
import matplotlib.pyplot as plt

XO = pw.make_xo(96, 9, seed=3)
NO_FORMULA = r"a $\frac$"
"""Which Matplotlib would refuse to draw if it took it for one."""
LAYERS = "conv 5 3, relu, pool 2, conv 3 2, relu, full"


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def taught() -> tuple[pw.Network, History]:
    net = pw.Network(LAYERS, (1, 9, 9), ("X", "O"), preprocessor=XO.preprocessor)
    seen = XO.inputs[:16], XO.labels[:16]
    return net, pw.train(net, XO.inputs, XO.labels, pw.Recipe(epochs=5), seen)


@pytest.fixture(scope="module")
def curves(taught: tuple[pw.Network, History]) -> list[Curve]:
    """Of a picture's own class, and of the other one, which loses from the start."""
    net, right = taught[0], int(XO.labels[0])
    return [
        one for label in (right, 1 - right) for one in example_robustness(net, XO.inputs[0], label)
    ]


def points(line: Any) -> tuple[list[float], list[float]]:
    return list(line.get_xdata()), list(line.get_ydata())


def drawn(ax: Any, number: int = 0) -> np.ndarray:
    """The numbers of an image; NaN where it has none."""
    return np.ma.filled(ax.images[number].get_array().astype(float), np.nan)


def test_plot_history_draws_losses(taught: tuple[pw.Network, History]) -> None:
    net, history = taught
    for given in (history, net.history):
        ax = plotting.plot_history(given)
        training, validation = ax.lines
        assert points(training) == ([1, 2, 3, 4, 5], history.losses)
        assert points(validation)[1] == [one.validation_loss for one in history.epochs]
        assert (training.get_label(), validation.get_label()) == ("training", "validation")
        (right,) = [one for one in ax.figure.axes if one is not ax]
        accuracies = [100 * (one.validation_accuracy or 0) for one in history.epochs]
        assert points(right.lines[0]) == ([1, 2, 3, 4, 5], accuracies)


def test_plot_history_without_validation_draws_one_line(taught: tuple[pw.Network, History]) -> None:
    net = pw.Network("full", (1, 9, 9), 2, preprocessor=XO.preprocessor)
    history = pw.train(net, XO.inputs, XO.labels, pw.Recipe(epochs=2))
    (line,) = plotting.plot_history(history).lines
    assert points(line) == ([1, 2], history.losses)
    (none,) = plotting.plot_history(History()).lines
    assert points(none) == ([], [])


def test_plots_use_passed_axes(taught: tuple[pw.Network, History]) -> None:
    _, (left, right) = plt.subplots(1, 2)
    assert plotting.plot_history(taught[1], right) is right
    assert plotting.plot_kernels(taught[0], "conv1", ax=left) is left
    assert right.lines
    assert left.images
    assert len(plt.get_fignums()) == 1


def test_plot_activations_draws_feature_maps(taught: tuple[pw.Network, History]) -> None:
    walk = taught[0].walk(XO.inputs[0])
    ax = plotting.plot_activations(walk, "conv1")
    found, activation = drawn(ax), walk["conv1"]
    assert found.shape == (2 * 8 + 1, 3 * 8 + 1)  # five maps of 7x7, three in a row
    for number in range(5):
        top, left = 8 * (number // 3) + 1, 8 * (number % 3) + 1
        np.testing.assert_array_equal(found[top : top + 7, left : left + 7], activation[number])
    assert np.isfinite(found).sum() == activation.size
    largest = float(np.abs(activation).max())
    assert ax.images[0].get_clim() == (-largest, largest)
    assert ax.get_title() == "conv1: 5 x 7 x 7"


def test_plot_activations_of_logits_draws_one_row(taught: tuple[pw.Network, History]) -> None:
    walk = taught[0].walk(XO.inputs[0])
    found = drawn(plotting.plot_activations(walk, "full1"))
    np.testing.assert_array_equal(found[1, 1:-1], walk.logits)


def test_plot_activations_of_words_draws_one_row(taught: tuple[pw.Network, History]) -> None:
    words = TextPreprocessor("words", ("free", "home"), 4)
    net = pw.Network("embed 3, conv 2 1x2, full", words.shape, 2, preprocessor=words)
    walk = net.walk(np.array([2, 3, 1, 0]))
    assert drawn(plotting.plot_activations(walk, "input"))[1, 1:-1].tolist() == [2, 3, 1, 0]
    kernels = drawn(plotting.plot_kernels(net, "embed1"))
    np.testing.assert_array_equal(kernels[1, 1:4], net.parameters["embed1.weight"][0])


def test_plot_kernels_draws_one_row_per_feature(taught: tuple[pw.Network, History]) -> None:
    net = taught[0]
    found, weights = drawn(plotting.plot_kernels(net, "conv2")), net.parameters["conv2.weight"]
    assert found.shape == (3 * 3 + 1, 5 * 3 + 1)
    for feature in range(3):
        for channel in range(5):
            top, left = 3 * feature + 1, 3 * channel + 1
            np.testing.assert_array_equal(
                found[top : top + 2, left : left + 2], weights[feature, channel]
            )
    votes = drawn(plotting.plot_kernels(net, "full1"))
    shaped = net.parameters["full1.weight"].reshape(2, 3, 3, 3)
    np.testing.assert_array_equal(votes[5:8, 1:4], shaped[1, 0])


def test_plot_kernels_many_kernels_are_truncated() -> None:
    net = pw.Network("conv 300 3, full", (1, 9, 9), 2)
    ax = plotting.plot_kernels(net, "conv1")
    assert ax.get_title() == "conv1: 300 kernels, 44 planes not drawn"
    assert np.isfinite(drawn(ax)).sum() == 256 * 9


def test_plot_attribution_overlays_image(taught: tuple[pw.Network, History]) -> None:
    net, example = taught[0], XO.inputs[1]
    found = occlusion(net, example)
    ax = plotting.plot_attribution(example, found)
    np.testing.assert_array_equal(drawn(ax), example[0])
    np.testing.assert_array_equal(drawn(ax, 1), found.values)
    largest = float(np.abs(found.values).max())
    assert ax.images[1].get_clim() == (-largest, largest)
    assert ax.get_title() == f"occlusion: attribution for class {found.label}"
    with pytest.raises(
        DataError, match=r"^example: got cells \(5, 5\) and 0 words, wanted \(9, 9\)"
    ):
        plotting.plot_attribution(np.zeros((1, 5, 5)), grad_cam(net, example))


def test_plot_attribution_of_text_draws_bars() -> None:
    words = TextPreprocessor("words", ("free", "home"), 4)
    net = pw.Network("embed 3, conv 2 1x2, full", words.shape, 2, preprocessor=words)
    example = np.array([2, 3, 2, 0])
    found = occlusion(net, example)
    ax = plotting.plot_attribution(example, found, words=(NO_FORMULA, "b", "_c", ""))
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == found.values[0].tolist()
    colours = [mpl.colors.to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert colours == [ORANGE if one > 0 else BLUE for one in heights]
    assert {ORANGE, BLUE} == set(colours)
    assert [one.get_text() for one in ax.get_xticklabels()] == [NO_FORMULA, "b", "_c", ""]
    ax.figure.canvas.draw()
    with pytest.raises(
        DataError, match=r"\(1, 4\) and 2 words, wanted \(1, 4\), the shape of the attribution"
    ):
        plotting.plot_attribution(example, found, words=("a", "b"))


def test_plot_curves_draws_probabilities_and_breaks(curves: list[Curve]) -> None:
    broken = [sorted({one.size_index for one in (c.below, c.above) if one}) for c in curves]
    assert any(broken)
    assert not all(broken)
    lines = iter(plotting.plot_curves(curves).lines)
    for curve, breaks in zip(curves, broken, strict=True):
        xs, ys = points(next(lines))
        assert ys == curve.probabilities[:, curve.label].tolist()
        assert (xs[0], xs[curve.perturbation.unchanged_index], xs[-1]) == (-1, 0, 1)
        if breaks:
            crosses = points(next(lines))
            assert crosses == ([xs[at] for at in breaks], [ys[at] for at in breaks])
    assert next(lines, None) is None


def test_plot_curves_single_curve_uses_its_unit(curves: list[Curve]) -> None:
    (turned,) = [one for one in curves[:5] if one.perturbation.name == "rotation"]
    ax = plotting.plot_curves([turned])
    assert points(ax.lines[0])[0] == list(turned.perturbation.sizes)
    assert ax.get_xlabel() == "rotation, degrees"


def test_plot_nudge_curve_draws_losses_and_tangent(taught: tuple[pw.Network, History]) -> None:
    curve = nudge_curve(taught[0], XO.inputs, XO.labels, "conv1.weight", (0, 0, 1, 1), points=9)
    loss, tangent, today = plotting.plot_nudge_curve(curve).lines
    assert points(loss) == (list(curve.values), list(curve.losses))
    assert points(today) == ([curve.value], [curve.loss])
    xs, ys = points(tangent)
    assert xs == [curve.values[0], curve.values[-1]]
    assert (ys[1] - ys[0]) / (xs[1] - xs[0]) == pytest.approx(curve.gradient)
    assert (ys[0] + ys[1]) / 2 == pytest.approx(curve.loss)  # it touches in the middle


def test_plot_nudge_curve_steep_tangent_keeps_limits() -> None:
    curve = NudgeCurve(
        "full1.bias", (0,), "squared", 1, (-1.0, 0.0, 1.0), (2.0, 1.0, 2.0), 900.0, None
    )
    low, high = plotting.plot_nudge_curve(curve).get_ylim()
    assert 0 < low < high < 3


def test_plot_error_table_draws_bars_in_order(taught: tuple[pw.Network, History]) -> None:
    table = error_table(taught[0], XO.inputs, XO.labels).sorted_by("error")
    ax = plotting.plot_error_table(table)
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == sorted(table.totals, reverse=True)[: plotting.MOST_BARS]
    assert ax.yaxis_inverted()
    first = table.order[0]
    assert ax.get_yticklabels()[0].get_text() == f"picture {first} ({table.label(first)})"
    assert ax.get_title().startswith("Total error of 96 pictures (76 of them not drawn): ")


def test_plot_error_table_wrong_predictions_are_orange() -> None:
    actual = np.array([[0.92, 0.51], [0.9, 0.2]])
    table = ErrorTable(("X", "O"), "logits", np.array([0, 1]), actual, (NO_FORMULA, "b"))
    ax = plotting.plot_error_table(table)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.59, 1.7])
    colours = [mpl.colors.to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert colours == [GREY, ORANGE]
    assert BLUE not in colours
    ax.figure.canvas.draw()


def test_plot_confusion_writes_counts(taught: tuple[pw.Network, History]) -> None:
    scores = pw.Scores(("X", NO_FORMULA), np.array([[3, 1], [0, 0]]))
    ax = plotting.plot_confusion(scores)
    np.testing.assert_array_equal(drawn(ax), [[0.75, 0.25], [0, 0]])
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts == {(0, 0): "3", (1, 0): "1", (0, 1): "0", (1, 1): "0"}
    assert ax.get_title() == "75.00 % of 4 correct"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    ax.figure.canvas.draw()


@pytest.mark.parametrize(("count", "named"), [(21, True), (61, False)])
def test_plot_confusion_many_classes_omit_text(count: int, named: bool) -> None:
    names = tuple(f"class {number}" for number in range(count))
    ax = plotting.plot_confusion(pw.Scores(names, np.eye(count, dtype=np.int64)))
    assert not ax.texts
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [text.get_text() for text in labels] == (list(names) if named else [])


def test_plots_invalid_arguments_raise(taught: tuple[pw.Network, History]) -> None:
    net = taught[0]
    with pytest.raises(LimitError, match=r"^layer: got 'conv9', wanted one of the walk's; did you"):
        plotting.plot_activations(net.walk(XO.inputs[0]), "conv9")
    with pytest.raises(LimitError, match=r"^layer: got 'relu1', wanted one with kernels"):
        plotting.plot_kernels(net, "relu1")
    assert not plt.get_fignums()  # nothing was drawn


def test_plots_without_matplotlib_raise(
    monkeypatch: pytest.MonkeyPatch, taught: tuple[pw.Network, History]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(PiecewiseError) as caught:
        plotting.plot_history(taught[1])
    assert str(caught.value) == (
        "plots need the package matplotlib, which is not installed; try: pip install "
        "'piecewise-convnet[plot]'"
    )


def test_import_of_plotting_does_not_import_matplotlib() -> None:
    code = "import sys, piecewise.plotting; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
