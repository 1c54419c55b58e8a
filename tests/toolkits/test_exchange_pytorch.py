"""Export to PyTorch: the module gives the same numbers in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise import Network
from piecewise.exchange.pytorch import importer
from piecewise.exchange.pytorch.exporter import PyTorchExporter
from piecewise.exchange.registry import ImportOptions
from piecewise.exchange.runner import Outputs, Samples
from piecewise.exchange.runners.python_toolkits import PYTORCH

from ..exchange_judging import (
    ALL,
    assert_agrees,
    assert_catches_changes,
    load_module,
    net_of,
    run_usage,
    write,
)
from ..exchange_nets import logit_error, random_net

torch = pytest.importorskip("torch")
save_file = pytest.importorskip("safetensors.torch").save_file
F = torch.nn.functional
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
    runner = PYTORCH
    assert runner.version() == torch.__version__
    assert_agrees(net_of(kind), EXPORTER, runner.run, tmp_path)


@pytest.mark.parametrize("kind", ["picture colour", "text average"])
def test_pytorch_usage_prints_a_prediction(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    (line,) = run_usage(EXPORTER, net, tmp_path).splitlines()
    assert line.startswith(net.classes)
    assert line.endswith("%")


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


def typical_modules() -> dict[str, tuple[Any, str, tuple[int, int, int]]]:
    """Modules as people write them: the module, the notation and the input."""
    nn = torch.nn

    class Vgg(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
                nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
            )  # fmt: skip
            self.classifier = nn.Sequential(
                nn.Dropout(0.5), nn.Linear(96, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(),
                nn.Linear(10, 4),
            )  # fmt: skip

        def forward(self, x: Any) -> Any:
            return self.classifier(self.features(x).flatten(1))

    class LeNet(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc3, self.fc1 = nn.Linear(8, 10), nn.Linear(100, 12)
            self.conv2, self.conv1 = nn.Conv2d(6, 4, 5), nn.Conv2d(1, 6, 5)
            self.fc2 = nn.Linear(12, 8)

        def forward(self, x: Any) -> Any:
            x = F.max_pool2d(self.conv1(x).relu(), 2)
            x = F.max_pool2d(self.conv2(x).relu(), 2).flatten(1)
            return self.fc3(self.fc2(self.fc1(x).relu()).relu())

    class Words(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(30, 8, padding_idx=0)
            self.conv, self.fc = nn.Conv1d(8, 6, 3), nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            return self.fc(self.conv(self.embedding(x).mT).relu().amax(2))

    return {
        "vgg": (Vgg(), "conv 6 3 pad=1, norm, relu, pool 2, conv 6 3 pad=1 bias=no, norm, relu, "
                "conv 6 3 pad=1, relu, pool 2 kind=average, dropout 0.5, full 10, relu, full 10, "
                "relu, full", (3, 16, 16)),
        "lenet": (LeNet(), "conv 6 5, relu, pool 2, conv 4 5, relu, pool 2, full 12, relu, full 8, "
                  "relu, full", (1, 32, 32)),
        "words": (Words(), "embed 8, conv 6 1x3, relu, pool all, full", (1, 30, 9)),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["vgg", "lenet", "words"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_state_dict_of_torch_agrees(name: str, dtype: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    module, layers, shape = typical_modules()[name]
    x = torch.randn(16, *shape) if name != "words" else torch.randint(1, 30, (16, 9))
    module.train()
    module(x)  # running statistics that are not 0 and 1
    module = module.eval().to(getattr(torch, dtype))
    save_file(module.state_dict(), tmp_path / "s.safetensors")
    module = module.float()
    model = importer.read(tmp_path / "s.safetensors", ImportOptions(shape, layers=layers))
    net = Network.from_saved_model(model)
    expected = module(x).detach().numpy()
    assert np.abs(expected).max() > 0.01
    assert logit_error(net.logits(x.numpy()), expected) < 1e-5


@pytest.mark.parametrize("kind", ALL)
def test_state_dict_of_exported_module_comes_back_with_the_same_bits(
    kind: str, tmp_path: Path
) -> None:
    net = net_of(kind)
    write(EXPORTER.files(net.saved_model()), tmp_path)
    module = load_module(tmp_path).load(f"{tmp_path}/net.safetensors")
    save_file(module.state_dict(), tmp_path / "s.safetensors")
    options = ImportOptions(net.input, layers=net.notation)
    tensors = importer.read(tmp_path / "s.safetensors", options).tensors
    assert {name: array.tobytes() for name, array in tensors.items()} == {
        name: array.tobytes() for name, array in net.state.items()
    }
