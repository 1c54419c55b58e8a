"""The places "Try" and "Take away" in Chromium: mistakes by keys, files that answer as the page."""

from __future__ import annotations

import io
import subprocess
import sys
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import piecewise as pw
from piecewise.app.project import Project
from piecewise.app.strokes import checked_drawing, draw

from .app_page import AppPage, Program, answers, program, taught_page, wait_until
from .browser import WINDOWS
from .programs import needs_chromium
from .steps import HANG
from .test_app_browser import CROSS, browser, check_axe, filled, pixels, taught

pytestmark = needs_chromium
__all__ = ["browser"]


@pytest.fixture(scope="module")
def shared(common_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(taught(common_folder, tmp_path_factory.mktemp("places") / "project")) as running:
        yield running


@pytest.fixture(scope="module")
def opened(browser: Browser, shared: Program) -> Iterator[AppPage]:
    with taught_page(browser, shared) as page:
        yield page


def go(page: Page, place: str) -> None:
    page.evaluate("place => { location.hash = `#/${place}` }", place)
    page.wait_for_selector(f".tabs [aria-current][href='#/{place}']", state="attached")
    page.wait_for_selector("main > :not([hidden])")  # it is loaded


def test_places_are_loaded_while_the_browser_has_nothing_to_do(
    browser: Browser, shared: Program, opened: AppPage
) -> None:
    app = AppPage(browser, shared.link, like=opened, idle=True)
    expect(app.page.locator("main > *")).to_have_count(5)
    assert [one for one in app.complaints if "/api/enter" not in one] == []  # the link was used
    app.close()


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
    opened.wait_for_answers()
    shown = probabilities_of(page)
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
        expect(page.page.locator(".import-bar")).to_contain_text("4 samples of 2 classes imported")
        assert len(list((running.folder / "train" / "X").iterdir())) == 7
        given = {"name": "bad.zip", "mimeType": "application/zip", "buffer": b"PK no zip"}
        page.page.locator(".import input").set_input_files(given)
        expect(page.page.locator(".problem-bar")).to_contain_text("zip")
        page.close()


def mislabelled(folder: Path) -> str:
    """A project of crosses and rings, with a cross among the rings; its file."""
    project = Project(filled(folder, each=8))
    drawing = checked_drawing(pixels(CROSS, Random(99)), 6)
    sample = project.add_drawing("O", "train", drawing)
    project.close()
    return sample.rpartition("/")[2]


def test_worst_mistake_is_mended_by_keys(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    name = mislabelled(folder)
    with program(folder) as running:
        app = AppPage(browser, running.link)
        page = app.page
        app.wait_for_score()
        page.keyboard.press("g")
        page.keyboard.press("t")
        first = page.locator(".try .card").first
        expect(first).to_contain_text("true label O")
        expect(first).to_contain_text(name)
        expect(first.locator(".neighbors .tile")).to_have_count(5)
        page.keyboard.press("j")
        expect(first).to_have_attribute("aria-current", "true")
        expect(page.locator(".subject-answer")).to_contain_text("Its label is O")
        names = page.locator(".class-button bdi").all_text_contents()
        page.keyboard.press(str(names.index("X") + 1))
        expect(first.locator(".done-note")).to_have_text("Now X")
        assert len(list((folder / "train" / "X").iterdir())) == 9
        page.keyboard.press("z")
        expect(first.locator(".done-note")).to_have_text("")
        assert (folder / "train" / "O" / name).is_file()
        page.keyboard.press("x")
        expect(first.locator(".done-note")).to_have_text("Removed")
        page.get_by_role("button", name="The net has learned from your changes").click()
        expect(page.locator(".try .card", has_text=name)).to_have_count(0)
        # A question about a sample may be on its way while the sample is moved: that is a 404.
        assert [one for one in app.complaints if "404" not in one] == []
        app.close()


def test_cell_of_the_confusion_matrix_opens_its_samples(opened: AppPage) -> None:
    page = opened.page
    go(page, "try")
    cell = page.locator(".confusion td.correct button").first
    cell.click()
    samples = page.locator(".opened-cell .tile")
    expect(samples).to_have_count(int(cell.inner_text()))
    samples.first.click()
    expect(page.locator(".subject-answer")).to_contain_text("Its label is")


def test_errors_of_all_samples_are_listed(opened: AppPage) -> None:
    page = opened.page
    go(page, "try")
    rows = page.locator(".try .errors tbody tr")
    expect(rows).to_have_count(12)
    errors = [float(text) for text in rows.locator("td:nth-child(4)").all_inner_texts()]
    actual = [float(text) for text in rows.locator("td:nth-child(3)").all_inner_texts()]
    assert errors == sorted(errors, reverse=True)
    assert errors == pytest.approx([2 * (1 - one) for one in actual], abs=0.002)  # of two classes
    page.locator(".try .errors th button", has_text="error").click()
    turned = [float(text) for text in rows.locator("td:nth-child(4)").all_inner_texts()]
    assert turned == sorted(errors)


def test_slider_answers_about_the_changed_input(opened: AppPage) -> None:
    page = opened.page
    go(page, "try")
    asked = answers(page)
    opened.draw_on(page.locator(".subject .pad canvas"), CROSS)
    slider = page.get_by_role("slider", name="rotated (degrees)")
    expect(slider).to_be_visible()
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".subject .curve", has=slider).locator("output")).to_contain_text(
        "\u221245 degrees"
    )
    wait_until(page, lambda: asked[-1].get("changes") == {"rotation": 0})

    def curve_and_answer_agree() -> bool:
        text = page.locator(".subject .curve", has=slider).locator("output").inner_text()
        percent = text.rpartition(" (")[2].rpartition(" %")[0].split()[-1]
        return percent in page.locator(".subject-answer").inner_text()

    wait_until(page, curve_and_answer_agree)
    go(page, "look")
    expect(page.locator(".says-label")).to_have_text("X")
    wait_until(page, lambda: "changes" not in asked[-1])
    page.keyboard.press("z")  # the strokes are on the pad here, too
    wait_until(page, lambda: len(asked[-1].get("strokes", ())) == len(CROSS) - 1)


