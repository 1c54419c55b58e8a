"""Receptive fields, and cells of an input in terms of its preparation."""

from __future__ import annotations

import io
import json
from random import Random

import numpy as np
import pytest
import soundfile

import piecewise as pw
from piecewise.core.errors import DataError, LimitError
from piecewise.data.audio.decoding import Sound, read_sound
from piecewise.data.audio.preprocessor import AudioPreprocessor
from piecewise.data.audio.spectrogram import mel_bands
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.insight.attribution.coordinates import input_coordinates
from piecewise.insight.attribution.receptive_field import ReceptiveField, centres, receptive_field
from piecewise.spec.architecture import Architecture

from .networks import PICTURES, numbers_for, random_input, random_layers

DEEP = "conv 4 3, relu, pool 2, conv 4 3, relu, full"
WORDS = TextPreprocessor("words", ("free", "prize", "see", "you"), 6)


@pytest.mark.parametrize(
    ("layer", "row", "column", "wanted"),
    [
        ("input", 4, 6, (4, 5, 6, 7)),
        ("conv1", 4, 6, (4, 7, 6, 9)),
        ("relu1", 4, 6, (4, 7, 6, 9)),
        ("pool1", 0, 0, (0, 4, 0, 4)),
        ("pool1", 3, 4, (6, 9, 8, 12)),  # seven rows of conv1 in twos: the last window has one
        ("conv2", 1, 2, (2, 9, 4, 12)),
        ("full1", 0, 0, (0, 9, 0, 12)),
    ],
)
def test_receptive_field_equals_hand_computed_values(
    layer: str, row: int, column: int, wanted: ReceptiveField
) -> None:
    assert receptive_field(Architecture(DEEP, (1, 9, 12), 2), layer, row, column) == wanted


def reached(net: pw.Network, example: np.ndarray, layer: str, row: int, column: int) -> np.ndarray:
    """The cells of the input that change a layer's numbers there, tried one after the other."""
    before = net.walk(example)[layer][:, row, column]
    found = np.zeros(example.shape[1:], bool)
    for at in np.ndindex(*found.shape):
        for nudge in (-9, 9):
            changed = example.copy()
            changed[(slice(None), *at)] += nudge
            found[at] |= (net.walk(changed)[layer][:, row, column] != before).any()
    return found


