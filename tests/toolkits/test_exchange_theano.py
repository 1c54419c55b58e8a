"""Export to Theano: the script gives the same numbers in Theano 1.0.5."""

from __future__ import annotations

from pathlib import Path

import pytest

from piecewise.exchange.runners.environments import python_of
from piecewise.exchange.runners.python_toolkits import THEANO, THEANO_FLAGS
from piecewise.exchange.theano.exporter import TheanoExporter

from ..exchange_judging import (
    ALL,
    assert_agrees,
    assert_catches_changes,
    assert_usage_predicts,
    net_of,
    pillow_alone,
    run_usage,
)
from ..exchange_nets import random_net

PYTHON = python_of("theano", "theano")
pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="there is no Theano; scripts/toolkits/theano.sh installs it"
)
EXPORTER = TheanoExporter()


@pytest.mark.parametrize("kind", ALL)
def test_theano_of_every_kind_of_net_agrees(kind: str, tmp_path: Path) -> None:
    runner = THEANO
    assert runner.version() == "1.0.5"
    assert_agrees(net_of(kind), EXPORTER, runner.run, tmp_path)


@pytest.mark.parametrize("seed", range(12))
def test_theano_of_random_net_agrees(seed: int, tmp_path: Path) -> None:
    net = random_net(seed, texts=seed % 4 == 3)
    assert_agrees(net, EXPORTER, THEANO.run, tmp_path)


@pytest.mark.parametrize("kind", ["picture colour", "text windows"])
def test_theano_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, THEANO.run, tmp_path)


@pytest.mark.parametrize("kind", ["picture deck", "text average"])
def test_theano_usage_predicts_as_piecewise(kind: str, tmp_path: Path) -> None:
    net, folder = net_of(kind), tmp_path / "net"
    cache = Path(str(PYTHON)).parents[1] / "compiled"
    variables = {
        "THEANO_FLAGS": f"{THEANO_FLAGS},base_compiledir={cache}",
        "PYTHONPATH": pillow_alone(tmp_path / "pillow"),
    }
    warning = "WARNING (theano.tensor.blas)"  # that it uses NumPy's matrix products
    (line,) = run_usage(EXPORTER, net, folder, str(PYTHON), variables, warning).splitlines()
    assert_usage_predicts(line, net, folder)
