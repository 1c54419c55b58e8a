"""Nets of every kind, taught from the same seed: the same bits as ever.

A hash changes if, and only if, a rule for training changes (an order of sums, a default, a draw).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import piecewise as pw

from .real_data import real

LAYERS = "conv 8 3, norm, relu, pool 2, dropout 0.2, full 12, relu, full"
RECIPES: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.1},
    "nesterov": {"nesterov": True, "momentum": 0.8, "schedule": "constant"},
    "adamw": {"optimizer": "adamw", "learning_rate": 3e-3, "weight_decay": 0.05},
    "squared": {"loss": "squared", "patience": 2, "epochs": 6},
    "absolute": {"loss": "absolute", "learning_rate": 0.02},
    "augmented": {
        "augmentation": pw.Augmentation(
            translation=0.1, scale=(0.8, 1.25), rotation=20, stroke_width=0.5, horizontal_flip=True,
            contrast=0.2, brightness=0.1, noise=0.1, band_masking=0.2,
        )
    },
}  # fmt: skip
RECIPE_HASHES = {
    "sgd": "e51056ff67380e4fa0dfeed4b75ac2dd0b5c251511b0aa5282b0c5bb33376a4d",
    "nesterov": "c933151460334c5aabbfb5f7e9f1da81726dcdad47198ee51d7921948a05c91f",
    "adamw": "84b76a0e8cd8f4eb4f6b3df0ad1d005d3099a42302cc1a4b18dd5437fa43bd55",
    "squared": "c2189ac1e9696e12f5561e974ce466abab977cfebb174b9b22c594e50f7d9bfc",
    "absolute": "3ec9a36d72eac0d03c5ee13dc73f929e11a8d65163f5492fce84ad4de486048f",
    "augmented": "b379f09bec24d20968c645c913f61a10a0f09d7f238631e32d48f72cdef58516",
}
KIND_HASHES = {
    "nudging": "fe07aa4eb5ec157ddfcc55a116b4598a2556f5f64af4980d2903193b211f6954",
    "drawings": "7f572f0e1a71eaaf622ce3b9beaf8f71f889f0b7e065acb0a54ccad7fb62c1d8",
    "photos": "b708c9cf13aaa0aaba7568d878d2439ce56ece88f3134734a6d9f2c86a127cd4",
    "sounds": "b9fd39282754fa78861812906b65dd2bded68cf5789e537c7fbb98faa3af13bb",
    "texts": "d1cb876d7fafd2102c6c472cceb03a315925b8d01f475c0490648fc2e0dd3690",
    "classifier": "3d663565629ab685cf5a94aa78f77906c59b007c0b1f8ff23f69e26a29c9d358",
}
REAL_HASHES = {
    "xo-unipen.npz": "06355b79c1e10b2fe8b30f190a8d9441924cd5de30c5e06d8ba88499f72c1236",
    "hand-signs.zip": "23e386e1d2cab98cb30c77095e49a3494b2f285d12b61bc06cfa39e56128baab",
    "spoken-digits.zip": "256dcdc9537828c6eab11272da73fa7db62dd089c52073ad6c4a6acfa292d3be",
    "sms-spam.csv": "ed58cee8be75f62261a5be30de1f003ece7377abea1fcece2965c23ec2ffc5b6",
}


def drawings(folder: Path) -> Path:
    made = pw.make_xo(120, size=16, seed=3)
    np.savez(
        path := folder / "xo.npz",
        images=made.inputs[:, 0],
        labels=made.labels,
        classes=["X", "O"],
    )
    return path


def photos(folder: Path) -> Path:
    noise = np.random.default_rng(0)
    for number in range(60):
        name = ("red", "green", "blue")[number % 3]
        (home := folder / "photos" / name).mkdir(parents=True, exist_ok=True)
        pixels = noise.integers(0, 160, (24, 20, 3), np.uint8)
        pixels[..., number % 3] += 90
        Image.fromarray(pixels).save(home / f"{number:02}.png")
    return folder / "photos"


def sounds(folder: Path) -> Path:
    noise, time = np.random.default_rng(1), np.arange(4_000) / 8_000
    for number in range(48):
        name, hertz = (("low", 300), ("high", 1_200))[number % 2]
        (home := folder / "sounds" / name).mkdir(parents=True, exist_ok=True)
        tone = np.sin(2 * np.pi * hertz * time[: 2_500 + 25 * number])
        tone = np.round(8_000 * tone + noise.normal(0, 500, len(tone))).astype(np.int16)
        soundfile.write(home / f"{number:02}.wav", tone, 8_000)
    return folder / "sounds"


def texts(folder: Path) -> Path:
    draw = np.random.default_rng(2)
    words = (("good", "fine", "warm", "kind"), ("bad", "cold", "late", "dull"))
    fill = ("the", "day", "was", "and", "very", "so", "it", "then")
    lines = [
        f'"{" ".join([*draw.choice(fill, 5), draw.choice(words[number % 2])])}",'
        f"{('plus', 'minus')[number % 2]}"
        for number in range(160)
    ]
    (path := folder / "texts.csv").write_text("\n".join(["text,label", *lines]))
    return path


MADE = {"drawings": drawings, "photos": photos, "sounds": sounds, "texts": texts}


@pytest.mark.parametrize("name", RECIPES)
def test_pinned_net_of_a_recipe_has_its_hash(name: str) -> None:
    made, other = pw.make_xo(160, size=9, seed=0), pw.make_xo(48, size=9, seed=1)
    net = pw.Network(LAYERS, input=(1, 9, 9), classes=["X", "O"], seed=4)
    recipe = pw.Recipe(**{"epochs": 3, "batch_size": 48, "seed": 5, **RECIPES[name]})
    weights = np.linspace(0.5, 1.5, 160, dtype=np.float32)
    pw.train(
        net, made.inputs, made.labels, recipe, (other.inputs, other.labels), sample_weight=weights
    )  # fmt: skip
    assert net.parameters_sha256 == RECIPE_HASHES[name]


def test_pinned_net_taught_by_nudging_has_its_hash() -> None:
    made = pw.make_xo(40, size=9, seed=0)
    net = pw.Network("conv 2 3 mean, relu, pool 3, full", input=(1, 9, 9), classes=["X", "O"])
    recipe = pw.Recipe(epochs=2, method="nudging", loss="absolute")
    pw.train(net, made.inputs, made.labels, recipe)
    assert net.parameters_sha256 == KIND_HASHES["nudging"]


@pytest.mark.parametrize("kind", MADE)
def test_pinned_net_of_a_kind_of_data_has_its_hash(kind: str, tmp_path: Path) -> None:
    data = pw.read_data(MADE[kind](tmp_path))
    taught = pw.run_training(pw.plan_training(data, folds=2, effort="quick", epochs=3, seed=1))
    assert taught.net.parameters_sha256 == KIND_HASHES[kind]


def test_pinned_classifier_has_its_hash() -> None:
    made = pw.make_xo(100, size=9, seed=0)
    classifier = pw.ConvNetClassifier(random_state=3, effort="quick", epochs=4)
    classifier.fit(made.inputs, made.labels)
    assert classifier.network_.parameters_sha256 == KIND_HASHES["classifier"]


@pytest.mark.parametrize(
    "name", ["xo-unipen.npz", "hand-signs.zip", "spoken-digits.zip", "sms-spam.csv"]
)
def test_pinned_net_of_real_data_has_its_hash(name: str) -> None:
    data = pw.read_data(real(name))
    taught = pw.run_training(pw.plan_training(data, effort="quick", epochs=2, seed=2))
    assert taught.net.parameters_sha256 == REAL_HASHES[name]
