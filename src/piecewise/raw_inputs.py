"""Raw inputs: file names, texts and Pillow images that a network gets in place of arrays."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from .core.array_types import Array, Float32, Int64
from .core.errors import DataError, shown
from .data.audio.decoding import Sound
from .data.preprocessing import Preprocessor

File = str | os.PathLike[str]
Raw = File | Image.Image
"""The name of a file, a text, or a Pillow image."""
Inputs = npt.ArrayLike | Raw | Sequence[Raw]
"""What `Network.predict` takes."""

_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def raw_inputs(inputs: Any) -> list[Any] | None:
    """The raw inputs in a value: one, or those of a sequence; None if it is an array of numbers."""
    if _is_raw(inputs):
        return [inputs]
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind not in "OU":
        return None
    values = inputs.tolist() if hasattr(inputs, "tolist") else inputs
    if isinstance(values, Sequence) and values and all(map(_is_raw, values)):
        return list(values)
    return None


def _is_raw(value: Any) -> bool:
    return isinstance(value, str | os.PathLike | Image.Image)


def prepare_raw(preprocessor: Preprocessor, inputs: Sequence[Any]) -> Array:
    """Raw inputs as an array (N, ...). A str is a text for a network that reads texts, else the
    name of a file; DataError."""
    return np.stack([preprocessor.transform(one) for one in decode_raw(preprocessor, inputs)])


def raw_logits(
    preprocessor: Preprocessor, inputs: Any, logits_of: Callable[[Array], Float32]
) -> Float32 | None:
    """The logits (N, classes) of raw inputs, for a long sound the mean of those of its windows;
    None if the inputs are an array. ``logits_of``: those of prepared inputs."""
    raw = raw_inputs(inputs)
    if raw is None:
        return None
    windows = [preprocessor.windows(one) for one in decode_raw(preprocessor, raw)]
    owners = np.repeat(np.arange(len(windows)), [len(one) for one in windows])
    return mean_logits(logits_of(np.concatenate(windows)), owners)


def mean_logits(logits: Float32, recordings: Int64) -> Float32:
    """The mean of the logits (N, classes) of each recording, in the order of their numbers (N,)."""
    _, recording, counts = np.unique(recordings, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), logits.shape[1]))
    np.add.at(sums, recording, logits)  # one after another, in float64
    return np.asarray(sums / counts[:, None], np.float32)


def decode_raw(preprocessor: Preprocessor, inputs: Sequence[Any]) -> list[Any]:
    """Raw inputs as decoded examples; DataError."""
    return [_decoded(preprocessor, one) for one in inputs]


def _decoded(preprocessor: Preprocessor, value: Any) -> Any:
    if isinstance(value, Image.Image):
        return from_pillow(preprocessor, value)
    if isinstance(value, str) and preprocessor.modality == "texts":
        return value
    return preprocessor.read(Path(value))


def from_pillow(preprocessor: Preprocessor, image: Image.Image) -> Any:
    """The pixels of a Pillow image, as those of a file with it; DataError."""
    if preprocessor.modality != "pictures":
        raise DataError(f"got a picture, wanted {preprocessor.modality} for this network")
    upright = ImageOps.exif_transpose(image)
    content = io.BytesIO()
    is_png = upright.mode in _PNG_MODES
    upright.save(content, "PNG" if is_png else "TIFF", **({"compress_level": 1} if is_png else {}))
    return preprocessor.read(content.getvalue(), "picture")


def paths_of(files: Sequence[Any]) -> list[Path]:
    """The paths of files, which may be in one list; DataError for other values."""
    if len(files) == 1 and isinstance(files[0], list | tuple):
        (files,) = files
    for file in files:
        if not isinstance(file, str | os.PathLike):
            raise DataError(f"read_inputs: got {shown(file)}, wanted the name of a file")
    return [Path(file) for file in files]


def preprocess_all(preprocessor: Preprocessor, examples: Sequence[Any]) -> Array:
    """Decoded examples, which may be in one list, as an array (N, ...); DataError."""
    if len(examples) == 1 and isinstance(examples[0], list):
        (examples,) = examples
    if not examples:
        raise DataError("got nothing to preprocess, wanted one example or more")
    return np.stack(
        [preprocessor.transform(check_decoded(preprocessor, example)) for example in examples]
    )


def check_decoded(preprocessor: Preprocessor, example: Any) -> Any:
    """A decoded example, or a Pillow image as one; DataError for any other kind of value."""
    if isinstance(example, Image.Image):
        return from_pillow(preprocessor, example)
    modality = preprocessor.modality
    if modality == "texts":
        is_valid, wanted = isinstance(example, str), "a text"
    elif modality == "sounds":
        is_valid, wanted = isinstance(example, Sound), "a sound, as read_sound returns it"
    else:
        is_valid = isinstance(example, np.ndarray) and example.ndim == 3
        wanted = "an array (rows, columns, channels) of uint8"
    if not is_valid:
        file = "; read_inputs and predict take the names of files"
        hint = file if isinstance(example, str | os.PathLike) else ""
        raise DataError(f"preprocess: got {shown(example)}, wanted {wanted}{hint}")
    return example