@pytest.mark.parametrize("seed", range(6))
def test_receptive_field_random_nets_equal_cells_with_effect(seed: int) -> None:
    """Networks of layers that let everything through: averages, no ReLU."""
    random = Random(f"fields {seed}")
    kinds = tuple(kind for kind in PICTURES if kind not in ("relu", "dropout", "full"))
    shape = random_input(random)
    while shape[1] * shape[2] > 60:
        shape = random_input(random)
    layers = random_layers(random, shape, 2, kinds).replace("kind=average", "")
    layers = layers.replace("pool all", "pool all kind=average")
    parts = [part + " kind=average" * ("pool" in part and "kind" not in part)
             for part in layers.split(", ")]  # fmt: skip
    net = pw.Network(", ".join([*parts, "full"]), shape, 2)
    sample = numbers_for(net.architecture, "fields", 1)
    for name, array in sample.arrays.items():
        (net.parameters if name in net.parameters else net.running_stats)[name] = array
    example = sample.x[0].astype(np.float32)
    for stage in net.architecture.stages:
        row, column = (random.randrange(side) for side in stage.output[1:])
        field = receptive_field(net.architecture, stage.name, row, column)
        changed = reached(net, example, stage.name, row, column)
        inside = np.zeros(changed.shape, bool)
        inside[field.top : field.bottom, field.left : field.right] = True
        assert not changed[~inside].any(), f"{net}: {stage.name}"
        assert inside.any() == changed.any()
        if changed.any():
            rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
            edges = (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
            assert edges == field, f"{net}: {stage.name}"


def test_receptive_field_of_padding_is_empty() -> None:
    architecture = Architecture("conv 2 2 pad=3, pool 1, full", (1, 4, 4), 2)
    assert receptive_field(architecture, "pool1", 0, 0) == (0, 0, 0, 0)
    assert receptive_field(architecture, "conv1", 2, 8) == (0, 1, 4, 4)


def test_centres_equal_hand_computed_values() -> None:
    architecture = Architecture("conv 2 5 pad=same, pool 2, conv 2 1x3, full", (1, 8, 10), 2)
    assert centres(architecture, "conv1", 0) == list(range(8))
    assert centres(architecture, "pool1", 1) == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert centres(architecture, "conv2", 1) == [2.5, 4.5, 6.5]
    assert centres(architecture, "full1", 0) == [3.5]
    assert centres(architecture, "input", 0) == list(range(8))


def test_receptive_field_invalid_arguments_raise() -> None:
    architecture = Architecture(DEEP, (1, 9, 12), 2)
    with pytest.raises(LimitError, match="layer: got 'pool2', wanted one of input, conv1"):
        receptive_field(architecture, "pool2")
    with pytest.raises(LimitError, match="row: got 7, wanted a whole number from 0 to 6"):
        receptive_field(architecture, "conv1", 7, 0)


def test_receptive_field_cut_returns_patch() -> None:
    field = ReceptiveField(1, 3, 2, 5)
    example = np.arange(2 * 4 * 6).reshape(2, 4, 6)
    np.testing.assert_array_equal(field.cut(example), example[:, 1:3, 2:5])
    assert field.cut(np.arange(6)).tolist() == [2, 3, 4]
    assert field.shape == (2, 3)


def recorded(seconds: float, click: float, rate: int) -> Sound:
    """A faint hum with a click in it, through a WAV file."""
    at = np.arange(int(seconds * rate))
    samples = 0.004 * np.sin(at * (440 * 2 * np.pi / rate))
    samples[round(click * rate) : round(click * rate) + 3] = 0.9
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV")
    return read_sound(file.getvalue(), "click.wav")


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("frames", [16, 40, 96], ids=["cut", "whole", "padded"])
@pytest.mark.parametrize("hop", [128, 200])
def test_coordinates_of_sound_locate_click(rate: int, frames: int, hop: int) -> None:
    preprocessor = AudioPreprocessor((1, 20, frames), 8_000, hop)
    for seconds, click in ((0.7, 0.5), (0.9, 0.5), (3.0, 0.5), (3.0, 2.25)):
        sound = recorded(seconds, click, rate)
        prepared = preprocessor.transform(sound)[0]
        column = int(prepared.astype(np.int64).sum(axis=0).argmax())
        low, high = input_coordinates(preprocessor, raw=sound).columns.spans[column]
        step = preprocessor.hop / preprocessor.rate
        assert high - low == pytest.approx(step)
        assert abs((low + high) / 2 - click) <= step
    silence = Sound(np.zeros(8_000, np.float32), 8_000)
    assert preprocessor.first_step(silence) == 0


@pytest.mark.parametrize("frames", [16, 96])
def test_coordinates_of_sound_are_exact_to_the_sample(frames: int) -> None:
    preprocessor, sound = AudioPreprocessor((1, 20, frames)), recorded(0.9, 4_096 / 8_000, 8_000)
    column = int(preprocessor.transform(sound)[0].astype(np.int64).sum(axis=0).argmax())
    low, high = input_coordinates(preprocessor, raw=sound).columns.spans[column]
    assert (low + high) / 2 == pytest.approx(4_096 / 8_000, abs=2 / 8_000)


def test_coordinates_without_recording_use_spectrogram_seconds() -> None:
    preprocessor = AudioPreprocessor((1, 20, 40), 8_000, 80)
    found = input_coordinates(preprocessor)
    assert found.columns.spans[0] == (0.0, 0.01)
    assert found.columns.spans[-1] == pytest.approx((0.39, 0.4))
    assert found.columns.labels[2] == "0.025 s"


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_coordinates_hertz_equal_mel_band_edges(rate: int) -> None:
    preprocessor = AudioPreprocessor((1, 40, 16), rate)
    window = preprocessor.window
    first, shares = mel_bands(rate, window, 40)
    rows = preprocessor.hertz
    assert len(rows) == 40
    assert rows[-1][0] == pytest.approx(60)
    assert rows[0][1] == pytest.approx(rate * 39 / 80)
    for band, (low, high) in enumerate(rows[::-1]):
        bins = np.zeros(window // 2 + 2 + shares.shape[1])
        bins[first[band] : first[band] + shares.shape[1]] = shares[band]
        heard = np.flatnonzero(bins) * rate / window
        assert low < heard[0] <= heard[-1] < high
        assert low > heard[0] - rate / window
        assert high < heard[-1] + rate / window


@pytest.mark.parametrize("hertz", [300, 1_000, 3_000])
def test_coordinates_hertz_contain_loudest_tone(hertz: int) -> None:
    preprocessor = AudioPreprocessor((1, 40, 32))
    tone = np.sin(np.arange(4_000) * (hertz * 2 * np.pi / 8_000)).astype(np.float32)
    prepared = preprocessor.transform(Sound(tone, 8_000))[0].astype(np.int64)
    low, high = input_coordinates(preprocessor).rows.spans[int(prepared.sum(axis=1).argmax())]
    assert low < hertz < high
    assert high - low < 0.4 * hertz


def test_coordinates_of_text_name_words() -> None:
    text = "You won a PRIZE"
    numbers = WORDS.transform(text)
    found = input_coordinates(WORDS, numbers, text)
    won, a = "won (not in the vocabulary)", "a (not in the vocabulary)"
    assert found.columns.labels == ("you", won, a, "prize", "", "")
    assert input_coordinates(WORDS, numbers).columns.labels[1] == "[word not in the vocabulary]"
    assert found.describe(0, 3) == "prize"
    assert found.describe(0, 1) == won
    described = found.describe_field(ReceptiveField(0, 6, 0, 4))
    assert described == "you won a prize (not in the vocabulary: won, a)"
    assert found.describe(0, 5) == "no text"
    assert WORDS.decode(numbers, text)[:4] == ["you", "won", "a", "prize"]
    with pytest.raises(
        DataError, match=r"input_coordinates: got no numbers, wanted the words of a text"
    ):
        input_coordinates(WORDS)


def test_coordinates_of_letters_are_joined() -> None:
    letters = TextPreprocessor("letters", tuple("abc "), 6)
    found = input_coordinates(letters, letters.transform("ab ca"))
    assert found.describe_field(ReceptiveField(0, 1, 1, 4)) == "b c"
    assert (found.columns.name, found.columns.unit) == ("letter", "letters")


def test_coordinates_describe_cells_and_fields() -> None:
    found = input_coordinates(ImagePreprocessor((1, 9, 12), "dark"))
    assert found.kind == "drawings"
    assert found.describe(3, 5) == "row 4, column 6"
    assert found.describe_field(ReceptiveField(3, 6, 5, 9)) == "rows 4 to 6, columns 6 to 9"
    sounds = input_coordinates(AudioPreprocessor((1, 40, 32), 8_000, 80))
    assert sounds.describe_field(ReceptiveField(38, 40, 2, 5)) == "0.020 to 0.050 s, 60 to 167 Hz"
    assert (
        input_coordinates(ImagePreprocessor((1, 9, 3)), np.array([4, 2, 0])).describe(0, 1)
        == "word 2"
    )


def test_coordinates_to_json_returns_plain_values() -> None:
    for found in (
        input_coordinates(ImagePreprocessor((3, 4, 6))),
        input_coordinates(AudioPreprocessor((1, 4, 6))),
        input_coordinates(WORDS, WORDS.transform("see you")),
    ):
        plain = json.loads(json.dumps(found.to_json()))
        assert plain["kind"] == found.kind
        for name, size in (("rows", 1 if found.kind == "texts" else 4), ("columns", 6)):
            assert len(plain[name]["labels"]) == len(plain[name]["spans"]) == size
