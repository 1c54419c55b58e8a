"""Inputs from decoder processes: those of this process, in their order, within bounds."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from piecewise.cli.main import status
from piecewise.core.progress import Progress
from piecewise.data.decoding import pool, stream
from piecewise.data.decoding.pool import Decoded, DecoderPool
from piecewise.data.decoding.prepared_input import PreparedInput
from piecewise.data.decoding.stream import can_use_processes, prepared_inputs
from piecewise.data.loading.loader import MAX_THREADS
from piecewise.data.modalities import MODALITIES
from piecewise.data.sources.discovery import RawDataset
from piecewise.data.sources.unlabelled import list_unlabelled
from piecewise.data.xo import make_xo
from piecewise.network import Network

FAILING = (sys.executable, "-m", "tests.failing_decoder")
"""Starts a decoder process that fails as the name of a file says."""
XO = make_xo(70, size=12, seed=1)
COUNT = 72
"""Of the pictures and the broken files."""

pytestmark = pytest.mark.skipif(not can_use_processes(), reason="one processor, or Windows")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures, one that is broken, and one that is blank."""
    made = tmp_path / "pictures"
    made.mkdir()
    for number, picture in enumerate(XO.inputs[:, 0]):
        Image.fromarray(picture).resize((20, 25)).save(made / f"{number:02}.png")
    (made / "30broken.png").write_text("not a picture")
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(made / "50blank.png")
    return made


@pytest.fixture
def archive(folder: Path) -> Path:
    """A zip of them, with a damaged entry."""
    path = folder.parent / "pictures.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for file in sorted(folder.iterdir()):
            packed.write(file, file.name)
    content = path.read_bytes()
    at = content.index((folder / "60.png").read_bytes())
    path.write_bytes(content[: at + 50] + bytes([content[at + 50] ^ 255]) + content[at + 51 :])
    return path


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture is many."""
    few = MODALITIES["pictures"]._replace(processes_from=1)
    monkeypatch.setitem(MODALITIES, "pictures", few)


def listed(path: Path) -> RawDataset:
    raw = list_unlabelled(path, "pictures")
    assert raw is not None
    return raw


def plain(results: Iterator[tuple[int, Decoded]]) -> list[tuple[object, ...]]:
    return [
        (index, one.examples.tobytes(), one.examples.shape, one.examples.dtype, *one[1:])
        if isinstance(one, PreparedInput) else (index, str(one))
        for index, one in results
    ]  # fmt: skip


@pytest.mark.parametrize("start", [0, 7])
@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_processes_give_the_inputs_of_this_process(
    kind: str, start: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, reports = listed(request.getfixturevalue(kind)), list[Progress]()
    wanted = plain(prepared_inputs(raw, XO.preprocessor, start))
    errors = [one[1] for one in wanted if len(one) == 2]
    assert ["30broken" in str(errors[0]), len(errors)] == [True, 1 + (kind == "archive")]
    assert any("no ink" in str(one[4:]) for one in wanted)
    request.getfixturevalue("many")
    monkeypatch.setattr(stream, "_FILES", 5)
    found = plain(prepared_inputs(raw, XO.preprocessor, start, on_progress=reports.append))
    assert found == wanted
    assert (reports[-1].done, reports[-1].total) == (COUNT, COUNT)
    assert (reports[0].done, reports[0].resumed) == ((start, True) if start else (5, False))


def test_few_files_start_no_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "DecoderPool", None)
    assert len(list(prepared_inputs(listed(folder), XO.preprocessor))) == COUNT


@pytest.mark.usefixtures("many")
def test_closing_early_ends_the_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[DecoderPool]()

    class Pool(DecoderPool):
        def __init__(self, processes: int) -> None:
            super().__init__(processes)
            made.append(self)

    monkeypatch.setattr(stream, "DecoderPool", Pool)
    with closing(prepared_inputs(listed(folder), XO.preprocessor)) as results:
        assert next(results)[0] == 0
    assert made[0]._all
    assert all(one.has_ended for one in made[0]._all)


@pytest.mark.usefixtures("many")
def test_crash_of_a_file_is_its_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "33.png").rename(folder / "crash.png")
    monkeypatch.setattr(stream, "DecoderPool", lambda count: DecoderPool(count, command=FAILING))
    found = dict(prepared_inputs(listed(folder), XO.preprocessor))
    failed = [str(one) for one in found.values() if not isinstance(one, PreparedInput)]
    assert len(found) == COUNT
    assert [one.rpartition("/")[2] for one in failed] == [
        "30broken.png: cannot be read as a picture: it is a text",
        "crash.png: cannot be read: it crashes the decoder (the file may be damaged)",
    ]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("command", [(sys.executable, "-c", "pass"), ("/nowhere/python",)])
def test_files_are_read_here_if_no_process_can_start(
    command: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "DecoderPool", lambda count: DecoderPool(count, command=command))
    found = plain(prepared_inputs(listed(folder), XO.preprocessor, 7))
    monkeypatch.setattr(stream, "can_use_processes", lambda: False)
    assert found == plain(prepared_inputs(listed(folder), XO.preprocessor, 7))


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(("limit", "value"), [
    ("_BYTES_AHEAD", 100), ("_FILES", 1), ("_EXAMPLES_AHEAD", 5 * 12 * 12),
])  # fmt: skip
def test_only_some_files_are_read_ahead(
    limit: str, value: int, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = list[int]()

    class Pool(DecoderPool):
        def submit(self, preprocessor, files):  # type: ignore[no-untyped-def]
            sent.append(len(files))
            return super().submit(preprocessor, files)

    monkeypatch.setattr(stream, limit, value)
    monkeypatch.setattr(stream, "DecoderPool", Pool)
    if limit != "_FILES":
        monkeypatch.setattr(stream, "_FILES", 5)
    with closing(prepared_inputs(listed(archive), XO.preprocessor, ahead=3)) as results:
        next(results)
        assert sum(sent) <= (3 + 2 * MAX_THREADS if limit == "_FILES" else 5)
        list(results)
    assert sum(sent) == COUNT - 1  # the damaged entry is not sent


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_command_writes_the_same_bytes_and_continues(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    source, net = request.getfixturevalue(kind), tmp_path / "net.safetensors"
    Network("full", (1, 12, 12), ("X", "O"), 0, XO.preprocessor).save(net)
    monkeypatch.setattr("piecewise.cli.predict.BATCH", 16)
    monkeypatch.setattr(stream, "_FILES", 5)
    outputs = [tmp_path / "here.csv", tmp_path / "processes.csv"]
    with monkeypatch.context() as patch:
        patch.setattr(stream, "can_use_processes", lambda: False)
        assert status(["predict", str(net), str(source), "-o", str(outputs[0])]) == 0
    said = capsys.readouterr().err.replace("here.csv", "processes.csv")
    logits, calls = Network.logits, 0

    def interrupted(own: Network, inputs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return logits(own, inputs)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "logits", interrupted)
    command = ["predict", str(net), str(source), "-o", str(outputs[1])]
    assert status(command) == 130
    capsys.readouterr()
    assert status(command) == 0
    assert outputs[1].read_bytes() == outputs[0].read_bytes()
    after = capsys.readouterr().err.splitlines()
    assert "continuing after 32 predictions" in after[0]
    assert after[1:] == said.splitlines()
    assert calls == 6


def test_process_without_limit_of_memory_has_none() -> None:
    for memory, wanted in ((None, "0"), (1 << 30, str(1 << 30))):
        made = pool.DecoderPool(1, memory=memory)
        assert made._command[-1] == wanted
        made.close()
