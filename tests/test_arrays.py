"""Arrays of pictures: axes, readings, and examples put together where they are equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.data import arrays
from piecewise.data.arrays import (
    Standardization,
    as_array_or_paths,
    fit_to_files,
    fit_to_images,
    fit_to_rows,
    to_nchw,
)
from piecewise.training.deduplicate import deduplicate, normalize_weights

from .lessons import PICTURES, TABLE, rng


@pytest.mark.parametrize(
    ("sides", "said", "shape", "last"),
    [
        ((3, 5, 7), None, (3, 5, 7), False),
        ((5, 7, 3), None, (3, 5, 7), True),
        ((3, 5, 3), None, (3, 5, 3), False),
        ((5, 7, 4), None, (5, 7, 4), False),
        ((5, 7, 4), (4, 5, 7), (4, 5, 7), True),
        ((5, 7, 3), (5, 7, 3), (5, 7, 3), False),
    ],
)
def test_to_nchw_finds_channel_axis(sides: Any, said: Any, shape: Any, last: bool) -> None:
    numbers = np.arange(2.0 * np.prod(sides)).reshape(2, *sides)
    found = to_nchw(numbers, said)
    assert found.shape[1:] == shape
    assert (found == (np.moveaxis(numbers, 3, 1) if last else numbers)).all()
    assert (to_nchw(numbers, shape) == found).all()  # as it is at predict


def test_standardization_uses_sample_weights() -> None:
    weights = rng().integers(0, 4, 60).astype(float)
    repeated = np.repeat(TABLE, weights.astype(int), axis=0)
    found = fit_to_rows(TABLE[:, None, None], weights)
    assert isinstance(found, Standardization)
    assert np.allclose(found.mean.ravel(), repeated.mean(axis=0), rtol=1e-12)
    assert np.allclose(found.deviation.ravel(), repeated.std(axis=0), rtol=1e-12)
    pictures = rng().normal(3, 2, (1_100, 2, 3, 4))  # more than a block of them
    found = fit_to_images(pictures, np.ones(1_100))
    assert isinstance(found, Standardization)
    assert np.allclose(found.mean.ravel(), pictures.mean(axis=(0, 2, 3)), rtol=1e-12)
    assert np.allclose(found.deviation.ravel(), pictures.std(axis=(0, 2, 3)), rtol=1e-12)


def test_fit_to_files_order_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_SAMPLE", 2)  # of eight: those of even numbers are looked at
    paths = [tmp_path / f"{number}.png" for number in range(8)]
    for number, path in enumerate(paths):
        Image.fromarray(PICTURES[number]).resize((9 + number % 2, 9)).save(path)
    for order in (paths, paths[::-1], paths[1:] + paths[:2]):
        assert fit_to_files(order, None).preprocessor.shape == (1, 9, 9)


def test_paths_are_distinguished_from_texts() -> None:
    assert as_array_or_paths(["a.png", Path("b.png")]) == [Path("a.png"), Path("b.png")]
    assert as_array_or_paths(np.array([["1", "2.5"]])).tolist() == [[1, 2.5]]  # type: ignore[union-attr]
    with pytest.raises(TypeError, match="argument must be"):
        as_array_or_paths(np.array([[{}, 1]], object))


def test_deduplicate_equal_pairs_are_merged() -> None:
    pictures = np.array([[2.0, 0.0], [1.0, 5.0], [2.0, -0.0], [1.0, 5.0], [1.0, 5.0]])
    labels, weights = np.array([0, 1, 0, 1, 0]), np.array([1.0, 0.1, 2.0, 0.2, 4.0])
    for order in (np.arange(5), np.array([4, 3, 2, 1, 0])):
        found = deduplicate(pictures[order], labels[order], weights[order])
        assert sorted(zip(found.inputs.tolist(), found.labels.tolist(), strict=True)) == [
            ([1.0, 5.0], 0),
            ([1.0, 5.0], 1),
            ([2.0, 0.0], 0),
        ]
        assert sorted(found.sample_weight.tolist()) == [0.1 + 0.2, 3.0, 4.0]
    assert normalize_weights(np.array([3.0, 3.0])) is None
    shares = normalize_weights(np.array([3.0, 1.0]))
    assert shares is not None
    assert shares.tolist() == [1.5, 0.5]
