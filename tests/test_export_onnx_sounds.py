"""Sounds in ONNX: raw samples give the spectrogram of `AudioPreprocessor`, and its answer."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from piecewise import AudioPreprocessor, Network
from piecewise.core.array_types import Array, Float32
from piecewise.data.audio.decoding import SUFFIXES, Sound, read_sound
from piecewise.exchange.onnx.exporter import NET, OnnxExporter
from piecewise.exchange.onnx.graph import Graph
from piecewise.exchange.onnx.sounds import add_spectrogram
from piecewise.exchange.runner import Samples
from piecewise.exchange.runners.onnxruntime import OnnxRuntime
from piecewise.inputs import layer_inputs

from .exchange_nets import CLASSES, SOUND_NET, randomized, saved, sound_net
from .onnx_files import MAX_LOGIT_ERROR, MAX_PROBABILITY_ERROR, errors, exported, run
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
}


def spectrogram_session(preprocessor: AudioPreprocessor) -> onnxruntime.InferenceSession:
    graph = Graph("spectrogram")
    samples = graph.input("samples", np.float32, ("N", "samples"))
    graph.output(add_spectrogram(graph, preprocessor, samples), "result")
    return onnxruntime.InferenceSession(graph.to_bytes({}))


def spectrogram(session: onnxruntime.InferenceSession, samples: Array) -> Array:
    result: Array = session.run(None, {"samples": samples})[0]
    return result


@pytest.mark.parametrize("name", PREPROCESSORS)
def test_spectrogram_in_graph_has_bytes_of_transform(name: str) -> None:
    preprocessor = PREPROCESSORS[name]
    session = spectrogram_session(preprocessor)
    for sound, samples in SOUNDS.items():
        expected = preprocessor.transform(Sound(samples, preprocessor.rate))
        got = spectrogram(session, samples[None])[0]
        assert (got == expected).all(), f"{sound}: {np.abs(got - expected).max()}"
        assert expected.any() == (sound not in ("silence", "inaudible")), sound


def test_spectrogram_of_other_samples_is_different() -> None:
    preprocessor = PREPROCESSORS["default"]
    session = spectrogram_session(preprocessor)
    for name in ("short", "chirp", "loud at the end"):
        samples = SOUNDS[name]
        expected = preprocessor.transform(Sound(samples, preprocessor.rate))
        changed = np.concatenate((samples[40:], noise(40, 1)))
        assert (spectrogram(session, changed[None])[0] != expected).mean() > 0.05


def test_sounds_of_one_length_are_a_batch() -> None:
    preprocessor = PREPROCESSORS["default"]
    sounds = [samples for samples in SOUNDS.values() if len(samples) == 40_000]
    sounds.append(np.zeros(40_000, np.float32))
    got = spectrogram(spectrogram_session(preprocessor), np.stack(sounds))
    assert len(sounds) == 4
    for one, samples in zip(got, sounds, strict=True):
        assert (one == preprocessor.transform(Sound(samples, preprocessor.rate))).all()


@pytest.mark.parametrize("name", ["default", "fast", "odd hop"])
def test_net_answers_for_samples_as_for_spectrograms(name: str) -> None:
    preprocessor = PREPROCESSORS[name]
    net = randomized(Network(SOUND_NET, preprocessor.shape, CLASSES, 0, preprocessor), 0)
    session = onnxruntime.InferenceSession(exported(net, NET))
    for samples in SOUNDS.values():
        inputs = preprocessor.transform(Sound(samples, preprocessor.rate))[None]
        logits, probabilities = session.run(None, {"samples": samples[None]})
        assert np.abs(logits - net.logits(inputs)).max() <= MAX_LOGIT_ERROR
        assert np.abs(probabilities - net.probabilities(inputs)).max() <= MAX_PROBABILITY_ERROR


def test_preprocessing_adds_little_to_the_file() -> None:
    files = OnnxExporter().files(saved(sound_net()))
    assert len(files[NET]) - len(files["layers.onnx"]) < 70_000


@pytest.mark.parametrize("archive", ["spoken-digits.zip", "drum-hits.zip"])
def test_runner_answers_for_real_recordings_as_network(archive: str, tmp_path: Path) -> None:
    net = sound_net(1)
    with zipfile.ZipFile(real(archive)) as file:
        names = [name for name in sorted(file.namelist()) if name.endswith(SUFFIXES)]
        sounds = [read_sound(file.read(name)) for name in names[:: len(names) // 30]]
    sounds.append(Sound(np.concatenate([one.samples for one in sounds]), sounds[0].rate))  # long
    sounds.append(Sound(np.zeros(500, np.float32), 44_100))
    inputs = np.stack([net.preprocessor.transform(one) for one in sounds])
    for file_name, content in OnnxExporter().files(saved(net)).items():
        (tmp_path / file_name).write_bytes(content)
    got = OnnxRuntime().run(tmp_path, Samples(inputs, layer_inputs(net, inputs), sounds))
    logits, probabilities = errors(net, got, inputs)
    assert len(sounds) > 30
    assert logits <= MAX_LOGIT_ERROR
    assert probabilities <= MAX_PROBABILITY_ERROR
    other = run(exported(net), layer_inputs(net, np.roll(inputs, 1, axis=3)))
    assert errors(net, other, inputs)[0] > MAX_LOGIT_ERROR
