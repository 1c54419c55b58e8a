"""Mistakes: confusion matrix cells, confident mistakes, nearest training examples."""

from __future__ import annotations

import numpy as np
import pytest

from piecewise.core.errors import DataError, LimitError
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.data.xo import make_xo
from piecewise.insight.evaluation import mistakes as module
from piecewise.insight.evaluation.mistakes import Mistakes, mistakes
from piecewise.network import Network
from piecewise.training.recipe import Recipe
from piecewise.training.train import train

SIZE = 12
LEARNED, UNSEEN = make_xo(80, size=SIZE, seed=0), make_xo(150, size=SIZE, seed=1)


def taught(layers: str) -> Network:
    net = Network(layers, (1, SIZE, SIZE), LEARNED.classes, 0, LEARNED.preprocessor)
    train(net, LEARNED.inputs, LEARNED.labels, Recipe(epochs=6, batch_size=16))
    return net


@pytest.fixture(scope="module")
def net() -> Network:
    return taught("conv 4 3, norm, relu, pool 2, dropout 0.2, full 10, relu, dropout 0.3, full")


@pytest.fixture(scope="module")
def found(net: Network) -> Mistakes:
    names = [f"unseen {index}" for index in range(150)]
    learned = LEARNED.inputs, LEARNED.labels
    return mistakes(net, UNSEEN.inputs, UNSEEN.labels, names, learned, most=9)


def test_cells_hold_every_example_most_confident_first(net: Network, found: Mistakes) -> None:
    logits = net.logits(UNSEEN.inputs)
    answers, sure = logits.argmax(axis=1), net.probabilities_of(logits).max(axis=1)
    everything = [index for indices in found.cells.values() for index in indices]
    assert sorted(everything) == list(range(150))
    for (right, answer), indices in found.cells.items():
        assert indices, "a cell without examples has no key"
        assert {(int(UNSEEN.labels[one]), int(answers[one])) for one in indices} == {
            (right, answer)
        }
        assert [float(sure[one]) for one in indices] == sorted(sure[list(indices)].tolist())[::-1]
    assert found.confusion.sum() == found.n == 150
    assert found.confusion[0, 1] == ((UNSEEN.labels == 0) & (answers == 1)).sum()
    assert found.cell("X", "O") == found.cell(0, 1) == found.cells[0, 1]
    with pytest.raises(LimitError, match="got 'Y', wanted a class number from 0 to 1"):
        found.cell("Y", "O")


def test_mistakes_are_sorted_by_confidence(net: Network, found: Mistakes) -> None:
    probabilities = net.probabilities(UNSEEN.inputs)
    wrong = probabilities.argmax(axis=1) != UNSEEN.labels
    assert 9 < wrong.sum() < 75, "this net should be wrong now and then"
    assert len(found.mistakes) == 9
    confidences = [one.probability for one in found.mistakes]
    assert confidences == sorted(probabilities[wrong].max(axis=1).tolist())[::-1][:9]
    for one in found.mistakes:
        label = int(UNSEEN.labels[one.index])
        assert (one.label, one.predicted) == (UNSEEN.classes[label], UNSEEN.classes[1 - label])
        assert one.label_probability == pytest.approx(1 - one.probability, abs=1e-6)
        assert one.name == f"unseen {one.index}"


def test_neighbors_are_nearest_by_last_layer_inputs(net: Network, found: Mistakes) -> None:
    """Measured anew, by walks."""
    assert found.layer == "relu2"
    assert found.compared == 80
    stacks = np.array([net.walk(one)["relu2"].ravel() for one in LEARNED.inputs], np.float64)
    for one in found.mistakes:
        own = net.walk(UNSEEN.inputs[one.index])["relu2"].ravel()
        distances = np.sqrt(((stacks - own) ** 2).sum(axis=1))
        order = np.argsort(distances, kind="stable")[:3]
        assert [neighbor.index for neighbor in one.neighbors] == order.tolist()
        assert [neighbor.distance for neighbor in one.neighbors] == pytest.approx(
            distances[order], rel=1e-9
        )
        assert [neighbor.label for neighbor in one.neighbors] == [
            LEARNED.classes[LEARNED.labels[at]] for at in order
        ]
        assert one.neighbors[0].name == f"example {order[0]}"


