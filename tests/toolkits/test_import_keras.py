"""Import from Keras: models that Keras 3 and Keras 2 wrote give the same probabilities."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.core.errors import ModelFileError
from piecewise.exchange.import_model import import_model
from piecewise.exchange.keras.exporter import TensorFlowExporter
from piecewise.exchange.registry import ImportOptions
from piecewise.exchange.runners.environments import package_version, python_of

from ..exchange_judging import ALL, net_of, write
from ..exchange_nets import saved

PYTHON = python_of("tensorflow", "keras") or ""
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="Keras is not installed; run scripts/toolkits/tensorflow.sh"
)
MODELS = Path(__file__).with_name("keras_models.py")
NAMES = ("vgg", "functional", "mobile", "audio", "teachable", "sequences", "texts", "grouped",
         "digits", "table", "same_pooling")  # fmt: skip


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of one library, and what it computes."""
    library: str = request.param
    if package_version(PYTHON, library.replace("_", "-")) is None:
        pytest.skip(f"{library} is not installed; run scripts/toolkits/tensorflow.sh")
    place = tmp_path_factory.mktemp(library)
    command = [PYTHON, "-I", str(MODELS), str(place), library]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return place


def network_inputs(name: str, x: Array, net: Network) -> Array:
    """Inputs of Keras for a network: channels first, and tokens from 1."""
    if name == "texts":
        return x + 1
    if name == "mobile":
        x = x.astype(np.uint8)
    if name == "table":
        x = x[:, None, None]
    if name == "digits":
        return x.reshape(-1, *net.input)
    x = x[:, None] if x.ndim == 3 else x
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", NAMES)
def test_imported_model_answers_as_keras(name: str, suffix: str, folder: Path) -> None:
    net = Network.from_saved_model(import_model(folder / f"{name}{suffix}", ImportOptions()))
    with np.load(folder / f"{name}.npz") as arrays:
        inputs, expected = network_inputs(name, arrays["x"], net), arrays["y"]
    if expected.shape[1] == 1:  # a sigmoid
        expected = np.concatenate([1 - expected, expected], axis=1)
    assert expected.max(axis=1).min() < 0.95
    assert np.ptp(expected, axis=0).max() > 0.01  # it depends on the input
    got = net.probabilities(inputs)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 1e-5


@pytest.mark.parametrize(
    ("name", "words"),
    [("mobilenet", "'conv1_relu': it is a ReLU up to 6"), ("resnet", "_add': it joins 2 branches")],
)
def test_nets_that_cannot_be_said_are_refused_with_the_layer(
    name: str, words: str, folder: Path
) -> None:
    if not (folder / f"{name}.keras").exists():
        pytest.skip("written by Keras 3 alone")
    with pytest.raises(ModelFileError) as caught:
        import_model(folder / f"{name}.keras", ImportOptions())
    assert words in str(caught.value)


SAVE_AGAIN = """
import sys, keras
for path in sys.argv[1:]:
    keras.saving.load_model(path, compile=False).save(path.replace("net.keras", "again.keras"))
"""


def test_own_nets_that_keras_saved_again_come_back_bit_for_bit(tmp_path: Path) -> None:
    kinds = [kind for kind in ALL if not kind.startswith("text")]
    paths = []
    for number, kind in enumerate(kinds):
        place = write(TensorFlowExporter().files(saved(net_of(kind))), tmp_path / str(number))
        paths.append(place / "net.keras")
    command = [PYTHON, "-I", "-c", SAVE_AGAIN, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for path, kind in zip(paths, kinds, strict=True):
        own = net_of(kind)
        again = import_model(path.with_name("again.keras"), ImportOptions())
        back = Network.from_saved_model(again)
        assert back.state.keys() == own.state.keys(), kind
        for name, array in own.state.items():
            assert back.state[name].tobytes() == array.tobytes(), (kind, name)
