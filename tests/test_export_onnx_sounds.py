"""Sounds in ONNX: raw samples give the spectrogram of `AudioPreprocessor`, and its answer."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import onnx.reference
import onnxruntime
import pytest
import soundfile

from piecewise import AudioPreprocessor, Network
from piecewise.core.array_types import Array, Float32
from piecewise.data.audio.decoding import SUFFIXES, Sound, read_sound
from piecewise.data.audio.preprocessor import MAX_WINDOWS, resample
from piecewise.exchange.export_model import export_model
from piecewise.exchange.onnx.exporter import NET, OnnxExporter
from piecewise.exchange.onnx.graph import Graph
from piecewise.exchange.onnx.sounds import add_windows
from piecewise.exchange.passport.samples import raw_logits_of, samples_of
from piecewise.exchange.runners.onnxruntime import OnnxRuntime
from piecewise.raw_inputs import mean_logits

from .exchange_nets import CLASSES, SOUND_NET, randomized, saved, sound_net
from .onnx_files import MAX_LOGIT_ERROR, MAX_PROBABILITY_ERROR, exported, run
from .real_data import real

PREPROCESSORS = {
    "default": AudioPreprocessor((1, 40, 32)),
    "fast": AudioPreprocessor((1, 40, 64), 16_000, 256),
    "long steps": AudioPreprocessor((1, 64, 96), 16_000, 512),
    "odd hop": AudioPreprocessor((1, 20, 17), 8_000, 100),
    "one column": AudioPreprocessor((1, 7, 1), 8_000, 16),
}


def noise(count: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)


def around(center: int, width: int = 2_000, count: int = 40_000) -> Float32:
    """Noise that is loudest around a sample."""
    shape = np.exp(-(((np.arange(count) - center) / width) ** 2))
    return np.asarray(noise(count) * shape, np.float32)


SOUNDS: dict[str, Float32] = {
    "silence": np.zeros(9_000, np.float32),
    "one sample": noise(1),
    "three samples": noise(3),
    "below a hop": noise(15),
    "a hop": noise(128),
    "more than a hop": noise(129),
    "short": noise(1_000),
    "long": noise(60_000),
    "click": np.eye(1, 5_000, 2_000, dtype=np.float32)[0],
    "silence at both ends": np.pad(noise(700), (4_000, 3_000)),
    "quiet": noise(4_000) * np.float32(1e-3),
    "inaudible": noise(4_000) * np.float32(1e-9),
    "loud at the start": around(0),
    "loud in the middle": around(17_000),
    "loud at the end": around(40_000),
    "two of a kind": np.tile(np.pad(noise(2_000), (0, 6_000)), 2),
    "tone": np.sin(np.arange(20_000) * 0.37).astype(np.float32),
    "chirp": np.sin((np.arange(9_000) / 110) ** 2).astype(np.float32),
    "clipped": np.sign(noise(3_000)),
    "beyond 1": 30 * noise(3_000),
    "very long": noise(700_000),
    "long and uneven": noise(90_000)
    * np.repeat(np.array([1, 0.2, 0.5, 0.03, 0.8, 0.1], np.float32), 15_000),
    "two thirds too long": around(6_000, 9_000, 12_000),
}


def windows_file(preprocessor: AudioPreprocessor) -> bytes:
    """A graph from samples to windows and the numbers of their sounds."""
    graph = Graph("spectrogram")
    samples = graph.input("samples", np.float32, ("N", "samples"))
    windows = add_windows(graph, preprocessor, samples)
    graph.output(windows.levels, "inputs")
    graph.output(windows.sounds, "owners")
    return graph.to_bytes({})


def in_order(windows: Array) -> Array:
    """Windows as bytes, in an order that does not depend on theirs."""
    assert (windows == windows.astype(np.uint8)).all()
    return np.array(sorted(windows.astype(np.uint8), key=lambda one: one.tobytes()))


@pytest.mark.parametrize("name", PREPROCESSORS)
def test_windows_in_graph_have_bytes_of_windows(name: str) -> None:
    preprocessor, counts = PREPROCESSORS[name], set[int]()
    session = onnxruntime.InferenceSession(windows_file(preprocessor))
    for sound, samples in SOUNDS.items():
        expected = preprocessor.windows(Sound(samples, preprocessor.rate))
        got, sounds = session.run(None, {"samples": samples[None]})
        assert got.shape == expected.shape, sound
        assert (in_order(got) == in_order(expected)).all(), sound
        assert not sounds.any()
        assert expected.any() == (sound not in ("silence", "inaudible")), sound
        counts.add(len(expected))
    assert len(counts) > 1
    assert name != "default" or (MAX_WINDOWS in counts and len(counts) > 3)


@pytest.mark.parametrize("name", ["default", "odd hop"])
def test_onnx_reference_has_bytes_of_windows(name: str) -> None:
    preprocessor = PREPROCESSORS[name]
    evaluator = onnx.reference.ReferenceEvaluator(windows_file(preprocessor))
    for sound, samples in SOUNDS.items():
        expected = preprocessor.windows(Sound(samples, preprocessor.rate))
        got = evaluator.run(["inputs"], {"samples": samples[None]})[0]
        assert got.shape == expected.shape, sound
        assert (in_order(got) == in_order(expected)).all(), sound


def test_windows_of_other_samples_are_different() -> None:
    preprocessor = PREPROCESSORS["default"]
    session = onnxruntime.InferenceSession(windows_file(preprocessor))
    for name in ("short", "chirp", "loud at the end"):
        samples = SOUNDS[name]
        expected = preprocessor.windows(Sound(samples, preprocessor.rate))
        changed = np.concatenate((samples[40:], noise(40, 1)))
        got = session.run(None, {"samples": changed[None]})[0]
        assert got.shape != expected.shape or (got != expected).mean() > 0.05


def test_sounds_of_one_length_are_a_batch() -> None:
    net = sound_net()
    assert isinstance(net.preprocessor, AudioPreprocessor)
    sounds = [samples for samples in SOUNDS.values() if len(samples) == 40_000]
    sounds.append(np.zeros(40_000, np.float32))
    assert len(sounds) == 4
    got = run(exported(net, NET), np.stack(sounds))
    for index, samples in enumerate(sounds):
        logits, probabilities = expected_of(net, samples)
        assert got.logits is not None
        assert np.abs(got.logits[index] - logits).max() <= MAX_LOGIT_ERROR
        assert np.abs(got.probabilities[index] - probabilities).max() <= MAX_PROBABILITY_ERROR


def as_read(samples: Float32) -> Float32:
    """Samples as `read_sound` reads them from a file of floating-point numbers."""
    content = io.BytesIO()
    soundfile.write(content, samples, 8_000, "FLOAT", format="WAV")
    return read_sound(content.getvalue()).samples


def expected_of(net: Network, samples: Float32) -> tuple[Float32, Float32]:
    """The answer of `piecewise predict`: the mean of the logits of all windows."""
    assert isinstance(net.preprocessor, AudioPreprocessor)
    sound = Sound(as_read(samples), net.preprocessor.rate)
    logits = net.logits(net.preprocessor.windows(sound))
    mean = mean_logits(logits, np.zeros(len(logits), np.int64))
    return mean[0], net.probabilities_of(mean)[0]


@pytest.mark.parametrize("name", ["default", "fast", "odd hop"])
def test_net_answers_for_samples_as_predict(name: str) -> None:
    preprocessor = PREPROCESSORS[name]
    net = randomized(Network(SOUND_NET, preprocessor.shape, CLASSES, 0, preprocessor), 0)
    session = onnxruntime.InferenceSession(exported(net, NET))
    for samples in SOUNDS.values():
        expected, expected_probabilities = expected_of(net, samples)
        logits, probabilities = session.run(None, {"samples": samples[None]})
        assert np.abs(logits - expected).max() <= MAX_LOGIT_ERROR
        assert np.abs(probabilities - expected_probabilities).max() <= MAX_PROBABILITY_ERROR


@pytest.mark.parametrize("samples", [np.full(900, np.nan), np.full(900, np.inf), np.zeros(0)])
def test_sound_that_piecewise_refuses_is_silence(samples: Array) -> None:
    """As USAGE.md says."""
    net = sound_net()
    session = onnxruntime.InferenceSession(exported(net, NET))
    logits, _ = session.run(None, {"samples": samples.astype(np.float32)[None]})
    silence, _ = expected_of(net, np.zeros(900, np.float32))
    assert np.abs(logits - silence).max() <= MAX_LOGIT_ERROR


def test_preprocessing_adds_little_to_the_file() -> None:
    files = OnnxExporter().files(saved(sound_net()))
    assert len(files[NET]) - len(files["layers.onnx"]) < 70_000


def recordings(archive: str) -> list[Sound]:
    """Some real recordings, a long one and one of silence."""
    with zipfile.ZipFile(real(archive)) as file:
        names = [name for name in sorted(file.namelist()) if name.endswith(SUFFIXES)]
        sounds = [read_sound(file.read(name)) for name in names[:: len(names) // 30]]
    long = np.concatenate([one.samples for one in sounds])
    return [*sounds, Sound(long, sounds[0].rate), Sound(np.zeros(500, np.float32), 44_100)]


@pytest.mark.parametrize("archive", ["spoken-digits.zip", "drum-hits.zip"])
def test_runner_answers_for_real_recordings_as_predict(archive: str, tmp_path: Path) -> None:
    net, sounds = sound_net(1), recordings(archive)
    assert isinstance(net.preprocessor, AudioPreprocessor)
    samples = samples_of(net.preprocessor, sounds)
    for file_name, content in OnnxExporter().files(saved(net)).items():
        (tmp_path / file_name).write_bytes(content)
    got = OnnxRuntime().run(tmp_path, samples)
    expected = [expected_of(net, resample(sound, net.preprocessor.rate)) for sound in sounds]
    assert len(net.preprocessor.windows(sounds[-2])) >= 10
    assert got.logits is not None
    assert np.abs(got.logits - [one[0] for one in expected]).max() <= MAX_LOGIT_ERROR
    assert np.abs(got.probabilities - [one[1] for one in expected]).max() <= 1e-5
    assert np.abs(got.probabilities - np.roll(got.probabilities, 1, 0)).max() > 0.1


def test_passport_of_long_sounds_agrees_with_predict(tmp_path: Path) -> None:
    net = sound_net(1)
    sounds = [Sound(as_read(samples), 8_000) for samples in SOUNDS.values()]
    samples = samples_of(net.preprocessor, sounds)
    (run,) = export_model(saved(net), tmp_path / "out", ["onnx"], samples).passport.runs["onnx"]
    assert run.agrees
    logits = net.logits(samples.inputs)
    raw = raw_logits_of(saved(net), samples, logits)
    assert (np.abs(raw - logits).max(axis=1) > 0.01).any()  # the windows matter
