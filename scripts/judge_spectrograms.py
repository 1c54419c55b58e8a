"""Writes tests/spectrograms.json: what SciPy and librosa, which have to be installed for it, make
of the sound that tests/test_spectrogram.py holds against them.

    pip install scipy==1.17.1 librosa==0.11.0
    PYTHONPATH=src:. python scripts/judge_spectrograms.py
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from tests.sound_files import chirp_in_noise

TARGET = Path(__file__).parents[1] / "tests" / "spectrograms.json"


def transform(count: int, window: int, hop: int) -> dict[str, Any]:
    """Some bins of SciPy's transform, and the power of every frame; librosa must agree."""
    samples = chirp_in_noise(count)
    found = import_module("librosa").stft(
        samples, n_fft=window, hop_length=hop, center=True, pad_mode="constant"
    )
    hann = import_module("scipy.signal").get_window("hann", window)
    _, _, other = import_module("scipy.signal").stft(
        samples, window=hann, nperseg=window, noverlap=window - hop, padded=False
    )
    other = other * hann.sum()
    assert np.abs(other - found[:, : other.shape[1]]).max() < 1e-12 * np.abs(found).max()
    bins, frames = found.shape
    at = sorted({(17 * n % bins, 7 * n % frames) for n in range(60)} | {(0, 0), (bins - 1, 0)})
    chosen = found[tuple(np.array(at).T)]
    return {
        "count": count,
        "window": window,
        "hop": hop,
        "shape": found.shape,
        "at": at,
        "real": chosen.real.tolist(),
        "imaginary": chosen.imag.tolist(),
        "power": (np.abs(found) ** 2).sum(axis=0).tolist(),
    }


def bands(count: int, rate: int, window: int, hop: int, bands: int, every: int) -> dict[str, Any]:
    """The powers in librosa's bands, in some of the frames."""
    librosa = import_module("librosa")
    powers = librosa.feature.melspectrogram(
        y=chirp_in_noise(count),
        sr=rate,
        n_fft=window,
        hop_length=hop,
        center=True,
        pad_mode="constant",
        power=2.0,
        n_mels=bands,
        fmin=60,
        fmax=39 / 80 * rate,
        htk=True,
        norm=None,
        dtype=np.float64,
    )
    return {
        "count": count,
        "rate": rate,
        "window": window,
        "hop": hop,
        "bands": bands,
        "every": every,
        "powers": powers[:, ::every].tolist(),
    }


if __name__ == "__main__":
    judged = {
        "transforms": [transform(4_001, 256, 128), transform(9_000, 512, 300)],
        "bands": [bands(4_001, 8_000, 256, 128, 40, 8), bands(9_000, 16_000, 512, 300, 24, 10)],
    }
    TARGET.write_text(json.dumps(judged) + "\n")
