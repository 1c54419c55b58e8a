"""Export to NumPy: the script gives the same numbers as the reference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from piecewise.exchange.numpy_script.exporter import NumPyExporter
from piecewise.exchange.runner import Outputs, RunnerError, Samples
from piecewise.exchange.runners import environments
from piecewise.exchange.runners.python_toolkits import NUMPY

from .exchange_judging import (
    ALL,
    assert_agrees,
    assert_catches_changes,
    load_module,
    net_of,
    run_usage,
    write,
)
from .exchange_nets import inputs_of, random_net, samples_of, saved
from .long import now_and_long

EXPORTER = NumPyExporter()


def judge(folder: Path, samples: Samples) -> Outputs:
    """As the runner does, in this process."""
    net = load_module(folder)
    return Outputs(net.logits(samples.layer_inputs), net.probabilities(samples.inputs))


@pytest.mark.parametrize("kind", ALL)
def test_numpy_of_every_kind_of_net_agrees(kind: str, tmp_path: Path) -> None:
    assert_agrees(net_of(kind), EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("seed", now_and_long(range(200), range(40)))
def test_numpy_of_random_net_agrees(seed: int, tmp_path: Path) -> None:
    assert_agrees(random_net(seed, texts=seed % 4 == 3), EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("kind", ["picture grey", "picture deck", "sound", "text windows"])
def test_numpy_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, judge, tmp_path)


@pytest.mark.parametrize("kind", ["picture colour", "text strides"])
def test_numpy_runner_agrees(kind: str, tmp_path: Path) -> None:
    runner = NUMPY
    assert runner.version() == np.__version__
    assert_agrees(net_of(kind), EXPORTER, runner.run, tmp_path)


def test_numpy_numbers_are_float32(tmp_path: Path) -> None:
    net = net_of("picture colour")
    outputs = judge(write(EXPORTER.files(saved(net)), tmp_path), samples_of(net))
    assert outputs.logits is not None
    assert outputs.logits.dtype == outputs.probabilities.dtype == np.float32


@pytest.mark.parametrize("kind", ["picture grey", "picture average", "text average"])
def test_numpy_usage_prints_predictions(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    lines = run_usage(EXPORTER, net, tmp_path).splitlines()
    assert len(lines) == (4 if kind == "picture average" else 1)
    assert all(line.startswith(net.classes) and line.endswith("%") for line in lines)


def test_numpy_script_classifies_the_inputs_of_a_file(tmp_path: Path) -> None:
    net = net_of("picture grey")
    write(EXPORTER.files(saved(net)), tmp_path)
    inputs = inputs_of(net, 5)
    np.save(tmp_path / "inputs.npy", inputs)
    done = subprocess.run(
        [sys.executable, "-B", "-X", "utf8", "net.py", "inputs.npy"], cwd=tmp_path,
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    shares = net.probabilities(inputs).max(axis=1)
    expected = [f"{c}  {p:.1%}" for c, p in zip(net.predict(inputs), shares, strict=True)]
    assert done.stdout.splitlines() == expected


def test_runner_of_a_broken_export_says_why(tmp_path: Path) -> None:
    net = net_of("picture deck")
    write(EXPORTER.files(saved(net)), tmp_path)
    (tmp_path / "net.npz").write_bytes(b"no arrays")
    with pytest.raises(RunnerError, match=r"^python\S* failed: .*pickle") as caught:
        NUMPY.run(tmp_path, samples_of(net))
    assert "\n" not in str(caught.value)


def test_python_of_a_toolkit_is_that_of_its_own_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIECEWISE_TOOLKITS", str(tmp_path))
    assert environments.python_of("abacus", "no-such-package") is None
    assert environments.python_of("abacus", "numpy") == sys.executable
    own = tmp_path / "abacus" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    own.parent.mkdir(parents=True)
    own.touch()
    assert environments.python_of("abacus", "numpy") == str(own)
