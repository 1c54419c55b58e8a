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
    "sgd": "0dc92c206378bb61df168f68dafe703ae3c26f742c2318ca8379dc844cb002c2",
    "nesterov": "c2f1dc8f3590d8dfd8fcbb8e6c8c6859a47cc93ed16299d52894d1b3d09249db",
    "adamw": "37b09f24d180f6083e5ffbd78a7a86941814a51cd0f510659668202c9062856b",
    "squared": "2b5d7e514e32c01bb84b2905d984f28b521d6cbb3e53fb55baac2fe2ff58ae5b",
    "absolute": "c203f90db8e621aaead52c2c2c090515e177996e68b6af9f4996c5c73ac160b7",
    "augmented": "b7fa3c14682da249d0e17fe107e39f4e9a16c4884da64de0202817602fb62abd",
}
KIND_HASHES = {
    "nudging": "fe07aa4eb5ec157ddfcc55a116b4598a2556f5f64af4980d2903193b211f6954",
    "drawings": "1594f15a34cf7c0523d2ac034ea652ee71fbfaa0a0ce23b3aad3556a4d62c72a",
    "photos": "de2be2cd152a31dd8d7a01a0f96a420cb9d9301d4a7ea86aced0b110e9ebefa6",
    "sounds": "ad8d769fec39b113109b1c300a9667bac87b0aee99aa521aa5dbf2b93de6bdbc",
    "texts": "7524c866f54c316517ae762b2f5dd3df25ced2f164d1a8bdf6e609e98bc9842d",
    "classifier": "2b8686219cb3c26b476b8f8d240005dbe206f51877a5b03e772eaa602cba8683",
}
REAL_HASHES = {
    "xo-unipen.npz": "9327315b02eeb9850483345a033149afc8941d0dae781c1e1d85e9b8400bbc1a",
    "hand-signs.zip": "f390c194ed23c4917de2d61b4dc3dd458deb29d085f856d5e911eb5a2e295c9f",
    "spoken-digits.zip": "b6d9f694aceac7ff2a45818fb823deb9555c35573b8c7d9a679e8d00e1a6d3a2",
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
