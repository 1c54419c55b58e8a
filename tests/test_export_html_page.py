"""The page of an exported HTML file in Chromium: its answers to drawings, files and sounds."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload

import piecewise as pw
from piecewise.exchange.html.exporter import HtmlExporter

from .browser import QUIET, chromium
from .exchange_nets import saved, text_net
from .export_page import DRAWINGS, KINDS, draw, drop, give, shown
from .html_pages import open_page, page_file
from .programs import CHROMIUM, needs_chromium
from .real_data import real
from .test_export_html_inputs import EXACT, net_for, png, random_photo, wav

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def test_hundred_dropped_pictures_answer_as_the_net(browser: Browser, tmp_path: Path) -> None:
    """Real photos of other sizes, some grey, some transparent, by a trained net."""
    with np.load(real("photos-small.npz")) as file:
        photos, labels = file["images"], file["labels"]
    preprocessor = pw.ImagePreprocessor((3, 32, 32))
    layers = "conv 8 3 pad=same, norm, relu, pool 2, conv 12 3, relu, pool 2, full"
    net = pw.Network(layers, (3, 32, 32), 10, 0, preprocessor)
    inputs = np.ascontiguousarray(photos[:1_000].transpose(0, 3, 1, 2))
    pw.train(net, inputs, labels[:1_000], pw.Recipe(epochs=2))
    generator = np.random.default_rng(0)
    files = []
    for number, pixels in enumerate(photos[1_000:1_100]):
        image = Image.fromarray(pixels)
        side, other = (int(one) for one in generator.integers(16, 90, 2))
        if number % 4:
            image = image.resize((side, other), Image.Resampling.BICUBIC)
        if number % 5 == 1:
            image = image.convert("L")
        if number % 5 == 2:
            image.putalpha(image.convert("L").point(lambda level: min(255, 2 * level)))
        files.append((f"{number}.png", png(image)))
    opened = open_page(browser, net, tmp_path)
    page = opened.page
    page.evaluate(
        "() => { globalThis.answers = []; const classify = piecewise.classify;"
        " piecewise.classify = (one) => { const made = classify(one);"
        " answers.push(made.probabilities); return made; } }"
    )
    drop(page, files)
    answers = np.array(page.evaluate("answers"))
    examples = [preprocessor.transform(preprocessor.read(content, "p")) for _, content in files]
    expected = net.probabilities(np.stack(examples))
    assert expected.max(axis=1).std() > 0.05  # some are sure, others are not
    assert np.abs(answers - expected).max() <= EXACT
    cells = page.locator(".file-table tbody td:nth-child(2)").all_inner_texts()
    assert cells == [net.classes[index] for index in expected.argmax(axis=1)]
    assert shown(page)[0] == net.classes[int(expected[-1].argmax())]
    assert not opened.complaints
    assert not opened.beyond
    opened.close()


def test_real_sounds_answer_as_the_net(browser: Browser, tmp_path: Path) -> None:
    with zipfile.ZipFile(real("spoken-digits.zip")) as archive:
        names = archive.namelist()[:40]
        files = [(Path(name).name, archive.read(name)) for name in names]
    preprocessor = pw.AudioPreprocessor((1, 40, 64))
    net = net_for(preprocessor)
    opened = open_page(browser, net, tmp_path)
    give(opened.page, files)
    inputs = [preprocessor.transform(preprocessor.read(content, "s")) for _, content in files]
    expected = net.probabilities(np.stack(inputs))
    assert len(set(expected.argmax(axis=1).tolist())) > 1
    cells = opened.page.locator(".file-table .number").all_inner_texts()[1:]
    best = [f"{100 * one:.1f}\u00a0%" for one in expected.max(axis=1)]
    assert [one.replace(" ", "\u00a0") for one in cells] == best
    assert opened.page.locator("#preview audio").count() == 1
    assert not opened.complaints
    opened.close()


def test_drawing_is_answered_as_its_picture(browser: Browser, tmp_path: Path) -> None:
    net = net_for(DRAWINGS)
    opened = open_page(browser, net, tmp_path)
    page = opened.page
    assert page.inner_text("#verdict") == "Nothing to classify yet."
    draw(page, (0.2, 0.2), (0.8, 0.2), (0.5, 0.8))
    url = page.evaluate("document.querySelector('.pad').toDataURL()")
    content = page.evaluate(
        "async (url) => [...atob(url.split(',')[1])].map((c) => c.charCodeAt(0))", url
    )
    example = DRAWINGS.read(bytes(content), "drawing")
    assert example.max() == 255
    expected = net.probabilities(DRAWINGS.transform(example)[None])[0]
    best, numbers = shown(page)
    assert best == net.classes[int(expected.argmax())]
    assert numbers[best].split()[0] == f"{100 * expected.max():.1f}"
    read = page.evaluate(
        "[...document.querySelector('#prepared canvas').getContext('2d')"
        ".getImageData(0, 0, 28, 28).data]"
    )
    assert np.array_equal(np.array(read[::4]).reshape(28, 28), DRAWINGS.transform(example)[0])
    assert not opened.complaints
    opened.close()


def test_undo_and_clear_take_strokes_away(browser: Browser, tmp_path: Path) -> None:
    opened = open_page(browser, net_for(DRAWINGS), tmp_path)
    page = opened.page
    undo, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Clear"))
    assert undo.is_disabled()
    draw(page, (0.2, 0.2), (0.8, 0.2))
    first = page.evaluate("document.querySelector('.pad').toDataURL()")
    draw(page, (0.5, 0.2), (0.5, 0.9))
    draw(page, (0.1, 0.5), (0.1, 0.5))  # a dot
    assert page.evaluate("document.querySelector('.pad').toDataURL()") != first
    page.keyboard.press("Control+z")
    undo.click()
    assert page.evaluate("document.querySelector('.pad').toDataURL()") == first
    clear.click()
    assert clear.is_disabled()
    assert page.locator(".winner").count() == 0
    opened.close()


def test_pad_is_drawn_on_with_a_finger(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(page_file(net_for(DRAWINGS), tmp_path).as_uri())
    page.wait_for_selector("html[data-ready]")
    box = page.locator(".pad").bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + 60, box["y"] + 60)
    page.wait_for_selector(".winner")
    context.close()


def test_text_is_answered_as_it_is_written(browser: Browser, tmp_path: Path) -> None:
    net = text_net("windows")
    opened = open_page(browser, net, tmp_path)
    page = opened.page
    page.keyboard.press("Tab")
    page.keyboard.type("WA wb, wz")
    expected = net.probabilities(net.preprocessor.transform("WA wb, wz")[None])[0]
    best, numbers = shown(page)
    assert best == net.classes[int(expected.argmax())]
    assert numbers[best].split()[0] == f"{100 * expected.max():.1f}"
    assert page.locator(".tokens li").all_inner_texts() == ["wa", "wb", "?", "wz"]
    page.fill("#text", "???")
    assert "none of its words is one that the net has learned" in page.inner_text("#notes")
    page.fill("#text", "")
    assert page.inner_text("#verdict") == "Nothing to classify yet."
    assert not opened.complaints
    opened.close()


def test_recording_is_answered(browser: Browser, tmp_path: Path) -> None:
    """A microphone that beeps, of Chromium's own."""
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    made = browser.browser_type.launch(executable_path=CHROMIUM, args=[*QUIET, *fake])
    opened = open_page(made, net_for(KINDS["sounds"]), tmp_path)
    page = opened.page
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.wait_for_timeout(1_500)  # it beeps once a second
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(".winner")
    assert page.locator("#preview audio").count() == 1
    notes = page.inner_text("#notes")
    assert "The browser decoded this sound" in notes
    assert "doubtful" not in notes
    assert not opened.complaints
    made.close()


