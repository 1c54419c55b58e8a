"""Sound files: each format is decoded, and a broken file raises an error and never crashes."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from piecewise.data.audio import decoding as sounds
from piecewise.data.audio.decoding import SUFFIXES, Sound, read_sound

from .sound_files import EXACT, IN_BLOCKS, KINDS, NEARLY, encoded, refusal, steps, tone

KNOWN = (
    "cannot be read as a sound; it may be empty, truncated or of another kind (known kinds: wav "
)


PLAIN = (1, 1, 8_000, 16_000, 2, 16)


def noise(count: int = 800, channels: int = 1, seed: int = 7) -> np.ndarray:
    """Samples of 16 bits, no two channels alike."""
    levels = np.random.default_rng(seed).integers(-20_000, 20_000, (count, channels))
    return np.asarray(levels / 32_768)


def wav(fields: tuple[int, ...], body: bytes = bytes(16), promised: int | None = None) -> bytes:
    """A WAV whose header says: coding, channels, rate, bytes a second, bytes a frame, bits; and
    how many bytes of samples there are."""
    data = b"data" + struct.pack("<I", len(body) if promised is None else promised) + body
    form = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, *fields) + data
    return b"RIFF" + struct.pack("<I", len(form)) + form


# What is read.


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_sixteen_bit_files_are_exact(kind: str, channels: int) -> None:
    samples = noise(channels=channels)
    sound = read_sound(encoded(samples, 22_050, kind))
    assert isinstance(sound, Sound)
    assert sound.rate == 22_050
    assert sound.samples.dtype == np.float32
    total = np.zeros(800)
    for channel in range(channels):
        total += samples[:, channel]
    assert (sound.samples == steps(total / channels)).all()


@pytest.mark.parametrize("kind", NEARLY)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossy_files_are_nearly_exact(kind: str, channels: int) -> None:
    samples = tone(440, 16_000)
    wide = np.stack([samples] * channels, axis=1)
    sound = read_sound(encoded(wide, 16_000, kind))
    assert sound.rate == 16_000 if "OPUS" not in kind else 48_000
    assert len(sound.samples) == len(samples)
    assert np.abs(sound.samples - samples)[500:-500].max() < 0.03


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000])
def test_every_rate_is_read(rate: int) -> None:
    for kind in ("wav PCM_16", "wav FLOAT", "flac PCM_24", "aiff PCM_16", "ogg VORBIS", "mp3"):
        if kind == "mp3" and rate == 96_000:
            continue
        sound = read_sound(encoded(tone(440, rate, 0.2), rate, kind))
        assert (sound.rate, len(sound.samples)) == (rate, round(0.2 * rate))


@pytest.mark.parametrize(("rate", "message"), [(1_000, ""), (768_000, ""), (999, "999 samples")])
def test_slowest_and_fastest_rate(rate: int, message: str) -> None:
    content = encoded(noise(3), rate, "wav PCM_16")
    if message:
        assert refusal(content).startswith(message)
    else:
        assert read_sound(content).rate == rate


@pytest.mark.parametrize("kind", EXACT)
def test_single_sample_and_silence_are_sounds(kind: str) -> None:
    assert read_sound(encoded([0.5], 8_000, kind)).samples.tolist() == [0.5]
    assert read_sound(encoded(np.zeros((9, 2)), 8_000, kind)).samples.tolist() == [0] * 9


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"mp3", "ogg OPUS"}])
def test_empty_sound_is_refused(kind: str) -> None:
    sentence = refusal(encoded([], 8_000, kind))
    assert "no sample" in sentence or sentence.startswith((KNOWN, "its header has no sample count"))


def test_wide_samples_are_rounded_to_16_bit() -> None:
    fine = [0.1, 0.25 + 2**-17, -1.0, 1.0]
    wanted = [round(0.1 * 32_768) / 32_768, 0.25, -1, 1]
    assert read_sound(encoded(fine, 8_000, "wav FLOAT")).samples.tolist() == wanted


@pytest.mark.parametrize("kind", ["wav FLOAT", "wav DOUBLE", "aiff FLOAT"])
@pytest.mark.parametrize("times", [2, 8, 32_768])
def test_float_samples_beyond_1_are_not_clipped(kind: str, times: int) -> None:
    wave = np.sin(np.arange(3_000) * 0.3)
    wave[700] = 1.0
    found = read_sound(encoded(times * wave, 8_000, kind)).samples
    assert np.abs(found - wave).max() <= 2**-15
    assert np.array_equal(found, read_sound(encoded(wave, 8_000, kind)).samples)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_samples_are_refused(bad: float) -> None:
    for kind in ("wav FLOAT", "wav DOUBLE", "aiff FLOAT"):
        sentence = refusal(encoded([0.1, bad, 0.2], 8_000, kind))
        assert sentence == "a sample that is no finite number"


def test_samples_are_rounded_to_16_bit() -> None:
    wide = np.array([0.3, -0.3, 1.5 / 32_768, 2.5 / 32_768, 0.99999, 7, -7])
    wanted = [9_830, -9_830, 2, 2, 32_768, 32_768, -32_768]
    for given in (wide, wide.astype(np.float32)):
        found = sounds.round_to_16_bit(given)
        assert found.dtype == np.float32
        assert (found * 32_768).tolist() == wanted


@pytest.mark.parametrize("kind", ["wav PCM_16", "flac PCM_16", "ogg VORBIS", "ogg OPUS", "mp3"])
def test_block_size_does_not_matter(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for samples, rate in ((noise(48_000, 2), 48_000), (tone(440, 16_000)[:, None], 16_000)):
        content = encoded(samples, rate, kind)
        at_once = read_sound(content).samples
        for size in (3_000, 5_000):
            with monkeypatch.context() as patch:
                patch.setattr(sounds, "_BLOCK", size)
                assert (read_sound(content).samples == at_once).all()


def test_path_bytes_and_open_file_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "ünï-🦊 %20'\".wav"
    assert refusal(path) == "no such file"
    content = encoded(noise(), 8_000, "wav PCM_16")
    path.write_bytes(content)
    wanted = read_sound(content).samples
    assert (read_sound(path).samples == wanted).all()
    with path.open("rb") as file:
        assert (read_sound(file, "open").samples == wanted).all()
    assert (read_sound(io.BytesIO(content)).samples == wanted).all()


def test_format_is_detected_by_bytes_not_name(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"really-flac{suffix}"
        path.write_bytes(encoded(noise(), 8_000, "flac PCM_16"))
        assert len(read_sound(path).samples) == 800


# Files that do not say how long they are.


def test_mp3_without_info_frame_is_read_to_its_end() -> None:
    """That frame says how many there are. libsndfile would guess from the size of the next."""
    loud = np.linspace(0, 0.5, 24_000) * noise(24_000)[:, 0]
    buffer = io.BytesIO()
    soundfile.write(buffer, loud, 8_000, format="MP3", bitrate_mode="VARIABLE")
    content = buffer.getvalue()
    first = content.index(content[:2], 1)
    whole, headless = read_sound(content).samples, read_sound(content[first:]).samples
    assert len(whole) == 24_000
    assert 24_000 <= len(headless) < 24_000 + 1_200
    ends = np.abs(headless[-4_000:]).max(), np.abs(whole[-4_000:]).max()
    assert ends[0] == pytest.approx(ends[1], rel=0.1)
    twice = read_sound(content + content).samples
    assert 48_000 <= len(twice) < 48_000 + 4_800
    assert np.abs(twice[-4_000:]).max() == pytest.approx(ends[1], rel=0.1)


def test_mp3_tags_are_ignored() -> None:
    content = encoded(tone(440, 16_000), 16_000, "mp3")
    title = b"ID3\3\0\0\0\0\1\x02" + b"\xff\xfb" * 65
    wanted = read_sound(content).samples
    for dressed in (
        title + content,
        content + b"TAG" + bytes(125),
        content + bytes(9),
        bytes(5) + content,
    ):
        assert (read_sound(dressed).samples == wanted).all()
    assert "damaged at byte" in refusal(content + b"and something else")
    assert "damaged at byte" in refusal(content[:1_000] + content[1_007:])


def test_flac_without_sample_count_is_refused() -> None:
    content = bytearray(encoded(noise(9_000), 8_000, "flac PCM_16"))
    content[21] &= 0xF0  # the count of samples: 36 bits of zeros
    content[22:26] = bytes(4)
    assert refusal(bytes(content)).startswith("its header has no sample count")


@pytest.mark.parametrize(
    "size",
    [0, 0x7FFFF000, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFF000, 0xFFFFFFFF],
)
@pytest.mark.parametrize("kind", ["wav PCM_16", "wav PCM_24", "wav FLOAT", "wavex PCM_16"])
@pytest.mark.parametrize("odd", [b"", b"\1"], ids=["whole", "a byte more"])
def test_streamed_wav_is_read_to_its_end(size: int, kind: str, odd: bytes) -> None:
    """Programs that write to a pipe write such lengths, of the file and of the samples."""
    content = bytearray(encoded(noise(channels=2), 8_000, kind))
    wanted = read_sound(bytes(content)).samples
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", size)
    content[4:8] = struct.pack("<I", min(size + 36, 0xFFFFFFFF))
    assert (read_sound(bytes(content) + odd).samples == wanted).all()


def test_empty_samples_in_a_complete_wav_are_no_stream() -> None:
    after = b"LIST" + struct.pack("<I", 4) + b"INFO"
    content = bytearray(wav(PLAIN, bytes(0)) + after)
    content[4:8] = struct.pack("<I", len(content) - 8)
    assert refusal(bytes(content)) == "it contains no samples"


# Tags and foreign bytes before the sound.


@pytest.mark.parametrize("kind", ["flac PCM_16", "wav PCM_16", "aiff PCM_16", "ogg VORBIS"])
@pytest.mark.parametrize("padding", [0, 9])
def test_id3_tag_before_any_format_is_ignored(kind: str, padding: int) -> None:
    content = encoded(noise(), 8_000, kind)
    tag = b"ID3\4\0\0\0\0\1\x02" + b"\xff\xfb" * 65 + bytes(padding)
    assert (read_sound(tag + content).samples == read_sound(content).samples).all()
    assert "truncated" in refusal(tag + content[:-1])
    assert refusal(tag[:100]).startswith("truncated: 100 bytes, wanted 140 bytes")


@pytest.mark.parametrize("count", [1, 184, 4_000, 60_000])
@pytest.mark.parametrize("tag", [b"", b"ID3\3\0\0\0\0\0\5title"])
def test_mp3_after_foreign_bytes_is_read(count: int, tag: bytes) -> None:
    foreign = np.random.default_rng(count).bytes(count) + b"\xff\xfb\x90\xff"
    content = encoded(tone(440, 16_000), 16_000, "mp3")
    if tag or count < 4_096:
        assert (read_sound(tag + foreign + content).samples == read_sound(content).samples).all()
        assert refusal(tag + foreign + content[:-1]).startswith("truncated: ")
    else:
        assert refusal(tag + foreign + content).startswith(KNOWN)
    assert refusal(tag + foreign + b"\xff\xfb\x90\xff" * 9).startswith(KNOWN)


# Channels.


@pytest.mark.parametrize("kind", ["wav PCM_16", "wav FLOAT", "flac PCM_16", "ogg VORBIS", "mp3"])
def test_channels_that_cancel_give_the_loudest_one(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounds, "_BLOCK", 3_000)
    left = tone(440, 16_000)
    content = encoded(np.stack([-left, 1.01 * left], axis=1), 16_000, kind)
    found = read_sound(content).samples
    assert np.abs(found - 1.01 * left)[1_500:-1_500].max() < 0.03


def test_channels_that_do_not_cancel_are_mixed() -> None:
    left = noise()[:, 0]
    for right in (0 * left, 0.1 * left, -0.5 * left, noise(seed=8)[:, 0]):
        both = steps(np.stack([left, right], axis=1))
        found = read_sound(encoded(both, 8_000, "wav PCM_16")).samples
        assert np.abs(found - both.mean(axis=1)).max() <= 2**-16
    quiet = np.zeros((9, 2))
    quiet[4] = 2**-15, 0  # half a step, which would be rounded to 0
    assert read_sound(encoded(quiet, 8_000, "wav PCM_16")).samples[4] == 2**-15


# Compressed samples in WAV files.


@pytest.mark.parametrize("kind", IN_BLOCKS)
@pytest.mark.parametrize("channels", [1, 2])
def test_compressed_wav_is_read(kind: str, channels: int) -> None:
    if kind == "wav GSM610" and channels == 2:
        return
    samples = tone(440, 16_000)
    content = encoded(np.stack([samples] * channels, axis=1), 16_000, kind)
    sound = read_sound(content)
    assert sound.rate == 16_000
    assert len(samples) <= len(sound.samples) < len(samples) + 1_600
    assert np.abs(sound.samples[: len(samples)] - samples)[500:-500].max() < 0.05
    for end in range(0, len(content), max(1, len(content) // 50)):
        assert refusal(content[:end]).startswith(("truncated: ", KNOWN)), end


@pytest.mark.parametrize("coding", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_streamed_compressed_wav_is_read_to_its_last_block(coding: str) -> None:
    content = bytearray(encoded(tone(440, 8_000), 8_000, f"wav {coding}"))
    wanted = read_sound(bytes(content)).samples
    at = content.index(b"data") + 4
    block = struct.unpack_from("<H", content, 32)[0]
    size = struct.unpack_from("<I", content, at)[0] // block * block
    del content[at + 4 + size :]
    content[at : at + 4] = b"\xff" * 4
    assert (read_sound(bytes(content)).samples == wanted).all()
    assert (read_sound(bytes(content) + b"\1\2").samples == wanted).all()


@pytest.mark.parametrize("coding", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
@pytest.mark.parametrize(
    ("at", "value"), [(22, 0), (22, 3), (32, 0), (32, 8), (32, 65_535), (34, 9), (38, 0), (38, 9)]
)
def test_contradicting_headers_never_reach_libsndfile(coding: str, at: int, value: int) -> None:
    """Channels, bytes in a block, bits in a sample, samples in a block."""
    content = bytearray(encoded(tone(440, 8_000), 8_000, f"wav {coding}"))
    content[at : at + 2] = struct.pack("<H", value)
    if (coding, at) != ("GSM610", 34):  # its bits are not used
        assert refusal(bytes(content)).startswith("its header contradicts itself")
