"""Writes the tables of files in ARCHITECTURE.md from the first sentences of the modules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "piecewise"
PAGE = ROOT / "ARCHITECTURE.md"
START = "## Files\n"
FOLDERS = (
    "cli", "app", "serving", "tour", "lessons", "sklearn_api", "page", "insight", "tuning",
    "training", "exchange", "storage", "data", "trace", "engine", "reference", "display", "spec",
    "core",
)  # fmt: skip
"""Folders in the order of the tables: as in the picture, from high to low."""


def page() -> str:
    """ARCHITECTURE.md with the tables written anew; the text above them is kept."""
    head, _ = PAGE.read_text(encoding="utf-8").split(START)
    note = "<!-- Written by scripts/write_docs.py from the first sentence of each module. -->"
    return "\n".join([f"{head}{START}", note, "", *_tables()])


def _tables() -> list[str]:
    lines = _table("the top", SOURCE)
    for folder in FOLDERS:
        inner = (path for path in (SOURCE / folder).rglob("__init__.py"))
        for home in sorted(path.parent for path in inner):
            lines += _table(str(home.relative_to(SOURCE)), home)
    return lines


def _table(title: str, folder: Path) -> list[str]:
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    rows = [f"| `{path.relative_to(SOURCE)}` | {first_sentence(path)} |" for path in files]
    return [f"### {title}", "", "| file | holds |", "|---|---|", *rows, ""] if rows else []


def first_sentence(path: Path) -> str:
    """The first sentence of a module's docstring, without its full stop."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
    sentence = re.split(r"(?<! al)\. |\.$", text)[0].replace("|", "\\|")
    return sentence[:1].upper() + sentence[1:] if sentence[:1] != "`" else sentence
