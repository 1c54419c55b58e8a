"""Sound files with their bytes changed: a sound or an error of ours, in little memory."""

from __future__ import annotations

import random
import tracemalloc

import numpy as np
import pytest

from piecewise.core.errors import DataError
from piecewise.data.audio.decoding import MAX_SECONDS, Sound, read_sound

from .sound_files import encoded, tone

DIFFERENT = (
    *("wav PCM_16", "wav FLOAT", "wav ULAW", "wavex PCM_16", "aiff PCM_16"),
    *("flac PCM_16", "ogg VORBIS", "ogg OPUS", "mp3"),
    *("wav IMA_ADPCM", "wav MS_ADPCM", "wav GSM610", "wav MP3"),
)
"""Kinds of files that are read in ways of their own."""

WORDS = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


def changed(content: bytes, rnd: random.Random) -> bytes:
    """Bits, bytes and words overwritten, bytes put in, taken out and repeated; cut off."""
    made = bytearray(content)
    for _ in range(rnd.choice((1, 1, 2, 4, 8))):
        at = rnd.randrange(min(len(made), rnd.choice((64, 128, len(made)))))
        size, order = rnd.choice((2, 4)), rnd.choice(("little", "big"))
        match rnd.randrange(6):
            case 0:
                made[at] ^= 1 << rnd.randrange(8)
            case 1:
                made[at] = rnd.randrange(256)
            case 2:
                word = rnd.choice(WORDS) & (1 << 8 * size) - 1
                made[at : at + size] = word.to_bytes(size, "big" if order == "big" else "little")
            case 3:
                made.insert(at, rnd.randrange(256))
            case 4:
                del made[at : at + rnd.choice((1, 2, 30))]
            case _:
                end = rnd.randrange(len(made))
                made[end:end] = made[at : at + rnd.randrange(1, 64)]
        made = made or bytearray(b"\0")
    if rnd.random() < 0.05:
        del made[rnd.randrange(len(made)) :]
    return bytes(made)


@pytest.mark.parametrize("kind", DIFFERENT)
def test_mutated_sound_is_read_or_refused(kind: str) -> None:
    samples = tone(440, 8_000, 0.06)
    channels = 1 if "GSM" in kind else 2
    whole = encoded(np.stack([samples] * channels, axis=1), 8_000, kind)
    rnd = random.Random(len(whole))
    read, messages = 0, list[str]()
    read_sound(whole)
    tracemalloc.start()
    for _ in range(800):
        content = changed(whole, rnd)
        try:
            sound = read_sound(content, "changed.wav")
            read += 1
            assert isinstance(sound, Sound)
            assert sound.samples.dtype == np.float32
            assert 0 < len(sound.samples) <= MAX_SECONDS * sound.rate
            assert np.abs(sound.samples).max() <= 1
            assert (sound.samples * 32_768 == np.rint(sound.samples * 32_768)).all()
        except DataError as error:
            messages.append(str(error))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20
    assert len(messages) > 100
    assert all(one.startswith("changed.wav: ") and "\n" not in one for one in messages)
    assert read > 0
