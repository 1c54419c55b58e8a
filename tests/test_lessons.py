"""Lessons: their form, the checker with a list of faults, and the lessons of the package."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from fractions import Fraction
from html import escape
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import piecewise as pw
from piecewise.cli.main import status
from piecewise.core.errors import DataError, PiecewiseError
from piecewise.lessons import net_quantities, question_pools
from piecewise.lessons.catalog import LESSONS, lesson, lesson_files
from piecewise.lessons.checker import check_lessons, number_faults
from piecewise.lessons.deck_quantities import Deck
from piecewise.lessons.formats import printed
from piecewise.lessons.learner import Learner, generated_learner, project_learner
from piecewise.lessons.lesson_file import LessonPage, parse_lesson, read_lesson
from piecewise.lessons.number_words import numbers_in, plain
from piecewise.lessons.page_values import PageValues
from piecewise.lessons.quantities import CALLS, Context
from piecewise.lessons.question_pools import POOLS
from piecewise.lessons.questions import CheckQuestion, Draw, draw_question
from piecewise.lessons.references import LessonError, read_reference
from piecewise.lessons.structure import TOUR_PARTS
from piecewise.tour.chapters import CHAPTERS, DRAWN
from piecewise.trace.arithmetic import Position

DECK = Path(__file__).parent / "lesson_files" / "deck.md"

PAGE = """\
---
lesson: example
needs: picture
minutes: 2
misconceptions: M1, M2
bind: x = own(1, 1)
bind: seen = small.walk(x)
bind: cell = seen.cell("conv1", 1, 2, 3)
constant: 9 = pixels of a feature
---
# What is the match?

The slide prints 0.77{= deck.match("\\", 1, 1) | cut 2}, or
seven ninths{= deck.match("\\", 1, 1) | ninths}.
A feature has 9 pixels. The first row sums to {{ deck.product_sum("\\", 1, 1) }} `of 12`.

::: predict kind=interval of={{ seen.value(cell) }} at=0,1
Is it small?
:::

::: task part=worked_cell
Work it out.
:::

::: result
It is {{ seen.value(cell) | 2 }}. The slide says 0.49{slip: error(0, 0.51) | 2}.
:::

::: why
- Because.
* Because it is.
- Because it is not.
:::

::: sentence
Add.
:::

::: check generator=cell_sum
:::

::: check generator=map_rows
:::

::: without sound
Drawings.
:::

