"""Why a net prefers a class: the sentence and its numbers agree with the ledger."""

from __future__ import annotations

from math import fsum

import numpy as np
import pytest

import piecewise as pw
from piecewise.data.text.ngrams import ngrams, words_of_ngrams
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.data.text.vocabulary import word_runs
from piecewise.insight.attribution.passages import (
    MAX_CHARACTERS,
    passage_sums,
    passages_of,
)
from piecewise.insight.net_facts import net_facts, trials_of
from piecewise.insight.reason import describe_position, joined, located_layer, percent
from piecewise.spec.architecture import Architecture


@pytest.fixture(scope="module")
def drawn() -> tuple[pw.Network, np.ndarray]:
    xo = pw.make_xo(64, size=12, seed=0)
    net = pw.Network(
        "conv 6 3, norm, relu, pool 2, dropout 0.2, full",
        (1, 12, 12),
        ["X", "O", "Z"],
        preprocessor=xo.preprocessor,
    )
    pw.train(net, xo.inputs, xo.labels, pw.Recipe(epochs=3))
    return net, xo.inputs[0]


@pytest.mark.parametrize("label", [0, 1, 2])
def test_reason_agrees_with_ledger(drawn: tuple[pw.Network, np.ndarray], label: int) -> None:
    net, example = drawn
    explained = pw.explain(net, example, label=label)
    reason = explained.reason
    assert reason is not None
    rival = explained.order[1] if label == explained.answer else explained.answer
    assert (reason.label, reason.rival) == (label, rival)
    ours, theirs = explained.votes_for(label), explained.votes_for(rival)
    expected = ours.by_map() - theirs.by_map()
    for one in (*reason.supporting, *reason.opposing):
        assert one.vote == expected[int(one.name.removeprefix("map ")) - 1]
    if reason.supporting:
        assert reason.supporting[0].vote == expected.max() > 0
    if reason.opposing:
        assert reason.opposing[0].vote == expected.min() < 0
    assert reason.difference == explained.logits[label].item() - explained.logits[rival].item()
    total = fsum([*expected.tolist(), ours.bias, -theirs.bias])
    assert reason.difference == pytest.approx(total, abs=1e-5)
    for index in (label, rival):
        name = f"{net.classes[index]} ({percent(explained.probabilities[index])})"
        assert name in reason.sentence
    votes = explained.map_votes[explained.voting_layer]
    np.testing.assert_allclose(votes, expected, atol=1e-5)


def test_sentence_says_where_occlusion_is_largest(drawn: tuple[pw.Network, np.ndarray]) -> None:
    explained = pw.explain(*drawn)
    occlusion = explained.attributions[0].values
    row, column = np.unravel_index(occlusion.argmax(), occlusion.shape)
    where = describe_position(explained.coordinates, int(row), int(column))
    assert explained.reason is not None
    sentence = explained.reason.sentence
    assert (
        f"the part {where} (if it is covered, the logit falls by {occlusion.max():.3g})" in sentence
    )
    assert sentence.startswith("It says X (")
    rival = "O" if " rather than O " in sentence else "Z"
    assert f"; the strongest evidence for {rival} is " in sentence


def test_sentence_about_another_class_names_both(drawn: tuple[pw.Network, np.ndarray]) -> None:
    reason = pw.explain(*drawn, label=1).reason
    assert reason is not None
    assert reason.sentence.startswith("It says X (")
    assert ", not O (" in reason.sentence
    assert "; the strongest evidence for X is " in reason.sentence


def test_net_of_one_class_has_no_reason() -> None:
    net = pw.Network("full", (1, 4, 4), 1, seed=1)
    assert pw.explain(net, np.ones((1, 4, 4), np.float32)).reason is None


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ((0, 0), "at the upper left"),
        ((0, 6), "at the top"),
        ((6, 6), "in the centre"),
        ((6, 11), "at the right"),
        ((11, 6), "at the bottom"),
        ((11, 11), "at the lower right"),
    ],
)
def test_describe_position_names_thirds(
    drawn: tuple[pw.Network, np.ndarray], cell: tuple[int, int], words: str
) -> None:
    assert describe_position(pw.explain(*drawn).coordinates, *cell) == words


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0, "0 %"),
        (0.00004, "< 0.01 %"),
        (0.0042, "0.42 %"),
        (0.0242, "2.4 %"),
        (0.5, "50.0 %"),
        (0.9888, "98.9 %"),
        (0.9988, "99.88 %"),
        (0.99995, "> 99.99 %"),
        (1, "100 %"),
    ],
)
def test_percent_shows_digits_that_matter(fraction: float, text: str) -> None:
    assert percent(fraction) == text


