"""Examples that fill an empty project: drawn letters, computed sounds and simple sentences."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from ..data.xo import XOVariation, make_xo
from ..lessons.computed_samples import EACH, sentences, tones
from .imports import folder_of
from .moves import counted
from .project import Project
from .strokes import SIDE
from .uploads import Upload

Samples = Iterator[tuple[str, list[Upload]]]
"""The classes of an example, with their files."""


def add_example(project: Project, name: str) -> None:
    """Add the samples of an example, as one change; ``name`` is a key of `EXAMPLES`."""
    add_samples(project, EXAMPLES[name]())


def add_samples(project: Project, samples: Samples) -> None:
    """Add samples for learning, as one change."""
    with project.incoming() as incoming:
        for label, uploads in samples:
            project.write(incoming, folder_of(project, label, incoming), "train", uploads)
        project.take_in(incoming, counted("added", incoming.count))


def letters(each: int = EACH, seed: int = 0) -> Samples:
    """Drawings of X and O."""
    data = make_xo(2 * each, SIDE, seed, XOVariation(stroke_width=1.3, noise=0.0))
    for number, label in enumerate(data.classes):
        pictures = 255 - data.inputs[data.labels == number, 0]
        yield label, [Upload("", ".png", _png(one)) for one in pictures]


def _sounds() -> Samples:
    """Tones that rise and tones that fall."""
    for label, files in tones(EACH):
        yield label, [Upload("", ".wav", one) for one in files]


def _texts() -> Samples:
    """Questions and statements."""
    for label, texts in sentences(EACH):
        yield label, [Upload("", ".txt", one.encode()) for one in texts]


EXAMPLES: dict[str, Callable[[], Samples]] = {
    "letters": letters,
    "sounds": _sounds,
    "texts": _texts,
}
"""The samples of each example."""


def _png(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()
