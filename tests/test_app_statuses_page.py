"""What the page says about itself is readable in windows of every width, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from piecewise.app.strokes import checked_drawing, to_png

from .app_page import AppPage, program, wait_until
from .programs import needs_chromium
from .test_app_browser import CROSS, browser, filled
from .test_app_gather_page import drop
from .test_app_imports import archive
from .test_app_places import go, mislabelled

pytestmark = needs_chromium
__all__ = ["browser"]


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppPage]:
    """The page of a taught project of so many samples that the net may not know."""
    with program(filled(tmp_path_factory.mktemp("statuses") / "project", each=20)) as running:
        app = AppPage(browser, running.link)
        app.wait_for_score()
        yield app
        assert app.complaints == []
        app.close()


READABLE = """(one, width) => {
  const { left, right, height } = one.getBoundingClientRect();
  const isCut = getComputedStyle(one).overflow !== "visible"
    && one.scrollWidth > one.clientWidth + 1;
  return height > 0 && left >= 0 && right <= width && !isCut;
}"""


def check_readable(one: Locator, width: int) -> None:
    """Whether all of its text is inside the window and inside its own box."""
    expect(one).to_be_visible()
    wait_until(one.page, lambda: bool(one.evaluate(READABLE, width)))


@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_every_status_is_readable(opened: AppPage, width: int) -> None:
    page = opened.page
    page.set_viewport_size({"width": width, "height": 1000})
    go(page, "look")
    page.keyboard.press("c")
    opened.draw(CROSS)
    says = page.locator(".bench > .says")
    expect(says.locator(".says-label")).to_have_text("X")
    page.locator(".mute").click()
    for status in (".saved", ".strip .state b", ".strip .state .sub", ".score b", ".score .method"):
        check_readable(page.locator(status), width)
    for note in (".kicker", ".doubt-note", ".muted-note"):
        check_readable(says.locator(note), width)
    page.evaluate("document.documentElement.classList.add('teaching-now')")
    check_readable(says.locator(".before-change"), width)
    page.evaluate("document.documentElement.classList.remove('teaching-now')")
    says.get_by_role("button", name="Give them back").click()
    expect(page.locator(".muted-note")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_open_knobs_leave_the_score_beside_the_state(opened: AppPage) -> None:
    page = opened.page
    page.set_viewport_size({"width": 390, "height": 1000})
    go(page, "look")
    knobs = page.get_by_role("button", name="Knobs", exact=True)
    knobs.click()
    check_readable(page.locator(".strip .loss"), 390)
    above = """([one, other]) =>
        one.getBoundingClientRect().bottom <= other.getBoundingClientRect().top"""
    handles = [page.locator(".strip .score").element_handle(), knobs.element_handle()]
    assert page.evaluate(above, handles)
    knobs.click()
    expect(page.locator(".strip .loss")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_reasons_are_reached(opened: AppPage, width: int) -> None:
    page = opened.page
    page.set_viewport_size({"width": width, "height": 1000})
    go(page, "look")
    page.keyboard.press("c")
    opened.draw(CROSS)
    why = page.locator(".bench > .says .why")
    toggle = page.locator(".bench > .says .reasons-toggle")
    if width < 1280:
        expect(toggle).to_have_text("Why, and if it were changed")
        expect(why).to_be_hidden()
        toggle.click()
        expect(toggle).to_have_attribute("aria-expanded", "true")
    else:
        expect(toggle).to_be_hidden()
    check_readable(why, width)
    check_readable(page.locator(".bench > .says .change-row").first, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 1280:
        toggle.click()
        expect(why).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1600])
def test_try_says_why(opened: AppPage, width: int) -> None:
    page = opened.page
    page.set_viewport_size({"width": width, "height": 1000})
    go(page, "look")
    page.keyboard.press("c")
    opened.draw(CROSS)
    go(page, "try")
    page.locator(".subject-why summary").click()
    check_readable(page.locator(".subject-why .why"), width)
    page.locator(".subject-why .map-button").first.click()
    expect(page.locator(".map-row")).to_be_visible()
    go(page, "try")
    page.locator(".subject-why summary").click()


def test_sample_that_cannot_be_read_stays_named(browser: Browser, tmp_path: Path) -> None:
    folder = filled(tmp_path / "project")
    (folder / "train" / "X" / "0099.png").write_bytes(b"no picture")
    with program(folder) as running:
        app = AppPage(browser, running.link)
        page = app.page
        app.wait_for_score()
        expect(page.locator(".strip .state .sub")).to_contain_text("1 cannot be read, see Gather")
        go(page, "gather")
        page.locator(".unread summary").click()
        expect(page.locator(".unread li")).to_have_count(1)
        expect(page.locator(".unread li")).to_contain_text("train/X/0099.png: ")
        app.close()


def test_menu_of_tricks_is_above_the_bar_of_an_import(browser: Browser, tmp_path: Path) -> None:
    with program(filled(tmp_path / "project")) as running:
        app = AppPage(browser, running.link)
        page = app.page
        app.wait_for_score()
        files = {"X/a.png": to_png(checked_drawing([[[20, 20], [80, 80]]], 6))}
        drop(page, page.locator(".bench"), {"more.zip": archive(files)})
        expect(page.locator(".import-bar")).to_contain_text("1 sample of 1 class imported.")
        app.wait_for_score()
        page.locator(".tricks summary").click()
        is_on_top = """one => {
          const { left, top } = one.getBoundingClientRect();
          return one.contains(document.elementFromPoint(left + 9, top + 9));
        }"""
        wait_until(page, lambda: bool(page.locator(".tricks .menu .sub").first.evaluate(is_on_top)))
        app.close()


def test_chosen_mistake_comes_into_view_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    name = mislabelled(folder)
    with program(folder) as running:
        app = AppPage(browser, running.link, width=390)
        page = app.page
        page.wait_for_selector('.state[data-state="score"]')
        go(page, "try")
        expect(page.locator(".try .card").first).to_contain_text(name)
        page.locator(".try .card .name").first.click()
        expect(page.locator(".subject-answer")).to_contain_text("Its label is O")
        expect(page.locator(".subject-answer .says-label")).to_be_in_viewport()
        app.close()
