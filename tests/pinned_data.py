"""The nets whose bits are the same on every machine: their recipes, and data of each kind.

`python -m tests.pinned_data FOLDER` prints the hash of each, of data that lie in the folder or are
written there first. `scripts/arm.sh` compares what two processors print.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

import piecewise as pw

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


def sounds(folder: Path, suffix: str = ".wav") -> Path:
    noise, time = np.random.default_rng(1), np.arange(4_000) / 8_000
    for number in range(48):
        name, hertz = (("low", 300), ("high", 1_200))[number % 2]
        (home := folder / "sounds" / name).mkdir(parents=True, exist_ok=True)
        tone = np.sin(2 * np.pi * hertz * time[: 2_500 + 25 * number])
        tone = np.round(8_000 * tone + noise.normal(0, 500, len(tone))).astype(np.int16)
        soundfile.write(home / f"{number:02}{suffix}", tone, 8_000)
    return folder / "sounds"


def flac_sounds(folder: Path) -> Path:
    return sounds(folder, ".flac")


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


def net_of_recipe(name: str) -> pw.Network:
    """A small net, trained by one of the recipes."""
    made, other = pw.make_xo(160, size=9, seed=0), pw.make_xo(48, size=9, seed=1)
    net = pw.Network(LAYERS, input=(1, 9, 9), classes=["X", "O"], seed=4)
    recipe = pw.Recipe(**{"epochs": 3, "batch_size": 48, "seed": 5, **RECIPES[name]})
    weights = np.linspace(0.5, 1.5, 160, dtype=np.float32)
    pw.train(
        net, made.inputs, made.labels, recipe, (other.inputs, other.labels), sample_weight=weights
    )  # fmt: skip
    return net


def net_of_data(path: Path) -> pw.Network:
    """A net that is trained on data with default layers."""
    data = pw.read_data(path)
    plan = pw.plan_training(data, folds=2, effort="quick", epochs=3, seed=1)
    return pw.run_training(plan).net


def hashes(folder: Path) -> Iterator[tuple[str, str]]:
    """The name and the hash of each net."""
    for name in RECIPES:
        yield name, net_of_recipe(name).parameters_sha256
    for kind, write in {**MADE, "flac": flac_sounds}.items():
        if not (home := folder / kind).exists():
            home.mkdir()
            write(home)
        (path,) = home.iterdir()
        yield kind, net_of_data(path).parameters_sha256


if __name__ == "__main__":
    for name, digest in hashes(Path(sys.argv[1])):
        print(name, digest)  # noqa: T201 - its result
