"""What each USAGE.md says: its code, as it is written, answers as `piecewise predict`.

The files are those of a person: a photo that is turned, a transparent or deep picture, a stereo
sound of another rate, a text with unknown words.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status
from piecewise.core.array_types import Array
from piecewise.exchange import registry
from piecewise.exchange.export_model import USAGE, files_of
from piecewise.exchange.runners.c_compiler import _compiler
from piecewise.exchange.source_code.preparation import SCRIPT, preparation_files
from piecewise.exchange.source_code.standalone import Standalone

from .exchange_judging import load_module, net_of, usage_code, write
from .exchange_nets import randomized, saved
from .test_exchange_c import needs_compiler

IN_PROCESS = ("onnx", "pytorch", "caffe", "torch", "numpy")
"""Formats whose toolkits are installed with the tests; the others are in tests/toolkits."""
LAYERS = "conv 6 3, relu, pool 2, conv 6 3, relu, pool 4, full"
PHOTOS = pw.ImagePreprocessor((3, 24, 20), padding="border")
DRAWINGS = pw.ImagePreprocessor((1, 28, 28), "dark", 0.1)
SOUNDS = pw.AudioPreprocessor((1, 40, 32))
TEXTS = pw.TextPreprocessor("words", ("good", "bad", "caf\u00e9"), 6)
NAMES = {"pictures": "photo.jpg", "sounds": "sound.wav"}
TEXT = "your text"
TEXT_LAYERS = ("embed 4, pool all kind=average, full", "conv 4 5x2, relu, full")


def net_for(preprocessor: Any, layers: str = LAYERS) -> pw.Network:
    """A net with this preprocessing whose answers depend on all of the input."""
    return randomized(pw.Network(layers, preprocessor.shape, 3, 0, preprocessor), 0)


def noise(height: int, width: int, channels: int, seed: int = 0) -> Image.Image:
    """A picture with a gradient and coarse noise, so that its parts differ."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (6, 5, channels), np.uint8).squeeze()
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def pictures() -> Iterator[tuple[str, bytes]]:
    """Pictures as phones, scanners and drawing programs write them."""
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "turned photo", encoded(noise(90, 160, 3), "JPEG", exif=exif)
    transparent = noise(33, 47, 3, 1).convert("RGBA")
    transparent.putalpha(noise(33, 47, 1, 2))
    yield "transparent", encoded(transparent)
    deep = np.asarray(noise(41, 30, 1, 3)).astype(np.uint16) * 13
    yield "16 bits", encoded(Image.fromarray(deep))
    yield "palette", encoded(noise(21, 64, 3, 4).convert("P"), transparency=3)
    yield "grey and transparent", encoded(transparent.convert("LA"))
    ink = Image.new("L", (60, 90), 250)
    ink.paste(20, (12, 30, 30, 80))
    yield "drawing", encoded(ink)


def sounds() -> Iterator[tuple[str, bytes]]:
    """Sounds of other rates, channels and depths."""
    generator = np.random.default_rng(0)

    def wav(rate: int, seconds: float, channels: int, coding: str, loud: float = 0.2) -> bytes:
        count = int(rate * seconds)
        tone = np.sin(np.arange(count) * 2_000 / rate)[:, None] * np.hanning(count)[:, None]
        samples = loud * (tone + generator.normal(0, 0.3, (count, channels)))
        content = io.BytesIO()
        soundfile.write(content, samples, rate, coding, format="WAV")
        return content.getvalue()

    yield "stereo at 44,100 Hz", wav(44_100, 0.4, 2, "PCM_24")
    yield "floats beyond 1", wav(8_000, 0.4, 1, "FLOAT", 1.5)
    yield "quiet floats", wav(8_000, 0.4, 1, "FLOAT", 0.0003)
    left = np.sin(np.arange(3_000) / 3) * 0.2
    content = io.BytesIO()
    soundfile.write(content, np.stack([left, -left], axis=1), 8_000, "PCM_16", format="WAV")
    yield "channels that cancel each other", content.getvalue()


