"""Prints constraints for pip: each dependency of pyproject.toml at its lowest allowed version.

python scripts/minimum_versions.py > minimum.txt
python -m pip install --constraint minimum.txt --editable .
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def minimum_versions(project: Path = PROJECT) -> list[str]:
    """Lines ``name==version`` for the run-time dependencies and the extras, sorted by name."""
    table = tomllib.loads(project.read_text("utf-8"))["project"]
    groups = [table["dependencies"], *table["optional-dependencies"].values()]
    return sorted(_minimum(requirement) for group in groups for requirement in group)


def _minimum(requirement: str) -> str:
    match = re.fullmatch(r"([\w.-]+)>=([\w.]+)(; .*)?", requirement)
    if match is None:
        raise SystemExit(f"pyproject.toml: got {requirement!r}, wanted name>=version")
    return f"{match[1]}=={match[2]}"


if __name__ == "__main__":
    print("\n".join(minimum_versions()))
