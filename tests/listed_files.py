"""The files of the project, without those of tools."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def listed(*endings: str) -> list[Path]:
    """The project's files with one of these endings."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-co", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / name for name in names.splitlines() if name.endswith(endings)]
    else:  # an unpacked sdist
        paths = sorted(path for path in ROOT.rglob("*") if path.name.endswith(endings))
    return [path for path in paths if path.is_file()]
