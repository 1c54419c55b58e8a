"""Toolkits in separate virtual environments: where these are, and scripts that run in them.

Scripts in scripts/toolkits/ make one virtual environment for each such toolkit, in the folder
.toolkits or the one that the environment variable PIECEWISE_TOOLKITS names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import numpy as np

from ...core.array_types import Array
from ..runner import RunnerError

TIMEOUT = 1_800
"""Seconds that a toolkit may take."""


def toolkits_folder() -> Path:
    """The folder with the environments of toolkits."""
    return Path(os.environ.get("PIECEWISE_TOOLKITS", ".toolkits")).absolute()


def python_of(toolkit: str, package: str) -> str | None:
    """The Python that has a toolkit's package: that of its own environment, else the running one;
    None if neither has it."""
    own = toolkits_folder() / toolkit / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if own.is_file():
        return str(own)
    try:
        version(package)
    except PackageNotFoundError:
        return None
    return sys.executable


@cache
def package_version(python: str, package: str) -> str | None:
    """The version of a package that an interpreter has, without importing it."""
    code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    done = subprocess.run(  # noqa: S603 - an interpreter that the user installed
        [python, "-I", "-c", code, package], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def run_scripts(
    python: str,
    script: str,
    folders: Sequence[Path],
    arrays: Mapping[str, Array],
    variables: Mapping[str, str] | None = None,
) -> list[dict[str, Array]]:
    """Run one of the scripts beside this module on exported files in each folder, all in one
    process; RunnerError if it fails.

    A script gets the folder, an .npz file of ``arrays`` and the name of the .npz file that it
    writes. ``variables`` are added to the environment.
    """
    scripts = files(__package__) / "scripts"
    source = (scripts / "in_each_folder.py.txt").read_text("utf-8")
    with tempfile.TemporaryDirectory() as place:
        given, code = Path(place, "inputs.npz"), Path(place, "script.py")
        np.savez(given, **arrays)  # type: ignore[arg-type]
        code.write_text((scripts / script).read_text("utf-8"), "utf-8")
        names = [str(folder.absolute()) for folder in folders]
        run(
            [python, "-I", "-B", "-c", source, str(code), str(given), *names],
            Path(place),
            variables,
        )
        made = [Path(place, f"outputs{number}.npz") for number in range(len(folders))]
        return [_arrays_of(file) for file in made]


def _arrays_of(file: Path) -> dict[str, Array]:
    with np.load(file) as arrays:
        return dict(arrays)


def run(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> bytes:
    """The standard output of a command in a folder; RunnerError with its last error if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - a toolkit that the user installed
            command, input=stdin, capture_output=True, cwd=folder, check=False, timeout=TIMEOUT,
            env={**os.environ, **(variables or {})},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RunnerError(f"{Path(command[0]).name} took longer than {TIMEOUT} s") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        cause = next((line for line in reversed(lines) if "rror: " in line), lines[-1])
        raise RunnerError(f"{Path(command[0]).name} failed: {cause[:300]}")
    return done.stdout
