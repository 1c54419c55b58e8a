"""Exports that are source code: how they read, and that the same network gives the same bytes."""

from __future__ import annotations

import ast
from random import Random

import numpy as np
import pytest

from piecewise import ImagePreprocessor, Network
from piecewise.exchange.c_source.exporter import CExporter
from piecewise.exchange.exporter import Exporter
from piecewise.exchange.numpy_script.exporter import NumPyExporter
from piecewise.exchange.pytorch.exporter import PyTorchExporter
from piecewise.exchange.source_code.python_code import call, python_names, python_string
from piecewise.exchange.source_code.text_steps import text_steps
from piecewise.exchange.theano.exporter import TheanoExporter
from piecewise.spec.architecture import Architecture
from piecewise.spec.text_lengths import length_tables

from .exchange_judging import ALL, assert_formatted, net_of
from .exchange_nets import random_net, samples_of, saved
from .networks import random_input, random_layers

PYTHON: list[Exporter] = [PyTorchExporter(), NumPyExporter(), TheanoExporter()]
EXPORTERS: list[Exporter] = [*PYTHON, CExporter()]
HOSTILE = (
    '"""', "'''", "\\", "\n", "a\nimport os", "*/", "/*", "??/", "\0", "${x}", "$layers", "{}",
    "' + open('x') + '", '" + open("x") + "', "\u2028", "\x85", "\u202e", "ünï", "\U0001f600", "",
)  # fmt: skip


def names(exporters: list[Exporter]) -> list[str]:
    return [exporter.name for exporter in exporters]


@pytest.mark.parametrize("kind", ALL)
def test_net_for_judges_is_not_saturated(kind: str) -> None:
    """Saturated probabilities would agree with anything."""
    net = net_of(kind)
    largest = net.probabilities(samples_of(net).inputs).max(axis=1)
    assert np.median(largest) < 0.99


@pytest.mark.parametrize("exporter", EXPORTERS, ids=names(EXPORTERS))
@pytest.mark.parametrize("kind", ALL)
def test_same_net_gives_same_bytes(exporter: Exporter, kind: str) -> None:
    files = exporter.files(saved(net_of(kind)))
    assert files == exporter.files(saved(net_of(kind)))
    assert files != exporter.files(saved(net_of(kind, seed=1)))


@pytest.mark.parametrize("exporter", PYTHON, ids=names(PYTHON))
@pytest.mark.parametrize("kind", ALL)
def test_python_source_is_formatted(exporter: Exporter, kind: str) -> None:
    assert_formatted(exporter.files(saved(net_of(kind)))["net.py"])


@pytest.mark.parametrize("exporter", PYTHON, ids=names(PYTHON))
@pytest.mark.parametrize("seed", range(8))
def test_python_source_of_random_net_is_formatted(exporter: Exporter, seed: int) -> None:
    net = random_net(seed, texts=seed % 2 == 1)
    assert_formatted(exporter.files(saved(net))["net.py"])


@pytest.mark.parametrize("exporter", PYTHON, ids=names(PYTHON))
def test_python_source_of_a_long_net_is_formatted(exporter: Exporter) -> None:
    layers = "4 * (conv 100 17x3 stride=3x2 pad=11x101, relu, pool 3x31 stride=10x11), full"
    net = Network(layers, (1, 111, 217), 3)
    assert_formatted(exporter.files(saved(net))["net.py"])


@pytest.mark.parametrize("exporter", PYTHON, ids=names(PYTHON))
def test_python_source_holds_hostile_class_names_as_data(exporter: Exporter) -> None:
    net = Network("full", (1, 2, 2), HOSTILE, preprocessor=ImagePreprocessor((1, 2, 2)))
    source = exporter.files(saved(net))["net.py"].decode()
    plain = exporter.files(saved(Network("full", (1, 2, 2), len(HOSTILE))))["net.py"].decode()
    tree, expected = ast.parse(source), ast.parse(plain)
    for node in (*ast.walk(tree), *ast.walk(expected)):
        if isinstance(node, ast.Tuple) and len(node.elts) == len(HOSTILE):
            node.elts = []
    assert ast.dump(tree) == ast.dump(expected)
    assert all(character.isprintable() or character == "\n" for character in source)


def test_python_string_is_the_text() -> None:
    random = Random(0)
    texts = [*HOSTILE, *("".join(random.choices("'\"\\a\n", k=6)) for _ in range(200))]
    for text in texts:
        assert ast.literal_eval(python_string(text)) == text
        assert_literal_keeps_quotes(text)


def assert_literal_keeps_quotes(text: str) -> None:
    literal = python_string(text)
    assert literal[0] == '"' or '"' in text
    assert literal.isprintable()


def test_names_of_one_class_are_a_tuple() -> None:
    assert python_names("CLASSES", ["X"]) == ['CLASSES = ("X",)']


def test_call_is_laid_out_as_formatters_do() -> None:
    lines = []
    for length in range(50, 100, 3):
        made = call("value = function", ["a" * length, "b" * (length % 20 + 1)], indent=0)
        flat = "".join(line.strip() for line in made).replace(",)", ")").replace(" ", "")
        assert flat == f"value=function({'a' * length},{'b' * (length % 20 + 1)})"
        lines += made
    assert_formatted("\n".join([*lines, ""]).encode(), lint=False)


@pytest.mark.parametrize("seed", range(60))
def test_text_steps_give_the_lengths_of_the_tables(seed: int) -> None:
    random = Random(seed)
    shape = random_input(random, ("embed",))
    kinds = ("embed", "conv", "pool", "relu", "norm", "dropout", "full")
    architecture = Architecture(random_layers(random, shape, 3, kinds, 8), shape, 3)
    lengths = np.arange(1, shape[2] + 1)
    tables = length_tables(architecture.stages)
    for step, table, stage in zip(
        text_steps(architecture.stages), tables, architecture.stages, strict=True
    ):
        if step.is_one:
            lengths = np.ones_like(lengths)
        if step.rule:
            reach, stride = step.rule
            lengths = 1 + np.maximum(lengths - reach, 0) // stride
        if step.clears:
            assert lengths.tolist() == table[1:].tolist(), f"{architecture.notation}: {stage.name}"


def test_positions_are_cleared_after_pooling_and_before_layers_that_mix_them() -> None:
    layers = "embed 2, conv 2 1x2, norm, relu, pool 1x2, norm, conv 3 1x2, pool all, full"
    steps = text_steps(Architecture(layers, (1, 9, 12), 3).stages)
    cleared = [number for number, step in enumerate(steps, 1) if step.clears]
    assert cleared == [4, 5, 6, 7]
    assert [number for number, step in enumerate(steps, 1) if step.changes] == [2, 5, 7]
