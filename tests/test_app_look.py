"""The place "Look inside" in Chromium: the arithmetic of a number, maps, knobs and the address."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from piecewise.app.project import Project
from piecewise.app.project_files import OWN, read_json

from .app_page import AppPage, Program, answers, program, wait_until
from .programs import needs_chromium
from .test_app_browser import (
    CROSS,
    LAYERS,
    browser,
    check_axe,
    filled,
    own,
    page_with_cross,
    taught,
    walked,
)

pytestmark = needs_chromium
__all__ = ["browser", "own"]


@pytest.fixture(scope="module")
def shared(common_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(taught(common_folder, tmp_path_factory.mktemp("look") / "project")) as running:
        yield running


@pytest.fixture(scope="module")
def opened(browser: Browser, shared: Program) -> Iterator[AppPage]:
    """The page of a taught project, with a cross on the pad."""
    yield from page_with_cross(browser, shared)


def open_number(page: Page, *position: Any) -> None:
    page.evaluate("position => piecewise.openNumber(position)", list(position))
    expect(page.locator(".takes")).to_be_visible()


def test_player_adds_terms_as_the_library_does(opened: AppPage, shared: Program) -> None:
    page = opened.page
    asked = answers(page)
    page.keyboard.press("c")
    opened.draw(CROSS)
    opened.wait_for_answers()
    why = walked(shared, page, asked[-1]).why("conv2", 3, 1, 2)
    open_number(page, "conv2", 3, 1, 2)
    slider = page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuenow", str(len(why.terms)))
    expect(page.locator(".ok")).to_have_text("added again from these terms: the same, bit by bit")
    slider.focus()
    for key, step in (("Home", 0), ("ArrowRight", 1), ("PageUp", 10), ("ArrowRight", 11),
                      ("End", len(why.terms))):  # fmt: skip
        page.keyboard.press(key)
        so_far = f"{why.running[step - 1] if step else 0:.9g}".replace("-", "\u2212")
        added = f"{max(0, step - 1)} of {len(why.terms) - 1} products"  # the first term is the bias
        said = f"{'bias and ' if step else ''}{added}"
        expect(slider).to_have_attribute("aria-valuetext", f"{said}, so far {so_far}")
        expect(page.locator(".term-count .sub").first).to_have_text(said)
    ending = f"and {len(why.terms) - 1} products = "
    expect(page.locator(".arithmetic .ending")).to_contain_text(ending)
    page.keyboard.press("Home")
    page.keyboard.press("PageUp")
    assert page.locator(".grid .waits").count() == 0  # all of the first map is added
    page.keyboard.press("ArrowRight")
    assert page.locator(".grid .waits").count() == 8
    page.keyboard.press("Escape")


def test_patch_of_the_input_is_called_so(opened: AppPage) -> None:
    page = opened.page
    open_number(page, "conv1", 0, 1, 2)
    expect(page.locator(".grid caption").first).to_have_text("patch of the input", timeout=5_000)
    page.keyboard.press("Escape")


def test_maps_of_a_sum_are_sorted_and_opened(opened: AppPage) -> None:
    page = opened.page
    open_number(page, "conv2", 3, 1, 2)
    bars = page.locator(".pages .number")
    page.get_by_role("button", name="size").click()
    sums = [abs(float(text.replace("\u2212", "-"))) for text in bars.all_text_contents()]
    assert sums == sorted(sums, reverse=True)
    page.locator(".pages th button").nth(1).click()
    chosen = page.locator(".pages tr.on th").text_content()
    expect(page.locator(".grid caption").first).to_have_text(f"patch of pool1, {chosen}")
    page.get_by_role("button", name="order", exact=True).click()
    page.locator(".grid .opens").first.click()
    expect(page.locator(".trail")).to_contain_text("conv2 (4, 2, 3)")
    page.keyboard.press("Backspace")
    expect(page.locator("#open-number")).to_contain_text("conv2, map 4, row 2, column 3")
    expect(page.locator(".python code")).to_have_text('walk.why("conv2", 3, 1, 2)')
    with page.expect_download() as download:
        page.get_by_role("button", name="As a spreadsheet").click()
    assert download.value.suggested_filename == "conv2-3-1-2.xlsx"
    page.keyboard.press("Escape")


@pytest.fixture(scope="module")
def judged(browser: Browser, shared: Program, opened: AppPage) -> Iterator[AppPage]:
    """The page of that program for axe, which sets styles that the policy forbids."""
    page = AppPage(browser, shared.link, like=opened)
    page.wait_for_score()
    page.draw(CROSS)
    expect(page.page.locator(".says-label")).to_have_text("X")
    yield page
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_arithmetic_is_accessible(judged: AppPage, scheme: Any) -> None:
    page = judged.page
    page.emulate_media(color_scheme=scheme)
    for width in (1600, 390):
        page.set_viewport_size({"width": width, "height": 1000})
        open_number(page, "conv2", 3, 1, 2)
        check_axe(judged)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Escape")


def test_map_is_chosen_muted_and_given_back(opened: AppPage) -> None:
    page = opened.page
    sha256 = page.evaluate("piecewise.walk.data.parameters_sha256")
    why = page.locator(".says .map-button").first
    name = why.get_attribute("title") or ""
    why.click()
    row = page.locator(".map-row")
    expect(row.locator("h2").first).to_have_text(f"{name.capitalize()} of conv2")
    expect(row.locator(".patches img")).to_have_count(7)
    expect(row.locator(".answers-to")).to_contain_text("It answers to ")
    row.get_by_role("button", name="The next map").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # the button keeps the focus
    expect(row.locator("h2").first).to_contain_text(f"Map {(int(name.split()[1]) + 1) % 8 + 1} of")
    row.get_by_role("button", name="Mute it").click()
    opened.wait_for_net(lambda found: found != sha256)
    expect(page.locator(".muted-note")).to_contain_text("Without the votes of 1 map")
    page.get_by_role("button", name="Give them back").click()
    opened.wait_for_net(lambda found: found == sha256)
    expect(page.locator(".change-row")).to_have_count(5)


def test_knobs_of_a_column_teach_anew_and_are_undone(own: tuple[Program, AppPage]) -> None:
    running, app = own
    page = app.page
    app.draw(CROSS)
    expect(page.locator(".says-label")).to_have_text("X")
    sha256 = page.evaluate("piecewise.walk.data.parameters_sha256")
    page.get_by_role("button", name="features: 8").focus()
    page.keyboard.press("Enter")
    choices = page.locator(".choices")
    expect(choices.locator("[aria-current]")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    app.wait_for_net(lambda found: found != sha256)
    changed = page.get_by_role("button", name="features: 12")
    expect(changed).to_be_focused()  # in the column that was made anew
    page.locator("[data-key='3 menu']").click()
    expect(choices.locator("[aria-disabled]", has_text="Remove")).to_contain_text(
        "end it with full"
    )
    page.keyboard.press("Escape")
    expect(choices).to_have_count(0)
    page.locator("[data-key='2 menu']").focus()
    page.keyboard.press("Alt+ArrowLeft")
    expect(page.locator("[data-key='1 features']")).to_have_attribute("aria-label", "features: 12")
    for _ in range(4):
        page.keyboard.press("z")  # the two strokes, then the two changes of knobs
    app.wait_for_net(lambda found: found == sha256)
    settings = read_json(running.folder / OWN / "project.json")["settings"]
    assert settings["layers"] == LAYERS
    assert app.complaints == []


def drag(page: Page, name: str, target: str) -> None:
    """Drag a column by its name to the middle of another one, and a little further."""
    handle = page.locator(".column-handle", has_text=name)
    [start, end] = [one.bounding_box() for one in (handle, page.locator(target))]
    assert start is not None
    assert end is not None
    x, y = start["x"] + 10, start["y"] + 8
    middle = end["x"] + end["width"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move((x + middle) / 2, y)
    page.mouse.move(middle + (8 if middle > x else -8), y)
    page.mouse.up()


def test_column_is_dragged_to_another_place(own: tuple[Program, AppPage]) -> None:
    running, app = own
    page = app.page
    app.draw(CROSS)
    first = page.get_by_role("group", name="Knobs of conv1")
    expect(page.locator(".column-handle")).to_have_count(2)
    page.locator(".column-handle").first.click()  # a press is no drag
    drag(page, "conv1", ".column:nth-child(3)")
    expect(first).to_contain_text("8 features")
    settings = read_json(running.folder / OWN / "project.json")["settings"]
    assert settings["layers"] == "conv 8 3, relu, pool 2, conv 6 5, relu, pool 2, full"
    drag(page, "conv2", ".input-column")  # the input stays the first
    expect(first).to_contain_text("6 features")
    drag(page, "conv2", ".vote-column")  # and the votes the last
    expect(page.locator(".problem-bar")).to_be_visible()
    assert app.complaints == []


def test_address_holds_the_view(browser: Browser, opened: AppPage) -> None:
    page = opened.page
    open_number(page, "pool2", 1, 1, 1)
    assert "cell=pool2.1.1.1" in page.url
    page.locator(".arithmetic .opens").first.click()
    expect(page.locator("#open-number")).to_contain_text("relu2, map 2")
    page.go_back()
    expect(page.locator("#open-number")).to_contain_text("pool2, map 2, row 2, column 2")
    page.go_back()
    expect(page.locator("aside.panel")).to_be_hidden()
    opened.samples("O").first.click()
    expect(page.locator(".says-label")).to_have_text("O")
    address = page.url
    assert "on=train/O/" in address
    other = AppPage(browser, f"{address}&cell=conv1.0.2.2&hide=knobs,net", like=opened)
    expect(other.page.locator(".says-label")).to_have_text("O")
    expect(other.page.locator("#open-number")).to_contain_text("conv1, map 1, row 3, column 3")
    expect(other.page.locator(".knobs")).to_be_hidden()
    other.close()
    opened.draw(CROSS)
    expect(page.locator(".says-label")).to_have_text("X")
    assert "on=" not in page.url
    page.reload()
    expect(page.locator(".says-label")).to_have_text("X")  # the strokes are on the pad
    assert len(json.loads(page.evaluate("sessionStorage.getItem('piecewise pad')"))["strokes"]) == 2


def test_pad_shows_what_a_number_is_made_of(opened: AppPage) -> None:
    page = opened.page
    page.locator(".stack").nth(1).hover(position={"x": 30, "y": 30})
    expect(page.locator(".draw .field")).to_be_visible()
    box, pad = (
        page.locator(".draw .field").bounding_box(),
        page.locator(".draw .pad").bounding_box(),
    )
    assert box
    assert pad
    assert 0 < box["width"] < pad["width"] / 2


def test_trick_is_turned_off_and_on(own: tuple[Program, AppPage]) -> None:
    running, app = own
    page = app.page
    page.locator(".tricks summary").click()
    box = page.locator(".trick-row", has_text="turn").get_by_role("checkbox")
    was = box.is_checked()
    (box.uncheck if was else box.check)()
    expect(page.locator(".attempt")).to_have_count(2)
    settings = read_json(running.folder / OWN / "project.json")["settings"]
    assert settings["recipe"]["augmentation"]["rotation"] == (0 if was else 15)
    assert app.complaints == []


@pytest.mark.parametrize(
    ("unit", "texts", "typed"),
    [("word", ("the lovely day {}", "the awful day {}"), "day awful the"),
     ("letter", ("abba{}day", "feef{}day"), "fade")],
)  # fmt: skip
def test_positions_of_a_text_are_called_by_what_they_hold(
    browser: Browser, tmp_path: Path, unit: str, texts: tuple[str, str], typed: str
) -> None:
    for name, text in zip(("good", "bad"), texts, strict=True):
        folder = tmp_path / "words" / "train" / name
        folder.mkdir(parents=True)
        for number in range(6):
            (folder / f"{number}.txt").write_text(text.format("c" * number))
    with program(tmp_path / "words") as running:
        app = AppPage(browser, running.link)
        page = app.page
        app.wait_for_score()
        field, column = page.locator(".draw textarea"), page.locator(".words-column .words")
        units = typed.split() if unit == "word" else [*typed]
        for text in (texts[0].format("").strip(), typed):
            field.fill(text)
            expect(column).to_contain_text("".join(text.split()))
        expect(page.locator(".samples .of-text").first).to_contain_text("day")
        buttons = column.locator(".opens")
        for index, one in enumerate(units):
            said = re.compile(rf"^position {index + 1}, {unit} number \d+ \(\W{one}\W\); open$")
            expect(buttons.nth(index)).to_have_attribute("aria-label", said)
        assert app.complaints == []
        app.close()


def test_text_is_typed_in_an_empty_project(browser: Browser, tmp_path: Path) -> None:
    with program(tmp_path / "words") as running:
        app = AppPage(browser, running.link)
        page = app.page
        page.locator(".draw").get_by_role("button", name="Type").click()
        page.locator(".draw textarea").fill("one two three")
        page.locator(".class-button").first.click()
        expect(page.locator(".draw .stages").first).to_be_hidden()  # it is a project of texts now
        expect(page.locator(".draw textarea")).to_have_value("")
        assert [file.read_text() for file in running.folder.glob("train/*/*")] == ["one two three"]
        assert app.complaints == []
        app.close()


def test_narrow_window_has_knobs_attempts_and_compare(
    browser: Browser, common_folder: Path, tmp_path: Path
) -> None:
    with program(taught(common_folder, tmp_path / "project")) as running:
        app = AppPage(browser, running.link, width=390)
        page = app.page
        app.wait_for_score()
        epochs = page.get_by_label("epochs", exact=True)
        expect(epochs).to_be_hidden()
        knobs = page.get_by_role("button", name="Knobs", exact=True)
        knobs.click()
        expect(knobs).to_have_attribute("aria-expanded", "true")
        epochs.fill("13")
        epochs.press("Enter")
        expect(page.get_by_role("button", name="2 attempts")).to_be_visible()
        app.wait_for_score()
        page.get_by_role("button", name="Compare", exact=True).click()
        page.locator(".choice").first.click()
        expect(page.locator(".compare")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert app.complaints == []
        app.close()


@pytest.mark.parametrize("width", [390, 1600])
def test_name_of_class_is_not_broken(browser: Browser, tmp_path: Path, width: int) -> None:
    folder = filled(tmp_path / "project")
    project = Project(folder)
    project.rename_class("X", "farewell")
    project.close()
    with program(folder) as running:
        app = AppPage(browser, running.link, width=width)
        app.wait_for_score()
        app.draw(CROSS)
        label = app.page.locator(".says-label")
        expect(label).to_have_text("farewell")
        tops = """one => {
            const text = document.createRange();
            text.selectNodeContents(one);
            return new Set([...text.getClientRects()].map(({ top }) => Math.round(top))).size;
        }"""
        wait_until(app.page, lambda: label.evaluate(tops) == 1)
        app.close()
