"""LazyFiles read by several threads: stopped at any moment, and the same for any number of them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.data.dataset import read_data
from piecewise.data.loading import loader
from piecewise.data.loading import ordered_map as ordered
from piecewise.data.modalities import MODALITIES
from piecewise.data.sources.discovery import discover

from .cached_datasets import FILES, Read, pictures_in, reading, same
from .runs import names
from .steps import HANG


@pytest.fixture(name="data")
def folder_of_pictures(tmp_path: Path) -> Path:
    return pictures_in(tmp_path / "data")


def test_killed_while_caching_is_prepared_again(data: Path) -> None:
    cache = data.parent / "cache"
    for after in (1, 41):
        with reading(data, cache, after, "die") as process:
            assert process.wait(HANG) == -signal.SIGKILL
        assert len(names(cache)) == 1  # a temporary file
        assert names(cache)[0].endswith(".part")
    assert Read(data, cache).anew
    assert names(cache) == FILES


def test_interrupt_stops_at_once_without_threads_left(tmp_path: Path) -> None:
    blocks = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    large = Image.fromarray(blocks).resize((1_500, 1_500))
    (tmp_path / "data" / "a").mkdir(parents=True)
    large.save(tmp_path / "data" / "a" / "0.jpg")
    for number in range(1, 300):
        os.link(tmp_path / "data" / "a" / "0.jpg", tmp_path / "data" / "a" / f"{number}.jpg")
    with reading(tmp_path / "data", tmp_path / "cache", 5, "stop") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "['MainThread']\n"
        begun = int(process.stdout.readline())
        assert process.wait(HANG) == 0
    assert 5 <= begun < 40  # of 300: what three threads had been given when it came
    assert names(tmp_path / "cache") == []


def threads_now() -> int:
    return threading.active_count()


def test_closing_starts_nothing_and_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, closing = list[int](), threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, *given: bool, **named: bool) -> None:
            closing.set()
            super().shutdown(*given, **named)

    def use(one: int) -> int:
        begun.append(one)
        if one:
            assert closing.wait(HANG)
        return one

    monkeypatch.setattr(ordered, "ThreadPoolExecutor", Pool)
    before = threads_now()
    made = ordered.ordered_map([[0], *([1] * 60 for _ in range(8))], use, 2)
    assert next(made) == 0
    made.close()
    assert threads_now() == before
    assert len(begun) <= 3  # one, and one by each thread; they were given 240


def test_abandoned_reading_leaves_no_thread(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        MODALITIES, "pictures", MODALITIES["pictures"]._replace(parallel_from_bytes=0)
    )
    monkeypatch.setattr(loader, "processors", lambda: 3)
    monkeypatch.setattr(loader, "_BATCH", (2, 1 << 20))
    reader, before = loader.DatasetLoader(discover(data), data), threads_now()

    def stop(*_: object) -> Any:
        raise KeyboardInterrupt

    def look(pictures: Any, labels: Any) -> Any:
        next(pictures)
        stop()

    with pytest.raises(KeyboardInterrupt):
        reader.fit_preprocessor(look)
    assert threads_now() == before
    monkeypatch.setattr(loader.InMemoryWriter, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        reader.prepare(read_data(data).preprocessor)
    assert threads_now() == before


def test_any_number_of_threads_reads_the_same(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        MODALITIES, "pictures", MODALITIES["pictures"]._replace(parallel_from_bytes=0)
    )
    monkeypatch.setattr(loader, "_BATCH", (3, 1 << 20))
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(loader, "processors", lambda threads=threads: threads)
        found.append(read_data(data))
    for other in found[1:]:
        same(found[0], other)
    assert len(found[0].skipped) == 1  # the broken one stopped none of the others
