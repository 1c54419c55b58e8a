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
from .containers import check_container

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
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
    """Decode a sound file to mono samples, the mean of its channels.

    ``name`` stands for the file in error messages. Raises DataError, naming the file, if it cannot
    be read.
    """
    import soundfile  # noqa: PLC0415 -- slow to import, and needed for sounds only

    path = display_name(file, name, "sound")
    try:
        # The decoder gets bytes, not a name, so that it can open no other file.
        content = read_content(
            file, "sound file", MAX_FILE_BYTES, "cut the sound into pieces first"
        )
        return _decoded(content, soundfile.SoundFile)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except MemoryError:
        raise
    except Exception:  # libsndfile raises many kinds
        kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
        raise DataError(
            f"{path}: cannot be read as a sound; it may be empty, truncated or of another kind "
            f"(known kinds: {kinds})"
        ) from None


def _decoded(content: bytes, opened: Callable[[IO[bytes]], Any]) -> Sound:
    with opened(io.BytesIO(check_container(content))) as sound:
        frames = sound.frames
        _check_header(sound.samplerate, sound.channels, frames)
        peak = _peak(sound) if sound.subtype in _FLOATING else 1.0
        samples = np.concatenate([*_blocks(sound, peak)])
        if len(samples) < frames:
            raise DataError(
                f"truncated: {len(samples):,} of {frames:,} samples; copy the complete file"
            )
        return Sound(samples, int(sound.samplerate))


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
    """The mono samples of an open file as fractions of its ``peak``, block by block."""
    left = sound.frames
    while left > 0:
        wanted = min(left, max(1, _BLOCK // sound.channels))
        block = sound.read(wanted, dtype="float32", always_2d=True)
        yield _mixed(block if peak == 1 else block / np.float32(peak))
        left -= wanted
        if len(block) < wanted:
            return


def _mixed(block: Float32) -> Float32:
    """The mean of the channels (n, channels), rounded to 16-bit samples (n,).

    Decoded MP3 and Ogg samples differ in their last bits between processors. Rounding to multiples
    of 2**-15 removes nearly all differences and keeps 16-bit recordings unchanged. The sum of the
    channels is exact in float32, so its order does not matter.
    """
    channels = round_to_16_bit(_finite(block))
    total = channels[:, 0]
    for channel in range(1, channels.shape[1]):
        total = total + channels[:, channel]
    return round_to_16_bit(total / np.float32(channels.shape[1]))


def _finite(block: Float32) -> Float32:
    if not np.isfinite(block).all():
        raise DataError("a sample that is no finite number")
    return block


def round_to_16_bit(samples: npt.NDArray[np.floating]) -> Float32:
    """Round to the nearest 16-bit samples: multiples of 2**-15 from -1 to 1."""
    return np.asarray(np.rint(np.clip(samples, -1, 1) * _STEPS) / _STEPS, np.float32)
