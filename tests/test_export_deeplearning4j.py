"""The Deeplearning4j exporter: its file as h5py reads it, and its Java check with stand-ins for the
classes of Deeplearning4j."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from piecewise import Network
from piecewise.exchange import registry
from piecewise.exchange.deeplearning4j.exporter import CHECK, NET, Deeplearning4jExporter
from piecewise.exchange.passport.record import NOT_RUN
from piecewise.exchange.runners.deeplearning4j import Deeplearning4jRunner

from .exchange_judging import PICTURES, TEXTS, net_of
from .exchange_nets import CLASSES, random_net, saved

EXPORTER = Deeplearning4jExporter()
CAN_SAY = [kind for kind in (*PICTURES, "sound") if kind != "picture average"]


@pytest.mark.parametrize("kind", CAN_SAY)
def test_file_is_a_flat_sequential_model_of_keras_2(kind: str) -> None:
    net = net_of(kind)
    assert EXPORTER.refusal(saved(net)) is None
    with h5py.File(io.BytesIO(EXPORTER.files(saved(net))[NET])) as file:
        assert file.attrs["keras_version"].startswith("2.")
        config = json.loads(file.attrs["model_config"])
        assert config["class_name"] == "Sequential"
        layers = config["config"]["layers"]
        channels, height, width = net.input
        first = layers[0]["config"]
        assert first["batch_input_shape"] == [None, height, width, channels]
        assert {one["class_name"] for one in layers} <= {
            "InputLayer", "Conv2D", "Activation", "MaxPooling2D", "AveragePooling2D", "Dense",
            "ZeroPadding2D", "Flatten", "BatchNormalization", "GlobalMaxPooling2D",
            "GlobalAveragePooling2D",
        }  # fmt: skip
        weights = file["model_weights"]
        names = [one["config"]["name"] for one in layers[1:]]
        assert [name.decode() for name in weights.attrs["layer_names"]] == names
        for name in names:
            for weight in weights[name].attrs["weight_names"]:
                assert weights[name][weight.decode()].dtype == "<f4"
        kernel = weights["conv1/conv1/kernel:0"][()]
    assert np.array_equal(kernel, net.parameters["conv1.weight"].transpose(2, 3, 1, 0))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("conv 2 3, pool 2 stride=2, full", "pool1: windows past the edge see zeros there"),
        ("relu, pool 2 kind=average, full", "pool1: averages of windows past the edge"),
        ("full 8, conv 4 1, full", "conv1: it makes maps of a row of values"),
        ("pool all, pool 1, full", "pool2: it makes maps of a row of values"),
        ("conv 4 9", "conv1: it ends with maps"),
        ("dropout 0.5, conv 3 3, relu, pool all, conv 4 1", "conv2: it makes maps"),
    ],
)
def test_what_it_cannot_say_is_refused_with_the_layer(layers: str, words: str) -> None:
    refusal = EXPORTER.refusal(saved(Network(layers, (2, 9, 9), CLASSES)))
    assert refusal is not None
    assert words in refusal


@pytest.mark.parametrize("layers", ["relu, pool 2, full", "relu, dropout 0.5, pool 2, pool 2, full",
                                    "pool 3 edge=drop, full", "pool 3, full"])  # fmt: skip
def test_windows_past_the_edge_are_accepted_after_relu(layers: str) -> None:
    assert EXPORTER.refusal(saved(Network(layers, (2, 9, 9), CLASSES))) is None


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_are_refused_with_the_layer(kind: str) -> None:
    refusal = EXPORTER.refusal(saved(net_of(kind)))
    assert refusal is not None
    assert refusal.startswith("embed1: ")


STAND_INS = {
    "org/nd4j/linalg/api/ndarray/INDArray.java": """package org.nd4j.linalg.api.ndarray;
        public class INDArray { public float[] values; public long[] shape;
            public double getDouble(long n, long k) { return values[(int) (n * shape[1] + k)]; } }
        """,
    "org/nd4j/linalg/factory/Nd4j.java": """package org.nd4j.linalg.factory;
        import org.nd4j.linalg.api.ndarray.INDArray;
        public class Nd4j {
            public static INDArray create(float[] values, long[] shape, char order) {
                INDArray a = new INDArray(); a.values = values; a.shape = shape; return a; } }
        """,
    "org/deeplearning4j/nn/multilayer/MultiLayerNetwork.java": """
        package org.deeplearning4j.nn.multilayer;
        import org.nd4j.linalg.api.ndarray.INDArray;
        import java.nio.file.*; import java.util.*;
        public class MultiLayerNetwork { public INDArray output(INDArray x) { try {
            Files.write(Paths.get("inputs.txt"), (Arrays.toString(x.shape) + "\\n"
                + Arrays.toString(x.values)).getBytes());
            String[] rows = new String(Files.readAllBytes(Paths.get("outputs.txt"))).split(" ");
            INDArray y = new INDArray(); y.values = new float[rows.length];
            for (int i = 0; i < rows.length; i++) y.values[i] = Float.parseFloat(rows[i]);
            y.shape = new long[] {x.shape[0], rows.length / x.shape[0]}; return y;
        } catch (Exception e) { throw new RuntimeException(e); } } }
        """,
    "org/deeplearning4j/nn/modelimport/keras/KerasModelImport.java": """
        package org.deeplearning4j.nn.modelimport.keras;
        import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
        public class KerasModelImport {
            public static MultiLayerNetwork importKerasSequentialModelAndWeights(
                String path, boolean training) { return new MultiLayerNetwork(); } }
        """,
}
"""Classes with the methods that the check uses: they write its inputs, and read outputs."""


@pytest.mark.skipif(shutil.which("javac") is None, reason="no Java compiler is installed")
@pytest.mark.parametrize("kind", ["picture colour", "picture whole maps"])
def test_java_check_has_the_inputs_and_the_outputs_of_the_net(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    for name, source in STAND_INS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    (tmp_path / CHECK).write_bytes(EXPORTER.files(saved(net))[CHECK])
    subprocess.run(["javac", CHECK, *STAND_INS], cwd=tmp_path, check=True)

    def check(outputs: np.ndarray) -> tuple[int, str]:
        texts = " ".join(f"{one:.9g}" for one in outputs.reshape(-1))
        (tmp_path / "outputs.txt").write_text(texts)
        command = ["java", "-cp", str(tmp_path), "Check"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    check(np.zeros((3, len(CLASSES))))
    shape, values = map(json.loads, (tmp_path / "inputs.txt").read_text().splitlines())
    inputs = np.array(values, np.float32).reshape(shape).transpose(0, 3, 1, 2)
    assert inputs.shape == (3, *net.input)
    assert len(np.unique(inputs)) > 50
    probabilities = net.probabilities(np.ascontiguousarray(inputs))
    code, text = check(probabilities)
    assert code == 0, text
    probabilities[1, 2] += 1e-4
    code, text = check(probabilities)
    assert code == 1
    assert "largest difference of probabilities: 1.0" in text or "9.9" in text


def test_passport_says_that_it_was_not_run() -> None:
    runners = {type(one) for one in registry.runners() if one.exporter == EXPORTER.name}
    assert Deeplearning4jRunner in runners
    assert Deeplearning4jRunner().version() is None
    assert NOT_RUN in EXPORTER.usage(saved(random_net(0)))


def test_registry_has_the_exporter_in_its_folder() -> None:
    assert isinstance(registry.exporter("dl4j"), Deeplearning4jExporter)
    assert EXPORTER.folder == "deeplearning4j"
    for seed in range(30):
        model = saved(random_net(seed))
        if EXPORTER.refusal(model) is None:
            assert EXPORTER.files(model) == EXPORTER.files(model)
