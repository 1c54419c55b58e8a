"""Swapped seats without the app: partners, what a net says to their drawings, and repairs."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status
from piecewise.core.errors import DataError
from piecewise.data.xo import XOVariation
from piecewise.lessons import partner as partners
from piecewise.lessons.knob_trial import held_out_logits
from piecewise.lessons.learner import SMALL_NET, SMALL_RECIPE, generated_learner, project_learner
from piecewise.lessons.partner import LETTERS, MOVED, SEAT, generated_partner, seat_partner
from piecewise.lessons.seat_swap import AUGMENTED, COVERAGE, SURE, WITH_PARTNER, SeatSwap

from .lesson_pages import save_drawings
from .long import now_and_long
from .seats import archive, letter_seat
from .test_lesson_seats import writers


@pytest.fixture(scope="module")
def swap(tmp_path_factory: pytest.TempPathFactory) -> SeatSwap:
    folder = tmp_path_factory.mktemp("swap")
    own = project_learner(letter_seat(folder / "own.zip", 3))
    return SeatSwap(own, seat_partner(own, letter_seat(folder / "ben.zip", 4, 8, 5), "ben"))


def test_samples_for_the_test_are_asked_about_first(tmp_path: Path) -> None:
    own = project_learner(letter_seat(tmp_path / "own.zip", 3))
    file = letter_seat(tmp_path / "ben.zip", 4, 8, 5)
    found, whole = seat_partner(own, file, "ben"), pw.read_data(file, own.data.preprocessor)
    assert (found.name, found.origin) == ("ben", SEAT)
    is_test = whole.splits == "test"
    np.testing.assert_array_equal(found.asked.inputs, whole.inputs[is_test])
    np.testing.assert_array_equal(found.asked.labels, whole.labels[is_test])
    np.testing.assert_array_equal(found.kept.inputs, whole.inputs[~is_test])
    assert np.bincount(found.kept.labels).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("each", "tests", "asked", "kept"),
    [(5, 0, 3, 2), (20, 0, 5, 5), (12, 2, 2, 5), (2, 2, 1, 1), (5, 5, 3, 2)],
)
def test_seats_of_any_size_are_divided(
    tmp_path: Path, each: int, tests: int, asked: int, kept: int
) -> None:
    own = project_learner(letter_seat(tmp_path / "own.zip", 3))
    found = seat_partner(own, letter_seat(tmp_path / "ben.zip", 4, each, tests), "ben")
    assert np.bincount(found.asked.labels).tolist() == [asked, asked]
    assert np.bincount(found.kept.labels).tolist() == [kept, kept]


def test_seat_that_cannot_be_a_partner_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = project_learner(mine := letter_seat(tmp_path / "own.zip", 3))
    refused = {
        "wanted 2 or more": letter_seat(tmp_path / "one.zip", 4, 1),
        "none of its classes is known": save_drawings(tmp_path / "other", ("kite", "ball")),
        "the learner's own": mine,
        "got texts": archive(tmp_path / "t.zip", {"X/a.txt": b"hello you", "O/b.txt": b"bye you"}),
    }
    for message, file in refused.items():
        with pytest.raises(DataError, match=f"seat 7: .*{message}"):
            seat_partner(own, file, "seat 7")
    monkeypatch.setattr(partners, "MOST_SAMPLES", 9)
    with pytest.raises(DataError, match="got 10 samples, wanted at most 9"):
        seat_partner(own, letter_seat(tmp_path / "many.zip", 4), "many")


def test_partner_is_generated_by_another_hand_or_moved(tmp_path: Path) -> None:
    own = generated_learner(2)
    found = generated_partner(own)
    assert (found.origin, found.sha256) == (LETTERS, generated_partner(own).sha256)
    for part in (found.asked, found.kept):
        assert np.bincount(part.labels).tolist() == [5, 5]
    assert not {one.tobytes() for one in found.asked.inputs} & {
        one.tobytes() for one in found.kept.inputs
    }
    named = project_learner(save_drawings(tmp_path, ("kite", "ball")))
    moved = generated_partner(named)
    assert moved.origin == MOVED
    for drawing, pixels in zip(sorted(named.drawings, key=lambda one: one.label),
                               moved.asked.inputs, strict=True):  # fmt: skip
        assert not np.array_equal(drawing.pixels, pixels)


def test_generated_letters_are_those_that_the_net_names_wrong_if_there_are_any() -> None:
    tricky = pw.make_xo(40, 112, 1, XOVariation(rotation=60.0, stroke_width=2.5, noise=0.0))
    chosen = set()
    for seed in range(4):
        own = generated_learner(seed)
        inputs = [own.data.preprocessor.transform((255 - one)[0][..., None])
                  for one in tricky.inputs]  # fmt: skip
        wrong = [row for row, (pixels, label) in enumerate(zip(inputs, tricky.labels, strict=True))
                 if own.small.walk(pixels).logits.argmax() != label]  # fmt: skip
        expected = sum(min(2, sum(tricky.labels[row] == label for row in wrong))
                       for label in (0, 1))  # fmt: skip
        found = generated_partner(own)
        assert found.chosen_wrong == expected
        answers = SeatSwap(own, found).answers
        assert sum(not one.is_right for one in answers[6:]) == expected  # the usual ones come first
        asked = {one.tobytes() for one in found.asked.inputs}
        assert asked >= {inputs[row].tobytes() for row in wrong[: min(1, expected)]}
        others = {one.tobytes() for one in found.kept.inputs[6:]}
        assert not others & {one.tobytes() for one in inputs}  # they are not chosen
        chosen.add(expected)
    assert max(chosen) > 1


def test_letters_of_a_generated_partner_have_the_classes_of_the_learner(tmp_path: Path) -> None:
    drawn = project_learner(letter_seat(tmp_path / "own.zip", 3))  # its first class is O
    assert drawn.classes == ("O", "X")
    of_o = generated_partner(drawn).asked
    of_x = generated_partner(generated_learner()).asked
    np.testing.assert_array_equal(of_o.labels, 1 - of_x.labels)
    assert (of_o.inputs[0] > 127).mean() > 0.5 > (of_x.inputs[0] > 127).mean()  # white paper


def test_partner_of_texts_about_x_and_o_has_texts(tmp_path: Path) -> None:
    rows = ["good day sir,x", "bad day sir,o"] * 4
    (tmp_path / "own.csv").write_text("text,label\n" + "\n".join(rows))
    own = project_learner(tmp_path / "own.csv")
    found = generated_partner(own)
    assert found.origin == MOVED
    assert found.asked.inputs.shape[1:] == own.drawings[0].pixels.shape


def test_words_that_the_learner_does_not_have_are_counted(tmp_path: Path) -> None:
    table = {"own": ["good day sir,a", "bad day sir,b"], "ben": ["good night sir,a", "bad day,b"]}
    for name, rows in table.items():
        (tmp_path / f"{name}.csv").write_text("text,label\n" + "\n".join(rows * 4))
    own = project_learner(tmp_path / "own.csv")
    found = seat_partner(own, tmp_path / "ben.csv", "ben")
    assert (found.words, found.unknown_words) == (4 * 5, 4)
    ink = {(own.words[row], column)
           for row, column in np.argwhere(found.asked.inputs[0, 0]).tolist()}  # fmt: skip
    assert ink == {("good", 0), ("sir", 2)}


def test_samples_for_the_test_are_no_drawings_of_the_lessons(tmp_path: Path) -> None:
    own = project_learner(letter_seat(tmp_path / "own.zip", 3, 8, 3))
    assert len(own.drawings) == 10


def test_answers_are_those_of_walks(swap: SeatSwap) -> None:
    net, own = swap.learner.small, swap.learner.data.inputs
    for answer, pixels in zip(swap.answers, swap.partner.asked.inputs, strict=True):
        walk = net.walk(pixels)
        assert answer.predicted == int(np.argmax(walk.probabilities))
        assert answer.probability == pytest.approx(float(np.max(walk.probabilities)), abs=1e-6)
        values = np.array([net.walk(one)["pool2"].ravel() for one in own], np.float64)
        distances = ((values - walk["pool2"].ravel()) ** 2).sum(axis=1)
        assert answer.nearest[0] == int(distances.argmin())
    wrong = [one for one in swap.answers if one.predicted != one.label]
    assert swap.right == 10 - len(wrong) == 10 - len(swap.mistakes)
    assert swap.sure_mistakes == sum(one.probability >= SURE for one in wrong)


def test_threshold_answers_the_stated_fraction_of_own_drawings(swap: SeatSwap) -> None:
    own = swap.learner
    logits = held_out_logits(own, SMALL_NET)
    confidences = own.small.probabilities_of(logits).max(axis=1)
    assert (confidences >= swap.threshold).sum() == round(COVERAGE * len(own.drawings))
    assert swap.own_right == (logits.argmax(axis=1) == own.data.labels).sum()
    assert swap.doubtful == sum(one.probability < swap.threshold for one in swap.answers)


def test_repaired_net_learned_from_both_and_is_tested_on_others(swap: SeatSwap) -> None:
    own, (inputs, labels), kept = swap.learner.data, swap.partner.asked, swap.partner.kept
    net = pw.Network(SMALL_NET, (1, 9, 9), own.classes, seed=0, preprocessor=own.preprocessor)
    pw.train(net, np.concatenate([own.inputs, inputs]), np.concatenate([own.labels, labels]),
             SMALL_RECIPE)  # fmt: skip
    found = {one.name: one for one in swap.repairs}
    assert found[WITH_PARTNER].kept == (net.logits(kept.inputs).argmax(axis=1) == kept.labels).sum()
    assert found[WITH_PARTNER].asked is None
    assert found[AUGMENTED].asked is not None


def test_swap_command_prints_a_row_for_every_seat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seats = [str(letter_seat(tmp_path / f"{name}.zip", at)) for at, name in enumerate("abc")]
    assert status(["lessons", "swap", *seats]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(one["seat"], one["partner"]) for one in rows] == [("a", "b"), ("b", "c"), ("c", "a")]
    assert all(int(one["right"]) + int(one["mistakes"]) == int(one["asked"]) == 6 for one in rows)
    photos = save_drawings(tmp_path / "photos", ("X", "O"))
    for number, file in enumerate(sorted(photos.rglob("*.png"))):
        colours = np.random.default_rng(number).integers(0, 256, (28, 28, 3), np.uint8)
        Image.fromarray(colours).save(file)
    assert status(["lessons", "swap", str(photos), seats[0]]) == 1
    assert "cannot be shown" in capsys.readouterr().err


@pytest.mark.parametrize("count", now_and_long([4, 12], [4]))
def test_swap_of_many_seats_is_equal_on_two_runs_and_thread_counts(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    seats = [str(one) for one in writers(tmp_path, count)]
    tables = []
    for threads in (1, 1, 3):
        for module in ("learner", "knob_trial", "seat_swap"):
            name = f"piecewise.lessons.{module}.train"
            monkeypatch.setattr(name, partial(pw.train, threads=threads))
        assert status(["lessons", "swap", *seats]) == 0
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1] == tables[2]
    rows = list(csv.DictReader(io.StringIO(tables[0])))
    assert len(rows) == count
    assert sum(int(one["mistakes"]) > 0 for one in rows) >= count // 4
