"""The teacher's sheet: a printed page with the plan of all lessons, made from their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ..page.assemble import BEGINNING
from .catalog import AFTERWARDS
from .deck_quantities import Deck
from .learner import Learner
from .lesson_file import LessonPage
from .page_values import PageValues
from .quantities import Context

_COLUMNS = {
    "min": "",
    "lesson": "",
    "do": "task",
    "ask aloud before the result": "predict",
    "all seats": "",
    "listen for": "teacher",
    "to remember": "sentence",
}
"""The columns, and the blocks that they show. The fifth is what was predicted, where it is the same
for every drawing."""
_STYLE = """
@page { size: landscape; margin: 7mm }
body { font: 7pt/1.15 sans-serif; color: #000; background: #fff; margin: 0 }
h1 { font-size: 12pt; margin: 0 0 1mm }
table { border-collapse: collapse; width: 100% }
th, td { border: 0.5pt solid #000; padding: 0.7mm; text-align: left; vertical-align: top }
tr { break-inside: avoid }
p { margin: 1mm 0 }
"""
_NOTES = (
    "The numbers are those of generated drawings. Every pupil sees those of the own drawings; the "
    "command piecewise lessons key prints the questions and answers of every seat.",
    "Somebody cannot draw: piecewise lessons seat makes a project of generated drawings. At the "
    "end, piecewise lessons pool makes a class of all seats; its score is for people that the net "
    "never met. To swap seats, pupils exchange the archives of their projects (place Take away) "
    "and drop them on the last page.",
    "Drawings and nets stay on the computer on which they were made. Nobody is graded: a check can "
    "be tried again and again.",
)


def teacher_sheet(pages: Sequence[LessonPage], learners: Sequence[Learner]) -> str:
    """The sheet as HTML, which needs no other file; LessonError if a number cannot be computed. The
    numbers are those of the first learner; those that all share are in a column of their own."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in _COLUMNS)
    rows = "".join(_rows(pages, learners))
    notes = "".join(f"<p>{escape(note)}</p>" for note in _NOTES)
    policy = "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    return (
        f"{BEGINNING}{policy}\n<title>Lessons: the teacher's sheet</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Lessons: the teacher's sheet</h1>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n{notes}\n"
        "</body>\n</html>\n"
    )


def _rows(pages: Sequence[LessonPage], learners: Sequence[Learner]) -> Iterator[str]:
    minute = 0
    for page in pages:
        of_learners = [_values(page, learner) for learner in learners]
        is_later = page.head["lesson"] in AFTERWARDS
        end = minute + int(page.head["minutes"])
        cells = [f"later, {end - minute}" if is_later else f"{minute}-{end}", page.question]
        for title, kind in list(_COLUMNS.items())[2:]:
            shared = title == "all seats"
            cells += [_shared(page, of_learners) if shared else _text(page, kind, of_learners[0])]
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n"
        minute = minute if is_later else end


def _values(page: LessonPage, learner: Learner) -> PageValues:
    values = PageValues(Context(learner, Deck()))
    for binding in page.bindings:
        values.bind(binding)
    return values


def _shared(page: LessonPage, of_learners: Sequence[PageValues]) -> str:
    """The number that was predicted, if it is the same for all learners. The name of a class is
    not: other learners have other answers."""
    of = page.of_kind("predict")[0].of
    kind = "name" if of is None else of_learners[0].type_of(of)
    if of is None or kind == "name":
        return ""
    form = of.format or ("2" if kind == "number" else "")
    found = {values.printed_as(of, form) for values in of_learners}
    return found.pop() if len(found) == 1 else ""


def _text(page: LessonPage, kind: str, values: PageValues) -> str:
    """The text of all blocks of a kind in one paragraph, without the options of a choice."""
    lines = (line for block in page.of_kind(kind) for _, line in block.lines)
    return " ".join(values.filled_text(line) for line in lines if not line.startswith("- "))
