"""A tokenizer for texts outside of piecewise: a short Python script, and the vocabulary beside it.

The script needs the standard library only, and gives the numbers of `TextPreprocessor.transform`.
"""

from __future__ import annotations

from ...data.text.decoding import NEW_CODE_POINTS
from ...data.text.ngrams import CASELESS_MIDDLE, END, MAX_AFFIX, MIDDLE, START
from ...data.text.preprocessor import NGRAMS, UNKNOWN, TextPreprocessor
from ...data.text.vocabulary import INVISIBLE, MAX_DIGITS, MAX_WORD_LENGTH, WORD
from ...spec.layer_base import PADDING
from ..exporter import Files
from ..readable import json_text

VOCABULARY, SCRIPT = "vocabulary.json", "tokenizer.py"


def tokenizer_files(preprocessor: TextPreprocessor) -> Files:
    """The vocabulary and the script of a preprocessor of texts."""
    vocabulary = json_text(preprocessor.to_json(), indent=0)
    units = preprocessor.units
    parts = [_START, *([] if units == "letters" else [_WORDS]), _UNITS[units]]
    parts += [_KNOWN if units == NGRAMS else _ALL, _MAIN]
    return {VOCABULARY: f"{vocabulary}\n".encode(), SCRIPT: _filled("".join(parts)).encode()}


def _filled(script: str) -> str:
    """The script with the constants of the package for their names in double angle brackets."""
    values = {
        "new": _wrapped(f"([{NEW_CODE_POINTS}])"),
        "invisible": _wrapped(INVISIBLE.pattern),
        "word": ascii(WORD.pattern),
        "word_length": MAX_WORD_LENGTH,
        "digits": MAX_DIGITS,
        "start": ascii(START),
        "end": ascii(END),
        "affix": MAX_AFFIX,
        "caseless": CASELESS_MIDDLE,
        "middle": MIDDLE,
        "padding": PADDING,
        "unknown": UNKNOWN,
        "first": UNKNOWN + 1,
    }
    for name, value in values.items():
        script = script.replace(f"<<{name}>>", str(value))
    return script


def _wrapped(pattern: str) -> str:
    """A pattern as strings on several lines."""
    pieces = [pattern[start : start + 8] for start in range(0, len(pattern), 8)]
    return "\n    ".join(map(ascii, pieces))


_START = '''\
"""Turns a text into the token numbers of the network: tokenize("your text").

Needs Python 3.11 or later, and vocabulary.json in the folder of this file. On the command line,
`python tokenizer.py "your text"` prints the numbers.
"""

import json
import re
import sys
import unicodedata
from pathlib import Path

VOCABULARY = json.loads((Path(__file__).parent / "vocabulary.json").read_text("utf-8"))
NUMBERS = {entry: number for number, entry in enumerate(VOCABULARY["vocabulary"], <<first>>)}
NEW = re.compile(  # characters that not every Python knows
    <<new>>
)
INVISIBLE = re.compile(
    <<invisible>>
)


def composed(text):
    return "".join(unicodedata.normalize("NFC", piece) for piece in NEW.split(text))


def kind(character):
    """L for letters and marks, 0 for digits, ' for apostrophes, S for symbols, or a space."""
    category = unicodedata.category(character)
    if character in "'\\u2019":
        return "'"
    if NEW.match(character):
        return "S"
    if category[0] in "LM":
        return "L"
    if category == "Nd":
        return "0"
    return " " if category[0] == "Z" or category in ("Cc", "Cf", "Cs") else "S"


def plain(text):
    """In lower case, without invisible characters, every digit as 0."""
    text = composed(composed(INVISIBLE.sub("", text)).casefold())
    return "".join(kind(c) if kind(c) in "0' " else c for c in text)
'''

_WORDS = """

def words(text):
    text = plain(text)
    for run in re.finditer(<<word>>, "".join(map(kind, text))):
        word = text[run.start() : run.end()]
        yield word[:<<digits>>] if word[0] == "0" else word
"""

_UNITS = {
    "words": """

def units(text):
    return [word[:<<word_length>>] for word in words(text)]
""",
    "letters": """

def units(text):
    return list(" ".join(plain(text).split()))
""",
    NGRAMS: '''

def parts(word):
    """Parts of a word: its beginnings, its ends, and those inside it."""
    if kind(word[0]) != "L":
        return
    for length in range(1, min(<<affix>>, len(word) - 1) + 1):
        yield f"{word[:length]}-"
    for length in range(1, min(<<affix>>, len(word) - 1) + 1):
        yield f"-{word[-length:]}"
    for length in <<caseless>> if unicodedata.category(word[0]) == "Lo" else <<middle>>:
        for start in range(1, len(word) - length):
            yield f"-{word[start : start + length]}-"


def units(text):
    """The start, then words, then sequences of two and three words, then parts of words."""
    whole = list(words(text))
    cut = [word[:<<word_length>>] for word in whole]
    marked = [<<start>>, *cut, <<end>>] if cut else []
    found = [*marked[:1], *cut]
    for length in (2, 3):
        for start in range(len(marked) - length + 1):
            found.append(" ".join(marked[start : start + length]))
    for word in whole:
        found.extend(parts(word))
    return found
''',
}

_ALL = '''

def tokenize(text):
    """The numbers of the first units: <<unknown>> for unknown ones, <<padding>> after the end."""
    numbers = [NUMBERS.get(unit, <<unknown>>) for unit in units(text)]
    return (numbers + [<<padding>>] * VOCABULARY["positions"])[: VOCABULARY["positions"]]
'''

_KNOWN = '''

def tokenize(text):
    """The numbers of the first known n-grams of a text, each once; <<padding>> after the end."""
    numbers = list(dict.fromkeys(NUMBERS[unit] for unit in units(text) if unit in NUMBERS))
    return (numbers + [<<padding>>] * VOCABULARY["positions"])[: VOCABULARY["positions"]]
'''

_MAIN = """

if __name__ == "__main__":
    print(*tokenize(sys.argv[1]))
"""
