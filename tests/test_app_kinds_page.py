"""The page has words of its own for pictures, for sounds and for texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from piecewise.app.project import Project

from .app_page import AppPage, Program, program
from .programs import needs_chromium
from .test_app_browser import browser
from .test_app_gather_page import drop
from .test_app_imports import archive
from .test_app_places import go, tone

pytestmark = needs_chromium
__all__ = ["browser"]

OF_PICTURES = re.compile(
    r"\b(draws?|drawn|drawings?|pictures?|pixels?|pad|pen|strokes?|ink|bolder|the side)\b", re.I
)
"""Words that a person who has sounds or texts must not meet."""
SEEN = """() => {
  const found = [document.body.innerText];
  for (const node of document.querySelectorAll("main *, .strip *"))
    if (node.checkVisibility({ visibilityProperty: true }))
      for (const name of ["aria-label", "title", "placeholder", "alt"])
        found.push(node.getAttribute(name) ?? "");
  return found.join("\\n");
}"""


def words_of_pictures(page: Page) -> list[str]:
    """The lines of the page, the names of its parts among them, that speak of pictures."""
    return [line for line in page.evaluate(SEEN).split("\n") if OF_PICTURES.search(line)]


def opened(browser: Browser, folder: Path) -> Iterator[tuple[Program, AppPage]]:
    with program(folder) as running:
        app = AppPage(browser, running.link)
        yield running, app
        assert app.complaints == []
        app.close()


@pytest.fixture
def empty(browser: Browser, tmp_path: Path) -> Iterator[tuple[Program, AppPage]]:
    yield from opened(browser, tmp_path / "project")


@pytest.fixture(scope="module")
def sounds(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Program, AppPage]]:
    """The page of a project of low and high tones."""
    project = Project(tmp_path_factory.mktemp("sounds") / "project")
    for name, low in (("low", 250), ("high", 1_500)):
        folder = project.add_class(name)
        for number in range(6):
            content = tone(low * (1 + number / 20), 0.3 + number / 50)
            project.add_file(folder, "train", f"{number}.wav", content)
    project.close()
    yield from opened(browser, project.root)


@pytest.fixture(scope="module")
def texts(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Program, AppPage]]:
    """The page of a project of sentences whose net reads words."""
    project = Project(tmp_path_factory.mktemp("texts") / "project")
    for name, verb in (("asks", "is"), ("tells", "was")):
        folder = project.add_class(name)
        words = ("hot", "cold", "new", "old", "far", "near")
        project.add_texts(folder, "train", [f"{verb} it {word}" for word in words])
    project.set_settings(layers="embed 4, conv 4 1x2, relu, full", recipe={"epochs": 3})
    project.close()
    yield from opened(browser, project.root)


def test_empty_project_of_texts_speaks_of_texts(empty: tuple[Program, AppPage]) -> None:
    page = empty[1].page
    go(page, "gather")
    page.get_by_role("button", name="Type", exact=True).click()
    expect(page.locator(".strip .state")).to_contain_text("Type a text")
    expect(page.locator(".capture:visible .target bdi")).to_have_text(["A", "B"])
    page.get_by_role("button", name="New class", exact=True).first.click()
    page.keyboard.type("ham")
    page.keyboard.press("Enter")
    expect(page.locator(".gather-class")).to_contain_text("0 texts")
    go(page, "look")
    expect(page.locator(".draw textarea")).to_be_visible()
    expect(page.locator(".bench > .says")).to_contain_text("while you type")
    page.locator(".draw").get_by_role("button", name="Draw", exact=True).click()
    page.locator(".draw").get_by_role("button", name="Type", exact=True).click()
    modes = page.locator(".draw .stages").first.inner_text()
    beginning = page.locator(".bench > .welcome").inner_text()
    other = [one for one in words_of_pictures(page) if one not in modes + beginning]
    assert other == []


def test_sound_is_chosen_in_an_empty_project(
    empty: tuple[Program, AppPage], tmp_path: Path
) -> None:
    running, app = empty
    page = app.page
    (tmp_path / "hum.wav").write_bytes(tone(300, 0.4))
    page.locator(".draw").get_by_role("button", name="Sound", exact=True).click()
    expect(page.locator(".draw > .note")).to_contain_text("Record a sound")
    page.locator(".class-button").first.click()
    expect(page.locator(".problem-bar")).to_contain_text("There is no new sound yet")
    with page.expect_response("**/api/answer"):
        page.locator(".sound-field input").set_input_files(tmp_path / "hum.wav")
    page.locator(".class-button").first.click()
    expect(page.locator(".draw .class-head")).to_contain_text("1 sound")
    [kept] = running.folder.glob("train/A/*")
    assert kept.read_bytes() == tone(300, 0.4)
    [refused] = app.complaints  # there is no net yet that could answer
    assert "409" in refused
    app.complaints.clear()


def test_drawing_and_text_are_asked_one_after_the_other(empty: tuple[Program, AppPage]) -> None:
    page = empty[1].page
    empty[1].draw([[[0, 0], [1, 1]]])
    expect(page.locator(".bench > .says")).to_contain_text("Not taught yet")
    page.locator(".draw").get_by_role("button", name="Type", exact=True).click()
    page.locator(".draw textarea").fill("hello")
    expect(page.locator(".words-column .words")).to_contain_text("hello")
    expect(page.locator(".problem-bar")).to_be_hidden()


@pytest.mark.parametrize("place", ["gather", "look", "try", "take"])
@pytest.mark.parametrize("kind", ["sounds", "texts"])
def test_page_of_a_kind_does_not_speak_of_pictures(
    kind: str, place: str, request: pytest.FixtureRequest
) -> None:
    page: Page = request.getfixturevalue(kind)[1].page
    page.wait_for_selector('.state[data-state="score"]')
    go(page, "look")
    expect(page.locator(".bench > .says .says-label")).to_be_visible()
    if kind == "sounds" and place == "look":
        page.locator(".tricks summary").click()
        expect(page.locator(".if-it-were .change-row")).to_have_text(["earlier or later"])
    go(page, place)
    if place == "try":
        expect(page.locator(".subject-answer .says-label")).to_be_visible()
        expect(page.locator(".subject .neighbors .tile").first).to_be_visible()
        if kind == "sounds":
            expect(page.locator(".subject #robustness")).to_contain_text("of the spectrogram")
    if place == "take":
        expect(page.locator(".file", has_text="HTML")).to_be_visible()
    assert words_of_pictures(page) == []
    page.keyboard.press("Escape")


def test_tricks_of_sounds_have_names_and_units_of_sounds(sounds: tuple[Program, AppPage]) -> None:
    page = sounds[1].page
    page.wait_for_selector('.state[data-state="score"]')
    go(page, "look")
    page.locator(".tricks summary").click()
    rows = page.locator(".trick-row:visible")
    names = ["earlier, later", "contrast", "quieter, louder", "noise", "cover bands"]
    assert [one.split("\n")[0].strip() for one in rows.all_inner_texts()] == names
    expect(page.locator(".tricks summary")).to_contain_text("of 5")
    shift = rows.filter(has_text="earlier, later")
    shift.get_by_role("checkbox").set_checked(False)
    with page.expect_request("**/api/project") as sent:
        shift.get_by_role("checkbox").check()
    recipe = json.loads(sent.value.post_data or "")["recipe"]
    assert recipe["augmentation"]["translation"] == [0, 0.1]  # in time only
    expect(shift).to_contain_text("of the length")


def test_unknown_word_is_named(texts: tuple[Program, AppPage]) -> None:
    page = texts[1].page
    page.wait_for_selector('.state[data-state="score"]')
    go(page, "look")
    page.locator(".draw textarea").fill("is it zany")
    words = page.locator(".words-column .words .opens")
    expect(words).to_have_text(["is", "it", "zany (not in the vocabulary)"])
    expect(page.locator(".patches .excerpt").first).not_to_be_empty()
    assert "?" not in "".join(page.locator(".patches .excerpt").all_inner_texts())


def test_text_that_is_chosen_in_try_is_shown_in_look(texts: tuple[Program, AppPage]) -> None:
    page = texts[1].page
    page.wait_for_selector('.state[data-state="score"]')
    go(page, "try")
    page.locator(".subject textarea").fill("was it far")
    near = page.locator(".subject .neighbors .text-tile").nth(1)
    expect(near).not_to_be_empty()
    page.wait_for_timeout(1_000)  # until it is not replaced any more
    chosen = near.inner_text()
    near.click()
    expect(page.locator(".subject textarea")).to_have_value(chosen)
    page.evaluate("location.hash = '#/look'")
    expect(page.locator(".draw textarea")).to_have_value(chosen)


def test_first_sound_is_shown_after_an_import(empty: tuple[Program, AppPage]) -> None:
    page = empty[1].page
    files = {f"{name}/{number}.wav": tone(low + 20 * number, 0.3)
             for name, low in (("low", 250), ("high", 1_500)) for number in range(5)}  # fmt: skip
    drop(page, page.locator(".bench"), {"tones.zip": archive(files)})
    expect(page.locator(".import-bar")).to_contain_text("10 samples of 2 classes imported.")
    expect(page.locator(".net canvas").first).to_be_visible()
    expect(page.locator(".sound-field audio")).to_have_attribute("src", re.compile("^blob:"))
    page.wait_for_selector('.state[data-state="score"]')
    expect(page.locator(".bench > .says .says-label")).to_be_visible()
