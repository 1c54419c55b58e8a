"""The repr of what holds whole data sets: one line, without their arrays."""

from __future__ import annotations

import numpy as np

from piecewise.data.dataset import Dataset
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.xo import make_xo
from piecewise.training.plan import plan_training

XO = make_xo(40, size=12)
DATA = Dataset(
    XO.inputs, XO.labels, XO.classes, np.repeat(["train", "test"], [32, 8]), XO.preprocessor
)


def test_dataset_repr_has_shape_classes_and_splits() -> None:
    wanted = "inputs=(40, 1, 12, 12), classes=['X', 'O'], splits={'train': 32, 'test': 8}"
    assert repr(DATA) == f"Dataset({wanted})"
    assert repr(XO) == "XODataset(inputs=(40, 1, 12, 12), classes=['X', 'O'])"


def test_dataset_repr_with_many_classes_stays_short() -> None:
    names = tuple(f"{'long' * 30} {number}" for number in range(1_000))
    inputs, labels = np.zeros((3, 1, 8, 8), np.uint8), np.array([0, 500, 999])
    many = Dataset(inputs, labels, names, np.array(["train"] * 3), ImagePreprocessor((1, 8, 8)))
    assert len(repr(many)) < 320
    assert "..." in repr(many)


def test_training_plan_repr_has_layers_splits_and_stages() -> None:
    plan = plan_training(DATA, layers="conv 4 3, relu, full", epochs=7, folds=3, effort="quick")
    assert repr(plan) == (
        "TrainingPlan(\"conv 4 3, relu, full\", epochs=7, splits={'train': 32, 'test': 8}, "
        "candidates=1, folds=3, effort='quick')"
    )
