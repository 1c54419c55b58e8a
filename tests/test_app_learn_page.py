"""The place Learn in Chromium: lessons by keyboard, checks, and what stays after a reload."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from piecewise.lessons.answer_key import answer_key
from piecewise.lessons.catalog import LESSONS, lesson
from piecewise.lessons.feature_matches import best_feature
from piecewise.lessons.learner import project_learner
from piecewise.lessons.net_quantities import shared_ink

from .app_page import AppPage, Program, program, taught_page
from .long import now_and_long
from .programs import needs_chromium
from .test_app_browser import browser, check_axe, taught

pytestmark = needs_chromium
__all__ = ["browser"]

SEED = 7
LESSON_WINDOWS = now_and_long(
    product((1600, 390), ("light", "dark")), [(1600, "light"), (390, "dark")]
)


@pytest.fixture(scope="module")
def shared(common_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(taught(common_folder, tmp_path_factory.mktemp("learn") / "project")) as running:
        yield running


@pytest.fixture(scope="module")
def opened(browser: Browser, shared: Program) -> Iterator[AppPage]:
    with taught_page(browser, shared) as page:
        yield page


@pytest.fixture(scope="module")
def judged(browser: Browser, shared: Program, opened: AppPage) -> Iterator[AppPage]:
    """A page for axe, which sets styles that the policy forbids."""
    page = AppPage(browser, shared.link, like=opened)
    yield page
    page.close()


def go(page: Page, name: str, query: str = f"?seed={SEED}") -> None:
    page.evaluate("to => { location.hash = to }", f"#/learn/{name}{query}")
    expect(page.locator(".question")).to_have_text(lesson(name).question)


def commit(page: Page) -> None:
    """Say "I don't know" by keyboard, unless a prediction was made."""
    form = page.locator(".lesson > form.predict")
    if form.count():
        form.get_by_role("button", name="I don't know").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".lesson .outcome")).to_be_focused()


def answer(page: Page, section: int, text: str) -> None:
    """Answer a check by keyboard."""
    tried = page.locator(".lesson .check").nth(section).locator(".tries li")
    before = tried.count()
    page.locator(".lesson .check").nth(section).get_by_label("Your answer").focus()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(tried.nth(before)).to_be_visible()


@pytest.mark.parametrize("name", LESSONS)
def test_checks_are_answered_by_keyboard_right_and_three_times_wrong(
    opened: AppPage, shared: Program, name: str
) -> None:
    page = opened.page
    go(page, name)
    assert page.locator(".lesson .result").count() == 0
    commit(page)
    expect(page.locator(".lesson .result")).to_be_visible()
    own = project_learner(shared.folder)
    for section, row in enumerate(answer_key([lesson(name)], "seat", own, SEED)):
        check = page.locator(".lesson .check").nth(section)
        expect(check).to_contain_text(row.question)
        answer(page, section, row.answer)
        typed = row.answer.replace("-", "\N{MINUS SIGN}")
        expect(check.locator(".tries")).to_have_text(f"{typed} is right.")
        expect(check.locator(".solution")).to_be_visible()
        expect(check.locator(".again")).to_be_focused()
        page.keyboard.press("Enter")
        expect(check.get_by_label("Your answer")).to_be_focused()
        for text in ("9999", "\N{MINUS SIGN}9999", "9999,5"):
            answer(page, section, text)
        expect(check.locator(".tries li").last).to_have_text("Here is how it is calculated.")
        expect(check.locator(".solution")).to_contain_text("Solution:")


def test_prediction_is_named_beside_the_result(
    browser: Browser, common_folder: Path, tmp_path: Path
) -> None:
    with program(taught(common_folder, tmp_path / "project")) as running:
        app = AppPage(browser, running.link)
        page = app.page
        go(page, "literal")
        page.get_by_role("button", name="Commit").press("Enter")
        expect(page.locator("form .problem")).to_contain_text("first")
        page.get_by_label("Your number").fill("half")
        page.keyboard.press("Enter")
        expect(page.locator("form .problem")).to_contain_text("wanted a number")
        page.get_by_label("Your number").fill("3")
        page.keyboard.press("Enter")
        shared = shared_ink(project_learner(running.folder).drawing(1, 1), 0, 1)
        expect(page.locator(".lesson .outcome")).to_have_text(f"You said 3. It is {shared}.")
        field = page.locator(".lesson .check").first.get_by_label("Your answer")
        field.fill("none")
        field.press("Enter")
        expect(page.locator(".lesson .check .problem").first).to_contain_text("wanted a number")
        go(page, "filtering")
        page.get_by_label("below 0").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator(".lesson .outcome")).to_contain_text("You said from 0 to 1. It is ")
        go(page, "features")
        page.get_by_label("more than one").focus()
        page.keyboard.press(" ")
        page.keyboard.press("Enter")
        best = best_feature(project_learner(running.folder).drawings[0])
        said = f"You said more than one. It is {best}."
        expect(page.locator(".lesson .outcome")).to_have_text(said)
        table = page.locator(".lesson .result").get_by_role("table")
        heads = table.get_by_role("columnheader")
        expect(heads).to_have_text(["drawing", "\\", "x", "/"])
        expect(table.get_by_role("row", name="the X of the deck")).to_contain_text("9/9")
        wrong = page.get_by_label("A person drew the kernels of the net.")
        wrong.focus()
        page.keyboard.press(" ")
        page.get_by_role("button", name="Choose").press("Enter")
        expect(page.locator(".lesson .said-why")).to_have_text(
            "Not that one. Nobody did: they began as random numbers, and training changed them."
        )
        app.close()


def test_hint_follows_a_known_wrong_answer(opened: AppPage, shared: Program) -> None:
    page = opened.page
    go(page, "filtering", "?seed=11")
    commit(page)
    row = next(answer_key([lesson("filtering")], "seat", project_learner(shared.folder), 11))
    wrong, hint = row.wrong_answers.split("; ")[0].split(": ")
    answer(page, 0, wrong)
    expect(page.locator(".lesson .check").first.locator(".tries")).to_contain_text(hint)


def test_numbers_open_how_they_are_computed(opened: AppPage) -> None:
    page = opened.page
    go(page, "literal")
    number = page.locator(".lesson .said").first
    number.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".lesson .how").first).to_have_text(f"x.ink = {number.inner_text()}")


def test_keys_turn_pages_and_reload_keeps_all(opened: AppPage) -> None:
    page = opened.page
    go(page, "votes")
    commit(page)
    page.locator(".lesson .why input").first.focus()
    page.keyboard.press(" ")
    page.locator(".lesson .why textarea").fill("because of ]")
    page.get_by_role("button", name="Choose").press("Enter")
    expect(page.locator(".lesson .said-why")).to_contain_text("Yes, that is true.")
    page.locator(".question").focus()
    page.keyboard.press("]")
    expect(page.locator(".question")).to_have_text(lesson("errors").question)
    expect(page.locator(".question")).to_be_focused()
    assert page.url.endswith(f"#/learn/errors?seed={SEED}")
    page.keyboard.press("[")
    expect(page.locator(".question")).to_have_text(lesson("votes").question)
    page.reload()
    expect(page.locator(".lesson .outcome")).to_be_visible()
    expect(page.locator(".lesson .why textarea")).to_have_value("because of ]")
    expect(page.locator(".lesson .why input").first).to_be_checked()


def test_place_that_changes_its_view_while_it_is_left_keeps_nobody(opened: AppPage) -> None:
    page = opened.page
    page.evaluate("location.hash = '#/look'")
    expect(page.locator(".lesson")).to_be_hidden()
    script = """async () => {
      const { setView } = await import("app/address.js");
      location.hash = "#/learn/maps?seed=7";
      setView({ on: null, cell: "conv1.0.0.0" }, false);
    }"""
    page.evaluate(script)
    expect(page.locator(".question")).to_have_text(lesson("maps").question)


def test_teacher_hides_play(opened: AppPage) -> None:
    page = opened.page
    go(page, "literal")
    expect(page.locator(".lesson .play")).to_be_visible()
    go(page, "literal", "?hide=play")
    expect(page.locator(".lesson .play")).to_be_hidden()
    go(page, "literal", "?seed=1")


@pytest.mark.parametrize(("width", "scheme"), LESSON_WINDOWS)
def test_lessons_are_accessible(judged: AppPage, width: int, scheme: Any) -> None:
    page = judged.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 1000})
    for name in LESSONS:
        go(page, name, "?seed=3")
        if name in ("literal", "filtering"):  # a number and intervals to predict
            check_axe(judged)
        commit(page)
        if name == "errors":
            page.get_by_role("button", name="Compare").press("Enter")
        if name == "beyond":
            page.get_by_role("button", name="Shuffle a sound").press("Enter")
            expect(page.get_by_role("button", name="Listen")).to_have_count(2)
            page.get_by_role("button", name="Train nets").press("Enter")
            expect(page.locator(".lesson .part tbody th", has_text="your")).to_be_visible()
        if name == "votes" and not page.locator(".lesson .again").count():
            answer(page, 0, "9999")
        check_axe(judged)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
