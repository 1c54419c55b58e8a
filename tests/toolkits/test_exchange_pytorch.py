"""Export to PyTorch: the module gives the same numbers in PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest

from piecewise import Network
from piecewise.exchange.pytorch.exporter import PyTorchExporter
from piecewise.exchange.runner import Outputs, Samples
from piecewise.exchange.runners.pytorch import PyTorchRunner

from ..exchange_judging import (
    ALL,
    assert_agrees,
    assert_catches_changes,
    load_module,
    net_of,
    run_usage,
)
from ..exchange_nets import random_net

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
EXPORTER = PyTorchExporter()


def judge(folder: Path, samples: Samples) -> Outputs:
    """As the runner does, in this process."""
    net = load_module(folder).load(f"{folder}/net.safetensors")
    with torch.no_grad():
        logits = net(torch.from_numpy(samples.layer_inputs))
    probabilities = net.probabilities(torch.from_numpy(samples.inputs))
    return Outputs(logits.numpy(), probabilities.numpy())


@pytest.mark.parametrize("kind", ALL)
def test_pytorch_of_every_kind_of_net_agrees(kind: str, tmp_path: Path) -> None:
    assert_agrees(net_of(kind), EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("seed", range(200))
def test_pytorch_of_random_net_agrees(seed: int, tmp_path: Path) -> None:
    net = random_net(seed, texts=seed % 4 == 3)
    assert_agrees(net, EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("kind", ["picture grey", "picture colour", "sound", "text windows"])
def test_pytorch_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("kind", ["picture deck", "text strides"])
def test_pytorch_runner_agrees(kind: str, tmp_path: Path) -> None:
    runner = PyTorchRunner()
    assert runner.version() == torch.__version__
    assert_agrees(net_of(kind), EXPORTER, runner.run, tmp_path)


@pytest.mark.parametrize("kind", ["picture colour", "text average"])
def test_pytorch_usage_prints_four_predictions(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    lines = run_usage(EXPORTER, net, tmp_path).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(net.classes) and line.endswith("%") for line in lines)


def test_pytorch_module_trains_on(tmp_path: Path) -> None:
    """Dropout and running statistics are there for a training that goes on."""
    net = Network("conv 4 3, norm, relu, dropout 0.5, full", (1, 6, 6), 3)
    (tmp_path / "net.py").write_bytes(EXPORTER.files(net.saved_model())["net.py"])
    net.save(tmp_path / "net.safetensors")
    module = load_module(tmp_path).load(f"{tmp_path}/net.safetensors")
    module.train()
    loss = module(torch.rand(8, 1, 6, 6)).logsumexp(1).sum()
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
    assert module.norm1.running_mean.abs().sum() > 0
