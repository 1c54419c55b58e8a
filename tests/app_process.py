"""`piecewise app` in a process of its own, forked where possible from one that has imported it.

The app of a test then starts in a tenth of a second. `test_app_server.py` starts the real command.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from piecewise.cli.main import status

if find_spec("uvicorn"):
    from piecewise.app import run
    from piecewise.cli import app

    __all__ = ["app", "run"]

_METHODS = multiprocessing.get_all_start_methods()
_CONTEXT: Any = multiprocessing.get_context("forkserver" if "forkserver" in _METHODS else "spawn")
_CONTEXT.set_forkserver_preload([__name__])


def started(arguments: Sequence[str], log: Path) -> BaseProcess:
    """A process that runs `piecewise app` and writes its messages to a file."""
    given = (["app", *arguments], str(log), dict(os.environ))
    process: BaseProcess = _CONTEXT.Process(target=_run, args=given, daemon=True)
    process.start()
    return process


def _run(arguments: list[str], log: str, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with Path(log).open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.exit(status(arguments))
