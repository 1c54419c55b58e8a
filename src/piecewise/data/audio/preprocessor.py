"""Audio preprocessing: a sound becomes a mel spectrogram in decibels.

Rows are frequency bands, the highest on top; columns are steps in time; a cell is lighter the
stronger its band is at that time. So a sound is an image to a network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from ...core.array_types import Float32, Float64, Uint8
from ...core.constraints import Integer, is_integer
from ...core.errors import LimitError, shown
from ..preprocessing import Preprocessor
from .decoding import Sound, read_sound, round_to_16_bit
from .spectrogram import LOWEST_HERTZ, band_powers, highest_hertz, mel_corners, to_decibels

RATES = (8_000, 16_000)
"""Sample rates of a network's input, in Hz; sounds of other rates are resampled."""
BANDS = 40
MAX_STEPS = 96
MAX_WINDOWS = 32
"""Windows of one sound."""
LONG = 1.5
"""Times the input's length; longer sounds are cut into windows."""
FAINT = 0.1
"""A fraction of the power of the loudest window; fainter windows are left out."""
QUIET = 10**-3.5
"""A fraction of the loudest step's power; quieter steps at both ends are trimmed."""
FLOOR = -70.0
"""Decibels relative to the loudest cell that become byte 0."""
SILENCE = 1e-12
"""A power below that of any 16-bit sample: rounding errors."""

MAX_HOP = 4_096
"""The longest step in time, in samples."""
_HOP = Integer(16, MAX_HOP)
_BANDS = Integer(1, 256)
_STEPS = Integer(1, 4_096)
_FITTING = 19, 20  # of the sounds of usual length fit completely, even when shifted
_USUAL = 2  # times the median; longer sounds need not fit
_ROOM = 32  # steps that fit even if the median is far below