def predicted(net: pw.Network, folder: Path, capsys: Any, *inputs: str) -> Array:
    """The probabilities that `piecewise predict` prints."""
    net.save(folder / "net.safetensors")
    assert status(["predict", str(folder / "net.safetensors"), "--json", *inputs]) == 0
    (row,) = json.loads(capsys.readouterr().out)["predictions"]
    return np.array(row["probabilities"])


def answer(code: str) -> Array:
    """The probabilities that the code computes last, as its variable ``row``."""
    names: dict[str, Any] = {}
    try:
        exec(code, names)
    finally:
        for module in ("net", "prepare", "tokenizer"):
            sys.modules.pop(module, None)
    return np.asarray(names["row"], np.float64)


@pytest.mark.parametrize("preprocessor", [PHOTOS, DRAWINGS, SOUNDS], ids=lambda one: one.kind)
@pytest.mark.parametrize("name", IN_PROCESS)
def test_usage_answers_as_predict_about_files(
    name: str, preprocessor: Any, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    if name == "pytorch":
        pytest.importorskip("torch")
    exporter, net = registry.exporter(name), net_for(preprocessor)
    folder = write(exporter.files(saved(net)), tmp_path / name)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    code, file = usage_code(exporter, net), folder / NAMES[preprocessor.modality]
    answers = []
    for kind, content in pictures() if preprocessor.modality == "pictures" else sounds():
        file.write_bytes(content)
        got = answer(code)
        assert capsys.readouterr().out.startswith(tuple(net.classes))
        expected = predicted(net, tmp_path, capsys, str(file))
        assert np.abs(got - expected).max() <= 1e-5, kind
        answers.append(expected)
    assert np.ptp(answers, axis=0).max() > 0.02  # the files differ for the net


@pytest.mark.parametrize(
    "layers", ["embed 4, pool all kind=average, full", "conv 4 5x2, relu, full"]
)
@pytest.mark.parametrize("name", IN_PROCESS)
def test_usage_answers_as_predict_about_a_text(
    name: str, layers: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    if name == "pytorch":
        pytest.importorskip("torch")
    exporter, net = registry.exporter(name), net_for(TEXTS, layers)
    if exporter.refusal(saved(net)):
        return
    folder = write(exporter.files(saved(net)), tmp_path / name)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    code = usage_code(exporter, net)
    for text in ("Good, good CAFE\u0301!", "an unknown word, bad", "good " * 9, ""):
        got = answer(code.replace(TEXT, text))
        capsys.readouterr()
        expected = predicted(net, tmp_path, capsys, "--text", text)
        assert np.abs(got - expected).max() <= 1e-5, text


@pytest.mark.parametrize(
    "preprocessor",
    [
        pw.ImagePreprocessor((1, 12, 30), resize="crop", level_range=(10.5, 900.0)),
        pw.ImagePreprocessor((3, 9, 7), resize="stretch", backdrop="grey"),
        pw.ImagePreprocessor((3, 20, 20), "light", 0.05, framing="canvas", least_plain=0.4),
        pw.AudioPreprocessor((1, 17, 33), 16_000, 100),
    ],
    ids=lambda one: str(one.shape),
)
def test_prepared_inputs_have_the_bytes_of_piecewise(preprocessor: Any, tmp_path: Path) -> None:
    net = pw.Network("full", preprocessor.shape, 2, 0, preprocessor)
    module = load_module(write(preparation_files(saved(net)), tmp_path), "prepare")
    is_sound = preprocessor.modality == "sounds"
    for kind, content in sounds() if is_sound else pictures():
        (tmp_path / "file").write_bytes(content)
        example = preprocessor.read(content, kind)
        inputs = module.prepare(str(tmp_path / "file"))
        assert np.array_equal(inputs[0], preprocessor.transform(example)), kind
        if is_sound:
            windows = module.windows(str(tmp_path / "file"))
            assert np.array_equal(windows, preprocessor.windows(example))
        else:
            pixels = module.pixels(str(tmp_path / "file"))
            assert np.array_equal(pixels, preprocessor.pixels(example))


@needs_compiler
@pytest.mark.parametrize("preprocessor", [PHOTOS, SOUNDS, TEXTS], ids=lambda one: one.kind)
def test_c_usage_answers_as_predict(preprocessor: Any, tmp_path: Path, capsys: Any) -> None:
    """The program gets what the script beside it prints."""
    layers = "embed 4, pool all, full" if preprocessor is TEXTS else LAYERS
    exporter, net = registry.exporter("c"), net_for(preprocessor, layers)
    folder = write(exporter.files(saved(net)), tmp_path / "c")
    (folder / "main.c").write_text(usage_code(exporter, net, "c"), "utf-8")
    subprocess.run([str(_compiler()), "-O1", "-std=c99", "main.c", "net.c", "-lm", "-o", "main"],
                   cwd=folder, check=True)  # fmt: skip
    usage = exporter.usage(saved(net))
    (command,) = re.findall(r"\$ python (.*) \| ./main", usage)
    script, argument = command.split(" ", 1)
    contents = {"pictures": pictures, "sounds": sounds}.get(preprocessor.modality)
    if contents is None:
        argument, given = "good \u00e9 bad", ["--text", "good \u00e9 bad"]
    else:
        (folder / argument).write_bytes(next(contents())[1])
        given = [str(folder / argument)]
    numbers = subprocess.run([sys.executable, "-B", script, argument], cwd=folder, check=True,
                             capture_output=True)  # fmt: skip
    done = subprocess.run([folder / "main"], input=numbers.stdout, check=True, capture_output=True)
    printed = [float(line.split()[0]) for line in done.stdout.decode().splitlines()]
    expected = predicted(net, tmp_path, capsys, *given)
    assert printed == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("name", registry.exporter_names())
@pytest.mark.parametrize("kind", ["picture grey", "picture average", "sound", "text average"])
def test_scripts_for_inputs_are_where_the_net_does_not_read_files(name: str, kind: str) -> None:
    exporter, model = registry.exporter(name), saved(net_of(kind))
    if exporter.refusal(model) or name in ("html", "card"):
        return
    scripts = {"text average": {"tokenizer.py", "vocabulary.json"}, "picture average": set()}
    assert set(preparation_files(model)) == scripts.get(kind, {SCRIPT})
    files, usage = exporter.files(model), exporter.usage(model)
    assert preparation_files(model).items() <= files.items()
    for file in re.findall(r"`(\w+\.py)`", usage):
        assert file in files, usage


@pytest.mark.parametrize("name", registry.exporter_names())
@pytest.mark.parametrize("kind", ["picture grey", "picture average", "sound", "text average"])
def test_usage_has_lines_that_fit(name: str, kind: str) -> None:
    exporter, model = registry.exporter(name), saved(net_of(kind))
    if exporter.refusal(model):
        return
    files = files_of(exporter, model)
    usage = files.get(f"{exporter.folder}/{USAGE}", b"").decode()
    assert all(len(line) <= 100 for line in usage.splitlines())
    for code in re.findall(r"```.*?```", exporter.usage(model), re.DOTALL):
        assert code in usage  # only paragraphs are wrapped


def test_usage_says_what_becomes_of_unknown_words() -> None:
    for units, words in (("words", "1 is any other"), ("n-grams", "others are left out")):
        preprocessor = pw.TextPreprocessor(units, ("good", "bad"), 6)
        net = pw.Network("embed 4, pool all, full", preprocessor.shape, 2, 0, preprocessor)
        assert words in registry.exporter("numpy").usage(saved(net))


def test_prepared_sound_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for content in (b"", np.full(9, np.nan, np.float32)):
        file = tmp_path / "sound.wav"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            soundfile.write(file, content, 8_000, "FLOAT")
        write(preparation_files(saved(net_of("sound"))), tmp_path)
        done = subprocess.run([sys.executable, "-B", SCRIPT, "sound.wav"], cwd=tmp_path,
                              capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 1


def test_standalone_refuses_a_name_with_two_meanings() -> None:
    parts = Standalone()
    parts.add("data.images.decoding", "MAX_FILE_BYTES")
    with pytest.raises(ValueError, match="MAX_FILE_BYTES has two meanings"):
        parts.add("data.audio.decoding", "MAX_FILE_BYTES")
