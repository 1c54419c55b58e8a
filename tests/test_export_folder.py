"""The folder of an export: the earlier export or the new one, and never a file of the user less."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from piecewise import DataError
from piecewise.cli.main import status
from piecewise.exchange import export_folder, registry
from piecewise.exchange.export_folder import PAGE, PASSPORT, UNFINISHED, ExportFolder
from piecewise.exchange.export_model import ExportInterrupted
from piecewise.exchange.passport.record import sha256
from piecewise.exchange.runner import Outputs, Runner, Samples

from .exchange_nets import picture_net

Printed = pytest.CaptureFixture[str]
posix = pytest.mark.skipif(os.name == "nt", reason="no fork, no locks of folders, no free links")
EVERY = pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
USER = {"notes.txt": b"mine", "onnx/load.py": b"my script"}


@pytest.fixture(autouse=True)
def no_toolkits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No toolkit runs what is exported; `tests/toolkits` judges that."""
    monkeypatch.setattr(registry, "runners", list)


def content_of(version: str, *formats: str) -> dict[str, bytes]:
    """All files of an export."""
    listed = {name: {f"{name}/net.bin": f"{name} {version}".encode()} for name in formats}
    listed["card"] = {"README.md": f"card {version}".encode()}
    page = f"page {version}".encode()
    exports = {
        name: {"files": {path: sha256(content) for path, content in files.items()}}
        for name, files in listed.items()
    }
    passport = {"version": version, "exports": exports, "page_sha256": sha256(page)}
    every = {path: content for files in listed.values() for path, content in files.items()}
    return {**every, PAGE: page, PASSPORT: json.dumps(passport).encode()}


OLD, NEW = content_of("old", "onnx", "c"), content_of("new", "onnx", "numpy")


def export(folder: Path, files: dict[str, bytes]) -> None:
    with ExportFolder(folder) as place:
        place.add(files)
        place.replace()


