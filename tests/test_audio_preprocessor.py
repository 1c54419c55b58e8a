"""The preparation of sounds: what is decided from a set, and what every sound then becomes."""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from piecewise.core.errors import DataError, LimitError
from piecewise.data.audio.decoding import Sound, read_sound
from piecewise.data.audio.preprocessor import AudioPreprocessor, fit_audio_preprocessor, resample
from piecewise.data.audio.spectrogram import LOWEST_HERTZ, highest_hertz

from .real_data import real
from .sound_files import KINDS, encoded, steps, tone

SLOW = AudioPreprocessor((1, 40, 48), 8_000, 128)
FAST = AudioPreprocessor((1, 40, 48), 16_000, 256)


def sound(samples: npt.ArrayLike, rate: int = 8_000) -> Sound:
    return Sound(np.asarray(samples, np.float32), rate)


def row_of(preprocessor: AudioPreprocessor, hertz: float) -> int:
    """The row whose band has its middle nearest to a tone, on the mel scale."""
    ends = (LOWEST_HERTZ, highest_hertz(preprocessor.rate))
    low, high, tone = (float(np.log1p(f / 700)) for f in (*ends, hertz))
    return preprocessor.bands - round((tone - low) / (high - low) * (preprocessor.bands + 1))


# What a sound becomes.


