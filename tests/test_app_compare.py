"""What the page shows of other nets than the taught one: an untaught net, and another attempt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from .app_page import AppPage, Program, program
from .programs import needs_chromium
from .test_app_browser import CROSS, browser, check_axe, filled, own

pytestmark = needs_chromium
__all__ = ["browser", "own"]


@pytest.fixture
def new(browser: Browser, tmp_path: Path) -> Iterator[AppPage]:
    """The page of a new project."""
    with program(tmp_path / "project") as running:
        app = AppPage(browser, running.link)
        yield app
        assert app.complaints == []
        assert app.foreign(running.port) == []
        app.close()


def test_untaught_net_shows_its_maps_and_says_nothing(new: AppPage) -> None:
    page = new.page
    expect(page.locator(".bench > .welcome")).to_be_visible()
    new.draw(CROSS)
    expect(page.locator(".stack")).not_to_have_count(0)
    expect(page.locator(".bench > .welcome")).to_be_hidden()
    said = page.locator(".bench > .says")
    expect(said).to_contain_text("has learned nothing")
    expect(said.locator(".says-label")).to_have_count(0)
    expect(page.locator(".column-menu:visible")).to_have_count(0)
    page.locator(".stack").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#open-number")).to_be_visible()
    page.keyboard.press("Escape")
    new.teach("X", CROSS)
    expect(page.locator(".state .sub")).to_have_text("Needs a second class.")
    page.wait_for_timeout(700)  # nothing is asked about the samples, which would be refused


def test_two_attempts_answer_side_by_side(own: tuple[Program, AppPage]) -> None:
    app = own[1]
    page = app.page
    app.draw(CROSS)
    expect(page.locator(".says-label")).to_have_text("X")
    page.get_by_role("spinbutton", name="epochs").fill("2")
    page.keyboard.press("Enter")
    expect(page.locator(".attempt")).to_have_count(2)
    app.wait_for_score()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.locator(".choices button").first.click()
    sides = page.locator(".compare-side")
    expect(sides).to_have_count(2)
    expect(sides.first).to_contain_text("Now: attempt 2")
    expect(sides.last).to_contain_text("Attempt 1")
    expect(sides.last.locator("canvas")).to_have_count(14)
    shown = [side.locator(".bar-row .value").all_inner_texts() for side in sides.all()]
    assert shown[0] == page.locator(".bench > .says .bar-row .value").all_inner_texts()
    assert shown[0] != shown[1]
    assert "with=1" in page.url
    check_axe(app)
    page.keyboard.press("c")
    app.draw([[[0.2, 0.5], [0.9, 0.5]]])  # both follow the pen
    expect(sides.last.locator(".bar-row .value").first).not_to_have_text(shown[1][0])
    page.locator(".compare").get_by_role("button", name="Close").click()
    expect(page.locator(".compare")).to_be_hidden()


def test_answer_is_named_that_before_a_change_while_a_net_is_taught(
    browser: Browser, tmp_path: Path
) -> None:
    layers = "conv 32 5, relu, conv 32 5, relu, pool 2, full"  # 1,000 epochs of it take minutes
    with program(filled(tmp_path / "project", each=10, layers=layers)) as running:
        app = AppPage(browser, running.link)
        app.wait_for_score()
        page = app.page
        app.draw(CROSS)
        expect(page.locator(".says-label")).to_have_text("X")
        before = page.locator(".says .before-change")
        expect(before).to_be_hidden()
        page.get_by_role("spinbutton", name="epochs").fill("1000")
        page.keyboard.press("Enter")
        expect(before).to_be_visible()
        expect(before).to_have_text("before this change")
        expect(page.locator(".net .before-change")).to_be_visible()
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(before).to_be_hidden()
        app.close()
