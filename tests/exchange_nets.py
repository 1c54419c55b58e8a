"""Networks of every kind of input with random parameters, for tests of exporters and importers."""

from __future__ import annotations

from random import Random

import numpy as np

from piecewise import AudioPreprocessor, ImagePreprocessor, Network, TextPreprocessor
from piecewise.core.array_types import Array, Float32
from piecewise.data.preprocessing import Preprocessor
from piecewise.exchange.runner import Samples
from piecewise.inputs import layer_inputs
from piecewise.spec.calibration import Calibration
from piecewise.storage.model_file import SavedModel

from .networks import PICTURES, TEXTS, random_input, random_layers

BLOCK = "conv 6 3 pad=same, norm, relu, pool 2, "
PICTURE_NETS: dict[str, tuple[str, tuple[int, int, int]]] = {
    "grey": (f"{BLOCK}conv 5 3 stride=2, relu, pool 3 stride=2, dropout 0.3, full 12, relu, full",
             (1, 21, 17)),
    "colour": (f"{BLOCK}conv 4 2x3 bias=no, pool 2 kind=average edge=drop, norm, full",
               (3, 16, 20)),
    "deck": ("conv 3 3 mean, relu, pool 2, conv 4 2 mean, relu, full", (1, 9, 9)),
    "average": ("conv 4 3, relu, pool 3 stride=2 kind=average, norm, full", (2, 10, 11)),
    "whole maps": ("conv 4 3 pad=1x2, relu, conv 4 1, pool all kind=average", (1, 8, 7)),
    "largest of maps": ("conv 6 3 stride=2x1 pad=same, pool all, norm, full", (3, 11, 9)),
}  # fmt: skip
SOUND_NET = f"{BLOCK}conv 4 3, relu, pool 2, full"
TEXT_NETS = {
    "average": "embed 6, norm, dropout 0.5, pool all kind=average, full",
    "windows": "embed 5, conv 6 1x3 pad=same, relu, pool 1x2, conv 4 1x2, relu, pool all, full",
    "strides": "embed 4, pool 1x3 stride=1x2 kind=average, conv 5 1x2 stride=1x2, norm, "
               "full 7, relu, full",
}  # fmt: skip
CLASSES = ("cat", "dog", "a bird: ünïcode", "no name")


def saved(net: Network) -> SavedModel:
    """What exporters take."""
    return net.saved_model()


def picture_net(name: str, seed: int = 0) -> Network:
    """A network of `PICTURE_NETS`."""
    layers, shape = PICTURE_NETS[name]
    return randomized(Network(layers, shape, CLASSES, seed), seed)


def sound_net(seed: int = 0) -> Network:
    """A network that reads spectrograms."""
    preprocessor = AudioPreprocessor((1, 40, 32))
    net = Network(SOUND_NET, preprocessor.shape, CLASSES, seed, preprocessor)
    return randomized(net, seed)


def text_net(name: str, seed: int = 0) -> Network:
    """A network of `TEXT_NETS`, which reads 12 words of a vocabulary of 30."""
    preprocessor = TextPreprocessor("words", tuple(f"w{chr(97 + i)}" for i in range(26)), 12)
    net = Network(TEXT_NETS[name], preprocessor.shape, CLASSES, seed, preprocessor)
    return randomized(net, seed)


def random_net(seed: int, *, texts: bool = False, max_layers: int = 6) -> Network:
    """A network of random layers with 2 to 5 classes."""
    random = Random(seed)
    kinds = TEXTS if texts else PICTURES
    shape, classes = random_input(random, kinds), random.randint(2, 5)
    layers = random_layers(random, shape, classes, kinds, max_layers)
    preprocessor: Preprocessor = ImagePreprocessor(shape)
    if texts:
        words = tuple(f"w{chr(97 + i)}" for i in range(shape[1] - 2))
        preprocessor = TextPreprocessor("words", words, shape[2])
    return randomized(Network(layers, shape, classes, seed, preprocessor), seed)


def randomized(net: Network, seed: int) -> Network:
    """The network with random biases and statistics, a temperature of 1.3, and logits of about 1,
    so that its probabilities are not saturated."""
    generator = np.random.default_rng(seed)
    for name, array in net.parameters.items():
        if name.endswith("bias"):
            array += generator.normal(0, 0.2, array.shape).astype(np.float32)
    for name, array in net.running_stats.items():
        low, high = (0.3, 2.0) if name.endswith("variance") else (-0.5, 0.5)
        array[...] = generator.uniform(low, high, array.shape)
    spread = float(net.logits(inputs_of(net, 16, seed)).std(axis=0).mean())
    last = [name for name in net.parameters if name.split(".")[0] == _last_weighted(net)]
    for name in last:
        net.parameters[name] = net.parameters[name] / np.float32(max(spread, 0.05))
    net.calibration = Calibration(temperature=1.3)
    return net


def _last_weighted(net: Network) -> str:
    """The name of the last layer that scales the logits: its weight and its bias."""
    names = [s.name for s in net.architecture.stages if s.parameters and s.layer.word != "embed"]
    return names[-1] if names else ""


def inputs_of(net: Network, count: int, seed: int = 0) -> Array:
    """Random inputs: uint8 pictures, or tokens of texts of all lengths, the first one empty."""
    generator = np.random.default_rng(seed + 1)
    if not net.architecture.reads_texts:
        return generator.integers(0, 256, (count, *net.input), np.uint8)
    _, words, positions = net.input
    tokens = generator.integers(0, words, (count, positions))
    for row, length in enumerate(generator.integers(0, positions + 1, count)):
        tokens[row, 0 if row == 0 else length :] = 0
    return tokens


def samples_of(net: Network, count: int = 12, seed: int = 0) -> Samples:
    """Random samples for runners."""
    inputs = inputs_of(net, count, seed)
    return Samples(inputs, layer_inputs(net, inputs))


def logit_error(got: Float32, expected: Float32) -> float:
    """The largest difference of logits, relative to the largest logit."""
    largest = max(float(np.abs(expected).max()), 1e-30)  # some random nets say 0 to everything
    return float(np.abs(got - expected).max()) / largest
