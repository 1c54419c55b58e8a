"""The report in Chromium: every number opens, by keyboard too; nothing is asked of a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

import piecewise as pw
from piecewise.inputs import layer_inputs
from piecewise.page.evaluate import evaluate_page
from piecewise.page.explain import explain_html
from piecewise.page.top_patches import top_patches_data
from piecewise.trace.arithmetic import Position
from piecewise.trace.walk import Walk
from piecewise.training.defaults import drawing_layers

from .axe import violations
from .browser import Opened, chromium
from .naughty import naughty
from .networks import PICTURES, TEXTS, random_input, random_layers
from .programs import needs_chromium
from .steps import HANG
from .test_modalities import folder
from .test_vote_ledger import drawn_net, some_input

pytestmark = needs_chromium

DIGITS = drawing_layers((1, 28, 28))
"""What is chosen for drawings of this size."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def places(walk: Walk, count: int, seed: int) -> list[Position]:
    random = Random(seed)
    names = [name for name in walk if name != "input"]
    found = []
    for _ in range(count):
        name = random.choice(names)
        found.append(Position(name, *(random.randrange(side) for side in walk[name].shape)))
    return found


def written(tmp_path: Path, net: pw.Network, example: Any, name: str = "it", **more: Any) -> Path:
    path = tmp_path / "report.html"
    path.write_text(explain_html(net, example, name=name, **more), encoding="utf-8")
    return path


def check_terms(page: Page, walk: Walk, asked: list[Position]) -> None:
    """The page's terms, by its views, against the walk's own: the same, to the last bit."""
    output = page.evaluate(
        "places => places.map(place => [piecewise.walk.value(place), "
        "piecewise.termsOf(piecewise.walk, place)])",
        [list(place) for place in asked],
    )
    for place, (value, terms) in zip(asked, output, strict=True):
        why = walk.why(*place)
        assert value == why.value, place
        assert terms == [term.to_json() for term in why.terms], place


