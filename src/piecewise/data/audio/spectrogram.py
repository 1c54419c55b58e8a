"""Sounds to pictures: which tones are in a sound, when, and how strong.

The Fourier transform is written here, of nothing but additions and multiplications of float64 in
a fixed order, so that a sound gives the same bits on every machine; libraries' transforms choose
their order by processor.

Frames lie as librosa's and SciPy's do when they centre: frame i is centred on sample i * hop, and
beyond both ends of the sound is silence, so n samples give 1 + n // hop frames, however short the
sound. (librosa: ``stft(center=True, pad_mode="constant")``; SciPy: ``stft(boundary="zeros",
padded=False)`` times the sum of its window.)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float64
from ...core.portable_math import exp, log, sine_cosine

LOWEST_HERTZ = 60.0
"""Hertz where the lowest band begins: below are the hum of mains, and hands on microphones."""
_HIGHEST = 39 / 80  # of the rate, where the highest band ends: next to what the rate can carry
_TURN = 6.283185307179586
_BLOCK = 1 << 16  # samples in frames worked on at a time, so that what is made on the way is small
_TEN_DECIBELS = 0.43429448190325176  # of a natural logarithm: 1 / ln 10, times ten below


def highest_hertz(rate: int) -> float:
    """Hertz where the highest band of sounds of this rate ends."""
    return _HIGHEST * rate


def spectra(samples: npt.ArrayLike, window: int, hop: int) -> Iterator[tuple[Float64, Float64]]:
    """Samples (n,) -> real and imaginary parts of their spectrum, (window // 2 + 1, some frames)
    at a time, in their order.

    Each frame is ``window`` samples long, a power of two, under Hann's window (the periodic one).
    """
    frames = _frames(np.asarray(samples, np.float64), window, hop)
    step = max(1, _BLOCK // window)
    for start in range(0, len(frames), step):
        yield _transformed(frames[start : start + step])


def band_powers(samples: npt.ArrayLike, rate: int, window: int, hop: int, bands: int) -> Float64:
    """Samples (n,) -> the power in each mel band (bands, frames), the lowest band first.

    A mel filter bank: overlapping triangles of height 1, evenly spaced on the mel scale of the HTK
    book (S. Young et al., "The HTK Book", section 5.4: 2595 log10(1 + hertz / 700)), from
    `LOWEST_HERTZ` to `highest_hertz`. (librosa: ``filters.mel(htk=True, norm=None)``.)
    """
    first, shares = mel_bands(rate, window, bands)
    powers = []
    for real, imaginary in spectra(samples, window, hop):
        power = real * real + imaginary * imaginary
        sums = np.zeros((bands, power.shape[1]))
        for bin_, share in enumerate(shares.T):  # never a matrix product: its order is its own
            sums += power.take(first + bin_, 0, mode="clip") * share[:, None]
        powers.append(sums)
    return np.concatenate(powers, 1)


def to_decibels(ratio: npt.ArrayLike, floor: float) -> Float64:
    """Ratios of powers -> decibels, none below ``floor``."""
    least = float(exp(floor / 10 / _TEN_DECIBELS))
    return np.asarray(10 * _TEN_DECIBELS * log(np.maximum(ratio, least)))


def mel_corners(rate: int, bands: int) -> Float64:
    """Hertz where bands begin, are strongest and end: band i from i, by i + 1, to i + 2."""
    low, high = log(1 + np.array([LOWEST_HERTZ, highest_hertz(rate)]) / 700)
    return np.asarray(700 * (exp(low + np.arange(bands + 2) * ((high - low) / (bands + 1))) - 1))


@lru_cache(maxsize=16)
def mel_bands(rate: int, window: int, bands: int) -> tuple[npt.NDArray[np.intp], Float64]:
    """The first bin of each band (bands,), and from there on the share of each bin that counts
    (bands, bins of the widest)."""
    corners = mel_corners(rate, bands)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    hertz = np.arange(window // 2 + 1) * (rate / window)
    shares = np.minimum((hertz - left) / (centre - left), (right - hertz) / (right - centre))
    shares = np.maximum(shares, 0)
    first = (shares > 0).argmax(axis=1)
    widest = int((shares > 0).sum(axis=1).max())
    spread = np.minimum(first[:, None] + np.arange(widest), window // 2)
    inside = first[:, None] + np.arange(widest) <= window // 2
    return first, np.where(inside, np.take_along_axis(shares, spread, 1), 0.0)


def _frames(samples: Float64, window: int, hop: int) -> Float64:
    """(n,) -> (frames, window), a view."""
    padded = np.zeros(len(samples) + window)
    padded[window // 2 : window // 2 + len(samples)] = samples
    return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]


@lru_cache(maxsize=16)
def _hann(window: int) -> Float64:
    """Hann's window, the periodic one, standing: (window, 1)."""
    cosine = sine_cosine(np.arange(window) * (_TURN / window))[1]
    return np.asarray(0.5 - 0.5 * cosine)[:, None]


@lru_cache(maxsize=64)
def _turns(size: int) -> tuple[Float64, Float64]:
    """Sine and cosine of the angles of a half turn in ``size`` // 2 steps, each (size // 2, 1)."""
    sine, cosine = sine_cosine(np.arange(size // 2) * (_TURN / size))
    return sine[:, None], cosine[:, None]


def _transformed(frames: Float64) -> tuple[Float64, Float64]:
    """Frames (f, window) -> real and imaginary parts (window // 2 + 1, f).

    Even samples go in as real parts, odd ones as imaginary parts of half as many complex numbers;
    what the even and the odd ones give is told apart by symmetry and put together.
    """
    window = frames.shape[1]
    cells = frames.T * _hann(window)
    half = _fourier(np.stack((cells[0::2], cells[1::2])))
    ends = np.concatenate((half, half[:, :1]), 1)  # bins 0 to window // 2 of a cycle
    (real, imaginary), (back_real, back_imaginary) = ends, ends[:, ::-1]
    even_real, even_imaginary = 0.5 * (real + back_real), 0.5 * (imaginary - back_imaginary)
    odd_real, odd_imaginary = 0.5 * (imaginary + back_imaginary), 0.5 * (back_real - real)
    sine, cosine = (
        np.concatenate((part, end))
        for part, end in zip(_turns(window), ([[0.0]], [[-1.0]]), strict=True)
    )
    return (
        even_real + (odd_real * cosine + odd_imaginary * sine),
        even_imaginary + (odd_imaginary * cosine - odd_real * sine),
    )


def _fourier(cells: Float64) -> Float64:
    """The Fourier transform over axis 1 of (2, size, columns), real and imaginary parts.

    Stockham's way with two branches: sums and turned differences of the two halves, halved again,
    each round putting its results where they belong. Real and imaginary parts are kept apart,
    because a product of complex numbers may be rounded once or twice, as the processor likes.
    """
    _, size, columns = cells.shape
    width = columns
    while size > 1:
        sine, cosine = _turns(size)
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
