"""Export to HTML: the JavaScript of the file gives the numbers of piecewise, offline and safely."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

import piecewise as pw
from piecewise.data.audio.decoding import Sound
from piecewise.exchange import registry
from piecewise.exchange.html import exporter as html_exporter
from piecewise.exchange.html.exporter import FILE, HtmlExporter
from piecewise.exchange.passport.generated import generated_samples
from piecewise.exchange.passport.samples import samples_of as raw_samples
from piecewise.exchange.runner import Outputs, RunnerError, Samples
from piecewise.exchange.runners import javascript
from piecewise.exchange.runners.javascript import JavaScriptRunner

from .browser import chromium
from .exchange_judging import (
    ALL,
    PROBABILITIES,
    assert_agrees,
    assert_catches_changes,
    errors,
    net_of,
    usage_code,
    write,
)
from .exchange_nets import picture_net, random_net, samples_of, saved
from .html_pages import answers_of_page, open_page
from .long import now_and_long
from .naughty import naughty
from .programs import needs_chromium, needs_node

FOLDER = Path(html_exporter.__file__).parent
EXPORTER = HtmlExporter()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def html_of(net: pw.Network) -> str:
    return EXPORTER.files(saved(net))[FILE].decode()


def judged(browser: Browser, net: pw.Network, folder: Path) -> Outputs:
    """What the page answers for some inputs."""
    opened = open_page(browser, net, folder)
    outputs = answers_of_page(opened, samples_of(net))
    assert not opened.complaints
    assert not opened.beyond
    opened.close()
    return outputs


IN_CHROMIUM = ["picture colour", "picture deck", "sound", "text windows"]
"""The others run there with the long tests, and all random nets in node."""


@needs_chromium
@pytest.mark.parametrize("kind", now_and_long(ALL, IN_CHROMIUM))
def test_html_in_chromium_agrees_for_every_kind_of_net(
    browser: Browser, kind: str, tmp_path: Path
) -> None:
    net = net_of(kind)
    outputs, expected = judged(browser, net, tmp_path), net.logits(samples_of(net).inputs)
    assert outputs.logits is not None
    assert np.array_equal(outputs.logits, expected)  # bit for bit
    assert np.abs(outputs.probabilities - net.probabilities_of(expected)).max() <= 1e-6


@needs_node
@pytest.mark.parametrize("kind", ["picture deck", "sound", "text strides"])
def test_html_catches_changed_kernels(kind: str, tmp_path: Path) -> None:
    assert_catches_changes(kind, EXPORTER, JavaScriptRunner().run, tmp_path)


@needs_node
@pytest.mark.parametrize("seed", now_and_long(range(60), range(20)))
def test_html_of_random_net_agrees(seed: int, tmp_path: Path) -> None:
    assert_agrees(random_net(seed, texts=seed % 4 == 3), EXPORTER, JavaScriptRunner().run, tmp_path)


@needs_node
@pytest.mark.parametrize("kind", ["picture colour", "picture average", "sound", "text windows"])
def test_node_prepares_raw_samples_and_agrees(kind: str, tmp_path: Path) -> None:
    net = net_of(kind)
    write(EXPORTER.files(saved(net)), tmp_path)
    texts = ["wa wb WC", "", "wz, wy", "of no use"]
    samples = (
        raw_samples(net.preprocessor, texts)
        if kind.startswith("text")
        else generated_samples(saved(net), 8)
    )
    assert (samples.raw is None) == (kind == "picture average")  # its pictures have two channels
    outputs = JavaScriptRunner().run(tmp_path, samples)
    expected = net.probabilities(samples.inputs)
    assert np.abs(outputs.probabilities - expected).max() <= PROBABILITIES
    assert expected.std(axis=0).max() > 1e-3


@needs_chromium
@pytest.mark.parametrize("kind", ["picture grey", "text average"])
def test_chromium_answers_where_there_is_no_node(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(javascript, "_node", lambda: None)
    runner = JavaScriptRunner()
    assert "Chromium" in str(runner.version())
    logits, probabilities = errors(net_of(kind), EXPORTER, runner.run, tmp_path)
    assert logits <= 1e-5
    assert probabilities <= 1e-6


def test_runner_without_browser_and_node_has_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(javascript, "_node", lambda: None)
    monkeypatch.setattr(javascript, "_chromium", lambda: None)
    assert JavaScriptRunner().version() is None
    with pytest.raises(RunnerError, match=r"Node\.js is not installed"):
        javascript.answers_of_node(tmp_path / FILE, [])


def test_registry_knows_exporter_and_runner() -> None:
    assert isinstance(registry.exporter("html"), HtmlExporter)
    assert any(isinstance(one, JavaScriptRunner) for one in registry.runners())


@pytest.mark.parametrize("kind", ["picture grey", "sound", "text windows"])
def test_same_net_gives_same_bytes(kind: str) -> None:
    assert html_of(net_of(kind)) == html_of(net_of(kind))


@pytest.mark.parametrize("kind", ["picture colour", "sound", "text average"])
def test_policy_allows_the_scripts_of_the_file_alone(kind: str) -> None:
    html = html_of(net_of(kind))
    rules = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert rules
    assert rules[1].startswith("default-src &#x27;none&#x27;; script-src &#x27;sha256-")
    for trap in ("unsafe", "http", "*", "data:"):
        assert trap not in rules[1]
    assert "http" not in re.sub(r"http-equiv", "", html)


def test_modules_are_small_and_never_read_texts_as_html() -> None:
    modules = sorted((FOLDER / "modules").rglob("*.js"))
    assert len(modules) > 20
    for path in modules:
        text = path.read_text("utf-8")
        assert text.count("\n") <= 300, path
        for trap in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(",
                     "http", "</script", "<!--", "fetch(", "Function("):  # fmt: skip
            assert trap not in text, f"{path}: {trap}"
    style = (FOLDER / "style.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style


def test_every_module_is_in_some_file() -> None:
    html = "".join(html_of(net_of(kind)) for kind in ("picture grey", "sound", "text average"))
    for path in (FOLDER / "modules").rglob("*.js"):
        assert f"\n// {path.relative_to(FOLDER / 'modules').as_posix()}\n" in html


def test_hostile_class_names_cannot_leave_the_data() -> None:
    names = tuple(naughty()[:500])
    html = html_of(pw.Network("full", (1, 4, 4), names))
    assert html.count("<script") == 4
    assert html.count("</script>") == 4
    assert html.count("<!--") == 0
    title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
    assert title
    assert not set("<>") & set(title[1])


def test_usage_is_short_and_names_the_file() -> None:
    assert "piecewise.classify" in usage_code(EXPORTER, picture_net("grey"), "js")
    assert FILE in EXPORTER.usage(saved(picture_net("grey")))


@needs_chromium
def test_inputs_of_wrong_sizes_are_refused(browser: Browser, tmp_path: Path) -> None:
    for kind, wrong in (("picture grey", [1, 2]), ("text average", [99] * 12)):
        opened = open_page(browser, net_of(kind), tmp_path / kind)
        problem = opened.page.evaluate(
            "(wrong) => { try { piecewise.logits(wrong) } catch (error) { return error.message } }",
            wrong,
        )
        assert re.match(r"got an input of 2 numbers, wanted 357|got a token that is", problem)
        opened.close()


def test_samples_that_a_page_prepares_otherwise_are_passed_prepared() -> None:
    sound = Sound(np.zeros(100, np.float32), 8_000)
    assert javascript._raw_item(sound, 16_000) is None
    assert javascript._raw_item(sound, 8_000)
    wide = np.zeros((4, 4, 1), np.float32)
    assert javascript._raw_item(wide, None) is None
    assert javascript._raw_item(wide.astype(np.uint16), None)
    inputs = np.zeros((1, 1, 4, 4), np.uint8)
    (item,) = javascript._items(Samples(inputs, inputs.astype(np.float32), [wide]), None)
    assert (item["kind"], item["dtype"]) == ("input", "uint8")