def files_in(folder: Path) -> dict[str, bytes]:
    """All files that a user sees."""
    found = (file for file in folder.rglob("*") if file.is_file())
    names = {str(file.relative_to(folder)): file for file in found}
    return {
        name: file.read_bytes() for name, file in names.items() if not name.startswith(UNFINISHED)
    }


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def killed(work: Callable[[], None], step: int) -> bool:
    """Whether a process that does this work is killed at this step on its files. It ends by itself
    if it needs fewer steps."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            count = 0

            def hook(event: str, arguments: Any) -> None:
                nonlocal count
                is_step = event == "open" or event.startswith(("os.", "shutil."))
                count += is_step
                if is_step and count == step + 1:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(hook)
            work()
            os._exit(0)
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def killed_exports(
    make: Callable[[str], Path], files: dict[str, bytes], every: int
) -> Iterator[Path]:
    """The folders that ``make`` makes, after an export into them was killed: one for each step, or
    for every fourth one."""
    for step in range(0, 1_000, every):
        folder = make(str(step))
        if not killed(lambda at=folder: export(at, files), step):  # type: ignore[misc]
            assert step > 50
            return
        yield folder


@posix
@EVERY
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_export_that_is_killed_at_any_step_leaves_the_old_one_or_the_new_one(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # for speed

    def earlier(name: str) -> Path:
        export(tmp_path / name, OLD)
        write(tmp_path / name, USER)
        return tmp_path / name

    ends = set()
    for folder in killed_exports(earlier, NEW, every):
        found = files_in(folder)
        assert USER.items() <= found.items()
        left = {name: content for name, content in found.items() if name not in USER}
        if PASSPORT in left:
            assert left in (OLD, NEW)
        else:  # between the renames: files of one export, without a passport
            assert left.items() <= OLD.items() or left.items() <= NEW.items()
            assert PAGE not in left or len(left) == len(NEW) - 1
        with ExportFolder(folder):  # the next export begins by finishing this one
            finished = files_in(folder)
        assert finished in (OLD | USER, NEW | USER)
        ends.add(finished[PASSPORT])
    assert len(ends) == 2


@posix
@EVERY
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_first_export_that_is_killed_does_not_block_its_folder(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # for speed
    for folder in killed_exports(lambda name: tmp_path / name, NEW, every):
        found = files_in(folder)
        assert found == NEW or (PASSPORT not in found and found.items() <= NEW.items())
        export(folder, OLD)
        assert files_in(folder) == OLD
        assert not (folder / UNFINISHED).exists()


def test_full_disk_leaves_the_earlier_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture_net("grey").export(tmp_path / "out", "card")
    before = files_in(tmp_path / "out")

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export_folder, "write_atomically", full)
    for folder in ("out", "new"):
        with pytest.raises(DataError, match=f"{folder}: not written: No space left"):
            picture_net("colour").export(tmp_path / folder, "card")
    assert files_in(tmp_path / "out") == before
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_formats_of_the_earlier_export_are_removed_but_not_the_files_of_the_user(
    tmp_path: Path, capsys: Printed
) -> None:
    picture_net("grey").save(tmp_path / "net.safetensors")
    command = ["export", str(tmp_path / "net.safetensors"), "-o", str(tmp_path / "out"), "--to"]
    assert status([*command, "theano,cntk"]) == 0
    write(tmp_path / "out", {"cntk/mine.py": b"", "theano/__init__.py": b""})
    (tmp_path / "out/theano/__init__.py").unlink()
    assert status([*command, "card"]) == 0
    assert sorted(files_in(tmp_path / "out")) == [
        "README.md", "cntk/mine.py", "passport.html", "passport.json"
    ]  # fmt: skip
    assert not (tmp_path / "out/theano").exists()
    assert "removed from the earlier export: theano, cntk" in capsys.readouterr().err


def test_readme_of_the_user_stays(tmp_path: Path) -> None:
    net = picture_net("grey")
    net.export(tmp_path, ["card", "theano"])
    (tmp_path / "README.md").write_text("my own words")
    result = net.export(tmp_path)
    assert (tmp_path / "README.md").read_text() == "my own words"
    assert "stays as it is" in result.passport.refused["card"]
    assert (tmp_path / "theano/net.py").is_file()
    net.export(tmp_path, "theano")
    assert (tmp_path / "README.md").read_text() == "my own words"


@pytest.mark.parametrize("name", ["README.md", "theano/net.py", "passport.html"])
def test_file_of_the_user_is_not_overwritten(name: str, tmp_path: Path) -> None:
    net = picture_net("grey")
    net.export(tmp_path, ["card", "theano"])
    (tmp_path / name).write_text("my own words")
    before = files_in(tmp_path)
    with pytest.raises(DataError, match=rf"{name}: piecewise did not export this file, or it was"):
        net.export(tmp_path, ["card", "theano"])
    assert files_in(tmp_path) == before


@posix
def test_link_in_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    net = picture_net("grey")
    net.export(tmp_path / "out", "theano")
    (tmp_path / "out/theano").rename(tmp_path / "mine")
    (tmp_path / "out/theano").symlink_to(tmp_path / "mine")
    before = files_in(tmp_path / "mine")
    with pytest.raises(DataError, match="theano: piecewise did not export this"):
        net.export(tmp_path / "out", "theano")
    net.export(tmp_path / "out", "card")
    assert files_in(tmp_path / "mine") == before


@pytest.mark.parametrize("path", ["../precious.txt", "/precious.txt", "a/../../precious.txt"])
def test_passport_cannot_name_files_outside_the_folder(path: str, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_bytes(b"precious")
    passport = {"exports": {"onnx": {"files": {path: sha256(b"precious")}}}, "page_sha256": ""}
    write(tmp_path / "out", {PASSPORT: json.dumps(passport).encode()})
    with pytest.raises(DataError, match=r"files that piecewise did not export, such as 'passport"):
        picture_net("grey").export(tmp_path / "out", "card")
    assert (tmp_path / "precious.txt").read_bytes() == b"precious"


@posix
def test_second_export_into_a_folder_is_refused_while_the_first_one_runs(tmp_path: Path) -> None:
    net = picture_net("grey")
    with ExportFolder(tmp_path) as place:
        with pytest.raises(DataError, match="another export into this folder is running; wait"):
            net.export(tmp_path, "card")
        place.add(NEW)
        place.replace()
    assert files_in(tmp_path) == NEW
    net.export(tmp_path, "card")


def test_folder_of_a_new_repository_can_be_used(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": b"ref: refs/heads/main"})
    picture_net("grey").export(tmp_path, "card")
    assert (tmp_path / ".git/HEAD").read_bytes() == b"ref: refs/heads/main"


class InterruptedRunner(Runner):
    """A toolkit during whose run somebody presses Ctrl-C."""

    name = "slow"
    exporter = "card"

    def version(self) -> str | None:
        return "1.0"

    def run(self, folder: Path, samples: Samples) -> Outputs:
        assert (folder / "README.md").is_file()
        raise KeyboardInterrupt


def test_interrupt_while_toolkits_run_keeps_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr(registry, "runners", lambda: [InterruptedRunner()])
    net = picture_net("grey")
    net.save(tmp_path / "net.safetensors")
    command = ["export", str(tmp_path / "net.safetensors"), "-o", str(tmp_path / "out")]
    assert status([*command, "--to", "card"]) == 130
    printed = capsys.readouterr()
    assert "slow: not run: interrupted" in printed.out
    assert "stopped; all files are written, but not all were run" in printed.err
    (run,) = json.loads((tmp_path / "out/passport.json").read_text())["exports"]["card"]["runs"]
    assert (run["agrees"], run["problem"]) == (None, "not run: interrupted")
    with pytest.raises(ExportInterrupted) as error:
        net.export(tmp_path / "out", "card")
    assert error.value.result.files[0] == tmp_path / "out/README.md"


def test_interrupt_while_files_are_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    def interrupt(path: Path, content: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export_folder, "write_atomically", interrupt)
    picture_net("grey").save(tmp_path / "net.safetensors")
    command = ["export", str(tmp_path / "net.safetensors"), "-o", str(tmp_path / "out")]
    assert status([*command, "--to", "card"]) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert not (tmp_path / "out").exists()
