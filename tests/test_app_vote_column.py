"""The column of votes in the place "Look inside"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from .app_page import AppPage, program
from .programs import needs_chromium
from .test_app_browser import browser, check_axe, page_with_cross, taught

pytestmark = needs_chromium
__all__ = ["browser"]


@pytest.fixture(scope="module")
def opened(
    browser: Browser, common_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppPage]:
    """The page of a taught project, with a cross on the pad."""
    folder = taught(common_folder, tmp_path_factory.mktemp("votes") / "project")
    with program(folder) as running:
        yield from page_with_cross(browser, running)


def test_rows_of_vote_column_have_the_numbers_of_the_maps(opened: AppPage) -> None:
    rows = opened.page.locator(".vote-column .vote[data-map]")
    names = rows.locator(".vote-name").all_text_contents()
    maps = rows.evaluate_all("rows => rows.map((row) => Number(row.dataset.map))")
    assert len(names) > 1
    assert names == [str(index + 1) for index in maps]  # indices count from 0, people from 1


def test_bars_of_votes_stay_in_their_tracks(opened: AppPage) -> None:
    outside = """tracks => tracks.filter(track => {
      const [bar, own] = [track.firstElementChild, track].map(one => one.getBoundingClientRect());
      return bar.left < own.left - 1 || bar.right > own.right + 1;
    }).length"""
    tracks = opened.page.locator(".vote-column .vote-track")
    expect(tracks).not_to_have_count(0)
    assert tracks.evaluate_all(outside) == 0


def test_rows_of_vote_column_add_up_to_vote(opened: AppPage) -> None:
    texts = opened.page.locator(".vote-column .vote .value").all_text_contents()
    *rows, vote = [float(text.replace("\u2212", "-").replace(",", "")) for text in texts]
    assert sum(rows) == pytest.approx(vote, abs=0.01 * len(rows))
    expect(opened.page.locator(".vote.rest")).to_contain_text("bias")


@pytest.mark.parametrize("key", ["Enter", " "])
def test_vote_row_opens_its_map_by_key(opened: AppPage, key: str) -> None:
    page = opened.page
    rows = page.locator(".vote-column .vote[data-map]")
    rows.first.focus()
    page.keyboard.press("Tab")  # to the second row
    row = rows.nth(1)
    expect(row).to_be_focused()
    number = int(row.locator(".vote-name").inner_text())
    expect(row).to_have_accessible_name(re.compile(rf"^Map {number} of \w+, vote \W?[\d.]+; open$"))
    assert row.evaluate("row => getComputedStyle(row).outlineStyle") == "solid"
    page.keyboard.press(key)
    expect(page.locator(".map-row")).to_contain_text(f"Map {number} of")
    expect(row).to_be_focused()
    check_axe(opened)
