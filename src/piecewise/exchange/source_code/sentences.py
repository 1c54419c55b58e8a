"""Sentences and examples about a network, for the comments and usage texts of its files."""

from __future__ import annotations

import textwrap

from ...data.text.preprocessor import NGRAMS, TextPreprocessor
from ...storage.model_file import SavedModel


def title(model: SavedModel, form: str) -> str:
    """What a file is, in a sentence; ``form`` is "in C99", say."""
    channels, height, width = model.architecture.input
    if model.architecture.reads_texts:
        size = plural(width, "token")
    else:
        size = f"{channels} x {height} x {width} numbers"
    classes = plural(len(model.architecture.classes), "class")
    return f"A net of piecewise {form}: {model.preprocessor.modality} of {size}, {classes}."


def plural(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("s") else "s")


def layer_lines(model: SavedModel, width: int) -> list[str]:
    """The layers of a network in lines of at most ``width`` characters, broken between layers."""
    layers = ["Layers: " + (first := model.architecture.notation.split(", "))[0], *first[1:]]
    joined = ", ".join(layer.replace(" ", "\0") for layer in layers)
    lines = textwrap.wrap(joined, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def input_sentence(model: SavedModel) -> str:
    """What the numbers of an input are, for documentation."""
    if model.architecture.reads_texts:
        last = model.architecture.input.height - 1
        return f"Inputs are numbers of tokens, 0 to {last}; 0 is padding at the end of a text."
    return "Inputs are bytes, or float32 numbers that are scaled already."


def random_inputs(model: SavedModel) -> str:
    """An expression for four random inputs, for examples."""
    channels, height, width = model.architecture.input
    if model.architecture.reads_texts:
        return f"np.random.randint(0, {height}, (4, {width}))"
    return f"np.random.randint(0, 256, (4, {channels}, {height}, {width}), dtype=np.uint8)"


def preparation_sentence(model: SavedModel) -> str:
    """How piecewise prepares inputs, for the texts about the use of an export."""
    preprocessor = model.preprocessor
    sentence = f"Preprocessing: {preprocessor.description}."
    if isinstance(preprocessor, TextPreprocessor):
        others = "others are left out" if preprocessor.units == NGRAMS else "1 is any other"
        sentence += f" Number i + 2 is entry i of its vocabulary; {others}; 0 is padding."
    return sentence


def wrapped(usage: str) -> str:
    """A text in Markdown with its paragraphs, but not its code, in lines of at most 100
    characters."""
    blocks, is_code = [], False
    for block in usage.rstrip("\n").split("\n\n"):
        is_code ^= block.count("```") % 2 == 1
        if not is_code and "```" not in block:
            block = textwrap.fill(
                " ".join(block.split()), 100, break_long_words=False, break_on_hyphens=False
            )
        blocks.append(block)
    return "\n\n".join(blocks) + "\n"
