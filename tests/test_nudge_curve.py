"""The nudge curve: its losses and gradients, and that the net is not changed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import DataError, LimitError
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.inputs import check_examples
from piecewise.insight.dynamics import nudge_curve as module
from piecewise.insight.dynamics.nudge_curve import NudgeCurve, nudge_curve
from piecewise.reference.losses import LOSSES
from piecewise.spec.parameters import Parameters

from .test_charts import points

XO = pw.make_xo(64, 9, seed=2)
GIVEN = XO.inputs, XO.labels
WORDS = TextPreprocessor("words", ("free", "prize", "you", "at"), 5)


@pytest.fixture(scope="module")
def net() -> pw.Network:
    layers = "conv 4 3, norm, relu, pool 2, conv 3 2, relu, full"
    net = pw.Network(layers, (1, 9, 9), ("X", "O"), preprocessor=XO.preprocessor)
    pw.train(net, *GIVEN, pw.Recipe(epochs=3))
    return net


def linear(weight: float = 0.5, bias: float = 0.0) -> pw.Network:
    """A net that answers ``weight`` times the only pixel, plus ``bias``, for the first class, and
    nothing for the second."""
    net = pw.Network("full", (1, 1, 1), 2)
    net.parameters["full1.weight"] = np.array([[weight], [0.0]])
    net.parameters["full1.bias"] = np.array([bias, 0.0])
    return net


PIXEL = np.full((1, 1, 1, 1), 2.0, np.float32)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_nudge_curve_losses_equal_losses_of_modified_net(net: pw.Network, loss: str) -> None:
    for name, index in (
        ("conv1.weight", (2, 0, 1, 1)),
        ("norm1.weight", (1,)),
        ("full1.bias", (0,)),
    ):
        found = nudge_curve(net, *GIVEN, name, index, points=5, loss=loss)
        other = pw.Network(net.notation, net.input, net.classes, preprocessor=net.preprocessor)
        for array in net.parameters:
            other.parameters[array] = net.parameters[array]
        for array in net.running_stats:
            other.running_stats[array] = net.running_stats[array]
        for value, height in zip(found.values, found.losses, strict=True):
            other.parameters[name][index] = value
            assert other.gradients(*GIVEN, loss)[0] == pytest.approx(height, 2e-6, 2e-7)
        assert found.value == net.parameters[name][index]
        assert found.loss == pytest.approx(net.gradients(*GIVEN, loss)[0], 2e-6)
        assert found.n == 64


def test_nudge_curve_equals_hand_computed_values() -> None:
    found = nudge_curve(linear(), PIXEL, [0], "full1.weight", (0, 0), 1, 5, "squared")
    assert found.values == (-0.5, 0.0, 0.5, 1.0, 1.5)
    assert found.losses == (4.0, 1.0, 0.0, 1.0, 4.0)  # (1 - 2 w) squared
    assert (found.value, found.loss, found.gradient) == (0.5, 0.0, 0.0)
    assert found.numerical_gradient == pytest.approx(0, abs=1e-9)
    found = nudge_curve(linear(0.25), PIXEL, [0], "full1.weight", (0, 0), 1, 9, "squared")
    assert found.gradient == -2.0  # 2 (2 w - 1) 2
    assert found.numerical_gradient == pytest.approx(-2, rel=1e-9)
    assert found.lowest == (0.5, 0.0)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_nudge_curve_gradient_equals_numerical_gradient(net: pw.Network, loss: str) -> None:
    nudged = net.numerical_gradients(*GIVEN, loss)[1]
    gradients = {name: net.gradients(*GIVEN, loss)[1][name] for name in net.parameters}
    largest = max(float(np.abs(array).max()) for array in gradients.values())
    seen = 0
    for name, index in (
        ("conv1.weight", (0, 0, 0, 0)),
        ("conv1.bias", (1,)),
        ("norm1.bias", (2,)),
        ("conv2.weight", (1, 2, 0, 1)),
        ("full1.weight", (1, 3)),
    ):
        found = nudge_curve(net, *GIVEN, name, index, points=3, loss=loss)
        assert found.gradient == gradients[name][index]
        assert found.numerical_gradient == pytest.approx(nudged[name][index], rel=1e-6, abs=1e-9)
        assert found.numerical_gradient == pytest.approx(
            found.gradient, rel=1e-4, abs=1e-4 * largest
        )
        seen += abs(found.gradient) > 0.01 * largest
    assert seen >= 3


def test_nudge_curve_embedding_weight_has_gradient() -> None:
    net = pw.Network("embed 4, conv 3 1x2, relu, full", WORDS.shape, 2, preprocessor=WORDS)
    given = net.preprocess("free prize", "at prize", "at")
    found = nudge_curve(net, given, [1, 1, 0], "embed1.weight", (2, 1))  # "free"
    assert found.gradient != 0
    assert found.numerical_gradient == pytest.approx(found.gradient, 1e-4)
    unheard = nudge_curve(net, given, [1, 1, 0], "embed1.weight", (4, 1))  # "you"
    assert (unheard.gradient, unheard.numerical_gradient, len(set(unheard.losses))) == (0, 0, 1)


def test_nudge_curve_gradient_equals_finite_difference_of_losses(net: pw.Network) -> None:
    found = nudge_curve(net, *GIVEN, "full1.weight", (0, 2), reach=0.02, points=3)
    below, _, above = found.losses
    assert (above - below) / (found.values[2] - found.values[0]) == pytest.approx(
        found.gradient, 0.01
    )


def test_nudge_curve_does_not_change_net(net: pw.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    before, flat = net.parameters_sha256, net.parameters.flat
    seen: list[str] = []
    real = pw.Network.logits

    def looking(turned: pw.Network, *given: Any) -> Any:
        seen.append(net.parameters_sha256)
        assert not np.shares_memory(turned.parameters.flat, flat)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return real(turned, *given)

    monkeypatch.setattr(pw.Network, "logits", looking)
    with pytest.raises(KeyboardInterrupt):
        nudge_curve(net, *GIVEN, "conv1.weight", (0, 0, 0, 0))
    monkeypatch.undo()
    nudge_curve(net, *GIVEN, "conv1.weight", (0, 0, 0, 0), points=3)
    assert set(seen) == {before} == {net.parameters_sha256}
    assert net.parameters.flat is flat


def test_nudge_curve_reach_defaults_to_twice_parameter_size() -> None:
    """Twice the larger of its own size and its array's, and as far again as something is seen."""
    net = linear(weight=3.0)
    size = np.sqrt(4.5)  # of 3 and 0
    for index, wanted in (((0, 0), 6.0), ((1, 0), 2 * size)):
        found = nudge_curve(net, PIXEL, [0], "full1.weight", index, loss="squared")
        assert found.values[-1] - found.value == pytest.approx(wanted, 1e-6)
    found = nudge_curve(linear(1.0, 0.0), PIXEL, [0], "full1.bias", 0, loss="squared")
    assert (found.values[0], found.value, found.values[-1]) == (-1, 0, 1)  # there was no size
    flat = nudge_curve(linear(), np.zeros_like(PIXEL), [0], "full1.weight", (0, 0))
    assert flat.values[-1] == 0.5 + 2 * 0.5 * 2**module.DOUBLINGS
    assert len(set(flat.losses)) == 1
    assert flat.gradient == 0
    slow = pw.Network("full", (1, 1, 1), 2)
    slow.parameters["full1.weight"] = np.array([[1e-4], [0.0]])
    found = nudge_curve(slow, PIXEL, [0], "full1.weight", (0, 0))
    assert found.values[-1] == pytest.approx(1e-4 + 2e-4 * 2**module.DOUBLINGS, 1e-5)


