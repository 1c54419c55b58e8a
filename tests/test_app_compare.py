"""What the page shows of other nets than the taught one: an untaught net, and another attempt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from .app_page import AppPage, Program, program
from .programs import needs_chromium
from .test_app_browser import CROSS, RING, browser, check_axe, filled, own

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


def test_classes_keep_their_digits_while_they_are_made(new: AppPage) -> None:
    for strokes, digit, name, count in ((CROSS, "2", "X", 1), (RING, "1", "O", 1),
                                        (CROSS, "2", "X", 2), (RING, "1", "O", 2)):  # fmt: skip
        new.draw(strokes)
        new.page.keyboard.press(digit)
        expect(new.samples(name)).to_have_count(count)


def test_untaught_net_shows_the_maps_of_a_text(new: AppPage) -> None:
    page = new.page
    page.get_by_role("button", name="Type", exact=True).click()
    page.get_by_label("A text", exact=True).fill("Is this a question?")
    expect(page.locator(".stack")).not_to_have_count(0)
    expect(page.locator(".bench > .says")).to_contain_text("has learned nothing")
    expect(page.locator(".words-column")).to_contain_text("q")


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
    expect(sides.first).to_contain_text(re.compile(r"Now: Attempt 2; \d+ of 12 right"))
    expect(sides.last).to_contain_text("Attempt 1")
    expect(sides.last.locator(".stack")).to_have_count(2)
    shown = [side.locator(".bar-row .value").all_inner_texts() for side in sides.all()]
    assert shown[0] == page.locator(".bench > .says .bar-row .value").all_inner_texts()
    assert shown[0] != shown[1]
    assert "with=1" in page.url
    check_axe(app)
    check_numbers_of_both(app, sides.last)
    page.keyboard.press("c")
    app.draw([[[0.2, 0.5], [0.9, 0.5]]])  # both follow the pen
    expect(sides.last.locator(".bar-row .value").first).not_to_have_text(shown[1][0])
    page.locator(".compare").get_by_role("button", name="Close").click()
    expect(page.locator(".compare")).to_be_hidden()


def check_numbers_of_both(app: AppPage, other: Locator) -> None:
    """A number of the other attempt opens, has an address, and is said beside the same of ours."""
    page = app.page
    other.locator(".stack").first.click(position={"x": 20, "y": 20})
    heading = page.get_by_role("heading", name="pool1, map 1, row")
    expect(heading).to_be_visible()
    assert "of=1" in page.url
    value = heading.inner_text().split(" = ")[1]
    said = page.locator(".compare > .sub")
    expect(said.locator("b").last).to_have_text(value)
    expect(said.locator("b")).to_have_count(2)
    expect(page.locator(".compare > .cell-mark")).to_have_count(2)
    page.reload()
    expect(heading).to_have_text(f"{heading.inner_text().split(' = ')[0]} = {value}")
    page.keyboard.press("Escape")
    expect(heading).to_be_hidden()
    assert "of=1" not in page.url
    page.locator(".compare .stack").first.click(position={"x": 20, "y": 20})
    expect(page.locator("#open-number")).to_be_visible()
    assert "cell=pool1" in page.url
    assert "of=1" not in page.url
    page.keyboard.press("Escape")
    page.evaluate("scrollTo(0, 0)")


def test_net_is_a_table_of_text_too(own: tuple[Program, AppPage]) -> None:
    app = own[1]
    page = app.page
    app.draw(CROSS)
    expect(page.locator(".says-label")).to_have_text("X")
    page.get_by_text("As text", exact=True).click()
    rows = page.locator(".net-text tbody tr")
    expect(rows).to_have_count(8)
    cells = rows.filter(has_text="conv2").locator("td")
    expect(cells.nth(1)).to_have_text("8\u00d712\u00d712")
    values = page.evaluate("[...piecewise.walk.activation('conv2').values]")
    strongest = max(range(8), key=lambda number: max(map_values(values, number)))
    expect(cells.nth(2)).to_contain_text(f"map {strongest + 1}: ")
    check_axe(app)


def map_values(values: list[float], number: int) -> list[float]:
    return [abs(one) for one in values[144 * number : 144 * (number + 1)]]


def test_attempts_are_a_list_where_the_dots_have_no_room(own: tuple[Program, AppPage]) -> None:
    app = own[1]
    page = app.page
    page.set_viewport_size({"width": 1024, "height": 900})
    page.get_by_role("spinbutton", name="epochs").fill("2")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="2 attempts").click()
    page.locator(".choices button", has_text="12 epochs").click()
    expect(page.locator(".loss figcaption")).to_contain_text("12 epochs")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024


def test_finger_points_first_and_opens_then(browser: Browser, own: tuple[Program, AppPage]) -> None:
    running, app = own
    app.draw(CROSS)
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    token = app.page.evaluate("sessionStorage.getItem('piecewise token')")
    context.add_init_script(f"sessionStorage.setItem('piecewise token', '{token}')")
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{running.port}/")
    page.wait_for_selector("html[data-ready]")
    stack = page.locator(".stack:visible").first
    stack.scroll_into_view_if_needed()
    stack.tap(position={"x": 30, "y": 30})
    expect(page.locator(".readout-line")).to_contain_text("pool1, map 1, row ")
    expect(page.locator("#open-number")).to_be_hidden()
    stack.tap(position={"x": 34, "y": 30})
    expect(page.locator("#open-number")).to_contain_text("pool1, map 1, row ")
    context.close()


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
