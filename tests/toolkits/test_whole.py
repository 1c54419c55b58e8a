"""A whole training is timed beside PyTorch's, and both learn."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import whole

from piecewise.data.xo import make_xo

pytest.importorskip("torch")


def test_both_learn_and_the_ratio_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawings = make_xo(1_200, 28, seed=0)
    path = tmp_path / "xo.npz"
    np.savez(path, images=drawings.inputs[:, 0], labels=drawings.labels,
             class_names=["X", "O"], is_test=np.arange(1_200) >= 800)  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["whole", str(path), "--quick", "--rounds", "1"])
    whole.main()
    page = capsys.readouterr().out
    shares = [float(share) for share in re.findall(r"([0-9.]+) % right", page)]
    assert len(shares) == 2
    assert min(shares) > 97
    assert re.search(r"piecewise is [0-9.]+ times as fast", page)
