"""N-grams: how texts are split into them, which ones are known, and the nets that use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import piecewise as pw
from piecewise.core.constraints import MAX_VALUES
from piecewise.core.errors import LimitError
from piecewise.data.inspection.near_duplicate_texts import near_texts
from piecewise.data.text.ngrams import (
    MAX_COUNTED,
    SMALL_TEXT_SET,
    START,
    NgramLookup,
    count_ngrams,
    most_common_ngrams,
    ngrams,
    parts_of,
)
from piecewise.data.text.preprocessor import (
    TextPreprocessor,
    fit_ngram_preprocessor,
)
from piecewise.training.candidates import MANY_TEXTS
from piecewise.training.plan import plan_training

SMALL = TextPreprocessor("n-grams", ("prize", "a prize", "[start] win", "win-", "-in", "-riz-"), 8)
TEXTS = ["win a prize", "a prize", "home"]


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("win", ["w-", "wi-", "-n", "-in"]),
        ("a", []),
        ("ok", ["o-", "-k"]),
        ("prize", ["p-", "pr-", "pri-", "priz-", "-e", "-ze", "-ize", "-rize", "-riz-"]),
        ("000", []),
        ("!", []),
        ("中文字", ["中-", "中文-", "-字", "-文字"]),
        ("中文字符", ["中-", "中文-", "中文字-", "-符", "-字符", "-文字符", "-文字-"]),
    ],
)
def test_parts_of_words(word: str, parts: list[str]) -> None:
    assert list(parts_of(word)) == parts


def test_ngrams_are_start_words_sequences_and_parts_each_once() -> None:
    sequences = ["[start] ok", "ok 00", "00 ok", "ok [end]"]
    triples = ["[start] ok 00", "ok 00 ok", "00 ok [end]"]
    assert ngrams("OK 12 ok") == ["[start]", "ok", "00", *sequences, *triples, "o-", "-k"]
    assert ngrams(" \n") == []


def test_brackets_in_a_text_are_not_its_ends() -> None:
    assert "[start] win" not in ngrams("go [start] win")


def test_long_runs_of_letters_have_all_their_parts() -> None:
    run = "".join(chr(0x4E00 + number) for number in range(1_000))
    assert f"-{run[900:902]}-" in ngrams(run)
    assert max(map(len, ngrams(run + " " + run))) <= 302
    TextPreprocessor("n-grams", tuple(ngrams(f"{run} {run} {run}"))[:40], 8)


def test_counts_are_of_texts() -> None:
    counts = count_ngrams(["win win", "win a prize", "a wig"])
    assert (counts["win"], counts["a"], counts["a prize"], counts["wi-"]) == (2, 2, 1, 3)


def test_rare_ngrams_are_forgotten_if_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_COUNTED >= 1_000_000
    monkeypatch.setattr("piecewise.data.text.ngrams.MAX_COUNTED", 50)
    texts = ["win a prize", "win a prize", *(f"{chr(97 + n)}x{chr(98 + n)}q" for n in range(20))]
    assert len(counts := count_ngrams(texts)) < 200
    assert counts["a prize"] == 2


def test_vocabulary_has_all_of_a_least_count_or_only_words_and_parts() -> None:
    counts = count_ngrams(["a b", "a c", "a b"])
    frequent = "[start]", "[start] a", "a"
    assert most_common_ngrams(counts, 1) == ("[start]",)
    assert most_common_ngrams(counts, 3) == frequent
    assert most_common_ngrams(counts, 4) == (*frequent, "b")  # not the sequences of two texts
    assert most_common_ngrams(counts, 7) == (*frequent, "b", "c")
    assert most_common_ngrams(counts, 8)[3:] == ("[start] a b", "a b", "a b [end]", "b", "b [end]")
    parts = Counter({"a": 3, "-b": 1, "c": 1, "a c": 1, "-d": 2, "a d": 2})
    assert most_common_ngrams(parts, 2) == ("a", "-d")
    assert most_common_ngrams(parts, 4) == ("a", "-d", "a d", "c")
    assert set(most_common_ngrams(counts, 1_000)) == set(counts)
    counts[START] = SMALL_TEXT_SET - 1
    assert len(most_common_ngrams(counts, 7)) == 5
    counts[START] = SMALL_TEXT_SET
    assert most_common_ngrams(counts, 7) == frequent
    assert most_common_ngrams(counts, 9)[:4] == ("[start]", "[start] a", "a", "[start] a b")


@given(st.lists(st.text(max_size=30), max_size=5), st.text(max_size=60))
def test_lookup_equals_looking_up_each(texts: list[str], text: str) -> None:
    vocabulary = most_common_ngrams(count_ngrams(texts), 1_000)
    known = {entry: index for index, entry in enumerate(vocabulary)}
    wanted = [known[one] for one in ngrams(text) if one in known]
    lookup = NgramLookup(known)
    assert lookup.indices(text) == wanted == lookup.indices(text)


def test_transform_leaves_unknown_ngrams_out() -> None:
    numbers = SMALL.transform("Win a prize, win!")
    assert numbers.tolist() == [2, 4, 3, 6, 7, 0, 0, 0]
    assert SMALL.decode(numbers)[:6] == ["prize", "[start] win", "a prize", "-in", "-riz-", ""]
    assert SMALL.decode(numbers, "Win a prize, win!") == SMALL.decode(numbers)


def test_warnings() -> None:
    assert SMALL.warning("win a prize") is None
    assert SMALL.warning(" ") == "there is no text in it"
    assert SMALL.warning("hello") == "none of its n-grams is one that the net has learned"
    started = TextPreprocessor("n-grams", ("[start]", *SMALL.vocabulary), 8)
    assert started.warning("win a prize") is None
    assert started.warning("hello") == SMALL.warning("hello")
    assert started.warning(" ") == "there is no text in it"
    short = TextPreprocessor("n-grams", SMALL.vocabulary, 2)
    assert short.warning("win a prize") == "only its first 2 n-grams are read"
    assert short.is_cut("win a prize")
    assert not SMALL.is_cut("win a prize")


def test_saved_and_loaded() -> None:
    assert TextPreprocessor.from_json(SMALL.to_json(), SMALL.shape) == SMALL
    with pytest.raises(LimitError, match="n-grams of 1 to 302 characters"):
        TextPreprocessor("n-grams", ("x" * 303,), 8)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_fit_is_the_same_for_any_hash_seed(seed: str) -> None:
    code = (
        "from piecewise.data.text.preprocessor import fit_ngram_preprocessor as fit\n"
        "print(fit(['win a prize', 'a prize', 'home'], 20).vocabulary)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert output.stdout.startswith("('-e', '[start]', '-ize', ")
    assert output.stdout == f"{fit_ngram_preprocessor(TEXTS, 20).vocabulary}\n"


def test_fit_within_limits() -> None:
    texts = [f"text {chr(97 + n % 26)}{chr(97 + n % 7)} of many" for n in range(60)]
    made = fit_ngram_preprocessor(texts, 200)
    assert 0 < len(made.vocabulary) <= 200
    assert made.positions % 8 == 0
    long = fit_ngram_preprocessor([" ".join(map(chr, range(0x4E00, 0x8E00)))] * 2, 50_000)
    assert long.vocabulary
    assert (len(long.vocabulary) + 2) * long.positions <= MAX_VALUES


def test_near_duplicates_in_ngrams() -> None:
    texts = ["call me when you are home today", "call me when you are home today!", "win a prize"]
    made = fit_ngram_preprocessor(texts, 1_000)
    rows = np.array([made.transform(text) for text in texts])
    assert near_texts(rows, "n-grams").tolist() == [[0, 1]]


def _spam(path: Path, count: int) -> Path:
    names = ["ann", "bob", "cleo", "dan", "eve"]
    lines = []
    for number in range(count // 2):
        name, day = names[number % 5], number % 28
        lines.append(f"win a prize of {number} pounds; call now,spam")
        lines.append(f"{name} is at home on day {day} with {names[(number + 2) % 5]},ham")
    path.write_text("\n".join(["text,label", *lines]))
    return path


def test_few_texts_have_one_candidate_many_two(tmp_path: Path) -> None:
    few = plan_training(_spam(tmp_path / "few.csv", 60))
    assert [one.name for one in few.candidates] == ["votes of n-grams"]
    assert few.config.layers == "embed 2, pool all kind=average"
    assert few.config.recipe.token_scaling == "idf-words"
    assert (few.splits["train"].inputs[:, 0] == few.splits["train"].inputs[0, 0]).all()  # [start]
    many = plan_training(_spam(tmp_path / "many.csv", SMALL_TEXT_SET - 1))
    assert many.config.recipe.token_scaling == "idf-words"
    many = plan_training(_spam(tmp_path / "many.csv", SMALL_TEXT_SET))
    assert [one.name for one in many.candidates] == ["votes of n-grams", "n-grams"]
    assert many.config.recipe.token_scaling == "idf"
    assert many.candidates[1].layers == "embed 16, pool all kind=average, dropout 0.5, full"
    chosen = plan_training(_spam(tmp_path / "few.csv", 60), layers="embed 4, pool all, full")
    assert [one.name for one in chosen.candidates] == ["default"]


def test_votes_suit_few_classes_and_the_usual_options(tmp_path: Path) -> None:
    path, averaged = _spam(tmp_path / "few.csv", 60), "embed 16, dropout 0.8, pool all kind=average"
    options: list[dict[str, Any]] = [{"optimizer": "adamw"}, {"loss": "squared"}]
    for one in options:
        assert plan_training(path, **one).config.layers == f"{averaged}, full"
    plain = plan_training(path, token_scaling="none").config.recipe
    assert (plain.token_scaling, plain.learning_rate) == ("none", 900)
    lines = [f"thing {number % 40} of {number},class {number % 40}" for number in range(120)]
    path.write_text("\n".join(["text,label", *lines]))
    assert plan_training(path).config.layers == f"{averaged.replace('16', '32')}, full"


def test_misspelled_words_are_understood_and_empty_texts_are_doubtful(tmp_path: Path) -> None:
    result = pw.run_training(pw.plan_training(_spam(tmp_path / "texts.csv", 80)))
    net = result.net
    inputs = np.array([net.preprocess(text)[0] for text in ("Prizze pound!", "bobb at hom", "")])
    assert net.predict(inputs[:2]) == ["spam", "ham"]
    assert net.probabilities(inputs[2:]).max() < 0.7


def test_a_single_candidate_brings_its_preprocessor(tmp_path: Path) -> None:
    plan = plan_training(_spam(tmp_path / "few.csv", 60))
    assert plan.preprocessor.description.startswith("texts in n-grams")
    assert plan.splits["train"].inputs.shape[1:] == plan.preprocessor.example_shape
    path = _spam(tmp_path / "all.csv", 2 * MANY_TEXTS)
    alone = plan_training(path, folds=0, validation_fraction=0.0)  # nothing could judge a trial
    assert len(alone.candidates) == 1
    alone.network()


def _with_split(path: Path, *names: str) -> Path:
    """The table with a split column, whose first lines have these names and the others "train"."""
    header, *lines = path.read_text().splitlines()
    splits = [*names, *["train"] * (len(lines) - len(names))]
    rows = [f"{line},{split}" for line, split in zip(lines, splits, strict=True)]
    path.write_text("\n".join([f"{header},split", *rows]))
    return path


def test_texts_with_a_test_split_train_on_all_others(tmp_path: Path) -> None:
    path = _with_split(_spam(tmp_path / "texts.csv", 80), *["test"] * 20)
    plan = plan_training(path)
    assert (plan.folds, plan.fold_runs) == (5, 3)
    assert {name: len(part.labels) for name, part in plan.splits.items()} == {
        "train": 60,
        "test": 20,
    }
    result = pw.run_training(plan)
    assert set(result.scores) == {"folds", "test"}
    assert result.scores["folds"].n == 36  # three folds of twelve
    assert result.net.calibration.n == 36
    assert plan_training(path, folds=4).fold_runs > 3  # all that were asked for


def test_texts_keep_a_validation_split_that_is_asked_for(tmp_path: Path) -> None:
    path = _with_split(_spam(tmp_path / "texts.csv", 80), *["test"] * 20)
    for option in ({"patience": 3}, {"validation_fraction": 0.2}, {"folds": 0}):
        plan = plan_training(path, **option)
        assert plan.folds == 0
        assert len(plan.splits["validation"].labels) > 0
    own = _with_split(_spam(tmp_path / "own.csv", 80), *["test", "test", "validation"] * 6)
    assert plan_training(own).folds == 0


def test_more_texts_than_the_limit_have_a_validation_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _with_split(_spam(tmp_path / "texts.csv", 80), *["test"] * 20)
    monkeypatch.setattr("piecewise.training.fold_count.CROSS_VALIDATED_TEXTS", 60)
    assert plan_training(path).folds == 5
    monkeypatch.setattr("piecewise.training.fold_count.CROSS_VALIDATED_TEXTS", 59)
    assert plan_training(path).folds == 0
