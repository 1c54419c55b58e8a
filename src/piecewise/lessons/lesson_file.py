"""The file of a lesson: Markdown with a head, blocks and references to computed numbers.

docs/lessons.md describes it. Reading computes nothing. A fault does not end the reading, so that
all faults of a file are reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..core.errors import DataError, did_you_mean, reason, shown
from .pieces import Piece, pieces_of
from .references import LessonError, Reference, read_reference

MAX_BYTES, MAX_REFERENCES = 64 << 10, 200
PROSE, FENCE = "prose", "picture"
BLOCKS = {
    "predict": ("kind", "of", "at"),
    "task": ("part",),
    "result": (),
    "why": (),
    "check": ("generator",),
    "sentence": (),
    "play": (),
    "without": (),
    "teacher": (),
    "tour": ("show",),
}
"""The blocks and their attributes; ``of`` is a reference, `without` names a modality."""
RIGHT, WHY_NOT = "* ", "> "
REASONS = (RIGHT, "- ")
"""The marks of the lines of a block ``why``: the right reason, what is wrong with the reason before
it, and all reasons."""
HEAD = ("lesson", "needs", "minutes", "misconceptions", "bind", "constant")
_ATTRIBUTE = re.compile(r"\s*([a-z]+)=(\{\{[^{}]*\}\}|\"[^\"]*\"|\S+)")


TABLE, _BAR = "|", re.compile(r"\|(?![^{}]*\})")
"""The mark of the lines of a table, and what is between its cells: no | of a reference."""


def table_cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return [cell.strip() for cell in _BAR.split(line)[1:-1]]


def is_table_rule(line: str) -> bool:
    """Whether a line is that between the head of a table and its rows."""
    return bool(re.fullmatch(r"\|(-+\|)+", line))


class Fault(NamedTuple):
    """A fault: the file, the line (from 1) and a sentence."""

    file: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


class LessonReason(NamedTuple):
    """A reason of a block ``why``: its text, whether it is right, why not if it is wrong, and its
    line."""

    text: str
    is_right: bool
    why_not: str
    line: int


@dataclass
class LessonBlock:
    """A block: its kind, the line of its opening, its attributes and its pieces by line."""

    kind: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    of: Reference | None = None
    lines: list[tuple[int, str]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)

    def items(self, mark: str) -> list[str]:
        """The lines that begin with a mark such as "- "."""
        return [text for _, text in self.lines if text.startswith(mark)]

    def reasons(self) -> list[LessonReason]:
        """The reasons of a block ``why``, in the order of the file."""
        found: list[LessonReason] = []
        for line, text in self.lines:
            mark, rest = text[:2], text[2:].strip()
            if mark in REASONS:
                found.append(LessonReason(rest, mark == RIGHT, "", line))
            elif mark == WHY_NOT and found:
                why_not = f"{found[-1].why_not} {rest}".strip()
                found[-1] = found[-1]._replace(why_not=why_not)
        return found


class Binding(NamedTuple):
    """A name that the head binds to a path."""

    name: str
    reference: Reference
    line: int


@dataclass
class LessonPage:
    """A lesson as it was read."""

    file: str
    head: dict[str, str] = field(default_factory=dict)
    """The keys of the head that are given once, as texts."""
    bindings: list[Binding] = field(default_factory=list)
    constants: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The numbers that need no claim, with the reasons."""
    question: str = ""
    """The heading."""
    question_line: int = 1
    blocks: list[LessonBlock] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    """What could not be read."""

    def fault(self, line: int, sentence: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(self.file, line, sentence))

    def of_kind(self, kind: str) -> list[LessonBlock]:
        """The blocks of a kind."""
        return [block for block in self.blocks if block.kind == kind]


def read_lesson(path: Path) -> LessonPage:
    """Read a lesson file; DataError if it cannot be opened, is too large or no UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise DataError(f"{path}: a lesson has at most {MAX_BYTES // 1024} KiB")
        return parse_lesson(content.decode(), str(path))
    except UnicodeDecodeError:
        raise DataError(f"{path}: a lesson needs to be UTF-8 text") from None
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None


def parse_lesson(text: str, file: str) -> LessonPage:
    """The lesson in a text; its faults are noted in the page."""
    page = LessonPage(file)
    lines = [(number, line.rstrip()) for number, line in enumerate(text.split("\n"), 1)]
    body = _read_head(page, lines)
    for block in _blocks(page, body):
        page.blocks.append(block)
        if block.kind != FENCE:
            for number, line in block.lines:
                _noting(page, number, partial(_read_pieces, block, number, line))
    count = sum(piece.reference is not None for block in page.blocks for piece in block.pieces)
    if count > MAX_REFERENCES:
        page.fault(1, f"got {count} references, wanted at most {MAX_REFERENCES}")
    return page


def _read_pieces(block: LessonBlock, number: int, line: str) -> None:
    block.pieces.extend(pieces_of(line, number))


def _noting(page: LessonPage, line: int, read: Callable[[], object]) -> None:
    """Call a function, and note its LessonError."""
    try:
        read()
    except LessonError as error:
        page.fault(line, str(error))


def _read_head(page: LessonPage, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Read the head between two lines of ---; the lines after it."""
    ends = [at for at, (_, text) in enumerate(lines) if text == "---"][:2]
    if len(ends) < 2 or ends[0] != 0:
        page.fault(1, "wanted a head between two lines of ---")
        return lines
    for number, text in lines[1 : ends[1]]:
        key, colon, value = (part.strip() for part in text.partition(":"))
        if not text:
            continue
        if not colon or key not in HEAD:
            page.fault(number, f"head: got {shown(key)}{did_you_mean(key, HEAD)}")
        elif key == "bind":
            _noting(page, number, partial(_bind, page, number, value))
        elif key == "constant":
            _noting(page, number, partial(_declare, page, number, value))
        elif key in page.head:
            page.fault(number, f"head: got {key} twice")
        else:
            page.head[key] = value
    return lines[ends[1] + 1 :]


