"""Texts that are longer than what is read of them: counted, reported, and read with an option."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from piecewise.core.errors import DataError, LimitError
from piecewise.data.dataset import read_data
from piecewise.data.inspection.report import inspect_data, warnings


def long_texts(folder: Path, lengths: Sequence[int]) -> Path:
    path = folder / "long.csv"
    rows = [f"{'word ' * length},{'ab'[n % 2]}" for n, length in enumerate(lengths)]
    path.write_text("\n".join(("text,label", *rows)))
    return path


def test_cut_texts_are_counted(tmp_path: Path) -> None:
    path = long_texts(tmp_path, [127, 128, 129, 200] * 5)
    data = read_data(path)
    assert (data.preprocessor.shape[2], data.cut_count) == (128, 10)
    finding = next(one for one in inspect_data(data).findings if one.kind == "cut-texts")
    assert (finding.serious, finding.count) == (True, 10)
    assert finding.message.startswith("10 of 20 texts are longer than 128 words; a net that")
    assert "`text_length` N" in finding.advice
    assert any("10 of 20 texts are longer" in sentence for sentence in warnings(data))
    assert read_data(path, cache=tmp_path / "cache").cut_count == 10
    assert read_data(path, cache=tmp_path / "cache").cut_count == 10  # memory-mapped


def test_text_length_sets_positions(tmp_path: Path) -> None:
    path = long_texts(tmp_path, [150] * 6)
    data = read_data(path, text_length=150)
    assert (data.inputs.shape, data.cut_count) == ((6, 150), 0)
    assert not [one for one in warnings(data) if "longer than" in one]
    assert read_data(path, text_length=3).cut_count == 6
    with pytest.raises(LimitError, match="wanted a whole number from 1 to 4,096"):
        read_data(path, text_length=5_000)
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 8, 8), np.uint8), labels=[0, 1])
    with pytest.raises(DataError, match="got pictures; `text_length` applies to texts only"):
        read_data(tmp_path / "a.npz", text_length=9)


def test_few_cut_texts_are_no_warning(tmp_path: Path) -> None:
    data = read_data(long_texts(tmp_path, [8] * 95 + [20] * 5))
    assert data.cut_count == 5
    assert not [one for one in warnings(data) if "longer than" in one]
    assert [one.serious for one in inspect_data(data).findings if one.kind == "cut-texts"] == [
        False
    ]
