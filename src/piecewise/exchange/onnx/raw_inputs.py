"""Raw inputs in ONNX: preprocessing as nodes of the graph."""

from __future__ import annotations

import numpy as np

from ...data.audio.preprocessor import AudioPreprocessor
from ...data.images.preprocessor import ImagePreprocessor
from ...data.preprocessing import Preprocessor
from ...data.text.preprocessor import TextPreprocessor
from ...storage.model_file import SavedModel
from .graph import BATCH, Graph, Value
from .layers import add_layers, add_outputs
from .pictures import PIXELS, add_pictures, reads_pixels
from .sound_bands import SAMPLES
from .sounds import add_windows, mean_over_windows


def add_net(graph: Graph, model: SavedModel) -> None:
    """Add everything from the raw input of a network to its outputs."""
    preprocessor, architecture = model.preprocessor, model.architecture
    if isinstance(preprocessor, AudioPreprocessor) and not architecture.reads_texts:
        samples = graph.input(SAMPLES, np.float32, (BATCH, SAMPLES))
        windows = add_windows(graph, preprocessor, _in_16_bits(graph, samples))
        logits = add_layers(graph, model, scaled(graph, preprocessor, windows.levels))
        logits = mean_over_windows(graph, windows, logits)
    else:
        logits = add_layers(graph, model, _layer_input(graph, model))
    add_outputs(graph, model, logits)


def _in_16_bits(graph: Graph, samples: Value) -> Value:
    """Samples (N, n) as `read_sound` makes them: divided by their peak if that is beyond 1, and
    rounded to 16 bits."""
    add, one = graph.add, graph.constant("full_scale", np.float32(1))
    sizes = add("Abs", [samples], "sizes")
    peaks = add("ReduceMax", [sizes], "peaks", (BATCH, 1), axes=[1], keepdims=1)
    inside = add("Div", [samples, add("Max", [peaks, one], "divisors")], "samples_inside")
    steps = graph.constant("steps_of_16_bits", np.float32(32_768))
    rounded = add("Round", [add("Mul", [inside, steps], "in_steps")], "rounded_steps")
    return add("Div", [rounded, steps], "rounded_samples")


def _layer_input(graph: Graph, model: SavedModel) -> Value:
    """Add the raw input, and the nodes from there to the input of the layers."""
    preprocessor, shape = model.preprocessor, model.architecture.input
    if model.architecture.reads_texts or isinstance(preprocessor, TextPreprocessor):
        tokens = graph.input("tokens", np.int64, (BATCH, shape.width))
        return tokens if model.architecture.reads_texts else _one_hot(graph, tokens, shape.height)
    if isinstance(preprocessor, ImagePreprocessor) and reads_pixels(preprocessor):
        return scaled(graph, preprocessor, add_pictures(graph, preprocessor))
    pixels = graph.input(PIXELS, np.uint8, (BATCH, *shape))
    return scaled(graph, preprocessor, pixels)


def scaled(graph: Graph, preprocessor: Preprocessor, cells: Value) -> Value:
    """Bytes as the numbers that the layers read: (a * byte + b) / c."""
    x = graph.add("Cast", [cells], "bytes", dtype=np.float32, to=1)
    for operator, name, number in zip(
        ("Mul", "Add", "Div"), ("factor", "shift", "divisor"), preprocessor.scaling, strict=True
    ):
        neutral = 0 if operator == "Add" else 1
        if number != neutral:
            constant = graph.constant(f"scaling.{name}", number)
            x = graph.add(operator, [x, constant], f"scaled_by_{name}")
    return x


def _one_hot(graph: Graph, tokens: Value, words: int) -> Value:
    """Tokens (N, positions) as images with a row for each word (N, 1, words, positions)."""
    positions = tokens.dims[1]
    depth = graph.constant("tokens_of_vocabulary", np.int64(words))
    values = graph.constant("off_on", np.array([0, 1], np.float32))
    dims, axis = (BATCH, words, positions), graph.constant("axis_1", np.array([1]))
    rows = graph.add("OneHot", [tokens, depth, values], "one_hot", dims, np.float32, axis=1)
    return graph.add("Unsqueeze", [rows, axis], "image", (BATCH, 1, words, positions))
