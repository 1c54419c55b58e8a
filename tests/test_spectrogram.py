"""Spectrograms, held against numbers worked out by SciPy and librosa, and against the sums that a
Fourier transform is by definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from piecewise.data.audio.spectrogram import (
    LOWEST_HERTZ,
    band_powers,
    highest_hertz,
    mel_bands,
    spectra,
    to_decibels,
)

from .sound_files import chirp_in_noise

JUDGED = json.loads((Path(__file__).parent / "spectrograms.json").read_text())
"""Made by ``scripts/judge_spectrograms.py`` with SciPy and librosa; the samples are
those of ``chirp_in_noise``."""


def transform(samples: npt.ArrayLike, window: int, hop: int) -> list[npt.NDArray[np.float64]]:
    """Real and imaginary parts of all frames."""
    return [np.concatenate(part, 1) for part in zip(*spectra(samples, window, hop), strict=True)]


def close(found: npt.ArrayLike, wanted: npt.ArrayLike, least: float) -> bool:
    """Whether they differ by less than ``least`` times the largest value."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    return bool(
        found.shape == wanted.shape and np.abs(found - wanted).max() < least * np.abs(wanted).max()
    )


@pytest.mark.parametrize("case", JUDGED["transforms"], ids=lambda case: str(case["window"]))
def test_spectra_match_scipy_and_librosa(case: dict[str, Any]) -> None:
    real, imaginary = transform(chirp_in_noise(case["count"]), case["window"], case["hop"])
    assert real.shape == tuple(case["shape"])
    at = np.array(case["at"]).T
    assert close(real[tuple(at)], case["real"], 1e-11)
    assert close(imaginary[tuple(at)], case["imaginary"], 1e-11)
    power = (real**2 + imaginary**2).sum(axis=0)
    assert close(power, case["power"], 1e-11)


@pytest.mark.parametrize("case", JUDGED["bands"], ids=lambda case: str(case["rate"]))
def test_mel_bands_match_librosa(case: dict[str, Any]) -> None:
    samples = chirp_in_noise(case["count"])
    found = band_powers(samples, case["rate"], case["window"], case["hop"], case["bands"])
    assert close(found[:, :: case["every"]], case["powers"], 1e-11)


@pytest.mark.parametrize("window", [2, 4, 8, 64])
def test_frame_equals_its_defining_sum(window: int) -> None:
    samples = chirp_in_noise(5 * window + 3)
    real, imaginary = transform(samples, window, window)
    padded = np.concatenate([np.zeros(window // 2), samples, np.zeros(window)])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    for frame in range(real.shape[1]):
        cells = padded[frame * window : (frame + 1) * window] * hann
        for k in range(window // 2 + 1):
            turns = np.exp(-2j * np.pi * k * np.arange(window) / window)
            wanted = (cells * turns).sum()
            assert abs(real[k, frame] + 1j * imaginary[k, frame] - wanted) < 1e-13 * window


@pytest.mark.parametrize(("count", "frames"), [(0, 1), (1, 1), (127, 1), (128, 2), (4_000, 32)])
def test_every_hop_has_a_frame_however_short_the_sound(count: int, frames: int) -> None:
    real, imaginary = transform(np.ones(count), 256, 128)
    assert real.shape == imaginary.shape == (129, frames)
    assert band_powers(np.ones(count), 8_000, 256, 128, 40).shape == (40, frames)


def test_frame_depends_on_its_own_samples_only() -> None:
    """However many are worked on at once, and whatever the others hold: to the last bit."""
    samples = chirp_in_noise(100_000)
    whole = band_powers(samples, 8_000, 256, 128, 40)
    part = band_powers(samples[50 * 128 : 60 * 128], 8_000, 256, 128, 40)
    assert (part[:, 1:9] == whole[:, 51:59]).all()
    real, _ = transform(samples, 256, 128)
    alone, _ = transform(samples[50 * 128 : 60 * 128], 256, 128)
    assert real.shape[1] > 2 * 256
    assert (alone[:, 1:9] == real[:, 51:59]).all()


def test_twice_as_loud_is_exactly_four_times_the_power() -> None:
    samples = chirp_in_noise(3_000)
    once, twice = (band_powers(n * samples, 8_000, 256, 128, 40) for n in (1, 2))
    assert (twice == 4 * once).all()


@pytest.mark.parametrize(("rate", "window"), [(8_000, 256), (16_000, 512), (16_000, 8_192)])
def test_bands_share_every_tone(rate: int, window: int) -> None:
    first, shares = mel_bands(rate, window, 40)
    total = np.zeros(window // 2 + 1 + shares.shape[1])
    for band in range(40):
        total[first[band] : first[band] + shares.shape[1]] += shares[band]
    hertz = np.arange(len(total)) * rate / window
    assert not total[(hertz <= LOWEST_HERTZ) | (hertz >= highest_hertz(rate))].any()
    _, second = tops = [hertz[first[b] + shares[b].argmax()] for b in (0, 39)]
    assert np.allclose(total[(hertz > tops[0] + 32) & (hertz < second - 32)], 1)


def test_to_decibels() -> None:
    assert np.allclose(to_decibels([1, 0.1, 0.5, 1e-9, 0], -70), [0, -10, -3.0102999566, -70, -70])
