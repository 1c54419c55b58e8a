"""Class names as labels: wherever a class number is accepted, the name of the class is, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import PiecewiseError

NAMES = ("X", "O")
XO = pw.make_xo(24, size=9, seed=0)
NAMED = [NAMES[number] for number in XO.labels.tolist()]


def net(seed: int = 0) -> pw.Network:
    return pw.Network("conv 2 3, relu, full", (1, 9, 9), NAMES, seed)


def trained(labels: Any, validation: Any) -> str:
    new = net()
    pw.train(new, XO.inputs, labels, pw.Recipe(epochs=1), (XO.inputs, validation))
    return new.parameters_sha256


def influence(labels: Any, expected: Any) -> list[Any]:
    some = net()
    some.recipe = pw.Recipe(epochs=1).to_json()
    found = pw.influential_examples(some, XO.inputs[:8], labels[:8], XO.inputs[9], expected)
    return [one.to_json() for one in found]


SETS: dict[str, Callable[[Any], Any]] = {
    "train": lambda labels: trained(labels, labels),
    "evaluate": lambda labels: pw.evaluate(net(), XO.inputs, labels).accuracy,
    "gradients": lambda labels: net().gradients(XO.inputs, labels)[0],
    "numerical_gradients": lambda labels: net().numerical_gradients(XO.inputs, labels)[0],
    "error_table": lambda labels: pw.error_table(net(), XO.inputs, labels).labels.tolist(),
    "mistakes": lambda labels: pw.mistakes(net(), XO.inputs, labels).cells,
    "nudge_curve": lambda labels: (
        pw.nudge_curve(net(), XO.inputs, labels, "conv1.weight", (0, 0, 1, 1), points=3).losses
    ),
    "dataset_robustness": lambda labels: pw.dataset_robustness(net(), XO.inputs, labels).areas,
    "Dataset": lambda labels: pw.Dataset(
        XO.inputs, labels, NAMES, np.full(24, "train"), XO.preprocessor
    ).labels.tolist(),
}
ONE: dict[str, Callable[[Any], Any]] = {
    "ledger": lambda label: net().walk(XO.inputs[0]).ledger(label).total,
    "carried ledger": lambda label: net().walk(XO.inputs[0]).ledger(label, "conv1").total,
    "walk.backprop": lambda label: net().walk(XO.inputs[0]).backprop(label).loss,
    "backprop": lambda label: net().backprop(XO.inputs[0], label).loss,
    "attributions": lambda label: pw.attributions(net(), XO.inputs[0], label)[0].values.tolist(),
    "explain": lambda label: pw.explain(net(), XO.inputs[0], label=label).label,
    "votes_for": lambda label: pw.explain(net(), XO.inputs[0]).votes_for(label).total,
    "explain_html": lambda label: pw.explain_html(net(), XO.inputs[0], label=label),
    "example_robustness": lambda label: pw.example_robustness(net(), XO.inputs[0], label)[0].label,
    "cell": lambda label: pw.mistakes(net(), XO.inputs, XO.labels).cell(label, label),
}


@pytest.mark.parametrize("name", SETS)
def test_names_of_labels_give_the_result_of_numbers(name: str) -> None:
    assert SETS[name](NAMED) == SETS[name](XO.labels)
    assert SETS[name](np.array(NAMED, object)) == SETS[name](XO.labels.tolist())


@pytest.mark.parametrize("name", ONE)
def test_name_of_a_class_gives_the_result_of_its_number(name: str) -> None:
    assert ONE[name]("O") == ONE[name](1)
    assert ONE[name]("X") == ONE[name](np.int64(0))


@pytest.mark.parametrize("name", [*SETS, *ONE])
def test_unknown_name_raises_with_the_classes(name: str) -> None:
    labels: Any = ["X", "Q"] * 12 if name in SETS else "Q"
    with pytest.raises(PiecewiseError, match=r"(labels?|class): got 'Q', wanted .*\['?X', 'O'\]"):
        (SETS | ONE)[name](labels)


@pytest.mark.parametrize("label", [2, -1, 1.0, True, None])
def test_wrong_number_raises_with_the_classes(label: Any) -> None:
    with pytest.raises(
        pw.LimitError, match=r"^label: got .* wanted a class number from 0 to 1, or"
    ):
        net().backprop(XO.inputs[0], label)


def test_influence_takes_names() -> None:
    assert influence(NAMED, "O") == influence(XO.labels, 1)
