"""Nets of every kind, taught from the same seed: the same bits as ever.

A hash changes if, and only if, a rule for training changes (an order of sums, a default, a draw).
"""

from __future__ import annotations

from pathlib import Path

import pytest

import piecewise as pw

from .pinned_data import MADE, RECIPES, net_of_data, net_of_recipe
from .real_data import real

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
    "drawings": "f237efcd69b17296b8a72296f6ba5f7e7d2567734c30e9a3096b5b658e6f1301",
    "photos": "cf6fddcf590c55a246d7e51c18bc086252323ecfca588a2f2fc0be39ac4bbb70",
    "sounds": "cbbbc9e64751063de90a717f41777e3eec8426f2ee96fd3c78cda670670ef842",
    "texts": "96f9338ecc4bd630bcf1c7be013a91d2d981564a38a6d5c3d5de2ce8894b2285",
    "classifier": "c8d2a74e49df8719b754be4f9786602401dac0122b77a456b4a1e861b4ab873c",
}
REAL_HASHES = {
    "xo-unipen.npz": "06355b79c1e10b2fe8b30f190a8d9441924cd5de30c5e06d8ba88499f72c1236",
    "hand-signs.zip": "e706d8729574e0562bf8e39a95d6342a6e5f6bfc760ee1327a930c4820345535",
    "spoken-digits.zip": "55beb8f3b694e309fdb767300e1d9899f79febf1ee17d5b3243d555ba0eeb3f2",
    "sms-spam.csv": "b0856a7f65b76b2199b738575b028ebaa2d933a5b857553d08d1cebdf2f1eabb",
}


@pytest.mark.parametrize("name", RECIPES)
def test_pinned_net_of_a_recipe_has_its_hash(name: str) -> None:
    assert net_of_recipe(name).parameters_sha256 == RECIPE_HASHES[name]


def test_pinned_net_taught_by_nudging_has_its_hash() -> None:
    made = pw.make_xo(40, size=9, seed=0)
    net = pw.Network("conv 2 3 mean, relu, pool 3, full", input=(1, 9, 9), classes=["X", "O"])
    recipe = pw.Recipe(epochs=2, method="nudging", loss="absolute")
    pw.train(net, made.inputs, made.labels, recipe)
    assert net.parameters_sha256 == KIND_HASHES["nudging"]


@pytest.mark.parametrize("kind", MADE)
def test_pinned_net_of_a_kind_of_data_has_its_hash(kind: str, tmp_path: Path) -> None:
    assert net_of_data(MADE[kind](tmp_path)).parameters_sha256 == KIND_HASHES[kind]


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
