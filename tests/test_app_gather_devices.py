"""Gather in Chromium: the camera and the microphone bring samples, or it is said why not."""

from __future__ import annotations

import io
import wave

import pytest
from playwright.sync_api import expect

pytest.importorskip("starlette", reason="the app's server is an extra")

from .app_page import AppPage, Program, wait_until
from .programs import needs_chromium
from .test_app_gather_page import browser, empty, opened, row, thumbs

pytestmark = needs_chromium
__all__ = ["browser", "empty", "opened"]


def test_camera_takes_a_burst_that_is_undone_as_one(opened: tuple[Program, AppPage]) -> None:
    running, app = opened
    page = app.page
    page.get_by_role("button", name="Camera", exact=True).click()
    expect(page.locator(".capture:visible [role=status]")).to_contain_text("Hold a class")
    ring = page.locator(".capture:visible .target", has_text="O")
    ring.hover()
    page.mouse.down()
    expect(page.locator(".recording .taken canvas").nth(3)).to_be_attached()
    page.mouse.up()
    expect(row(page, "O")).not_to_contain_text("6 pictures")
    files = list((running.folder / "train" / "O").glob("*camera*.jpg"))
    assert len(files) >= 4
    page.keyboard.press("z")
    expect(row(page, "O")).to_contain_text("6 pictures")
    page.locator("h1").click()  # nothing that Space presses has the focus
    page.keyboard.down("Space")
    expect(page.locator(".recording .taken canvas").nth(1)).to_be_attached()
    page.keyboard.up("Space")
    expect(row(page, "O")).not_to_contain_text("6 pictures")
    page.keyboard.press("r")
    expect(page.locator(".recording")).to_have_count(1)
    page.keyboard.press("r")
    expect(page.locator(".recording")).to_have_count(0)
    page.get_by_role("button", name="Camera", exact=True).click()
    expect(page.locator(".capture:visible")).to_have_count(0)


def test_microphone_records_a_wav_file(empty: tuple[Program, AppPage]) -> None:
    running, app = empty
    page = app.page
    page.get_by_role("button", name="Microphone", exact=True).click()
    expect(page.locator(".capture:visible [role=status]")).to_contain_text("Hold a class")
    target = page.locator(".capture:visible .target", has_text="A")
    target.hover()
    page.mouse.down()
    page.wait_for_selector(".capture.recording")
    page.wait_for_timeout(600)
    page.mouse.up()
    expect(row(page, "A")).to_contain_text("1 sound")
    [file] = (running.folder / "train" / "A").iterdir()
    with wave.open(io.BytesIO(file.read_bytes())) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        assert 0.3 < sound.getnframes() / sound.getframerate() < 3
    expect(thumbs(page, "A").first).to_have_attribute("data-shown", "1")
    with page.expect_request("**/api/content"):
        thumbs(page, "A").first.click()


@pytest.mark.parametrize(("error", "words"), [
    ("NotAllowedError", "may not use the camera"), ("NotFoundError", "There is no camera"),
    ("Other", "cannot be used here"),
])  # fmt: skip
def test_device_that_is_denied_or_absent_is_said(
    opened: tuple[Program, AppPage], error: str, words: str
) -> None:
    page = opened[1].page
    page.evaluate(
        "name => { navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('', name)) }",
        error,
    )
    page.get_by_role("button", name="Camera", exact=True).click()
    expect(page.locator(".capture:visible [role=status]")).to_contain_text(words)


ASKS = """() => {
  const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    window.streams = [...(window.streams ?? []), await own(wanted)];
    await new Promise((resolve) => { window.allow = resolve; });
    return window.streams.at(-1);
  };
}"""
"""The browser asks for permission until the test allows the device."""
ENDED = "streams.flatMap((one) => one.getTracks()).every((one) => one.readyState === 'ended')"


@pytest.mark.parametrize("name", ["Camera", "Microphone"])
def test_device_is_off_if_its_panel_was_closed_before_the_permission(
    empty: tuple[Program, AppPage], name: str
) -> None:
    page = empty[1].page
    page.evaluate(ASKS)
    button = page.get_by_role("button", name=name, exact=True)
    button.click()
    wait_until(page, lambda: page.evaluate("'allow' in window"))
    button.click()
    expect(page.locator(".capture:visible")).to_have_count(0)
    page.evaluate("allow()")
    wait_until(page, lambda: page.evaluate(ENDED))


def test_microphone_that_fails_is_off(empty: tuple[Program, AppPage]) -> None:
    page = empty[1].page
    page.evaluate(ASKS)
    page.evaluate("() => { AudioWorklet.prototype.addModule = async () => { throw new Error() } }")
    page.get_by_role("button", name="Microphone", exact=True).click()
    wait_until(page, lambda: page.evaluate("'allow' in window"))
    page.evaluate("allow()")
    expect(page.locator(".capture:visible [role=status]")).to_contain_text("cannot be used here")
    assert page.evaluate(ENDED)
