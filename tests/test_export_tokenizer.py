"""The tokenizer beside exported networks of texts: the numbers of `TextPreprocessor.transform`."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piecewise import TextPreprocessor
from piecewise.data.text.decoding import NEW_CODE_POINTS
from piecewise.data.text.ngrams import count_ngrams, most_common_ngrams
from piecewise.data.text.preprocessor import UNITS
from piecewise.data.text.vocabulary import INVISIBLE, letters, words
from piecewise.exchange.source_code.tokenizer import SCRIPT, VOCABULARY, tokenizer_files

from .naughty import naughty
from .real_data import real

TEXTS = [
    *naughty(),
    "",
    "   ",
    "\ufeff",
    "It's the dogs' bone, isn\u2019t it? ''quoted'' 'twas",
    "don\u200d't co\u00adop\u00ader\u00adate",
    "ĐẶNG Öl öl O\u0308l STRASSE Straße ﬁne İstanbul ΣΊΣΥΦΟΣ ς",
    "我喜欢吃苹果。他在北京大学学习\uff01我们的家庭",
    "ภาษาไทยไม่มีช่องว่าง",
    "한국어 한국어 テスト てすと",
    "שלום עולם مرحبا بالعالم नमस्ते",
    "👩‍👩‍👧‍👦 🇩🇪 👍🏽 ☃️ ❤️😀😀",
    "1234567890123 ٣٤٥ १२ ½ Ⅷ 3.14 +49-170-1234567 12'34",
    "a" * 300 + " " + "1" * 30 + " " + "ab'" * 60,
    "tab\tline\nbreak\r\nsep\u2028end\x85\x1c\x1f",
    "\ud800 lone \udfff surrogates",
    "e\u0301\u0323 e\u0323\u0301 q\u0307\u0323 \u1e9b\u0323",
    "".join(NEW_CODE_POINTS) + "a\u0ceca\U0001e08f\u0301",
    "\u03b1\u0345\u0301 \u03b1\u0301\u0345",  # composed before the case is folded
    "x".join("\u00ad\u034f\u180b\u200c\u2060\ufe0f\U000e0001"),
]


@cache
def pair(units: str) -> tuple[TextPreprocessor, Callable[[str], list[int]]]:
    """A preprocessor fitted to a part of the texts, and the function of its script."""
    some = [text.encode("utf-8", "ignore").decode() for text in TEXTS]
    every = Random(0).sample(some, len(some) // 2)
    if units == "n-grams":
        vocabulary = most_common_ngrams(count_ngrams(every), 6_000)
    else:
        split = words if units == "words" else letters
        vocabulary = tuple(dict.fromkeys(one for text in every for one in split(text)))[::2]
    preprocessor = TextPreprocessor(units, vocabulary, 90)
    return preprocessor, tokenize_of(preprocessor)


def tokenize_of(preprocessor: TextPreprocessor) -> Callable[[str], list[int]]:
    """The function of the script that is written for a preprocessor."""
    with TemporaryDirectory() as folder:
        for name, content in tokenizer_files(preprocessor).items():
            (Path(folder) / name).write_bytes(content)
        spec = importlib.util.spec_from_file_location("tokenizer", Path(folder) / SCRIPT)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    tokenize: Callable[[str], list[int]] = module.tokenize
    return tokenize


@pytest.mark.parametrize("units", UNITS)
def test_script_gives_numbers_of_transform_for_naughty_texts(units: str) -> None:
    preprocessor, tokenize = pair(units)
    used = set[int]()
    for text in TEXTS:
        assert tokenize(text) == preprocessor.transform(text).tolist(), ascii(text)
        used.update(tokenize(text))
    assert len(used) > 60


@pytest.mark.parametrize("units", UNITS)
@given(text=st.text(max_size=40))
def test_script_gives_numbers_of_transform_for_any_text(units: str, text: str) -> None:
    preprocessor, tokenize = pair(units)
    assert tokenize(text) == preprocessor.transform(text).tolist()


@pytest.mark.parametrize("units", UNITS)
def test_script_gives_numbers_of_transform_for_every_character(units: str) -> None:
    """Each character between two letters, in a vocabulary that knows all of its neighbours."""
    codes = [range(0x3200), range(0xA640, 0x20000, 5), range(0x2B700, 0x2EC00, 11)]
    points = [chr(code) for some in codes for code in some]
    texts = ["a" + "A".join(points[start : start + 16]) for start in range(0, len(points), 16)]
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    split = {"words": words, "letters": letters}.get(units)
    if split is None:
        vocabulary = most_common_ngrams(count_ngrams(texts), 50_000)
    else:
        vocabulary = tuple(dict.fromkeys(one for text in texts for one in split(text)))[:50_000]
    preprocessor = TextPreprocessor(units, vocabulary, 64)
    tokenize = tokenize_of(preprocessor)
    for text in texts:
        assert tokenize(text) == preprocessor.transform(text).tolist(), ascii(text)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("table", ["sms-spam.csv", "trec.csv", "agnews.csv"])
def test_script_gives_numbers_of_transform_for_real_texts(table: str, units: str) -> None:
    with real(table).open(encoding="utf-8", newline="") as file:
        texts = [max(row, key=len) for row, _ in zip(csv.reader(file), range(900), strict=False)]
    if units == "n-grams":
        vocabulary = most_common_ngrams(count_ngrams(texts[:400]), 20_000)
    else:
        split = words if units == "words" else letters
        vocabulary = tuple(dict.fromkeys(one for text in texts[:400] for one in split(text)))
    preprocessor = TextPreprocessor(units, vocabulary, 64)
    tokenize = tokenize_of(preprocessor)
    for text in texts:
        assert tokenize(text) == preprocessor.transform(text).tolist(), ascii(text)


@pytest.mark.parametrize("units", UNITS)
def test_script_is_short_and_plain(units: str) -> None:
    files = tokenizer_files(pair(units)[0])
    script = files[SCRIPT].decode("ascii")
    assert "<<" not in script
    assert max(map(len, script.splitlines())) <= 100
    imports = [line for line in script.splitlines() if "import" in line]
    assert imports == [
        "import json",
        "import re",
        "import sys",
        "import unicodedata",
        "from pathlib import Path",
    ]
    assert len(script.splitlines()) < 116
    assert INVISIBLE.pattern.encode("ascii", "backslashreplace").decode()[:5] in script
    assert files[VOCABULARY].decode().endswith("}\n")
