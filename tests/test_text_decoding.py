"""Text files: decoding, and the errors for files that cannot be read."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from piecewise.core.errors import DataError
from piecewise.data.text.decoding import (
    MAX_CHARACTERS,
    NEW_CODE_POINTS,
    has_lone_surrogate,
    normalize_nfc,
    read_text,
)

LATER_MARK = "\U0001e4ec"  # of Nag Mundari; no letter to a Python whose Unicode is 14.0


def refusal(source: Path | bytes) -> str:
    """The sentence with which a file is refused, after its name."""
    with pytest.raises(DataError) as caught:
        read_text(source, None if isinstance(source, Path) else "a.txt")
    name, _, sentence = str(caught.value).partition(": ")
    assert name == (str(source) if isinstance(source, Path) else "a.txt")
    return sentence


def test_text_from_path_bytes_and_open_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Grüße\n🦊".encode())
    assert read_text(path) == "Grüße\n🦊"
    assert read_text(path.read_bytes()) == "Grüße\n🦊"
    with path.open("rb") as file:
        assert read_text(file) == "Grüße\n🦊"
    assert read_text(io.BytesIO(b"a")) == "a"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_mark_is_removed(encoding: str) -> None:
    assert read_text("é ש 🦊".encode(encoding)) == "é ש 🦊"


def test_utf_16_is_read_in_both_byte_orders() -> None:
    assert read_text(b"\xfe\xff" + "é🦊".encode("utf-16-be")) == "é🦊"
    assert read_text(b"\xff\xfe" + "é🦊".encode("utf-16-le")) == "é🦊"


def test_text_is_nfc_normalized() -> None:
    assert read_text("e\u0301 a\u0323\u0302".encode()) == "\u00e9 \u1ead"


def test_new_code_points_are_not_reordered() -> None:
    assert normalize_nfc(f"e{LATER_MARK}\u0301") == f"e{LATER_MARK}\u0301"
    assert normalize_nfc(f"e\u0301{LATER_MARK}") == f"\u00e9{LATER_MARK}"
    assert NEW_CODE_POINTS.isprintable() is False  # the characters themselves are no source code


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no text in it"),
        (b"\xef\xbb\xbf", "no text in it"),
        (b" \n\t", "no text in it"),
        ("\u3000\u2003".encode(), "no text in it"),
        (b"caf\xe9 noir", "after 3 bytes comes 0xe9, which is not UTF-8; save it as UTF-8"),
        (b"\xef\xbb\xbfab\xff", "after 5 bytes comes 0xff, which is not UTF-8"),
        (b"ab\xf0\x9f", "after 2 bytes comes 0xf0, which is not UTF-8"),
        (b"\xed\xa0\x80", "after 0 bytes comes 0xed, which is not UTF-8"),
        (
            b"\xff\xfea\0b",
            "starts with a UTF-16 byte order mark, but is not valid UTF-16 at byte 4",
        ),
        (b"a\0b", "holds a zero byte after 1 characters, which no text contains"),
        (b"\x89PNX\r\n\x1a\n", "after 0 bytes comes 0x89, which is not UTF-8"),
    ],
)
def test_invalid_text_is_refused(content: bytes, words: str) -> None:
    assert words in refusal(content)


def test_text_length_limit_is_inclusive() -> None:
    assert len(read_text("ä".encode() * MAX_CHARACTERS)) == MAX_CHARACTERS
    words = "1,000,001 characters, wanted at most 1,000,000; cut it into several texts"
    assert refusal(b"a" * (MAX_CHARACTERS + 1)) == words
    assert refusal("🦊".encode() * (MAX_CHARACTERS + 1)) == words


def test_file_is_not_read_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    words = "bytes, wanted at most 4,000,004; cut it into several texts"
    assert refusal(path) == f"{1 << 40:,} {words}"
    with path.open("rb") as file, pytest.raises(DataError, match=f"^text: 4,000,005 {words}"):
        read_text(file)


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.txt") == "no such file"
    assert refusal(tmp_path) == "a folder, wanted a file"
    assert refusal(Path("a\0b")) == "no file can have this name"
    assert refusal(tmp_path / ("a" * 300)) == f"cannot be read: {os.strerror(36)}"


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="everything is allowed here")
def test_forbidden_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a")
    path.chmod(0)
    assert refusal(path) == "not allowed to read it"


def test_closed_file_is_refused() -> None:
    file = io.BytesIO(b"a")
    file.close()
    with pytest.raises(DataError) as caught:
        read_text(file)
    assert str(caught.value) == "text: cannot be read, it is closed already"


@given(st.binary(max_size=60))
@example(b"\xff\xfe\0\xd8")
@example(b"\xfe\xff\xdc\0\0a")
def test_any_bytes_are_a_text_or_refused(content: bytes) -> None:
    message, text = "", ""
    try:
        text = read_text(content, "a.txt")
    except DataError as error:
        message = str(error)
    if message:
        assert message.startswith("a.txt: ")
        assert "\n" not in message
    else:
        assert text.strip()
        assert not has_lone_surrogate(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_any_text_round_trips(text: str) -> None:
    if text.strip():
        assert (
            read_text(b"\xef\xbb\xbf" + text.encode())
            == normalize_nfc(text)
            == normalize_nfc(normalize_nfc(text))
        )
