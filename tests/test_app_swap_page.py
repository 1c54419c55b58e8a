"""Swapped seats in Chromium: by keyboard, by a dropped file, and what is saved for a teacher."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from piecewise.app.project import Project
from piecewise.app.take import project_zip
from piecewise.lessons.catalog import lesson
from piecewise.lessons.learner import project_learner
from piecewise.lessons.partner import seat_partner
from piecewise.lessons.seat_swap import SeatSwap

from .app_page import AppPage, Program, program, wait_until
from .programs import needs_chromium
from .test_app_browser import browser, check_axe, filled, taught

pytestmark = needs_chromium
__all__ = ["browser"]

DROP = """([name, content]) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  transfer.items.add(new File([bytes], name));
  const target = document.querySelector(".lesson .question");
  for (const kind of ["dragover", "drop"])
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true,
      cancelable: true }));
}"""
"""Drops a file on the heading of the lesson."""


@pytest.fixture(scope="module")
def seat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a partner who drew rings as X for the test, so that a net makes mistakes."""
    folder = filled(tmp_path_factory.mktemp("seat") / "ben", each=8)
    project = Project(folder)
    crosses, rings = (project.ids("train", name)[:4] for name in "XO")
    project.move(crosses, "O", "test")
    project.move(rings, "X", "test")
    path = folder.with_suffix(".zip")
    with project_zip(project) as content:
        path.write_bytes(content.read())
    project.close()
    return path


@pytest.fixture
def own(browser: Browser, common_folder: Path, tmp_path: Path) -> Iterator[tuple[Program, AppPage]]:
    with program(taught(common_folder, tmp_path / "project")) as running:
        page = AppPage(browser, running.link)
        yield running, page
        assert page.complaints == []
        page.close()


def go(page: Page) -> None:
    page.evaluate("location.hash = '#/learn/swap'")
    expect(page.locator(".question")).to_have_text(lesson("swap").question)


def drop(page: Page, file: Path) -> None:
    page.evaluate(DROP, [file.name, base64.b64encode(file.read_bytes()).decode()])


