"""The example that needs scikit-learn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..test_examples import printed

pytest.importorskip("sklearn", reason="the example trains a classifier of scikit-learn, too")


def test_scikit_learn(tmp_path: Path) -> None:
    text = printed("scikit_learn", tmp_path)
    convnet, baseline = (float(one) for one in re.findall(r": ([\d.]+)% of 899", text))
    assert convnet > baseline > 90
    assert "weighted avg" in text
