"""Groups: what one person drew, said or wrote, so that it can stay on one side of a split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from ...core.constraints import MAX_CLASS_NAME
from ...core.errors import DataError, shown
from .discovery import LazyFiles, RawDataset

PLACEHOLDER = "{group}"
_PEOPLE = {
    "author", "client", "group", "participant", "patient", "person", "speaker", "student",
    "subject", "user", "writer",
}  # fmt: skip
_LONGEST = 200  # characters of a pattern
_MOST_STARS = 4  # after the group: with more, a name can be divided in too many ways


class GroupingOption(NamedTuple):
    """A way to group the examples: what to write, how many groups come of it, and some of them."""

    pattern: str
    group_count: int
    sample_groups: list[str]


class GroupSuggestion(NamedTuple):
    """An offer, and the group of each example (N,) by it."""

    option: GroupingOption
    groups: npt.NDArray[np.str_]


def assign_groups(gathered: RawDataset, text: str, place: Path) -> list[str]:
    """The group of each example. ``text``: of an `.npz` or a table the name of a field or column;
    of files a pattern over their names without the ending, with {group} where the group stands and
    * for whatever lies around it, as in '*_{group}_*'. DataError where it does not fit."""
    if not isinstance(text, str):
        raise DataError(f"{place}: groups: got {shown(text)}, wanted a name or a pattern")
    if not isinstance(gathered.examples, LazyFiles):
        if text not in gathered.fields:
            known = ", ".join(gathered.fields) or "it has none that says who"
            raise DataError(f"{place}: groups: got {shown(text)}, wanted a field of it ({known})")
        return [_checked(str(value), f"{place}: {text}") for value in gathered.fields[text]]
    pattern = _pattern(text)
    found = []
    for file in gathered.examples.files:
        match = pattern.fullmatch(_stem(file.path.name))
        if match is None:
            raise DataError(f"{file.path}: its name does not fit the groups {shown(text)}")
        found.append(_checked(match[1], str(file.path)))
    return found


def _checked(name: str, where: str) -> str:
    if len(name) > MAX_CLASS_NAME:
        raise DataError(
            f"{where}: a group of {len(name):,} characters, wanted at most {MAX_CLASS_NAME:,}"
        )
    return name


def grouping_options(gathered: RawDataset) -> list[GroupingOption]:
    """Ways to group the examples that their names, or fields beside them, suggest."""
    if isinstance(gathered.examples, LazyFiles):
        made = _of_names(
            [_stem(file.path.name) for file in gathered.examples.files], gathered.labels
        )
    else:
        made = [
            _offer(name, [str(value) for value in values])
            for name, values in gathered.fields.items()
            if name.lower() in _PEOPLE
        ]
    return [offer for offer in made if 1 < offer.group_count <= len(gathered) / 2]


def suggest_groups(gathered: RawDataset, place: Path) -> list[GroupSuggestion]:
    """The offers for what lies at ``place``, worked out."""
    made = []
    for offer in grouping_options(gathered):
        with suppress(DataError):  # nothing where the group stands, or too long a name
            made.append(
                GroupSuggestion(offer, np.array(assign_groups(gathered, offer.pattern, place)))
            )
    return made


def _pattern(text: str) -> re.Pattern[str]:
    if text.count(PLACEHOLDER) != 1 or len(text) > _LONGEST:
        raise DataError(f"groups: got {shown(text)}, wanted a pattern such as '*_{PLACEHOLDER}_*'")
    before, after = text.split(PLACEHOLDER)
    if after.count("*") > _MOST_STARS:
        raise DataError(
            f"groups: got {shown(text)}, wanted at most {_MOST_STARS} * after {PLACEHOLDER}"
        )
    # What was passed over before the group is not gone back into, so that no name takes long.
    skipped = "".join(f"(?>.*?{re.escape(one)})" for one in before.split("*")[1:])
    followed = ".*?".join(re.escape(one) for one in after.split("*"))
    return re.compile(f"{re.escape(before.split('*')[0])}{skipped}(.+?){followed}", re.DOTALL)


def _stem(name: str) -> str:
    """A file's name without its ending, composed, as it is typed."""
    return normalize("NFC", name.rpartition(".")[0] or name)


def _of_names(stems: Sequence[str], labels: Sequence[str]) -> list[GroupingOption]:
    """The words, of names that all have as many, that come again and again in several classes."""
    words = [re.split("[-_ ]", stem) for stem in stems]
    marks = re.findall("[-_ ]", stems[0])
    if len({len(one) for one in words}) > 1 or not marks:
        return []
    made = []
    for place, column in enumerate(zip(*words, strict=True)):
        counts = len(set(column)), len(set(zip(column, labels, strict=True)))
        is_a_name = any(mark.isalpha() for word in column for mark in word)
        if is_a_name and 1 < counts[0] <= len(stems) / 4 and counts[1] >= 1.5 * counts[0]:
            passed = "".join(f"*{mark}" for mark in marks[:place])
            rest = "".join(f"{mark}*" for mark in marks[place : place + 1])
            made.append(_offer(f"{passed}{PLACEHOLDER}{rest}", column))
    return made


def _offer(text: str, values: Sequence[str]) -> GroupingOption:
    different = sorted(set(values))
    return GroupingOption(text, len(different), different[:2])
