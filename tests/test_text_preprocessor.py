# ruff: noqa: RUF001, SIM905 - texts of many scripts; lists of words as they are read
"""Texts as numbers: how they are split, what is decided from them, and what each then becomes."""

from __future__ import annotations

import hashlib
import json
import random
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from piecewise.core.errors import DataError, LimitError
from piecewise.data.sources.csv_tables import read_text_table
from piecewise.data.text.preprocessor import (
    MAX_POSITIONS,
    MAX_WORDS,
    TextPreprocessor,
    fit_text_preprocessor,
)
from piecewise.data.text.vocabulary import MAX_DIGITS, choose_units, letters, tokenize, words

from .real_data import real

SMALL = TextPreprocessor("words", ("free", "hello", "!", "0000"), 6)

ENGLISH = ["call me when you are home", "are you at home", "call now", "when are you free", "now"]
CHINESE = [
    "今天天气很好，我们去公园散步吧",
    "昨天我买了一本很有意思的书",
    "你什么时候有空一起吃饭",
    "这家餐厅的服务态度非常差",
    "明天早上八点在车站见面",
    "我觉得这部电影一点也不好看",
]
THAI = ["สวัสดีครับวันนี้อากาศดีมาก", "ขอบคุณมากสำหรับความช่วยเหลือ", "พรุ่งนี้เจอกันที่สถานีรถไฟ"]


