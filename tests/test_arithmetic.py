"""The arithmetic of single values, recomputed from their terms down to the input."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import LimitError
from piecewise.spec.architecture import Architecture
from piecewise.spec.layers import KINDS
from piecewise.trace.arithmetic import _BY_KIND, Position, Why, fused
from piecewise.trace.walk import Walk

from .networks import PICTURES, TEXTS, random_input, random_layers
from .test_modalities import folder


def random_positions(walk: Walk, count: int, seed: int) -> list[Position]:
    """Random positions, each layer with the same probability."""
    random = Random(seed)
    names = [name for name in walk if name != "input"]
    positions = []
    for _ in range(count):
        name = random.choice(names)
        indices = (random.randrange(side) for side in walk[name].shape)
        positions.append(Position(name, *indices))
    return positions


def check(net: pw.Network, walk: Walk, position: Position) -> Why:
    """Asserts that the terms of a value give it, and returns its arithmetic."""
    arithmetic = walk.why(*position)
    value = walk[position.layer][position[1:]]
    assert arithmetic.value == value
    stage = next(stage for stage in net.architecture.stages if stage.name == position.layer)
    assert np.float32(arithmetic.recomputed) == value, (stage, arithmetic)
    for term in arithmetic.terms:  # a term's value is the activation at its position
        if term.position is not None and arithmetic.operation != "value":
            assert term.value == walk[term.position.layer][term.position[1:]]
    return arithmetic


@pytest.mark.parametrize("kinds", [PICTURES, TEXTS], ids=["pictures", "texts"])
@pytest.mark.parametrize("seed", range(25))
def test_why_random_values_are_recomputed_from_terms(kinds: tuple[str, ...], seed: int) -> None:
    random = Random(f"why {seed} {kinds}")
    shape = random_input(random, kinds)
    net = pw.Network(random_layers(random, shape, 3, kinds), shape, 3, seed)
    rng = np.random.default_rng(seed)
    for name in net.running_stats:
        net.running_stats[name] = rng.uniform(0.5, 1.5, net.running_stats[name].shape)
    for name in net.parameters:
        if name.endswith("bias"):
            net.parameters[name] = rng.uniform(-1, 1, net.parameters[name].shape)
    example = (
        rng.integers(0, shape[1], shape[2])
        if net.architecture.reads_texts
        else rng.uniform(-1, 1, shape).astype(np.float32)
    )
    walk = net.walk(example)
    for position in random_positions(walk, 20, seed):
        check(net, walk, position)


@pytest.mark.parametrize("kind", ["pictures", "sounds", "texts"])
def test_why_trained_net_values_lead_to_input(kind: str, tmp_path: Path) -> None:
    data = pw.read_data(folder(tmp_path / "set", kind, 8))
    net = pw.run_training(pw.plan_training(data, epochs=2)).net
    inputs = data.inputs[0] if data.texts is None else net.preprocess(data.texts[0])[0]
    walk = net.walk(inputs)
    last = list(walk)[-1]
    for position in [Position(last, 0, 0, 0), *random_positions(walk, 60, 1)]:
        arithmetic = check(net, walk, position)
        # Follows the first term with a position; padding has no terms.
        while arithmetic.operation != "input" and arithmetic.terms:
            arithmetic = walk.why(
                *next(term.position for term in arithmetic.terms if term.position)
            )
        layer, _, _, column = arithmetic.position
        assert layer == "input" or column >= walk.length(layer)
    assert [walk.why(last, number).value for number in range(2)] == walk.logits.tolist()


def test_why_deck_match_is_exact() -> None:
    net = pw.Network("conv 1 3 mean, relu, pool 2, full", (1, 9, 9), 2)
    kernel = np.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    net.parameters["conv1.weight"] = kernel[None, None]
    picture = -np.ones((1, 9, 9), np.float32)
    for row in range(1, 8):
        picture[0, row, row] = picture[0, row, 8 - row] = 1
    arithmetic = net.walk(picture).why("conv1", 0, 1, 1)
    assert (arithmetic.operation, arithmetic.divisor, len(arithmetic.terms)) == ("sum", 9, 9)
    assert sum(Fraction(term.product) for term in arithmetic.terms) / 9 == 1
    middle = net.walk(picture).why("conv1", 0, 3, 3)
    assert Fraction(5, 9) == sum(Fraction(term.product) for term in middle.terms) / 9
    assert middle.value == np.float32(5) / np.float32(9) == np.float32(middle.recomputed)


def test_why_prints_lines_and_json() -> None:
    net = pw.Network("conv 1 2, relu, pool 2, full", (1, 3, 3), 2)
    net.parameters["conv1.weight"] = np.full((1, 1, 2, 2), 0.5)
    net.parameters["conv1.bias"] = np.array([0.25])
    walk = net.walk(np.ones((1, 3, 3), np.float32))
    arithmetic = walk.why("conv1", 0, 1, 1)
    lines = str(arithmetic).split("\n")
    assert lines[0] == "conv1[0, 1, 1] = 2.25"
    assert lines[1].split() == ["0.25", "conv1.bias[0]"]
    assert lines[2].split()[:6] == ["0.5", "x", "1", "=", "0.5", "input[0,"]
    assert lines[-1].split() == ["2.25", "their", "sum"]
    assert str(walk.why("pool1", 0)).split("\n")[-1].split() == [
        "2.25",
        "the",
        "largest",
        "of",
        "them",
    ]
    plain = json.loads(json.dumps(arithmetic.to_json()))
    assert plain["position"] == ["conv1", 0, 1, 1]
    assert plain["terms"][1]["position"] == ["input", 0, 1, 1]


def test_why_later_weight_change_has_no_effect() -> None:
    net = pw.Network("full", (1, 2, 2), 2)
    walk = net.walk(np.ones((1, 2, 2), np.float32))
    before = str(walk.why("full1", 1))
    net.parameters["full1.weight"] = np.zeros((2, 4))
    assert str(walk.why("full1", 1)) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("convl", 0), "layer: got 'convl', wanted one of input, conv1, full1; did you mean"),
        (("conv1", 2), "feature: got 2, wanted a whole number from 0 to 1"),
        (("conv1", 0, -1), "row: got -1, wanted a whole number from 0 to 1"),
        (("conv1", 0, 0, 1.0), "column: got 1.0, wanted a whole number from 0 to 2"),
    ],
)
def test_why_unknown_position_raises(arguments: tuple[str, int], words: str) -> None:
    walk = pw.Network("conv 2 2, full", (1, 3, 4), 2).walk(np.zeros((1, 3, 4), np.float32))
    with pytest.raises(LimitError) as caught:
        walk.why(*arguments)
    assert words in str(caught.value)


def test_fused_rounds_once() -> None:
    near_a_tie = (2**-12 * (1 + 2**-15), 2**-12 * (1 - 2**-15), 1 + 2**-23)
    assert fused(*near_a_tie) == 1 + 2**-23  # rounded to float64 first, it would be 1 + 2**-22
    random = np.random.default_rng(0)
    a, b, c = random.standard_normal((3, 20_000)).astype(np.float32)
    c[::2] = -(a * b)[::2]  # cancels all but the last bits of the products
    c[1::4] = np.ldexp(c[1::4], 20)
    for operands in zip(a.tolist(), b.tolist(), c.tolist(), strict=True):
        exact = Fraction(operands[0]) * Fraction(operands[1]) + Fraction(operands[2])
        nearest = np.float32(float(exact))
        candidates = (
            np.nextafter(nearest, np.float32(-np.inf)),
            nearest,
            np.nextafter(nearest, np.float32(np.inf)),
        )
        best = min(abs(Fraction(float(number)) - exact) for number in candidates)
        assert abs(Fraction(fused(*operands)) - exact) == best


def test_why_supports_every_layer() -> None:
    net = Architecture("embed 2, conv 2 1x2, norm, relu, pool 1x2, dropout 0.5, full", (1, 5, 6), 2)
    assert {type(stage.layer) for stage in net.stages} == set(KINDS) == set(_BY_KIND)
