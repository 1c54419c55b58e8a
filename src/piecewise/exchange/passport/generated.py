"""Default samples for a passport: generated files of many kinds and sizes.

They are made of noise. Pictures have other sizes than the input, are transparent, turned, deep, or
drawings; sounds have other rates, lengths and channels; texts have unknown words.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from ...core.array_types import Array, Float64, Uint8
from ...data.audio.preprocessor import AudioPreprocessor
from ...data.images.preprocessor import ImagePreprocessor
from ...data.text.ngrams import END, START
from ...data.text.preprocessor import TextPreprocessor
from ...storage.model_file import SavedModel
from ..runner import Samples
from .samples import samples_of, samples_of_inputs

COUNT = 40
"""Samples, if the user gives none."""
_LARGEST = 500  # pixels of a side
_TURNED = 0x0112  # the EXIF tag of the orientation
_TEXTS = ("", " \n", "?!", "xqzv", "Xqzv \u00e9\u0301\u202e\U0001f600", "0123 456,7")


def generated_samples(model: SavedModel, count: int = COUNT) -> Samples:
    """Samples of a network's kind, of the kinds above in turn; random arrays if it reads other
    inputs than files and texts. The same network gives the same samples."""
    generator = np.random.default_rng(0)
    preprocessor, reads_texts = model.preprocessor, model.architecture.reads_texts
    if isinstance(preprocessor, TextPreprocessor):
        texts = _texts(generator, preprocessor, count)
        made = samples_of(preprocessor, texts, reads_texts=reads_texts)
        return made._replace(names=[f"text {one[:20]!r}" for one in texts])
    if reads_texts:  # tokens without a vocabulary
        return samples_of_inputs(preprocessor, _arrays(generator, model, count))
    if isinstance(preprocessor, AudioPreprocessor):
        files = list(_sounds(generator, preprocessor, count))
    elif isinstance(preprocessor, ImagePreprocessor) and preprocessor.shape[0] in (1, 3):
        files = list(_pictures(generator, preprocessor, count))
    else:
        return samples_of_inputs(preprocessor, _arrays(generator, model, count))
    decoded = [preprocessor.read(content, name) for name, content in files]
    names, contents = map(list, zip(*files, strict=True))
    return samples_of(preprocessor, decoded)._replace(files=contents, names=names)


def _arrays(generator: np.random.Generator, model: SavedModel, count: int) -> Array:
    """Random bytes (N, C, H, W), or tokens of texts of several lengths, the first of them empty."""
    _, height, width = model.architecture.input
    if not model.architecture.reads_texts:
        return generator.integers(0, 256, (count, *model.architecture.input), np.uint8)
    tokens = generator.integers(1, max(2, height), (count, width)) % height
    lengths = np.linspace(0, width, count).astype(int)
    tokens[np.arange(width) >= lengths[:, None]] = 0
    return np.asarray(tokens)


def _texts(generator: np.random.Generator, preprocessor: TextPreprocessor, count: int) -> list[str]:
    """Texts of known and unknown words of all lengths; the last one is longer than is read."""
    known = [one for one in preprocessor.vocabulary if not {"-", START, END} & set(one)] or ["a"]
    between = "" if preprocessor.units == "letters" else " "
    texts = list(_TEXTS[:count])
    for length in np.linspace(1, 2 * preprocessor.positions, count - len(texts)).astype(int):
        words = [known[index] for index in generator.integers(0, len(known), length)]
        words[length // 2] = words[length // 2].upper() if length % 3 else "xqzv"
        texts.append(between.join(words))
    return texts


def _pictures(
    generator: np.random.Generator, preprocessor: ImagePreprocessor, count: int
) -> Iterator[tuple[str, bytes]]:
    """Names and PNG files."""
    _, height, width = preprocessor.shape
    sizes = {
        "of the input's size": (height, width),
        "that is larger": (2 * height + 3, 2 * width + 1),
        "that is smaller": (height // 2 + 1, width // 3 + 1),
        "that is wide": (height + 1, 4 * width),
        "that is tall": (3 * height + 1, width),
        "of one pixel more": (height + 1, width + 1),
    }
    kinds = ["colour", "grey", "transparent", "16-bit", "light drawing", "dark drawing", "turned"]
    for number in range(count):
        kind, (size, sides) = kinds[number % 7], list(sizes.items())[number % 6]
        rows, columns = (min(_LARGEST, side) for side in sides)
        name = f"picture {number + 1}, {kind}, {rows}x{columns}, {size}"
        yield name, _picture(generator, kind, rows, columns, number)


def _picture(
    generator: np.random.Generator, kind: str, rows: int, columns: int, number: int
) -> bytes:
    """A PNG file of one kind."""
    size = (columns, rows)
    content, options = io.BytesIO(), {}
    if "drawing" in kind:
        image = Image.new("RGB", size, (250, 247, 240))
        left, top = columns // 4, rows // 5
        ink = _noise(generator, columns // 3 + 1, rows // 2 + 1, 3).point(lambda one: one // 3)
        image.paste(ink, (left, top))
        if kind == "dark drawing":
            image = image.point(lambda one: 255 - one)
    elif kind == "16-bit":
        levels = np.asarray(_noise(generator, columns, rows, 1)).astype(np.uint16)
        image = Image.fromarray(levels * np.uint16((1, 13, 257)[number % 3]))
    else:
        image = _noise(generator, columns, rows, 1 if kind == "grey" else 3)
    if kind == "transparent":
        image.putalpha(_noise(generator, columns, rows, 1))
        image = image.convert("LA") if number % 2 else image
    if kind == "turned":
        exif = Image.Exif()
        exif[_TURNED] = 2 + number // 7 % 7
        options["exif"] = exif
    image.save(content, "PNG", compress_level=1, **options)
    return content.getvalue()


def _noise(generator: np.random.Generator, columns: int, rows: int, channels: int) -> Image.Image:
    """Blotches of all sizes."""
    shape = (int(generator.integers(2, 9)), int(generator.integers(2, 9)), channels)
    coarse: Uint8 = generator.integers(0, 256, shape, np.uint8)
    image = Image.fromarray(coarse.squeeze(2) if channels == 1 else coarse)
    return image.resize((columns, rows), Image.Resampling.BICUBIC)


def _sounds(
    generator: np.random.Generator, preprocessor: AudioPreprocessor, count: int
) -> Iterator[tuple[str, bytes]]:
    """Names and WAV files."""
    import soundfile  # noqa: PLC0415 -- slow to import, and needed for sounds only

    own, length = preprocessor.rate, preprocessor.frames * preprocessor.hop / preprocessor.rate
    rates, codings = (own, own, 44_100, own, 11_025), ("PCM_16", "FLOAT", "PCM_24", "PCM_U8")
    for number, seconds in enumerate(np.geomspace(0.05, 3 * length, count)):
        rate, coding = rates[number % 5], codings[number % 4]
        channels = _channels(generator, rate, float(seconds), number)
        if coding == "FLOAT":
            channels *= 4  # beyond 1
        content = io.BytesIO()
        soundfile.write(content, channels, rate, coding, format="WAV")
        sides = f"{channels.shape[1]} channels" if channels.shape[1] > 1 else "1 channel"
        yield (
            f"sound {number + 1}, {seconds:.2f} s, {rate} Hz, {sides}, {coding}",
            content.getvalue(),
        )


def _channels(generator: np.random.Generator, rate: int, seconds: float, number: int) -> Float64:
    """Noise and tones (n, channels) that become louder and fade: one channel, two, or two that
    cancel each other; the first sound is silence."""
    count = max(8, int(rate * seconds))
    time = np.arange(count) / rate
    tone = np.sin(2 * np.pi * time * generator.uniform(100, 3_000))
    noise = generator.normal(0, generator.uniform(0.02, 0.5), (2, count))
    envelope = np.minimum(1, 4 * np.hanning(count))
    first, second = 0.3 * (tone + noise) * envelope * (number > 0)
    others = ([], [-first], [second])[number % 3]
    return np.stack([first, *others], axis=1)
