"""The files of the app's page: no text for people outside words/, nothing that a policy forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the app's server is an extra")

from piecewise import app
from piecewise.app.pages import START, Pages, needed

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
    shown = [re.sub(r"\\u[0-9a-f]{4}", "", text) for text in found]  # signs are no words
    texts = [text for text in shown if re.search(r"\w", text) and not text.startswith("${")]
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


def sheet_of_page(pages: Pages) -> str:
    """The style sheet that the page names."""
    html = bytes(pages.response("/").body).decode()
    [sheet] = re.findall(r'rel="stylesheet" href="([^"]+)"', html)
    return bytes(pages.response(sheet).body).decode()


def test_page_loads_less_than_its_budget_before_it_is_ready() -> None:
    """What the page loads before a person can draw. The maps are loaded while the first answer is
    computed, the rest while nothing happens."""
    modules = needed(START)
    assert {"app/pad.js", "app/strip.js", "piecewise/walk.js"} <= modules.keys()
    assert "app/net_view.js" not in modules
    assert sum(modules.values()) < 150_000
    assert len(sheet_of_page(Pages())) < 30_000


def test_page_asks_for_one_style_sheet_and_lists_its_modules() -> None:
    """The browser asks for all of them at once, before it reads any."""
    pages = Pages()
    html = bytes(pages.response("/").body).decode()
    style = sheet_of_page(pages)
    assert "@import" not in style
    assert "@layer report" in style
    preloaded = re.findall(r'rel="modulepreload" href="([^"]+)"', html)
    assert len(preloaded) == len(needed(START))
    assert set(preloaded) <= set(pages.paths)


def test_browser_keeps_all_files_but_the_page() -> None:
    pages = Pages()
    kept = {path for path in pages.paths
            if "immutable" in pages.response(path).headers["cache-control"]}  # fmt: skip
    assert kept == set(pages.paths) - {"/"}
    roots = {path.split("/")[1] for path in kept}
    assert [len(root) for root in roots] == [16]
