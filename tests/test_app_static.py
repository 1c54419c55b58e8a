"""The files of the app's page: no text for people outside words/, nothing that a policy forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from piecewise import app

STATIC = Path(app.__path__[0]) / "static"
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


def test_page_has_its_budget() -> None:
    """Less than 350 kB of modules and 60 kB of styles of its own, comments included."""
    assert sum(len(one.read_bytes()) for one in MODULES) < 350_000
    assert sum(len(one.read_bytes()) for one in STATIC.rglob("*.css")) < 60_000
