"""The manual stays true: what is written from the code is, and what it shows runs."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import piecewise
from piecewise.core.version import __version__

ROOT = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "scripts"))  # scripts import each other
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return module


@pytest.mark.parametrize("name", ["layers.md", "recipe.md", "command-line.md", "api.md"])
def test_pages_written_from_the_code_are_up_to_date(name: str) -> None:
    wanted = script("write_docs").PAGES[name]()
    assert (ROOT / "docs" / name).read_text() == wanted, "run: python scripts/write_docs.py docs"


def test_api_reference_has_an_entry_for_every_public_name() -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert set(piecewise.__all__) <= set(headings)
    assert len(headings) == len(set(headings))


def test_the_picture_is_drawn_from_the_tours_numbers() -> None:
    assert (ROOT / "docs" / "pixels-to-votes.svg").read_text() == script("draw_picture").drawing()


@pytest.mark.parametrize(
    ("page", "least"),
    [("README.md", 11), ("docs/learning.md", 9), ("docs/data.md", 6), ("docs/see-through.md", 9)],
)
def test_the_examples_of_the_manual_run_and_print_what_they_say(
    page: str, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(ROOT / page), module_relative=False)
    assert found.attempted >= least
    assert found.failed == 0


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/README.md",
        "docs/api.md",
        "docs/glossary.md",
        "docs/decisions.md",
        "docs/speed.md",
        "docs/layers.md",
        "docs/recipe.md",
        "docs/command-line.md",
        "docs/engine.md",
        "docs/data.md",
        "docs/learning.md",
        "docs/see-through.md",
        "docs/testing.md",
        "docs/compatibility.md",
        "docs/releasing.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "examples/README.md",
    ],
)
def test_links_and_paths_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for link, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        target = (ROOT / page).parent / link if link else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), f"{link}#{anchor}"
    for path in re.findall(r"`((?:src|tests|scripts|docs)/[\w/.-]+\.\w+)`", text):
        made_up = path == "src/piecewise/reference/scale.py"  # the layer one might add
        assert (ROOT / path).exists() or made_up, path


def test_the_commands_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in ("README.md", "CONTRIBUTING.md", "docs/releasing.md"):
        for target in re.findall(r"`?make ([a-z-]+)", (ROOT / page).read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_changelog_begins_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == __version__


def test_the_supported_pythons_are_the_same_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.11,<3.14"' in project
    assert "FROM, BELOW = (3, 11), (3, 14)" in (ROOT / "scripts" / "check_python.py").read_text()
    assert "3.11, 3.12 or 3.13" in (ROOT / "README.md").read_text()
    assert (3, 11) <= sys.version_info[:2] < (3, 14)
