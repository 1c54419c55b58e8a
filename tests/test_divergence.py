"""Divergence: a training whose learning rate is too high raises an error; hard data do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piecewise.cli.main import status
from piecewise.core.errors import TrainingError
from piecewise.data.xo import make_xo
from piecewise.network import Network
from piecewise.training.divergence import check_stopped_net
from piecewise.training.recipe import Recipe
from piecewise.training.train import train

from .children import interrupted
from .steps import HANG

XO_SET = make_xo(320, size=12, seed=0)
CONVOLUTIONS = "conv 8 3, relu, pool 2, full"
NORMALIZED = "conv 8 3, norm, relu, pool 2, dropout 0.5, full"


def trained(layers: str, labels: Any, **knobs: Any) -> Network:
    net = Network(layers, (1, 12, 12), XO_SET.classes, preprocessor=XO_SET.preprocessor)
    train(net, XO_SET.inputs, labels, Recipe(**knobs))
    return net


@pytest.mark.parametrize(
    ("layers", "knobs", "words"),
    [
        (CONVOLUTIONS, {"learning_rate": 10, "epochs": 1}, "the loss is .* in the end"),
        (CONVOLUTIONS, {"learning_rate": 1000}, "is not a finite number"),
        (NORMALIZED, {"learning_rate": 10, "epochs": 8}, "nothing was learned"),
        (CONVOLUTIONS, {"learning_rate": 10, "loss": "squared"}, "training diverged"),
    ],
)
def test_train_diverged_raises(layers: str, knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError, match=words) as error:
        trained(layers, XO_SET.labels, **knobs)
    rate = knobs["learning_rate"]
    assert f"try a learning rate below {rate}, such as {rate / 10:g}" in str(error.value)


def test_net_whose_logits_are_beyond_float32_has_diverged() -> None:
    net = trained("full", XO_SET.labels, epochs=1)
    net.history = [{"epoch": 1, "loss": 1e30}]
    net.parameters["full1.weight"][:] = 3e38
    with pytest.raises(TrainingError, match="training diverged: the loss is inf in the end"):
        check_stopped_net(net, XO_SET.inputs, XO_SET.labels)


@pytest.mark.parametrize("layers", [CONVOLUTIONS, NORMALIZED])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared", "absolute"])
def test_train_random_labels_do_not_diverge(layers: str, loss: str) -> None:
    labels = np.random.default_rng(0).integers(0, 2, len(XO_SET))
    for epochs in (1, 6):
        rate = 0.05 if loss == "cross-entropy" else 0.01
        assert trained(layers, labels, epochs=epochs, learning_rate=rate, loss=loss).history


def test_train_command_diverged_keeps_existing_net(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "xo.npz", images=XO_SET.inputs[:, 0], labels=XO_SET.labels)
    net = tmp_path / "net.safetensors"
    arguments = ["train", str(tmp_path / "xo.npz"), "-o", str(net), "--epochs", "1"]
    arguments += ["--layers", CONVOLUTIONS]
    assert status([*arguments, "--folds", "0"]) == 0
    before = net.read_bytes()
    for folds in ("0", "3"):
        capsys.readouterr()
        wrong = [*arguments, "--folds", folds, "--force", "--learning-rate", "10"]
        assert status(wrong) == 1
        assert "training diverged: " in capsys.readouterr().err
        assert net.read_bytes() == before


@pytest.mark.parametrize(("rate", "code"), [("10", 1), ("0.05", 130)])
def test_train_command_stopped_saves_no_diverged_net(tmp_path: Path, rate: str, code: int) -> None:
    np.savez(tmp_path / "xo.npz", images=XO_SET.inputs[:, 0], labels=XO_SET.labels)
    net = tmp_path / "net.safetensors"
    arguments = ["train", str(tmp_path / "xo.npz"), "-o", str(net), "--epochs", "90"]
    arguments += ["--effort", "quick", "--folds", "0", "--layers", CONVOLUTIONS]
    arguments += ["--learning-rate", rate, "--schedule", "constant"]
    with interrupted(
        arguments, "piecewise.training.state", "TrainingState.end_epoch", 1
    ) as process:
        _, words = process.communicate(timeout=HANG)
    assert process.returncode == code
    assert net.exists() == (code == 130), words
    message = "stopped; nothing is saved\npiecewise: training diverged: the loss"
    assert (message in words) == (code == 1)


def test_stopped_network_is_judged_as_a_finished_one() -> None:
    net = trained(CONVOLUTIONS, XO_SET.labels, epochs=3)
    check_stopped_net(net, XO_SET.inputs, XO_SET.labels)
    net.parameters.flat[:] *= 100
    net.history[-1]["loss"] = 100.0
    with pytest.raises(TrainingError, match=r"in the end, .*; try a learning rate below 0\.05"):
        check_stopped_net(net, XO_SET.inputs, 1 - XO_SET.labels)
