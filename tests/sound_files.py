"""Sounds for the tests, and files of them, written by soundfile."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from piecewise.core.errors import DataError
from piecewise.data.audio.decoding import read_sound

EXACT = {
    "wav PCM_16": ("WAV", "PCM_16"),
    "wav PCM_24": ("WAV", "PCM_24"),
    "wav PCM_32": ("WAV", "PCM_32"),
    "wav FLOAT": ("WAV", "FLOAT"),
    "wav DOUBLE": ("WAV", "DOUBLE"),
    "wavex PCM_16": ("WAVEX", "PCM_16"),
    "flac PCM_16": ("FLAC", "PCM_16"),
    "flac PCM_24": ("FLAC", "PCM_24"),
    "aiff PCM_16": ("AIFF", "PCM_16"),
    "aiff PCM_24": ("AIFF", "PCM_24"),
    "aiff FLOAT": ("AIFF", "FLOAT"),
}
"""Files that keep 16-bit samples as they are: format and coding, as soundfile calls them."""
NEARLY = {
    "wav PCM_U8": ("WAV", "PCM_U8"),
    "wav ULAW": ("WAV", "ULAW"),
    "wav ALAW": ("WAV", "ALAW"),
    "flac PCM_S8": ("FLAC", "PCM_S8"),
    "aiff PCM_S8": ("AIFF", "PCM_S8"),
    "ogg VORBIS": ("OGG", "VORBIS"),
    "ogg OPUS": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
"""Files that keep them more or less."""
KINDS = EXACT | NEARLY
IN_BLOCKS = {
    "wav IMA_ADPCM": ("WAV", "IMA_ADPCM"),
    "wav MS_ADPCM": ("WAV", "MS_ADPCM"),
    "wav GSM610": ("WAV", "GSM610"),
    "wav MP3": ("MP3", "MPEG_LAYER_III"),
}
"""WAV files of compressed blocks, the last of which is filled with silence."""
ENDINGS = {
    "WAV": "wav",
    "WAVEX": "wav",
    "FLAC": "flac",
    "AIFF": "aiff",
    "OGG": "ogg",
    "MP3": "mp3",
}


def steps(samples: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Samples rounded to those that 16 bits can hold."""
    return np.asarray(np.rint(np.asarray(samples) * 32_768) / 32_768)


def tone(
    hertz: float, rate: int, seconds: float = 0.5, loudness: float = 0.25
) -> npt.NDArray[np.float64]:
    """A pure tone."""
    return steps(loudness * np.sin(2 * np.pi * hertz / rate * np.arange(round(seconds * rate))))


def chirp_in_noise(count: int) -> npt.NDArray[np.float64]:
    """A rising triangle wave in noise, all of whole numbers, so that any machine can make it."""
    phase = np.cumsum(300 + np.arange(count, dtype=np.int64) // 2) % 8_192
    triangle = np.abs(phase - 4_096) * 8 - 16_384
    word = np.arange(count, dtype=np.uint64)
    for _ in range(3):
        word = (word * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)) ^ (
            word >> np.uint64(29)
        )
    noise = (word >> np.uint64(51)).astype(np.int64) - 4_096
    return np.asarray((triangle + noise) / 32_768)


def encoded(samples: npt.ArrayLike, rate: int, kind: str) -> bytes:
    """A file of samples (n,) or (n, channels)."""
    buffer = io.BytesIO()
    form, coding = (KINDS | IN_BLOCKS)[kind]
    soundfile.write(buffer, np.asarray(samples), rate, format=form, subtype=coding)
    return mp3_in_wav(buffer.getvalue(), rate) if kind == "wav MP3" else buffer.getvalue()


def mp3_in_wav(content: bytes, rate: int) -> bytes:
    """An MP3 as the samples of a WAV file."""
    form = struct.pack("<HHIIHHHHIHHH", 85, 1, rate, 8_000, 1, 0, 12, 1, 2, 576, 1, 1_393)
    fields = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    fields += b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(fields)) + fields


def refusal(file: Path | bytes) -> str:
    """The sentence with which a file is refused, after its name."""
    path = file if isinstance(file, Path) else "given.wav"
    with pytest.raises(DataError) as caught:
        read_sound(file, None if isinstance(file, Path) else "given.wav")
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")
