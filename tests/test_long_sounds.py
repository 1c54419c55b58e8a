"""Long recordings among short ones: the time step, the windows, and that these stay together."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

import piecewise as pw
from piecewise.cli.main import status
from piecewise.data.audio.decoding import Sound
from piecewise.data.audio.preprocessor import (
    MAX_WINDOWS,
    AudioPreprocessor,
    fit_audio_preprocessor,
)
from piecewise.training import cross_validation
from piecewise.training.splits import assign_folds, validation_mask

RATE, STEP = 8_000, 128
SLOW = AudioPreprocessor((1, 40, 48), RATE, STEP)
WIDTH = 48 * STEP  # samples of a window


def noise(count: int, seed: int = 3, loudness: float = 0.5) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-loudness, loudness, count)


def sound(samples: npt.ArrayLike) -> Sound:
    return Sound(np.asarray(samples, np.float32), RATE)


# The time step.


@pytest.mark.parametrize("count", [1, 3, 9])
def test_a_few_long_recordings_do_not_change_the_step(count: int) -> None:
    words = [sound(noise(n)) for n in (3_000, 3_500, 4_000, 4_500)] * 5
    alone = fit_audio_preprocessor(words)
    made = fit_audio_preprocessor(words + [sound(noise(60 * RATE))] * count)
    assert made == alone
    assert (alone.hop, alone.frames) == (128, 56)


@pytest.mark.parametrize(
    ("seconds", "hop", "frames"),
    [(0.5, 128, 48), (1.0, 128, 96), (1.5, 256, 72), (1.9, 256, 96), (10, 256, 96)],
)
def test_steps_are_at_most_32_milliseconds(seconds: float, hop: int, frames: int) -> None:
    made = fit_audio_preprocessor([sound(noise(round(seconds * RATE)))] * 3)
    assert (made.hop, made.frames) == (hop, frames)


def test_twice_the_typical_length_fits() -> None:
    clicks, tones = [sound(noise(400))] * 6, [sound(noise(2 * RATE))] * 5
    made = fit_audio_preprocessor(clicks + tones)
    assert (made.hop, made.frames) == (128, 48)  # half a second, with room to shift
    typical, double = [sound(noise(2_560))] * 6, [sound(noise(5_120))] * 2
    assert fit_audio_preprocessor(typical + double + tones[:3]).frames == 64


# Windows.


def test_short_sound_is_one_window() -> None:
    for count in (1, 900, WIDTH, WIDTH + WIDTH // 2 - 2 * STEP):
        one = sound(noise(count))
        assert np.array_equal(SLOW.windows(one), SLOW.transform(one)[None])
    assert np.array_equal(SLOW.windows(sound(np.zeros(90_000))), np.zeros((1, 1, 40, 48)))


def test_windows_of_a_steady_sound_cover_it() -> None:
    steady = noise(10 * WIDTH)
    found = SLOW.windows(sound(steady))
    assert len(found) in {9, 10}
    assert np.array_equal(found[0], SLOW.transform(sound(steady)))
    assert len({one.tobytes() for one in found}) == len(found)


def test_windows_hold_the_sound_in_its_order() -> None:
    """Tones that rise from one window to the next."""
    tones = [
        np.sin(2 * np.pi * hertz / RATE * np.arange(WIDTH)) for hertz in range(300, 3_000, 300)
    ]
    tones[4] *= 2
    found = SLOW.windows(sound(np.concatenate(tones) / 3))
    rows = [int(one[0, :, 20:28].sum(axis=1).argmax()) for one in found]
    assert rows[1:] == sorted(rows[1:], reverse=True)  # row 0 is the highest band
    assert rows[4] > rows[0] > rows[5]
    assert len(rows) in {8, 9}


def test_faint_windows_are_left_out() -> None:
    """A word in a long recording: what decides is in its window."""
    samples = noise(12 * WIDTH, loudness=0.01)
    samples[5 * WIDTH : 5 * WIDTH + 3_000] += noise(3_000)
    assert len(SLOW.windows(sound(samples))) == 1
    samples[8 * WIDTH : 8 * WIDTH + 3_000] += noise(3_000, loudness=0.4)
    assert len(SLOW.windows(sound(samples))) == 2


def test_windows_are_limited() -> None:
    found = SLOW.windows(sound(noise(200 * WIDTH)))
    assert found.shape == (MAX_WINDOWS, 1, 40, 48)
    assert len({one.tobytes() for one in found}) == MAX_WINDOWS


# Data sets.


def write(path: Path, samples: npt.ArrayLike) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    soundfile.write(buffer, np.asarray(samples), RATE, format="WAV")
    path.write_bytes(buffer.getvalue())


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """Low and high words, and a folder of long noises."""
    folder = tmp_path / "words"
    for n in range(12):
        for name, hertz in (("low", 400), ("high", 1_500)):
            tone = np.sin(2 * np.pi * (hertz + 10 * n) / RATE * np.arange(3_200)) / 4
            write(folder / name / f"{n}.wav", tone + noise(3_200, n, 0.01))
    for n in range(4):
        write(folder / "_background_noise_" / f"{n}.wav", noise(10 * 48 * STEP, n))
    return folder


def test_windows_become_inputs_of_their_recording(words: Path, tmp_path: Path) -> None:
    data = pw.read_data(words)
    assert data.preprocessor.description.endswith("x 48 steps of 16 ms (0.8 s)")
    assert data.recordings is not None
    long = data.labels == data.classes.index("_background_noise_")
    assert np.array_equal(np.bincount(data.recordings), [9] * 4 + [1] * 24)
    assert (data.recordings[long] == np.repeat(np.arange(4), 9)).all()
    first_names = [Path(data.names[n]).name for n in np.flatnonzero(long)[[0, 8, 9]]]
    assert first_names == ["0.wav", "0.wav", "1.wav"]
    assert data.source_description == "4 of 28 sounds are long and cut into 36 windows"
    stages = list[str]()
    for _ in range(2):  # written, then read
        stages.clear()
        cached = pw.read_data(
            words, cache=tmp_path / "cache", on_progress=lambda one: stages.append(one.stage)
        )
        assert np.array_equal(cached.inputs, data.inputs)
        assert cached.recordings is not None
        assert np.array_equal(cached.recordings, data.recordings)
        assert cached.names == data.names
    assert set(stages) == {"checking"}


@pytest.mark.parametrize("several", [False, True], ids=["no groups", "groups"])
def test_splits_keep_recordings_together_and_count_them_once(*, several: bool) -> None:
    counts = np.array([4, 1, 1, 3] * 3)[:10]
    recordings, labels = np.repeat(np.arange(10), counts), np.arange(10) % 2
    groups = np.array(list("aabbccddee")) if several else None
    of_input = None if groups is None else groups[recordings]
    out = validation_mask(labels, 3, 0.3, groups)
    assert 0 < out.sum() < 10
    found = validation_mask(labels[recordings], 3, 0.3, of_input, recordings)
    assert (found == out[recordings]).all()
    fold = assign_folds(labels, 3, 0, 3, groups)
    found_folds = assign_folds(labels[recordings], 3, 0, 3, of_input, recordings)
    assert (found_folds == fold[recordings]).all()


def test_scores_count_each_recording_once(words: Path) -> None:
    data = pw.read_data(words)
    assert data.recordings is not None
    result = pw.run_training(pw.plan_training(data, layers="full", epochs=1, folds=2))
    assert result.scores["folds"].confusion.sum(axis=1).tolist() == [8, 24, 24]  # two repeats
    plan = pw.plan_training(data, layers="full", epochs=1, folds=0, validation_fraction=0.25)
    assert np.bincount(plan.splits["validation"].labels).tolist() == [1, 3, 3]
    assert np.bincount(plan.splits["train"].labels).tolist() == [27, 9, 9]
    data.splits = np.where(data.recordings % 2, "train", "test")
    plan = pw.plan_training(data, layers="full", epochs=1, folds=0, validation_fraction=0)
    assert np.bincount(plan.splits["test"].labels).tolist() == [2, 6, 6]
    assert np.bincount(plan.splits["train"].labels).tolist() == [18, 6, 6]


def test_folds_are_trained_without_any_window_of_their_recordings(
    words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pw.read_data(words)
    learned = list[list[bool]]()

    def train(net: pw.Network, inputs: npt.NDArray[np.uint8], *_: object, **__: object) -> None:
        rows = {row.tobytes() for row in inputs}
        learned.append([row.tobytes() in rows for row in data.inputs])

    monkeypatch.setattr(cross_validation, "train", train)
    plan = pw.plan_training(data, layers="full", epochs=1, folds=2)
    cross_validation.cross_validate(plan, None, None, 1)
    assert data.recordings is not None
    for is_learned in learned:
        fractions = np.bincount(data.recordings, is_learned) / np.bincount(data.recordings)
        assert sorted(fractions[:4]) == [0, 0, 1, 1]


def test_predict_and_evaluate_combine_windows(
    words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = pw.read_data(words)
    net = pw.Network("full", data.preprocessor.shape, data.classes, 0, data.preprocessor)
    net.save(tmp_path / "net.safetensors")
    long, short = words / "_background_noise_" / "0.wav", words / "low" / "3.wav"
    assert (
        status(["predict", str(tmp_path / "net.safetensors"), "--json", str(long), str(short)]) == 0
    )
    output = capsys.readouterr()
    predicted = json.loads(output.out)["predictions"]
    assert output.err.endswith("0.wav: it lasts 7.7 s; the answer is the mean of 9 windows\n")
    logits = net.logits(data.inputs)
    wanted = logits[data.recordings == 0].astype(np.float64).mean(axis=0)
    assert np.allclose(predicted[0]["logits"], wanted, atol=1e-6)
    row = [Path(name).parts[-2:] for name in data.names].index(("low", "3.wav"))
    assert np.array_equal(np.float32(predicted[1]["logits"]), logits[row])
    given, answers = [str(long), str(short)], [one["predicted"] for one in predicted]
    wanted = np.array([one["logits"] for one in predicted], np.float32)
    for called in (net, net.compile()):
        assert np.array_equal(called.logits(given), wanted)
        assert np.array_equal(np.ravel(called.logits(long)), wanted[0])
        assert called.predict(given) == answers
    assert pw.evaluate(net, given, answers).accuracy == 1
    lines = tmp_path / "predictions.jsonl"
    status(["evaluate", str(tmp_path / "net.safetensors"), str(words), "--predictions", str(lines)])
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(written) == 28
    by_name = {answer["input"]: answer["logits"] for answer in written}
    assert by_name[str(long)] == predicted[0]["logits"]
    assert by_name[str(short)] == predicted[1]["logits"]


def test_train_prints_recordings_and_windows(
    words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", str(words), "-o", str(tmp_path / "net.safetensors"), "--layers", "full"]
    assert status([*arguments, "--epochs", "1", "--folds", "2"]) == 0
    assert "\nsounds     28 (in 60 windows) for train, cross-val" in capsys.readouterr().err
    for path in list((words / "_background_noise_").iterdir())[1:]:
        path.unlink()
    assert pw.read_data(words).source_description == (
        "1 of 25 sounds is long and cut into 11 windows"
    )


def test_no_recordings_without_long_sounds(words: Path) -> None:
    for path in (words / "_background_noise_").iterdir():
        path.unlink()
    assert pw.read_data(words).recordings is None
