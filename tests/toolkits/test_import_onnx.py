"""Import of the ONNX files that PyTorch and scikit-learn's converter write."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise import Network
from piecewise.core.array_types import Array

from ..onnx_graphs import imported, layers_logits

torch = pytest.importorskip("torch")
nn = torch.nn
Module = Any


class View(nn.Module):  # type: ignore[misc, name-defined]
    """Layers, flattened by computed sides or by means, and a last one."""

    def __init__(self, layers: Module, last: Module, mean: bool = False) -> None:
        super().__init__()
        self.layers, self.last, self.mean = layers, last, mean

    def forward(self, x: Any) -> Any:
        x = self.layers(x)
        return self.last(x.mean((2, 3)) if self.mean else x.view(x.size(0), -1))


class Texts(nn.Module):  # type: ignore[misc, name-defined]
    """An embedding, a convolution over time and its largest values."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.conv = nn.Embedding(30, 6), nn.Conv1d(6, 5, 3, padding=1)
        self.last = nn.Linear(5, 3)

    def forward(self, tokens: Any) -> Any:
        maps = torch.relu(self.conv(self.embed(tokens).transpose(1, 2)))
        return self.last(maps.max(2).values)


def lenet() -> Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(120, 10),
    )  # fmt: skip


def blocks() -> Module:
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=4, dilation=2, padding="same"), nn.AvgPool2d(2),
    )  # fmt: skip
    return View(layers, nn.Linear(128, 5))


def means() -> Module:
    layers = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)
    )
    return View(layers, nn.Linear(6, 4), mean=True)


def signal() -> Module:
    return nn.Sequential(
        nn.Conv1d(2, 6, 5, padding=2, stride=2), nn.ReLU(), nn.MaxPool1d(2), nn.BatchNorm1d(6),
        nn.Flatten(), nn.Linear(48, 3),
    )  # fmt: skip


def two_classes() -> Module:
    return nn.Sequential(
        nn.Linear(10, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid()
    )


def unflattened() -> Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 12, 12)), nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Flatten(),
        nn.Linear(36, 4), nn.Softmax(1),
    )  # fmt: skip


NETS: dict[str, tuple[Callable[[], Module], tuple[int, ...], tuple[int, int, int]]] = {
    "lenet": (lenet, (1, 28, 28), (1, 28, 28)),
    "blocks": (blocks, (3, 16, 16), (3, 16, 16)),
    "means": (means, (3, 12, 12), (3, 12, 12)),
    "signal": (signal, (2, 32), (2, 1, 32)),
    "two classes": (two_classes, (10,), (10, 1, 1)),
    "unflattened": (unflattened, (144,), (1, 12, 12)),
}


def exported(net: Module, x: Any, fixed_batch: bool = False) -> bytes:
    """The ONNX file of PyTorch's exporter, which is the older one: the newer needs onnxscript."""
    buffer = io.BytesIO()
    axes = None if fixed_batch else {"x": {0: "n"}, "y": {0: "n"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), buffer, dynamo=False, input_names=["x"], output_names=["y"],
                          dynamic_axes=axes)  # fmt: skip
    return buffer.getvalue()


def randomized(net: Module) -> Module:
    """In inference, with statistics that matter."""
    for one in net.modules():
        if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d):
            one.running_mean.normal_()
            one.running_var.uniform_(0.5, 2)
            one.weight.data.uniform_(0.5, 2)
            one.bias.data.normal_()
    return net.eval()


@pytest.mark.parametrize("fixed_batch", [True, False])
@pytest.mark.parametrize("name", NETS)
def test_net_of_pytorch_gives_its_values(name: str, fixed_batch: bool, tmp_path: Path) -> None:
    make, shape, layers_shape = NETS[name]
    torch.manual_seed(3)
    net, x = randomized(make()), torch.randn(5, *shape)
    made = imported(exported(net, x, fixed_batch), tmp_path)
    with torch.no_grad():
        expected = net(x).numpy()
    got = Network.from_saved_model(made)
    given = x.numpy().reshape(5, *layers_shape)
    if name in ("two classes", "unflattened"):  # probabilities
        probabilities = got.probabilities(given)
        wanted = np.hstack([1 - expected, expected]) if expected.shape[1] == 1 else expected
        np.testing.assert_allclose(probabilities, wanted, rtol=0, atol=1e-5)
    else:
        np.testing.assert_allclose(got.logits(given), expected, rtol=0, atol=1e-5)


def test_texts_of_pytorch_give_their_values(tmp_path: Path) -> None:
    torch.manual_seed(4)
    net, tokens = Texts().eval(), torch.randint(0, 30, (6, 11))
    made = imported(exported(net, tokens), tmp_path)
    with torch.no_grad():
        expected: Array = net(tokens).numpy()
    np.testing.assert_allclose(layers_logits(made, tokens.numpy() + 1), expected, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("has_map", [True, False])
def test_perceptron_of_skl2onnx_gives_its_probabilities(
    classes: int, has_map: bool, tmp_path: Path
) -> None:
    skl2onnx = pytest.importorskip("skl2onnx", reason="pip install skl2onnx")
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - with skl2onnx alone

    random = np.random.default_rng(0)
    x = random.normal(size=(60, 6)).astype(np.float32)
    labels = np.array(["ant", "bee", "fly"])[np.arange(60) % classes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        perceptron = MLPClassifier((5, 4), max_iter=30, random_state=0).fit(x, labels)
        options = {id(perceptron): {"zipmap": has_map}}
        model = skl2onnx.to_onnx(perceptron, x[:1], options=options)
    net = Network.from_saved_model(imported(model, tmp_path))
    assert net.classes == ("ant", "bee", "fly")[:classes]
    got = net.probabilities(x.reshape(60, 6, 1, 1))
    np.testing.assert_allclose(got, perceptron.predict_proba(x), rtol=0, atol=1e-5)
