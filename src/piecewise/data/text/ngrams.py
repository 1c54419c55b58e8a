"""N-grams of a text: its words, sequences of two and three words, and parts of words.

A text becomes the set of its n-grams, each once: first "[start]", which every text has, then the
words, the sequences and the parts, each in the order of the text. Sequences are written with
spaces, and "[start]" and "[end]" stand for the ends of the text: "[start] what is". Parts of words
are written as in a dictionary: "un-" begins a word, "-ing" ends one, "-stan-" is inside. They
relate misspelled words, endings and whole languages; the sequences relate words to their
neighbours.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise

from .vocabulary import MAX_WORD_LENGTH, is_letters, word_runs

START, END = "[start]", "[end]"
"""The ends of a text in sequences of words. No word looks like them: brackets are words of their
own."""
MAX_AFFIX = 4
"""Letters of the beginnings and ends of words, at most."""
MIDDLE, CASELESS_MIDDLE = (3,), (2, 3)
"""Letters of the parts inside words, and inside those of scripts without upper case: Chinese and
Thai words, say, are short and have no spaces between them."""
SMALL_TEXT_SET = 2_000
"""With fewer texts, most n-grams of new texts are rare or unknown: rare ones are kept if there is
room in the vocabulary, and words learn faster."""
MAX_COUNTED = 2_000_000
"""N-grams counted at a time; if there are more, those seen once so far are forgotten."""
MAX_REMEMBERED = 100_000
"""Words whose numbers are remembered for the next text."""


def ngrams(text: str) -> list[str]:
    """The different n-grams of a text, in order."""
    runs = word_runs(text)
    words = [run[:MAX_WORD_LENGTH] for run in runs]
    parts = chain.from_iterable(map(parts_of, runs))
    start = [START] if runs else []
    return list(dict.fromkeys(chain(start, words, _sequences(words), parts)))


def words_of_ngrams(runs: Sequence[str]) -> dict[str, list[int]]:
    """For each n-gram of a text of these words, the indices of the words that it is made of, at
    every place where it occurs; for "[start]", of all words."""
    words = [run[:MAX_WORD_LENGTH] for run in runs]
    found: dict[str, list[int]] = {START: [*range(len(words))]} if words else {}
    for index, (run, word) in enumerate(zip(runs, words, strict=True)):
        for entry in (word, *parts_of(run)):
            found.setdefault(entry, []).append(index)
    marked = [(-1, START), *enumerate(words), (len(words), END)] if words else []
    for length in (2, 3):
        for start in range(len(marked) - length + 1):
            sequence = marked[start : start + length]
            inside = [index for index, _ in sequence if 0 <= index < len(words)]
            found.setdefault(" ".join(word for _, word in sequence), []).extend(inside)
    return found


def parts_of(word: str) -> tuple[str, ...]:
    """The different parts of a word; none of a number or a symbol."""
    if not is_letters(word):
        return ()
    longest = range(1, min(MAX_AFFIX, len(word) - 1) + 1)
    parts = [f"{word[:length]}-" for length in longest]
    parts += [f"-{word[-length:]}" for length in longest]
    for length in CASELESS_MIDDLE if unicodedata.category(word[0]) == "Lo" else MIDDLE:
        starts = range(1, len(word) - length)
        parts += [f"-{word[start : start + length]}-" for start in starts]
    return tuple(dict.fromkeys(parts))


def is_word(entry: str) -> bool:
    """Whether an n-gram is a whole word: neither a sequence nor a part."""
    is_part = len(entry) > 1 and "-" in (entry[0], entry[-1])
    return " " not in entry and not is_part


def _sequences(words: Sequence[str]) -> Iterator[str]:
    """The sequences of two and three words, with the ends of the text."""
    if not words:
        return
    marked = [START, *words, END]
    for pair in pairwise(marked):
        yield " ".join(pair)
    for triple in zip(marked, marked[1:], marked[2:], strict=False):
        yield " ".join(triple)


def count_ngrams(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each n-gram occurs. Parts of words are counted once for each text and word
    that has them."""
    words, sequences = Counter[str](), Counter[str]()
    for text in texts:
        runs = list(dict.fromkeys(runs_of_text := word_runs(text)))
        words.update(runs)
        cut = [run[:MAX_WORD_LENGTH] for run in runs_of_text]
        start = [START] if runs else []
        sequences.update(list(dict.fromkeys(chain(start, _sequences(cut)))))
        for counts in (words, sequences):
            _forget_rare(counts)
    counts = Counter[str]()
    for word, count in words.items():
        counts[word[:MAX_WORD_LENGTH]] += count
        for part in parts_of(word):
            counts[part] += count
        _forget_rare(counts)
    counts.update(sequences)
    return counts


def _forget_rare(counts: Counter[str]) -> None:
    if len(counts) > MAX_COUNTED:
        for entry in [entry for entry, count in counts.items() if count < 2]:
            del counts[entry]


def most_common_ngrams(counts: Counter[str], most: int) -> tuple[str, ...]:
    """All n-grams that occur in a least number of texts, which is as small as ``most`` allows; the
    most frequent first, ties by code point. If too many occur in the largest number of texts, the
    first of them. With fewer than `SMALL_TEXT_SET` texts, room that is left is filled with words
    and parts that occur in fewer texts: these are more likely to occur in new texts than sequences
    are."""
    by_count = Counter(counts.values())
    least, total = max(by_count, default=0), 0
    for count in sorted(by_count, reverse=True):
        total += by_count[count]
        if total > most:
            break
        least = count
    frequent = [entry for entry, count in counts.items() if count >= least]
    frequent.sort(key=lambda one: (-counts[one], one))
    if len(frequent) >= most or counts[START] >= SMALL_TEXT_SET:
        return tuple(frequent[:most])
    rarer = [entry for entry, count in counts.items() if count < least and " " not in entry]
    rarer.sort(key=lambda one: (-counts[one], not is_word(one), one))
    return (*frequent, *rarer[: most - len(frequent)])


class NgramLookup:
    """The indices of the known n-grams of a text, by a vocabulary; equal to looking up each of
    `ngrams`, but the indices of frequent words and their parts are remembered."""

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = known
        self._words: dict[str, tuple[list[int], list[int]]] = {}

    def indices(self, text: str) -> list[int]:
        """The index of each known n-gram, in order."""
        runs, known = word_runs(text), self._known
        remembered = [self._of_word(run) for run in runs]
        words = chain.from_iterable(word for word, _ in remembered)
        parts = chain.from_iterable(part for _, part in remembered)
        cut = [run[:MAX_WORD_LENGTH] for run in runs]
        sequences = (known[one] for one in _sequences(cut) if one in known)
        start = [known[START]] if runs and START in known else []
        return list(dict.fromkeys(chain(start, words, sequences, parts)))

    def _of_word(self, run: str) -> tuple[list[int], list[int]]:
        found = self._words.get(run)
        if found is None:
            known, word = self._known, run[:MAX_WORD_LENGTH]
            own = [known[word]] if word in known else []
            found = own, [known[part] for part in parts_of(run) if part in known]
            if len(run) <= MAX_WORD_LENGTH:
                if len(self._words) >= MAX_REMEMBERED:
                    self._words.clear()
                self._words[run] = found
        return found
