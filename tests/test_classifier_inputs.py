"""What the classifier takes for pictures and labels, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise import ConvNetClassifier
from piecewise.core.errors import DataError, LimitError, NotationError
from piecewise.data.arrays import ByteScaling, Standardization, fit_to_images

from .lessons import KINDS, LABELS, PICTURES, SMALL, TABLE, bits, rng, taught


@pytest.mark.parametrize(
    ("X", "shape"),
    [
        (PICTURES.reshape(-1, 81), (9, 9)),
        (PICTURES.reshape(-1, 81), (1, 9, 9)),
        (PICTURES[:, None], None),
        (PICTURES[..., None], None),
        (PICTURES, np.array([9, 9])),
    ],
)
def test_fit_grayscale_layouts_give_same_bits(X: Any, shape: Any) -> None:
    assert taught(X, image_shape=shape) == taught()
    classifier = ConvNetClassifier(**SMALL).fit(PICTURES, LABELS)
    assert (classifier.predict(X) == classifier.predict(PICTURES)).all()


def test_fit_chooses_input_scaling() -> None:
    def reading(X: Any) -> Any:
        return ConvNetClassifier(**{**SMALL, "epochs": 1}).fit(X, LABELS)._scaling

    whole = reading(PICTURES)
    assert (whole.learned.low, whole.learned.high) == (0, 255)
    assert whole.preprocessor.background == "dark"
    light = reading(255 - PICTURES)
    assert light.preprocessor.background == "light"
    assert (light.transform(255 - PICTURES[:, None])[:, 0] == 255 - PICTURES).all()
    divided = reading(PICTURES / 255)
    assert isinstance(divided, ByteScaling)
    assert divided.learned.low == PICTURES.min() / 255
    assert divided.learned.high == PICTURES.max() / 255
    assert (divided.transform((PICTURES / 255)[:, None])[:, 0] == PICTURES).all()
    noisy = reading(PICTURES + rng().normal(0, 1, PICTURES.shape))
    assert isinstance(noisy, Standardization)
    assert noisy.mean.shape == (1, 1, 1)
    few = rng().normal(size=(4, 1, 3, 3))  # as many values as numbers: they mean no levels
    assert isinstance(fit_to_images(few, np.ones(4)), Standardization)
    classifier = ConvNetClassifier(**SMALL).fit(PICTURES, LABELS)  # it is of a dark ground
    assert classifier.score(255 - PICTURES, classifier.predict(PICTURES)) > 0.9


def test_fit_constant_columns_become_zero() -> None:
    table = np.column_stack([TABLE, np.full(60, 0.1), np.full(60, 1e9)])
    inputs = ConvNetClassifier(epochs=1, random_state=0).fit(table, KINDS).inputs(table)
    assert np.abs(inputs[..., 4:]).max() < 1e-6


def test_fit_image_files_network_predicts_alike(tmp_path: Path) -> None:
    paths = []
    for number, picture in enumerate(PICTURES):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(picture).resize((18, 18)).save(paths[-1])
    texts = [str(path) for path in paths]
    classifier = ConvNetClassifier(**{**SMALL, "epochs": 8}, image_shape=(9, 9))
    classifier.fit(texts, LABELS)
    assert classifier.score(np.array(paths), LABELS) > 0.9
    assert bits(classifier) == taught(paths[::-1], LABELS[::-1], epochs=8, image_shape=(9, 9))
    classifier.network_.save(tmp_path / "net.safetensors")
    net = pw.load(tmp_path / "net.safetensors")
    assert net.predict(classifier.inputs(texts)) == classifier.predict(texts).tolist()
    assert ConvNetClassifier(**SMALL).fit(paths, LABELS).image_shape_ == (1, 18, 18)
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        classifier.predict([*texts, "gone.png"])
    table = ConvNetClassifier(epochs=1).fit(TABLE, KINDS)
    with pytest.raises(DataError, match="got paths of images, wanted arrays"):
        table.predict(texts)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, 7])[KINDS],
        np.array([-1.0, 1.0])[KINDS],
        KINDS.astype(bool),
        np.array(["no", "yes"])[KINDS],
        np.array(["no", "yes"], object)[KINDS],
        np.array(["a", "b\ud800"], object)[KINDS],
        np.array([None, "x" * 2_000], object)[np.ones(60, int)],
    ],
    ids=["ints", "floats", "bools", "texts", "objects", "no name", "one class"],
)
def test_predict_labels_have_dtype_of_y(labels: Any) -> None:
    classifier = ConvNetClassifier(random_state=0)
    if len(set(labels.tolist())) < 2:
        with pytest.raises(DataError, match="only one class"):
            classifier.fit(TABLE, labels)
        return
    answers = classifier.fit(TABLE, labels).predict(TABLE)
    assert answers.dtype == labels.dtype
    assert (answers == labels).mean() > 0.95
    assert classifier.fit(TABLE, labels.tolist()).score(TABLE, labels) > 0.95


class Sparse:
    """Looks like a sparse matrix."""

    def tocsr(self) -> None: ...


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (Sparse(), "sparse"),
        (TABLE * 1j, "Complex data not supported"),
        (TABLE[:, 0], "Reshape your data"),
        (TABLE[:, :, None, None, None], "5 axes"),
        (np.empty((0, 4)), "0 sample"),
        (np.empty((60, 0)), r"0 feature\(s\) \(shape=\(60, 0\)\) while a minimum of 1"),
        (np.where(TABLE > 9, np.nan, TABLE), "NaN"),
        (np.where(TABLE > 9, np.inf, TABLE), "inf"),
        ([[1, 2], [3]], "different lengths"),
        (np.full((60, 4), "red"), "wanted numbers"),
        (TABLE * 1e200, "too large"),
        (TABLE[:50], "got 60 labels, wanted 50"),
    ],
)
def test_fit_invalid_inputs_raise(X: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        ConvNetClassifier().fit(X, KINDS)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed"),
        (TABLE, "y should be a 1d array"),
        (TABLE[:, 0], "Unknown label type: continuous"),
        (np.where(KINDS, np.nan, 1), "NaN"),
        (KINDS * 1j, "Complex"),
        (np.ones(60), "only one class"),
        ([1, "a"] * 30, None),
        (np.array([1, "a"] * 30, object), "labels of different kinds"),
    ],
)
def test_fit_invalid_labels_raise(y: Any, words: str | None) -> None:
    if words is None:  # NumPy makes texts of them
        assert ConvNetClassifier(epochs=1).fit(TABLE, y).classes_.tolist() == ["1", "a"]
        return
    with pytest.raises(DataError, match=words):
        ConvNetClassifier().fit(TABLE, y)


@pytest.mark.parametrize(
    "weights", [np.ones(59), np.ones((60, 1)), -np.ones(60), np.full(60, np.nan), ["a"] * 60]
)
def test_fit_invalid_sample_weight_raises(weights: Any) -> None:
    with pytest.raises(DataError, match="sample_weight: "):
        ConvNetClassifier().fit(TABLE, KINDS, weights)
    with pytest.raises(DataError, match="sample_weight: every weight is zero"):
        ConvNetClassifier().fit(TABLE, KINDS, np.zeros(60))


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"layers": "conv 4 3, relo"}, NotationError),
        ({"layers": "embed 4, full"}, ValueError),
        ({"epochs": 0}, LimitError),
        ({"image_shape": (9, 9, 9, 9)}, LimitError),
        ({"image_shape": "9x9"}, LimitError),
        ({"image_shape": (8, 8)}, DataError),
        ({"random_state": -1}, LimitError),
        ({"n_jobs": 0}, LimitError),
        ({"augmentation": "leaps 3"}, LimitError),
        ({"loss": "hinge"}, LimitError),
    ],
)
def test_fit_invalid_parameter_raises(said: dict[str, Any], error: type[Exception]) -> None:
    classifier = ConvNetClassifier(**{**SMALL, **said})  # made without a word
    with pytest.raises(error):
        classifier.fit(PICTURES, LABELS)
    assert not classifier.__sklearn_is_fitted__()


def test_predict_inputs_of_other_shape_raise() -> None:
    classifier = ConvNetClassifier(**SMALL).fit(PICTURES, LABELS)
    words = "X has 64 features, but ConvNetClassifier is expecting 81 features as input: 1 x 9 x 9"
    with pytest.raises(DataError, match=words):
        classifier.predict(PICTURES[:, :8, :8])
    with pytest.raises(DataError, match=r"got pictures \(1, 81\), wanted \(1, 9, 9\)"):
        classifier.predict(PICTURES.reshape(-1, 1, 81))
    with pytest.raises(ValueError, match="not fitted yet"):  # scikit-learn's, if it is loaded
        ConvNetClassifier().predict(PICTURES)
    table = ConvNetClassifier(epochs=1).fit(TABLE, KINDS)
    with pytest.raises(DataError, match="exceeds float32 after scaling"):
        table.predict(TABLE * 1e200)


@pytest.mark.parametrize(
    ("learned", "asked", "remedy"),
    [
        (PICTURES / 255, PICTURES, "divide by 255"),
        (PICTURES, PICTURES / 255, "multiply by 255"),
        (PICTURES.astype(float) + 0.25, PICTURES / 255, "multiply by 255"),
        (PICTURES // 16, PICTURES / 255, "multiply by 15"),
        (PICTURES / 127.5 - 1, PICTURES, "scale them as the training data"),
        ((PICTURES > 99).astype(np.uint8), PICTURES, "divide by 255"),
    ],
)
@pytest.mark.filterwarnings("ignore:X. the 81 columns look like the pixels")
@pytest.mark.parametrize("is_table", [False, True])
def test_predict_of_another_scale_raises(
    learned: Any, asked: Any, remedy: str, is_table: bool
) -> None:
    if is_table:
        learned, asked = learned.reshape(-1, 81), asked.reshape(-1, 81)
        learned, asked = learned.astype(np.float64), asked.astype(np.float64)
    classifier = ConvNetClassifier("full", epochs=1).fit(learned, LABELS)
    assert (classifier.predict(learned[:5]) == classifier.predict(learned)[:5]).all()
    if is_table and ((learned % 1).any() or learned.max() == 1):
        return  # some columns of a table may be wide and others narrow
    with pytest.raises(DataError, match=rf"^X: got numbers from .*; {remedy}$"):
        classifier.predict(asked)


def test_predict_dark_inputs_are_not_rescaled() -> None:
    for learned in (PICTURES, PICTURES / 255):
        classifier = ConvNetClassifier(**{**SMALL, "epochs": 1}).fit(learned, LABELS)
        for dark in (learned * 0, learned // 128, (learned / 128).astype(learned.dtype)):
            inputs = classifier.inputs(dark)
            assert int(inputs.max()) == int(np.rint(dark.max() * 255 / learned.max()))


def test_predict_single_values_far_beyond_the_learned_are_accepted() -> None:
    learned = rng().normal(size=(60, 1, 9, 9))
    classifier = ConvNetClassifier("full", epochs=1).fit(learned, KINDS)
    learned[0, 0, 4, 4] = 50.0
    assert len(classifier.predict(learned)) == 60
    with pytest.raises(DataError, match="wanted the scale of the training data"):
        classifier.predict(learned * 50)


def test_fit_bytes_of_few_levels_use_all_levels() -> None:
    for few in ((PICTURES > 99).astype(np.uint8), PICTURES // 16):
        classifier = ConvNetClassifier(**{**SMALL, "epochs": 1}).fit(few, LABELS)
        inputs = classifier.inputs(few)
        assert (inputs.min(), inputs.max()) == (0, 255)


def test_fit_column_vector_of_labels_warns() -> None:
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        ConvNetClassifier(epochs=1).fit(TABLE, KINDS[:, None])


class DataFrameLike:
    """A data frame as pandas has them, of columns by name."""

    def __init__(self, **columns: Any) -> None:
        self.columns = list(columns)
        self._columns = {name: np.asarray(column) for name, column in columns.items()}

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        wide = [column.astype(object) for column in self._columns.values()]
        return np.column_stack(wide).astype(dtype or object)


class NAType:
    """As pandas writes what is missing."""


COLUMNS: dict[str, Any] = {f"c{number}": TABLE[:, number] for number in range(4)}


def test_data_frame_of_numbers_and_bools_is_a_table() -> None:
    columns = {**COLUMNS, "flag": TABLE[:, 0] > 0, "count": np.arange(60)}
    classifier = ConvNetClassifier(random_state=0).fit(DataFrameLike(**columns), KINDS)
    assert classifier.feature_names_in_.tolist() == list(columns)
    assert classifier.score(DataFrameLike(**columns), KINDS) > 0.95
    with pytest.raises(DataError, match="must be in the same order"):
        classifier.predict(DataFrameLike(**dict(reversed(columns.items()))))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (np.full(60, "red"), "do not hold numbers; encode them as numbers"),
        (np.full(60, "red", object), "do not hold numbers"),
        (np.full(60, "2024-01-01", "datetime64[D]"), "do not hold numbers"),
        (np.where(KINDS, np.nan, 1), "contain NaN, infinite or missing values; fill them"),
        (np.where(KINDS, np.inf, 1), "contain NaN"),
        (np.array([1, None] * 30, object), "contain NaN"),
        (np.array([1, NAType()] * 30, object), "contain NaN"),
    ],
)
def test_data_frame_names_the_columns_that_are_wrong(column: Any, words: str) -> None:
    with pytest.raises(DataError, match=rf"^X: the columns \['other'\] {words}"):
        ConvNetClassifier().fit(DataFrameLike(**COLUMNS, other=column), KINDS)


def test_texts_are_refused_with_the_way_to_learn_them() -> None:
    with pytest.raises(DataError, match=r"^X: got texts such as 'so good', wanted numbers, or pat"):
        ConvNetClassifier().fit(["so good", "so bad"] * 30, KINDS)