def _bind(page: LessonPage, line: int, value: str) -> None:
    name, sign, path = (part.strip() for part in value.partition("="))
    if not sign or not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise LessonError(f"bind: got {shown(value)}, wanted NAME = PATH")
    if name in (binding.name for binding in page.bindings):
        raise LessonError(f"bind: got {shown(name)} twice")
    page.bindings.append(Binding(name, read_reference(path), line))


def _declare(page: LessonPage, line: int, value: str) -> None:
    number, sign, why = (part.strip() for part in value.partition("="))
    if not sign or not number or not why:
        raise LessonError(f"constant: got {shown(value)}, wanted NUMBER = REASON")
    page.constants[number] = (why, line)


def _blocks(page: LessonPage, lines: list[tuple[int, str]]) -> Iterator[LessonBlock]:
    """The blocks in the order of the file; text outside of blocks is prose, one a paragraph."""
    waiting = list(reversed(lines))
    while waiting:
        number, text = waiting.pop()
        if not text:
            continue
        if text.startswith("# "):
            if page.question:
                page.fault(number, "got a second heading, wanted one question")
            page.question, page.question_line = text[2:].strip(), number
        elif text.startswith(":::"):
            block = _opened(page, number, text[3:].strip())
            block.lines = _until(page, waiting, number, ":::")
            yield block
        elif text.startswith("```"):
            yield _fence(page, number, text[3:].strip(), _until(page, waiting, number, "```"))
        else:
            block = LessonBlock(PROSE, number, lines=[(number, text)])
            while waiting and waiting[-1][1] and not re.match("# |:::|```", waiting[-1][1]):
                block.lines.append(waiting.pop())
            yield block


def _until(
    page: LessonPage, waiting: list[tuple[int, str]], opened: int, end: str
) -> list[tuple[int, str]]:
    """The lines up to the end of a block."""
    inside: list[tuple[int, str]] = []
    while waiting:
        number, text = waiting.pop()
        if text == end:
            return [line for line in inside if line[1]]
        inside.append((number, text))
    page.fault(opened, f"a block begins here and does not end: wanted a line of {end}")
    return inside


def _opened(page: LessonPage, line: int, text: str) -> LessonBlock:
    kind, _, rest = text.partition(" ")
    block = LessonBlock(kind, line)
    if kind not in BLOCKS:
        page.fault(line, f"block: got {shown(kind)}{did_you_mean(kind, BLOCKS)}")
        return block
    if kind == "without":
        block.attributes["modality"] = rest.strip()
        return block
    end = 0
    while found := _ATTRIBUTE.match(rest, end):
        end = found.end()
        _noting(page, line, partial(_set_attribute, block, found[1], found[2].strip('"')))
    if rest[end:].strip():
        page.fault(line, f"{kind}: got {shown(rest[end:].strip())}, wanted NAME=VALUE")
    return block


def _set_attribute(block: LessonBlock, name: str, value: str) -> None:
    known = BLOCKS[block.kind]
    if name not in known:
        hint = did_you_mean(name, known) if known else "; it has no attributes"
        raise LessonError(f"{block.kind}: got the attribute {shown(name)}{hint}")
    if name == "of":
        if not value.startswith("{{"):
            raise LessonError(f"of: got {shown(value)}, wanted {{{{ path }}}}")
        block.of = read_reference(value[2:-2])
    else:
        block.attributes[name] = value


def _fence(page: LessonPage, line: int, info: str, lines: list[tuple[int, str]]) -> LessonBlock:
    """A table of numbers with a claim, or code."""
    block = LessonBlock(FENCE, line, lines=lines)
    if found := re.fullmatch(r"\{=([^{}]*)\}", info):

        def read() -> None:
            block.of = read_reference(found[1])

        _noting(page, line, read)
    elif info:
        page.fault(line, f"got {shown(info)} after ```, wanted {{= path | format}} or nothing")
    return block
