"""The page of an exported HTML file in Chromium: drawing, files, a microphone, and its look."""

from __future__ import annotations

import re
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page

import piecewise as pw
from piecewise.exchange.html.exporter import HtmlExporter
from piecewise.exchange.readable import readable
from piecewise.spec.calibration import ConfidenceThreshold

from .browser import QUIET, chromium
from .exchange_nets import randomized, saved, text_net
from .html_pages import open_page, page_file
from .naughty import naughty
from .programs import CHROMIUM, needs_chromium
from .real_data import real
from .test_export_html_inputs import EXACT, net_for, png, random_photo, wav

pytestmark = needs_chromium
WIDTHS = [390, 1024, 1600]
DRAWINGS = pw.ImagePreprocessor((1, 28, 28), "dark")
KINDS = {
    "drawings": DRAWINGS,
    "photos": pw.ImagePreprocessor((3, 32, 32)),
    "sounds": pw.AudioPreprocessor((1, 40, 32)),
    "texts": pw.TextPreprocessor("words", ("good", "bad"), 8),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def draw(page: Page, *points: tuple[float, float]) -> None:
    """A stroke through points, as fractions of the pad's sides."""
    box = page.locator(".pad").bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def give(page: Page, files: list[tuple[str, bytes]]) -> None:
    """Choose files with the button, and wait for the answers."""
    payloads: list[FilePayload] = [
        {"name": name, "mimeType": "", "buffer": content} for name, content in files
    ]
    page.set_input_files("input[type=file]", payloads)
    page.wait_for_selector("html:not([data-busy])")


def drop(page: Page, files: list[tuple[str, bytes]]) -> None:
    """Drop files on the page, and wait for the answers."""
    encoded = [[name, b64encode(content).decode()] for name, content in files]
    page.evaluate(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, content] of files) {
            const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
            transfer.items.add(new File([bytes], name));
          }
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        encoded,
    )
    page.wait_for_selector("html:not([data-busy])")


def shown(page: Page) -> tuple[str, dict[str, str]]:
    """The class that is shown large, and the probabilities beside the bars."""
    names = page.locator("#bars th").all_inner_texts()
    numbers = page.locator("#bars .number").all_inner_texts()
    return page.inner_text(".winner"), dict(zip(names, numbers, strict=True))


def fill(page: Page, kind: str) -> None:
    """Give a page of `KINDS` something to classify."""
    if kind == "drawings":
        draw(page, (0.2, 0.2), (0.8, 0.3), (0.4, 0.8))
    elif kind == "texts":
        page.fill("#text", "A good text, not a bad one: ok?")
    elif kind == "sounds":
        give(page, [("a.wav", wav(np.sin(np.arange(6_000) / 3), 8_000))])
    else:
        images = [png(random_photo(np.random.default_rng(seed))) for seed in (1, 2)]
        give(page, [("a.png", images[0]), ("b.png", images[1])])
    page.wait_for_selector(".winner")


def calibrated(net: pw.Network) -> pw.Network:
    """The net with thresholds."""
    thresholds = (ConfidenceThreshold(0.9, 0.4, 0.8), ConfidenceThreshold(0.1, 0.9999, 1.0))
    net.calibration = replace(net.calibration, n=100, thresholds=thresholds)
    return net


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


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