@dataclass(frozen=True)
class AudioPreprocessor(Preprocessor):
    """Preprocessing of sounds into mel spectrograms, uint8 (1, bands, steps).

    Parameters
    ----------
    shape : (int, int, int)
        1, the number of mel bands (at most 256) and the number of time steps (at most 4,096).
    rate : {8000, 16000}
        The sample rate in Hz.
    hop : int, default 128
        Samples from one step to the next, 16 to 4,096.

    Raises
    ------
    LimitError
        If the shape, the rate or the hop is not allowed.

    Examples
    --------
    >>> import piecewise as pw
    >>> preprocessor = pw.AudioPreprocessor((1, 40, 64))
    >>> preprocessor.description
    'sounds at 8,000 Hz, 40 bands of 60 to 3,900 Hz x 64 steps of 16 ms (1.0 s)'
    """

    modality: ClassVar[str] = "sounds"
    unit: ClassVar[str] = "seconds"
    background: ClassVar[str] = "dark"
    """Silence is byte 0."""
    required: ClassVar[tuple[str, ...]] = ("modality", "shape", "rate", "hop")

    shape: tuple[int, int, int]
    rate: int = 8_000
    hop: int = 128

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple) or len(self.shape) != 3 or self.shape[0] != 1:
            raise LimitError(f"shape: got {shown(self.shape)}, wanted 1, bands, steps")
        shape = (1, _BANDS.check(self.shape[1]), _STEPS.check(self.shape[2]))
        object.__setattr__(self, "shape", shape)
        if not is_integer(self.rate) or self.rate not in RATES:
            raise LimitError(f"rate: got {shown(self.rate)}, wanted 8000 or 16000")
        object.__setattr__(self, "rate", int(self.rate))
        object.__setattr__(self, "hop", _HOP.check(self.hop))

    @property
    def bands(self) -> int:
        """The number of mel bands (rows)."""
        return self.shape[1]

    @property
    def frames(self) -> int:
        """The number of time steps (columns)."""
        return self.shape[2]

    @property
    def window(self) -> int:
        """The samples of a Fourier window: a power of two, at least twice the hop."""
        return 1 << (2 * self.hop - 1).bit_length()

    @property
    def description(self) -> str:
        """A one-line description of the preprocessing."""
        step = 1000 * self.hop / self.rate
        return (
            f"sounds at {self.rate:,} Hz, {self.bands} bands of {LOWEST_HERTZ:,.0f} to "
            f"{highest_hertz(self.rate):,.0f} Hz x {self.frames} steps of {step:g} ms "
            f"({self.frames * step / 1000:.1f} s)"
        )

    @staticmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> Sound:
        """Decode a sound file; DataError, naming it, if it cannot be read."""
        return read_sound(file, name)

    @staticmethod
    def size(sound: Sound) -> tuple[float, float]:
        return 1, len(sound.samples) / sound.rate

    def transform(self, sound: Sound) -> Uint8:
        """Preprocess one sound.

        Silence at both ends is trimmed. A short sound is centred; of a long sound, the window with
        the most power is used, which is the first of `windows`.

        Parameters
        ----------
        sound : Sound
            Samples of any rate and length.

        Returns
        -------
        uint8 array (1, bands, frames)
            Decibels, scaled so that the loudest cell is 255.
        """
        powers = self._powers(sound)
        return self._spectrogram(powers, *self._window_of(powers))

    def windows(self, sound: Sound) -> Uint8:
        """Cut a sound that is much longer than the input into windows of the input's length.

        The windows do not overlap, and one of them is the window with the most power. Windows with
        less than a tenth of its power are left out, as they hold little of the sound.

        Parameters
        ----------
        sound : Sound
            See `transform`.

        Returns
        -------
        uint8 array (windows, 1, bands, frames)
            The loudest first, the others in the order of time; at most `MAX_WINDOWS`. A sound that
            is not much longer is one window.
        """
        powers = self._powers(sound)
        start, end, left = self._window_of(powers)
        starts = self._window_starts(powers, start)
        if len(starts) < 2:
            return self._spectrogram(powers, start, end, left)[None]
        return np.stack([self._spectrogram(powers, at, at + self.frames, 0) for at in starts])

    def _window_starts(self, powers: Float64, loudest: int) -> list[int]:
        """The first steps of the windows of powers (bands, steps), the loudest first; empty if the
        sound is no long one."""
        start, end = _extent(powers)
        if end - start <= LONG * self.frames:
            return []
        first = loudest - (loudest - start) // self.frames * self.frames
        starts = np.arange(first, end - self.frames + 1, self.frames)
        sums = np.concatenate(([0.0], np.add.accumulate(_totals(powers))))
        loudness = sums[starts + self.frames] - sums[starts]
        least = FAINT * (sums[loudest + self.frames] - sums[loudest])
        others = [at for at in starts[loudness >= least].tolist() if at != loudest]
        most = MAX_WINDOWS - 1
        if len(others) > most:
            others = [others[index * len(others) // most] for index in range(most)]
        return [loudest, *others]

    def _spectrogram(self, powers: Float64, start: int, end: int, left: int) -> Uint8:
        """The input with the steps from ``start`` to ``end`` of powers (bands, steps) from column
        ``left`` on; all 0 for an empty range."""
        spectrogram = np.zeros(self.shape, np.uint8)
        if start == end:
            return spectrogram
        powers = powers[::-1, start:end]
        ratios = powers / powers.max()  # twice as loud gives the same ratios, to the last bit
        levels = 255 - to_decibels(ratios, FLOOR) * (255 / FLOOR)
        spectrogram[0, :, left : left + end - start] = np.rint(levels).astype(np.uint8)
        return spectrogram

    def first_step(self, sound: Sound) -> int:
        """The time step of the sound in the first column of `transform`; negative if a short sound
        is padded. Step n is centred on sample n * hop. 0 for silence."""
        start, _, left = self._window_of(self._powers(sound))
        return start - left

    @property
    def hertz(self) -> list[tuple[float, float]]:
        """The lowest and highest frequency of each row in Hz, the highest row first. Bands overlap:
        each is most sensitive in its middle (on the mel scale), where its neighbours begin."""
        corners = mel_corners(self.rate, self.bands).tolist()
        return list(zip(corners, corners[2:], strict=False))[::-1]

    def _window_of(self, powers: Float64) -> tuple[int, int, int]:
        """The first step of powers (bands, steps) that is used, the step after the last, and the
        column of the first; an empty range for silence."""
        start, end = _extent(powers)
        if start == end:
            return 0, 0, 0
        start, end = _strongest(powers, start, end, self.frames)
        return start, end, (self.frames - (end - start)) // 2

    def warning(self, sound: Sound) -> str | None:
        """Why a prediction for a sound is doubtful; None if it is not."""
        start, end = _extent(self._powers(sound))
        return None if start < end else "there is no sound in it"

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {"modality": self.modality, **asdict(self), "shape": list(self.shape)}

    def _powers(self, sound: Sound) -> Float64:
        samples = resample(sound, self.rate)
        return band_powers(samples, self.rate, self.window, self.hop, self.bands)


def fit_audio_preprocessor(sounds: Iterable[Sound]) -> AudioPreprocessor:
    """Fit a preprocessor to sounds of any rates and lengths, read one by one.

    The rate is 16,000 Hz if at least half of the sounds have that rate or a higher one, else 8,000
    Hz. A step is 16 ms, or 32 ms if the median of the trimmed lengths needs more than two thirds of
    `MAX_STEPS`. So a few long recordings do not make the steps coarser for all.

    The number of steps is what 95 % of the sounds need that are at most twice as long as the
    median, and half of that again: the padding lets augmentation shift sounds, which improves
    accuracy on new speakers. Longer sounds are cut into windows, of at least 0.77 s.
    """
    stats = [_stats(sound) for sound in sounds]
    rate = RATES[2 * sum(one[0] for one in stats) >= len(stats)] if stats else RATES[0]
    lengths = sorted(one[1] for one in stats if one[1]) or [1]
    typical = lengths[len(lengths) // 2]
    usual = [length for length in lengths if length <= _USUAL * typical]
    long = max(_upper(usual), min(_upper(lengths), _ROOM))
    hop = 16 * rate // 1_000
    if 3 * typical > 2 * MAX_STEPS:
        long, hop = (long + 1) // 2, 2 * hop
    frames = min(MAX_STEPS, max(16, (3 * long // 2 + 7) // 8 * 8))
    return AudioPreprocessor((1, BANDS, frames), rate, hop)


def _upper(lengths: list[int]) -> int:
    """The length that 95 % of the lengths, in order, do not exceed."""
    fit, of = _FITTING
    return lengths[(fit * len(lengths) + of - 1) // of - 1]


def _stats(sound: Sound) -> tuple[bool, int]:
    """Whether a sound has at least 16,000 samples per second, and its trimmed length in steps."""
    fast = sound.rate >= RATES[1]
    start, end = _extent(AudioPreprocessor((1, BANDS, 1), RATES[0], 128)._powers(sound))
    return fast, end - start


def resample(sound: Sound, rate: int) -> Float32:
    """The samples (n,) at another rate.

    Computed in float64 and rounded to 16-bit samples, as `read_sound` returns them. soxr's order of
    addition depends on the processor; rounding is far coarser than the differences.
    """
    if sound.rate == rate:
        return sound.samples
    import soxr  # noqa: PLC0415 -- not needed by sounds that have the rate already

    wide = soxr.resample(sound.samples.astype(np.float64), sound.rate, rate, quality="VHQ")
    return round_to_16_bit(wide)


def _extent(powers: Float64) -> tuple[int, int]:
    """The first step of powers (bands, frames) that is not silent, and the step after the last; an
    empty range if all are silent."""
    totals = _totals(powers)
    loudest = totals.max()
    if loudest < SILENCE:
        return 0, 0
    loud = np.flatnonzero(totals >= loudest * QUIET)
    return int(loud[0]), int(loud[-1]) + 1


def _totals(powers: Float64) -> Float64:
    """The power of each step of powers (bands, steps), added in a fixed order."""
    return np.asarray(np.add.accumulate(powers, axis=0)[-1])


def _strongest(powers: Float64, start: int, end: int, most: int) -> tuple[int, int]:
    """The range of ``most`` consecutive steps from ``start`` to ``end`` with the most power; the
    first of equals."""
    if end - start <= most:
        return start, end
    sums = np.add.accumulate(_totals(powers[:, start:end]))
    sums = np.concatenate(([0.0], sums))
    start += int((sums[most:] - sums[:-most]).argmax())
    return start, start + most
