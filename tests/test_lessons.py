"""Lessons: the checker with a list of faults, and the lessons of the package."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

import piecewise as pw
from piecewise.app.examples import add_example
from piecewise.app.project import Project
from piecewise.core.errors import DataError
from piecewise.lessons import net_quantities
from piecewise.lessons.catalog import AFTERWARDS, LESSONS, lesson, lesson_files
from piecewise.lessons.checker import check_lessons, number_faults
from piecewise.lessons.deck_quantities import Deck
from piecewise.lessons.learner import Learner, generated_learner, project_learner
from piecewise.lessons.lesson_file import read_lesson
from piecewise.lessons.quantities import Context
from piecewise.lessons.structure import TOUR_PARTS
from piecewise.tour.chapters import CHAPTERS, DRAWN

from .lesson_pages import PAGE, faults_of, save_drawings

DECK = Path(__file__).parent / "lesson_files" / "deck.md"


@pytest.fixture(scope="module")
def learner() -> Learner:
    return generated_learner()


def test_a_right_page_has_no_faults(learner: Learner) -> None:
    assert not faults_of(PAGE, learner)


PLANTED = {
    "a digit": ("0.77{", "0.78{", "a.md:13: prints 0.78, deck.match(\"\\\", 1, 1) is 0.77"),
    "a sign": ("0.77{", "-0.77{", "prints -0.77,"),
    "a word": ("seven ninths", "five ninths", "prints five ninths,"),
    "a swapped row and column": (
        'match("\\", 1, 1) | cut', 'match("\\", 1, 2) | cut', "prints 0.77,"
    ),
    "a wrong rounding": ("| cut 2}", "| 2}", "is 0.78"),
    "an unknown name": ("seen.value(cell) |", "seen.valeu(cell) |", "did you mean 'value'?"),
    "a Python attribute": ("error(0", "deck.__class__(0", "wanted a name"),
    "a private name": ("error(0", "deck.facts(0", "got 'facts', which is no quantity"),
    "an attribute of a result": (
        "{{ seen.value(cell) | 2 }}", "{{ seen.value(cell).real | 2 }}", "got 'real'"
    ),
    "an operator": ("error(0, 0.51)", "1 - 0.51", "wanted"),
    "indexing": ("error(0, 0.51)", "x[0]", "wanted"),
    "a nested call": ("small.walk(x)", "small.walk(own(1, 1))", "wanted , or )"),
    "too few arguments": ("error(0, 0.51)", "error(0)", "error got 1 arguments"),
    "an argument of another type": ("error(0, 0.51)", 'error(0, "X")', "got a name"),
    "a name that is not bound": ("value(cell) |", "value(place) |", "'place' is not bound"),
    "a drawing that is not there": ("own(1, 1)", "own(1, 99)", "got 99 of class 1"),
    "a layer that is not there": ('cell("conv1"', 'cell("conv9"', "did you mean 'conv1'"),
    "a cell outside": ("1, 2, 3)", "1, 8, 3)", "row: got 8, wanted a number from 1 to 7"),
    "a missing format": ("value(cell) | 2", "value(cell)", "format: wanted"),
    "an unknown format": ("| ninths", "| tenths", "got 'tenths'"),
    "no ninth": ("value(cell) | 2", "value(cell) | ninths", "not a whole number of ninths"),
    "a typed number": ("Work it out.", "Work out 14.", "a.md:22: 14 is neither computed"),
    "a typed number in words": ("Work it out.", "Work out twelve.", "twelve is neither"),
    "an unused constant": ("A feature has 9", "A feature has", "constant: 9 does not occur"),
    "a constant without a reason": ("9 = pixels of a feature", "9", "wanted NUMBER = REASON"),
    "a slip that is right": ("0.49{slip", "0.51{slip", "slip: 0.51 is right"),
    "a claim without text": ("0.77{=", "{=", "wanted the printed text before it"),
    "HTML": ("Work it out.", "<b>Work</b>", "got HTML"),
    "a link": ("Work it out.", "[Work](https://example.com)", "got a link"),
    "an open brace": ("Work it out.", "Work {it out.", "got {"),
    "an unknown block": ("::: result", "::: results", "did you mean 'result'?"),
    "an unknown attribute": ("task part=", "task parts=", "did you mean 'part'?"),
    "an unknown part": ("=worked_cell", "=worked_cel", "did you mean 'worked_cell'?"),
    "an unknown generator": ("=cell_sum", "=cell_sums", "did you mean 'cell_sum'?"),
    "the same check twice": ("=map_rows", "=cell_sum", "each once"),
    "an unknown picture of the tour": (
        "::: why", "::: tour show=two_z\nLook.\n:::\n\n::: why", "did you mean 'two_x'?"
    ),
    "two right reasons": ("- Because.", "* Because.", "got 2 right reasons"),
    "a wrong reason without a sentence": (
        "> It has no cause.\n", "", "got '' after a wrong reason, wanted one sentence"
    ),
    "two sentences about a reason": ("no cause.", "no cause. None.", "wanted one sentence"),
    "half a sentence about a reason": ("no cause.", "no cause", "wanted one sentence"),
    "a sentence about the right reason": (
        "* Because it is.", "* Because it is.\n> It is not.", "after the right reason"
    ),
    "a line of reasons without a mark": ("> It has", "It has", "wanted a line that begins with"),
    "a typed number about a reason": ("no cause.", "14 causes.", "14 is neither computed"),
    "a row of a table that lost a cell": (
        "| X | {{ x", "| {{ x", "a.md:30: table: got 1 cells, wanted 2"
    ),
    "a table without a head": ("| drawing | match |\n", "", "table: wanted a head"),
    "a table without a rule": ("|---|---|\n", "", "table: wanted a head"),
    "a typed number in a table": ("| X |", "| 14 |", "a.md:30: 14 is neither computed"),
    "a wrong format in a table": ('x.best("x") | ninths', 'x.best("x") | tenths', "got 'tenths'"),
    "no prediction": ("::: predict", "::: play\n:::\n::: predicts", "wanted a predict block"),
    "limits that are no numbers": ("at=0,1", "at=low", "got at=low"),
    "a prediction of a name": ("of={{ seen.value(cell) }}", "of={{ class(1) }}", "of: got a name"),
    "no sentence": ("::: sentence", "::: play", "wanted a sentence block"),
    "two sentences": ("::: why", "::: sentence\nAdd.\n:::\n\n::: why", "a second sentence"),
    "no question": ("the match?", "the match", "wanted one heading that asks"),
    "a modality without a word": ("::: without text", "::: play", "without text"),
    "an unknown modality": ("::: without text", "::: without taste", "got 'taste'"),
    "no minutes": ("minutes: 2\n", "", "head: wanted minutes"),
    "an unknown misconception": ("M1, M2", "M1, M99", "got 'M99'"),
    "a block without an end": ("Drawings.\n:::\n\n:::", "Drawings.\n\n:::", "wanted"),
    "an unknown key": ("minutes: 2", "minute: 2", "did you mean 'minutes'?"),
    "no head": ("---\nlesson", "lesson", "wanted a head"),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_every_planted_fault_is_found(what: str, learner: Learner) -> None:
    old, new, message = PLANTED[what]
    assert old in PAGE
    found = faults_of(PAGE.replace(old, new, 1), learner)
    assert any(message in fault for fault in found), found
    assert all(fault.startswith("a.md:") for fault in found)


def test_the_deck_has_two_wrong_numbers_and_five_damaged_pictures(learner: Learner) -> None:
    page = read_lesson(DECK)
    found = number_faults(page, Context(learner, Deck()))
    numbers = [fault.sentence for fault in found if fault.sentence.startswith("prints")]
    assert not page.faults
    assert numbers == [
        'prints 0.49, deck.error("O") is 0.51',
        "prints 0.57, deck.total_error is 0.59",
    ]
    opened = [block.line for block in page.blocks if block.of]
    damaged: dict[int, list[str]] = {}
    for fault in found:
        first = max(line for line in opened if line <= fault.line)
        damaged.setdefault(first, []).append(fault.sentence)
    pictures = [[one for one in sentences if not one.startswith("prints")]
                for sentences in damaged.values()]  # fmt: skip
    size = 'deck.picture("X"): got 8x8 numbers, wanted 9x9'
    assert [one for one in pictures if one] == [
        ['row 7, column 6: prints 1, deck.picture("X") is -1'],
        ['row 9, column 1: prints 1, deck.picture("X") is -1',
         'row 9, column 9: prints 1, deck.picture("X") is -1'],
        [size], [size], [size],
    ]  # fmt: skip


def test_lessons_are_those_of_the_tour() -> None:
    assert [one for one in LESSONS if one not in AFTERWARDS] == [
        chapter.name for chapter in CHAPTERS
    ]
    assert [lesson(name).head["lesson"] for name in LESSONS] == list(LESSONS)
    assert {file.name for file in lesson_files()} == {
        file.name for file in lesson_files()[0].parent.glob("*.md")
    }


def test_the_tour_shows_every_picture_once() -> None:
    shown = [block.attributes["show"] for name in LESSONS
             for block in lesson(name).of_kind("tour") if "show" in block.attributes]  # fmt: skip
    assert sorted(shown) == sorted(DRAWN) == sorted(TOUR_PARTS)


@pytest.mark.parametrize("seed", range(3))
def test_lessons_have_no_faults_with_generated_drawings(seed: int) -> None:
    pages = [read_lesson(file) for file in lesson_files()]
    assert not check_lessons(pages, [generated_learner(seed)])


def test_lessons_have_no_faults_with_a_drawn_project(tmp_path: Path) -> None:
    drawn = project_learner(save_drawings(tmp_path, ("kite", "ball")))
    assert drawn.classes == ("ball", "kite")
    assert not check_lessons([read_lesson(file) for file in lesson_files()], [drawn], 5)


def test_ink_is_what_differs_from_the_background(tmp_path: Path) -> None:
    dark = project_learner(save_drawings(tmp_path / "dark", ("X", "O"))).drawings
    light = project_learner(save_drawings(tmp_path / "light", ("X", "O"), 255)).drawings
    assert [net_quantities.ink(one) for one in dark] == [net_quantities.ink(one) for one in light]
    for one, other in zip(dark, light, strict=True):
        moved = net_quantities.shifted_drawing(other, 2, -1)
        assert (moved.pixels[0, :2] == 255).all()
        assert net_quantities.ink(moved) == net_quantities.ink(
            net_quantities.shifted_drawing(one, 2, -1)
        )


def test_photos_are_replaced_by_generated_drawings(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 12, 12, 3), np.uint8)
    np.savez(tmp_path / "p.npz", images=images, labels=np.arange(8) % 2, classes=["a", "b"])
    assert project_learner(tmp_path / "p.npz").name == "generated drawings in place of photos"


def right_share(learner: Learner) -> float:
    """How many of the learner's own samples the small net gives their class."""
    answers = learner.small.logits(learner.data.inputs).argmax(axis=1)
    return float((answers == learner.data.labels).mean())


