"""Options of reading and of training that do not apply: each is refused, or a warning says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status
from piecewise.core.errors import DataError, LimitError

from .sound_files import encoded

TEXTS = "text,label\n" + "".join(f"hello number {n},{'ab'[n % 2]}\n" for n in range(12))
SMALL: dict[str, Any] = {"layers": "full", "epochs": 1}


def data_of(folder: Path, kind: str) -> Path:
    """A small data set of a kind: texts in a table, else files in a folder for each class."""
    if kind == "texts":
        path = folder / "texts.csv"
        path.write_text(TEXTS)
        return path
    random = np.random.default_rng(0)
    for number in range(8):
        place = folder / kind / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        if kind == "sounds":
            content = encoded(random.normal(0, 0.1, 4_000), 8_000, "wav PCM_16")
            (place / f"{number}.wav").write_bytes(content)
            continue
        pixels = np.full((20, 20, 3), 255, np.uint8)
        if kind == "photos":
            pixels = random.integers(0, 256, (20, 20, 3)).astype(np.uint8)
        else:
            pixels[4 + number : 9 + number, 8:12] = 0
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder / kind


OF_IMAGES = {"size": (8, 8), "most": 8, "resize": "pad", "framing": "ink"}
OF_TABLES = {"text_column": "x", "label_column": "x", "split_column": "x", "encoding": "cp1251"}
MISFITS = [
    *[(kind, name, value) for kind in ("sounds", "texts") for name, value in OF_IMAGES.items()],
    *[(kind, "text_length", 3) for kind in ("sounds", "photos", "drawings")],
    *[(kind, *one) for kind in ("sounds", "photos") for one in OF_TABLES.items()],
    ("photos", "framing", "canvas"),
    ("photos", "framing", "ink"),
]


@pytest.mark.parametrize(("kind", "name", "value"), MISFITS)
def test_option_for_other_data_raises(tmp_path: Path, kind: str, name: str, value: Any) -> None:
    path = data_of(tmp_path, kind)
    with pytest.raises(DataError, match=rf"{kind}.*`{name}` applies to .* only; leave it out$"):
        pw.read_data(path, **{name: value})


@pytest.mark.parametrize(
    ("kind", "options"),
    [("drawings", OF_IMAGES), ("photos", {"size": (8, 8), "most": 8, "resize": "crop"}),
     ("texts", {"text_length": 3, "text_column": "text", "encoding": "utf-8"}),
     ("sounds", {"framing": "auto"}), ("texts", {"framing": "auto"})],
)  # fmt: skip
def test_option_for_its_data_is_accepted(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    assert len(pw.read_data(data_of(tmp_path, kind), **options))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [*[("drawings", *one) for one in OF_IMAGES.items()], ("texts", "text_length", 3)],
)
def test_option_beside_preprocessor_raises(
    tmp_path: Path, kind: str, name: str, value: Any
) -> None:
    path = data_of(tmp_path, kind)
    preprocessor = pw.read_data(path).preprocessor
    with pytest.raises(DataError, match=f"`{name}` does not apply, because the preprocessor"):
        pw.read_data(path, preprocessor, **{name: value})


def test_resize_of_drawings_cropped_to_ink_is_a_warning(tmp_path: Path) -> None:
    path = data_of(tmp_path, "drawings")
    (warning,) = pw.read_data(path, resize="stretch", framing="ink").source_warnings
    assert warning.startswith("`resize` has little effect: the images are drawings")
    assert not pw.read_data(path, resize="stretch", framing="canvas").source_warnings
    assert not pw.read_data(data_of(tmp_path, "photos"), resize="stretch").source_warnings


def test_unknown_classes_without_classes_raise(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match=r"`skip_unknown_classes`: got True without `classes`"):
        pw.read_data(data_of(tmp_path, "texts"), skip_unknown_classes=True)


def xo(count: int, splits: tuple[str, ...] = ("train",)) -> pw.Dataset:
    made = pw.make_xo(count, size=9, seed=0)
    names = np.resize(np.array(splits), count)
    return pw.Dataset(made.inputs, made.labels, made.classes, names, made.preprocessor)


@pytest.mark.parametrize("name", ["momentum", "nesterov", "token_scaling"])
def test_options_of_sgd_for_adamw_raise(name: str) -> None:
    value: Any = {"momentum": 0.5, "nesterov": False, "token_scaling": "none"}[name]
    with pytest.raises(LimitError, match=f"^{name}: got .* for the optimizer adamw, which "):
        pw.plan_training(xo(40), optimizer="adamw", **{name: value}, **SMALL)
    plan = pw.plan_training(xo(40), optimizer="sgd", **{name: value}, **SMALL)
    assert getattr(plan.config.recipe, name) == value


def test_token_scaling_of_images_raises() -> None:
    with pytest.raises(LimitError, match=r"^token_scaling: got 'idf' for pictures; it scales"):
        pw.plan_training(xo(40), token_scaling="idf", **SMALL)


def test_validation_fraction_without_effect_raises() -> None:
    with pytest.raises(LimitError, match=r"^validation_fraction: got 0.2, but .* validation split"):
        pw.plan_training(xo(40, ("train", "train", "validation")), validation_fraction=0.2, **SMALL)
    with pytest.raises(LimitError, match=r"^validation_fraction: got 0.2, but .* cross-validated"):
        pw.plan_training(xo(40), validation_fraction=0.2, **SMALL)
    plan = pw.plan_training(xo(40), validation_fraction=0.2, folds=0, **SMALL)
    assert len(plan.splits["validation"].labels) == 8


def test_all_values_of_a_recipe_are_accepted() -> None:
    recipe = pw.Recipe(epochs=1, optimizer="adamw", nesterov=True, validation_fraction=0.2)
    plan = pw.plan_training(xo(40), layers="full", **vars(recipe))
    assert plan.config.recipe == recipe


def test_augmentation_of_texts_raises(tmp_path: Path) -> None:
    some = pw.Augmentation(rotation=5)
    with pytest.raises(LimitError, match=r"^augmentation: got one for texts"):
        pw.plan_training(data_of(tmp_path, "texts"), augmentation=some)


def test_more_folds_than_examples_raise() -> None:
    with pytest.raises(LimitError, match=r"^folds: got 60 .* wanted at most 10, the number"):
        pw.plan_training(xo(20), folds=60, **SMALL)
    assert pw.plan_training(xo(20), folds=10, **SMALL).folds == 10
    assert pw.plan_training(xo(6), **SMALL).folds == 3  # the default is lowered
    with pytest.raises(LimitError, match=r"^folds: got 2 .* wanted 0$"):
        pw.plan_training(xo(2), folds=2, **SMALL)


def test_more_folds_than_groups_raise() -> None:
    data = xo(40)
    data.groups = np.resize(np.array(["p", "q", "r"]), 40)
    with pytest.raises(LimitError, match=r"^folds: got 5 .* wanted at most 3, the number"):
        pw.plan_training(data, folds=5, **SMALL)
    assert pw.plan_training(data, folds="groups", **SMALL).folds == 3


def test_command_refuses_options_of_other_data(tmp_path: Path, capsys: Any) -> None:
    arguments = ["train", str(data_of(tmp_path, "sounds")), "-o", str(tmp_path / "n.safetensors")]
    assert status([*arguments, "--resize", "pad"]) == 1
    assert "applies to images only; leave it out\n" in capsys.readouterr().err
