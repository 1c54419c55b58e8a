"""What a person asks in the place "Try" is kept as a sample with one press, in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from piecewise.app.project import Project

from .app_page import AppPage, answers, program, wait_until
from .programs import needs_chromium
from .test_app_browser import CROSS, RING, browser, filled
from .test_app_places import go, mislabelled, tone

pytestmark = needs_chromium
__all__ = ["browser"]


def count(folder: Path, name: str) -> int:
    return len(list((folder / "train" / name).iterdir()))


def attempts(app: AppPage) -> int:
    found: int = app.page.locator(".attempt").count()
    return found


def test_drawing_is_kept_in_the_right_class_and_taken_back(
    browser: Browser, tmp_path: Path
) -> None:
    with program(filled(tmp_path / "project")) as running:
        app = AppPage(browser, running.link)
        page, folder = app.page, running.folder
        app.wait_for_score()
        go(page, "try")
        app.draw_on(page.locator(".subject .pad canvas"), CROSS)
        expect(page.locator(".subject-answer .says-label")).to_have_text("X")
        page.locator(".keep").get_by_role("button", name="O", exact=True).click()
        expect(page.locator(".keep + .done-note")).to_contain_text("Kept as O")
        expect(page.locator(".subject-answer")).to_contain_text("Its label is O")
        assert (count(folder, "X"), count(folder, "O")) == (6, 7)
        wait_until(page, lambda: attempts(app) == 2)  # it is taught again
        asked = answers(page)
        page.locator(".keep + .done-note").get_by_role("button", name="Undo").click()
        expect(page.locator(".keep")).to_contain_text("Keep the drawing")
        wait_until(page, lambda: (count(folder, "X"), count(folder, "O")) == (6, 6))
        wait_until(page, lambda: bool(asked) and len(asked[-1].get("strokes") or ()) == 2)
        page.keyboard.press("c")  # the pad has the strokes again
        app.draw_on(page.locator(".subject .pad canvas"), RING)
        expect(page.locator(".subject-answer .says-label")).to_have_text("O")
        names = page.locator(".keep bdi").all_inner_texts()
        page.keyboard.press(str(names.index("X") + 1))
        expect(page.locator(".keep + .done-note")).to_contain_text("Kept as X")
        assert count(folder, "X") == 7
        page.keyboard.press("z")
        expect(page.locator(".keep")).to_contain_text("Keep the drawing")
        wait_until(page, lambda: count(folder, "X") == 6)
        # A question about a sample may be on its way while the sample is removed: that is a 404.
        assert [one for one in app.complaints if "404" not in one] == []
        app.close()


def test_keys_do_not_mend_a_mistake_that_is_not_shown(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    name = mislabelled(folder)
    with program(folder) as running:
        app = AppPage(browser, running.link)
        page = app.page
        app.wait_for_score()
        go(page, "try")
        expect(page.locator(".keys-note")).to_be_visible()
        expect(page.locator(".try .card").first).to_contain_text(name)
        page.keyboard.press("j")
        expect(page.locator(".subject-answer")).to_contain_text("Its label is O")
        app.draw_on(page.locator(".subject .pad canvas"), CROSS)
        expect(page.locator(".try .card[aria-current]")).to_have_count(0)
        page.keyboard.press("x")
        page.locator(".try .card .name").first.click()
        expect(page.locator(".keep")).to_contain_text("Is it another one?")
        assert (folder / "train" / "O" / name).is_file()
        page.locator(".keep").get_by_role("button", name="X", exact=True).click()
        expect(page.locator(".try .card").first.locator(".done-note")).to_have_text("Now X")
        assert not (folder / "train" / "O" / name).exists()
        assert [one for one in app.complaints if "404" not in one] == []
        app.close()


def test_keys_are_listed_only_where_there_are_mistakes(browser: Browser, tmp_path: Path) -> None:
    with program(filled(tmp_path / "project", each=8)) as running:
        app = AppPage(browser, running.link)
        app.wait_for_score()
        go(app.page, "try")
        expect(app.page.locator(".try-mistakes > .note").first).to_contain_text("None of 16")
        expect(app.page.locator(".keys-note")).to_be_hidden()
        app.close()


def test_text_and_sound_are_kept(browser: Browser, tmp_path: Path) -> None:
    before = 6
    for kind in ("texts", "sounds"):
        project = Project(tmp_path / kind)
        for number, name in enumerate(("one", "two")):
            folder = project.add_class(name)
            if kind == "texts":
                project.add_texts(folder, "train", [f"{name} {word}" for word in "abcdef"])
            for at in range(6 if kind == "sounds" else 0):
                content = tone(300 * (1 + 4 * number) + 20 * at, 0.3)
                project.add_file(folder, "train", f"{at}.wav", content)
        project.set_settings(recipe={"epochs": 3})
        project.close()
        with program(tmp_path / kind) as running:
            app = AppPage(browser, running.link)
            page = app.page
            app.wait_for_score()
            go(page, "try")
            assert count(running.folder, "two") == before
            if kind == "texts":
                page.locator(".subject textarea").fill("something new")
            else:
                given: Any = {"name": "mine.wav", "mimeType": "audio/wav", "buffer": tone(99, 0.2)}
                page.locator(".subject .file-choice input").set_input_files(given)
            expect(page.locator(".keep")).to_contain_text(f"Keep the {kind[:-1]}")
            page.locator(".keep").get_by_role("button", name="two", exact=True).click()
            expect(page.locator(".keep + .done-note")).to_contain_text("Kept as two")
            assert count(running.folder, "two") == before + 1
            page.locator(".keep + .done-note").get_by_role("button", name="Undo").click()
            expect(page.locator(".keep + .done-note")).to_be_empty()
            expect(page.locator(".keep")).to_contain_text(f"Keep the {kind[:-1]}")
            wait_until(page, lambda: count(running.folder, "two") == before)
            assert [one for one in app.complaints if "404" not in one] == []
            app.close()
