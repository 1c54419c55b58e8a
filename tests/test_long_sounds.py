"""Long recordings among short ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from piecewise.data.audio.decoding import Sound
from piecewise.data.audio.preprocessor import (
    MAX_WINDOWS,
    AudioPreprocessor,
    fit_audio_preprocessor,
)

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
