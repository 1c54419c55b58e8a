"""Check lessons: every number is computed, claimed or a constant, and every claim is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ..core.errors import PiecewiseError
from .answer_key import seat_draw
from .deck_quantities import Deck
from .formats import printed
from .learner import Learner
from .lesson_file import FENCE, Fault, LessonBlock, LessonPage
from .number_words import numbers_in, plain
from .page_values import PageValues
from .pieces import CLAIM, SLIP, TEXT, Piece
from .quantities import Context
from .question_pools import POOLS
from .questions import draw_question
from .references import LessonError, Reference
from .structure import structure_faults

SEEDS = 20
"""Questions that are drawn for each check."""


def check_lessons(
    pages: Sequence[LessonPage], learners: Sequence[Learner], seeds: int = SEEDS
) -> list[Fault]:
    """All faults of lessons, for all learners, in the order of files and lines.

    Parameters
    ----------
    pages : sequence of LessonPage
        The lessons.
    learners : sequence of Learner
        The numbers are computed for each of them.
    seeds : int
        How many questions are drawn for each check and learner.
    """
    faults: dict[Fault, None] = {}
    for page in pages:
        found = [*page.faults, *(Fault(page.file, *one) for one in structure_faults(page))]
        for learner in learners:
            found += number_faults(page, Context(learner, Deck()))
            found += _question_faults(page, learner, seeds)
        faults |= dict.fromkeys(sorted(found, key=lambda fault: fault.line))
    return list(faults)


def number_faults(page: LessonPage, context: Context) -> list[Fault]:
    """The numbers of a page that are wrong, or neither computed nor claimed."""
    check = _PageCheck(page, context)
    check.run()
    return check.faults


def _question_faults(page: LessonPage, learner: Learner, seeds: int) -> Iterator[Fault]:
    """The checks of a page that cannot be asked, or whose two computations differ."""
    for block in page.of_kind("check"):
        name = block.attributes.get("generator", "")
        if name not in POOLS:
            continue
        where = f"check {name}, {learner.name}"
        try:
            pool = list(POOLS[name](learner))
        except PiecewiseError as error:
            yield Fault(page.file, block.line, f"{where}: {error}")
            continue
        for one in pool:
            if not one.agrees:
                got = f"{one.answer:.6g} and {one.again:.6g}"
                yield Fault(page.file, block.line, f"{where}: two computations differ: {got}")
                break
        lesson = page.head.get("lesson", "")
        draws = (seat_draw(learner, lesson, name, seed) for seed in range(seeds))
        drawn = [draw_question(pool, draw) for draw in draws]
        if None in drawn:
            yield Fault(page.file, block.line, f"{where}: no question can be asked")
        elif len({one.text for one in pool if one.can_be_asked}) < 2:
            yield Fault(page.file, block.line, f"{where}: there is one question for all seeds")


class _PageCheck:
    """The check of the numbers of one page."""

    def __init__(self, page: LessonPage, context: Context) -> None:
        self._page, self._values = page, PageValues(context)
        self._used: set[str] = set()
        self.faults: list[Fault] = []

    def run(self) -> None:
        for binding in self._page.bindings:
            self._noting(binding.line, partial(self._values.bind, binding))
        self._check_text(self._page.question_line, self._page.question)
        for block in self._page.blocks:
            if block.of:
                check = self._check_plane if block.kind == FENCE else self._check_prediction
                self._noting(block.line, partial(check, block, block.of))
            for piece in block.pieces:
                self._noting(piece.line, partial(self._check_piece, piece))
        for number, (_, line) in self._page.constants.items():
            if number not in self._used:
                self._fault(line, f"constant: {number} does not occur in the text")

    def _check_piece(self, piece: Piece) -> None:
        if piece.kind == TEXT:
            self._check_text(piece.line, piece.text)
        elif piece.reference:
            value, path = self._values.printed(piece.reference), piece.reference.path
            is_right = plain(piece.text) == value
            if piece.kind == CLAIM and not is_right:
                self._fault(piece.line, f"prints {piece.text}, {path} is {value}")
            if piece.kind == SLIP and is_right:
                self._fault(piece.line, f"slip: {piece.text} is right, {path} is {value}")

    def _check_text(self, line: int, text: str) -> None:
        for number in numbers_in(text):
            if number in self._page.constants:
                self._used.add(number)
                continue
            self._fault(line, f"{number} is neither computed nor claimed; wanted {{{{ path }}}}, "
                              f"{number}{{= path}} or a constant in the head")  # fmt: skip

    def _check_prediction(self, block: LessonBlock, of: Reference) -> None:
        """A prediction of a number or a name that a learner can choose."""
        kind = self._values.type_of(of)
        wanted = ("name",) if block.attributes.get("kind") == "choice" else ("number", "whole")
        if kind not in wanted:
            raise LessonError(f"of: got a {kind}, wanted a {wanted[0]}")
        value = self._values.value(of)
        options = [self._values.filled_text(line[2:].strip()) for line in block.items("- ")]
        if kind == "name" and value not in options:
            raise LessonError(f"of: {value} is none of the options")

    def _check_plane(self, block: LessonBlock, of: Reference) -> None:
        """Compare a table of numbers with a plane, cell by cell."""
        plane = self._values.plane(of)
        rows = [(number, line.split()) for number, line in block.lines]
        shape = len(rows), max((len(row) for _, row in rows), default=0)
        if shape != plane.shape or any(len(row) != shape[1] for _, row in rows):
            wanted, got = ("x".join(map(str, one)) for one in (plane.shape, shape))
            self._fault(block.line, f"{of.path}: got {got} numbers, wanted {wanted}")
            return
        for at, (line, row) in enumerate(rows):
            for column, got in enumerate(row):
                value = printed(float(plane[at, column]), of.format)
                if plain(got) != value:
                    where = f"row {at + 1}, column {column + 1}"
                    self._fault(line, f"{where}: prints {got}, {of.path} is {value}")

    def _noting(self, line: int, check: Callable[[], None]) -> None:
        try:
            check()
        except PiecewiseError as error:
            self._fault(line, str(error))

    def _fault(self, line: int, sentence: str) -> None:
        self.faults.append(Fault(self._page.file, line, sentence))
