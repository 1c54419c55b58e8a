"""A lesson as plain values for a page: its texts with the numbers of a learner, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .learner import LearnerDrawing
from .lesson_file import PROSE, TABLE, LessonBlock, LessonPage, is_table_rule, table_cells
from .page_values import PageValues
from .pieces import CODE, SLIP, TEXT, Piece, pieces_of
from .references import LessonError

Run = dict[str, Any]
"""A piece of a text: ``text``, ``code``, the ``name`` of a class, or a ``number`` with its ``path``
in the table of quantities and all its digits; a known slip has the true value, too."""
Line = tuple[int, str]
"""A line of a block, with its number."""
Paragraph = list[Run]
Table = dict[str, list[list[Paragraph]]]
"""The cells of its ``head`` and of its ``rows``, row by row; the head is one row."""


class LessonView:
    """The parts of a lesson for one learner; every method raises LessonError."""

    def __init__(self, page: LessonPage, values: PageValues) -> None:
        self._page, self._values = page, values
        for binding in page.bindings:
            values.bind(binding)

    @property
    def drawing(self) -> LearnerDrawing | None:
        """The drawing that the lesson is about, which it calls x."""
        found = self._values.bound("x")
        return found if isinstance(found, LearnerDrawing) else None

    def before(self, modality: str) -> dict[str, Any]:
        """What is shown before the prediction. ``modality``: of the learner's data, singular."""
        missing = [block for block in self._page.of_kind("without")
                   if block.attributes["modality"] == modality]  # fmt: skip
        return {
            "question": self._page.question,
            "minutes": int(self._page.head["minutes"]),
            "without": self._paragraphs(missing),
            "intro": self._paragraphs(self._page.of_kind(PROSE)),
            "predict": self._prediction(self._page.of_kind("predict")[0]),
        }

    def after(self) -> dict[str, Any]:
        """What is shown after the prediction, with the value that was predicted."""
        predict = self._page.of_kind("predict")[0]
        kinds = ("task", "result", "sentence", "play")
        texts = {kind: self._paragraphs(self._page.of_kind(kind)) for kind in kinds}
        return {"outcome": self._outcome(predict), "reasons": self.reasons(), **texts}

    def reasons(self) -> list[tuple[str, str]]:
        """The reasons to choose from, each with a sentence that says why it is wrong. The first one
        is right; its sentence is empty."""
        found = [one for block in self._page.of_kind("why") for one in block.reasons()]
        ordered = sorted(found, key=lambda one: not one.is_right)
        fill = self._values.filled_text
        return [(fill(one.text), fill(one.why_not)) for one in ordered]

    def _prediction(self, block: LessonBlock) -> dict[str, Any]:
        """The question of a prediction, and what can be chosen."""
        kind, at = block.attributes["kind"], block.attributes.get("at", "")
        options = [self._values.filled_text(line[2:].strip()) for line in block.items("- ")]
        is_integer = block.of is not None and self._values.type_of(block.of) == "whole"
        return {
            "kind": kind,
            "text": self._paragraphs([block]),
            "limits": at.split(",") if at else [],
            "options": options,
            "is_integer": is_integer,
        }

    def _outcome(self, block: LessonBlock) -> dict[str, Any]:
        """What was predicted: the number, and the index of its interval or option."""
        assert block.of is not None
        value = self._values.value(block.of)
        if block.attributes["kind"] == "choice":
            options = [self._values.filled_text(one[2:].strip()) for one in block.items("- ")]
            return {"index": options.index(value), "run": _run_of_name(value)}
        form = block.of.format or ("" if isinstance(value, int) else "2")
        run = _run_of_number(self._values.printed_as(block.of, form), value, block.of.path)
        limits = block.attributes.get("at", "")
        below = [float(limit) < value for limit in limits.split(",")] if limits else []
        return {"index": sum(below), "run": run}

    def _paragraphs(self, blocks: Iterable[LessonBlock]) -> list[Paragraph | Table]:
        """The paragraphs and tables of blocks, without the lines of lists."""
        found: list[Paragraph | Table] = []
        for block in blocks:
            for lines in _paragraph_lines(block):
                if lines[0][1].startswith(TABLE):
                    found.append(self._table(lines))
                else:
                    found.append(self._runs(" ".join(text for _, text in lines), lines[0][0]))
        return found

    def _table(self, lines: Sequence[Line]) -> Table:
        head, *rows = [
            [self._runs(cell, number) for cell in table_cells(text)]
            for number, text in lines
            if not is_table_rule(text)
        ]
        return {"head": [head], "rows": rows}

    def _runs(self, text: str, line: int) -> Paragraph:
        return _joined([self._run(piece) for piece in pieces_of(text, line)])

    def _run(self, piece: Piece) -> Run:
        if piece.kind == TEXT:
            return {"text": piece.text}
        if piece.kind == CODE:
            return {"code": piece.text}
        if piece.reference is None:
            raise LessonError(f"line {piece.line}: a {piece.kind} without a reference")
        value = self._values.value(piece.reference)
        true = self._values.printed(piece.reference)
        if isinstance(value, str):
            return _run_of_name(true)
        run = _run_of_number(piece.text or true, value, piece.reference.path)
        return {**run, "slip": true} if piece.kind == SLIP else run


def _paragraph_lines(block: LessonBlock) -> list[list[Line]]:
    """The lines of each paragraph or table: those that follow each other."""
    found: list[list[Line]] = []
    for number, text in block.lines:
        if text.startswith(("- ", "* ", "> ")):
            continue
        if not found or number != found[-1][-1][0] + 1:
            found.append([])
        found[-1].append((number, text))
    return found


def _joined(paragraph: Paragraph) -> Paragraph:
    """A paragraph without texts that follow each other."""
    joined: Paragraph = []
    for run in paragraph:
        if joined and "text" in run and "text" in joined[-1]:
            joined[-1] = {"text": joined[-1]["text"] + run["text"]}
        else:
            joined.append(run)
    return joined


def _run_of_name(name: str) -> Run:
    return {"name": name}


def _run_of_number(printed: str, value: Any, path: str) -> Run:
    exact = str(value) if isinstance(value, int) else f"{float(value):.9g}"
    return {"number": printed, "path": path, "exact": exact}
