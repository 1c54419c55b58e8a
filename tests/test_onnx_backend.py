"""The ONNX backend, on ONNX's own tests of nodes and on networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.backend.test.runner import BackendIsNotSupposedToImplementIt

from piecewise.exchange import onnx_backend
from piecewise.exchange.onnx.exporter import LAYERS
from piecewise.exchange.onnx_backend import PiecewiseBackend

from .exchange_nets import PICTURE_NETS, inputs_of, picture_net
from .onnx_backend_cases import OWN, PAGE, cases, operator, page, reasons, run
from .onnx_files import exported
from .onnx_graphs import graph, outputs, random

KINDS = {"Conv", "Relu", "MaxPool", "AveragePool", "GlobalMaxPool", "Gemm", "BatchNormalization"}


def test_every_compatible_test_of_onnx_passes() -> None:
    passed = set()
    for name, reason in reasons().items():
        if reason is None:
            case = cases()[name]
            for got, expected in run(case):
                assert (got.shape, got.dtype) == (expected.shape, expected.dtype), name
                np.testing.assert_allclose(
                    got, expected, rtol=min(case.rtol, 1e-4), atol=1e-6, err_msg=name
                )
            passed.add(operator(case))
    assert passed >= KINDS
    assert passed <= {*OWN, ""}


def test_incompatible_tests_say_why() -> None:
    others = {name: reason for name, reason in reasons().items() if reason is not None}
    assert len(others) > 1_000
    assert all(reason and "\n" not in reason for reason in others.values())
    assert "without padding" in others["maxpool_2d_pads"]
    assert "no layer that computes it" in others["tanh"] or "sides" in others["tanh"]


def test_page_lists_what_passes() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m tests.onnx_backend_cases"


@pytest.mark.parametrize("name", PICTURE_NETS)
def test_backend_runs_exported_networks(name: str) -> None:
    net = picture_net(name)
    model = onnx.load_from_string(exported(net, LAYERS))
    del model.metadata_props[:], model.graph.output[0]  # one output: probabilities
    x = net.preprocessor.to_float(inputs_of(net, 4))
    assert PiecewiseBackend.is_compatible(model)
    (got,) = onnx_backend.run_model(model, [x])
    np.testing.assert_allclose(got, net.probabilities(x), atol=1e-6)


def test_weights_are_inputs_that_change_between_runs() -> None:
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 0, 1, 0])
    x, bias = random(2, 3, 5, 6), random(4, seed=2)
    weights = [random(4, 3, 3, 2, seed=seed) for seed in (3, 4)]
    found = []
    for weight in weights:
        (got,) = onnx_backend.run_node(node, [x, weight, bias])
        model = graph([("Conv", ["x", "w", "b"], ["y"], {"pads": [1, 0, 1, 0]})],
                      {"w": weight, "b": bias}, x.shape)  # fmt: skip
        np.testing.assert_allclose(got, outputs(model, x)[0], atol=1e-5)
        found.append(got)
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_embedding_takes_the_table_as_first_input() -> None:
    node = helper.make_node("Gather", ["table", "tokens"], ["y"])
    table, tokens = random(6, 3), np.array([[0, 5, 2], [1, 1, 0]])
    (got,) = onnx_backend.run_node(node, [table, tokens])
    np.testing.assert_array_equal(got, table[tokens])


def test_inputs_may_be_given_by_name() -> None:
    model = graph([("Relu", ["x"], ["y"])], {}, (2, 3))
    x = random(2, 3)
    (got,) = onnx_backend.prepare(model).run({"x": x})
    np.testing.assert_array_equal(got, np.maximum(x, 0))


REFUSED: dict[str, Any] = {
    "another operator": helper.make_node("Tanh", ["x"], ["y"]),
    "two outputs": helper.make_node("Dropout", ["x"], ["y", "mask"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_node_that_is_not_supported_raises_the_error_of_backends(name: str) -> None:
    with pytest.raises(BackendIsNotSupposedToImplementIt):
        onnx_backend.run_node(REFUSED[name], [random(2, 3, 4, 4)])


def test_processors_are_the_only_device() -> None:
    assert onnx_backend.supports_device("CPU")
    assert not onnx_backend.supports_device("CUDA:1")
    model = graph([("Relu", ["x"], ["y"])], {}, (2, 3))
    with pytest.raises(BackendIsNotSupposedToImplementIt, match="CUDA"):
        onnx_backend.prepare(model, "CUDA")
    assert model.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT
