"""Writes small models of every importable kind with Keras 3 or Keras 2, and what they compute.

Run by the Python of Keras, not by that of the tests: python keras_models.py FOLDER keras|tf_keras
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

folder, library = sys.argv[1:]
keras = importlib.import_module(library)
L = keras.layers
Sequential, Input = keras.Sequential, keras.Input


def vgg() -> Any:
    blocks = []
    for features in (4, 6):
        blocks += [L.Conv2D(features, 3, padding="same", activation="relu") for _ in range(2)]
        blocks += [L.MaxPooling2D(2)]
    end = [L.Flatten(), L.Dense(12, activation="relu"), L.Dropout(0.5), L.Dense(3)]
    return Sequential([Input((20, 16, 3)), *blocks, *end, L.Softmax()])


def functional() -> Any:
    x = first = Input((13, 11, 2))
    x = L.ZeroPadding2D(((1, 2), (0, 1)))(x)
    x = L.Conv2D(5, (3, 2), strides=2, use_bias=False)(x)
    x = L.BatchNormalization()(x)
    x = L.ReLU()(x)
    x = L.AveragePooling2D((2, 3), padding="valid")(x)
    x = L.BatchNormalization(scale=False, center=False, epsilon=1e-4)(x)
    x = L.GlobalMaxPooling2D()(x)
    return keras.Model(first, L.Dense(4, activation="softmax")(x))


def mobile() -> Any:
    """As MobileNet without limits of its ReLU."""
    return Sequential([
        Input((14, 15, 3)), L.Rescaling(1 / 255), L.Conv2D(4, 3, strides=2, padding="same"),
        L.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu"),
        L.SeparableConv2D(6, 3, activation="relu"), L.Dense(5, activation="relu"),
        L.GlobalAveragePooling2D(), L.Dense(3, activation="softmax"),
    ])  # fmt: skip


def audio() -> Any:
    """As Teachable Machine's nets for sounds."""
    return Sequential([
        Input((43, 32, 1)), L.Conv2D(4, (2, 8), activation="relu"), L.MaxPooling2D(2),
        L.Conv2D(6, (2, 4), activation="relu"), L.MaxPooling2D(2, strides=(1, 2)), L.Flatten(),
        L.Dense(20, activation="relu"), L.Dropout(0.25), L.Dense(3, activation="softmax"),
    ])  # fmt: skip


def teachable() -> Any:
    """As Teachable Machine's nets for pictures: models in models."""
    x = first = Input((12, 12, 3))
    x = L.Conv2D(4, 3, padding="same", use_bias=False, name="Conv1")(x)
    x = L.BatchNormalization(name="bn_Conv1")(x)
    x = L.ReLU(name="Conv1_relu")(x)
    body = keras.Model(first, x, name="model1")
    body.trainable = False
    features = Sequential([body, L.GlobalAveragePooling2D()], name="sequential_1")
    hidden, end = L.Dense(6, activation="relu"), L.Dense(3, activation="softmax", use_bias=False)
    head = Sequential([Input((4,)), hidden, end], name="sequential_3")
    return Sequential([features, head])


def sequences() -> Any:
    return Sequential([
        Input((17, 3)), L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu"),
        L.MaxPooling1D(2), L.Conv1D(5, 3, padding="same", strides=2), L.BatchNormalization(),
        L.SpatialDropout1D(0.2), L.AveragePooling1D(2, 1), L.Activation("relu"),
        L.GlobalMaxPooling1D(), L.Dense(2), L.Activation("softmax"),
    ])  # fmt: skip


def texts() -> Any:
    return Sequential([
        Input((9,), dtype="int32"), L.Embedding(20, 5), L.Conv1D(4, 3, activation="relu"),
        L.GlobalAveragePooling1D(), L.Dense(1, activation="sigmoid"),
    ])  # fmt: skip


def grouped() -> Any:
    return Sequential([
        Input((10, 9, 4)), L.Conv2D(6, 3, groups=2, dilation_rate=(1, 2), activation="relu"),
        L.MaxPooling2D(3, strides=2, padding="valid"), L.GaussianNoise(0.1), L.Flatten(),
        L.Dense(3, activation="softmax"),
    ])  # fmt: skip


def digits() -> Any:
    """Rows of numbers that become pictures."""
    return Sequential([
        Input((64,)), L.Reshape((8, 8, 1)), L.Conv2D(3, 3, activation="relu"), L.Flatten(),
        L.Dense(10), L.Activation("softmax"),
    ])  # fmt: skip


def table() -> Any:
    normalization = L.Normalization(axis=-1)
    normalization.adapt(np.random.default_rng(1).normal(2, 3, (50, 7)).astype("float32"))
    return Sequential([Input((7,)), normalization, L.Dense(8, activation="relu"),
                       L.BatchNormalization(), L.Dense(3, activation="softmax")])  # fmt: skip


def same_pooling() -> Any:
    """Padding at the end alone: 6 cells, window 3, stride 2."""
    return Sequential([
        Input((6, 6, 2)), L.Conv2D(3, 1), L.MaxPooling2D(3, strides=2, padding="same"),
        L.AveragePooling2D(2, padding="same"), L.Flatten(), L.Dense(2, activation="softmax"),
    ])  # fmt: skip


def applications() -> dict[str, Any]:
    """Real nets, whose activations or branches are not those of piecewise."""
    return {
        "mobilenet": keras.applications.MobileNet((32, 32, 3), 0.25, weights=None, classes=3),
        "resnet": keras.applications.ResNet50(weights=None, input_shape=(32, 32, 3), classes=3),
    }


BUILDERS = (vgg, functional, mobile, audio, teachable, sequences, texts, grouped, digits, table,
            same_pooling)  # fmt: skip


def randomized(model: Any, generator: np.random.Generator) -> Any:
    """Random weights; variances that are positive, and logits that are not saturated."""
    weights: list[Any] = []
    for one in model.weights:
        path = getattr(one, "path", one.name)
        array = np.asarray(one.numpy() if hasattr(one, "numpy") else one)
        if array.dtype != np.float32 or ("normalization" in path and "batch" not in path):
            weights.append(array)
        elif "variance" in path or "gamma" in path:
            weights.append(generator.uniform(0.5, 2, array.shape).astype("float32"))
        else:
            cells = array.shape[: 2 if "depthwise" in path else -1]
            deviation = 0.2 if array.ndim == 1 else 1.3 * int(np.prod(cells)) ** -0.5
            weights.append(generator.normal(0, deviation, array.shape).astype("float32"))
    model.set_weights(weights)
    return model


def main() -> None:
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for build in BUILDERS:
        name, generator = build.__name__, np.random.default_rng(0)
        model = randomized(build(), generator)
        shape = (24, *model.inputs[0].shape[1:])
        x: Any
        if name == "texts":
            x = generator.integers(0, 20, shape)
        elif name == "mobile":
            brightest = np.linspace(20, 256, 24)
            x = generator.integers(0, 256, shape) * brightest[:, None, None, None] // 256
        else:
            x = generator.normal(0, 1, shape).astype("float32")
        y = model.predict(x.astype("float32") if x.ndim > 2 else x, verbose=0)
        np.savez(place / f"{name}.npz", x=x, y=y)
        model.save(place / f"{name}.h5")
        model.save(place / f"{name}.keras")
    if library == "keras":
        for name, model in applications().items():
            model.save(place / f"{name}.keras")


main()
