"""The page of an exported HTML file in Chromium: thresholds, names, errors and accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

import piecewise as pw
from piecewise.exchange.readable import readable
from piecewise.spec.calibration import ConfidenceThreshold

from .axe import violations
from .browser import chromium
from .exchange_nets import randomized
from .export_page import DRAWINGS, KINDS, draw, fill, give, shown
from .html_pages import open_page
from .naughty import naughty
from .programs import needs_chromium
from .test_export_html_inputs import net_for, png, random_photo

pytestmark = needs_chromium
WIDTHS = [390, 1024, 1600]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def calibrated(net: pw.Network) -> pw.Network:
    """The net with thresholds."""
    thresholds = (ConfidenceThreshold(0.9, 0.4, 0.8), ConfidenceThreshold(0.1, 0.9999, 1.0))
    net.calibration = replace(net.calibration, n=100, thresholds=thresholds)
    return net


def test_threshold_turns_an_answer_into_dont_know(browser: Browser, tmp_path: Path) -> None:
    opened = open_page(browser, calibrated(net_for(KINDS["texts"])), tmp_path)
    page = opened.page
    page.fill("#text", "good")
    assert shown(page)[0] in "abc"
    page.select_option("#threshold", index=2)
    assert page.inner_text(".winner") == "don\u2019t know"
    assert "10.0 % answered, 100.0 % of them right" in page.inner_text("#threshold").replace(
        "\u00a0", " "
    )
    opened.close()


def test_threshold_that_looks_the_same_is_there_once(browser: Browser, tmp_path: Path) -> None:
    net = net_for(KINDS["texts"])
    thresholds = tuple(ConfidenceThreshold(c, 0.328, 0.9) for c in (0.9, 0.8))
    net.calibration = replace(net.calibration, n=100, thresholds=thresholds)
    opened = open_page(browser, net, tmp_path)
    texts = opened.page.locator("#threshold option").all_inner_texts()
    assert [text.split(":")[0].replace("\u00a0", " ") for text in texts] == [
        "always",
        "from 32.8 % on",
    ]
    opened.close()


def test_strange_names_are_shown_as_escapes(browser: Browser, tmp_path: Path) -> None:
    """On the page as in other files."""
    names = (
        "\u202egnp.exe",
        "a\0b",
        "two\nlines",
        "\u2066x",
        "\u06cc\u200c\u06a9",
        "\U0001f44d\ufe0f",
    )
    net = randomized(pw.Network("full", (1, 28, 28), names, 0, DRAWINGS), 0)
    opened = open_page(browser, net, tmp_path)
    page = opened.page
    draw(page, (0.2, 0.2), (0.8, 0.3))
    shown_names = page.evaluate(
        "[...document.querySelectorAll('#classes bdi')].map((one) => one.textContent)"
    )
    assert shown_names == list(map(readable, names))
    assert shown_names[0] == "\\u202egnp.exe"
    assert not set("\u202e\u2066\0") & set(page.content())
    give(page, [("\u202egnp.exe", b"nothing")])
    assert page.inner_text("#problem").startswith("\\u202egnp.exe: ")
    opened.close()


def test_file_that_cannot_be_read_is_named_beside_others(browser: Browser, tmp_path: Path) -> None:
    opened = open_page(browser, net_for(KINDS["photos"]), tmp_path)
    page = opened.page
    photo = png(random_photo(np.random.default_rng(1)))
    give(page, [("ok.png", photo), ("<b>bad</b>.png", b"nothing")])
    assert page.inner_text("#problem").startswith("<b>bad</b>.png: this browser cannot read it")
    rows = page.locator(".file-table tbody tr").all_inner_texts()
    assert len(rows) == 2
    assert "cannot read it" in rows[1]
    give(page, [("ok.png", photo)])
    assert page.inner_text("#problem") == ""
    assert page.locator(".file-table").count() == 0
    assert not opened.complaints
    opened.close()


def test_hostile_class_names_stay_text(browser: Browser, tmp_path: Path) -> None:
    names = tuple(naughty()[:400])
    net = randomized(pw.Network("full", (1, 28, 28), names, 0, DRAWINGS), 0)
    opened = open_page(browser, net, tmp_path)
    page = opened.page
    assert page.evaluate("piecewise.data.classes") == list(names)
    draw(page, (0.2, 0.2), (0.8, 0.3))
    assert page.locator("#bars th").count() == 10
    assert set(
        page.evaluate("[...document.querySelectorAll('#bars th')].map((e) => e.textContent)")
    ) <= set(map(readable, names))
    assert page.locator("main script, main img, main iframe, main b, main svg").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not opened.complaints
    assert not opened.beyond
    opened.close()


def test_net_of_other_arrays_names_what_it_reads(browser: Browser, tmp_path: Path) -> None:
    for layers, shape, words in (
        ("full", (2, 4, 5), "2x4x5 numbers"),
        ("embed 3, pool all, full", (1, 9, 6), "6 tokens"),
    ):
        net = pw.Network(layers, shape, 2, 0)
        opened = open_page(browser, net, tmp_path / words)
        assert f"This net reads {words}" in opened.page.inner_text("#input")
        assert not opened.complaints
        opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_page_is_accessible_and_fits(
    browser: Browser, tmp_path: Path, kind: str, scheme: str
) -> None:
    net = calibrated(net_for(KINDS[kind]))
    opened = open_page(browser, net, tmp_path, width=WIDTHS[0], scheme=scheme)
    page = opened.page
    assert violations(page) == []
    fill(page, kind)
    page.locator("summary").click()
    assert violations(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not opened.complaints
    assert not opened.beyond
    opened.close()


@pytest.mark.long
@pytest.mark.parametrize("width", WIDTHS[1:])
@pytest.mark.parametrize("kind", KINDS)
def test_wide_page_is_accessible(browser: Browser, tmp_path: Path, kind: str, width: int) -> None:
    net = calibrated(net_for(KINDS[kind]))
    opened = open_page(browser, net, tmp_path, width=width)
    fill(opened.page, kind)
    opened.page.locator("summary").click()
    assert violations(opened.page) == []
    opened.close()


def test_every_control_is_reached_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    opened = open_page(browser, calibrated(net_for(DRAWINGS)), tmp_path)
    page = opened.page
    draw(page, (0.2, 0.2), (0.8, 0.2))
    page.mouse.click(2, 2)
    reached: list[Any] = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(
            "[document.activeElement.textContent || document.activeElement.id, "
            "getComputedStyle(document.activeElement).outlineWidth]"
        ))  # fmt: skip
    names = [name for name, _ in reached]
    assert names[:4] == ["Undo", "Clear", "pen", "Choose pictures"]
    assert names[4].startswith("always")
    assert names[5] == "About the net"
    assert {width for _, width in reached} == {"3px"}
    opened.close()
