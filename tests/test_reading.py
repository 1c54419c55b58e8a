"""Files read by several threads: stopped at any moment, and the same for any number of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecewise.data import preparing
from piecewise.data.dataset import read_data
from piecewise.data.gathering import gather
from piecewise.data.in_order import in_order
from piecewise.data.media import MEDIA

from .kept import FILES, Read, pictures_in, reading, same
from .runs import names


@pytest.fixture(name="data")
def folder_of_pictures(tmp_path: Path) -> Path:
    return pictures_in(tmp_path / "data")


def test_killed_while_it_is_made_it_is_made_anew(data: Path) -> None:
    cache = data.parent / "cache"
    for after in (1, 41):
        with reading(data, cache, after, "die") as process:
            assert process.wait(30) == -signal.SIGKILL
        assert len(names(cache)) == 1  # a temporary file
        assert names(cache)[0].endswith(".part")
    assert Read(data, cache).anew
    assert names(cache) == FILES


@pytest.mark.alone
def test_a_stop_is_heard_at_once_and_leaves_no_thread(tmp_path: Path) -> None:
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
        before = time.monotonic()
        assert process.stdout.readline() == "['MainThread']\n"
        assert time.monotonic() - before < 0.5
        assert process.wait(5) == 0
    assert names(tmp_path / "cache") == []


def threads_now() -> int:
    return threading.active_count()


@pytest.mark.alone
def test_closing_begins_nothing_more_and_leaves_no_thread() -> None:
    def slowly(one: int) -> int:
        time.sleep(0.02)
        return one

    before, began = threads_now(), time.monotonic()
    made = in_order([[0], *([1] * 60 for _ in range(8))], slowly, 2)
    assert next(made) == 0
    made.close()
    assert threads_now() == before
    assert time.monotonic() - began < 0.5  # each of the threads was given more than a second of it


def test_whoever_has_enough_of_reading_leaves_no_thread(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MEDIA, "pictures", MEDIA["pictures"]._replace(worth_sharing=0))
    monkeypatch.setattr(preparing, "processors", lambda: 3)
    monkeypatch.setattr(preparing, "_AT_ONCE", (2, 1 << 20))
    reader, before = preparing.Reading(gather(data), data), threads_now()

    def stop(*_: object) -> Any:
        raise KeyboardInterrupt

    def look(pictures: Any) -> Any:
        next(pictures)
        stop()

    with pytest.raises(KeyboardInterrupt):
        reader.decided(look)
    assert threads_now() == before
    monkeypatch.setattr(preparing.InMemory, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        reader.prepared(read_data(data).preparation)
    assert threads_now() == before


def test_any_number_of_threads_reads_the_same(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEDIA, "pictures", MEDIA["pictures"]._replace(worth_sharing=0))
    monkeypatch.setattr(preparing, "_AT_ONCE", (3, 1 << 20))
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(preparing, "processors", lambda threads=threads: threads)
        found.append(read_data(data))
    for other in found[1:]:
        same(found[0], other)
    assert len(found[0].skipped) == 1  # the broken one stopped none of the others
