"""Audio decoding: WAV, FLAC, Ogg, MP3 and AIFF files to mono samples."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.array_types import Float32
from ...core.errors import DataError
from ..file_bytes import display_name, read_content
from ..file_kinds import wrong_kind
from .containers import check_container

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc")
MAX_SECONDS = 600
"""Of one sound; its header is checked before any sample is decoded, as for the next two."""
MAX_SAMPLES = 1 << 26
"""Of one sound, in all its channels."""
MAX_CHANNELS = 64
SLOWEST, FASTEST = 1_000, 768_000
"""Samples a second."""
MAX_FILE_BYTES = 1 << 29
"""Bytes of one sound file."""

_FLOATING = ("FLOAT", "DOUBLE")  # encodings, in libsndfile's words
_BLOCK = 1 << 20  # samples decoded at a time, so that a wrong header cannot allocate much memory
_STEPS = 32_768  # of 16-bit samples, from 0 to 1


class Sound(NamedTuple):
    """A mono recording: ``samples`` (n,) from -1 to 1, at ``rate`` samples per second."""

    samples: Float32
    rate: int


def read_sound(file: Path | bytes | IO[bytes], name: str | None = None) -> Sound:
    """Decode a sound file to mono samples: the mean of its channels, or the loudest channel if they
    cancel each other.

    ``name`` stands for the file in error messages. Raises DataError, naming the file, if it cannot
    be read.
    """
    path = display_name(file, name, "sound")
    try:
        # The decoder gets bytes, not a name, so that it can open no other file.
        content = read_content(
            file, "sound file", MAX_FILE_BYTES, "cut the sound into pieces first"
        )
        return _decoded(content, _sequential_file())
    except DataError as error:
        raise DataError(f"{path}: {wrong_kind(file, 'sounds') or error}") from None
    except MemoryError:
        raise
    except Exception:  # libsndfile raises many kinds
        kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
        unknown = (
            "cannot be read as a sound; it may be empty, truncated or of another kind (known "
            f"kinds: {kinds})"
        )
        raise DataError(f"{path}: {wrong_kind(file, 'sounds') or unknown}") from None


def _sequential_file() -> Callable[[IO[bytes]], Any]:
    """soundfile's class of open files, without the seek that it does after each `read`: after one,
    the first frames that an MP3 decoder returns lack what earlier frames contribute to them."""
    import soundfile  # noqa: PLC0415 -- slow to import, and needed for sounds only

    class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return SequentialFile


def _decoded(content: bytes, opened: Callable[[IO[bytes]], Any]) -> Sound:
    content = check_container(content)
    with opened(io.BytesIO(content)) as sound:
        frames = sound.frames
        _check_header(sound.samplerate, sound.channels, frames)
        peak = _peak(sound) if sound.subtype in _FLOATING else 1.0
        mixer = _Mixer(sound.channels)
        samples = np.concatenate([mixer.mean(block) for block in _blocks(sound, peak)])
        if len(samples) < frames:
            raise DataError(
                f"truncated: {len(samples):,} of {frames:,} samples; copy the complete file"
            )
        rate = int(sound.samplerate)
    if mixer.cancels:
        with opened(io.BytesIO(content)) as sound:
            blocks = _blocks(sound, peak)
            samples = np.concatenate([block[:, mixer.loudest] for block in blocks])
    return Sound(samples, rate)


def _check_header(rate: int, channels: int, frames: int) -> None:
    if not SLOWEST <= rate <= FASTEST:
        raise DataError(f"{rate} samples a second, wanted {SLOWEST:,} to {FASTEST:,}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise DataError(f"{channels} channels, wanted 1 to {MAX_CHANNELS}")
    if frames < 1:
        raise DataError("it contains no samples")
    if frames > MAX_SECONDS * rate:
        raise DataError(
            f"{frames / rate:,.0f} seconds, wanted at most {MAX_SECONDS}; cut it into pieces first"
        )
    if frames * channels > MAX_SAMPLES:
        raise DataError(
            f"{frames * channels:,} samples in all channels, wanted at most {MAX_SAMPLES:,}; "
            "cut it into pieces first"
        )


def _peak(sound: Any) -> float:
    """The peak of an open floating-point file, at least 1: unlike integers, floats are not clipped
    at 1."""
    peak = 1.0
    while len(block := sound.read(max(1, _BLOCK // sound.channels), "float32", always_2d=True)):
        peak = max(peak, float(np.abs(_finite(block)).max()))
    sound.seek(0)
    return peak


def _blocks(sound: Any, peak: float) -> Iterator[Float32]:
    """The samples (n, channels) of an open file as fractions of its ``peak``, rounded to 16 bits,
    block by block."""
    left = sound.frames
    while left > 0:
        wanted = min(left, max(1, _BLOCK // sound.channels))
        block = _finite(sound.read(wanted, dtype="float32", always_2d=True))
        yield round_to_16_bit(block if peak == 1 else block / np.float32(peak))
        left -= wanted
        if len(block) < wanted:
            return


class _Mixer:
    """Mixes channels, and measures whether they cancel each other, as in a recording whose right
    channel is the left one upside down."""

    def __init__(self, channels: int) -> None:
        self._channels = [0] * channels  # the energy of each, and of their mean, in exact integers
        self._mean = 0

    def mean(self, block: Float32) -> Float32:
        """The mean of the channels (n, channels), rounded to 16-bit samples (n,). The sum is exact
        in float32, so its order does not matter."""
        count = block.shape[1]
        if count == 1:
            return block[:, 0]
        total = block[:, 0]
        for channel in range(1, count):
            total = total + block[:, channel]
        mean = round_to_16_bit(total / np.float32(count))
        energies = [_energy(block[:, channel]) for channel in range(count)]
        self._channels = [a + b for a, b in zip(self._channels, energies, strict=True)]
        self._mean += _energy(mean)
        return mean

    @property
    def cancels(self) -> bool:
        """Whether the mean has less than a hundredth of the energy that independent channels would
        have."""
        return 100 * self._mean * len(self._channels) ** 2 < sum(self._channels)

    @property
    def loudest(self) -> int:
        """The channel with the most energy, the first of equals."""
        return self._channels.index(max(self._channels))


def _energy(samples: Float32) -> int:
    """The sum of the squares of 16-bit samples (n,), in integers, so that its order does not
    matter."""
    return int(np.square((samples * _STEPS).astype(np.int64)).sum())


def _finite(block: Float32) -> Float32:
    if not np.isfinite(block).all():
        raise DataError("a sample that is no finite number")
    return block


def round_to_16_bit(samples: npt.NDArray[np.floating]) -> Float32:
    """Round to the nearest 16-bit samples: multiples of 2**-15 from -1 to 1.

    This keeps 16-bit recordings unchanged. Decoders of MP3 and Ogg compute in floating point, in
    another order on another processor, so a few of their samples still differ by one such step.
    """
    return np.asarray(np.rint(np.clip(samples, -1, 1) * _STEPS) / _STEPS, np.float32)