def tone(pitch: float, seconds: float) -> bytes:
    """A WAV file of a tone."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        times = np.arange(int(8_000 * seconds)) / 8_000
        file.writeframes((9_000 * np.sin(2 * np.pi * pitch * times)).astype("<i2").tobytes())
    return content.getvalue()


def probabilities_of(page: Page) -> list[float]:
    """The probabilities that the page shows, in the order of the classes."""
    shown = page.evaluate("piecewise.walk.data.probabilities")
    return [shown[index] for index in sorted(shown, key=int)]


@pytest.mark.long
def test_net_of_sounds_answers_as_the_page(browser: Browser, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    for name, low in (("low", 250), ("high", 1_500)):
        folder = project.add_class(name)
        for number in range(8):
            content = tone(low * (1 + number / 20), 0.3 + number / 50)
            project.add_file(folder, "train", f"{number}.wav", content)
    project.close()
    with program(tmp_path / "project") as running:
        app = AppPage(browser, running.link)
        app.wait_for_score()
        go(app.page, "try")
        given: Any = {"name": "mine.wav", "mimeType": "audio/wav", "buffer": tone(300, 0.4)}
        app.page.locator(".file-choice input").set_input_files(given)
        label = app.page.locator(".subject-answer .says-label")
        expect(label).to_have_text("low")  # the sample that is shown before it is high
        expect(app.page.locator(".subject audio")).to_be_visible()
        shown = probabilities_of(app.page)
        go(app.page, "take")
        (tmp_path / "net.safetensors").write_bytes(saved(app.page, "piecewise"))
        net = pw.load(tmp_path / "net.safetensors")
        sound = net.preprocessor.read(given["buffer"], "mine.wav")
        own = net.walk(net.preprocess(sound)[0]).probabilities
        np.testing.assert_array_equal(np.array(shown, np.float32), own)
        samples = np.asarray(sound.samples, np.float32)[None]
        found = onnx_probabilities(saved(app.page, "ONNX"), samples)
        np.testing.assert_allclose(found, own, atol=1e-5)
        assert app.complaints == []
        app.close()


@pytest.mark.long
def test_net_of_texts_answers_as_the_page(browser: Browser, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    for name, words in (("animals", "the cat and the dog sleep"), ("ships", "a ship sails far")):
        texts = [f"{words} {number} times" for number in range(12)]
        project.add_texts(project.add_class(name), "train", texts)
    project.close()
    with program(tmp_path / "project") as running:
        app = AppPage(browser, running.link)
        app.wait_for_score()
        go(app.page, "try")
        app.page.locator(".subject textarea").fill("my dog and your cat")
        expect(app.page.locator(".subject-answer .says-label")).to_have_text("animals")
        expect(app.page.locator(".subject .neighbors .text-tile").first).to_contain_text("cat")
        shown = probabilities_of(app.page)
        go(app.page, "take")
        (tmp_path / "net.safetensors").write_bytes(saved(app.page, "piecewise"))
        net = pw.load(tmp_path / "net.safetensors")
        own = net.probabilities(net.preprocess("my dog and your cat"))[0]
        np.testing.assert_array_equal(np.array(shown, np.float32), own)
        assert app.complaints == []
        app.close()


def test_texts_have_room_on_a_narrow_page(browser: Browser, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    for name, words in (("animals", "the cat and the dog sleep"), ("ships", "a ship sails far")):
        texts = [f"{words} {number} times" for number in range(8)]
        project.add_texts(project.add_class(name), "train", texts)
    project.add_texts("ships", "train", ["the dog and the cat sleep 9 times"])
    project.close()
    with program(tmp_path / "project") as running:
        app = AppPage(browser, running.link, width=390)
        app.page.wait_for_selector('.state[data-state="score"]')
        go(app.page, "try")
        near = app.page.locator(".card .neighbors .text-tile")
        expect(near.first).to_contain_text("the cat")
        box = near.first.bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["x"] + box["width"] < 390
        assert app.complaints == []
        app.close()


@pytest.mark.long
def test_labels_and_causes_are_found(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    name = mislabelled(folder)
    with program(folder) as running:
        app = AppPage(browser, running.link)
        page = app.page
        app.wait_for_score()
        go(page, "try")
        page.get_by_role("button", name="Look for them").click()
        suspect = page.locator(f".try-issues .tile[title$='{name}']")
        suspect.click()
        expect(page.locator(".subject-answer")).to_contain_text("Its label is O")
        page.keyboard.press("x")
        expect(page.locator(".try .done-note", has_text="Removed")).to_have_count(1)
        assert not (folder / "train" / "O" / name).exists()
        page.keyboard.press("z")
        expect(page.locator(".try .done-note", has_text="Removed")).to_have_count(0)
        app.wait_for_score()
        page.keyboard.press("j")
        expect(page.locator(".subject-answer")).to_contain_text("Its label is O")
        page.locator(".causes summary").click()
        page.get_by_role("button", name="Find them").click()
        expect(page.locator(".causes .tile").first).to_be_visible()
        app.close()


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


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_places_are_accessible(judged: AppPage, scheme: Any, width: int) -> None:
    page = judged.page
    page.set_viewport_size({"width": width, "height": 1000})
    page.emulate_media(color_scheme=scheme)
    for place in ("try", "take"):
        go(page, place)
        if place == "try":
            page.keyboard.press("j")
        page.wait_for_timeout(800)
        check_axe(judged)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
