"""The paths of many files in little memory."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .folders import LabeledFile

_BLOCK = 1_000
"""Names of a folder that are stored together."""
_BETWEEN = "\0"
"""No name contains it."""


class NameList(Sequence[str]):
    """The paths of files. A folder is stored once, and a name takes about its length in bytes."""

    def __init__(self) -> None:
        self._blocks, self._starts = list[tuple[str, str]](), list[int]()
        self._count = 0
        self._recent = tuple[tuple[int, list[str]], ...]()
        """The paths of the last two blocks that were read, because two readers may take turns."""

    def add(self, folder: str, names: Sequence[str]) -> None:
        """Append the files of a folder."""
        for start in range(0, len(names), _BLOCK):
            some = names[start : start + _BLOCK]
            self._blocks.append((folder, _BETWEEN.join(some)))
            self._starts.append(self._count)
            self._count += len(some)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        for number in range(len(self._blocks)):
            yield from self._paths(number)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self._count))]
        at = range(self._count)[index]  # IndexError, and indices from the end
        number = bisect_right(self._starts, at) - 1
        recent = self._recent  # other threads may replace it
        paths = next((paths for block, paths in recent if block == number), None)
        if paths is None:
            paths = self._paths(number)
            self._recent = (number, paths), *recent[:1]
        return paths[at - self._starts[number]]

    def _paths(self, number: int) -> list[str]:
        folder, names = self._blocks[number]
        return [os.path.join(folder, name) for name in names.split(_BETWEEN)]  # noqa: PTH118


class UnlabelledFiles(Sequence[LabeledFile]):
    """The files at the paths of a list, without a class. Each is made when it is needed."""

    def __init__(self, names: NameList) -> None:
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[LabeledFile]:
        return map(_file, self.names)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [_file(name) for name in self.names[index]]
        return _file(self.names[index])


def _file(name: str) -> LabeledFile:
    return LabeledFile(Path(name), "", "test")