def test_nudge_curve_reach_stays_within_float32() -> None:
    net = linear(1e37)
    found = nudge_curve(net, PIXEL, [0], "full1.weight", (0, 0))
    assert np.isfinite(found.values).all()
    assert 1e37 < found.values[-1] < 3.5e38
    with pytest.raises(LimitError, match=r"^the logits are not finite float32 numbers"):
        nudge_curve(net, PIXEL, [0], "full1.weight", (0, 0), reach=3e38)


def test_nudge_curve_many_examples_have_no_numerical_gradient(
    monkeypatch: pytest.MonkeyPatch, net: pw.Network
) -> None:
    each = 2 * 64 * net.architecture.multiplications
    monkeypatch.setattr(module, "MOST_NUDGED", each)
    assert nudge_curve(net, *GIVEN, "full1.bias", 0, points=3).numerical_gradient is not None
    monkeypatch.setattr(module, "MOST_NUDGED", each - 1)
    found = nudge_curve(net, *GIVEN, "full1.bias", 0, points=3)
    assert found.numerical_gradient is None
    assert "nudging" not in str(found) + found._repr_html_()


def test_nudge_curve_text_shows_losses_and_gradients() -> None:
    found = nudge_curve(linear(0.25), PIXEL, [0], "full1.weight", (0, 0), 1, 9, "squared")
    assert str(found).splitlines() == [
        "squared loss of 1 picture over full1.weight[0, 0]",
        "  6.25",
        "  █",
        "  █",
        "  █▁",
        "  ██",
        "  ██",
        "  ███     █",
        "  ███▃   ▃█",
        "  ████▄▁▄██",
        "      ^ today 0.25: loss 0.25",
        "  from -0.75 to 1.25, lowest 0",
        "  gradient by backpropagation -2",
        "  gradient by nudging         -2",
        "  The loss decreases towards larger values.",
    ]
    values = tuple(np.linspace(-1, 1, 1001).tolist())
    losses = tuple(float(one != 0) for one in values)
    wide = NudgeCurve("a", (0,), "squared", 1, values, losses, 0.0, 0.0)
    *_, lowest, marks = str(wide).splitlines()[:11]
    assert max(map(len, str(wide).splitlines())) < 80
    assert lowest.count("▁") == 1
    assert lowest.index("▁") == marks.index("^")  # today's is one of those that are drawn
    assert "nudge changes nothing" in str(wide)
    assert "smaller" in str(nudge_curve(linear(), PIXEL, [1], "full1.weight", (0, 0)))


