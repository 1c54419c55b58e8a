"""Reading the bytes of a file: every reader refuses an unreadable file with the same message."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from piecewise.cli.output_files import begins_with
from piecewise.core.errors import NO_NAME, DataError, reason
from piecewise.data.audio.decoding import read_sound
from piecewise.data.dataset import read_data
from piecewise.data.file_bytes import display_name, read_content
from piecewise.data.images.decoding import read_picture
from piecewise.data.text.decoding import read_text
from piecewise.insight.spreadsheet import is_ours as is_spreadsheet
from piecewise.page.assemble import is_ours as is_page


def refusal(file: Path | bytes | IO[bytes]) -> str:
    with pytest.raises(DataError) as caught:
        read_content(file, "map", 5, "fold it")
    return str(caught.value)


def test_display_name_prefers_name_then_path_then_kind() -> None:
    assert display_name(Path("a/b"), "c", "map") == display_name(b"", "c", "map") == "c"
    assert display_name(Path("a/b"), None, "map") == str(Path("a/b"))
    assert display_name(b"", None, "map") == display_name(io.BytesIO(), None, "map") == "map"


def test_read_content_reads_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"", b"a", b"12345"):
        path.write_bytes(content)
        for file in (path, content, io.BytesIO(content)):
            assert read_content(file, "map", 5, "fold it") == content
    path.write_bytes(b"12345678")
    for file, size in ((path, 8), (b"12345678", 8), (io.BytesIO(b"12345678"), 6)):
        assert refusal(file) == f"{size} bytes, wanted at most 5; fold it"


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


IRREGULAR = [
    pytest.param(os.mkfifo, "a pipe", id="pipe"),
    pytest.param(lambda path: path.symlink_to("/dev/zero"), "a device", id="device"),
    pytest.param(lambda path: path.symlink_to("/dev/null"), "a device", id="empty device"),
    pytest.param(listen, "a socket", id="socket"),
]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.parametrize(("make", "found"), IRREGULAR)
def test_pipe_device_or_socket_is_refused_unopened(
    tmp_path: Path, make: Callable[[Path], None], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    make(path)
    words = f"{found}, wanted a map; save its content as a file first"
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", None)
        assert refusal(path) == words
    regular = Path(__file__).stat()  # a device that takes the name of a file at the last moment
    if found != "a socket":  # which no system opens
        with monkeypatch.context() as patched:
            patched.setattr(os, "stat", lambda path: regular)
            got = refusal(path)
        assert got == words


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.parametrize("name", ["a.npz", "a.csv", "a.tsv", "a.jsonl", "a.zip"])
def test_data_set_that_is_a_pipe_or_a_device_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for make, found in ((os.mkfifo, "a pipe"), (lambda p: p.symlink_to("/dev/zero"), "a device")):
        make(path)
        with pytest.raises(DataError, match=rf"^{path}: {found}, wanted a \.?\w+"):
            read_data(path)
        path.unlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_reports_and_predictions_do_not_open_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "a"
    os.mkfifo(path)
    assert not is_page(path)
    assert not is_spreadsheet(path)
    assert not begins_with(path, (b"",))


READERS = [(read_picture, "picture file"), (read_sound, "sound file"), (read_text, "file")]


@pytest.mark.parametrize(("reader", "kind"), READERS, ids=lambda one: str(one).split()[0])
def test_every_reader_reports_unreadable_files_alike(
    tmp_path: Path, reader: Callable[[Path | IO[bytes], str | None], object], kind: str
) -> None:
    closed = io.BytesIO()
    closed.close()
    messages: dict[Path | IO[bytes], str] = {
        tmp_path / "gone": "no such file",
        tmp_path: f"a folder, wanted a {kind}",
        tmp_path / ("a" * 300): f"cannot be read: {os.strerror(36)}",
        Path(f"{tmp_path}/a\0b"): "no file can have this name",
        closed: "cannot be read, it is closed already",
    }
    if os.name != "nt" and os.getuid():  # to the first user, everything is allowed
        locked = tmp_path / "locked"
        locked.touch(0)
        messages[locked] = "not allowed to read it"
    for file, words in messages.items():
        with pytest.raises(DataError) as caught:
            reader(file, "x")
        assert str(caught.value) == f"x: {words}"


@pytest.mark.parametrize(
    "words", ["embedded null byte", "mkdir: embedded null character in path"]
)  # of Python 3.11 and 3.13
def test_zero_byte_in_path_has_same_message_on_every_python(words: str) -> None:
    assert reason(ValueError(words)) == NO_NAME == "no file can have this name"
