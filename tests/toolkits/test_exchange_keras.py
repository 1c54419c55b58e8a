"""Export to TensorFlow: Keras gives the same numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from piecewise import Network
from piecewise.exchange.deeplearning4j.exporter import Deeplearning4jExporter
from piecewise.exchange.exporter import Exporter
from piecewise.exchange.keras.exporter import TensorFlowExporter
from piecewise.exchange.runners import environments
from piecewise.exchange.runners.environments import python_of
from piecewise.exchange.runners.python_toolkits import KERAS, KERAS_LEGACY

from ..exchange_judging import (
    ALL,
    LOGITS,
    PROBABILITIES,
    assert_agrees,
    assert_usage_predicts,
    changed_nets,
    net_of,
    pillow_alone,
    run_usage,
    write,
)
from ..exchange_nets import logit_error, random_net, samples_of, saved
from ..long import now_and_long

PYTHON = python_of("tensorflow", "keras") or ""
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="Keras is not installed; run scripts/toolkits/tensorflow.sh"
)
EXPORTER = TensorFlowExporter()


def keras_errors(
    nets: list[Network],
    folder: Path,
    expected: list[Network] | None = None,
    exporter: Exporter = EXPORTER,
) -> list[tuple[float, float]]:
    """The largest errors of logits and probabilities of many nets in one process of Keras; against
    those of other nets if ``expected`` is passed."""
    script = """
import sys
from pathlib import Path
for number in range(COUNT):
    sys.argv = ["", *(f"{ROOT}/{number}{end}" for end in ("", "/inputs.npz", "/outputs.npz"))]
    exec(SOURCE)
    keras.backend.clear_session()
"""
    runner = Path(environments.__file__).parent / "scripts" / "keras.py.txt"
    samples = [samples_of(net) for net in nets]
    for number, (net, one) in enumerate(zip(nets, samples, strict=True)):
        place = write(exporter.files(saved(net)), folder / str(number))
        np.savez(place / "inputs.npz", inputs=one.inputs, layer_inputs=one.layer_inputs)
    code = f"ROOT, COUNT, SOURCE = {str(folder)!r}, {len(nets)}, {runner.read_text()!r}\n"
    done = subprocess.run(
        [PYTHON, "-I", "-c", code + script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = []
    for number, (net, one) in enumerate(zip(expected or nets, samples, strict=True)):
        outputs = np.load(folder / str(number) / "outputs.npz")
        logits = net.logits(one.inputs)
        difference = outputs["probabilities"] - net.probabilities_of(logits)
        found.append((logit_error(outputs["logits"], logits), float(np.abs(difference).max())))
    return found


def test_keras_of_every_kind_of_net_agrees(tmp_path: Path) -> None:
    found = keras_errors([net_of(kind) for kind in ALL], tmp_path)
    for kind, (logits, probabilities) in zip(ALL, found, strict=True):
        assert logits <= LOGITS, kind
        assert probabilities <= PROBABILITIES, kind


@pytest.mark.parametrize("first", now_and_long(range(0, 200, 40), [0]))
def test_keras_of_random_nets_agrees(first: int, tmp_path: Path) -> None:
    nets = [random_net(seed, texts=seed % 3 == 2) for seed in range(first, first + 40)]
    for net, (logits, probabilities) in zip(nets, keras_errors(nets, tmp_path), strict=True):
        assert logits <= LOGITS, net
        assert probabilities <= PROBABILITIES, net


def test_keras_catches_changed_kernels(tmp_path: Path) -> None:
    kinds = ["picture grey", "picture colour", "sound", "text windows"]
    changed = [net for kind in kinds for net in changed_nets(kind)]
    right = [net_of(kind) for kind in kinds for _ in range(2)]
    for net, (logits, probabilities) in zip(
        right, keras_errors(changed, tmp_path, right), strict=True
    ):
        assert logits > 10 * LOGITS, net
        assert probabilities > 10 * PROBABILITIES, net


def test_keras_agrees_with_files_for_deeplearning4j(tmp_path: Path) -> None:
    exporter = Deeplearning4jExporter()
    nets = [net_of(kind) for kind in ALL] + [random_net(seed) for seed in range(60)]
    expressible = [net for net in nets if exporter.refusal(saved(net)) is None]
    assert len(expressible) > 30
    found = keras_errors(expressible, tmp_path, exporter=exporter)
    for net, (logits, probabilities) in zip(expressible, found, strict=True):
        assert logits <= LOGITS, net
        assert probabilities <= PROBABILITIES, net


def test_keras_catches_changed_kernels_of_files_for_deeplearning4j(tmp_path: Path) -> None:
    kinds = ["picture grey", "picture deck"]
    changed = [net for kind in kinds for net in changed_nets(kind)]
    right = [net_of(kind) for kind in kinds for _ in range(2)]
    found = keras_errors(changed, tmp_path, right, Deeplearning4jExporter())
    assert min(logits for logits, _ in found) > 10 * LOGITS
    assert min(probabilities for _, probabilities in found) > 10 * PROBABILITIES


def test_keras_legacy_runner_agrees(tmp_path: Path) -> None:
    net = net_of("picture colour")
    assert_agrees(net, Deeplearning4jExporter(), KERAS_LEGACY.run, tmp_path)


@pytest.mark.parametrize("kind", ["picture deck", "text strides"])
def test_keras_runner_agrees(kind: str, tmp_path: Path) -> None:
    runner = KERAS
    assert runner.version()
    assert_agrees(net_of(kind), EXPORTER, runner.run, tmp_path)


@pytest.mark.parametrize("kind", ["picture colour", "text average"])
def test_usage_predicts_as_piecewise(kind: str, tmp_path: Path) -> None:
    net, folder = net_of(kind), tmp_path / "net"
    variables = {
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "PYTHONPATH": pillow_alone(tmp_path / "pillow"),
    }
    printed = run_usage(EXPORTER, net, folder, str(PYTHON), variables, "All log messages")
    line = next(one for one in printed.splitlines() if one.startswith(net.classes))
    assert_usage_predicts(line, net, folder)