@pytest.mark.parametrize("kinds", [PICTURES, TEXTS], ids=["pictures", "texts"])
def test_views_show_terms_of_walk(browser: Browser, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    seen = set()
    for seed in range(5):
        random = Random(f"page {seed} {kinds}")
        shape = random_input(random, kinds)
        net = drawn_net(random_layers(random, shape, 3, kinds), shape, 3, seed)
        example = some_input(net, seed)
        opened = Opened(browser, written(tmp_path, net, example))
        walk = net.walk(example)
        check_terms(opened.page, walk, places(walk, 50, seed))
        assert not opened.complaints
        assert not opened.beyond
        seen |= {stage.layer.word for stage in net.architecture.stages}
        opened.close()
    assert seen >= set(kinds)


@pytest.mark.parametrize("kind", ["pictures", "sounds", "texts"])
def test_report_of_trained_net_for_each_modality(
    browser: Browser, tmp_path: Path, kind: str
) -> None:
    data = pw.read_data(folder(tmp_path / "set", kind, 8))
    net = pw.run_training(pw.plan_training(data, epochs=2)).net
    file = next(path for path in sorted((tmp_path / "set").rglob("*")) if path.is_file())
    original = net.preprocessor.read(file)
    example = net.preprocessor.transform(original)
    opened = Opened(browser, written(tmp_path, net, example, file.name, original=original))
    walk = net.walk(layer_inputs(net, example[None])[0])
    check_terms(opened.page, walk, places(walk, 60, 0))
    label = net.classes[int(walk.logits.argmax())]
    assert opened.page.inner_text(".verdict h1") == label
    assert not opened.complaints
    assert not opened.beyond
    opened.close()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[pw.Network, Any, Path]:
    """A net as it is chosen for digits, its report, and what it is about."""
    lessons = pw.make_xo(64, size=28, seed=3)
    names = [f"{number}" for number in range(10)]
    net = pw.Network(DIGITS, (1, 28, 28), names, 1, lessons.preprocessor)
    pw.train(net, lessons.inputs, lessons.labels, pw.Recipe(epochs=1))
    place = written(tmp_path_factory.mktemp("digits"), net, lessons.inputs[0], "digit.png")
    return net, lessons.inputs[0], place


def test_report_of_digits_is_small_and_complete(
    browser: Browser, digits: tuple[pw.Network, Any, Path]
) -> None:
    net, example, path = digits
    assert path.stat().st_size < 2_000_000
    opened = Opened(browser, path)
    assert not opened.beyond
    assert not opened.complaints
    # Each element that is drawn at first takes time: `python -m benchmarks.waits`.
    assert opened.page.evaluate("document.querySelectorAll('*').length") < 10_000
    walk = net.walk(layer_inputs(net, example[None])[0])
    check_terms(opened.page, walk, places(walk, 100, 1))
    opened.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small net of all kinds of layers."""
    lessons = pw.make_xo(48, size=12, seed=1)
    layers = "conv 3 3 pad=same, norm, relu, pool 2, dropout 0.3, full 6, relu, full"
    net = pw.Network(layers, (1, 12, 12), ["X", "O"], 1, lessons.preprocessor)
    pw.train(net, lessons.inputs, lessons.labels, pw.Recipe(epochs=2))
    patches = top_patches_data(net, [pw.top_patches(net, lessons.inputs, "conv1", 0, most=3)])
    return written(tmp_path_factory.mktemp("small"), net, lessons.inputs[0], top_patches=patches)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: Browser, small: Path, scheme: str) -> None:
    opened = Opened(browser, small, scheme=scheme)
    sections = opened.page.eval_on_selector_all("main > section", "all => all.map(e => e.id)")
    assert sections == ["", "walk", "votes", "attribution", "robustness", "features", "net"]
    assert violations(opened.page) == []
    layers = ("conv1", "norm1", "pool1", "full1", "input")
    for layer in layers if scheme == "light" else layers[:1]:  # the colours are those of all
        opened.page.evaluate("layer => piecewise.openNumber([layer, 0, 0, 0])", layer)
        assert opened.page.is_visible(".panel")
        assert violations(opened.page) == [], layer
    opened.close()


def test_axe_finds_no_violation_in_digits(
    browser: Browser, digits: tuple[pw.Network, Any, Path]
) -> None:
    opened = Opened(browser, digits[2])
    assert violations(opened.page) == []
    opened.close()


def test_axe_finds_planted_violation(browser: Browser, small: Path) -> None:
    opened = Opened(browser, small)
    opened.page.evaluate("document.querySelector('.plane').removeAttribute('aria-label')")
    assert any(one.startswith("button-name") for one in violations(opened.page))
    opened.close()


def test_keyboard_reaches_pixel_and_returns(
    browser: Browser, digits: tuple[pw.Network, Any, Path]
) -> None:
    """From the top of the page to a logit, down to a pixel, and back."""
    net, example, path = digits
    opened = Opened(browser, path)
    page, press = opened.page, opened.page.keyboard.press
    for _ in range(60):
        press("Tab")
        focused = page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")
        if focused.startswith("full2"):
            break
    assert focused.startswith("full2")
    press("ArrowRight")
    press("Enter")
    walk = net.walk(layer_inputs(net, example[None])[0])
    heading = page.inner_text(".panel h2")
    layers = []
    for _ in range(60):
        layers.append(heading.split(",")[0])
        if heading.startswith("input"):
            break
        before = heading
        for _ in range(20):  # the next thing that opens
            press("Tab")
            if page.evaluate("document.activeElement.className") == "opens":
                break
        press("Enter")
        heading = page.inner_text(".panel h2")
        assert heading != before
    assert layers[0] == "full2"
    assert layers[-1].startswith("input")
    assert {"conv1", "conv5", "norm3", "relu2", "pool2", "dropout1", "full1"} <= set(layers)
    row, column = (int(part.split()[-1]) for part in heading.split(" = ")[0].split(",")[1:3])
    value = float(heading.split(" = ")[1].replace("\u2212", "-"))
    assert np.float32(value) == walk["input"][0, row, column]
    for _ in range(len(layers) - 1):
        press("Backspace")
    assert page.inner_text(".panel h2").startswith("full2")
    press("Escape")
    assert not page.is_visible(".panel")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("full2")
    opened.close()


def test_click_opens_number_under_pointer(
    browser: Browser, digits: tuple[pw.Network, Any, Path]
) -> None:
    opened = Opened(browser, digits[2])
    button = opened.page.locator(".layer", has_text="conv1").locator(".plane").nth(3)
    box = button.locator("canvas").bounding_box()
    assert box
    button.click(position={"x": box["width"] * 10.5 / 28, "y": box["height"] * 4.5 / 28})
    name = opened.page.locator(".layer", has_text="conv1").locator("figcaption span").nth(3)
    heading = f"conv1, {name.inner_text()}, row 5, column 11 = "
    assert opened.page.inner_text(".panel h2").startswith(heading)
    marked = opened.page.locator(".layer", has_text="input").locator(".outline")
    assert marked.count() == 1  # the patch it is made of
    opened.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1400, "dark")])
def test_page_fits_window(
    browser: Browser, digits: tuple[pw.Network, Any, Path], width: int, scheme: str
) -> None:
    opened = Opened(browser, digits[2], width=width, scheme=scheme)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.page.evaluate("piecewise.openNumber(['conv2', 0, 3, 3])")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


def test_open_number_fits_panel(browser: Browser, digits: tuple[pw.Network, Any, Path]) -> None:
    opened = Opened(browser, digits[2], width=360)
    over = "(panel => panel.scrollWidth - panel.clientWidth)(document.querySelector('.panel'))"
    for layer in ("conv2", "norm2", "pool1", "full1", "full2"):
        opened.page.evaluate("layer => piecewise.openNumber([layer, 0, 0, 0])", layer)
        assert opened.page.is_visible(".panel")
        assert opened.page.evaluate(over) <= 0, layer
    opened.close()


def test_print_is_light(browser: Browser, digits: tuple[pw.Network, Any, Path]) -> None:
    opened = Opened(browser, digits[2], scheme="dark")
    opened.page.click(".theme")
    opened.page.click(".theme")  # dark, as a person chose
    opened.page.emulate_media(media="print")
    ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    opened.close()


def test_injected_script_does_not_run(browser: Browser, tmp_path: Path) -> None:
    """Were some name to become markup all the same, the page's own rules would stop it."""
    net = pw.Network("full", (1, 2, 2), 2, seed=1)
    html = explain_html(net, np.ones((1, 2, 2), np.float32))
    trap = "window.caught=1"
    scripts = f"<script>{trap}</script><script src='data:text/javascript,{trap}'></script>"
    path = tmp_path / "injected.html"
    path.write_text(html.replace("</body>", f"{scripts}<img src=x onerror={trap}></body>"))
    opened = Opened(browser, path)
    for _ in range(100 * HANG):
        if len(opened.complaints) >= 3:
            break
        opened.page.wait_for_timeout(10)
    assert opened.page.evaluate("window.caught") is None
    assert len(opened.complaints) >= 3  # each was refused and reported
    opened.close()


def test_naughty_names_are_shown_as_text(browser: Browser, tmp_path: Path) -> None:
    """Each as a class, as a file and as a title; no script of theirs runs, no element is made."""
    names = naughty()
    assert len(names) >= 485
    page = None
    for start in range(0, len(names), 100):
        some = names[start : start + 100]
        net = pw.Network("full", (1, 2, 2), some, seed=1)
        path = written(tmp_path, net, np.ones((1, 2, 2), np.float32), some[-1])
        opened = Opened(browser, path)
        page = opened.page
        page.click("text=show all")
        shown = page.evaluate(
            "[...document.querySelectorAll('.probabilities tbody th')].map(e => e.textContent)"
        )
        assert sorted(shown) == sorted(some)
        assert page.evaluate("document.querySelector('.kicker').textContent") == some[-1]
        assert page.evaluate("window.caught") is None
        own = page.evaluate(
            "[...new Set([...document.querySelectorAll('*')].map(e => e.localName))]"
        )
        assert not set(own) & {"iframe", "object", "embed", "video", "form", "base", "link", "b"}
        assert not opened.complaints
        assert not opened.beyond
        opened.close()


@pytest.mark.parametrize(
    "name", ["</script><script>window.caught=1</script>", "<img src=x onerror=window.caught=1>"]
)
def test_unescaped_page_is_noticed(browser: Browser, tmp_path: Path, name: str) -> None:
    path = tmp_path / "open.html"
    path.write_text(f"<!doctype html><html data-ready><body>{name}</body></html>")
    opened = Opened(browser, path)
    opened.page.wait_for_function("window.caught === 1", timeout=1_000 * HANG)
    opened.close()


def test_evaluate_page_shows_predictions(browser: Browser, tmp_path: Path) -> None:
    lessons = pw.make_xo(120, size=9, seed=0)
    data = pw.Dataset(
        lessons.inputs,
        lessons.labels,
        ("<b>X</b>", "O"),
        np.array(["train"] * 60 + ["test"] * 60),
        lessons.preprocessor,
        names=[f"<i>{number}</i>.png" for number in range(120)],
    )
    net = pw.Network("conv 2 3, relu, full", (1, 9, 9), data.classes, 1, data.preprocessor)
    pw.train(net, *data.subset("train"), pw.Recipe(epochs=2))
    chosen = np.flatnonzero(data.splits == "test")
    scores = pw.evaluate(net, *data.subset("test"))
    path = tmp_path / "answers.html"
    logits = net.logits(data.subset("test")[0])
    html = evaluate_page(net, data, chosen, logits, scores, name="drawings")
    path.write_text(html, encoding="utf-8")
    opened = Opened(browser, path)
    page = opened.page
    counts = page.eval_on_selector_all(
        ".confusion td button", "all => all.map(e => +e.textContent)"
    )
    assert counts == [one for one in scores.confusion.ravel().tolist() if one]
    wrong = 60 - int(scores.confusion.trace())
    assert wrong > 0
    assert page.locator(".card").count() == min(20, wrong)
    assert page.locator(".card").first.locator(".neighbors canvas").count() == 3
    drawn = page.evaluate(
        "(() => { const c = document.querySelector('.card canvas'); return [...c.getContext('2d')"
        ".getImageData(0, 0, 9, 9).data].filter((_, i) => i % 4 === 0) })()"
    )
    surest = pw.mistakes(net, *data.subset("test")).mistakes[0]
    assert drawn == data.subset("test")[0][surest.index].ravel().tolist()
    errors = page.eval_on_selector_all(
        ".errors tbody tr", "all => all.map(e => e.cells[3].textContent)"
    )
    assert [float(one) for one in errors] == sorted(map(float, errors), reverse=True)
    page.click(".errors th >> text=example")
    assert page.get_attribute(".errors th >> nth=0", "aria-sort") == "ascending"
    assert violations(page) == []
    assert not opened.complaints
    assert not opened.beyond
    assert page.evaluate("document.querySelectorAll('main b, main i').length") == 0
    opened.close()
