"""How a sound becomes a network's input: decided once from the training sounds, then fixed.

A sound becomes the deck's picture: rows are bands of tones, the highest on top, columns are steps
in time, and a cell is the lighter the stronger its tones are then. So all that is known of
pictures holds of sounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float64
from ...core.constraints import Integer, is_integer
from ...core.errors import DataError, LimitError, shown
from ..preprocessing import Preprocessor
from .decoding import Sound, read_sound, round_to_16_bit
from .spectrogram import LOWEST_HERTZ, band_powers, highest_hertz, mel_corners, to_decibels

Pictures = npt.NDArray[np.uint8]

RATES = (8_000, 16_000)
"""Samples a second that a net can be made for; sounds of other rates are resampled."""
BANDS = 40
MOST_STEPS = 96

_HOP = Integer(16, 4_096)
_BANDS = Integer(1, 256)
_STEPS = Integer(1, 4_096)
_FIELDS = ("modality", "shape", "rate", "hop")
_QUIET = 10**-3.5  # of the loudest step's power: what is less, at both ends, is no part of a sound
_FLOOR = -70.0  # decibels below the loudest cell that become byte 0
_NOTHING = 1e-12  # a power that no sample of 16 bits makes: what roundings leave behind
_SHARE = 19, 20  # of the training sounds are seen whole, however they are shifted
_LONG = 1.5  # times what is looked at: then it is said


@dataclass(frozen=True)
class AudioPreprocessor(Preprocessor):
    """What is done to every sound.

    ``shape``: 1, bands, steps. ``rate``: samples a second, 8,000 or 16,000. ``hop``: samples from
    one step to the next.
    """

    modality: ClassVar[str] = "sounds"
    unit: ClassVar[str] = "seconds"

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
    def kind(self) -> str:
        """What is prepared."""
        return "sounds"

    @property
    def background(self) -> str:
        """Silence is dark."""
        return "dark"

    @property
    def bands(self) -> int:
        """Rows."""
        return self.shape[1]

    @property
    def frames(self) -> int:
        """Columns: steps in time."""
        return self.shape[2]

    @property
    def window(self) -> int:
        """How many samples a step looks at: a power of two, twice the hop or somewhat more."""
        return 1 << (2 * self.hop - 1).bit_length()

    @property
    def description(self) -> str:
        """The preparation in words."""
        step = 1000 * self.hop / self.rate
        return (
            f"sounds at {self.rate:,} Hz, {self.bands} bands of {LOWEST_HERTZ:,.0f} to "
            f"{highest_hertz(self.rate):,.0f} Hz x {self.frames} steps of {step:g} ms "
            f"({self.frames * step / 1000:.1f} s)"
        )

    @staticmethod
    def read(file: Path | bytes | IO[bytes], name: str | None = None) -> Sound:
        """A sound file; DataError, naming it, if it cannot be read."""
        return read_sound(file, name)

    @staticmethod
    def size(given: Sound) -> tuple[float, float]:
        return 1, len(given.samples) / given.rate

    def transform(self, sound: Sound) -> Pictures:
        """A sound of any rate and length -> bytes (1, bands, frames), 255 its loudest cell.

        What is quiet at both ends is left out. What is shorter than the frames stands in the
        middle of them; of what is longer, the stretch with most in it is looked at.
        """
        fitted = np.zeros(self.shape, np.uint8)
        powers = self._powers(sound)
        start, end, left = self._stretch(powers)
        if start == end:
            return fitted
        powers = powers[::-1, start:end]
        ratios = powers / powers.max()  # twice as loud gives the same ratios, to the last bit
        levels = 255 - to_decibels(ratios, _FLOOR) * (255 / _FLOOR)
        fitted[0, :, left : left + end - start] = np.rint(levels).astype(np.uint8)
        return fitted

    def first_step(self, sound: Sound) -> int:
        """Where the first column that `fit` makes of a sound stands in it, in steps from its
        beginning; below 0 where a short sound has quiet put before it. Step n is centred on sample
        n * hop. 0 for silence."""
        start, _, left = self._stretch(self._powers(sound))
        return start - left

    @property
    def hertz(self) -> list[tuple[float, float]]:
        """The tones from which to which each row listens, the highest on top. Rows overlap: each
        listens most in the middle (on the mel scale), where the next ones begin."""
        corners = mel_corners(self.rate, self.bands).tolist()
        return list(zip(corners, corners[2:], strict=False))[::-1]

    def _stretch(self, powers: Float64) -> tuple[int, int, int]:
        """The steps of powers (bands, steps) that are looked at, from the first to before the
        last, and the column where they begin; no steps in silence."""
        start, end = _extent(powers)
        if start == end:
            return 0, 0, 0
        start, end = _strongest(powers, start, end, self.frames)
        return start, end, (self.frames - (end - start)) // 2

    def warning(self, sound: Sound) -> str | None:
        """What makes an answer about a sound doubtful, in words."""
        start, end = _extent(self._powers(sound))
        if start == end:
            return "there is no sound in it"
        if end - start <= _LONG * self.frames:
            return None
        long, most = ((n * self.hop) / self.rate for n in (end - start, self.frames))
        return f"it lasts {long:.1f} s, of which the strongest {most:.1f} s are looked at"

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {
            "modality": self.modality,
            "shape": list(self.shape),
            "rate": self.rate,
            "hop": self.hop,
        }

    @classmethod
    def from_json(cls, value: object, shape: tuple[int, int, int]) -> AudioPreprocessor:
        """The preparation that `to_json` wrote, for a network of this input shape."""
        if (
            not isinstance(value, dict)
            or set(value) != set(_FIELDS)
            or value["modality"] != "sounds"
        ):
            raise DataError(f"preparation: got {shown(value)}, wanted {', '.join(_FIELDS)}")
        if value["shape"] != list(shape):
            raise DataError(f"preparation: got {shown(value['shape'])}, wanted {list(shape)}")
        try:
            return cls(shape, value["rate"], value["hop"])
        except LimitError as error:
            raise DataError(f"preparation: {error}") from None

    def _powers(self, sound: Sound) -> Float64:
        samples = resample(sound, self.rate)
        return band_powers(samples, self.rate, self.window, self.hop, self.bands)


def fit_audio_preprocessor(sounds: Iterable[Sound]) -> AudioPreprocessor:
    """The preparation for sounds of any rates and lengths, looked at one by one.

    16,000 samples a second if at least half of them have as many, else 8,000. Steps of 16 ms, or
    of twice that, and so on, until 19 of 20 sounds, without the quiet at their ends, are not
    longer than two thirds of `MOST_STEPS`; then as many steps as these need, and half of that
    again: with quiet around it, a sound can be shifted, and nets know new speakers better.
    """
    looks = [_look(sound) for sound in sounds]
    rate = RATES[2 * sum(look[0] for look in looks) >= len(looks)] if looks else RATES[0]
    lengths = sorted(look[1] for look in looks if look[1])
    part, whole = _SHARE
    long = lengths[(part * len(lengths) + whole - 1) // whole - 1] if lengths else 1
    hop = 16 * rate // 1_000
    while 3 * long > 2 * MOST_STEPS and 2 * hop <= _HOP.high:
        long, hop = (long + 1) // 2, 2 * hop
    frames = min(MOST_STEPS, max(16, (3 * long // 2 + 7) // 8 * 8))
    return AudioPreprocessor((1, BANDS, frames), rate, hop)


def _look(sound: Sound) -> tuple[bool, int]:
    """Whether a sound is worth 16,000 samples a second; how many steps of 16 ms it is long."""
    fast = sound.rate >= RATES[1]
    start, end = _extent(AudioPreprocessor((1, BANDS, 1), RATES[0], 128)._powers(sound))
    return fast, end - start


def resample(sound: Sound, rate: int) -> npt.NDArray[np.float32]:
    """The samples (n,) at another rate.

    Worked out in float64 and rounded to whole multiples of 2**-15, as `read_sound` gives them:
    soxr adds in an order that the processor chooses, and this is far coarser than what that does.
    """
    if sound.rate == rate:
        return sound.samples
    import soxr  # noqa: PLC0415 -- sounds that have the rate already need it not

    wide = soxr.resample(sound.samples.astype(np.float64), sound.rate, rate, quality="VHQ")
    return round_to_16_bit(wide)


def _extent(powers: Float64) -> tuple[int, int]:
    """The first step of powers (bands, frames) that is no silence, and the one after the last; the
    same number twice if there is none."""
    totals = np.add.accumulate(powers, axis=0)[-1]
    loudest = totals.max()
    if loudest < _NOTHING:
        return 0, 0
    loud = np.flatnonzero(totals >= loudest * _QUIET)
    return int(loud[0]), int(loud[-1]) + 1


def _strongest(powers: Float64, start: int, end: int, most: int) -> tuple[int, int]:
    """The ``most`` steps in a row, of those from ``start`` to ``end``, that hold most power; the
    first of equals."""
    if end - start <= most:
        return start, end
    sums = np.add.accumulate(np.add.accumulate(powers[:, start:end], axis=0)[-1])
    sums = np.concatenate(([0.0], sums))
    start += int((sums[most:] - sums[:-most]).argmax())
    return start, start + most
