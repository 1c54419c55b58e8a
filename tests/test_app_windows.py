"""Two windows of the app on one project, and a window that comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from piecewise.app.project_files import OWN

from .app_page import AppPage, Program, wait_until
from .programs import needs_chromium
from .steps import HANG
from .test_app_browser import CROSS, browser, own

pytestmark = needs_chromium
__all__ = ["browser", "own"]

HIDE = """isHidden => {
    Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
"""Emulates a tab that is hidden or seen; Chromium without a screen shows all tabs."""


@pytest.fixture
def windows(own: tuple[Program, AppPage]) -> tuple[Program, AppPage, Page]:
    """Two windows of a taught project."""
    running, app = own
    return running, app, app.new_window(f"http://127.0.0.1:{running.port}/")


def recipe(program: Program) -> Any:
    settings = json.loads((program.folder / OWN / "project.json").read_text())["settings"]
    return settings.get("recipe", {})


def tricks_that_are_on(program: Program) -> list[bool]:
    """Whether the drawings are shifted, and whether they are drawn bolder."""
    found = recipe(program).get("augmentation", {})
    return [max(found.get("translation", [0])) > 0, found.get("stroke_width", 0) > 0]


def knob(page: Page, name: str = "epochs") -> Locator:
    return page.get_by_role("spinbutton", name=name)


def turn_epochs_in_both(app: AppPage, other: Page) -> None:
    """The first window holds the knob while the other one turns it."""
    knob(app.page).fill("3")
    knob(other).fill("5")
    other.keyboard.press("Enter")
    expect(other.locator(".loss figcaption")).to_contain_text("5 epochs")
    expect(app.page.locator(".loss figcaption")).to_contain_text("5 epochs")
    knob(app.page).press("Enter")


def test_knob_turned_in_two_windows_shows_both_values(
    windows: tuple[Program, AppPage, Page],
) -> None:
    running, app, other = windows
    turn_epochs_in_both(app, other)
    conflict = app.page.locator(".conflict")
    expect(conflict).to_contain_text("There: 5. Here: 3.")
    assert recipe(running)["epochs"] == 5
    conflict.get_by_role("button", name="Use 3").click()
    expect(conflict).to_be_hidden()
    expect(other.locator(".loss figcaption")).to_contain_text("3 epochs")
    assert recipe(running)["epochs"] == 3


def test_value_of_the_other_window_is_kept(windows: tuple[Program, AppPage, Page]) -> None:
    running, app, other = windows
    turn_epochs_in_both(app, other)
    conflict = app.page.locator(".conflict")
    conflict.get_by_role("button", name="Keep 5").click()
    expect(conflict).to_be_hidden()
    app.page.locator("h1").click()  # the knob is not held any more
    expect(knob(app.page)).to_have_value("5")
    assert recipe(running)["epochs"] == 5


def test_class_named_in_two_windows_shows_both_names(
    windows: tuple[Program, AppPage, Page],
) -> None:
    running, app, other = windows

    def field(page: Page, old: str) -> Locator:
        page.locator(".draw .rename", has_text=old).click()
        return page.get_by_label("Name of the class")

    ours, theirs = field(app.page, "X"), field(other, "X")
    ours.fill("Cross")
    theirs.fill("Mark")
    theirs.press("Enter")
    conflict = app.page.locator(".conflict")  # the field of the first window is closed, too
    expect(conflict).to_contain_text("There: Mark. Here: Cross.")
    conflict.get_by_role("button", name="Use Cross").click()
    expect(other.locator(".draw .rename", has_text="Cross")).to_be_visible()
    assert {one.name for one in (running.folder / "train").iterdir()} == {"Cross", "O"}
    app.complaints.clear()  # Chromium tells of the refusal


def test_project_named_in_two_windows_shows_both_names(
    windows: tuple[Program, AppPage, Page],
) -> None:
    _, app, other = windows
    for page, name in ((app.page, "Letters"), (other, "Marks")):
        page.get_by_title("Name of the project").click()
        page.get_by_label("Name of the class").fill(name)
    other.keyboard.press("Enter")
    expect(other.get_by_title("Name of the project")).to_have_text("Marks")
    app.page.keyboard.press("Enter")
    conflict = app.page.locator(".conflict")
    expect(conflict).to_contain_text("There: Marks. Here: Letters.")
    conflict.get_by_role("button", name="Keep Marks").click()
    expect(app.page.get_by_title("Name of the project")).to_have_text("Marks")
    app.complaints.clear()


def test_knobs_turned_one_after_another_are_no_conflict(own: tuple[Program, AppPage]) -> None:
    running, app = own
    page = app.page
    for label, value in (("epochs", "3"), ("learning rate", "0.01"), ("epochs", "4")):
        knob(page, label).fill(value)
        page.keyboard.press("Tab")
    expect(page.locator(".loss figcaption")).to_contain_text("4 epochs")
    expect(page.locator(".conflict")).to_be_hidden()
    assert recipe(running) == {"epochs": 4, "learning_rate": 0.01}
    assert app.complaints == []


def test_tricks_turned_before_the_first_is_answered_all_count(
    own: tuple[Program, AppPage],
) -> None:
    running, app = own
    page = app.page
    page.locator(".tricks summary").click()
    shift, bolder = (
        page.locator(".trick-row", has_text=name).get_by_role("checkbox")
        for name in ("shift", "finer, bolder")
    )
    held: list[Route] = []
    # Playwright sets an attribute of the function, which `held.append` does not have.
    page.route("**/api/project", lambda route: held.append(route), times=1)  # noqa: PLW0108
    wanted = [not box.is_checked() for box in (shift, bolder)]
    for box, is_on in zip((shift, bolder), wanted, strict=True):
        box.set_checked(is_on)
    wait_until(page, lambda: bool(held))
    held[0].continue_()
    wait_until(page, lambda: tricks_that_are_on(running) == wanted)
    assert [box.is_checked() for box in (shift, bolder)] == wanted
    expect(page.locator(".conflict")).to_be_hidden()
    assert app.complaints == []


def test_turn_after_a_refused_one_is_no_conflict(own: tuple[Program, AppPage]) -> None:
    running, app = own
    page = app.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/project", hold, times=1)
    for value in ("0", "4"):  # no training has 0 epochs
        knob(page).fill(value)
        knob(page).press("Enter")
    wait_until(page, lambda: bool(held))
    with page.expect_response("**/api/project", timeout=1_000 * HANG):
        held[0].continue_()
    expect(page.locator(".loss figcaption")).to_contain_text("4 epochs")
    expect(page.locator(".conflict")).to_have_count(0)
    assert recipe(running)["epochs"] == 4
    [refused] = app.complaints
    assert "422" in refused
    app.complaints.clear()


def test_window_that_comes_back_asks_for_what_it_missed(
    windows: tuple[Program, AppPage, Page],
) -> None:
    _, app, other = windows
    asked = app.requests
    app.page.evaluate(HIDE, True)
    box = other.locator(".pad canvas:visible").bounding_box()
    assert box is not None
    other.mouse.move(box["x"] + 40, box["y"] + 40)
    other.mouse.down()
    other.mouse.move(box["x"] + 120, box["y"] + 130)
    other.mouse.up()
    other.locator(".class-button", has_text="X").click()
    expect(app.samples("X", other)).to_have_count(7)
    expect(other.locator(".state .sub")).to_contain_text("13 pictures")
    expect(app.samples("X")).to_have_count(6)
    del asked[:]
    app.page.evaluate(HIDE, False)
    expect(app.samples("X")).to_have_count(7)
    expect(app.page.locator(".state .sub")).to_contain_text("13 pictures")
    assert [one for one in asked if "/api/news?since=" in one]
    app.draw(CROSS)
    expect(app.page.locator(".says-label")).to_have_text("X")
    assert app.complaints == []
