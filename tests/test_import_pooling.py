"""Padded pooling and ends of imported nets: rewritten exactly, or refused with the reason."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import ModelFileError

from .keras_files import imported as keras_imported
from .keras_files import model as keras_model
from .keras_files import random as keras_random
from .onnx_graphs import Node, assert_imports_as, graph, imported, layers_logits, outputs, random


def pooled(attributes: dict[str, Any], front: str = "Relu") -> list[Node]:
    return [(front, ["x"], ["r"]), ("MaxPool", ["r"], ["p"], attributes), ("Flatten", ["p"], ["f"])]


@pytest.mark.parametrize("seed", range(40))
def test_padded_maximum_after_relu_equals_that_of_onnxruntime(seed: int, tmp_path: Path) -> None:
    random_ = Random(seed)
    window = [random_.randint(1, 4) for _ in range(2)]
    attributes = {
        "kernel_shape": window, "strides": [random_.randint(1, 3) for _ in range(2)],
        "pads": [random_.randint(0, side - 1) for side in 2 * window],
        "ceil_mode": random_.randint(0, 1),
    }  # fmt: skip
    sides = [random_.randint(4, 9) for _ in range(2)]
    nodes = pooled(attributes)
    x = random(3, 2, *sides, seed=seed)
    flat = outputs(graph(nodes, {}, ("n", 2, *sides), ["f"]), x)[0]
    matrix = random(flat.shape[1], 3)
    nodes.append(("MatMul", ["f", "m"], ["y"]))
    try:
        made = imported(graph(nodes, {"m": matrix}, ("n", 2, *sides)), tmp_path)
    except ModelFileError as error:  # windows of padding alone, in ceil mode
        assert attributes["ceil_mode"]
        assert "piecewise pools without padding" in str(error)  # noqa: PT017
        return
    np.testing.assert_allclose(layers_logits(made, x), flat @ matrix, rtol=0, atol=1e-4)


def test_stem_of_a_resnet_is_read(tmp_path: Path) -> None:
    """conv 7 stride 2, norm, relu, and a maximum of 3 with padding and stride 2."""
    nodes: list[Node] = [
        ("Conv", ["x", "w"], ["c"], {"strides": [2, 2], "pads": [3, 3, 3, 3]}),
        ("BatchNormalization", ["c", "s", "s", "o", "s"], ["n"]), ("Relu", ["n"], ["r"]),
        ("MaxPool", ["r"], ["p"],
         {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("GlobalAveragePool", ["p"], ["g"]), ("Flatten", ["g"], ["f"]),
        ("MatMul", ["f", "m"], ["y"]),
    ]  # fmt: skip
    constants: dict[str, Any] = {"w": random(6, 3, 7, 7) / 9, "s": abs(random(6)), "o": random(6),
                 "m": random(6, 3)}  # fmt: skip
    file = graph(nodes, constants, ("n", 3, 32, 32))
    made = assert_imports_as(file, random(2, 3, 32, 32), tmp_path)
    assert made.architecture.notation == (
        "conv 6 7 stride=2 pad=3 bias=no, norm, relu, conv 6 1 pad=1 bias=no, "
        "pool 3 stride=2 edge=drop, pool all kind=average, full"
    )
    notes = made.training_summary["imported"]["notes"]
    assert any("its padding became a convolution that puts zeros" in note for note in notes)


def test_padded_maximum_of_values_that_can_be_negative_is_refused(tmp_path: Path) -> None:
    attributes = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 0]}
    nodes = [*pooled(attributes, "Identity"), ("MatMul", ["f", "m"], ["y"])]
    with pytest.raises(ModelFileError) as caught:
        imported(graph(nodes, {"m": random(32, 3)}, ("n", 2, 8, 8)), tmp_path)
    assert (
        "its padding is 1 and 0 rows, 1 and 0 columns; piecewise pools without padding, and zeros "
        "can replace it only if the layer before is relu"
    ) in str(caught.value)


@pytest.mark.parametrize("after", ["MaxPool", "Relu", "AveragePool", "SameConv"])
def test_zeros_in_front_of_any_layer_are_values_of_it(after: str, tmp_path: Path) -> None:
    window: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 1]}
    layers: dict[str, Node] = {
        "MaxPool": ("MaxPool", ["z"], ["l"], window),
        "AveragePool": ("AveragePool", ["z"], ["l"], window),
        "Relu": ("Relu", ["z"], ["l"]),
        "SameConv": ("Conv", ["z", "w"], ["l"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    }
    nodes: list[Node] = [("Pad", ["x", "pads"], ["z"]), layers[after], ("Flatten", ["l"], ["f"])]
    constants: dict[str, Any] = {
        "pads": np.array([0, 0, 1, 0, 0, 0, 2, 1]),
        "w": random(2, 2, 3, 3),
    }
    x = random(3, 2, 6, 5)
    flat = outputs(graph(nodes, constants, ("n", 2, 6, 5), ["f"]), x)[0]
    nodes.append(("MatMul", ["f", "m"], ["y"]))
    constants["m"] = random(flat.shape[1], 3)
    assert_imports_as(graph(nodes, constants, ("n", 2, 6, 5)), x, tmp_path)


def test_padding_as_pytorch_writes_it_is_read(tmp_path: Path) -> None:
    """As nn.ZeroPad2d: the sides are computed from constants."""
    nodes: list[Node] = [
        ("ConstantOfShape", ["four"], ["c"]), ("Cast", ["c"], ["ci"], {"to": 7}),
        ("Concat", ["sides", "ci"], ["s"], {"axis": 0}), ("Reshape", ["s", "pairs"], ["p"]),
        ("Slice", ["p", "last", "first", "zero", "minus"], ["q"]),
        ("Transpose", ["q"], ["t"], {"perm": [1, 0]}), ("Reshape", ["t", "all"], ["pads"]),
        ("Pad", ["x", "pads"], ["z"]),
        ("MaxPool", ["z"], ["l"], {"kernel_shape": [3, 3], "strides": [2, 2]}),
        ("Flatten", ["l"], ["f"]), ("MatMul", ["f", "m"], ["y"]),
    ]  # fmt: skip
    constants: dict[str, Any] = {
        "four": np.array([4]), "sides": np.array([1, 1, 2, 1]), "pairs": np.array([-1, 2]),
        "last": np.array([-1]), "first": np.array([-(1 << 40)]), "zero": np.array([0]),
        "minus": np.array([-1]), "all": np.array([-1]), "m": random(2 * 3 * 3, 3),
    }  # fmt: skip
    assert_imports_as(graph(nodes, constants, ("n", 2, 4, 5)), random(3, 2, 4, 5), tmp_path)


def test_net_that_ends_with_maps_is_refused_with_a_remedy(tmp_path: Path) -> None:
    nodes: list[Node] = [("Conv", ["x", "w"], ["y"])]
    file = graph(nodes, {"w": random(5, 3, 3, 3)}, ("n", 3, 8, 9))
    with pytest.raises(ModelFileError) as caught:
        imported(file, tmp_path)
    words = "it ends with maps of 5x6x7, with 5 values at each of 42 positions; piecewise needs one"
    assert words in str(caught.value)
    assert "global pooling or a fully connected layer" in str(caught.value)

    def add(layers: Any) -> None:
        layers.add("Conv2D", "conv", (4, 3, 3), {"kernel": keras_random(3, 3, 2, 3)}, filters=3,
                   kernel_size=[3, 3], use_bias=False)  # fmt: skip

    with pytest.raises(ModelFileError, match="it ends with maps of 3x4x3"):
        keras_imported(keras_model(add), tmp_path)


def test_net_that_ends_with_one_cell_is_read(tmp_path: Path) -> None:
    nodes: list[Node] = [("Conv", ["x", "w"], ["c"]), ("GlobalAveragePool", ["c"], ["y"])]
    file = graph(nodes, {"w": random(5, 3, 3, 3)}, ("n", 3, 8, 9))
    made = assert_imports_as(file, random(2, 3, 8, 9), tmp_path)
    assert pw.Network.from_saved_model(made).classes == tuple("01234")
