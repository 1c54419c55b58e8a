"""The recipe of sketches, on small nets and few drawings of many people."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest

from piecewise import Network, TrainingError, make_xo, train
from piecewise.app.sketch import more_careful, sketch_config
from piecewise.app.strokes import checked_drawing, draw
from piecewise.core.array_types import Array
from piecewise.data.modalities import MODALITIES
from piecewise.data.preprocessing import Preprocessor

from .real_data import real

NETS = ("full", "conv 8 3, full", "full 32, relu, full 32, relu, full 32, relu, full",
        "conv 8 3, relu, conv 8 3, relu, conv 8 3, relu, conv 8 3, relu, full",
        "conv 4 5 stride=2, relu, pool 2, full", "full 64, relu, full 64, relu, full")  # fmt: skip
CLASSES = ("O", "X")


@cache
def letters() -> dict[str, list[Any]]:
    """The strokes of letters that people wrote, by class."""
    with gzip.open(real("xo-unipen-strokes.jsonl.gz"), "rt") as file:
        rows = [json.loads(line) for line in file]
    return {name: [row["strokes"] for row in rows if row["label"] == name] for name in CLASSES}


def on_pad(strokes: Any, random: Random) -> Array:
    """A drawing of strokes, somewhere on the pad."""
    left, top = random.uniform(6, 22), random.uniform(6, 22)
    side = random.uniform(66, 84)
    placed = [[[left + x * side, top + y * side] for x, y in stroke] for stroke in strokes]
    return draw(checked_drawing(placed, 6))[:, :, None]


@cache
def drawings(count: int, *, by_people: bool = False) -> tuple[Array, Array, Preprocessor]:
    """The inputs and the labels of so many drawings, as the app prepares them."""
    if not by_people:
        xo = make_xo(count, 28, seed=count)
        return xo.inputs, xo.labels, xo.preprocessor
    random = Random(count)
    examples = [on_pad(strokes, random) for name in CLASSES
                for strokes in random.sample(letters()[name], count // 2)]  # fmt: skip
    preprocessor = MODALITIES["pictures"].fit_preprocessor(examples)
    inputs = np.stack([preprocessor.transform(one) for one in examples])
    return inputs, np.repeat([0, 1], count // 2), preprocessor


def tries(layers: str, count: int, seed: int, *, by_people: bool = False, **knobs: Any) -> int:
    """How many trainings diverge until one does not."""
    inputs, labels, preprocessor = drawings(count, by_people=by_people)
    config = sketch_config(inputs, preprocessor, 2, layers, {"seed": seed, **knobs})
    for number in range(4):
        net = Network(config.layers, preprocessor.shape, CLASSES, seed, preprocessor)
        try:
            train(net, inputs, labels, config.recipe, threads=1)
        except TrainingError:
            config = more_careful(config)
        else:
            return number
    return 4


@pytest.mark.parametrize("layers", NETS)
def test_sketches_of_nets_without_norm_do_not_diverge(layers: str) -> None:
    assert [tries(layers, count, seed) for count in (10, 40) for seed in range(3)] == [0] * 6


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_sketches_of_few_epochs_need_few_tries(epochs: int) -> None:
    for layers in NETS:
        assert tries(layers, 10, epochs, epochs=epochs) < 3


def random_nets(seed: int, count: int) -> Iterator[str]:
    """Layers of small nets."""
    random = Random(seed)
    for _ in range(count):
        items, side = [], 28
        for _ in range(random.randrange(4)):
            kernel = random.choice([3, 5])
            if side < kernel + 2:
                break
            items.append(f"conv {random.choice([2, 4, 8, 16, 32])} {kernel}")
            side -= kernel - 1
            items += ["norm"] * (random.random() < 0.15) + ["relu"] * (random.random() < 0.85)
            if random.random() < 0.5 and side >= 4:
                items.append(random.choice(["pool 2", "pool 2 kind=average"]))
                side = -(-side // 2)
        for _ in range(random.choice([0, 0, 0, 1, 1, 2])):
            items += [f"full {random.choice([8, 16, 32, 64, 128])}", "relu"]
        yield ", ".join([*items, "full"])


@pytest.mark.long
def test_sketches_of_many_small_nets_do_not_diverge() -> None:
    found = [tries(layers, count, seed, by_people=True) for layers in random_nets(1, 60)
             for count in (10, 24, 60, 130, 200) for seed in range(2)]  # fmt: skip
    assert max(found) < 4
    assert np.mean([one > 0 for one in found]) < 0.05


def test_what_a_person_chose_is_kept() -> None:
    inputs, _, preprocessor = drawings(40)
    chosen = {"epochs": 7, "batch_size": 24, "learning_rate": 0.3}
    recipe = sketch_config(inputs, preprocessor, 2, "full", chosen).recipe
    assert {name: getattr(recipe, name) for name in chosen} == chosen
