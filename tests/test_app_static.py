"""The files of the app's page: no text for people outside words/, nothing that a policy forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from piecewise import app, page

STATIC = Path(app.__path__[0]) / "static"
FOLDERS = {"app": STATIC, "piecewise": Path(page.__path__[0]) / "modules"}
IMPORT = re.compile(r'(?:from|^import) "([^"]+)"', re.MULTILINE)
MODULES = sorted(STATIC.rglob("*.js"))
SHOWN = re.compile(
    r'(?:text|title|placeholder|alt|"aria-label"|textContent|ariaLabel)\s*[:=]\s*"([^"]*)"'
)
NAMES = {"piecewise", "+", "?"}
"""Texts that are the same in every language: the program's name and signs."""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_module_holds_no_text_for_people(module: Path) -> None:
    if module.parent.name == "words":
        return
    found = SHOWN.findall(module.read_text("utf-8"))
    texts = [text for text in found if re.search(r"\w", text) and not text.startswith("${")]
    assert set(texts) <= NAMES


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_module_makes_no_markup_from_text(module: Path) -> None:
    source = module.read_text("utf-8")
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                      "new Function", 'style="', "style:"):  # fmt: skip
        assert forbidden not in source


def test_page_asks_nothing_of_other_machines() -> None:
    for file in STATIC.rglob("*"):
        if file.is_file():
            assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", file.read_text("utf-8")), (
                file
            )


def imported(name: str, found: dict[str, int]) -> dict[str, int]:
    """The bytes of a module and of all that it imports before it runs, by their names."""
    folder, _, path = name.partition("/")
    source = (FOLDERS[folder] / path).read_text("utf-8")
    if name not in found:
        found[name] = len(source.encode())
        for other in IMPORT.findall(source):
            imported(other, found)
    return found


def test_page_loads_less_than_its_budget_before_it_is_ready() -> None:
    """What the page loads before a person can draw; the rest is loaded while nothing happens."""
    needed = imported("app/places/look.js", imported("app/app.js", {}))
    assert {"app/net.js", "piecewise/walk.js"} <= needed.keys()
    assert sum(needed.values()) < 272_000
    assert sum(len(one.read_bytes()) for one in STATIC.rglob("*.css")) < 60_000
