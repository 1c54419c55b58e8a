"""What a person passes in Python: files, Pillow images and texts; wrong names and types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise.core.errors import DataError, LimitError, ModelFileError

XO = pw.make_xo(60, size=9, seed=0)


@pytest.fixture(scope="module")
def net() -> pw.Network:
    made = pw.Network("conv 4 3, relu, pool 2, full", (1, 9, 9), ("X", "O"), 0, XO.preprocessor)
    pw.train(made, XO.inputs, XO.labels, pw.Recipe(epochs=2))
    return made


def pictures(folder: Path) -> list[Path]:
    files = []
    for number, pixels in enumerate(XO.inputs[:6, 0]):
        Image.fromarray(pixels).save(file := folder / f"{number}.png")
        files.append(file)
    return files


def test_predict_files_and_pillow_images_equal_arrays(net: pw.Network, tmp_path: Path) -> None:
    files = pictures(tmp_path)
    expected = net.predict(net.read_inputs(*files))
    images = [Image.open(file) for file in files]
    inputs: Any
    for inputs in (files, [str(file) for file in files], tuple(files), np.array(files), images,
                   [files[0], *images[1:]]):  # fmt: skip
        assert net.predict(inputs) == expected
    for one in (files[0], str(files[0]), images[0]):
        assert net.predict(one) == expected[:1]
        assert net.probabilities(one).tolist() == net.probabilities(files[:1]).tolist()
    assert net.preprocess(images[0]).tobytes() == net.read_inputs(files[0]).tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_predict_pillow_image_of_any_mode_equals_its_file(mode: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 9), np.uint8)
    if mode == "F":
        image = Image.fromarray((noise / 255).astype(np.float32))
    elif mode == "I;16":
        image = Image.fromarray(noise.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(noise).convert("RGB" if mode == "P" else mode)
        image = image.quantize(16) if mode == "P" else image
    image.save(file := tmp_path / "picture.tif")
    net = pw.Network("full", (3, 9, 9), 2)
    assert net.logits(image).tolist() == net.logits(file).tolist()


def test_predict_pillow_image_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(XO.inputs[0, 0]).save(file := tmp_path / "turned.png", exif=exif)
    net = pw.Network("full", (1, 9, 9), 2)
    assert net.logits(Image.open(file)).tolist() == net.logits(file).tolist()


def test_predict_texts(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("text,label\ngood day,yes\nbad day,no\n" * 3)
    data = pw.read_data(tmp_path / "words.csv")
    net = pw.Network("embed 4, pool all, full", data.preprocessor.shape, data.classes, 0,
                     data.preprocessor)  # fmt: skip
    texts = ["good day", "bad day"]
    expected = net.predict(net.preprocess(*texts))
    assert net.predict(texts) == expected
    assert net.predict(texts[0]) == expected[:1]
    (tmp_path / "one.txt").write_text(texts[1])
    assert net.predict(tmp_path / "one.txt") == expected[1:]
    with pytest.raises(DataError, match="got a picture, wanted texts"):
        net.predict(Image.new("L", (9, 9)))


def test_wrong_inputs_raise(net: pw.Network, tmp_path: Path) -> None:
    wrong: Any
    for wrong, words in (
        ("nowhere.png", r"nowhere\.png: no such file"),
        ([], "inputs: got the shape"),
    ):
        with pytest.raises(DataError, match=words):
            net.predict(wrong)
    for example in ("a text", 3, None, np.zeros((2, 9))):
        with pytest.raises(DataError, match=r"preprocess: got .*wanted an array"):
            net.preprocess(example)


def test_wrong_names_raise_with_the_right_one(net: pw.Network, tmp_path: Path) -> None:
    data = pw.Dataset(XO.inputs, XO.labels, ("X", "O"), ["train"] * 60, XO.preprocessor)  # type: ignore[arg-type]
    calls: list[tuple[Any, type[Exception], str]] = [
        (lambda: pw.Recipe.knob("lr"), LimitError, "did you mean 'learning_rate'"),
        (lambda: pw.Recipe.knob("epoch"), LimitError, "did you mean 'epochs'"),
        (lambda: pw.plan_training(data, lr=0.1), LimitError, "did you mean 'learning_rate'"),
        (lambda: data.subset("val"), DataError, "did you mean 'validation'"),
        (lambda: data.subset([1, 2]), DataError, "wanted train, validation or test"),  # type: ignore[arg-type]
        (
            lambda: pw.train(net, XO.inputs, XO.labels, {"epochs": 1}),  # type: ignore[arg-type]
            LimitError,
            "wanted a Recipe; write Recipe",
        ),
        (
            lambda: pw.train(net, XO.inputs, XO.labels, tensorboard=True),
            LimitError,
            "tensorboard: got True without run_dir",
        ),
        (lambda: net.save(tmp_path / "n.txt"), ModelFileError, "such as n.safetensors"),
        (
            lambda: pw.export_spreadsheet(net.walk(XO.inputs[0]), tmp_path / "w.csv", "full1", 0),
            DataError,
            "a spreadsheet is an .xlsx file",
        ),
    ]
    for call, kind, words in calls:
        with pytest.raises(kind, match=words):
            call()
    assert not list(tmp_path.iterdir())


def test_functions_take_paths(tmp_path: Path) -> None:
    np.savez(tmp_path / "xo.npz", images=XO.inputs[:, 0], labels=XO.labels)
    path = tmp_path / "xo.npz"
    assert pw.inspect_data(path).modality == "pictures"
    result = pw.run_training(pw.plan_training(path, layers="full", epochs=1, folds=0))
    assert pw.evaluate(result.net, path).n == result.scores["validation"].n
