"""The tokens in exported HTML files: those of piecewise, for every text."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
from playwright.sync_api import Browser

import piecewise as pw
from piecewise.core.array_types import Array
from piecewise.data.text.ngrams import ngrams
from piecewise.data.text.vocabulary import tokenize

from .browser import chromium
from .html_pages import open_page, probability_error, results_of_page
from .long import now_and_long
from .naughty import naughty
from .programs import needs_chromium
from .real_data import real
from .test_export_html_inputs import EXACT, net_for

pytestmark = needs_chromium

_RANGES = (
    (0x20, 0x7F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5B0, 0x5EA),
    (0x620, 0x670), (0x900, 0x97F), (0xB80, 0xBFF), (0xCF0, 0xCF4), (0xE00, 0xE7F),
    (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x20FF), (0x2150, 0x218F), (0x2C00, 0x2C5F),
    (0x3040, 0x30FF), (0x4E00, 0x4E80), (0xA640, 0xA69F), (0xAC00, 0xAC80), (0xF900, 0xFAFF),
    (0xFB00, 0xFB4F), (0xFE00, 0xFE2F), (0xFF00, 0xFFEF), (0x10400, 0x1044F), (0x11240, 0x11248),
    (0x1D400, 0x1D7FF), (0x1E8D0, 0x1E95F), (0x1F300, 0x1F6FF), (0xE0000, 0xE01EF),
)  # fmt: skip
"""Scripts with case, marks, joiners and digits, and characters of Unicode 15."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def mixed_texts(count: int) -> list[str]:
    """Texts of characters of several scripts, with their marks in any order."""
    random = Random(0)
    texts = []
    for _ in range(count):
        ranges = random.choices(_RANGES, k=3)
        codes = [random.randint(*random.choice(ranges)) for _ in range(random.randint(1, 40))]
        texts.append("".join(map(chr, codes)))
    return texts


def check_texts(browser: Browser, folder: Path, units: str, texts: list[str]) -> None:
    """A page reads the same tokens, each of which has a number of its own."""
    counts = Counter[str]()
    for text in texts:
        counts.update(ngrams(text) if units == "n-grams" else tokenize(text, units))
    vocabulary = tuple(token for token, _ in counts.most_common(50_000))
    preprocessor = pw.TextPreprocessor(units, vocabulary, 200)
    net = net_for(preprocessor)
    opened = open_page(browser, net, folder)
    results = opened.page.evaluate("(texts) => texts.map((text) => piecewise.prepare(text))", texts)
    for text, result in zip(texts, results, strict=True):
        found: Array = np.array(result["inputs"][0])
        assert found.tolist() == preprocessor.transform(text).tolist(), (text, units)
        assert result["warning"] == preprocessor.warning(text)
    assert not opened.complaints
    opened.close()


@pytest.mark.parametrize("count", now_and_long([200, 1_500], [200]))
@pytest.mark.parametrize("units", ["words", "letters", "n-grams"])
def test_naughty_and_mixed_texts_become_same_tokens(
    browser: Browser, tmp_path: Path, units: str, count: int
) -> None:
    check_texts(browser, tmp_path, units, [*naughty(), *mixed_texts(count), "", "x " * 500])


def test_every_kind_of_character_becomes_the_same_letter(browser: Browser, tmp_path: Path) -> None:
    codes = range(0x110000)
    changing = [chr(code) for code in codes if chr(code).casefold() != chr(code)]
    composed = [chr(code) for code in codes if unicodedata.decomposition(chr(code))]
    others = [
        chr(code) for code in codes[::7] if unicodedata.category(chr(code)) not in ("Cs", "Co")
    ]
    characters = list(dict.fromkeys([*changing, *composed, *others[:30_000]]))
    pieces = [characters[start : start + 40] for start in range(0, len(characters), 40)]
    check_texts(browser, tmp_path, "letters", ["a".join(piece) for piece in pieces])


def test_marks_that_not_every_python_knows_are_not_reordered(
    browser: Browser, tmp_path: Path
) -> None:
    """The browser puts the lower mark first, because it knows the upper one of Unicode 15."""
    text = "a\U0001e08f\u0316b c\u0316\u0301d"
    check_texts(browser, tmp_path, "letters", [text])
    assert tokenize(text, "letters")[1] == "\U0001e08f"


REAL = [("sms-spam.csv", "words"), ("sms-spam.csv", "n-grams"), ("trec.csv", "letters")]


@pytest.mark.parametrize(("name", "units"), now_and_long(REAL, REAL[1:2]))
def test_real_texts_answer_the_same(
    browser: Browser, tmp_path: Path, name: str, units: str
) -> None:
    data = pw.read_data(real(name))
    assert data.texts is not None
    texts = [str(data.texts[index]) for index in range(300)]
    counts = Counter(token for text in texts[:200] for token in
                     (ngrams(text) if units == "n-grams" else tokenize(text, units)))  # fmt: skip
    vocabulary = tuple(token for token, _ in counts.most_common(800))
    net = net_for(pw.TextPreprocessor(units, vocabulary, 64))
    opened = open_page(browser, net, tmp_path)
    results = results_of_page(opened, [text.encode() for text in texts])
    inputs = np.stack([net.preprocessor.transform(text) for text in texts])
    assert [one["inputs"][0] for one in results] == inputs.tolist()
    assert probability_error(net, results, inputs) <= EXACT
    opened.close()


def test_text_files_are_read_in_both_encodings(browser: Browser, tmp_path: Path) -> None:
    net = net_for(pw.TextPreprocessor("words", ("straße", "strasse", "ok"), 4))
    opened = open_page(browser, net, tmp_path)
    text = "OK Straße"
    contents = [text.encode(), b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16"), b"\xff\x00"]
    *read, broken = results_of_page(opened, contents)
    assert [one["inputs"] for one in read] == [[[4, 3, 0, 0]]] * 3
    assert broken["problem"] == "it is not a text in UTF-8"
    opened.close()