def test_page_without_a_microphone_says_so(browser: Browser, tmp_path: Path) -> None:
    opened = open_page(browser, net_for(KINDS["sounds"]), tmp_path)
    opened.page.get_by_role("button", name="Record").click()
    opened.page.wait_for_selector("#problem:not(:empty)")
    assert opened.page.inner_text("#problem").startswith("There is no microphone for this page")
    opened.close()


@pytest.mark.parametrize("kind", [*KINDS, "arrays", "tokens"])
def test_code_of_the_usage_runs_in_the_console(browser: Browser, tmp_path: Path, kind: str) -> None:
    """As it is written, after a file was chosen where it reads one."""
    others = {
        "arrays": lambda: pw.Network("full", (5, 4, 6), 3, 0),
        "tokens": lambda: pw.Network("embed 3, pool all, full", (1, 9, 6), 3, 0),
    }
    net = others[kind]() if kind in others else net_for(KINDS[kind])
    usage = HtmlExporter().usage(saved(net))
    if kind == "arrays":
        assert "5 x 4 x 6 numbers" in usage
        assert "PNG" not in usage
    (code,) = re.findall(r"```js\n(.*?)```", usage, re.DOTALL)
    content = {"drawings": png(random_photo(np.random.default_rng(1), "L")),
               "photos": png(random_photo(np.random.default_rng(1))),
               "sounds": wav(np.sin(np.arange(6_000) / 3), 8_000)}.get(kind)  # fmt: skip
    opened = open_page(browser, net, tmp_path)
    printed: list[str] = []
    opened.page.on("console", lambda message: printed.append(message.text))
    if content:
        give(opened.page, [("a file", content)])
    opened.page.evaluate(f"async () => {{ {code} }}")
    (line,) = printed
    if content:
        preprocessor = KINDS[kind]
        inputs = preprocessor.windows(preprocessor.read(content, "a file"))
    elif kind == "texts":
        inputs = KINDS[kind].transform("your text")[None]
    else:
        inputs = np.zeros((1, 6) if kind == "tokens" else (1, 5, 4, 6), np.uint8)
    expected = net.probabilities(inputs)[0]
    best = int(expected.argmax())
    assert line.startswith(net.classes[best])
    assert float(line.split()[-1]) == pytest.approx(expected[best], abs=EXACT)
    if content:  # the same file can be chosen again
        with opened.page.expect_file_chooser() as chooser:
            opened.page.get_by_role("button", name="Choose").click()
        payload: FilePayload = {"name": "a file", "mimeType": "", "buffer": content}
        chooser.value.set_files([payload])
        opened.page.wait_for_selector("html:not([data-busy])")
        assert not opened.page.inner_text("#problem")
    opened.close()
