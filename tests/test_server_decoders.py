"""Decoder processes of the prediction server: a bad file gets an error, and stops nobody."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the server is an extra")

from PIL import Image

import piecewise as pw
from piecewise.data.decoding import pool
from piecewise.data.decoding.pool import Decoded, RawFile
from piecewise.data.decoding.prepared_input import PreparedInput
from piecewise.serving.decoders import Decoders

from .test_decoding_stream import FAILING

LIMIT = 2.0
"""Seconds after which a file is given up that never comes."""


@pytest.fixture(scope="module")
def net() -> pw.Network:
    xo = pw.make_xo(2, 12, seed=0)
    return pw.Network("full", (1, 12, 12), ["X", "O"], 1, xo.preprocessor)


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders(command=FAILING)
    yield made
    made.close()
    assert all(one.has_ended for one in made._all)


def image(name: str, seed: int = 0) -> RawFile:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return RawFile(name, file.getvalue())


def shown(found: list[Decoded]) -> list[str]:
    return ["read" if isinstance(one, PreparedInput) else str(one) for one in found]


def test_files_have_bits_of_preprocessor(net: pw.Network, decoders: Decoders) -> None:
    files = [image(f"{number}.png", number) for number in range(40)]
    found = asyncio.run(decoders.decode(net, files))
    for file, one in zip(files, found, strict=True):
        assert isinstance(one, PreparedInput)
        wanted = net.preprocessor.windows(net.preprocessor.read(file.content))
        assert one.examples.dtype == wanted.dtype
        assert one.examples.tobytes() == wanted.tobytes()


def test_crash_of_a_file_leaves_the_others(net: pw.Network, decoders: Decoders) -> None:
    files = [image("a"), image("crash"), image("b"), image("large"), RawFile("c", b"no picture")]
    found = shown(asyncio.run(decoders.decode(net, files)))
    assert found[:3] == [
        "read",
        "crash: cannot be read: it crashes the decoder (the file may be damaged)",
        "read",
    ]
    assert found[3] == "large: cannot be read: it needs too much memory"
    assert found[4].startswith("c: cannot be read")
    assert shown(asyncio.run(decoders.decode(net, [image("d")]))) == ["read"]


def test_stuck_files_delay_no_other_request(net: pw.Network, decoders: Decoders) -> None:
    decoders.seconds = 600

    async def ask() -> list[list[str]]:
        await decoders.decode(net, [image("first")])  # it has started
        stuck = asyncio.create_task(decoders.decode(net, [image("stuck"), image("after")]))
        others = [shown(await decoders.decode(net, [image("a")])) for _ in range(3)]
        assert not stuck.done()  # nobody waited for it
        decoders.seconds = LIMIT
        late = shown(await decoders.decode(net, [image("stuck")]))
        stuck.cancel()
        return [*others, late]

    *others, late = asyncio.run(ask())
    assert others == [["read"]] * 3
    assert late == ["stuck: cannot be read: it takes more than 2 seconds"]


def test_process_gets_some_files_at_a_time(
    net: pw.Network, decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = list[int]()
    decode = pool._DecoderProcess.decode

    def counted(process: object, own: object, files: list[RawFile], limit: float) -> object:
        counts.append(len(files))
        return decode(process, own, files, limit)  # type: ignore[arg-type]

    monkeypatch.setattr(pool._DecoderProcess, "decode", counted)
    files = [image("a") for _ in range(20)] + [RawFile("long", bytes(2 << 20)), image("b")]
    found = shown(asyncio.run(decoders.decode(net, files)))
    assert counts == [16, 4, 1, 1]
    assert found.count("read") == 21


def test_decoder_imports_nothing_from_the_current_folder(
    net: pw.Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    made = Decoders()
    assert shown(asyncio.run(made.decode(net, [image("a")]))) == ["read"]
    made.close()


def test_decoder_that_cannot_start_is_a_fault(net: pw.Network) -> None:
    broken = Decoders(command=(sys.executable, "-c", "raise SystemExit"))
    with pytest.raises(RuntimeError, match="cannot start"):
        asyncio.run(broken.decode(net, [image("a")]))
    broken.close()
