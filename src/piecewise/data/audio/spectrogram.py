"""Mel spectrogram: short-time Fourier transform, mel filter bank and decibels.

The Fourier transform is written here with float64 additions and multiplications in a fixed order,
so that a sound gives the same bits on every machine; the order in libraries depends on the
processor.

Frames are centred as in librosa and SciPy: frame i is centred on sample i * hop, with zeros beyond
both ends, so n samples give 1 + n // hop frames. (librosa: ``stft(center=True,
pad_mode="constant")``; SciPy: ``stft(boundary="zeros", padded=False)`` times the window's sum.)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float64
from ...core.portable_math import exp, log, sine_cosine

LOWEST_HERTZ = 60.0
"""The lower edge of the lowest band in Hz, above mains hum and handling noise."""
TURN = 6.283185307179586
"""A full turn in radians."""
PER_LN = 0.43429448190325176
"""1 / ln 10."""
_HIGHEST = 39 / 80  # of the rate: the upper edge of the highest band, below the Nyquist frequency
_SAMPLES = 1 << 16  # samples in frames processed at a time, to limit temporary memory


def highest_hertz(rate: int) -> float:
    """The upper edge of the highest band at this sample rate, in Hz."""
    return _HIGHEST * rate


def spectra(samples: npt.ArrayLike, window: int, hop: int) -> Iterator[tuple[Float64, Float64]]:
    """Yield real and imaginary parts of the spectra of samples (n,), (window // 2 + 1, frames) at a
    time, in order.

    Each frame has ``window`` samples, a power of two, weighted by the periodic Hann window.
    """
    frames = _frames(np.asarray(samples, np.float64), window, hop)
    step = max(1, _SAMPLES // window)
    for start in range(0, len(frames), step):
        yield _real_fft(frames[start : start + step])


def band_powers(samples: npt.ArrayLike, rate: int, window: int, hop: int, bands: int) -> Float64:
    """Samples (n,) -> the power in each mel band (bands, frames), the lowest band first.

    A mel filter bank: overlapping triangles of height 1, evenly spaced on the mel scale of the HTK
    book (S. Young et al., "The HTK Book", section 5.4: 2595 log10(1 + hertz / 700)), from
    `LOWEST_HERTZ` to `highest_hertz`. (librosa: ``filters.mel(htk=True, norm=None)``.)
    """
    first, filters = mel_bands(rate, window, bands)
    powers = []
    for real, imaginary in spectra(samples, window, hop):
        power = real * real + imaginary * imaginary
        sums = np.zeros((bands, power.shape[1]))
        for bin_, factor in enumerate(filters.T):  # a matrix product has no fixed order
            sums += power.take(first + bin_, 0, mode="clip") * factor[:, None]
        powers.append(sums)
    return np.concatenate(powers, 1)


def to_decibels(ratio: npt.ArrayLike, floor: float) -> Float64:
    """Power ratios in decibels, at least ``floor``."""
    least = float(exp(floor / 10 / PER_LN))
    return np.asarray(10 * PER_LN * log(np.maximum(ratio, least)))


def mel_corners(rate: int, bands: int) -> Float64:
    """The corners of the mel bands in Hz: band i starts at i, peaks at i + 1 and ends at i + 2."""
    low, high = log(1 + np.array([LOWEST_HERTZ, highest_hertz(rate)]) / 700)
    return np.asarray(700 * (exp(low + np.arange(bands + 2) * ((high - low) / (bands + 1))) - 1))


@lru_cache(maxsize=16)
def mel_bands(rate: int, window: int, bands: int) -> tuple[npt.NDArray[np.intp], Float64]:
    """The first frequency bin of each band (bands,), and the filter weights from there on (bands,
    bins of the widest band)."""
    corners = mel_corners(rate, bands)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    hertz = np.arange(window // 2 + 1) * (rate / window)
    filters = np.minimum((hertz - left) / (centre - left), (right - hertz) / (right - centre))
    filters = np.maximum(filters, 0)
    first = (filters > 0).argmax(axis=1)
    widest = int((filters > 0).sum(axis=1).max())
    spread = np.minimum(first[:, None] + np.arange(widest), window // 2)
    inside = first[:, None] + np.arange(widest) <= window // 2
    return first, np.where(inside, np.take_along_axis(filters, spread, 1), 0.0)


def _frames(samples: Float64, window: int, hop: int) -> Float64:
    """Overlapping frames (frames, window) of samples (n,), a view."""
    padded = np.zeros(len(samples) + window)
    padded[window // 2 : window // 2 + len(samples)] = samples
    return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]


@lru_cache(maxsize=16)
def hann_window(window: int) -> Float64:
    """The periodic Hann window (window, 1)."""
    cosine = sine_cosine(np.arange(window) * (TURN / window))[1]
    return np.asarray(0.5 - 0.5 * cosine)[:, None]


@lru_cache(maxsize=64)
def _twiddle_factors(size: int) -> tuple[Float64, Float64]:
    """Sines and cosines of half a circle in ``size`` // 2 steps, each (size // 2, 1)."""
    sine, cosine = sine_cosine(np.arange(size // 2) * (TURN / size))
    return sine[:, None], cosine[:, None]


def _real_fft(frames: Float64) -> tuple[Float64, Float64]:
    """The FFT of real frames (f, window): real and imaginary parts (window // 2 + 1, f).

    Even samples are the real parts and odd ones the imaginary parts of half as many complex
    numbers; symmetry separates the two spectra, which are then combined.
    """
    window = frames.shape[1]
    cells = frames.T * hann_window(window)
    half = _fft(np.stack((cells[0::2], cells[1::2])))
    ends = np.concatenate((half, half[:, :1]), 1)  # bins 0 to window // 2
    (real, imaginary), (back_real, back_imaginary) = ends, ends[:, ::-1]
    even_real, even_imaginary = 0.5 * (real + back_real), 0.5 * (imaginary - back_imaginary)
    odd_real, odd_imaginary = 0.5 * (imaginary + back_imaginary), 0.5 * (back_real - real)
    sine, cosine = (
        np.concatenate((angles, end))
        for angles, end in zip(_twiddle_factors(window), ([[0.0]], [[-1.0]]), strict=True)
    )
    return (
        even_real + (odd_real * cosine + odd_imaginary * sine),
        even_imaginary + (odd_imaginary * cosine - odd_real * sine),
    )


def _fft(cells: Float64) -> Float64:
    """The FFT over axis 1 of (2, size, columns), real and imaginary parts.

    Stockham's radix-2 algorithm, which needs no bit reversal. Real and imaginary parts are separate
    arrays because processors round complex products differently (with or without fused
    multiply-add).
    """
    _, size, columns = cells.shape
    width = columns
    while size > 1:
        sine, cosine = _twiddle_factors(size)
        size //= 2
        upper, lower = cells[:, :size], cells[:, size:]
        after = np.empty((2, size, 2, width))
        np.add(upper, lower, out=after[:, :, 0])
        real, imaginary = upper - lower
        after[0, :, 1] = real * cosine + imaginary * sine
        after[1, :, 1] = imaginary * cosine - real * sine
        width *= 2
        cells = after.reshape(2, size, width)
    return cells.reshape(2, -1, columns)
