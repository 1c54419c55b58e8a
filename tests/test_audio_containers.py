"""Audio containers: truncated, damaged and unknown files are refused before they are decoded."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import soundfile

from piecewise.data.audio import decoding as sounds
from piecewise.data.audio.decoding import MAX_CHANNELS, MAX_SECONDS, read_sound

from .sound_files import ENDINGS, KINDS, encoded, refusal
from .steps import at_most
from .test_audio_decoding import KNOWN, PLAIN, noise, wav

# What is refused.


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_file_is_refused(tmp_path: Path, kind: str) -> None:
    content = encoded(noise(), 8_000, kind)
    path = tmp_path / f"a.{ENDINGS[KINDS[kind][0]]}"
    for end in [*range(0, len(content) - 1, 10), len(content) - 1]:
        path.write_bytes(content[:end])
        sentence = refusal(path)
        assert "truncated" in sentence or sentence == "it contains no samples", end


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"RIFF\4\0\0\0WAVE",
        b"ID3\3\0\0\0\0\0\0",
    ],
)
def test_invalid_sound_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    sentence = refusal(path)
    assert sentence.startswith((KNOWN, "truncated: "))


def test_unsupported_formats_never_reach_libsndfile() -> None:
    for form in ("AU", "VOC", "W64", "CAF", "MAT4", "PAF", "RF64", "NIST", "SVX"):
        buffer = io.BytesIO()
        soundfile.write(buffer, noise(), 8_000, format=form)
        assert refusal(buffer.getvalue()).startswith(KNOWN)


@pytest.mark.parametrize(
    ("coding", "name"),
    [("G721_32", "G.721 ADPCM"), ("NMS_ADPCM_16", "NMS ADPCM"), ("NMS_ADPCM_32", "NMS ADPCM")],
)
def test_unsupported_codecs_are_refused_by_name(coding: str, name: str) -> None:
    wanted = f"the codec {name} is not supported; save it as plain WAV"
    buffer = io.BytesIO()
    soundfile.write(buffer, noise(), 8_000, format="WAV", subtype=coding)
    assert refusal(buffer.getvalue()) == wanted
    buffer = io.BytesIO()
    soundfile.write(buffer, noise(), 8_000, format="AIFF", subtype="IMA_ADPCM")
    assert refusal(buffer.getvalue()).startswith("the codec IMA ADPCM is not supported")


def test_folder_and_impossible_path_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "a folder, wanted a sound file"
    assert refusal(tmp_path / ("a" * 300 + ".wav")) == "cannot be read: File name too long"
    assert refusal(Path(f"{tmp_path}/a\0b.wav")) == "no file can have this name"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (wav(PLAIN, promised=0xF0000000), "truncated: 60 bytes, wanted 4,026,531,884 bytes"),
        (wav(PLAIN, promised=0x7FFE0000), "truncated: 60 bytes, wanted 2,147,352,620 bytes"),
        (wav(PLAIN, promised=18), "truncated: 60 bytes, wanted 62 bytes; copy the complete file"),
        (wav((1, 1, 0, 0, 2, 16)), KNOWN),
        (wav((1, 1, 2**31, 2**31, 2, 16)), ""),
        (wav((1, 1, 2**32 - 1, 0, 2, 16)), ""),
        (wav((1, 65_535, 8_000, 0, 65_534, 16)), ""),
        (wav((1, 65, 8_000, 8_000 * 130, 130, 16), bytes(130)), "65 channels, wanted 1 to 64"),
        (wav((1, 0, 8_000, 16_000, 2, 16)), ""),
        (wav((1, 1, 8_000, 16_000, 2, 0)), ""),
        (wav((0, 1, 8_000, 16_000, 2, 16)), "the codec number 0 is not supported"),
        (wav((0x161, 1, 8_000, 16_000, 2, 16)), "the codec Windows Media Audio is not supported"),
        (wav(PLAIN, bytes(0)), "it contains no samples"),
        (wav((1, 1, 1_000, 1_000, 1, 8), bytes(600_001)), "600 seconds, wanted at most 600; cut"),
    ],
)
def test_wrong_headers_are_refused(content: bytes, message: str) -> None:
    assert refusal(content).startswith(message)


def test_largest_allowed_sound_is_read() -> None:
    body = bytes(MAX_CHANNELS * 1_000)
    sound = read_sound(wav((1, MAX_CHANNELS, 8_000, 8_000 * 64, 64, 8), body))
    assert sound.samples.tolist() == [-1] * 1_000
    assert len(read_sound(wav((1, 1, 1_000, 1_000, 1, 8), bytes(600_000))).samples) == 600_000


@pytest.mark.parametrize("kind", ["wav PCM_16", "flac PCM_16", "ogg VORBIS", "mp3", "aiff PCM_16"])
def test_too_many_samples_are_refused_before_decoding(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(noise(9_000, 2), 8_000, kind)
    decoded: list[object] = []
    monkeypatch.setattr(sounds, "_blocks", lambda sound, _: decoded.append(sound))
    monkeypatch.setattr(sounds, "MAX_SECONDS", 1)
    assert refusal(content) == "1 seconds, wanted at most 1; cut it into pieces first"
    monkeypatch.setattr(sounds, "MAX_SECONDS", MAX_SECONDS)
    monkeypatch.setattr(sounds, "MAX_SAMPLES", 10_000)
    assert "18,000 samples in all channels, wanted at most 10,000" in refusal(content)
    monkeypatch.setattr(sounds, "MAX_FILE_BYTES", 1_000)
    words = f"{len(content):,} bytes, wanted at most 1,000; cut the sound into pieces first"
    assert refusal(content) == words
    assert not decoded


@pytest.mark.parametrize(
    ("head", "piece", "most"),
    [
        (b"RIFF....WAVE", b"junk" + bytes(4), 40_000),
        (b"FORM....AIFF", b"junk" + bytes(4), 40_000),
        (b"", b"ID3\3\0\0\0\0\0\0", 1_000),
        (b"", b"\0", 1_000),
        (b"", b"OggS" + bytes(23), 6_000_000),
        (b"", b"\xff\xf3\x14\xc4" + bytes(20), 10_000_000),
    ],
    ids=["wav", "aiff", "titles", "zeros", "ogg", "mp3"],
)
def test_files_of_only_structure_are_refused_early(head: bytes, piece: bytes, most: int) -> None:
    content = head + piece * (150_000_000 // len(piece))
    with at_most(most):
        refusal(content)


def test_aiff_may_have_samples_before_header() -> None:
    content = encoded(noise(), 8_000, "aiff PCM_16")
    start, samples = content.index(b"COMM"), content.index(b"SSND")
    assert start < samples
    mixed = content[:start] + content[samples:] + content[start:samples]
    assert (read_sound(mixed).samples == noise()[:, 0]).all()


def test_mp3_truncated_between_frames_is_refused() -> None:
    content = encoded(noise(9_000), 8_000, "mp3")
    starts = [at for at in range(len(content)) if content.startswith(content[:2], at)]
    assert len(starts) > 8
    for end in starts[1:]:
        assert refusal(content[:end]).startswith("truncated: "), end


@pytest.mark.parametrize("kind", ["ogg VORBIS", "ogg OPUS"])
def test_ogg_without_a_complete_page_is_refused(kind: str) -> None:
    content = encoded(noise(100_000), 48_000, kind)
    page = content.rindex(b"OggS")
    assert content.count(b"OggS") > 3
    for end in (page + 2, page + 20, page + 100, len(content) - 1):
        assert refusal(content[:end]).startswith("truncated: "), end
    assert refusal(content + b"something else").startswith("damaged at byte ")
    other = content.replace(b"\x01vorbis", b"\x80theora").replace(b"OpusHead", b"Speex   ")
    assert refusal(other).startswith("neither Vorbis nor Opus in Ogg")


def test_mp3_of_two_rates_is_refused() -> None:
    slow, fast = (encoded(noise(9_000), rate, "mp3") for rate in (8_000, 16_000))
    assert (
        refusal(slow + fast)
        == f"damaged at byte {len(slow):,}: no frame of the same kind begins there"
    )
