"""The reports in Chromium as a reader sees them: the first screen, folding, legends and widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

import piecewise as pw
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.insight.attribution.passages import passage_sums
from piecewise.insight.reason import percent
from piecewise.page.evaluate import evaluate_page
from piecewise.page.explain import explain_html

from .axe import violations
from .browser import Opened, chromium
from .programs import needs_chromium

pytestmark = needs_chromium

LAYERS = "conv 12 3 pad=same, norm, relu, pool 2, dropout 0.3, relu, full"
TEXT = "WINNER!! Call 0800 123 now\n to claim it"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    xo = pw.make_xo(64, size=16, seed=1)
    net = pw.Network(LAYERS, (1, 16, 16), ["X", "O"], 1, xo.preprocessor)
    pw.train(net, xo.inputs, xo.labels, pw.Recipe(epochs=2))
    return saved(tmp_path_factory.mktemp("drawing"), explain_html(net, xo.inputs[0], name="x.png"))


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pw.Explanation]:
    net = pw.Network("conv 4 3, relu, pool all, full", (3, 20, 20), ["a", "b", "c"], seed=3)
    example = np.random.default_rng(0).integers(0, 256, (3, 20, 20), np.uint8)
    path = saved(tmp_path_factory.mktemp("photo"), explain_html(net, example))
    return path, pw.explain(net, example)


def saved(folder: Path, html: str) -> Path:
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found, selector
    return {side: found[side] for side in ("x", "y", "width", "height")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_first_screen_says_why(browser: Browser, drawing: Path, scheme: str) -> None:
    """The picture, its heat map with a legend, and the sentence are seen without scrolling."""
    opened = Opened(browser, drawing, width=1280, scheme=scheme)
    page = opened.page
    picture, heat = box(page, ".answer .plane img"), box(page, ".answer .plane canvas")
    assert all(abs(picture[side] - heat[side]) < 2 for side in picture)  # one over the other
    for selector in (".answer .reason", ".answer .scale", ".answer .plane", ".probabilities"):
        lowest = box(page, selector)["y"] + box(page, selector)["height"]
        assert lowest < 900, selector
    legend = page.inner_text(".answer .scale")
    assert "against X" in legend
    assert "for X" in legend
    alphas = page.evaluate(
        "(() => { const c = document.querySelector('.answer .plane canvas'); return [...c."
        "getContext('2d').getImageData(0, 0, 16, 16).data].filter((_, i) => i % 4 === 3) })()"
    )
    occlusion = page.evaluate("[...piecewise.walk.array('attribution occlusion').values]")
    strongest = int(np.abs(occlusion).argmax())
    assert alphas[strongest] == max(alphas) == 215
    assert all(alpha == 0 for alpha, value in zip(alphas, occlusion, strict=True) if value == 0)
    opened.close()


def test_sentence_is_that_of_the_explanation(
    browser: Browser, photo: tuple[Path, pw.Explanation]
) -> None:
    path, explained = photo
    opened = Opened(browser, path)
    assert explained.reason
    shown = opened.page.inner_text(".reason").replace("\u00a0", " ")
    assert shown == explained.reason.sentence
    cells = opened.page.eval_on_selector_all(
        ".probabilities .number", "all => all.map(one => one.textContent)"
    )
    assert cells == [percent(explained.probabilities[label]) for label in explained.order]
    opened.close()


@pytest.mark.parametrize("width", [420, 800, 1280])
def test_heat_map_can_be_chosen_without_moving_the_page(
    browser: Browser, drawing: Path, width: int
) -> None:
    opened = Opened(browser, drawing, width=width)
    before = box(opened.page, "#walk")
    for choice in ("gradient x input", "Grad-CAM", ""):
        opened.page.select_option("#heat-map", choice)
        assert box(opened.page, "#walk") == before, choice
    assert opened.page.locator(".answer canvas").count() == 0
    opened.page.select_option("#heat-map", "occlusion")
    assert opened.page.locator(".answer canvas").count() == 1
    assert not opened.complaints
    opened.close()


def test_layers_are_folded(browser: Browser, drawing: Path) -> None:
    """Eight maps, the largest votes first; unchanged layers are one line; all can be shown."""
    opened = Opened(browser, drawing)
    conv = opened.page.locator(".layer", has_text="conv1")
    assert conv.locator(".plane").count() == 8
    shown = [float(text.replace("\u2212", "-")) for text in conv.locator("small").all_inner_texts()]
    assert [abs(one) for one in shown] == sorted((abs(one) for one in shown), reverse=True)
    conv.locator(".more").click()
    assert conv.locator(".plane").count() == 12
    for name in ("dropout1", "relu2"):  # a ReLU of a ReLU changes nothing
        layer = opened.page.locator(".layer", has_text=name)
        assert layer.locator(".plane").count() == 0
        assert layer.bounding_box()["height"] < 80  # type: ignore[index]
    opened.page.evaluate("piecewise.openNumber(['dropout1', 3, 2, 2])")  # it opens all the same
    assert opened.page.inner_text(".panel h2").startswith("dropout1, map 4, row 3, column 3 = ")
    opened.close()


def test_logits_and_channels_have_names(
    browser: Browser, photo: tuple[Path, pw.Explanation]
) -> None:
    path, explained = photo
    opened = Opened(browser, path)
    page = opened.page
    names = page.locator(".layer", has_text="input").locator("figcaption span").all_inner_texts()
    assert names == ["red", "green", "blue"]
    logits = page.locator(".logits button")
    assert [text.split()[0] for text in logits.all_inner_texts()] == [
        explained.net.classes[label] for label in explained.order
    ]
    logits.first.click()
    best = explained.net.classes[explained.answer]
    assert page.inner_text(".panel h2").startswith(f"full1, logit of {best} = ")
    page.evaluate("piecewise.openNumber(['input', 2, 4, 5])")
    assert page.inner_text(".panel h2").startswith("input, blue, row 5, column 6 = ")
    opened.close()


@pytest.mark.parametrize("width", [1280, 1600])
def test_open_number_does_not_squeeze_the_page(browser: Browser, drawing: Path, width: int) -> None:
    opened = Opened(browser, drawing, width=width)
    before = box(opened.page, "main")["width"]
    opened.page.evaluate("piecewise.openNumber(['conv1', 0, 3, 3])")
    assert opened.page.is_visible(".panel")
    assert box(opened.page, "main")["width"] == before
    opened.close()


def test_wide_window_is_used(browser: Browser, drawing: Path) -> None:
    opened = Opened(browser, drawing, width=1600)
    assert box(opened.page, "main")["width"] >= 1580
    boxes = [one.bounding_box() for one in opened.page.locator(".layer").all()]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"]  # two columns
    opened.close()


def test_number_is_read_at_the_cursor(browser: Browser, drawing: Path) -> None:
    opened = Opened(browser, drawing, width=1280)
    page = opened.page
    plane = page.locator(".layer", has_text="conv1").locator(".plane").first
    plane.scroll_into_view_if_needed()
    plane.hover(position={"x": 40, "y": 30})
    at, readout = plane.bounding_box(), box(page, ".readout")
    assert at
    assert 0 < readout["x"] - (at["x"] + 40) < 40
    assert abs(readout["y"] - (at["y"] + 30)) < 60
    assert page.inner_text(".readout") == plane.get_attribute("aria-label")
    page.mouse.move(2, 2)
    assert not page.is_visible(".readout")
    plane.focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".readout") == plane.get_attribute("aria-label")
    opened.close()


def test_row_of_votes_opens_its_map(browser: Browser, photo: tuple[Path, pw.Explanation]) -> None:
    """Maps that were pooled to one number show what was pooled."""
    opened = Opened(browser, photo[0])
    page = opened.page
    row = page.locator(".ledger .opens").first
    assert row.get_attribute("aria-expanded") == "false"
    row.click()
    assert row.get_attribute("aria-expanded") == "true"
    caption = page.inner_text(".ledger .details figcaption")
    assert caption.startswith(f"values of relu1, {row.inner_text()}; up to ")
    assert violations(page) == []
    row.click()
    assert not page.is_visible(".ledger .details")
    opened.close()


def test_votes_are_those_of_the_sentence(
    browser: Browser, photo: tuple[Path, pw.Explanation]
) -> None:
    path, explained = photo
    assert explained.reason
    opened = Opened(browser, path)
    rows = opened.page.eval_on_selector_all(
        ".ledger tbody tr:not(.details)",
        "all => all.map(row => [row.cells[1].textContent, row.cells[2].textContent])",
    )
    shown = {name: float(vote.replace("\u2212", "-")) for name, vote in rows}
    for one in (*explained.reason.supporting, *explained.reason.opposing):
        assert shown[one.name] == pytest.approx(one.vote, rel=2e-3)
    opened.page.select_option("#vote-class", label=explained.net.classes[explained.answer])
    total = opened.page.inner_text(".ledger .total .number").replace("\u2212", "-")
    assert float(total) == pytest.approx(explained.logits.max(), rel=2e-3)
    opened.close()


def test_words_of_votes_do_not_break(browser: Browser, drawing: Path) -> None:
    opened = Opened(browser, drawing, width=300)
    opened.page.select_option("#vote-class", label="O")
    lines = opened.page.eval_on_selector_all(
        ".ledger .of .quiet", "all => all.map(e => [e.textContent, e.getClientRects().length])"
    )
    assert ["against", 1] in lines
    assert {count for _, count in lines} == {1}
    opened.close()


def test_curves_have_legends_and_bars_tracks(browser: Browser, drawing: Path) -> None:
    opened = Opened(browser, drawing)
    for curve in opened.page.locator(".curve").all():
        assert curve.locator(".legend li").all_inner_texts()[:2] == [
            "probability of X",
            "equal pixels",
        ]
    widths = opened.page.eval_on_selector_all(
        ".track", "all => all.map(e => e.getBoundingClientRect().width)"
    )
    assert len(set(widths)) == 1
    assert widths[0] > 50
    opened.close()


def test_zero_is_seen_on_dark_paper(browser: Browser, drawing: Path) -> None:
    opened = Opened(browser, drawing, scheme="dark")
    zero, paper = opened.page.evaluate(
        "[getComputedStyle(document.documentElement).getPropertyValue('--zero'), "
        "getComputedStyle(document.body).backgroundColor]"
    )
    assert zero.startswith("rgb(")
    assert zero != paper
    opened.close()


@pytest.fixture(scope="module")
def text_report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return text_page(tmp_path_factory.mktemp("text"))


def text_page(folder: Path) -> Path:
    texts = [f"{'call now to claim' if spam else 'see you'} {n}" for n in range(20)
             for spam in (0, 1)]  # fmt: skip
    (folder / "texts.csv").write_text(
        "text,label\n" + "".join(f"{text},{'spam' if 'claim' in text else 'ham'}\n"
                                 for text in texts)
    )  # fmt: skip
    data = pw.read_data(folder / "texts.csv")
    net = pw.Network(
        "embed 4, conv 4 1x2, relu, pool all, full", data.preprocessor.shape, data.classes, 1,
        data.preprocessor,
    )  # fmt: skip
    html = explain_html(net, net.preprocessor.transform(TEXT), original=TEXT)
    return saved(folder, html)


def test_text_is_shown_as_written(browser: Browser, text_report: Path) -> None:
    opened = Opened(browser, text_report, width=420)
    shown = opened.page.evaluate("document.querySelector('.answer blockquote').textContent")
    assert shown == TEXT
    assert opened.page.locator(".answer .word").first.inner_text() == "WINNER!!"
    titles = opened.page.eval_on_selector_all(".answer .word", "all => all.map(e => e.title)")
    largest = max(abs(float(title.replace("\u2212", "-"))) for title in titles)
    legend = opened.page.inner_text(".answer .scale span:last-child")
    assert legend == f"+{largest:.3g} for {opened.page.inner_text('.verdict h1')}"
    opened.page.select_option("#heat-map", "")
    shown = opened.page.evaluate("document.querySelector('.answer blockquote').textContent")
    assert shown == TEXT
    assert violations(opened.page) == []
    assert not opened.complaints
    opened.close()


def test_words_share_the_values_of_ngrams(browser: Browser, tmp_path: Path) -> None:
    """The colours of words are the sums that `passage_sums` computes."""
    known = ("free", "free prize", "a", "-ee", "prize")
    preprocessor = TextPreprocessor("n-grams", known, 8)
    net = pw.Network("embed 3, pool all kind=average, full", preprocessor.shape, ["ham", "spam"],
                     7, preprocessor)  # fmt: skip
    text = "A FREE prize, free!"
    example = preprocessor.transform(text)
    explained = pw.explain(net, example, original=text)
    assert explained.passages
    expected = passage_sums(explained.passages, explained.attributions[0].values[0])
    opened = Opened(browser, saved(tmp_path, explain_html(net, example, original=text)))
    titles = opened.page.eval_on_selector_all(".answer .word", "all => all.map(e => e.title)")
    shown = [float(title.replace("\u2212", "-")) for title in titles]
    assert shown == pytest.approx(expected, rel=1e-2)
    assert len(set(np.abs(shown))) > 1
    opened.close()


def test_evaluate_page_shows_trials_and_linear_baseline(browser: Browser, tmp_path: Path) -> None:
    xo = pw.make_xo(40, size=9, seed=0)
    net = pw.Network("full", (1, 9, 9), ["X", "O"], 1, xo.preprocessor)
    trial = {"layers": "full", "n": 1200, "epochs": 2}
    net.training_summary = {
        "trials": [
            {"name": "<b>small</b>", "accuracy": 0.875, "chosen": True, **trial},
            {"name": "large", "accuracy": 0.75, "note": "too slow", **trial},
        ],
        "scores": {"test": {"accuracy": 0.96}},
        "linear": {"test": {"model": "logistic regression on pixels", "accuracy": 0.725}},
    }
    data = pw.Dataset(
        xo.inputs,
        xo.labels,
        ("X", "O"),
        np.full(40, "test"),
        xo.preprocessor,
        names=[str(one) for one in range(40)],
    )
    scores, logits = pw.evaluate(net, xo.inputs, xo.labels), net.logits(xo.inputs)
    html = evaluate_page(net, data, np.arange(40), logits, scores, name="drawings")
    opened = Opened(browser, saved(tmp_path, html))
    rows = opened.page.eval_on_selector_all(
        "#trials tbody tr", "all => all.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert rows == [
        ["<b>small</b>", "87.5 %", "1,200", "2", "full", "chosen"],
        ["large", "75.0 %", "1,200", "2", "full", "too slow"],
    ]
    assert "test 96.0 % right, logistic regression on pixels 72.5 %" in opened.page.inner_text(
        ".verdict"
    )
    assert violations(opened.page) == []
    assert not opened.complaints
    opened.close()
