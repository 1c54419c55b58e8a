"""The preprocessing in exported HTML files: pictures, sounds and texts become the same inputs."""

from __future__ import annotations

import io
import itertools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw
from playwright.sync_api import Browser

import piecewise as pw
from piecewise.core.array_types import Array, Uint8

from .browser import chromium
from .exchange_nets import randomized
from .html_pages import assert_same_inputs, open_page, probability_error, results_of_page
from .long import now_and_long
from .programs import needs_chromium
from .real_data import real

pytestmark = needs_chromium
EXACT = 1e-6
"""The largest difference of probabilities."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def net_for(preprocessor: Any, seed: int = 0) -> pw.Network:
    """A small net with random parameters that reads what a preprocessor makes."""
    texts = preprocessor.modality == "texts"
    layers = "embed 6, pool all kind=average, full" if texts else "conv 4 3, relu, pool 2, full"
    net = pw.Network(layers, preprocessor.shape, ("a", "b", "c"), seed, preprocessor)
    return randomized(net, seed)


def check_files(
    browser: Browser, folder: Path, preprocessor: Any, contents: list[bytes]
) -> list[dict[str, Any]]:
    """A page prepares files as the preprocessor does, and answers as the net does."""
    net = net_for(preprocessor)
    opened = open_page(browser, net, folder)
    results = results_of_page(opened, contents)
    examples = [preprocessor.read(content, "file") for content in contents]
    assert_same_inputs(net, results, examples)
    inputs = np.stack([preprocessor.transform(one) for one in examples])
    single = [index for index, one in enumerate(results) if len(one["inputs"]) == 1]
    chosen = [results[index] for index in single]
    assert probability_error(net, chosen, inputs[single]) <= EXACT
    assert not opened.complaints
    assert not opened.beyond
    opened.close()
    return results


def png(image: Image.Image, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG", **options)
    return content.getvalue()


def random_drawing(generator: np.random.Generator, mode: str = "L") -> Image.Image:
    """Some strokes on a plain background of any size, dark or light."""
    width, height = (int(side) for side in generator.integers(12, 90, 2))
    paper, ink = (20, 230) if generator.random() < 0.5 else (245, 10)
    image = Image.new("L", (width, height), paper)
    draw = ImageDraw.Draw(image)
    for _ in range(int(generator.integers(1, 4))):
        points = [(int(generator.integers(0, width)), int(generator.integers(0, height)))
                  for _ in range(3)]  # fmt: skip
        draw.line(points, ink, int(generator.integers(1, 6)))
    noise = generator.integers(-9, 10, (height, width))
    noisy = np.clip(np.asarray(image).astype(int) + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(noisy).convert(mode)


def random_photo(generator: np.random.Generator, mode: str = "RGB") -> Image.Image:
    """Smooth noise of any size."""
    width, height = (int(side) for side in generator.integers(3, 120, 2))
    channels = len(Image.new(mode, (1, 1)).getbands())
    small = generator.integers(0, 256, (5, 5, channels), np.uint8)
    image = Image.fromarray(small.squeeze(2) if channels == 1 else small, mode)
    return image.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(("resize", "shape"), [
    ("pad", (1, 28, 28)), ("crop", (3, 20, 33)), ("crop", (1, 7, 64)), ("stretch", (3, 30, 11)),
], ids=str)  # fmt: skip
def test_photos_of_other_sizes_become_same_bytes(
    browser: Browser, tmp_path: Path, resize: str, shape: tuple[int, int, int]
) -> None:
    generator = np.random.default_rng(1)
    modes = itertools.cycle(["RGB", "L", "RGBA", "LA", "P", "1"])
    contents = [png(random_photo(generator).convert(next(modes))) for _ in range(18)]
    check_files(browser, tmp_path, pw.ImagePreprocessor(shape, resize=resize), contents)


@pytest.mark.parametrize(("background", "shape", "options"), [
    ("dark", (1, 28, 28), {}),
    ("light", (3, 16, 25), {}),
    ("dark", (3, 25, 16), {"margin": 0.2}),
    ("light", (1, 20, 28), {"framing": "canvas"}),
    ("dark", (1, 28, 20), {"framing": "canvas", "resize": "crop"}),
    ("light", (1, 28, 28), {"least_plain": 0.6, "least_contrast": 90}),
], ids=str)  # fmt: skip
def test_drawings_become_same_bytes(
    browser: Browser, tmp_path: Path, background: str, shape: tuple[int, int, int],
    options: dict[str, Any],
) -> None:  # fmt: skip
    generator = np.random.default_rng(2)
    modes = itertools.cycle(["L", "RGB", "1", "P"])
    contents = [png(random_drawing(generator, next(modes))) for _ in range(20)]
    height, width = shape[1:]
    contents += [png(random_drawing(generator).resize((width, height))) for _ in range(6)]
    contents += [png(random_photo(generator)) for _ in range(6)]
    contents += [png(Image.new("L", (40, 30), level)) for level in (0, 128, 255)]
    check_files(browser, tmp_path, pw.ImagePreprocessor(shape, background, **options), contents)


def transparent_png(generator: np.random.Generator, kind: str) -> bytes:
    """A PNG with transparent pixels of one kind."""
    image = random_photo(generator, "RGBA")
    if kind == "ink":  # black or white strokes on nothing
        strokes = random_drawing(generator)
        alpha = strokes.point(lambda level: 255 - level)
        image = Image.new("RGBA", strokes.size, (int(generator.integers(0, 2)) * 255,) * 3 + (0,))
        image.putalpha(alpha)
    if kind == "LA":
        return png(image.convert("LA"))
    if kind == "P":
        return png(image.convert("RGB").convert("P"), transparency=int(generator.integers(0, 256)))
    if kind in {"L", "RGB"}:
        return png(image.convert("RGB").quantize(4).convert(kind),
                   transparency=0 if kind == "L" else (9, 9, 9))  # fmt: skip
    return png(image)


@pytest.mark.parametrize("backdrop", [None, "white", "black", "grey"])
def test_transparent_pictures_become_same_bytes(
    browser: Browser, tmp_path: Path, backdrop: str | None
) -> None:
    generator = np.random.default_rng(3)
    kinds = ["RGBA", "ink", "LA", "P", "L", "RGB"] * 3
    contents = [transparent_png(generator, kind) for kind in kinds]
    preprocessor = pw.ImagePreprocessor((3, 24, 24), backdrop=backdrop)
    check_files(browser, tmp_path, preprocessor, contents)


def grey_of_16_bits(generator: np.random.Generator, bits: int) -> bytes:
    levels = np.asarray(random_photo(generator, "L")).astype(np.uint16) << (bits - 8)
    return png(Image.fromarray(levels))


@pytest.mark.parametrize("level_range", [None, (100.0, 5000.0)])
def test_grey_of_16_bits_becomes_same_bytes(
    browser: Browser, tmp_path: Path, level_range: tuple[float, float] | None
) -> None:
    generator = np.random.default_rng(4)
    contents = [grey_of_16_bits(generator, bits) for bits in (8, 10, 12, 15, 16) * 4]
    preprocessor = pw.ImagePreprocessor((1, 24, 24), level_range=level_range)
    check_files(browser, tmp_path, preprocessor, contents)


def interlaced_png(pixels: Uint8) -> bytes:
    """A grey PNG in the seven passes of Adam7, which Pillow reads but does not write."""
    height, width = pixels.shape
    lines = b""
    for top, left, down, across in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4),
                                    (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):  # fmt: skip
        part = pixels[top::down, left::across]
        lines += b"".join(b"\0" + row.tobytes() for row in part if part.size)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + zlib.crc32(name + body).to_bytes(4)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_interlaced_and_turned_pngs_become_same_bytes(browser: Browser, tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    contents = []
    for height, width in ((1, 1), (3, 2), (9, 17), (40, 31)):
        contents.append(interlaced_png(generator.integers(0, 256, (height, width), np.uint8)))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        contents.append(png(random_photo(generator), exif=exif))
    check_files(browser, tmp_path, pw.ImagePreprocessor((1, 12, 20)), contents)


def test_broken_pictures_are_named_in_a_sentence(browser: Browser, tmp_path: Path) -> None:
    whole = png(random_photo(np.random.default_rng(6)))
    contents = [whole[: len(whole) // 2], b"", b"GIF89a", whole[:18] + b"\0\0" + whole[20:], whole]
    opened = open_page(browser, net_for(pw.ImagePreprocessor((1, 12, 12))), tmp_path)
    *broken, last = results_of_page(opened, contents)
    assert all(one["problem"] and "\n" not in one["problem"] for one in broken), broken
    assert "problem" not in last
    assert not opened.complaints
    opened.close()


def test_jpeg_answers_nearly_the_same(browser: Browser, tmp_path: Path) -> None:
    """Decoders of JPEG round differently, so that no exact answer is claimed."""
    with zipfile.ZipFile(real("hand-signs.zip")) as archive:
        names = archive.namelist()[:12]
        contents = [archive.read(name) for name in names if name.upper().endswith("JPG")]
    preprocessor = pw.ImagePreprocessor((3, 48, 48))
    net = net_for(preprocessor)
    opened = open_page(browser, net, tmp_path)
    results = results_of_page(opened, contents)
    inputs = np.stack([preprocessor.transform(preprocessor.read(one, "file")) for one in contents])
    apart = np.array([one["inputs"][0] for one in results]).reshape(inputs.shape) - inputs.astype(
        int
    )
    assert np.abs(apart).mean() < 0.5
    assert probability_error(net, results, inputs) < 0.01
    opened.close()


def wav(samples: Array, rate: int, coding: str = "PCM_16", kind: str = "WAV") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate, coding, format=kind)
    return content.getvalue()


def random_sound(generator: np.random.Generator, rate: int, seconds: float) -> Array:
    """Notes between silences, so that it is trimmed."""
    count = int(rate * seconds)
    time = np.arange(count) / rate
    envelope = np.clip(np.sin(2 * np.pi * time * generator.uniform(0.2, 3)), 0, 1) ** 4
    tone = np.sin(2 * np.pi * time * generator.uniform(100, rate / 2.2))
    noise = generator.normal(0, 0.002, count)
    return np.clip(generator.uniform(0.05, 0.9) * envelope * tone + noise, -1, 1)


SOUNDS = [(8_000, 128, (1, 40, 64)), (16_000, 512, (1, 40, 48)), (16_000, 100, (1, 17, 33))]


@pytest.mark.parametrize(("rate", "hop", "shape"), now_and_long(SOUNDS, SOUNDS[::2]), ids=str)
def test_wav_files_become_same_bytes(
    browser: Browser, tmp_path: Path, rate: int, hop: int, shape: tuple[int, int, int]
) -> None:
    generator = np.random.default_rng(7)
    codings = ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8", "ULAW", "ALAW"]
    contents = []
    for number, seconds in enumerate(np.linspace(0.01, 2.5, 16)):
        sound = random_sound(generator, rate, seconds)
        contents.append(wav(sound, rate, codings[number % 8], ["WAV", "WAVEX"][number % 16 // 8]))
    contents.append(wav(3 * random_sound(generator, rate, 1), rate, "FLOAT"))  # louder than 1
    contents.append(wav(np.zeros(4_000), rate))
    sounds = [random_sound(generator, rate, 0.8) for _ in range(3)]
    contents.append(wav(np.stack(sounds, axis=1), rate))
    contents.append(wav(np.stack([sounds[0], -sounds[0], 0.1 * sounds[1]], axis=1), rate))
    contents.append(wav(random_sound(generator, rate, 9), rate))  # several windows
    results = check_files(browser, tmp_path, pw.AudioPreprocessor(shape, rate, hop), contents)
    assert max(len(one["inputs"]) for one in results) > 1
    assert not any("differ" in note for one in results for note in one["notes"])


def test_answer_about_long_sound_is_that_of_predict(browser: Browser, tmp_path: Path) -> None:
    preprocessor = pw.AudioPreprocessor((1, 40, 32))
    net = net_for(preprocessor)
    content = wav(random_sound(np.random.default_rng(8), 8_000, 20), 8_000)
    opened = open_page(browser, net, tmp_path)
    (result,) = results_of_page(opened, [content])
    windows = preprocessor.windows(preprocessor.read(content, "sound"))
    assert len(windows) > 3
    expected = net.probabilities_of(net.logits(windows).mean(axis=0, keepdims=True))
    assert np.abs(np.array(result["probabilities"]) - expected[0]).max() <= EXACT
    assert result["notes"] == [f"The answer is the mean of {len(windows)} windows of the sound."]
    opened.close()


RATES = [(44_100, 8_000), (8_000, 16_000), (48_000, 16_000), (11_025, 8_000), (44_099, 16_000)]


@pytest.mark.parametrize(("rate", "target"), now_and_long(RATES, RATES[:2]), ids=str)
def test_sound_of_another_rate_becomes_nearly_the_same_bytes(
    browser: Browser, tmp_path: Path, rate: int, target: int
) -> None:
    preprocessor = pw.AudioPreprocessor((1, 40, 64), target, target // 62)
    generator = np.random.default_rng(9)
    contents = [wav(random_sound(generator, rate, 0.7), rate) for _ in range(4)]
    opened = open_page(browser, net_for(preprocessor), tmp_path)
    for result, content in zip(results_of_page(opened, contents), contents, strict=True):
        expected = preprocessor.transform(preprocessor.read(content, "sound")).astype(int)
        apart = np.abs(np.array(result["inputs"][0]).reshape(expected.shape) - expected)
        assert apart.mean() < 0.3
        assert expected.std() > 20
        assert "differ a little" in result["notes"][0]
    opened.close()


def test_flac_is_read_by_the_browser_and_says_so(browser: Browser, tmp_path: Path) -> None:
    preprocessor = pw.AudioPreprocessor((1, 40, 64))
    contents = [wav(random_sound(np.random.default_rng(10), 8_000, 0.7), 8_000, "PCM_16", "FLAC")]
    opened = open_page(browser, net_for(preprocessor), tmp_path)
    results = results_of_page(opened, [*contents, b"RIFF____WAVEfmt ", b"no sound"])
    expected = preprocessor.transform(preprocessor.read(contents[0], "sound")).astype(int)
    apart = np.abs(np.array(results[0]["inputs"][0]).reshape(expected.shape) - expected)
    assert apart.mean() < 0.3
    assert "The browser decoded this sound" in results[0]["notes"][0]
    assert results[1]["problem"] == "it is truncated"
    assert "save it as a WAV file" in results[2]["problem"]
    opened.close()
