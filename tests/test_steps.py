"""Step counting, and Ctrl-C in tests that run in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from .steps import TooManyStepsError, at_most


def work(turns: int) -> int:
    total = 0
    for turn in range(turns):
        total += turn
    return total


def test_steps_are_deterministic_and_proportional() -> None:
    counts = []
    for turns in (10, 10, 1_000):
        with at_most(10_000) as steps:
            work(turns)
        counts.append(steps.count)
    assert counts[0] == counts[1]
    assert counts[2] - counts[0] == 2 * (1_000 - 10)  # a turn is two lines


def test_at_most_endless_loop_raises() -> None:
    def forever() -> None:
        while True:
            with suppress(Exception):  # as code that is measured may do
                work(10)

    tracing = sys.gettrace()
    with pytest.raises(TooManyStepsError, match=r"^more than 1,000 steps$"), at_most(1_000):
        forever()
    assert sys.gettrace() is tracing


INTERRUPT_TEST = """
import os, signal, subprocess, sys
def test_interrupt_reaches_process_and_children():
    for code in ("import os; os.kill(os.getpid(), 2)", ""):
        try:
            if code:
                done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE)
                assert b"KeyboardInterrupt" in done.stderr
            else:
                os.kill(os.getpid(), signal.SIGINT)
                raise AssertionError("it was ignored")
        except KeyboardInterrupt:
            assert not code
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals there")
@pytest.mark.parametrize(("workers", "stdin"), [("0", "closed"), ("2", "null")])
def test_interrupt_tests_pass_in_background(tmp_path: Path, workers: str, stdin: str) -> None:
    """A shell starts `make test &` with Ctrl-C ignored, and perhaps without standard input."""
    (tmp_path / "test_it.py").write_text(INTERRUPT_TEST)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider",
             "-n", workers, "--rootdir", str(tmp_path), str(tmp_path / "test_it.py")],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            cwd=Path(__file__).parents[1],
            preexec_fn=close_stdin if stdin == "closed" else None,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.returncode == 0, done.stdout + done.stderr


def close_stdin() -> None:
    os.close(0)
