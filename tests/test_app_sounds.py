"""Sounds in the app, in Chromium with a microphone that beeps."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from piecewise.app.project import Project

from .app_page import AppPage, Program, program, wait_until
from .browser import chromium
from .programs import needs_chromium
from .test_app_gather_page import DEVICES
from .test_app_places import go, tone

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(*DEVICES) as made:
        yield made


@pytest.fixture(scope="module")
def opened(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Program, AppPage]]:
    """The page of a taught project of low and high tones."""
    folder = tmp_path_factory.mktemp("sounds") / "project"
    project = Project(folder)
    for name, low in (("low", 250), ("high", 1_500)):
        class_folder = project.add_class(name)
        for number in range(5):
            content = tone(low * (1 + number / 20), 0.3 + number / 50)
            project.add_file(class_folder, "train", f"{number}.wav", content)
    project.set_settings(layers="conv 4 5, relu, pool 4, full", recipe={"epochs": 3})
    project.close()
    with program(folder) as running:
        app = AppPage(browser, running.link)
        app.wait_for_score()
        yield running, app
        assert app.complaints == []
        assert app.foreign(running.port) == []
        app.close()


def record(page: Page, place: str) -> None:
    """Record half a second in a place, and wait for the answer to it."""
    before = page.evaluate("piecewise.walk.data.walk")
    page.locator(place).get_by_role("button", name="Record", exact=True).click()
    stop = page.locator(place).get_by_role("button", name="Stop recording")
    expect(stop).to_be_visible()
    page.wait_for_timeout(600)
    stop.click()
    expect(page.locator(place).get_by_role("button", name="Record", exact=True)).to_be_visible()
    expect(page.locator(f"{place} audio")).to_have_attribute("src", re.compile("^blob:"))
    wait_until(page, lambda: page.evaluate("piecewise.walk.data.walk") != before)


def test_recorded_sound_is_answered_in_try(opened: tuple[Program, AppPage]) -> None:
    page = opened[1].page
    go(page, "try")
    record(page, ".subject")
    expect(page.locator(".subject-answer .says-label")).to_be_visible()
    assert page.evaluate("piecewise.walk.data.kind") == "sounds"


def test_recorded_sound_is_answered_and_saved_in_look(opened: tuple[Program, AppPage]) -> None:
    running, app = opened
    go(app.page, "look")
    record(app.page, ".draw")
    expect(app.page.locator(".bench > .says .says-label")).to_be_visible()
    app.page.locator(".class-button", has_text="low").click()
    expect(app.samples("low")).to_have_count(6)
    [file] = Path(running.folder, "train", "low").glob("*microphone.wav")
    with wave.open(io.BytesIO(file.read_bytes())) as sound:
        assert 0.3 < sound.getnframes() / sound.getframerate() < 5
    app.wait_for_score()


def test_patch_of_a_sound_plays(opened: tuple[Program, AppPage]) -> None:
    page = opened[1].page
    go(page, "look")
    page.evaluate(
        "HTMLMediaElement.prototype.play = function () {"
        " document.body.dataset.played = this.src; return Promise.resolve(); }"
    )
    page.locator(".patches button").first.click()
    page.wait_for_selector("body[data-played^='blob:']")
