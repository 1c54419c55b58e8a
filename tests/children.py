"""Commands of piecewise in processes of their own, stopped at a known place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .steps import HANG

REACHED = "test: reached\n"
_SCRIPT = """
import sys
from importlib import import_module
module, name, method, at = sys.argv[1:5]
holder = getattr(import_module(module), name)
inner, calls = getattr(holder, method), 0
def counted(*given, **named):
    global calls
    calls += 1
    if calls == int(at):
        print({reached!r}, end="", file=sys.stderr, flush=True)
        sys.stdin.readline()  # until the signal is sent
    return inner(*given, **named)
setattr(holder, method, counted)
from piecewise.cli.main import status
code = status(sys.argv[5:])
print(calls)
sys.exit(code)
"""


@contextmanager
def interrupted(
    arguments: Sequence[str], module: str, method: str, at: int
) -> Iterator[subprocess.Popen[str]]:
    """A command that gets Ctrl-C in the call ``at`` of a method (``Class.method`` of a module). It
    prints in the end how many calls there were."""
    command = [sys.executable, "-c", _SCRIPT.format(reached=REACHED), module, *method.split("."),
               str(at), *arguments]  # fmt: skip
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line == REACHED:
                break
        os.kill(process.pid, signal.SIGINT)
        yield process
        process.wait(HANG)