def test_joined_is_a_list_in_a_sentence() -> None:
    assert [joined(list("abc")[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("layers", "voting", "located"),
    [
        ("conv 2 3, relu, pool 2, full", "pool1", "pool1"),
        ("conv 2 3, relu, pool all, full", "pool1", "relu1"),
        ("conv 2 3, relu, conv 3 6, relu, full", "relu2", None),
        ("full", "input", "input"),
    ],
)
def test_located_layer_has_rows_and_columns(layers: str, voting: str, located: str | None) -> None:
    architecture = Architecture(layers, (1, 8, 8), ("a", "b"))
    assert located_layer(architecture, voting) == located


def words(*vocabulary: str, units: str = "words", positions: int = 8) -> TextPreprocessor:
    return TextPreprocessor(units, vocabulary, positions)


def passages(preprocessor: TextPreprocessor, text: str) -> list[tuple[str, tuple[int, ...]]]:
    found = passages_of(preprocessor, preprocessor.transform(text), text)
    assert found is not None
    return [(one.text, one.positions) for one in found]


def test_passages_are_words_as_written() -> None:
    assert passages(words("call"), "  WINNER!! Call\n0800 now") == [
        ("WINNER!! ", (0, 1, 2)),
        ("Call\n", (3,)),
        ("0800 ", (4,)),
        ("now", (5,)),
    ]
    assert passages(words("a"), "Stra\u00dfe, caf\u0065\u0301 \u2764\ufe0f") == [
        ("Stra\u00dfe, ", (0, 1)),
        ("cafe\u0301 ", (2,)),
        ("\u2764\ufe0f", (3,)),
    ]


def test_passages_end_where_the_net_stops_reading() -> None:
    assert passages(words("a", positions=2), "one two, three") == [
        ("one ", (0,)),
        ("two, ", (1,)),
        ("three", ()),
    ]


def test_passages_of_letters_are_words_or_letters() -> None:
    assert passages(words("a", units="letters", positions=16), "On  it") == [
        ("On  ", (0, 1, 2)),
        ("it", (3, 4)),
    ]
    long = passages(words("a", units="letters", positions=32), "b" * 24)
    assert long == [("b", (at,)) for at in range(24)]


def test_passages_of_ngrams_share_their_values() -> None:
    known = ("free", "free prize", "[start] a", "-ee", "a")
    preprocessor = words(*known, units="n-grams")
    text = "A FREE prize, free!"
    example = preprocessor.transform(text)
    assert preprocessor.decode(example)[:5] == ["a", "free", "[start] a", "free prize", "-ee"]
    found = passages_of(preprocessor, example, text)
    assert found is not None
    assert passages(preprocessor, text) == [
        ("A ", (0, 2)),
        ("FREE ", (1, 3, 4)),
        ("prize, ", (3,)),
        ("free!", (1, 4)),
    ]
    values = np.array([1, 2, 4, 8, 16, 0, 0, 0], np.float32)
    assert passage_sums(found, values) == [5, 1 + 4 + 8, 4, 1 + 8]


def test_all_words_share_the_value_of_the_start() -> None:
    preprocessor = words("[start]", "free", units="n-grams")
    found = passages_of(preprocessor, preprocessor.transform("A free prize!"), "A free prize!")
    assert found is not None
    values = np.array([8, 1, 0, 0, 0, 0, 0, 0], np.float32)
    assert passage_sums(found, values) == [2, 2 + 1, 2 + 2]  # the mark is a word of its own


@pytest.mark.parametrize("text", ["", "one", "To be, or not to be", "a a a a", "x" * 120])
def test_words_of_ngrams_cover_all_ngrams(text: str) -> None:
    assert set(words_of_ngrams(word_runs(text))) == set(ngrams(text))


def test_passages_need_the_same_words() -> None:
    preprocessor = words("a")
    assert passages_of(preprocessor, preprocessor.transform("one"), None) is None
    huge = "a " * MAX_CHARACTERS
    found = passages_of(preprocessor, preprocessor.transform(huge), huge)
    assert found is not None
    assert len(found) == MAX_CHARACTERS // 2 - 1


def test_reason_of_text_quotes_it_as_written() -> None:
    preprocessor = words("free", "meet", "now", "you")
    net = pw.Network("embed 1, pool all kind=average, full", preprocessor.shape, ["ham", "spam"],
                     preprocessor=preprocessor)  # fmt: skip
    net.parameters["embed1.weight"][:] = np.array([0, 0, 3, -2, 0, 0])[:, None]
    net.parameters["full1.weight"][:] = np.array([[-1], [1]])
    text = "FREE!! meet now"
    explained = pw.explain(net, preprocessor.transform(text), original=text)
    reason = explained.reason
    assert reason is not None
    assert (
        "mostly because of \u201cFREE!!\u201d; the strongest evidence for ham is \u201cmeet\u201d."
        in (reason.sentence)
    )
    assert reason.supporting[0].vote == pytest.approx(-reason.opposing[0].vote * 3 / 2)


def test_net_facts_have_trials_and_linear_baseline() -> None:
    net = pw.Network("full", (1, 4, 4), 2, seed=1)
    net.training_summary = {
        "trials": [{"name": "small", "layers": "full", "accuracy": 0.875, "n": 8, "chosen": True}],
        "scores": {"test": {"accuracy": 0.96}},
        "linear": {"test": {"model": "logistic regression on pixels", "accuracy": 0.725}},
    }
    facts = [tuple(one) for one in net_facts(net)]
    assert ("tried", "small: 87.5 % right in a trial, chosen") in facts
    assert ("test", "96.0 % right, logistic regression on pixels 72.5 %") in facts


def test_trials_of_hostile_file_are_plain_values() -> None:
    net = pw.Network("full", (1, 4, 4), 2, seed=1)
    net.training_summary = {
        "trials": [{"name": 3, "accuracy": "high", "n": True, "epochs": float("inf")}, "x", None],
        "scores": [1],
        "linear": "none",
    }
    assert trials_of(net) == [
        {"name": "3", "layers": "", "note": "", "accuracy": None, "n": None, "epochs": None,
         "chosen": False}
    ]  # fmt: skip
    assert net_facts(net)
