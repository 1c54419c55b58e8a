"""The places "Try" and "Take away" in Chromium: mistakes by keys, files that answer as the page."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import piecewise as pw
from piecewise.app.strokes import checked_drawing, draw

from .app_page import AppPage, Program, answers, program
from .programs import needs_chromium
from .steps import HANG
from .test_app_browser import CROSS, browser, check_axe, filled

pytestmark = needs_chromium
__all__ = ["browser"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(filled(tmp_path_factory.mktemp("places") / "project")) as running:
        yield running


@pytest.fixture(scope="module")
def opened(browser: Browser, shared: Program) -> Iterator[AppPage]:
    """The page of a taught project."""
    page = AppPage(browser, shared.link)
    page.wait_for_score()
    yield page
    assert page.complaints == []
    assert page.foreign(shared.port) == []
    page.close()


def go(page: Page, place: str) -> None:
    page.evaluate("place => { location.hash = `#/${place}` }", place)
    page.wait_for_selector(f".tabs [aria-current][href='#/{place}']", state="attached")


def saved(page: Page, name: str) -> bytes:
    """What the page saves when a button is pressed."""
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save {name}", exact=True).click()
    return Path(download.value.path()).read_bytes()


def onnx_probabilities(content: bytes, picture: Any) -> Any:
    """The probabilities of net.onnx in an archive."""
    runtime = pytest.importorskip("onnxruntime")
    archive = zipfile.ZipFile(io.BytesIO(content))
    session = runtime.InferenceSession(archive.read("onnx/net.onnx"))
    name = session.get_inputs()[0].name
    outputs = [one.name for one in session.get_outputs()]
    wanted = next(one for one in outputs if "prob" in one)
    return session.run([wanted], {name: picture})[0][0]


def test_saved_nets_answer_as_the_page(opened: AppPage, tmp_path: Path) -> None:
    page = opened.page
    go(page, "look")
    asked = answers(page)
    opened.draw(CROSS)
    expect(page.locator(".says-label")).to_have_text("X")
    page.wait_for_timeout(500)
    shown = page.evaluate("piecewise.walk.data.probabilities")
    shown = [shown[index] for index in sorted(shown)]
    picture = draw(checked_drawing(asked[-1]["strokes"], asked[-1]["width"]))[None, :, :, None]
    go(page, "take")
    (tmp_path / "net.safetensors").write_bytes(saved(page, "piecewise"))
    net = pw.load(tmp_path / "net.safetensors")
    own = net.probabilities(net.preprocess(picture[0]))[0]
    np.testing.assert_array_equal(np.array(shown, np.float32), own)
    np.testing.assert_allclose(onnx_probabilities(saved(page, "ONNX"), picture), own, atol=1e-5)
    assert b"<!doctype html>" in saved(page, "Report on the last answer")[:100].lower()


def test_saved_lesson_teaches_the_same_net(opened: AppPage, tmp_path: Path) -> None:
    page = opened.page
    go(page, "take")
    for name, file in (("piecewise", "net.safetensors"), ("Project", "project.zip"),
                       ("As Python", "recipe.py")):  # fmt: skip
        (tmp_path / file).write_bytes(saved(page, name))
    done = subprocess.run([sys.executable, "recipe.py"], cwd=tmp_path, capture_output=True,
                          text=True, timeout=HANG, check=False)  # fmt: skip
    assert done.stdout == "the same net, bit for bit\n", done.stderr
    expect(page.locator(".card-text")).to_contain_text("This net tells")


def test_archive_brings_samples_in(browser: Browser, tmp_path: Path) -> None:
    source = filled(tmp_path / "other", each=2)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((source / "train").rglob("*.png")):
            file.write(path, path.relative_to(source))
    with program(filled(tmp_path / "project", each=5)) as running:
        page = AppPage(browser, running.link)
        go(page.page, "take")
        given: Any = {"name": "other.zip", "mimeType": "application/zip",
                      "buffer": archive.getvalue()}  # fmt: skip
        page.page.locator(".import input").set_input_files(given)
        expect(page.page.locator(".import")).to_contain_text("Added 4 samples of 2 classes")
        assert len(list((running.folder / "train" / "X").iterdir())) == 7
        given = {"name": "bad.zip", "mimeType": "application/zip", "buffer": b"PK no zip"}
        page.page.locator(".import input").set_input_files(given)
        expect(page.page.locator(".import .problem")).to_be_visible()
        page.close()


@pytest.mark.long
def test_longer_teaching_makes_an_attempt_beside(browser: Browser, tmp_path: Path) -> None:
    with program(filled(tmp_path / "project", each=10)) as running:
        page = AppPage(browser, running.link)
        page.wait_for_score()
        before = page.page.evaluate("document.querySelectorAll('.attempt').length")
        page.page.get_by_role("button", name="Teach longer").click()
        expect(page.page.locator(".longer progress")).to_be_visible()
        page.page.locator(".longer").get_by_role("button", name="Stop").click()
        expect(page.page.locator(".longer")).to_be_hidden()
        page.page.get_by_role("button", name="Teach longer").click()
        use = page.page.get_by_role("button", name="Answer with it")
        use.click()
        expect(page.page.locator(".longer")).to_be_hidden()
        expect(page.page.locator(".attempt[aria-current]")).to_have_count(1)
        assert page.page.evaluate("document.querySelectorAll('.attempt').length") > before
        page.close()


@pytest.fixture(scope="module")
def judged(browser: Browser, shared: Program, opened: AppPage) -> Iterator[AppPage]:
    """The page of that program for axe, which sets styles that the policy forbids."""
    page = AppPage(browser, shared.link, like=opened)
    page.wait_for_score()
    yield page
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_places_are_accessible(judged: AppPage, scheme: Any, width: int) -> None:
    page = judged.page
    page.set_viewport_size({"width": width, "height": 1000})
    page.emulate_media(color_scheme=scheme)
    for place in ("take",):
        go(page, place)
        page.wait_for_timeout(200)
        check_axe(judged)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