def test_seats_are_swapped_by_keyboard(own: tuple[Program, AppPage], seat: Path) -> None:
    running, app = own
    page = app.page
    go(page)
    part = page.locator(".lesson .swap")
    expect(part).to_contain_text("You have no partner yet: generated letters")
    with page.expect_file_chooser() as chooser:
        part.get_by_role("button", name="Open the file of your partner").press("Enter")
    chooser.value.set_files(seat)
    expect(part).to_contain_text("Your net meets the seat ben.")
    expect(part.locator(".tiny-list li")).to_have_count(8)
    assert part.locator(".tiny-list b").count() == 0
    learner = project_learner(running.folder)
    swap = SeatSwap(learner, seat_partner(learner, seat, "ben"))
    page.get_by_label("Your number").focus()
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    said = page.locator(".lesson > .predict .outcome")
    expect(said).to_have_text(f"You said 2. It is {swap.right}.")
    expect(part.locator(".wrong")).to_have_count(len(swap.mistakes))
    for said_step in (".said-sureness", ".said-repair"):
        form = part.locator("form.predict")
        form.get_by_role("button", name="Commit").press("Enter")
        expect(form.locator(".problem")).to_contain_text("first")
        form.get_by_role("radio").first.focus()
        page.keyboard.press(" ")
        page.keyboard.press("Enter")
        expect(part.locator(said_step)).to_be_focused()
        expect(part.locator(said_step)).to_contain_text("You said: ")
    expect(part.locator(".mistake-list > li")).to_have_count(len(swap.mistakes))
    assert part.locator(".mistake-list .near .tiny").count() == 3 * len(swap.mistakes)
    rows = part.locator("tbody tr")
    for row, trial in zip(rows.all(), swap.repairs, strict=True):
        expect(row).to_contain_text(f"{trial.kept} of 8")
    for text in ("its rings", "nothing", "it is the same"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Tab")
    for failure in ("the disk is full", None):
        check_refused_report(app, failure)
    page.keyboard.press("Enter")
    expect(part).to_contain_text("Saved.")
    page.reload()
    expect(part.get_by_label("What fooled your net, or could fool it?")).to_have_value("its rings")


def check_refused_report(app: AppPage, failure: str | None) -> None:
    """A report that is refused with a message, or lost (None), is not said to be saved."""
    page, path = app.page, "**/api/swap/report"

    def refuse(route: Route) -> None:
        if failure is None:
            route.abort()
        else:
            route.fulfill(status=422, json={"error": {"message": failure}})

    page.route(path, refuse)
    page.keyboard.press("Enter")
    said = page.locator(".lesson .swap form [role=status]")
    expect(said).to_have_text(failure or "Failed to fetch")
    wait_until(page, lambda: len(app.complaints) == 1)  # the browser's, about the request
    app.complaints.clear()
    page.unroute(path)


def test_dropped_partner_is_not_imported(own: tuple[Program, AppPage], seat: Path) -> None:
    running, app = own
    page = app.page
    go(page)
    count = len(list(running.folder.glob("t*/**/*.png")))
    drop(page, seat)
    part = page.locator(".lesson .swap")
    expect(part).to_contain_text("Your net meets the seat ben.")
    expect(page.locator(".drop-over:visible")).to_have_count(0)
    assert len(list(running.folder.glob("t*/**/*.png"))) == count
    (seat.parent / "no.zip").write_bytes(b"no")
    drop(page, seat.parent / "no.zip")
    expect(part.locator(".problem").first).to_contain_text("zip")
    wait_until(page, lambda: len(app.complaints) == 1)  # the browser's, about the status 422
    app.complaints.clear()
    part.get_by_role("button", name="Without a partner").press("Enter")
    expect(part).to_contain_text("You have no partner yet")
    page.evaluate("location.hash = '#/gather'")
    expect(page.locator(".gather-class").first).to_be_visible()
    drop_elsewhere = DROP.replace(".lesson .question", ".gather-class")
    page.evaluate(drop_elsewhere, [seat.name, base64.b64encode(seat.read_bytes()).decode()])
    wait_until(page, lambda: len(list(running.folder.glob("t*/**/*.png"))) == count + 16)


def test_all_steps_are_accessible(
    browser: Browser, seat: Path, common_folder: Path, tmp_path: Path
) -> None:
    with program(taught(common_folder, tmp_path / "project")) as running:
        app = AppPage(browser, running.link)
        page = app.page
        go(page)
        drop(page, seat)
        part = page.locator(".lesson .swap")
        expect(part).to_contain_text("Your net meets the seat ben.")
        check_looks(app)
        page.get_by_role("button", name="I don't know").press("Enter")
        for said in (".said-sureness", ".said-repair"):
            part.get_by_role("button", name="I don't know").press("Enter")
            expect(part.locator(said)).to_be_focused()
            check_looks(app)
        app.close()


def check_looks(app: AppPage) -> None:
    """The page as it is now is accessible in both colour schemes, wide and narrow."""
    scheme: Any
    for width, scheme in product((1600, 390), ("light", "dark")):
        app.page.set_viewport_size({"width": width, "height": 1000})
        app.page.emulate_media(color_scheme=scheme)
        check_axe(app)
        assert app.page.evaluate("document.documentElement.scrollWidth") <= width


def test_answers_go_into_the_archive_if_the_learner_ticks_it(
    own: tuple[Program, AppPage], tmp_path: Path
) -> None:
    _, app = own
    page = app.page
    app.wait_for_score()
    go(page)
    page.get_by_role("button", name="I don't know").press("Enter")
    expect(page.locator(".lesson .outcome")).to_be_visible()
    page.evaluate("location.hash = '#/take'")
    tick = page.get_by_role("checkbox", name="with what I answered in Learn")
    for is_ticked in (False, True):
        tick.set_checked(is_ticked)
        with page.expect_download() as found:
            page.get_by_role("button", name="Save Project").press("Enter")
        found.value.save_as(tmp_path / "project.zip")
        with zipfile.ZipFile(tmp_path / "project.zip") as saved:
            assert (".piecewise/learn.jsonl" in saved.namelist()) is is_ticked