def test_nudge_curve_html_shows_losses_and_tangent() -> None:
    found = nudge_curve(linear(0.25), PIXEL, [0], "full1.weight", (0, 0), 1, 9, "squared")
    page = found._repr_html_()
    svg = page[page.index("<svg") : page.rindex("</svg>") + 6]
    heights = [y for _, y in points(svg)]
    low, high = min(found.losses), max(found.losses)
    wanted = [150 * (high - one) / (high - low) for one in found.losses]
    assert heights == pytest.approx(wanted, abs=0.01)
    (_, left), (_, right) = points(svg, 1)  # the tangent: gradient -2, from a loss of 0.25
    assert [left, right] == pytest.approx(
        [150 * (high - 2.25) / high, 150 * (high + 1.75) / high], abs=0.01
    )
    assert "today 0.25" in page
    assert (
        f"backpropagation {found.gradient:.6g}, by nudging {found.numerical_gradient:.6g}" in page
    )


def test_nudge_curve_to_json_returns_plain_values(net: pw.Network) -> None:
    found = nudge_curve(net, *GIVEN, "conv1.weight", (0, 0, 0, 0), points=5)
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["index"] == [0, 0, 0, 0]
    assert plain["values"] == list(found.values)
    assert plain["losses"] == list(found.losses)
    assert (plain["value"], plain["loss"]) == (found.values[2], found.losses[2])
    assert (plain["gradient"], plain["numerical_gradient"]) == (
        found.gradient,
        found.numerical_gradient,
    )
    assert (plain["name"], plain["loss_name"], plain["n"]) == ("conv1.weight", "cross-entropy", 64)


def test_nudge_curve_invalid_arguments_raise(net: pw.Network) -> None:
    def error_message(*where: Any, **how: Any) -> str:
        with pytest.raises(LimitError) as caught:
            nudge_curve(net, *GIVEN, *where, **how)
        return str(caught.value)

    bias = "full1.bias", 0
    assert error_message("conv9.weight", 0).startswith(
        "name: got 'conv9.weight', wanted a parameter of the net; did you mean 'conv"
    )
    assert error_message("conv1.weight", 0) == (
        "index: got 0, wanted 4 whole numbers, a position in conv1.weight (4, 1, 3, 3)"
    )
    assert (
        error_message("full1.bias", 2)
        == "index: got 2, wanted a position in full1.bias (2,), from 0"
    )
    for wrong in (-1, True, 0.0, "0", None, [0.0]):
        assert error_message("full1.bias", wrong).startswith("index: got ")
    assert (
        error_message(*bias, points=4)
        == "points: got 4, wanted an odd number, so that the current value is one of them"
    )
    assert error_message(*bias, points=1) == "points: got 1, wanted a whole number from 3 to 1,001"
    for wrong in (0, -1, float("nan"), float("inf"), "1", True):
        assert error_message(*bias, reach=wrong).startswith("reach: got ")
    assert "are finite and distinct in float32" in error_message(*bias, reach=1e-12)
    assert "are finite and distinct in float32" in error_message(*bias, reach=1e300)
    assert error_message(*bias, loss="logit").startswith(
        "loss: got 'logit', wanted cross-entropy or"
    )
    with pytest.raises(DataError, match=r"^labels: got 1, wanted 64, one per input$"):
        nudge_curve(net, XO.inputs, [0], *bias)


def test_nudged_copy_has_its_own_parameters(net: pw.Network) -> None:
    turned = module._NudgedNetwork(net, *check_examples(net, *GIVEN), "squared", "full1.bias", (0,))
    assert isinstance(turned._net.parameters, Parameters)
    turned._array[...] = 7
    assert not (net.parameters["full1.bias"] == 7).any()
    assert turned.current == net.parameters["full1.bias"][0]