def test_lessons_have_no_faults_with_a_spoken_project(tmp_path: Path) -> None:
    add_example(project := Project(tmp_path / "spoken"), "sounds")
    project.close()
    spoken = project_learner(tmp_path / "spoken")
    assert spoken.classes == ("falling", "rising")
    assert spoken.data.inputs.shape == (40, 1, 9, 9)
    assert right_share(spoken) > 0.9
    assert not check_lessons([read_lesson(file) for file in lesson_files()], [spoken], 5)


def test_a_long_sound_is_read_with_the_longest_step(tmp_path: Path) -> None:
    for name, pitch in (("low", 40), ("high", 10)):
        (tmp_path / name).mkdir()
        samples = np.tile(np.repeat([3_000, -3_000], pitch), 80_000 // pitch).astype("<i2")
        with wave.open(str(tmp_path / name / "a.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8_000)
            file.writeframes(samples.tobytes())
    spoken = project_learner(tmp_path)
    assert spoken.data.inputs.shape[1:] == (1, 9, 9)
    assert right_share(spoken) == 1


def test_lessons_have_no_faults_with_a_typed_project(tmp_path: Path) -> None:
    add_example(project := Project(tmp_path / "typed"), "texts")
    project.close()
    typed = project_learner(tmp_path / "typed")
    assert typed.classes == ("question", "statement")
    assert {"can", "you"} <= set(typed.words)
    assert right_share(typed) > 0.8
    assert not check_lessons([read_lesson(file) for file in lesson_files()], [typed], 5)


def test_ink_of_a_text_is_where_its_words_stand(tmp_path: Path) -> None:
    rows = ["good day sir,a", "good day,a", "bad day sir,b", "oh bad day,b", "day,a", "x,b"]
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(rows * 2))
    typed = project_learner(tmp_path / "t.csv")
    assert set(typed.words) == {"bad", "day", "good", "oh", "sir", "x"}
    ink = {
        (typed.words[row], column)
        for row, column in np.argwhere(typed.data.inputs[2, 0] == 255).tolist()
    }
    assert ink == {("bad", 0), ("day", 1), ("sir", 2)}
    assert len(typed.drawings) == 8  # without those of a single word
    assert net_quantities.shared_ink(typed.drawings[0], 0, 1) == 0


def test_words_of_the_rows_tell_the_classes_apart(tmp_path: Path) -> None:
    common = ["the", "big", "red", "car", "and", "one", "small", "blue", "bus", "with", "all"]
    lines = [f"{' '.join([first, *common[at : at + 6]])},{label}"
             for at in range(6) for first, label in (("yes", "a"), ("no", "b"))]  # fmt: skip
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(lines))
    typed = project_learner(tmp_path / "t.csv")
    assert len(typed.words) == 9
    assert {"yes", "no"} <= set(typed.words)


def test_texts_of_single_words_are_replaced_by_generated_drawings(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\n" + "y,a\nn,b\n" * 5)
    learner = project_learner(tmp_path / "t.csv")
    assert (learner.name, learner.words) == ("generated drawings in place of texts", ())


def test_one_class_is_refused(tmp_path: Path) -> None:
    xo = pw.make_xo(4, 9, seed=0)
    np.savez(tmp_path / "x.npz", images=xo.inputs[:, 0], labels=xo.labels * 0, classes=["X", "O"])
    with pytest.raises(DataError, match="wanted two classes"):
        project_learner(tmp_path / "x.npz")
