"""Export to CNTK, judged by CNTK 2.7 itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from piecewise.exchange.cntk.exporter import CntkExporter
from piecewise.exchange.registry import runners
from piecewise.exchange.runner import RunnerError
from piecewise.exchange.runners.python_toolkits import CNTK

from ..exchange_judging import PICTURES, assert_agrees, assert_catches_changes, net_of
from ..exchange_nets import random_net, samples_of

EXPORTER, RUNNER = CntkExporter(), CNTK
installed = pytest.mark.skipif(
    RUNNER.version() is None, reason="CNTK is not there; sh scripts/toolkits/cntk.sh makes it"
)


@installed
@pytest.mark.parametrize("kind", [*PICTURES, "sound"])
def test_cntk_of_every_kind_of_net_agrees(kind: str, tmp_path: Path) -> None:
    assert_agrees(net_of(kind), EXPORTER, RUNNER.run, tmp_path)


@installed
@pytest.mark.parametrize("seed", range(200))
def test_cntk_of_random_net_agrees(seed: int, tmp_path: Path) -> None:
    assert_agrees(random_net(seed), EXPORTER, RUNNER.run, tmp_path)


@installed
@pytest.mark.parametrize("kind", ["picture grey", "picture colour", "picture deck", "sound"])
def test_cntk_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, RUNNER.run, tmp_path)


@installed
def test_cntk_reports_a_file_that_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no ONNX")
    with pytest.raises(RunnerError, match="cntk_convert: Failed to load model"):
        RUNNER.run(tmp_path, samples_of(net_of("sound")))


def test_cntk_that_is_missing_has_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIECEWISE_TOOLKITS", str(tmp_path))
    assert RUNNER.version() is None
    with pytest.raises(RunnerError, match="CNTK is not installed"):
        RUNNER.run(tmp_path, samples_of(net_of("sound")))


def test_registry_has_cntk() -> None:
    assert CNTK in runners()