::: without text
Drawings.
:::
"""


@pytest.fixture(scope="module")
def learner() -> Learner:
    return generated_learner()


def faults_of(text: str, learner: Learner) -> list[str]:
    return [str(fault) for fault in check_lessons([parse_lesson(text, "a.md")], [learner], 3)]


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
    assert list(LESSONS) == [chapter.name for chapter in CHAPTERS]
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


def save_drawings(folder: Path, names: tuple[str, str], paper: int = 0) -> Path:
    """Ten drawings, on a black background or on a white one."""
    xo = pw.make_xo(10, 28, seed=5)
    for number, (pixels, label) in enumerate(zip(xo.inputs, xo.labels, strict=True)):
        file = folder / names[label] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[0] ^ paper).save(file)
    return folder


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


def test_texts_are_replaced_by_generated_drawings(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\n" + "good day,a\nbad night,b\n" * 5)
    assert project_learner(tmp_path / "t.csv").name == "generated drawings in place of texts"


def test_one_class_is_refused(tmp_path: Path) -> None:
    xo = pw.make_xo(4, 9, seed=0)
    np.savez(tmp_path / "x.npz", images=xo.inputs[:, 0], labels=xo.labels * 0, classes=["X", "O"])
    with pytest.raises(DataError, match="wanted two classes"):
        project_learner(tmp_path / "x.npz")


# Questions.


@pytest.mark.parametrize("name", POOLS)
def test_every_pool_can_be_asked_with_a_key_that_was_computed_twice(
    name: str, learner: Learner
) -> None:
    pool = list(POOLS[name](learner))
    assert all(question.agrees for question in pool)
    drawn = [draw_question(pool, Draw(name, seed)) for seed in range(20)]
    assert drawn == [draw_question(pool, Draw(name, seed)) for seed in range(20)]
    for question in drawn:
        assert question
        assert question.is_right(question.answer)
        assert not any(question.is_right(wrong) for wrong in question.wrong)


def test_answers_of_drawn_questions_are_spread() -> None:
    pool = [
        CheckQuestion(f"{number}", number // 9, number // 9, {-1: "no"}) for number in range(18)
    ]
    pool += [CheckQuestion("rare", 5, 5, {-1: "no"})]
    drawn = [draw_question(pool, Draw("spread", seed)) for seed in range(60)]
    assert sum(one is not None and one.answer == 5 for one in drawn) > 10


def test_questions_that_look_like_wrong_answers_are_not_asked() -> None:
    assert draw_question([CheckQuestion("?", 1, 1, {1: "the same"})], Draw("a")) is None
    assert draw_question([CheckQuestion("?", 1, 2, {3: "no"})], Draw("a")) is None


def test_the_checker_reports_two_computations_that_differ(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_: Learner) -> Iterator[CheckQuestion]:
        yield CheckQuestion("?", 1, 2, {3: "no"})

    def single(_: Learner) -> Iterator[CheckQuestion]:
        yield CheckQuestion("?", 1, 1, {3: "no"})

    monkeypatch.setitem(question_pools.POOLS, "map_rows", wrong)
    monkeypatch.setitem(question_pools.POOLS, "cell_sum", single)
    found = "\n".join(faults_of(PAGE, learner))
    assert "two computations differ: 1 and 2" in found
    assert "no question can be asked" in found
    assert "there is one question for all seeds" in found


# Numbers and references.


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a 3x3 kernel, 81 pixels and conv1", ["3x3", "81"]),
        ("one of twelve, minus five ninths", ["twelve", "minus five ninths"]),
        ("0.5, -2 and 5/9, 90 %.", ["0.5", "-2", "5/9", "90 %"]),
        ("the first map, M1, often", []),
        ("twenty-one", ["twenty-one"]),
    ],
)
def test_numbers_in_prose(text: str, numbers: list[str]) -> None:
    assert list(numbers_in(text)) == numbers


def test_numbers_in_words_become_digits() -> None:
    words = (
        "seven ninths",
        "minus five ninths",
        "twenty-one",
        "thirteen",
        "half",
        "\N{MINUS SIGN}2",
    )
    assert [plain(word) for word in words] == ["7/9", "-5/9", "21", "13", "1/2", "-2"]


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (7 / 9, "cut 2", "0.77"), (-7 / 9, "cut 2", "-0.77"), (7 / 9, "2", "0.78"),
        (-0.001, "2", "0.00"), (5 / 9, "ninths", "5/9"), (0.734, "percent", "73 %"),
        (1.0, "cut 2", "1.00"), (13, "", "13"), ("X", "", "X"), (0.125, "2", "0.12"),
        (0.25, "exact", "0.25"),
    ],
)  # fmt: skip
def test_formats(value: float | str, form: str, text: str) -> None:
    assert printed(value, form) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..b", "a(", "a()", "a(1", "a(1,)", "a b", "A", "__class__", "a(b(1))", "a[0]",
     "a+b", "a.b" + ".c" * 8, "a" * 300, "a(1, 2, 3, 4, 5, 6, 7)", "a |", 'a("b)'],
)  # fmt: skip
def test_references_with_another_form_are_refused(text: str) -> None:
    with pytest.raises(LessonError):
        read_reference(text)


def test_every_quantity_refuses_wild_arguments_with_a_sentence(learner: Learner) -> None:
    drawing = learner.drawing(1, 1)
    walk = learner.small.walk(drawing.pixels)
    cell, context = Position("conv1", 0, 0, 0), Context(learner, Deck())
    owners = {"": context, "deck": context.deck, "net": learner.small, "drawing": drawing,
              "walk": walk, "cell": cell, "why": walk.why(*cell),
              "ledger": walk.ledger(0)}  # fmt: skip
    wild = {"whole": (0, -1, 999_999_999), "number": (-1e9,), "drawing": (drawing,),
            "name": ("", "conv1", "input", "conv 99999 9, full"), "walk": (walk,),
            "cell": (cell, Position("pool2", 0, 6, 0))}  # fmt: skip
    for (owner, name), quantity in CALLS.items():
        for arguments in product(*(wild[kind] for kind in quantity.parameters)):
            try:
                value = quantity.compute(owners[owner], *arguments)
            except PiecewiseError:
                continue
            plausible = {"whole": int, "number": float | Fraction, "name": str, "plane": np.ndarray}
            if quantity.result in plausible:
                assert isinstance(value, plausible[quantity.result]), name


@pytest.mark.parametrize("path", ["seen.probability(0)", "seen.ledger(0).total", "class(0)"])
def test_nothing_is_counted_from_zero(path: str, learner: Learner) -> None:
    text = PAGE.replace("seen.value(cell) | 2", f"{path} | 2" if "class" not in path else path)
    assert any("got 0, wanted a number from 1" in fault for fault in faults_of(text, learner))


def test_slips_are_filled_with_the_true_value(learner: Learner) -> None:
    values = PageValues(Context(learner, Deck()))
    text = "It prints 0.49{slip: error(0, 0.51) | 2}."
    assert values.filled_text(text) == "It prints 0.49 (it is 0.51)."


# The file and the command.


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.md").write_text("a" * (65 << 10))
    (tmp_path / "bytes.md").write_bytes(b"\xff")
    for name, message in (("large", "at most 64 KiB"), ("bytes", "UTF-8"), ("none", "no such")):
        with pytest.raises(DataError, match=f"(?i){message}"):
            read_lesson(tmp_path / f"{name}.md")


def test_references_are_limited() -> None:
    page: LessonPage = parse_lesson(PAGE.replace("Add.", "{{ drawings }} " * 201), "a.md")
    assert any("wanted at most 200" in fault.sentence for fault in page.faults)


def test_check_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("piecewise.cli.lessons.GENERATED", 1)
    assert status(["lessons", "check", "--seeds", "2"]) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "11 lessons, 39 minutes: no faults\n"
    wrong = tmp_path / "wrong.md"
    wrong.write_text(PAGE.replace("0.77{", "0.78{"))
    assert status(["lessons", "check", str(wrong)]) == 1
    output = capsys.readouterr()
    assert output.out == f'{wrong}:13: prints 0.78, deck.match("\\", 1, 1) is 0.77\n'
    assert output.err == "1 lesson, 2 minutes: 1 fault\n"
    assert status(["lessons", "check", str(wrong), "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert (values["lessons"], values["minutes"], len(values["faults"])) == (1, 2, 1)
    assert values["faults"][0]["line"] == 13


def test_check_command_with_a_net(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    xo = pw.make_xo(2, 12, seed=0)
    net = pw.Network("conv 2 3, full", (1, 12, 12), xo.classes, preprocessor=xo.preprocessor)
    net.save(file := tmp_path / "net.safetensors")
    page = tmp_path / "knobs.md"
    claim = f"{net.architecture.parameter_count}{{= net.parameters }}"
    page.write_text(lesson_files()[9].read_text().replace("{{ net.parameters }}", claim))
    assert status(["lessons", "check", str(page), "--net", str(file)]) == 0
    assert "no faults" in capsys.readouterr().err


def test_key_has_a_row_for_every_seat_and_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seat = save_drawings(tmp_path, ("kite", "ball"))
    command = ["lessons", "key", str(seat), str(seat), "--seed"]
    assert status([*command, "7"]) == 0
    output = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(output)))
    assert len(rows) == 2 * len(POOLS)
    assert rows[: len(POOLS)] == rows[len(POOLS) :]
    assert {row["check"] for row in rows} == set(POOLS)
    assert all(row["question"] and float(row["answer"]) < 1e6 for row in rows)
    assert status([*command, "7"]) == 0
    assert capsys.readouterr().out == output
    assert status([*command, "8"]) == 0
    assert capsys.readouterr().out != output


def test_sheet_holds_the_plan_of_all_lessons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sheet.html"
    assert status(["lessons", "sheet", "-o", str(file)]) == 0
    text = file.read_text()
    for name in LESSONS:
        assert escape(lesson(name).question) in text
    assert ">35-39<" in text
    assert "{{" not in text
    assert "piecewise lessons key" in text
    assert status(["lessons", "sheet", "-o", str(file)]) == 0
    file.write_text("my own page")
    assert status(["lessons", "sheet", "-o", str(file)]) == 1
    assert "did not write it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["sheet"], ["sheet", "a.md", "-o", "a.html"], ["check", "-o", "a.html"],
     ["key", "--project", "a"], ["key", "--json"], ["teach"]],
)  # fmt: skip
def test_options_without_an_effect_are_wrong_usage(options: list[str]) -> None:
    assert status(["lessons", *options]) == 2
