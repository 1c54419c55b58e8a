"""Export to Caffe, judged by OpenCV, and import of the same files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from piecewise import Network
from piecewise.exchange.caffe import importer
from piecewise.exchange.caffe.exporter import BINARY, TEXT, CaffeExporter
from piecewise.exchange.registry import ImportOptions, exporter, importers, runners
from piecewise.exchange.runner import Outputs, Samples
from piecewise.exchange.runners.python_toolkits import OPENCV_CAFFE

from .exchange_judging import (
    assert_agrees,
    assert_catches_changes,
    assert_same_parameters,
    net_of,
    run_usage,
)
from .opencv_formats import EDGE_CASES, KINDS, OpenCvFormat

EXPORTER = CaffeExporter()


def judge(folder: Path, samples: Samples) -> Outputs:
    """As the runner does, in this process."""
    net = cv2.dnn.readNetFromCaffe(f"{folder}/{TEXT}", f"{folder}/{BINARY}")
    net.enableWinograd(False)
    net.setInput(samples.layer_inputs)
    return Outputs(*net.forward(["logits", "probabilities"]))


FORMAT = OpenCvFormat(EXPORTER, importer.read, BINARY, judge)


@pytest.mark.parametrize("kind", KINDS)
def test_caffe_of_every_kind_of_net_agrees(kind: str, tmp_path: Path) -> None:
    assert_agrees(net_of(kind), EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("seed", range(16))
def test_caffe_of_random_net_agrees_and_comes_back(seed: int, tmp_path: Path) -> None:
    FORMAT.check_random_net(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(16, 216))
def test_caffe_of_many_random_nets_agrees_and_comes_back(seed: int, tmp_path: Path) -> None:
    FORMAT.check_random_net(seed, tmp_path)


@pytest.mark.parametrize("kind", ["picture grey", "picture colour", "picture deck", "sound"])
def test_caffe_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, judge, tmp_path)


@pytest.mark.parametrize(("layers", "shape"), EDGE_CASES)
def test_caffe_of_an_edge_case_agrees_and_comes_back(
    layers: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    FORMAT.check_agrees_and_comes_back(Network(layers, shape, 4), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_caffe_out_and_in_again_keeps_the_bits(kind: str, tmp_path: Path) -> None:
    FORMAT.check_keeps_the_bits(kind, tmp_path)


def test_caffe_files_are_the_same_each_time() -> None:
    FORMAT.check_files_are_the_same_each_time()


def test_caffe_refuses_texts_by_the_name_of_the_layer() -> None:
    FORMAT.check_refuses_texts()


def test_caffe_parameters_are_views_of_the_file(tmp_path: Path) -> None:
    FORMAT.check_parameters_are_views(tmp_path)


def test_caffe_uneven_padding_comes_back_as_same(tmp_path: Path) -> None:
    net = Network("conv 3 4x2 stride=2x1 pad=same, full", (2, 9, 8), 3)
    assert FORMAT.imported_again(net, tmp_path).notation == net.notation


def test_caffe_model_without_prototxt_has_the_layers_itself(tmp_path: Path) -> None:
    net = net_of("picture grey")
    again = FORMAT.imported_again(net, tmp_path)
    (tmp_path / TEXT).unlink()
    alone = Network.from_saved_model(importer.read(tmp_path / BINARY, ImportOptions()))
    assert alone.notation == again.notation.replace("same", "1").replace("dropout 0.3, ", "")
    assert "put its deploy.prototxt beside it" in alone.training_summary["imported"]["notes"][0]
    assert_same_parameters(alone, net)


def test_caffe_net_with_changed_weight_does_not_come_back_the_same(tmp_path: Path) -> None:
    """A control of `assert_same_parameters`."""
    net = net_of("picture deck")
    again = FORMAT.imported_again(net, tmp_path)
    again.parameters["conv1.weight"][0, 0, 0, 0] += np.float32(1e-6)
    with pytest.raises(AssertionError):
        assert_same_parameters(again, net)


@pytest.mark.parametrize("kind", ["picture colour", "sound"])
def test_caffe_runner_agrees(kind: str, tmp_path: Path) -> None:
    runner = OPENCV_CAFFE
    assert runner.version() == cv2.__version__ or str(runner.version()).startswith(cv2.__version__)
    assert_agrees(net_of(kind), EXPORTER, runner.run, tmp_path)


def test_caffe_usage_prints_a_prediction(tmp_path: Path) -> None:
    net = net_of("picture colour")
    (line,) = run_usage(EXPORTER, net, tmp_path).splitlines()
    assert line.startswith(net.classes)
    assert line.endswith("%")


def test_registry_has_caffe() -> None:
    assert isinstance(exporter("caffe"), CaffeExporter)
    assert OPENCV_CAFFE in runners()
    assert importer.TITLE in [one.TITLE for one in importers()]
