"""The place Learn in Chromium with projects of sounds and of texts: every page, part and check."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from piecewise.app.examples import add_example
from piecewise.app.project import Project
from piecewise.lessons.answer_key import answer_key
from piecewise.lessons.catalog import LESSONS, lesson
from piecewise.lessons.learner import project_learner

from .app_page import program, taught_page, wait_until
from .programs import needs_chromium
from .real_data import real
from .test_app_browser import browser
from .test_app_learn_page import SEED, answer, commit, go

pytestmark = needs_chromium
__all__ = ["browser"]

DIGITS, EACH = ("one", "zero"), 8
"""Two digits, and the sounds of each."""


def spoken(folder: Path) -> Path:
    """A project of two spoken digits."""
    project = Project(folder)
    with zipfile.ZipFile(real("spoken-digits.zip")) as archive:
        for label in DIGITS:
            names = [one for one in sorted(archive.namelist()) if f"train/{label}/" in one]
            project.add_class(label)
            for name in names[:EACH]:
                project.add_file(label, "train", Path(name).name, archive.read(name))
    project.close()
    return folder


def typed(folder: Path) -> Path:
    """A project of sentences."""
    add_example(project := Project(folder), "texts")
    project.close()
    return folder


@contextmanager
def opened(browser: Browser, folder: Path) -> Iterator[Page]:
    """The page of a project, which complains about nothing."""
    with program(folder) as running, taught_page(browser, running) as app:
        yield app.page


EMPTY = """() => [...document.querySelectorAll(
  ".lesson :is(section, table, figure, form, .planes, .part-maps)")].filter((one) =>
  !one.closest(":is([hidden], .play)") && !one.textContent.trim() &&
  !one.querySelector("canvas, svg, input")).length"""
"""How many parts of a page are empty."""


def check_parts_are_filled(page: Page) -> None:
    """No section, table or figure of a page stays empty."""
    wait_until(page, lambda: page.evaluate(EMPTY) == 0)
    for drawing in page.locator(".lesson .pixels tbody").all():
        assert drawing.locator("td").count() >= 9
    text = page.locator(".lesson").inner_text()
    assert not any(word in text for word in ("undefined", "NaN", "null", "{{"))


def walk_all_pages(page: Page, folder: Path) -> None:
    """Commit, see and answer everything of every page."""
    own = project_learner(folder)
    for name in LESSONS:
        go(page, name)
        expect(page.locator(".lesson .intro, .lesson p").first).to_be_visible()
        commit(page)
        expect(page.locator(".lesson .result")).to_be_visible()
        for number, row in enumerate(answer_key([lesson(name)], "seat", own, SEED)):
            assert row.drawings == "own"
            check = page.locator(".lesson .check").nth(number)
            expect(check).to_contain_text(row.question)
            answer(page, number, row.answer)
            expect(check.locator(".tries")).to_contain_text(" is right.")
        check_parts_are_filled(page)


def test_pages_of_spoken_digits(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, spoken(tmp_path / "spoken")) as page:
        walk_all_pages(page, tmp_path / "spoken")
        go(page, "beyond")
        part = page.locator(".lesson .part")
        part.get_by_role("button", name="Shuffle a sound").press("Enter")
        expect(part.locator(".sub").first).to_have_text("A sample of yours: one.")
        part.get_by_role("button", name="Listen: columns shuffled").press("Enter")
        part.get_by_role("button", name="Train nets").press("Enter")
        expect(part.locator("tbody th", has_text="your samples")).to_be_visible()


def test_pages_of_typed_sentences(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, typed(tmp_path / "typed")) as page:
        walk_all_pages(page, tmp_path / "typed")
        go(page, "beyond")
        part = page.locator(".lesson .part")
        part.get_by_role("button", name="Shuffle a text").press("Enter")
        expect(part.locator(".sub").first).to_contain_text("A sample of yours: ")
        words = [one.inner_text().split() for one in part.locator(".said-words").all()]
        assert sorted(words[0]) == sorted(words[1])
        assert words[0] != words[1]
        part.get_by_role("button", name="Train nets").press("Enter")
        expect(part.locator("tbody th", has_text="your samples")).to_be_visible()
