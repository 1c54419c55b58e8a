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
from piecewise.exchange.registry import exporter, importers, runners
from piecewise.exchange.runner import Outputs, Samples
from piecewise.exchange.runners.python_toolkits import OPENCV_TORCH
from piecewise.exchange.torch7 import importer
from piecewise.exchange.torch7.exporter import NET, TorchExporter

from .exchange_judging import (
    assert_agrees,
    assert_catches_changes,
    changed_nets,
    net_of,
    run_usage,
    write,
)
from .exchange_nets import saved
from .opencv_formats import EDGE_CASES, KINDS, OpenCvFormat

EXPORTER = TorchExporter()


def judge(folder: Path, samples: Samples) -> Outputs:
    """As the runner does, in this process."""
    net = cv2.dnn.readNetFromTorch(f"{folder}/{NET}")
    net.enableWinograd(False)
    net.setInput(samples.layer_inputs)
    names = net.getLayerNames()
    return Outputs(*net.forward([names[-3], names[-1]]))


FORMAT = OpenCvFormat(EXPORTER, importer.read, NET, judge)


@pytest.mark.parametrize("kind", KINDS)
def test_torch_of_every_kind_of_net_agrees(kind: str, tmp_path: Path) -> None:
    assert_agrees(net_of(kind), EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("seed", range(16))
def test_torch_of_random_net_agrees_and_comes_back(seed: int, tmp_path: Path) -> None:
    FORMAT.check_random_net(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(16, 216))
def test_torch_of_many_random_nets_agrees_and_comes_back(seed: int, tmp_path: Path) -> None:
    FORMAT.check_random_net(seed, tmp_path)


@pytest.mark.parametrize("kind", ["picture grey", "picture colour", "picture deck", "sound"])
def test_torch_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, judge, tmp_path)


@pytest.mark.parametrize(("layers", "shape"), EDGE_CASES)
def test_torch_of_an_edge_case_agrees_and_comes_back(
    layers: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    FORMAT.check_agrees_and_comes_back(Network(layers, shape, 4), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_torch_out_and_in_again_keeps_bits_and_classes(kind: str, tmp_path: Path) -> None:
    again = FORMAT.check_keeps_the_bits(kind, tmp_path)
    assert again.classes == net_of(kind).classes


def test_torch_files_are_the_same_each_time() -> None:
    FORMAT.check_files_are_the_same_each_time()


def test_torch_refuses_texts_by_the_name_of_the_layer() -> None:
    FORMAT.check_refuses_texts()


def test_torch_parameters_are_views_of_the_file(tmp_path: Path) -> None:
    FORMAT.check_parameters_are_views(tmp_path)


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


@pytest.mark.parametrize("kind", ["picture colour", "picture deck"])
def test_torch_runner_agrees(kind: str, tmp_path: Path) -> None:
    runner = OPENCV_TORCH
    assert str(runner.version()).startswith(cv2.__version__)
    assert_agrees(net_of(kind), EXPORTER, runner.run, tmp_path)


def test_torch_usage_prints_a_prediction(tmp_path: Path) -> None:
    net = net_of("picture colour")
    (line,) = run_usage(EXPORTER, net, tmp_path).splitlines()
    assert line.startswith(net.classes)
    assert line.endswith("%")


def test_registry_has_torch() -> None:
    assert isinstance(exporter("torch"), TorchExporter)
    assert OPENCV_TORCH in runners()
    assert importer in importers()
