"""The networks that are measured, and their inputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from piecewise import Network
from piecewise.core.array_types import Array

BATCH_IMAGES = 512
"""Images of one inference batch."""


@dataclass(frozen=True)
class Net:
    """A network, the number of its training images, and its batch sizes."""

    layers: str
    input: tuple[int, int, int]
    classes: int
    pictures: int = 512
    batches: tuple[int, ...] = (64,)
    probe: bool = False
    """Whether it only probes certain layer shapes; it has no single-image measurement."""
    bytes: bool = False
    """Whether images are given as bytes, which each toolkit scales itself."""

    def network(self) -> Network:
        return Network(self.layers, self.input, self.classes)


AFTER_EMBED = "conv 64 1x3, relu, pool all, full"
NETS = {
    "xo": Net("conv 3 3, relu, pool 2, full", (1, 9, 9), 2, 8192, (64, 512)),
    "digits": Net(
        "conv 16 5, relu, pool 2, conv 32 5, relu, pool 2, full 128, relu, full",
        (1, 28, 28), 10, 2048,
    ),
    "photos": Net(
        "2*(conv 32 3 pad=same, relu), pool 2, 2*(conv 64 3 pad=same, relu), pool 2, "
        "conv 128 3 pad=same, relu, pool 2, full",
        (3, 32, 32), 10,
    ),
    "vgg": Net(
        "2*(conv 48 3 pad=same, relu), pool 2, 3*(conv 96 3 pad=same, relu), pool 2, full 128, "
        "relu, full",
        (3, 40, 40), 10,
    ),
    "deep": Net(
        "2*(conv 32 3 pad=same, relu), pool 2, 2*(conv 64 3 pad=same, relu), pool 2, "
        "3*(conv 128 3 pad=same, relu), pool 2, 3*(conv 128 3 pad=same, relu), pool 2, full",
        (3, 64, 64), 10,
    ),
    "text": Net(
        "conv 64 1x5, relu, conv 64 1x5, relu, pool 1x2, conv 64 1x5, relu, pool all, full",
        (64, 1, 128), 4,
    ),
    "sound": Net(
        "conv 16 5, relu, pool 2, conv 32 3, relu, pool 2, conv 64 3, relu, pool 2, full",
        (1, 64, 64), 10,
    ),
    "mlp": Net("full 256, relu, full 128, relu, full", (1, 28, 28), 10, 2048, (64, 512)),
    "mlp1024": Net("full 1024, relu, full 1024, relu, full", (1, 28, 28), 10, 2048, (64, 512)),
    "words4000": Net(f"embed 32, {AFTER_EMBED}", (1, 4_000, 48), 4),
    "words60000": Net(f"embed 32, {AFTER_EMBED}", (1, 60_000, 64), 4),
    "bytes": Net(
        "conv 16 5, relu, pool 2, conv 32 5, relu, pool 2, full 128, relu, full",
        (1, 28, 28), 10, 2048, bytes=True,
    ),
    # With batches of 16, batch normalization is the same in all toolkits.
    "norm": Net(
        "conv 16 3 pad=same, norm, relu, pool 2, conv 32 3 pad=same, norm, relu, pool 2, full",
        (3, 32, 32), 10, 512, (16,),
    ),
    "features": Net(
        "conv 7 3, relu, conv 10 3, relu, conv 13 3, relu, full", (8, 24, 24), 10, probe=True
    ),
    "1x1": Net("conv 32 1, relu, conv 32 1, relu, full", (32, 20, 20), 10, probe=True),
    "7x7": Net("conv 16 7, relu, conv 16 7, relu, full", (8, 28, 28), 10, probe=True),
    "1x5": Net("conv 32 1x5, relu, conv 32 1x5, relu, full", (32, 4, 64), 10, probe=True),
}  # fmt: skip


def operations(net: Network) -> tuple[int, int]:
    """Multiplications and additions for one image: for inference and for training.

    Training computes each product three times: for the output, for the gradient of the weights and
    for the gradient of the input, which the first layer with weights does not need.
    """
    counts = [stage.multiplications for stage in net.architecture.stages if stage.multiplications]
    unneeded = 0 if net.architecture.reads_texts else counts[0]
    return 2 * sum(counts), 2 * (3 * sum(counts) - unneeded)


@dataclass(frozen=True)
class BenchmarkInputs:
    """The inputs of every toolkit: the network, its weights, images and labels."""

    net: Net
    weights: dict[str, Array]
    pictures: Array
    labels: Array


def write_inputs(net: Net, path: Path) -> None:
    """Write the network's initial weights and random images or texts to a file."""
    random = np.random.default_rng(0)
    pictures = random_inputs(net, random)
    labels = random.integers(0, net.classes, net.pictures)
    describe_machine = json.dumps([net.layers, net.input, net.classes])
    weights = {f"weights.{name}": array for name, array in net.network().parameters.items()}
    np.savez(path, net=describe_machine, pictures=pictures, labels=labels, **weights)  # type: ignore[arg-type]


def random_inputs(net: Net, random: np.random.Generator) -> Array:
    """As many images or texts as the network has for training."""
    if net.network().architecture.reads_texts:
        _, words, positions = net.input
        return random.integers(1, words, (net.pictures, positions))  # token 0 is padding
    if net.bytes:
        return random.integers(0, 256, (net.pictures, *net.input)).astype(np.uint8)
    return random.normal(size=(net.pictures, *net.input)).astype(np.float32)


def read_inputs(path: str) -> BenchmarkInputs:
    """Read the file of `write_inputs`."""
    with np.load(path) as file:
        layers, sides, classes = json.loads(str(file["net"]))
        weights = {
            name.removeprefix("weights."): file[name]
            for name in file.files
            if name.startswith("weights.")
        }
        pictures = file["pictures"]
        net = Net(layers, tuple(sides), classes, len(pictures), bytes=pictures.dtype == np.uint8)
        return BenchmarkInputs(net, weights, pictures, file["labels"])
