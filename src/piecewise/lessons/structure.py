"""What every lesson has: a question, a prediction, a result, one sentence, two checks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..core.errors import did_you_mean, shown
from .lesson_file import (
    REASONS,
    TABLE,
    WHY_NOT,
    LessonBlock,
    LessonPage,
    is_table_rule,
    table_cells,
)
from .question_pools import POOLS

MODALITIES = ("picture", "sound", "text")
PREDICTIONS = ("interval", "number", "choice")
PARTS = (
    "move_drawing", "place_feature", "worked_cell", "slide_kernel", "toggle_pooling",
    "toggle_relu", "open_cell", "mute_map", "error_table", "nudge_weight", "turn_knob",
    "shuffle_columns", "swap_seats",
)  # fmt: skip
"""The interactive parts that a task can name."""
MISCONCEPTIONS = tuple(f"M{number}" for number in range(1, 15))
TOUR_PARTS = (
    "two_x", "best_matches", "matches_step_by_step", "feature_maps", "pooled_maps",
    "map_after_relu", "pooled_twice", "whole_net", "vote_table", "answer_table", "slide_errors",
    "gradient_table", "descent_table", "knob_table", "kinds_of_data",
)  # fmt: skip
"""The pictures and tables of `piecewise tour`."""
_REASONS = 3
_CHECKS = 2

Found = Iterator[tuple[int, str]]


def structure_faults(page: LessonPage) -> Found:
    """The line and the sentence of every fault."""
    yield from _head(page)
    yield from _parts(page)
    for block in page.blocks:
        if block.kind in _BLOCK_RULES:
            yield from _BLOCK_RULES[block.kind](block)
        yield from _table(block)
        if block.kind in ("predict", "task", "result", "sentence") and not block.lines:
            yield block.line, f"{block.kind}: wanted a text"
    generators = [block.attributes.get("generator") for block in page.of_kind("check")]
    if len(generators) < _CHECKS or len(set(generators)) < len(generators):
        yield 1, f"got the checks {generators}, wanted {_CHECKS} or more, each once"
    covered = {block.attributes["modality"] for block in page.of_kind("without")}
    for modality in MODALITIES:
        if modality not in (page.head.get("needs", ""), *covered):
            yield 1, f"wanted a block without {modality}, which the lesson does not need"


def _parts(page: LessonPage) -> Found:
    """A question, a prediction before the result, and one sentence."""
    if not page.question.endswith("?"):
        yield page.question_line, "wanted one heading that asks a question: # ...?"
    for kind in ("predict", "result", "sentence"):
        if not page.of_kind(kind):
            yield 1, f"wanted a {kind} block"
    for block in page.of_kind("sentence")[1:]:
        yield block.line, "got a second sentence block, wanted one"
    first = {block.kind: block.line for block in reversed(page.blocks)}
    if first.get("predict", 0) > first.get("result", 1 << 30):
        yield first["predict"], "the prediction comes after the result, wanted before"


def _head(page: LessonPage) -> Found:
    for key in ("lesson", "needs", "minutes", "misconceptions"):
        if key not in page.head:
            yield 1, f"head: wanted {key}"
    if page.head.get("needs", "picture") not in MODALITIES:
        yield (
            1,
            f"needs: got {shown(page.head['needs'])}{did_you_mean(page.head['needs'], MODALITIES)}",
        )
    if not re.fullmatch(r"[1-9]\d?", page.head.get("minutes", "1")):
        yield 1, f"minutes: got {shown(page.head['minutes'])}, wanted a number from 1 to 99"
    for one in re.split(r",\s*", page.head.get("misconceptions", "M1")):
        if one not in MISCONCEPTIONS:
            yield 1, f"misconceptions: got {shown(one)}, wanted M1 to {MISCONCEPTIONS[-1]}"


def _predict(block: LessonBlock) -> Found:
    kind = block.attributes.get("kind", "")
    if kind not in PREDICTIONS:
        yield (
            block.line,
            f"predict: got the kind {shown(kind)}, wanted one of {', '.join(PREDICTIONS)}",
        )
    if kind in ("interval", "number") and block.of is None:
        yield block.line, f"predict: a prediction of the kind {kind} wants of={{{{ path }}}}"
    if kind == "choice" and len(block.items("- ")) < 2:
        yield block.line, "predict: a choice wants two options or more, lines that begin with -"
    at = block.attributes.get("at", "")
    if kind == "interval" and not re.fullmatch(r"-?\d+(\.\d+)?(,-?\d+(\.\d+)?)*", at):
        yield block.line, f"predict: got at={at}, wanted the limits of the intervals, as at=0,1"


def _task(block: LessonBlock) -> Found:
    part = block.attributes.get("part", "")
    if part not in PARTS:
        yield block.line, f"task: got the part {shown(part)}{did_you_mean(part, PARTS)}"


def _check(block: LessonBlock) -> Found:
    name = block.attributes.get("generator", "")
    if name not in POOLS:
        yield block.line, f"check: got the generator {shown(name)}{did_you_mean(name, POOLS)}"


def _why(block: LessonBlock) -> Found:
    reasons = block.reasons()
    right = sum(one.is_right for one in reasons)
    others = len(reasons) - right
    if right != 1 or right + others < _REASONS:
        yield (
            block.line,
            (
                f"why: got {right} right reasons (*) and {others} others (-), wanted one "
                f"right reason and {_REASONS - 1} others or more"
            ),
        )
    for one in reasons:
        if one.is_right and one.why_not:
            yield one.line, "why: got a line with > after the right reason, wanted none"
        elif not one.is_right and not re.fullmatch(r"[^.!?]+([.!?]\S[^.!?]*)*[.!?]", one.why_not):
            yield (
                one.line,
                f"why: got {shown(one.why_not)} after a wrong reason, wanted one sentence that "
                "says why it is wrong, in lines that begin with >",
            )
    for line, text in block.lines:
        if text[:2] not in (*REASONS, WHY_NOT):
            yield line, f"why: got {shown(text)}, wanted a line that begins with *, - or >"


def _table(block: LessonBlock) -> Found:
    """A table has a head, a rule, and rows of as many cells."""
    rows = {line: text for line, text in block.lines if text.startswith(TABLE)}
    wanted = 0
    for line, text in rows.items():
        is_head, count = line - 1 not in rows, len(table_cells(text))
        wanted = count if is_head else wanted
        is_second = not is_head and line - 2 not in rows
        if is_table_rule(text) != is_second or (is_head and line + 1 not in rows):
            yield line, "table: wanted a head, a line such as |---|---|, and the rows"
        elif count != wanted:
            yield line, f"table: got {count} cells, wanted {wanted}"


def _tour(block: LessonBlock) -> Found:
    part = block.attributes.get("show", TOUR_PARTS[0])
    if part not in TOUR_PARTS:
        yield block.line, f"tour: got {shown(part)}{did_you_mean(part, TOUR_PARTS)}"


def _without(block: LessonBlock) -> Found:
    modality = block.attributes["modality"]
    if modality not in MODALITIES:
        yield block.line, f"without: got {shown(modality)}{did_you_mean(modality, MODALITIES)}"


_BLOCK_RULES = {
    "predict": _predict,
    "task": _task,
    "check": _check,
    "why": _why,
    "without": _without,
    "tour": _tour,
}