@pytest.mark.parametrize("preprocessor", [SLOW, FAST], ids=["8 kHz", "16 kHz"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_tone_lights_its_band_at_any_rate_and_format(
    preprocessor: AudioPreprocessor, kind: str, rate: int
) -> None:
    one = read_sound(encoded(tone(1_000, rate), rate, kind))
    picture = preprocessor.transform(one)
    assert picture.shape == (1, 40, 48)
    assert picture.dtype == np.uint8
    row = row_of(preprocessor, 1_000)
    lit = picture[0, :, 20:28]
    assert (lit.argmax(axis=0) == row).all()
    assert lit[row].min() >= 250
    away = np.abs(np.arange(40) - row) > 4
    assert lit[away].max() < 160  # what coding adds is 30 decibels below


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_rising_tone_climbs(rate: int) -> None:
    seconds = np.arange(round(0.7 * rate)) / rate
    rising = sound(0.5 * np.sin(2 * np.pi * (200 + 2_000 * seconds) * seconds), rate)
    rows = SLOW.transform(rising)[0].argmax(axis=0)[4:-4]
    assert (np.diff(rows) <= 0).all()  # row 0 is the highest band
    assert rows[0] - rows[-1] > 15


def test_six_channels_at_96_khz_equal_one_at_8_khz() -> None:
    samples = np.stack([tone(1_000, 96_000)] * 6, axis=1)
    many = SLOW.transform(read_sound(encoded(samples, 96_000, "flac PCM_24")))
    one = SLOW.transform(read_sound(encoded(tone(1_000, 8_000), 8_000, "wav PCM_16")))
    assert np.abs(many[0, 15:25].astype(int) - one[0, 15:25])[:, 12:36].max() <= 8


@pytest.mark.parametrize("preprocessor", [SLOW, FAST], ids=["8 kHz", "16 kHz"])
def test_twice_as_loud_gives_same_bytes(preprocessor: AudioPreprocessor) -> None:
    samples = steps(tone(700, preprocessor.rate) + 0.1 * noise(preprocessor.rate // 2))
    quiet, loud = (preprocessor.transform(sound(n * samples, preprocessor.rate)) for n in (1, 2))
    assert (quiet == loud).all()
    assert quiet.max() == 255
    assert len(np.unique(quiet)) > 50


def noise(count: int, seed: int = 3) -> npt.NDArray[np.float64]:
    return steps(np.random.default_rng(seed).uniform(-0.5, 0.5, count))


def test_silence_is_trimmed_and_sound_is_centred() -> None:
    burst = noise(20 * 128)
    hush = 2.0**-14 * np.sign(noise(9_000, 4))  # 75 decibels below it
    alone = SLOW.transform(sound(burst))
    between = SLOW.transform(sound(np.concatenate([hush[: 31 * 128], burst, hush])))
    assert np.abs(alone.astype(int) - between).max() <= 130  # the ends meet a hush, not silence
    assert np.abs(alone.astype(int) - between)[0, :, 16:32].max() <= 1
    lit = np.flatnonzero(alone[0].any(axis=0))
    assert len(lit) == 21
    assert (lit[0], lit[-1]) == (13, 33)


def test_long_sound_uses_loudest_window() -> None:
    weak, strong = 0.1 * noise(200 * 128), noise(48 * 128, 5)
    samples = np.concatenate([weak, strong, weak])
    picture = SLOW.transform(sound(samples))
    assert (
        np.abs(picture.astype(int) - SLOW.transform(sound(strong)))[0, :, 2:-2] <= 20
    ).mean() > 0.95
    assert SLOW.warning(sound(samples)) is None


@pytest.mark.parametrize("rate", [1_000, 8_000, 16_000, 44_100, 768_000])
def test_silence_is_dark_and_warned(rate: int) -> None:
    for samples in ([0.0], np.zeros(rate)):
        assert not SLOW.transform(sound(samples, rate)).any()
        assert SLOW.warning(sound(samples, rate)) == "there is no sound in it"
    steady = SLOW.transform(sound(np.full(5_000, 0.5)))  # a click at both ends, and nothing between
    assert not steady[0, :, 10:30].any()


@pytest.mark.parametrize("rate", [1_000, 8_000, 16_000, 44_100, 768_000])
@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_very_short_sounds_are_visible(rate: int, count: int) -> None:
    picture = SLOW.transform(sound([0.5] * count, rate))
    assert picture.shape == (1, 40, 48)
    assert picture.dtype == np.uint8


def test_bytes_are_decibels_below_loudest_cell() -> None:
    loud, soft = tone(500, 8_000, 1), tone(2_500, 8_000, 1, 0.25 / 100)  # 40 decibels below
    picture = SLOW.transform(sound(loud + soft))[0, :, 20:28]
    assert (picture.max(axis=0) == 255).all()
    wanted = 255 * (1 - 40 / 70)
    found = picture[row_of(SLOW, 2_500) - 1 : row_of(SLOW, 2_500) + 2].max()
    assert abs(int(found) - wanted) < 12
    assert picture.min() == 0


def test_to_float_ranges_from_silence_to_loudest() -> None:
    assert SLOW.levels[[0, 255]].tolist() == [-1, 1]
    a, b, c = SLOW.scaling
    assert (SLOW.levels == (a * np.arange(256, dtype=np.float32) + b) / c).all()
    picture = SLOW.transform(sound(noise(4_000)))
    assert (SLOW.to_float(picture[None]) == SLOW.levels[picture[None]]).all()
    assert (SLOW.kind, SLOW.background) == ("sounds", "dark")


def test_transform_bytes_are_pinned() -> None:
    """Same, not right: whatever the machine, the same net must see the same."""
    samples = steps(tone(700, 8_000) + 0.1 * noise(4_000) * (np.arange(4_000) % 900 < 500))
    found = {
        "slow": SLOW.transform(sound(samples)),
        "fast": FAST.transform(sound(samples, 16_000)),
        "up": FAST.transform(sound(samples)),
        "down": SLOW.transform(sound(samples, 44_100)),
    }
    digests = {name: hashlib.sha256(one.tobytes()).hexdigest()[:16] for name, one in found.items()}
    assert digests == SAME


SAME = {
    "down": "ce98869de74e923e",
    "fast": "efc7fc042473fbc9",
    "slow": "6da3caaa2b337032",
    "up": "fe55f0c5cd35f190",
}


# Resampling.


def test_resample_rounds_to_16_bit() -> None:
    once = resample(sound(tone(1_000, 44_100, 0.5), 44_100), 8_000)
    assert once.dtype == np.float32
    assert len(once) == 4_000
    assert (once * 32_768 == np.rint(once * 32_768)).all()
    assert np.abs(once - tone(1_000, 8_000))[200:-200].max() <= 2**-14
    same = sound(tone(1_000, 8_000))
    assert resample(same, 8_000) is same.samples


def test_resample_removes_frequencies_above_nyquist() -> None:
    high = resample(sound(tone(6_000, 44_100), 44_100), 8_000)
    assert np.abs(high)[200:-200].max() <= 2**-14


# Deciding.


def test_fit_rate_is_higher_if_half_of_sounds_have_it() -> None:
    slow, fast = sound(noise(4_000)), sound(noise(8_000), 44_100)
    assert fit_audio_preprocessor([slow, fast]).rate == 16_000
    assert fit_audio_preprocessor([slow, fast, slow]).rate == 8_000
    assert fit_audio_preprocessor([sound(noise(99), 15_999)]).rate == 8_000
    assert fit_audio_preprocessor([fast]).hop == 256


@pytest.mark.parametrize(
    ("seconds", "hop", "frames"),
    [
        (0.001, 128, 16),
        (0.5, 128, 48),
        (1.0, 128, 96),
        (1.5, 256, 72),
        (1.6, 256, 80),
        (3.0, 256, 96),
    ],
)
def test_fit_steps_follow_lengths(seconds: float, hop: int, frames: int) -> None:
    made = fit_audio_preprocessor([sound(noise(max(1, round(8_000 * seconds))))])
    assert (made.hop, made.frames, made.bands, made.rate) == (hop, frames, 40, 8_000)


def test_fit_95_percent_of_sounds_fit_completely() -> None:
    short, long = sound(noise(2_700)), sound(noise(9_000))
    assert fit_audio_preprocessor([short] * 19 + [long]).frames == 40
    assert fit_audio_preprocessor([short] * 18 + [long] * 2).frames == 48  # at least half a second
    double = sound(noise(5_400))
    assert fit_audio_preprocessor([short] * 18 + [double] * 2).frames == 64
    hush = sound(np.concatenate([np.zeros(50_000), noise(2_700), np.zeros(50_000)]))
    assert fit_audio_preprocessor([hush] * 5).frames == 40


def test_fit_steps_are_limited() -> None:
    made = fit_audio_preprocessor([sound(np.tile(noise(8_000), 400))])
    assert made.frames == 96
    assert made.hop == 256


def test_fit_silence_or_nothing_gives_a_preprocessor() -> None:
    assert fit_audio_preprocessor([sound([0.0])]) == fit_audio_preprocessor([])
    assert fit_audio_preprocessor([]).shape == (1, 40, 16)


def test_description() -> None:
    assert (
        SLOW.description
        == "sounds at 8,000 Hz, 40 bands of 60 to 3,900 Hz x 48 steps of 16 ms (0.8 s)"
    )
    assert FAST.description.startswith(
        "sounds at 16,000 Hz, 40 bands of 60 to 7,800 Hz x 48 steps of 16"
    )


def test_spoken_digits_are_preprocessed() -> None:
    with zipfile.ZipFile(real("spoken-digits.zip")) as archive:
        names = [name for name in archive.namelist() if name.startswith("train/")]
        every = [read_sound(archive.read(name), name) for name in names[::9] if name[-1] != "/"]
    made = fit_audio_preprocessor(every)
    assert (made.rate, made.hop, made.bands) == (8_000, 128, 40)
    assert 32 <= made.frames <= 64
    assert sum(made.warning(one) is not None for one in every) < 5


# The file.


def test_json_round_trip() -> None:
    for one in (SLOW, FAST, AudioPreprocessor((1, 1, 1), 8_000, 16)):
        assert AudioPreprocessor.from_json(json.loads(json.dumps(one.to_json())), one.shape) == one


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 44_100},
        {"rate": 8_000.0},
        {"rate": True},
        {"rate": None},
        {"hop": 0},
        {"hop": 15},
        {"hop": 4_097},
        {"hop": 128.0},
        {"hop": "128"},
        {"kind": "photos"},
        {"kind": None},
        {"shape": [1, 40, 49]},
        {"shape": None},
        {"more": 1},
    ],
)
def test_json_other_values_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"^preprocessing: "):
        AudioPreprocessor.from_json(SLOW.to_json() | change, (1, 40, 48))


@pytest.mark.parametrize("value", [None, [], 1, {}, {"shape": [1, 40, 48]}])
def test_json_invalid_is_refused(value: object) -> None:
    with pytest.raises(DataError, match=r"^preprocessing: got "):
        AudioPreprocessor.from_json(value, (1, 40, 48))


@pytest.mark.parametrize(
    "shape",
    [
        (3, 40, 48),
        (1, 0, 48),
        (1, 257, 48),
        (1, 40, 0),
        (1, 40, 4_097),
        (1, 40),
        [1, 40, 48],
        None,
        (1, 4.0, 48),
    ],
)
def test_shapes_outside_limits_are_refused(shape: Any) -> None:
    with pytest.raises(LimitError):
        AudioPreprocessor(shape, 8_000, 128)
    if isinstance(shape, tuple):
        with pytest.raises(DataError, match=r"^preprocessing: "):
            AudioPreprocessor.from_json(SLOW.to_json() | {"shape": list(shape)}, shape)