def test_neighbors_of_a_training_example_start_with_itself(net: Network) -> None:
    wrong = 1 - LEARNED.labels
    found = mistakes(net, LEARNED.inputs, wrong, train=(LEARNED.inputs, LEARNED.labels))
    assert len(found.mistakes) == 20
    assert all(
        one.neighbors[0].index == one.index
        for one in found.mistakes
        if one.neighbors[0].distance == 0
    )
    assert sum(one.neighbors[0].distance == 0 for one in found.mistakes) == 20


@pytest.mark.parametrize("walked", [False, True])
@pytest.mark.parametrize(
    ("layers", "stack"),
    [("conv 4 3, relu, pool 2, dropout 0.2, full", "pool1"), ("full", "input"),
     ("conv 2 3, relu, conv 2 10", "relu1")],
)  # fmt: skip
def test_neighbors_use_feature_maps(
    layers: str, stack: str, walked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a net of the layers before the votes; one by one, and fewer, where there can be none."""
    if walked:
        monkeypatch.setattr(module, "MAX_CLASSES", 1)
        monkeypatch.setattr(module, "MOST_WALKS", 30)
    compared = 30 if walked else 80
    one = taught(layers)
    learned = LEARNED.inputs, LEARNED.labels
    wrong = 1 - one.logits(UNSEEN.inputs).argmax(axis=1)
    result = mistakes(one, UNSEEN.inputs[:9], wrong[:9], train=learned, most=2, nearest=1)
    assert (result.layer, result.compared) == (stack, compared)
    places = [index * 80 // compared for index in range(compared)]
    for each in result.mistakes:
        own = one.walk(UNSEEN.inputs[each.index])[stack].astype(np.float64)
        distances = [
            float((((one.walk(LEARNED.inputs[at])[stack] - own) ** 2).sum()) ** 0.5)
            for at in places
        ]
        assert each.neighbors[0].index == places[int(np.argmin(distances))]
        assert each.neighbors[0].distance == pytest.approx(min(distances))


def test_neighbors_of_texts() -> None:
    preprocessor = TextPreprocessor("words", tuple("abcdef"), 4)
    words = np.random.default_rng(0).integers(0, 7, (30, 4))
    one = Network(
        "embed 3, conv 5 1x2, relu, pool all, full", preprocessor.shape, 2, 0, preprocessor
    )
    wrong = 1 - one.logits(words).argmax(axis=1)
    result = mistakes(one, words, wrong, train=(words, wrong), most=5)
    assert result.layer == "pool1"
    assert all(each.neighbors[0].distance == 0 for each in result.mistakes)


def test_mistakes_to_json(net: Network, found: Mistakes) -> None:
    none = mistakes(net, UNSEEN.inputs, net.logits(UNSEEN.inputs).argmax(axis=1))
    assert (none.mistakes, none.compared) == ((), 0)
    plain = found.to_json()
    assert plain["confusion"] == found.confusion.tolist()
    cell = next(one for one in plain["cells"] if (one["label"], one["predicted"]) == ("X", "O"))
    assert cell["indices"] == list(found.cell("X", "O"))
    assert (
        plain["mistakes"][0]["neighbors"][0]["distance"] == found.mistakes[0].neighbors[0].distance
    )


def test_mistakes_invalid_arguments_raise(net: Network) -> None:
    given = net, UNSEEN.inputs, UNSEEN.labels
    with pytest.raises(DataError, match="names: got 2, wanted 150, one per example"):
        mistakes(*given, ["a", "b"])
    with pytest.raises(LimitError, match="mistakes: nearest: got 0"):
        mistakes(*given, nearest=0)
    with pytest.raises(DataError, match="labels: got 3, wanted 150"):
        mistakes(net, UNSEEN.inputs, UNSEEN.labels[:3])
    learned = LEARNED.inputs, LEARNED.labels
    with pytest.raises(DataError, match="train_names: got 1, wanted 80"):
        mistakes(*given, train=learned, train_names=["a"])
