"""For all tests: temporary files in memory; a cache of compiled code of their own, common to all
processes of a run; and Ctrl-C, which is heard in the background too."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from piecewise.engine.runtime import compiled_program, program_registry
from piecewise.engine.runtime.code_cache import VARIABLE
from piecewise.engine.runtime.thread_pool import MAX_THREADS
from piecewise.training import train as training_loop

SHARED_MEMORY, ROOM = Path("/dev/shm"), 4 << 30


def keep_temporary_files_in_memory() -> None:
    """On a disk, tests would often wait until a file is written. They need room for some gigabytes,
    and run programs that they compile."""
    if "TMPDIR" in os.environ or not os.access(SHARED_MEMORY, os.W_OK):
        return
    there = os.statvfs(SHARED_MEMORY)
    if there.f_bavail * there.f_frsize >= ROOM and not there.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"], tempfile.tempdir = str(SHARED_MEMORY), None


keep_temporary_files_in_memory()  # before pytest and other modules ask for their place
settings.register_profile("no clock", deadline=None)  # tests also pass on a busy machine
settings.load_profile("no clock")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests are made, and none is thrown away: looking for garbage among them would
    take as long as a third of making them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of a run: what one of them makes there, the others need not."""
    place = tmp_path_factory.getbasetemp()
    return place.parent if "PYTEST_XDIST_WORKER" in os.environ else place


@pytest.fixture(scope="session", autouse=True)
def own_cache(common_folder: Path) -> Iterator[None]:
    before, folder = os.environ.get(VARIABLE), common_folder / "code"
    folder.mkdir(0o700, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    yield
    if before is None:
        del os.environ[VARIABLE]
    else:
        os.environ[VARIABLE] = before


@pytest.fixture(scope="session", autouse=True)
def heard_interrupts() -> Iterator[None]:
    """Ctrl-C is heard by tests and the processes that they start. A shell that starts tests in the
    background has them ignore it, and ignored signals are inherited."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def many_processors() -> Iterator[None]:
    """As many threads run as a test asks for, also on a machine of few processors and for little
    work; one thread if it asks for no number, because the processes of a run share the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_program, "processors", lambda: MAX_THREADS)
        patch.setattr(compiled_program, "WORK_PER_THREAD", 1)
        for module in (training_loop, program_registry):
            patch.setattr(module, "processors", lambda: 1)
        yield
