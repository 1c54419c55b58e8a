"""The time of a complete training is compared with PyTorch's, and both reach a high accuracy."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import training_time

from piecewise.data.xo import make_xo

pytest.importorskip("torch")


def test_training_time_prints_both_accuracies_and_the_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawings = make_xo(1_200, 28, seed=0)
    path = tmp_path / "xo.npz"
    np.savez(path, images=drawings.inputs[:, 0], labels=drawings.labels,
             class_names=["X", "O"], is_test=np.arange(1_200) >= 800)  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["training_time", str(path), "--quick", "--rounds", "1"])
    training_time.main()
    page = capsys.readouterr().out
    accuracies = [float(accuracy) for accuracy in re.findall(r"accuracy ([0-9.]+) %", page)]
    assert len(accuracies) == 2
    assert min(accuracies) > 97
    assert re.search(r"piecewise is [0-9.]+ times as fast", page)


def test_data_that_cannot_be_used_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["training_time", str(tmp_path / "none.npz")])
    with pytest.raises(SystemExit, match=r"^piecewise: .*none\.npz"):
        training_time.main()
