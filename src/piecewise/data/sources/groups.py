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
from .discovery import Files, Gathered

MARK = "{group}"
_PEOPLE = {
    "author", "client", "group", "participant", "patient", "person", "speaker", "student",
    "subject", "user", "writer",
}  # fmt: skip
_LONGEST = 200  # characters of a pattern
_MOST_STARS = 4  # after the group: with more, a name can be divided in too many ways


class Offer(NamedTuple):
    """A way to group the examples: what to write, how many groups come of it, and some of them."""

    text: str
    groups: int
    some: list[str]


class Suggested(NamedTuple):
    """An offer, and the group of each example (N,) by it."""

    offer: Offer
    groups: npt.NDArray[np.str_]


def groups_of(gathered: Gathered, text: str, place: Path) -> list[str]:
    """The group of each example. ``text``: of an `.npz` or a table the name of a field or column;
    of files a pattern over their names without the ending, with {group} where the group stands and
    * for whatever lies around it, as in '*_{group}_*'. DataError where it does not fit."""
    if not isinstance(text, str):
        raise DataError(f"{place}: groups: got {shown(text)}, wanted a name or a pattern")
    if not isinstance(gathered.raw, Files):
        if text not in gathered.fields:
            known = ", ".join(gathered.fields) or "it has none that says who"
            raise DataError(f"{place}: groups: got {shown(text)}, wanted a field of it ({known})")
        return [_checked(str(value), f"{place}: {text}") for value in gathered.fields[text]]
    pattern = _pattern(text)
    found = []
    for file in gathered.raw.files:
        match = pattern.fullmatch(_stem(file.place.name))
        if match is None:
            raise DataError(f"{file.place}: its name does not fit the groups {shown(text)}")
        found.append(_checked(match[1], str(file.place)))
    return found


def _checked(name: str, where: str) -> str:
    if len(name) > MAX_CLASS_NAME:
        raise DataError(
            f"{where}: a group of {len(name):,} characters, wanted at most {MAX_CLASS_NAME:,}"
        )
    return name


def offers(gathered: Gathered) -> list[Offer]:
    """Ways to group the examples that their names, or fields beside them, suggest."""
    if isinstance(gathered.raw, Files):
        made = _of_names([_stem(file.place.name) for file in gathered.raw.files], gathered.labels)
    else:
        made = [
            _offer(name, [str(value) for value in values])
            for name, values in gathered.fields.items()
            if name.lower() in _PEOPLE
        ]
    return [offer for offer in made if 1 < offer.groups <= len(gathered) / 2]


def suggested(gathered: Gathered, place: Path) -> list[Suggested]:
    """The offers for what lies at ``place``, worked out."""
    made = []
    for offer in offers(gathered):
        with suppress(DataError):  # nothing where the group stands, or too long a name
            made.append(Suggested(offer, np.array(groups_of(gathered, offer.text, place))))
    return made


def _pattern(text: str) -> re.Pattern[str]:
    if text.count(MARK) != 1 or len(text) > _LONGEST:
        raise DataError(f"groups: got {shown(text)}, wanted a pattern such as '*_{MARK}_*'")
    before, after = text.split(MARK)
    if after.count("*") > _MOST_STARS:
        raise DataError(f"groups: got {shown(text)}, wanted at most {_MOST_STARS} * after {MARK}")
    # What was passed over before the group is not gone back into, so that no name takes long.
    skipped = "".join(f"(?>.*?{re.escape(one)})" for one in before.split("*")[1:])
    followed = ".*?".join(re.escape(one) for one in after.split("*"))
    return re.compile(f"{re.escape(before.split('*')[0])}{skipped}(.+?){followed}", re.DOTALL)


def _stem(name: str) -> str:
    """A file's name without its ending, composed, as it is typed."""
    return normalize("NFC", name.rpartition(".")[0] or name)


def _of_names(stems: Sequence[str], labels: Sequence[str]) -> list[Offer]:
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
            made.append(_offer(f"{passed}{MARK}{rest}", column))
    return made


def _offer(text: str, values: Sequence[str]) -> Offer:
    different = sorted(set(values))
    return Offer(text, len(different), different[:2])
