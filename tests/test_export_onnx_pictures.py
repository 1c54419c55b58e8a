"""Raw pictures in ONNX: the graph against `ImagePreprocessor.transform`, bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image, ImageDraw

from piecewise import ImagePreprocessor, Network, make_xo
from piecewise.core.array_types import Array, Uint8
from piecewise.exchange.onnx.exporter import NET, OnnxExporter
from piecewise.exchange.onnx.graph import Graph
from piecewise.exchange.onnx.pictures import add_pictures
from piecewise.exchange.runner import Samples
from piecewise.exchange.runners.onnxruntime import OnnxRuntime

from .exchange_nets import randomized, saved
from .long import now_and_long
from .onnx_files import assert_shapes_inferred, exported, run
from .real_data import real

SIZES = [(28, 28), (20, 31), (100, 64), (7, 5), (28, 60), (61, 28), (133, 40), (3, 90), (1, 1)]
"""Rows and columns: with the vertical pass first, and the horizontal one, and of one pixel."""
PHOTOS = {
    f"{resize} {padding}": {"resize": resize, "padding": padding}
    for resize in ("pad", "crop", "stretch")
    for padding in ("black", "border")
}
DRAWINGS = {
    "ink on dark": {"background": "dark", "margin": 0.1},
    "ink on light": {"background": "light", "resize": "crop", "least_plain": 0.6},
    "canvas on dark": {"background": "dark", "framing": "canvas", "resize": "stretch"},
    "canvas on light": {"background": "light", "framing": "canvas", "resize": "pad"},
    "canvas cropped": {"background": "dark", "framing": "canvas", "resize": "crop"},
}
KINDS = {**PHOTOS, **DRAWINGS}
SHAPES = [(1, 28, 28), (3, 24, 31)]


def session(preprocessor: ImagePreprocessor) -> onnxruntime.InferenceSession:
    """The graph of a preprocessor alone."""
    graph = Graph("pictures")
    graph.output(add_pictures(graph, preprocessor), "cells")
    return onnxruntime.InferenceSession(graph.to_bytes({}))


def photo(random: np.random.Generator, height: int, width: int, channels: int) -> Uint8:
    """Smooth colours, sometimes with a border."""
    small = random.integers(0, 256, (max(2, height // 6), max(2, width // 6), channels), np.uint8)
    planes = [np.asarray(Image.fromarray(small[..., at]).resize((width, height)))
              for at in range(channels)]  # fmt: skip
    pixels = np.stack(planes, axis=2)
    if random.random() < 0.5 and min(height, width) > 8:
        edge = random.integers(1, 4)
        middle = pixels[edge:-edge, edge:-edge].copy()
        pixels[:] = random.integers(0, 256, channels)
        pixels[edge:-edge, edge:-edge] = middle
    return pixels


def drawing(random: np.random.Generator, height: int, width: int, channels: int) -> Uint8:
    """Lines on dark or light paper, with noise; in colour where there are three channels."""
    light = random.random() < 0.5
    paper, ink = random.integers(0, 60), random.integers(150, 256)
    paper, ink = (255 - paper, 255 - ink) if light else (paper, ink)
    image = Image.new("L", (width, height), int(paper))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(1, 4)):
        ends = [(int(random.integers(width)), int(random.integers(height))) for _ in range(2)]
        draw.line(ends, fill=int(ink), width=max(1, min(height, width) // 12))
    noisy = np.asarray(image).astype(int) + random.integers(-6, 7, (height, width))
    plane = np.clip(noisy, 0, 255).astype(np.uint8)
    return np.stack([plane, np.roll(plane, 1, 0), plane][:channels], axis=2)


def pictures_of(random: np.random.Generator, height: int, width: int, channels: int) -> Array:
    """Photos, drawings, noise, and pages of one level."""
    size = (height, width, channels)
    return np.stack([
        photo(random, *size), photo(random, *size), random.integers(0, 256, size, np.uint8),
        *(drawing(random, *size) for _ in range(4)),
        *(np.full(size, level, np.uint8) for level in (0, 128, 255)),
    ])  # fmt: skip


def assert_same_bytes(preprocessor: ImagePreprocessor, sizes: list[tuple[int, int]]) -> None:
    """The graph gives the bytes of `transform`, for batches of each size."""
    net, random = session(preprocessor), np.random.default_rng(len(sizes))
    for height, width in sizes:
        for channels in (1, 3):
            pictures = pictures_of(random, height, width, channels)
            (got,) = net.run(None, {"pixels": pictures})
            expected = np.stack([preprocessor.transform(one) for one in pictures])
            np.testing.assert_array_equal(got, expected, err_msg=f"{height}x{width}x{channels}")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_graph_gives_the_bytes_of_the_preprocessor(kind: str, shape: tuple[int, int, int]) -> None:
    assert_same_bytes(ImagePreprocessor(shape, **KINDS[kind]), SIZES)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", now_and_long(range(200), range(3)))
def test_graph_gives_the_bytes_of_the_preprocessor_for_random_sizes(seed: int) -> None:
    random = np.random.default_rng(seed)
    kind = list(KINDS)[int(random.integers(len(KINDS)))]
    height, width = (int(side) for side in random.integers(1, 70, 2))
    shape = ((1, 3)[seed % 2], height, width)
    preprocessor = ImagePreprocessor(shape, **KINDS[kind])  # type: ignore[arg-type]
    sizes = [(int(h), int(w)) for h, w in random.integers(1, 150, (6, 2))]
    assert_same_bytes(preprocessor, sizes)


def test_median_between_two_levels_is_rounded_as_numpy_does() -> None:
    """Half of the paper is one level lighter, so faint ink is in the box or not by half a level."""
    drawn = np.full((40, 40, 1), 250, np.uint8)
    drawn[:, 20:] = 251
    drawn[15:25, 15:25] = 255 - 101
    drawn[20, 34] = 255 - 37
    for background in ("dark", "light"):
        preprocessor = ImagePreprocessor((1, 20, 24), background=background)
        (got,) = session(preprocessor).run(None, {"pixels": drawn[None]})
        np.testing.assert_array_equal(got[0], preprocessor.transform(drawn))


def test_graphs_of_different_preprocessors_differ() -> None:
    pixels = photo(np.random.default_rng(0), 50, 33, 3)[None]
    found = {
        session(ImagePreprocessor((3, 20, 24), resize=one))
        .run(None, {"pixels": pixels})[0]
        .tobytes()
        for one in ("pad", "crop", "stretch")
    }
    assert len(found) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_file_states_shapes_that_inference_finds(kind: str) -> None:
    preprocessor = ImagePreprocessor((3, 20, 24), **KINDS[kind])  # type: ignore[arg-type]
    net = Network("conv 4 3, relu, pool 2, full", (3, 20, 24), 3, preprocessor=preprocessor)
    assert_shapes_inferred(exported(net, NET))


def small_net(preprocessor: ImagePreprocessor) -> Network:
    """A network with random parameters."""
    layers = "conv 6 3, relu, pool 2, full"
    net = Network(layers, preprocessor.shape, 4, preprocessor=preprocessor)
    return randomized(net, 1)


def assert_predicts_the_same(net: Network, files: list[Path]) -> None:
    """The file gives the probabilities of the network for image files of any size."""
    file = exported(net, NET)
    for path in files:
        pixels = net.preprocessor.pixels(net.preprocessor.read(path))  # type: ignore[attr-defined]
        got = run(file, pixels[None]).probabilities
        np.testing.assert_allclose(got, net.probabilities(path), rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "I;16"])
def test_image_files_of_every_mode_predict_the_same(mode: str, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    colours = Image.fromarray(photo(random, 47, 60, 3))
    image = colours.convert("L").convert("I;16") if mode == "I;16" else colours.convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(photo(random, 47, 60, 1)[..., 0]))
    image.save(tmp_path / "picture.png")
    for shape in ((1, 20, 22), (3, 20, 22)):
        assert_predicts_the_same(small_net(ImagePreprocessor(shape)), [tmp_path / "picture.png"])


def test_drawings_of_other_sizes_predict_the_same(tmp_path: Path) -> None:
    """X and O, enlarged, on paper."""
    net = small_net(ImagePreprocessor((1, 20, 24), background="dark", margin=0.1))
    files = []
    for number, cells in enumerate(make_xo(6, seed=2).inputs):
        image = Image.fromarray(255 - cells.reshape(28, 28))
        path = tmp_path / f"{number}.png"
        image.resize((90 + number, 70), Image.Resampling.BICUBIC).save(path)
        files.append(path)
    assert_predicts_the_same(net, files)


@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
def test_real_photos_give_the_same_bytes(resize: str) -> None:
    with np.load(real("photos-small.npz")) as file:
        name = max(file.files, key=lambda one: file[one].ndim)
        photos = file[name][:40]
    photos = photos if photos.ndim == 4 else photos[..., None]
    for shape in ((3, 24, 24), (1, 30, 20), (3, 48, 50)):
        preprocessor = ImagePreprocessor(shape, resize=resize, padding="border")
        (got,) = session(preprocessor).run(None, {"pixels": photos})
        expected = np.stack([preprocessor.transform(one) for one in photos])
        np.testing.assert_array_equal(got, expected)


def test_runner_takes_decoded_pictures_of_different_sizes(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    net = small_net(ImagePreprocessor((3, 20, 22), padding="border"))
    for name, content in OnnxExporter().files(saved(net)).items():
        (tmp_path / name).write_bytes(content)
    raw = [photo(random, 30, 40, 3), photo(random, 51, 20, 1), photo(random, 20, 22, 3)]
    inputs = np.stack([net.preprocessor.transform(one) for one in raw])
    samples = Samples(inputs, net.preprocessor.to_float(inputs), raw)
    got = OnnxRuntime().run(tmp_path, samples)
    np.testing.assert_allclose(got.probabilities, net.probabilities(inputs), rtol=0, atol=1e-5)


def test_network_of_other_channels_takes_its_own_bytes() -> None:
    net = Network("full", (2, 5, 4), 3)
    model = onnx.load_from_string(exported(net, NET))
    sides = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides[1:] == [2, 5, 4]
