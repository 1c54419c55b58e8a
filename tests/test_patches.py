"""What a feature looks for: the best and worst pieces of examples, found by hand and by the net."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from random import Random

import numpy as np
import pytest

import piecewise as pw
from piecewise.core.errors import DataError, LimitError
from piecewise.data.audio.decoding import Sound, read_sound
from piecewise.data.audio.preprocessor import AudioPreprocessor
from piecewise.data.dataset import Dataset, read_data
from piecewise.data.images.preprocessor import ImagePreprocessor
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.insight.attribution import patches
from piecewise.insight.attribution.patches import Originals, excerpt, top_patches, wav_bytes
from piecewise.insight.attribution.receptive_field import ReceptiveField

from .networks import PICTURES, TEXTS, numbers_for, random_input, random_layers
from .real_data import real

CROSS = np.array([[1, -1, 1], [-1, 1, -1], [1, -1, 1]], np.float32)


def crosses(count: int) -> tuple[pw.Network, np.ndarray, list[tuple[int, int]]]:
    """A net with a feature for small crosses, noise of little ink, and a cross in every third of
    the pictures, somewhere, the paler the later; where."""
    net = pw.Network(
        "conv 2 3, relu, full", (1, 10, 13), 2, 0, ImagePreprocessor((1, 10, 13), "dark")
    )
    net.parameters["conv1.weight"] = np.stack([CROSS[None] * 0, CROSS[None]])
    drawn = np.random.default_rng(4)
    pictures = drawn.integers(0, 60, (count, 1, 10, 13)).astype(np.uint8)
    at = []
    for number in range(0, count, 3):
        row, column = (int(drawn.integers(0, side - 2)) for side in (10, 13))
        pictures[number, 0, row : row + 3, column : column + 3] = (CROSS > 0) * (255 - number)
        at.append((row, column))
    return net, pictures, at


def test_top_patches_planted_patterns_are_best() -> None:
    net, pictures, at = crosses(40)
    found = top_patches(net, pictures, "conv1", 1, most=5, names=[f"p{n}" for n in range(40)])
    assert [match.index for match in found.best] == [0, 3, 6, 9, 12]
    for match, (row, column) in zip(found.best, at, strict=False):
        assert match.position == ("conv1", 1, row, column)
        assert match.field == (row, row + 3, column, column + 3)
        np.testing.assert_array_equal(match.patch[0] > 0, CROSS > 0)
        assert match.name == f"p{match.index}"
        assert match.description.startswith(f"rows {row + 1} to {row + 3}, columns {column + 1}")
    assert (found.n_searched, found.n_examples) == (40, 40)


@pytest.mark.parametrize("kinds", [PICTURES, TEXTS], ids=["pictures", "texts"])
@pytest.mark.parametrize("seed", range(3))
def test_top_patches_random_nets_equal_walks(kinds: tuple[str, ...], seed: int) -> None:
    """Layers of random networks, each number bit by bit, against every walk there is."""
    random = Random(f"features {seed} {kinds}")
    shape = random_input(random, kinds)
    net = pw.Network(random_layers(random, shape, 3, kinds, max_layers=3), shape, 3, seed)
    drawn = numbers_for(net.architecture, f"features {seed}", 21)
    for name, array in drawn.arrays.items():
        (net.parameters if name in net.parameters else net.running_stats)[name] = array
    given = drawn.x if net.architecture.reads_texts else drawn.x.astype(np.float32)
    walks = [net.walk(one) for one in given]
    for stage in random.sample(net.architecture.stages, 2):
        feature = random.randrange(stage.output.channels)
        found = top_patches(net, given, stage.name, feature, most=4)
        planes = [walk[stage.name][feature, :, : walk.length(stage.name)] for walk in walks]
        largest, smallest = [one.max() for one in planes], [one.min() for one in planes]
        assert [match.value for match in found.best] == sorted(largest, reverse=True)[:4]
        assert [match.value for match in found.worst] == sorted(smallest)[:4]
        for match in found.best + found.worst:
            assert walks[match.index][stage.name][match.position[1:]] == match.value
        assert len({match.index for match in found.best}) == 4


def test_top_patches_later_layer_of_equal_shape_has_no_effect() -> None:
    net = pw.Network("conv 4 3, relu, conv 2 1, full", (1, 10, 13), 2, 5)
    _, pictures, _ = crosses(20)
    largest = [float(net.walk(one)["relu1"][2].max()) for one in pictures]
    found = top_patches(net, pictures, "relu1", 2, most=20)
    assert [match.value for match in found.best] == sorted(largest, reverse=True)


def test_top_patches_ties_keep_order_of_examples() -> None:
    net, pictures, _ = crosses(9)
    pictures[4:] = pictures[0]
    found = top_patches(net, pictures, "conv1", 1, most=4)
    assert [match.index for match in found.best] == [0, 4, 5, 6]
    assert {match.position for match in found.best} == {found.best[0].position}


def test_top_patches_many_examples_are_subsampled(monkeypatch: pytest.MonkeyPatch) -> None:
    net, pictures, _ = crosses(40)
    monkeypatch.setattr(patches, "MOST_EXAMPLES", 10)
    monkeypatch.setattr(patches, "_VALUES", 1)  # and a group at a time
    found = top_patches(net, pictures, "conv1", 1, most=10)
    assert sorted(match.index for match in found.best) == list(range(0, 40, 4))
    assert (found.n_searched, found.n_examples) == (10, 40)


def test_top_patches_of_texts_describe_words() -> None:
    words = TextPreprocessor("words", ("free", "prize", "see", "you"), 6)
    texts = ["see you prize you", "you see", "a free prize now", "prize free"]
    given = np.stack([words.transform(text) for text in texts])
    for layers, side in (("embed 4, conv 1 1x2, full", 4), ("conv 1 6x2, full", 6)):
        net = pw.Network(layers, words.shape, 2, 0, words)
        weight = np.zeros_like(net.parameters["conv1.weight"])
        if "embed" in layers:
            net.parameters["embed1.weight"] = np.eye(6)[:, 2:]
            weight[0, :, 0, 0], weight[0, :, 0, 1] = np.eye(4)[0], np.eye(4)[1]
        else:
            weight[0, 0, 2, 0] = weight[0, 0, 3, 1] = 1
        net.parameters["conv1.weight"] = weight
        found = top_patches(net, given, "conv1", 0, most=2, raw=texts.__getitem__)
        assert (found.best[0].index, found.best[0].value) == (2, 2.0)
        assert found.best[0].description == "free prize"
        assert found.best[0].patch.tolist() == [2, 3]
        edge = top_patches(net, given[2:3], "conv1", 0, raw=lambda _: texts[2]).worst[0]
        assert edge.description == "a free (not in the vocabulary: a)"
        assert side == weight[0, ..., 0].size


def plain_sound(seconds: float, beep: float, rate: int = 8_000) -> Sound:
    """A hum of 300 Hz with a beep of 2,000 Hz in it, a tenth of a second long."""
    at = np.arange(int(seconds * rate))
    samples = 0.1 * np.sin(at * (300 * 2 * np.pi / rate))
    inside = (at >= beep * rate) & (at < (beep + 0.1) * rate)
    samples[inside] += 0.8 * np.sin(at[inside] * (2_000 * 2 * np.pi / rate))
    return Sound(np.round(samples * 32_768).astype(np.float32) / 32_768, rate)


@pytest.mark.parametrize("rate", [8_000, 22_050])
@pytest.mark.parametrize(("seconds", "beep"), [(1.2, 0.7), (1.2, 0.0), (1.2, 1.1), (6.0, 4.0)])
def test_excerpt_of_best_patch_contains_the_beep(rate: int, seconds: float, beep: float) -> None:
    preprocessor = AudioPreprocessor((1, 20, 96))
    net = pw.Network("conv 1 20x5, full", preprocessor.shape, 2, 0, preprocessor)
    listens = np.full((1, 1, 20, 5), -1.0)
    for row, (low, high) in enumerate(preprocessor.hertz):
        listens[0, 0, row] = 1.0 if low < 2_000 < high else -0.1
    net.parameters["conv1.weight"] = listens
    sound = plain_sound(seconds, beep, rate)
    given = preprocessor.transform(sound)[None]
    match = top_patches(net, given, "conv1", 0, raw=lambda _: sound).best[0]
    low, high = (float(word) for word in match.description.split(" s,")[0].split(" to "))
    assert low < beep + 0.05 < high
    heard = excerpt(sound, preprocessor, match.field)
    assert (len(heard.samples), heard.rate) == (rate // 2, rate)
    # What is heard is a piece of the recording, and the beep is in it.
    count = len(heard.samples)
    starts = [
        start
        for start in np.flatnonzero(
            sound.samples[: len(sound.samples) - count + 1] == heard.samples[0]
        ).tolist()
        if (sound.samples[start : start + count] == heard.samples).all()
    ]
    start = starts[0]
    assert start / rate <= beep + 0.02
    assert beep + 0.1 <= start / rate + 0.52


def test_excerpt_short_sound_returns_all_samples() -> None:
    preprocessor, sound = AudioPreprocessor((1, 20, 48)), plain_sound(0.3, 0.1)
    heard = excerpt(sound, preprocessor, ReceptiveField(0, 20, 20, 25))
    np.testing.assert_array_equal(heard.samples, sound.samples)
    with pytest.raises(LimitError, match="seconds: got 0, wanted more than 0"):
        excerpt(sound, preprocessor, ReceptiveField(0, 20, 20, 25), 0)


def test_wav_bytes_round_trip_keeps_samples() -> None:
    loud = Sound(np.array([0, 1, -1, 0.5, 1 / 32_768, -0.25], np.float32), 11_025)
    written = wav_bytes(loud)
    with wave.open(io.BytesIO(written)) as opened:
        assert opened.getparams()[:4] == (1, 2, 11_025, 6)
    back = read_sound(written, "x.wav")
    assert back.rate == 11_025
    assert back.samples.tolist() == [0, 32_767 / 32_768, -1, 0.5, 1 / 32_768, -0.25]


def test_top_patches_to_json_returns_plain_values() -> None:
    net, pictures, _ = crosses(6)
    plain = json.loads(json.dumps(top_patches(net, pictures, "relu1", 1, most=2).to_json()))
    assert list(plain) == ["layer", "feature", "best", "worst", "n_searched", "n_examples"]
    assert plain["best"][0]["position"][:2] == ["relu1", 1]
    assert np.array(plain["best"][0]["patch"]).shape == (1, 3, 3)


def test_top_patches_invalid_arguments_raise() -> None:
    net, pictures, _ = crosses(6)
    with pytest.raises(LimitError, match="layer: got 'conv9', wanted one of conv1, relu1, full1"):
        top_patches(net, pictures, "conv9", 0)
    with pytest.raises(LimitError, match="feature: got 2, wanted a whole number from 0 to 1"):
        top_patches(net, pictures, "conv1", 2)
    with pytest.raises(LimitError, match="got 0, wanted a whole number from 1 to 1,000"):
        top_patches(net, pictures, "conv1", 1, most=0)
    with pytest.raises(DataError, match="got 2 names for 6 examples, wanted one each"):
        top_patches(net, pictures, "conv1", 1, names=["a", "b"])
    with pytest.raises(DataError, match="inputs: got the shape"):
        top_patches(net, pictures[:0], "conv1", 1)


def test_originals_are_read_by_name(tmp_path: Path) -> None:
    for label, beep in (("early", 0.1), ("late", 0.5)):
        (tmp_path / label).mkdir()
        for number in range(3):
            written = wav_bytes(plain_sound(0.7, beep + number / 50))
            (tmp_path / label / f"{number}.wav").write_bytes(written)
    (tmp_path / "early" / "broken.wav").write_bytes(b"RIFF")
    data = read_data(tmp_path)
    assert len(data) == 6
    originals = Originals(data, tmp_path)
    for index in range(6):
        np.testing.assert_array_equal(
            data.preprocessor.transform(originals[index]), data.inputs[index]
        )
    (tmp_path / "late" / "2.wav").unlink()
    with pytest.raises(DataError, match=r"holds no .*2\.wav.*read the data set again"):
        Originals(data, tmp_path)[5]
    nameless = Dataset(data.inputs, data.labels, data.classes, data.splits, data.preprocessor)
    with pytest.raises(DataError, match="whose examples have no names"):
        Originals(nameless, tmp_path)


def test_originals_real_data_equal_data_set() -> None:
    for name in ("sms-spam.csv", "xo-unipen.npz"):
        data = read_data(real(name))
        originals = Originals(data, real(name))
        for index in (0, len(data) // 2, len(data) - 1):
            raw = originals[index]
            np.testing.assert_array_equal(data.preprocessor.transform(raw), data.inputs[index])
