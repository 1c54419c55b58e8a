"""The names of splits: which folder, or which value of a column, is the test split."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""The split of each word that names one."""

_COMPANIONS = {
    "audio", "data", "dataset", "examples", "files", "folder", "image", "images", "img", "imgs",
    "photos", "pictures", "png", "samples", "seg", "set", "sets", "sounds", "split", "wav", "wavs",
}  # fmt: skip
"""Words that name no class, as in training_set, seg_test and valid-images."""
_TABLE_WORDS = re.compile(r"labels?|metadata|annotations?|\.(?:csv|tsv|jsonl)$", re.IGNORECASE)
_ENDINGS = re.compile(rf"({'|'.join(SPLITS)})(?:set|data|images)")  # testset, in one word
_YEAR = re.compile(r"[12][0-9]{3}")  # train2017
_WORDS = re.compile(r"[^\W\d_]+|\d+")


def split_of(name: str) -> str | None:
    """The split that a name stands for, in any spelling: "train", "validation", "test" or None."""
    split, others = _divided(name)
    return split if all(word in _COMPANIONS or _YEAR.fullmatch(word) for word in others) else None


def split_of_table(name: str) -> str | None:
    """The split of a table by its file name, as in train.csv, test_labels.csv; None if unknown."""
    return split_of(_TABLE_WORDS.sub(" ", name))


def splits_of_siblings(names: Sequence[str]) -> dict[str, str]:
    """The splits among the names of a folder's entries.

    Besides names that `split_of` knows, these are names that differ in the word of the split only:
    letters_train and letters_test.
    """
    found, alike = dict[str, str](), defaultdict[tuple[str, ...], dict[str, str]](dict)
    for name in names:
        split, others = _divided(name)
        if split is not None:
            alike[others][name] = split
            if split_of(name):
                found[name] = split
    for splits in alike.values():
        if len(set(splits.values())) > 1:
            found |= splits
    return found


def _divided(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The split that one of a name's words stands for, and the other words; None if there is none,
    or more than one."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = [_ENDINGS.sub(r"\1", word) for word in _WORDS.findall(spaced.lower())]
    splits = [SPLITS[word] for word in words if word in SPLITS]
    others = tuple(word for word in words if word not in SPLITS)
    return (splits[0] if len(splits) == 1 else None), others