# Splitting.


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        (" \t\r\n\u3000\u2028", []),
        ("Hello, WORLD!", ["hello", ",", "world", "!"]),
        ("don't 'quote' rock'n'roll '", "don't ' quote ' rock'n'roll '".split()),
        ("don\u2019t", ["don't"]),
        ("Call 0800-123 or 07123456789012", "call 0000 - 000 or 00000000".split()),
        ("gr8 2nd", "gr 0 0 nd".split()),
        ("£5.99 €3 $1", "£ 0 . 00 € 0 $ 0".split()),
        ("snake_case a+b", "snake _ case a + b".split()),
        ("👍🏽👨\u200d👩\u200d👧 ❤\ufe0f!!", ["👍", "🏽", "👨", "👩", "👧", "❤", "!", "!"]),
        ("السلام عليكم، ٣٤٥", ["السلام", "عليكم", "،", "000"]),
        ("كَتَبَ", ["كَتَبَ"]),
        ("\u200fשלום\u200e (x)", ["שלום", "(", "x", ")"]),
        ("मैं हिन्दी पढ़ता हूँ।", ["मैं", "हिन्दी", "पढ़ता", "हूँ", "।"]),
        ("क्\u200dष क्ष", ["क्ष", "क्ष"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("今天，很好", ["今天", "，", "很好"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("I İ ı i", ["i", "i\u0307", "ı", "i"]),
        ("ΟΔΟΣ οδος", ["οδοσ", "οδοσ"]),
        ("x² ½", ["x", "²", "½"]),
        ("a\0b\x85c\ud800d", ["a", "b", "c", "d"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zero", "width"]),
    ],
)
def test_words(text: str, wanted: list[str]) -> None:
    assert words(text) == wanted


def test_composed_and_combining_accents_are_equal() -> None:
    for one, other in (("Café", "Cafe\u0301"), ("ẬN", "A\u0302\u0323N"), ("ận", "a\u0323\u0302n")):
        assert words(one) == words(other)
        assert letters(one) == letters(other)
    assert words("각") == words("\u1100\u1161\u11a8")  # Hangul, by its parts


def test_letters_have_single_spaces() -> None:
    assert letters("  Ab\t\n c\u30009 ") == ["a", "b", " ", "c", " ", "0"]
    assert letters("今天") == ["今", "天"]
    assert letters(" \0 ") == []


def test_long_words_and_numbers_are_cut() -> None:
    assert words("ก" * 250) == ["ก" * 100]
    assert words("9" * 50) == ["0" * MAX_DIGITS]
    assert len(words("a" * 99 + "'b" * 40)[0]) == 100


def test_tokenize_is_the_same_on_every_python() -> None:
    """The same number on Python 3.11, 3.12 and 3.13, whose Unicode tables differ."""
    digest = hashlib.sha256()
    for start in (*range(0, 0x40000, 64), *range(0xE0000, 0xE1000, 64)):  # no others are given
        text = "".join(map(chr, range(start, start + 64)))
        for found in (words("a" + " a".join(text)), letters(text)):
            digest.update(ascii(found).encode())
    assert digest.hexdigest()[:16] == "644d6bc7aa815648"


# Deciding.


def test_choose_units_repeating_words_give_words() -> None:
    made = fit_text_preprocessor(ENGLISH)
    assert made.units == "words"
    assert made.vocabulary == (
        "are", "you", "call", "home", "now", "when", "at", "free", "me"
    )  # fmt: skip
    assert made.positions == 8


@pytest.mark.parametrize("texts", [CHINESE, THAI, ["Anna", "Ben", "Chloé"], ["12 34", "12 34"]])
def test_choose_units_other_texts_give_letters(texts: list[str]) -> None:
    assert fit_text_preprocessor(texts).units == "letters"


def test_choose_units_counts_words_of_the_other_half_only() -> None:
    assert choose_units(["aa aa aa", "bb bb", "aa aa", "bb bb bb"]) == "letters"
    assert choose_units(["aa aa aa", "bb aa"]) == "words"


def test_choose_units_punctuation_does_not_make_words() -> None:
    assert choose_units([f"{text}。，！？" * 3 for text in CHINESE]) == "letters"


def test_vocabulary_is_ordered_by_frequency_then_code_point() -> None:
    texts = ["b a é 🦊 b"] * 2 + ["a z"] * 2 + ["once"]
    assert fit_text_preprocessor(texts).vocabulary == ("a", "b", "z", "é", "🦊", "once")
    assert (
        fit_text_preprocessor(reversed(texts)).vocabulary == fit_text_preprocessor(texts).vocabulary
    )


def test_vocabulary_few_letters_are_all_known() -> None:
    assert fit_text_preprocessor(["abc", "de"]).vocabulary == ("a", "b", "c", "d", "e")
    many = ["".join(chr(0x4E00 + number) for number in range(200)), "一丁"]
    assert fit_text_preprocessor(many).vocabulary == ("一", "丁")


@pytest.mark.parametrize(("different", "known"), [(100, 100), (101, 1)])
def test_vocabulary_few_words_are_all_known(different: int, known: int) -> None:
    once = [chr(0x4E00 + number) for number in range(different - 1)]
    made = fit_text_preprocessor(["the " * 50 + " ".join(once), "the " * 50])
    assert (made.units, len(made.vocabulary)) == ("words", known)


def test_vocabulary_size_is_limited() -> None:
    names = ["".join(chr(97 + number // 26**k % 26) for k in range(4)) for number in range(20_100)]
    made = fit_text_preprocessor([" ".join(names)] * 2 + ["zzzz"])
    assert len(made.vocabulary) == 20_000
    assert made.vocabulary == tuple(sorted(names))[:20_000]
    glyphs = "".join(chr(0x4E00 + number) for number in range(2_100))
    assert len(fit_text_preprocessor([glyphs[::2], glyphs, glyphs[::-1], "x"]).vocabulary) == 2_000


@pytest.mark.parametrize(
    ("lengths", "positions"),
    [
        ([1], 8),
        ([8], 8),
        ([9], 16),
        ([5] * 19 + [100], 8),
        ([5] * 18 + [100] * 2, 104),
        ([500] * 3, 128),
    ],
)
def test_fit_positions_hold_95_percent_of_texts(lengths: list[int], positions: int) -> None:
    made = fit_text_preprocessor(["word " * length for length in lengths] * 2)
    assert (made.units, made.positions) == ("words", positions)


def test_fit_letters_have_more_positions_than_words() -> None:
    assert (
        fit_text_preprocessor([chr(0x4E00 + number) * 500 for number in range(9)]).positions == 400
    )


@pytest.mark.parametrize("units", ["words", "letters"])
def test_fit_memory_is_little_more_than_the_texts(units: str) -> None:
    texts = ["many words that come back " * 40] * 1_000
    if units == "letters":
        texts = ["".join(chr(0x4E00 + n + k * k % 999) for k in range(500)) for n in range(1_000)]
    tracemalloc.start()
    made = fit_text_preprocessor(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.units == units
    assert peak < 3 << 20  # with every unit as an object of its own 12 MB, or 40


def test_fit_nothing_gives_a_preprocessor() -> None:
    for texts in ([], [""], ["", " "]):
        made = fit_text_preprocessor(texts)
        assert made.shape == (1, 2, 8)
        assert made.transform("anything").tolist() == [1] * 8


# Fitting.


def test_transform_text_gives_word_indices() -> None:
    found = SMALL.transform("HELLO you: free!")
    assert found.dtype == np.int64
    assert found.tolist() == [3, 1, 1, 2, 4, 0]
    assert SMALL.transform("").tolist() == [0] * 6
    assert SMALL.transform("free " * 9).tolist() == [2] * 6
    assert SMALL.transform("1234 9876 123").tolist() == [5, 5, 1, 0, 0, 0]


def test_transform_letters_give_indices() -> None:
    made = TextPreprocessor("letters", (" ", "é"), 4)
    assert made.transform("E\u0301  xe").tolist() == [3, 2, 1, 1]
    assert made.description == "texts in letters: a vocabulary of 2, the first 4 of each text"


def test_description() -> None:
    assert (SMALL.kind, SMALL.background, SMALL.shape) == ("texts", "any", (1, 6, 6))
    many = TextPreprocessor("words", tuple(f"a{number}" for number in range(3_412)), 64)
    assert many.description == "texts in words: a vocabulary of 3,412, the first 64 of each text"


def test_warnings() -> None:
    assert SMALL.warning("hello there") is None
    assert SMALL.warning(" \n") == "there is no text in it"
    assert SMALL.warning("bonjour") == "none of its words is one that the net has learned"
    assert SMALL.warning("a b c d e f hello").startswith("none of its words")  # type: ignore[union-attr]
    assert SMALL.warning("hello " * 6) is None
    assert SMALL.warning("hello " * 7) == "only its first 6 words are read"


def test_one_hot_has_one_mark_per_column() -> None:
    numbers = np.stack([SMALL.transform("hello free"), SMALL.transform("what!")])
    rows = SMALL.one_hot(numbers)
    assert rows.shape == (2, 1, 6, 6)
    assert rows.dtype == np.uint8
    assert rows.sum(axis=2).tolist() == [[[1] * 6]] * 2
    assert (rows.argmax(axis=2)[:, 0] == numbers).all()
    assert SMALL.one_hot(numbers[:0]).shape == (0, 1, 6, 6)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (np.zeros(6, np.int64), r"got int64 of the shape \(6,\), wanted whole numbers \(N, 6\)"),
        (np.zeros((1, 5), np.int64), r"of the shape \(1, 5\), wanted whole numbers \(N, 6\)"),
        (np.zeros((1, 6)), "got float64"),
        (np.full((1, 6), 6), "got the words 6 to 6, wanted 0 to 5"),
        (np.full((1, 6), -1), "got the words -1 to -1, wanted 0 to 5"),
        (np.broadcast_to(np.int64(0), (1 << 25, 6)), "1,207,959,552 bytes, wanted at most"),
    ],
)
def test_one_hot_invalid_indices_are_refused(numbers: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        SMALL.one_hot(numbers)


@given(
    st.text(st.characters(exclude_categories=[]), max_size=60),
    st.sampled_from(["words", "letters"]),
)
@example("\ud800\udfff", "letters")
@example("ŉ ΐ ﬃ İ \u0345\u0301α", "words")
def test_any_text_is_transformed_and_fitted(text: str, units: str) -> None:
    made = fit_text_preprocessor([text, text])
    assert TextPreprocessor.from_json(json.loads(json.dumps(made.to_json())), made.shape) == made
    json.dumps(made.to_json(), ensure_ascii=False).encode()
    found = made.transform(text)
    assert found.shape == (made.positions,)
    assert 1 not in found  # all were seen twice
    assert [one for one in tokenize(text, units) if one.isspace() and one != " "] == []
    SMALL.warning(text)


# In a file.


GOOD: dict[str, Any] = {"units": "words", "vocabulary": ["free", "é"], "positions": 6}


def test_json_round_trip() -> None:
    for made in (SMALL, fit_text_preprocessor(ENGLISH), fit_text_preprocessor(CHINESE)):
        assert (
            TextPreprocessor.from_json(json.loads(json.dumps(made.to_json())), made.shape) == made
        )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "got None, wanted its units, vocabulary and positions"),
        ([], "got [], wanted its units"),
        ({"units": "words", "positions": 6}, "wanted its units, vocabulary and positions"),
        ({**GOOD, "more": 1}, "wanted its units, vocabulary and positions"),
        ({**GOOD, "units": "pictures"}, "got 'pictures', wanted words or letters"),
        ({**GOOD, "units": ["words"]}, "got ['words'], wanted words or letters"),
        ({**GOOD, "positions": 0}, "got 0, wanted a whole number from 1 to 4,096"),
        ({**GOOD, "positions": MAX_POSITIONS + 1}, "got 4097, wanted a whole number"),
        ({**GOOD, "positions": 6.0}, "got 6.0, wanted a whole number"),
        ({**GOOD, "positions": True}, "got True, wanted a whole number"),
        ({**GOOD, "positions": 7}, "got (1, 4, 7), wanted (1, 4, 6)"),
        ({**GOOD, "vocabulary": ["free"]}, "got (1, 3, 6), wanted (1, 4, 6)"),
        ({**GOOD, "vocabulary": "free"}, "got 'free', wanted a list of words"),
        ({**GOOD, "vocabulary": {"free": 2}}, "wanted a list of words"),
        ({**GOOD, "vocabulary": ["free", 1]}, "got 1 among its words"),
        ({**GOOD, "vocabulary": ["free", ""]}, "got '' among its words, wanted words of 1 to 100"),
        ({**GOOD, "vocabulary": ["free", "a" * 101]}, "wanted words of 1 to 100 characters"),
        ({**GOOD, "vocabulary": ["free", "e\u0301"]}, "in Unicode's composed form"),
        ({**GOOD, "vocabulary": ["free", "\ud83d"]}, r"got '\ud83d' among its words"),
        ({**GOOD, "vocabulary": ["free", "free"]}, "got an entry more than once"),
        ({**GOOD, "vocabulary": ["a"] * (MAX_WORDS + 1)}, "50,001 entries, wanted at most 50,000"),
        ({**GOOD, "units": "letters"}, "got 'free' among its letters, wanted single characters"),
        (
            {**GOOD, "positions": 4096, "vocabulary": [f"a{n}" for n in range(20_000)]},
            "81,928,192 values, wanted at most",
        ),
    ],
)
def test_json_invalid_is_refused(value: object, words: str) -> None:
    assert TextPreprocessor.from_json(GOOD, (1, 4, 6)).vocabulary == ("free", "é")
    with pytest.raises(DataError) as caught:
        TextPreprocessor.from_json(value, (1, 4, 6))
    assert str(caught.value).startswith("preprocessing: ")
    assert words in str(caught.value)


def test_json_mutated_is_valid_or_refused() -> None:
    rnd = random.Random(9)
    whole = json.dumps(fit_text_preprocessor(ENGLISH).to_json()).encode()
    shape = fit_text_preprocessor(ENGLISH).shape
    refused = made = 0
    for _ in range(4_000):
        content = bytearray(whole)
        for _ in range(rnd.choice((1, 1, 2, 5))):
            at = rnd.randrange(len(content))
            content[at : at + rnd.randrange(3)] = rnd.choice(
                (
                    b'"',
                    b",",
                    b"[",
                    b"]",
                    b"0",
                    b"9e9",
                    b"null",
                    b"\\ud800",
                    bytes([rnd.randrange(256)]),
                )
            )
        try:
            value = json.loads(content)
        except ValueError:
            continue
        try:
            assert TextPreprocessor.from_json(value, shape).shape == shape
            made += 1
        except DataError:
            refused += 1
    assert min(refused, made) > 50


def test_invalid_preprocessor_is_refused() -> None:
    with pytest.raises(LimitError, match="got 'Words', wanted words or letters"):
        TextPreprocessor("Words", (), 8)
    with pytest.raises(LimitError, match="got 0, wanted a whole number from 1 to 4,096"):
        TextPreprocessor("words", (), 0)


# Real messages.


def test_real_messages_are_read_fitted_and_transformed() -> None:
    path = real("sms-spam.csv")
    table = read_text_table(path)
    learned = [text for text, part in zip(table.texts, table.splits, strict=True) if part != "test"]
    made = fit_text_preprocessor(learned)
    numbers = np.stack([made.transform(text) for text in table.texts])
    assert (len(table.texts), table.skipped) == (5_160, [])
    assert made.units == "words"
    assert 2_000 < len(made.vocabulary) < 5_000
    assert made.positions == 48
    unknown = (numbers[table.splits == "test"] == 1).sum() / (
        numbers[table.splits == "test"] > 0
    ).sum()
    assert unknown < 0.1
