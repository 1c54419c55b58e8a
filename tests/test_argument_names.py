"""Arguments that are misspelt, exchanged or given as a list."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status

CLASSES: dict[str, Callable[..., Any]] = {
    "Recipe": pw.Recipe,
    "Augmentation": pw.Augmentation,
    "ConvNetClassifier": pw.ConvNetClassifier,
}


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("Recipe", "learningrate", "recipe: 'learningrate' .*; did you mean 'learning_rate'"),
        ("Recipe", "lr", "recipe: 'lr' is not a hyperparameter; did you mean 'learning_rate'"),
        ("Recipe", "zzz", "recipe: 'zzz' is not a hyperparameter; known names: augmentation, b"),
        ("Augmentation", "rotate", "augmentation: 'rotate' .*; did you mean 'rotation'"),
        ("ConvNetClassifier", "epoch", "ConvNetClassifier: 'epoch' .*; did you mean 'epochs'"),
    ],
)
def test_misspelt_argument_raises_with_the_nearest_name(name: str, wrong: str, words: str) -> None:
    with pytest.raises(pw.LimitError, match=rf"^{words}"):
        CLASSES[name](**{wrong: 1})


@pytest.mark.parametrize("name", CLASSES)
def test_signature_is_that_of_the_arguments(name: str) -> None:
    parameters = inspect.signature(CLASSES[name]).parameters
    assert len(parameters) > 8
    kinds = {one.kind for one in parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}


def test_positional_arguments_still_work() -> None:
    assert pw.Recipe(7, 16).batch_size == 16
    assert pw.ConvNetClassifier("full", (3, 3)).image_shape == (3, 3)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((8, 8), 90 * number, np.uint8)).save(path)
    return paths


NET = pw.Network("full", (1, 8, 8), ("a", "b"))


def test_list_of_files_is_read_as_the_files(files: list[Path]) -> None:
    expected = NET.read_inputs(*files)
    assert expected.shape == (2, 1, 8, 8)
    for given in (files, tuple(files), [str(path) for path in files]):
        assert np.array_equal(NET.read_inputs(given), expected)
    images = [Image.open(path) for path in files]
    assert np.array_equal(NET.preprocess(images), expected)


@pytest.mark.parametrize("given", [5, None, [5], [["a.png"]], b"a.png"])
def test_value_that_names_no_file_raises(given: Any) -> None:
    with pytest.raises(pw.DataError, match=r"^read_inputs: got .*, wanted the name of a file$"):
        NET.read_inputs(given)
    with pytest.raises(pw.DataError, match="got nothing to preprocess"):
        NET.read_inputs([])


@pytest.mark.parametrize("command", ["predict", "explain", "why", "evaluate", "robustness"])
def test_exchanged_net_and_input_are_named(
    tmp_path: Path, files: list[Path], capsys: Any, command: str
) -> None:
    net = tmp_path / "n.safetensors"
    NET.save(net)
    assert status([command, str(files[0]), str(net)]) == 2
    message = f"NET comes first: got {files[0]}, which is no net, before {net}, which is one"
    assert message in capsys.readouterr().err


def test_file_in_place_of_a_net_is_named(files: list[Path], capsys: Any) -> None:
    assert status(["predict", str(files[0]), str(files[1])]) == 1
    wanted = f"piecewise: {files[0]}: it is a PNG picture, wanted a model file (.safetensors)\n"
    assert capsys.readouterr().err == wanted
