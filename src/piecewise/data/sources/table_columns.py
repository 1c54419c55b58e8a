"""Which column of a table is the text, the label and the split.

Columns are found by options, by common names, or, in a table of two columns, by their content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...core.errors import DataError, shown

NAMES_SHOWN = 10
_TEXT = (
    ("text",),
    ("message", "sentence", "content"),
    ("review", "comment", "comment_text", "review_text", "tweet", "headline", "question",
     "utterance", "sms", "body", "email", "query", "post"),
    ("title", "description", "summary", "abstract"),
)  # fmt: skip
"""Names of the text column. The first group of which there is a column decides."""
_LABEL = (
    ("label",),
    ("class", "category", "target"),
    ("sentiment", "intent", "emotion", "topic", "toxic", "spam", "is_spam", "polarity", "genre",
     "language", "class index", "class_index", "labels"),
    ("rating", "stars"),
)  # fmt: skip
_SPLIT = (("split",), ("part", "set"))
_PAIRS = (("v2", "v1"),)
"""Text and label of well-known tables that go together only: the SMS spam collection."""
WANTED = "'text' and 'label', with 'split' (train, validation or test) if there is one"
OPTIONS = "`text_column` and `label_column` name others"

_FEW_ROWS = 6  # below, content says nothing about columns
_REPEATED = 3.0  # rows of each label, on average
_DIFFERENT = 0.5  # the fraction of rows with texts of their own


@dataclass(frozen=True)
class TableOptions:
    """What the user says about a table: columns by their name or number from 1, and its
    encoding; whether it has to have labels. Without, the labels are not read, and a single column
    is the text."""

    text_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    encoding: str | None = None
    labelled: bool = True

    def check_unused(self, path: object, modality: str) -> None:
        """DataError, naming the path, if an option is set for data without a table."""
        for name in ("text_column", "label_column", "split_column", "encoding"):
            if getattr(self, name) is not None:
                raise DataError(
                    f"{path}: got {modality} without a table; `{name}` applies to tables only; "
                    "leave it out"
                )


class ColumnRoles(NamedTuple):
    """The indices of the text, label and split columns; None if there is none."""

    text: int
    label: int | None
    split: int | None


def find_columns(names: Sequence[str], options: TableOptions) -> ColumnRoles:
    """The text, label and split columns by their names; DataError, listing the columns, if they
    are missing or ambiguous."""
    text = _chosen(names, options.text_column, "text")
    if not options.labelled:
        return _unlabelled(names, text)
    label = label_column(names, options)
    split = split_column(names, options)
    if text is None:
        text = _by_name(names, _TEXT, "text")
    if text is None and label is None:
        text, label = _known_pair(names)
    if text is None or label is None:
        raise DataError(f"got the columns {listed(names)}, wanted {WANTED}; {OPTIONS}")
    if len({text, label, split}) < 3:
        raise DataError(f"the column {shown(names[label])} cannot have two roles; choose another")
    return ColumnRoles(text, label, split)


def _unlabelled(names: Sequence[str], text: int | None) -> ColumnRoles:
    if text is None:
        text = 0 if len(names) == 1 else _by_name(names, _TEXT, "text")
    if text is None:
        text = _known_pair(names)[0]
    if text is None:
        raise DataError(f"got the columns {listed(names)}, wanted 'text'")
    return ColumnRoles(text, None, None)


def label_column(names: Sequence[str], options: TableOptions) -> int | None:
    """The label column by its name; None if there is none."""
    chosen = _chosen(names, options.label_column, "label")
    return _by_name(names, _LABEL, "label") if chosen is None else chosen


def split_column(names: Sequence[str], options: TableOptions) -> int | None:
    """The split column by its name; None if there is none."""
    chosen = _chosen(names, options.split_column, "split")
    return _by_name(names, _SPLIT, "split") if chosen is None else chosen


def describe_roles(names: Sequence[str], roles: ColumnRoles) -> str:
    """The columns with a role, by their names."""
    return ", ".join(
        f"{role} {shown(names[index].strip())}"
        for role, index in roles._asdict().items()
        if index is not None
    )


def listed(names: Sequence[str]) -> str:
    """Column names for an error message."""
    got = ", ".join(shown(name) for name in names[:NAMES_SHOWN]) or "none"
    return got + (", ..." if len(names) > NAMES_SHOWN else "")


def _chosen(names: Sequence[str], wanted: str | None, role: str) -> int | None:
    """The column that an option names; None without the option."""
    if wanted is None:
        return None
    name = wanted.strip()
    for match in (str.strip, lambda one: one.strip().casefold()):
        found = [index for index, one in enumerate(names) if match(one) == match(name)]
        if len(found) == 1:
            return found[0]
    if name.isascii() and name.isdigit() and len(name) < 6 and 1 <= int(name) <= len(names):
        return int(name) - 1
    raise DataError(
        f"{role}_column: got {shown(wanted)}, wanted one of the columns {listed(names)}, or a "
        f"number from 1 to {len(names)}"
    )


def _by_name(names: Sequence[str], groups: Sequence[tuple[str, ...]], role: str) -> int | None:
    lowered = [name.strip().casefold() for name in names]
    for group in groups:
        matches = [index for index, name in enumerate(lowered) if name in group]
        if len(matches) > 1:
            both = " and ".join(shown(names[index]) for index in matches[:2])
            raise DataError(
                f"the columns {both} may both be the {role}; rename one, or choose one with "
                f"`{role}_column`"
            )
        if matches:
            return matches[0]
    return None


def _known_pair(names: Sequence[str]) -> tuple[int | None, int | None]:
    lowered = [name.strip().casefold() for name in names]
    for text, label in _PAIRS:
        if lowered.count(text) == lowered.count(label) == 1:
            return lowered.index(text), lowered.index(label)
    return None, None


def is_numbered(names: Sequence[str], options: TableOptions) -> bool:
    """Whether an option gives a column by its number rather than its name."""
    known = {name.strip().casefold() for name in names}
    chosen = (options.text_column, options.label_column)
    return any(one is not None and one.strip().casefold() not in known for one in chosen)


def columns_by_content(rows: Sequence[Sequence[str]]) -> ColumnRoles | None:
    """The text and label columns of rows, without their header, by their content; None if unclear.

    There have to be two columns. One has few values, each on average at least three times, the
    other longer texts that differ.
    """
    filled = [index for index in range(len(rows[0])) if any(row[index].strip() for row in rows)]
    if len(filled) != 2 or len(rows) < _FEW_ROWS:
        return None
    for label, text in (filled, filled[::-1]):
        labels, texts = ([row[index].strip() for row in rows] for index in (label, text))
        repeats = len(set(labels)) >= 2 and len(labels) >= _REPEATED * len(set(labels))
        longer = sum(map(len, texts)) > sum(map(len, labels))
        words = sum(" " in one for one in texts) >= len(texts) / 2
        if repeats and longer and words and len(set(texts)) >= _DIFFERENT * len(texts):
            return ColumnRoles(text, label, None)
    return None


def is_example(first: Sequence[str], rows: Sequence[Sequence[str]], label: int) -> bool:
    """Whether the first row is an example rather than a header: its label comes again."""
    return Counter(row[label].strip() for row in rows)[first[label].strip()] > 0
