"""Groups: examples that one person drew, said or wrote, which a split must keep together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import numpy as np

from ...core.array_types import Strings
from ...core.constraints import MAX_CLASS_NAME
from ...core.errors import DataError, shown
from .discovery import LazyFiles, RawDataset

PLACEHOLDER = "{group}"
_PEOPLE = {
    "author", "client", "group", "participant", "patient", "person", "speaker", "student",
    "subject", "user", "writer",
}  # fmt: skip
_MAX_PATTERN_LENGTH = 200  # characters
_MAX_STARS = 4  # after the group; with more, matching a name could take exponential time


class GroupingOption(NamedTuple):
    """A way to group the examples: the pattern or column name to pass as ``groups``, the number of
    groups, and some of their names."""

    pattern: str
    group_count: int
    sample_groups: list[str]


class GroupSuggestion(NamedTuple):
    """A grouping option and the group of each example (N,)."""

    option: GroupingOption
    groups: Strings


def assign_groups(raw: RawDataset, pattern: str, path: Path) -> list[str]:
    """The group of each example; DataError if the pattern does not fit.

    For an `.npz` or a table, ``pattern`` is the name of a field or column. For files, it is a
    pattern of their names without the suffix: {group} stands for the group and * for any text, as
    in '*_{group}_*'. A pattern with a slash, as in '{group}/*', is one of their paths in the
    folder of the class.
    """
    if not isinstance(pattern, str):
        raise DataError(f"{path}: groups: got {shown(pattern)}, wanted a name or a pattern")
    if pattern in raw.fields or not isinstance(raw.examples, LazyFiles):
        if pattern not in raw.fields:
            known = ", ".join(raw.fields) or "the file has no further fields"
            raise DataError(f"{path}: groups: got {shown(pattern)}, wanted a field of it ({known})")
        return [_checked(str(value), f"{path}: {pattern}") for value in raw.fields[pattern]]
    regex = _compile(pattern)
    groups = []
    for file in raw.examples.files:
        match = regex.fullmatch(_stem(file.inner if "/" in pattern else file.path.name))
        if match is None:
            raise DataError(f"{file.path}: its name does not fit the groups {shown(pattern)}")
        groups.append(_checked(match[1], str(file.path)))
    return groups


def _checked(name: str, where: str) -> str:
    if len(name) > MAX_CLASS_NAME:
        raise DataError(
            f"{where}: a group of {len(name):,} characters, wanted at most {MAX_CLASS_NAME:,}"
        )
    return name


def grouping_options(raw: RawDataset) -> list[GroupingOption]:
    """Ways to group the examples that their names, or columns of the file, suggest."""
    if isinstance(raw.examples, LazyFiles):
        files = raw.examples.files
        options = _from_names([_stem(file.path.name) for file in files], raw.labels)
        options += _from_folders([file.inner for file in files], raw.labels)
    else:
        options = []
    options += [
        _option(name, [str(value) for value in values])
        for name, values in raw.fields.items()
        if name.lower() in _PEOPLE
    ]
    return [option for option in options if 1 < option.group_count <= len(raw) / 2]


def suggest_groups(raw: RawDataset, path: Path) -> list[GroupSuggestion]:
    """The grouping options with the group of each example."""
    suggestions = []
    for option in grouping_options(raw):
        with suppress(DataError):  # an empty group, or one with too long a name
            groups = np.array(assign_groups(raw, option.pattern, path))
            suggestions.append(GroupSuggestion(option, groups))
    return suggestions


def _compile(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern; its first group is the group."""
    if pattern.count(PLACEHOLDER) != 1 or len(pattern) > _MAX_PATTERN_LENGTH:
        raise DataError(
            f"groups: got {shown(pattern)}, wanted a pattern such as '*_{PLACEHOLDER}_*'"
        )
    before, after = pattern.split(PLACEHOLDER)
    if after.count("*") > _MAX_STARS:
        raise DataError(
            f"groups: got {shown(pattern)}, wanted at most {_MAX_STARS} * after {PLACEHOLDER}"
        )
    # Atomic groups: the text before the group is never matched again, so that no name takes long.
    skipped = "".join(f"(?>.*?{re.escape(one)})" for one in before.split("*")[1:])
    followed = ".*?".join(re.escape(one) for one in after.split("*"))
    return re.compile(f"{re.escape(before.split('*')[0])}{skipped}(.+?){followed}", re.DOTALL)


def _stem(name: str) -> str:
    """A file name without its suffix, in Unicode's form C, which keyboards produce."""
    return normalize("NFC", name.rpartition(".")[0] or name)


def _from_names(stems: Sequence[str], labels: Sequence[str]) -> list[GroupingOption]:
    """Options from names that all have the same number of words: a word that repeats and occurs in
    several classes may be a person's name."""
    words = [re.split("[-_ ]", stem) for stem in stems]
    separators = re.findall("[-_ ]", stems[0])
    if len({len(one) for one in words}) > 1 or not separators:
        return []
    options = []
    for position, column in enumerate(zip(*words, strict=True)):
        values, pairs = len(set(column)), len(set(zip(column, labels, strict=True)))
        has_letters = any(character.isalpha() for word in column for character in word)
        if has_letters and 1 < values <= len(stems) / 4 and pairs >= 1.5 * values:
            before = "".join(f"*{separator}" for separator in separators[:position])
            after = "".join(f"{separator}*" for separator in separators[position : position + 1])
            options.append(_option(f"{before}{PLACEHOLDER}{after}", column))
    return options


def _from_folders(inner_paths: Sequence[str], labels: Sequence[str]) -> list[GroupingOption]:
    """An option if all files lie in further folders of their class, as in CLASS/session1, and such
    folders occur in several classes."""
    folders = [path.partition("/")[0] for path in inner_paths if "/" in path]
    if len(folders) < len(labels):
        return []
    pairs = len(set(zip(folders, labels, strict=True)))
    is_shared = pairs >= 1.5 * len(set(folders))
    return [_option(f"{PLACEHOLDER}/*", folders)] if is_shared else []


def _option(pattern: str, values: Sequence[str]) -> GroupingOption:
    groups = sorted(set(values))
    return GroupingOption(pattern, len(groups), groups[:2])
