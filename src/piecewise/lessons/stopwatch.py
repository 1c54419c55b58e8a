"""The stopwatch: how long a page takes, from its words and its steps.

A learner reads 200 words a minute. How long a step takes beyond reading is assumed, in whole
seconds: it was not measured with classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .answer_key import seat_draw
from .deck_quantities import Deck
from .learner import Learner
from .lesson_file import PROSE, LessonBlock, LessonPage
from .number_words import numbers_in
from .page_values import PageValues
from .quantities import Context
from .question_pools import POOLS
from .questions import draw_question

WORDS_A_MINUTE = 200
MOST_MINUTES = 45
"""The time of one lesson at school."""
IN_CLASS = (PROSE, "predict", "task", "result", "why", "sentence")
"""The blocks that are read in class; play is open, and the second check of a page is for home."""
PREDICT, WHY = 10, 10
"""Seconds to decide on a prediction, and to choose a reason."""
TASKS: Mapping[str, int] = {
    "move_drawing": 45, "place_feature": 45, "worked_cell": 90, "slide_kernel": 45,
    "toggle_pooling": 30, "toggle_relu": 30, "open_cell": 30, "mute_map": 45, "error_table": 90,
    "nudge_weight": 60, "turn_knob": 45, "shuffle_columns": 60,
    "swap_seats": 150,
}  # fmt: skip
"""Seconds of the interactive part of a task."""
CHECK, CHECK_NUMBER = 20, 7
"""Seconds to answer a check, and to calculate with each number in it."""


class PageTime(NamedTuple):
    """The words of a page that are read in class, and the seconds of its steps."""

    lesson: str
    words: int
    step_seconds: int

    @property
    def minutes(self) -> float:
        """The time of the page."""
        return self.words / WORDS_A_MINUTE + self.step_seconds / 60


def _read(block: LessonBlock, values: PageValues) -> list[str]:
    """The texts that are read. Of the sentences about wrong reasons, it is one, the longest."""
    fill = values.filled_text
    if block.kind != "why":
        return [fill(line) for _, line in block.lines]
    reasons = block.reasons()
    why_nots = [fill(one.why_not) for one in reasons]
    return [*(fill(one.text) for one in reasons), max(why_nots, key=_word_count, default="")]


def _word_count(text: str) -> int:
    """The words of a text; the marks of lists and tables are none."""
    return sum(not set(word) <= set("|-") for word in text.split())


def page_time(page: LessonPage, learner: Learner) -> PageTime:
    """The time of a page for a learner; LessonError if a number cannot be computed."""
    values = PageValues(Context(learner, Deck()))
    for binding in page.bindings:
        values.bind(binding)
    blocks = [block for block in page.blocks if block.kind in IN_CLASS]
    texts = [text for block in blocks for text in _read(block, values)]
    check = page.of_kind("check")[0].attributes["generator"]
    name = page.head["lesson"]
    drawn = draw_question(list(POOLS[check](learner)), seat_draw(learner, name, check, 0))
    question = drawn.text if drawn else ""
    words = sum(_word_count(text) for text in (page.question, *texts, question))
    tasks = sum(TASKS[block.attributes["part"]] for block in page.of_kind("task"))
    answering = CHECK + CHECK_NUMBER * len(list(numbers_in(question)))
    return PageTime(name, words, PREDICT + tasks + WHY + answering)
