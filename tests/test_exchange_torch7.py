"""Export to Torch7, judged by OpenCV and torchfile, and import of the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torchfile

from piecewise import Network
from piecewise.core.array_types import Float32
from piecewise.exchange.registry import ImportOptions, exporter, importers, runners
from piecewise.exchange.runner import Outputs, Samples
from piecewise.exchange.runners.opencv import OpenCVTorch
from piecewise.exchange.torch7 import importer
from piecewise.exchange.torch7.exporter import NET, TorchExporter

from .exchange_judging import (
    PICTURES,
    assert_agrees,
    assert_catches_changes,
    assert_same_parameters,
    changed_nets,
    net_of,
    run_usage,
    write,
)
from .exchange_nets import random_net, samples_of, saved, text_net

EXPORTER = TorchExporter()
KINDS = [*PICTURES, "sound"]


def judge(folder: Path, samples: Samples) -> Outputs:
    """As the runner does, in this process."""
    net = cv2.dnn.readNetFromTorch(f"{folder}/{NET}")
    net.enableWinograd(False)
    net.setInput(samples.layer_inputs)
    names = net.getLayerNames()
    return Outputs(*net.forward([names[-3], names[-1]]))


def imported_again(net: Network, folder: Path) -> Network:
    """The net that the importer reads from the file of the exporter."""
    write(EXPORTER.files(saved(net)), folder)
    return Network.from_saved_model(importer.read(folder / NET, ImportOptions()))


@pytest.mark.parametrize("kind", KINDS)
def test_torch_of_every_kind_of_net_agrees(kind: str, tmp_path: Path) -> None:
    assert_agrees(net_of(kind), EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("seed", range(16))
def test_torch_of_random_net_agrees_and_comes_back(seed: int, tmp_path: Path) -> None:
    net = random_net(seed)
    assert_agrees(net, EXPORTER, judge, tmp_path)
    assert_same_parameters(imported_again(net, tmp_path), net)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(16, 216))
def test_torch_of_many_random_nets_agrees_and_comes_back(seed: int, tmp_path: Path) -> None:
    test_torch_of_random_net_agrees_and_comes_back(seed, tmp_path)


@pytest.mark.parametrize("kind", ["picture grey", "picture colour", "picture deck", "sound"])
def test_torch_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, judge, tmp_path)


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ("conv 3 4x2 pad=same stride=2x1, relu, full", (2, 9, 8)),  # uneven padding
        ("pool 3 stride=2 edge=drop, full", (1, 8, 6)),  # cells that are left out
        ("pool 1x2 stride=4x3 kind=average, full", (1, 10, 11)),  # a stride longer than the window
        ("pool 1x3 stride=4x2, full", (1, 10, 12)),  # the axes differ in their mode
        ("pool 9 stride=1, full", (1, 4, 5)),  # a window larger than the map
        ("pool 4x3 stride=3 kind=average, full", (2, 9, 8)),  # averages at the edges
        ("full 6, norm, conv 3 1 pad=1, pool 2, full", (1, 3, 3)),  # maps after full
        ("norm, dropout 0.5, conv 4 2, pool all", (2, 5, 5)),  # no full at all
        ("conv 2 2", (1, 2, 3)),  # rows and columns at the end
        ("relu", (4, 1, 1)),  # no parameters
    ],
)  # fmt: skip
def test_torch_of_an_edge_case_agrees_and_comes_back(
    layers: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    net = Network(layers, shape, 4)
    assert_agrees(net, EXPORTER, judge, tmp_path)
    again = imported_again(net, tmp_path)
    assert_same_parameters(again, net)
    inputs = samples_of(net).layer_inputs
    np.testing.assert_allclose(again.logits(inputs), net.logits(inputs), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_torch_out_and_in_again_keeps_bits_and_classes(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    again = imported_again(net, tmp_path)
    assert_same_parameters(again, net)
    assert again.input == net.input
    assert again.classes == net.classes
    assert again.calibration.temperature == pytest.approx(net.calibration.temperature, rel=1e-6)


def weights_by_torchfile(folder: Path) -> list[Float32]:
    """The weights of convolutions and fully connected layers, as torchfile reads them."""
    root: Any = torchfile.load(f"{folder}/{NET}")
    assert root.torch_typename() == b"nn.Sequential"
    kinds = (b"nn.SpatialConvolution", b"nn.Linear")
    return [one[b"weight"] for one in root[b"modules"] if one.torch_typename() in kinds]


@pytest.mark.parametrize("kind", ["picture grey", "sound"])
def test_torchfile_reads_the_weights_and_catches_changes(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    own = [array for array in net.parameters.values() if array.ndim > 1]
    for other in (net, *changed_nets(kind)):
        write(EXPORTER.files(saved(other)), tmp_path)
        read = weights_by_torchfile(tmp_path)
        same = [np.array_equal(a, b) for a, b in zip(read, own, strict=True)]
        assert all(same) == (other is net)


def test_torch_files_are_the_same_each_time() -> None:
    assert EXPORTER.files(saved(net_of("sound"))) == EXPORTER.files(saved(net_of("sound")))


def test_torch_refuses_texts_by_the_name_of_the_layer() -> None:
    refusal = EXPORTER.refusal(saved(text_net("average")))
    assert refusal is not None
    assert refusal.startswith("embed1: ")
    assert EXPORTER.refusal(saved(net_of("sound"))) is None


@pytest.mark.parametrize("kind", ["picture colour", "picture deck"])
def test_torch_runner_agrees(kind: str, tmp_path: Path) -> None:
    runner = OpenCVTorch()
    assert str(runner.version()).startswith(cv2.__version__)
    assert_agrees(net_of(kind), EXPORTER, runner.run, tmp_path)


def test_torch_usage_prints_four_predictions(tmp_path: Path) -> None:
    net = net_of("picture colour")
    lines = run_usage(EXPORTER, net, tmp_path).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(net.classes) and line.endswith("%") for line in lines)


def test_registry_has_torch() -> None:
    assert isinstance(exporter("torch"), TorchExporter)
    assert any(isinstance(one, OpenCVTorch) for one in runners())
    assert importer in importers()


def test_torch_parameters_are_views_of_the_file(tmp_path: Path) -> None:
    """So a large file is not held twice."""
    net = net_of("picture grey")
    write(EXPORTER.files(saved(net)), tmp_path)
    model = importer.read(tmp_path / NET, ImportOptions())
    assert model.tensors.keys() == net.state.keys()
    assert not any(array.flags.owndata or array.flags.writeable for array in model.tensors.values())
