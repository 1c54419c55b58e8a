"""For all tests: a cache of compiled code of their own, common to all processes of a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from piecewise.engine.cache import CHOICE


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent  # what one process of them compiles, the others need not
    before, folder = os.environ.get(CHOICE), place / "code"
    folder.mkdir(0o700, exist_ok=True)
    os.environ[CHOICE] = str(folder)
    yield
    if before is None:
        del os.environ[CHOICE]
    else:
        os.environ[CHOICE] = before


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: for tests that wait for the disk very often."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared) as place:
        yield Path(place)
