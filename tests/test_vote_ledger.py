"""The vote ledger: votes sum to the logit bit by bit, and are carried back to earlier layers."""

from __future__ import annotations

import json
from math import fsum
from random import Random

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import LimitError
from piecewise.spec.layers import Full
from piecewise.trace.vote_ledger import Ledger

from .networks import PICTURES, TEXTS, random_input, random_layers


def drawn_net(layers: str, shape: tuple[int, int, int], classes: int, seed: int) -> pw.Network:
    """A network with random biases and running statistics."""
    net, rng = pw.Network(layers, shape, classes, seed), np.random.default_rng(seed)
    for name in net.parameters:
        if name.endswith("bias"):
            net.parameters[name] = rng.uniform(-1, 1, net.parameters[name].shape)
    for name in net.running_stats:
        net.running_stats[name] = rng.uniform(0.5, 1.5, net.running_stats[name].shape)
    return net


def some_input(net: pw.Network, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if net.architecture.reads_texts:
        return rng.integers(0, net.input[1], net.input[2])
    return rng.uniform(-1, 1, net.input).astype(np.float32)


@pytest.mark.parametrize("kinds", [PICTURES, TEXTS], ids=["pictures", "texts"])
@pytest.mark.parametrize("seed", range(12))
def test_ledger_votes_sum_to_logit_bitwise(kinds: tuple[str, ...], seed: int) -> None:
    random = Random(f"ledger {seed} {kinds}")
    shape = random_input(random, kinds)
    net = drawn_net(random_layers(random, shape, 3, kinds), shape, 3, seed)
    example = some_input(net, seed)
    walk, logits = net.walk(example), net.logits(example[None])[0]
    for label in range(3):
        ledger = walk.ledger(label)
        assert ledger.carried != isinstance(net.layers[-1], Full)
        assert np.float32(ledger.total) == logits[label] == walk.logits[label]


def test_ledger_matches_hand_computed() -> None:
    net = pw.Network("full", (1, 1, 2), 2)
    net.parameters["full1.weight"] = np.array([[2.0, -1.0], [0.5, 0.25]])
    net.parameters["full1.bias"] = np.array([1.0, 0.0])
    ledger = net.walk(np.array([[[3.0, 4.0]]], np.float32)).ledger()
    assert (ledger.label, ledger.layer, ledger.source_layer) == (0, "full1", "input")
    assert [vote.vote for vote in ledger.votes] == [6.0, -4.0]
    assert ledger.total == 1.0 + 6.0 - 4.0
    assert [vote.position.column for vote in ledger.sorted()] == [0, 1]
    plain = json.loads(json.dumps(ledger.to_json()))
    assert plain["total"] == plain["logit"] == 3.0
    assert plain["votes"][1] == {"position": ["input", 0, 0, 1], "value": 4.0, "weight": -1.0}
    assert "-4" in str(ledger)
    assert str(ledger).endswith("their sum: the logit")


def merge_full_layers(net: pw.Network, walk: object) -> tuple[np.ndarray, float]:
    """Two full layers merged into one for the active neurons of the ReLU between them."""
    first, second = net.parameters["full1.weight"], net.parameters["full2.weight"]
    active = (walk["relu1"].ravel() > 0).astype(np.float64)  # type: ignore[index]
    weights = (second[1] * active).astype(np.float64) @ first.astype(np.float64)
    bias = float(
        second[1] @ (active * net.parameters["full1.bias"]) + net.parameters["full2.bias"][1]
    )
    return weights, bias


def test_ledger_carries_votes_back_through_full_layers() -> None:
    net = drawn_net("pool 2, dropout 0.2, full 7, relu, dropout 0.5, full", (2, 4, 6), 3, 5)
    walk = net.walk(some_input(net, 5))
    assert walk.voting_layer == "pool1"
    ledger = walk.ledger(1, back_to="pool1")
    weights, bias = merge_full_layers(net, walk)
    np.testing.assert_allclose(
        [vote.weight for vote in ledger.votes], weights, rtol=1e-5, atol=1e-6
    )
    assert abs(ledger.bias - bias) < 1e-5
    assert ledger.carried
    assert ledger.total == float(walk.logits[1])
    assert [vote.value for vote in ledger.votes] == walk["pool1"].ravel().tolist()
    maps = [fsum(v.vote for v in ledger.votes if v.position.feature == f) for f in range(2)]
    assert ledger.by_map().tolist() == maps


def test_ledger_carries_votes_back_to_input() -> None:
    """Without biases and norm, what the pixels vote is all there is."""
    net = pw.Network("conv 4 3 bias=no, relu, pool 2, full 8, relu, full", (1, 8, 8), 2, seed=1)
    walk = net.walk(some_input(net, 1))
    ledger = walk.ledger(0, back_to="input")
    assert len(ledger.votes) == 64
    assert (
        abs(ledger.bias) < 1e-5 < abs(ledger.logit)
    )  # there are no biases, so the votes are everything


def test_ledger_without_full_layers_uses_convolution() -> None:
    net = drawn_net("conv 2 3, pool all", (1, 6, 6), 2, 2)
    walk = net.walk(some_input(net, 2))
    ledger = walk.ledger()
    assert (walk.voting_layer, ledger.carried) == ("conv1", True)
    assert sum(vote.weight != 0 for vote in ledger.votes) == 1  # the maximum of the window


def test_ledger_lines_long_list_is_cut_in_middle() -> None:
    net = drawn_net("full", (1, 10, 10), 2, 3)
    ledger: Ledger = net.walk(some_input(net, 3)).ledger()
    lines = list(ledger.lines())
    assert len(lines) == 1 + 20 + 1 + 2
    assert "80 votes between" in lines[11]
    shown = [float(line.split()[0]) for line in lines[1:]]
    assert abs(fsum(shown[:-1]) - shown[-1]) < 1e-6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, None), "label: got 3, wanted a class number from 0 to 1"),
        ((0, "full1"), "back_to: got 'full1', wanted one of input, conv1"),
        ((0, "pool9"), "back_to: got 'pool9', wanted one of input, conv1"),
    ],
)
def test_ledger_unknown_class_or_layer_raises(
    arguments: tuple[int, str | None], words: str
) -> None:
    walk = pw.Network("conv 2 2, full", (1, 3, 4), 2).walk(np.zeros((1, 3, 4), np.float32))
    with pytest.raises(LimitError) as caught:
        walk.ledger(*arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize("kinds", [PICTURES, TEXTS], ids=["pictures", "texts"])
@pytest.mark.parametrize("seed", range(6))
def test_vote_arrays_are_the_votes_of_the_ledger(kinds: tuple[str, ...], seed: int) -> None:
    random = Random(f"arrays {seed} {kinds}")
    shape = random_input(random, kinds)
    net = drawn_net(random_layers(random, shape, 3, kinds), shape, 3, seed)
    walk = net.walk(some_input(net, seed))
    sources = [name for name, stack in walk.items() if stack.ndim == 3][:-1]
    for source in [None, *sources]:
        for label in range(3):
            ledger, arrays = walk.ledger(label, source), walk.vote_arrays(label, source)
            assert arrays.weights.shape == arrays.values.shape == ledger.shape
            assert arrays.weights.ravel().tolist() == [vote.weight for vote in ledger.votes]
            assert arrays.values.ravel().tolist() == [vote.value for vote in ledger.votes]
            assert arrays.bias == ledger.bias
            assert arrays.by_map().tolist() == ledger.by_map().tolist()
