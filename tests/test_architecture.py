"""Shapes, names, the parameter table, and the checks that run before any allocation."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import pytest

from piecewise.core.errors import LimitError, NotationError, ShapeError
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer_base import Layer
from piecewise.spec.layers import Full, Relu
from piecewise.spec.summary import summary

EXAMPLE = "conv 16 5, relu, pool 2, conv 32 5, relu, pool 2, full 128, relu, full"


def test_architecture_example_matches_other_toolkits() -> None:
    architecture = Architecture(EXAMPLE, (1, 28, 28), 10)
    assert [(row.name, row.shape, row.offset) for row in architecture.parameters] == [
        ("conv1.weight", (16, 1, 5, 5), 0),
        ("conv1.bias", (16,), 400),
        ("conv2.weight", (32, 16, 5, 5), 416),
        ("conv2.bias", (32,), 13_216),
        ("full1.weight", (128, 512), 13_248),
        ("full1.bias", (128,), 78_784),
        ("full2.weight", (10, 128), 78_912),
        ("full2.bias", (10,), 80_192),
    ]
    assert architecture.parameter_count == 80_202
    assert (
        architecture.multiplications == 24 * 24 * 16 * 25 + 8 * 8 * 32 * 16 * 25 + 512 * 128 + 1280
    )
    assert [stage.name for stage in architecture.stages] == [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "full1", "relu3", "full2",
    ]  # fmt: skip


def test_parameter_offsets_are_contiguous() -> None:
    architecture = Architecture("conv 3 2x3 bias=no, norm, relu, conv 2 2 mean, full 4, norm, full",
                        (2, 7, 8), 3)  # fmt: skip
    offset = 0
    for row in architecture.parameters:
        assert row.offset == offset, row.name
        offset += row.size
    assert offset == architecture.parameter_count
    assert [row.name for row in architecture.running_stats] == [
        "norm1.mean", "norm1.variance", "norm2.mean", "norm2.variance",
    ]  # fmt: skip


def test_last_full_takes_one_neuron_per_class() -> None:
    architecture = Architecture("full 7, relu, full, dropout 0.5", (1, 3, 3), ("a", "b"))
    assert architecture.layers[2] == Full(2)
    assert architecture.notation == "full 7, relu, full, dropout 0.5"
    assert Architecture("full 2", (1, 3, 3), 2) == Architecture("full", (1, 3, 3), 2)


def test_architecture_may_end_with_pooling() -> None:
    architecture = Architecture("conv 10 3, pool all kind=average", (1, 9, 9), 10)
    assert architecture.output == (10, 1, 1)


def test_architecture_accepts_layer_objects() -> None:
    architecture = Architecture([Full(4), Relu(), Full()], (1, 3, 3), 2)
    assert architecture.notation == "full 4, relu, full"
    with pytest.raises(ShapeError, match=r"layer 1 \(full\): only the last full") as caught:
        Architecture([Full(), Full()], (1, 3, 3), 2)
    assert caught.value.text == "full, full"
    with pytest.raises(LimitError, match="got 'relu' among the records"):
        Architecture(["relu"], (1, 3, 3), 2)  # type: ignore[list-item]


def test_architecture_too_many_layers_raises() -> None:
    endless: Any = itertools.repeat(Relu())
    with pytest.raises(LimitError, match="more than 1,000"):
        Architecture(endless, (1, 3, 3), 2)
    with pytest.raises(LimitError, match="more than 1,000"):
        Architecture([Relu()] * 10**6, (1, 3, 3), 2)
    no_layers: list[Layer] = []
    with pytest.raises(NotationError, match="there is no layer"):
        Architecture(no_layers, (1, 3, 3), 2)


ABSURD = [
    ("conv 8 300, full", (1, 28, 28), 10, "layer 1"),
    ("full 1000000, full 1000, full", (1, 28, 28), 10, "layer 1"),
    ("conv 1024 3 pad=same, conv 65536 1000 pad=same, full", (3, 64, 64), 10, "layer 2"),
    ("conv 65536 1 pad=1024, full", (1, 28, 28), 10, "layer 1"),
    ("1000000 * (relu), full", (1, 28, 28), 10, "position 0"),
    ("999 * (999 * (relu)), full", (1, 28, 28), 10, "position 0"),
    ("relu, " * 3_000 + "full", (1, 28, 28), 10, "more than 1,000 layers"),
    ("full", (3, 10**6, 10**6), 10, "input: got 3x1000000x1000000"),
    ("full", (1, 2**21, 1), 10, "input: got 2097152"),
    ("full", (1, 28, 28), 10**9, "classes: got 1000000000"),
    ("full", (64, 1000, 1000), 60_000, "layer 1"),
]


@pytest.mark.parametrize(("layers", "shape", "classes", "words"), ABSURD)
def test_architecture_absurd_size_raises_before_allocation(
    layers: str, shape: tuple[int, int, int], classes: int, words: str
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((NotationError, LimitError)) as caught:
            Architecture(layers, shape, classes)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 28), "input: got (1, 28), wanted (channels, rows, columns) such as (1, 28, 28)"),
        ("28", "input: got '28'"),
        ((1, 28, 0), "input: got 0, wanted a whole number from 1 to 1,048,576"),
        ((1, 28, 2.5), "input: got 2.5"),
        ((1, True, 28), "input: got True"),
    ],
)
def test_architecture_invalid_input_raises(shape: Any, words: str) -> None:
    with pytest.raises(LimitError) as caught:
        Architecture("full", shape, 2)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (0, "classes: got 0, wanted a whole number from 1 to 65,536"),
        ("XO", "classes: got 'XO', wanted a number or a list of names"),
        ({"X", "O"}, "wanted a number or a list of names"),  # a set's order is not the same twice
        ([], "classes: got 0 names"),
        (["a", "b", "a"], "classes: got 'a' more than once"),
        (["a", 3], "classes: got 3 among the names, wanted texts"),
        (2.0, "classes: got 2.0"),
    ],
)
def test_architecture_invalid_classes_raises(classes: Any, words: str) -> None:
    with pytest.raises(LimitError) as caught:
        Architecture("full", (1, 3, 3), classes)
    assert words in str(caught.value)


def test_summary_lists_every_stage() -> None:
    text = summary(Architecture("conv 3 3, relu, pool 2, full", (1, 9, 9), 2))
    assert text.splitlines() == [
        "name   layer     output  parameters  multiplications",
        "input            1x9x9",
        "conv1  conv 3 3  3x7x7           30            1,323",
        "relu1  relu      3x7x7",
        "pool1  pool 2    3x4x4",
        "full1  full 2    2x1x1           98               96",
        "total                           128            1,419",
    ]
