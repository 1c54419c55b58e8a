"""Where the class folders of a data set lie: in which folders, and of which split each is."""

from __future__ import annotations

from typing import NamedTuple
from unicodedata import normalize

from .folder_scan import MAX_DEPTH, FolderContents, FolderScanner, Traversable, modality_of
from .split_names import split_of, splits_of_siblings

_NOTES = ("readme", "read me", "license", "licence", "changelog", "citation", "copying")


class FolderLayout(NamedTuple):
    """The folders that hold class folders, each with its split; the folders in them that are no
    classes; all folders above the classes; and a message for each folder that is not read."""

    parents: list[tuple[Traversable, str]]
    left_out: set[Traversable]
    passed: list[Traversable]
    skipped: list[str]
    has_splits: bool


def find_layout(path: Traversable, scanner: FolderScanner, modality: str) -> FolderLayout:
    """The layout of a folder that holds files of a modality."""
    return _LayoutFinder(scanner, modality).find(path)


class _LayoutFinder:
    def __init__(self, scanner: FolderScanner, modality: str) -> None:
        self.scanner, self.modality = scanner, modality
        self.passed: list[Traversable] = []
        self.skipped: list[str] = []
        self.left_out: set[Traversable] = set()

    def find(self, path: Traversable) -> FolderLayout:
        top = self._innermost(path, None)
        splits = self._splits(top)
        parents = [(self._innermost(one, split), split) for one, split in splits.items()]
        self._report_beside(top, splits)
        parents = self._with_known_classes(parents) or [(top, "train")]
        for parent, _ in parents:
            self._leave_out_copies(parent)
        return FolderLayout(parents, self.left_out, self.passed, self.skipped, bool(splits))

    def _holding(self, path: Traversable) -> list[Traversable]:
        """The folders in a folder that hold files of the modality, at any depth."""
        folders = self.scanner.contents(path).folders
        return [folder for folder in folders if self.scanner.counts(folder)[self.modality]]

    def _innermost(self, path: Traversable, split: str | None) -> Traversable:
        """The folder that holds the classes or splits: a folder that holds only one other is passed
        by, if that is neither a class nor a split (of its own)."""
        for _ in range(MAX_DEPTH):
            self.passed.append(path)
            holding = self._holding(path)
            if len(holding) != 1 or not self._is_wrapper(holding[0], split):
                break
            self._report_empty(self.scanner.contents(path), holding)
            path = holding[0]
        return path

    def _is_wrapper(self, folder: Traversable, split: str | None) -> bool:
        if split_of(folder.name) not in {None, split} or not self._holding(folder):
            return False
        direct = self.scanner.contents(folder).files
        return not any(modality_of(file) == self.modality and not is_note(file) for file in direct)

    def _report_empty(self, contents: FolderContents, holding: list[Traversable]) -> None:
        for folder in contents.folders:
            if folder not in holding:
                self.skipped.append(
                    f"{folder}: none of the {self.modality} in it, so it is not a class"
                )

    def _splits(self, top: Traversable) -> dict[Traversable, str]:
        """The folders that are splits: named like one, with folders in it that hold files."""
        folders = self.scanner.contents(top).folders
        named = splits_of_siblings([folder.name for folder in folders])
        return {
            folder: named[folder.name]
            for folder in folders
            if folder.name in named and self._has_classes(folder, named[folder.name])
        }

    def _has_classes(self, folder: Traversable, split: str) -> bool:
        """Whether there are class folders in a split, rather than just the split's name again."""
        holding = self._holding(folder)
        while len(holding) == 1 and split_of(holding[0].name) == split:
            holding = self._holding(holding[0])
        return bool(holding)

    def _report_beside(self, top: Traversable, splits: dict[Traversable, str]) -> None:
        if not splits:
            return
        first = next(iter(splits)).name
        folders = self.scanner.contents(top).folders
        named = splits_of_siblings([folder.name for folder in folders])
        for folder in folders:
            if folder.name not in named:
                self.skipped.append(f"{folder}: not read; it is no split, as {first} beside it is")
            elif folder not in splits:
                self.skipped.append(f"{folder}: not read; there is no folder of a class in it")

    def _with_known_classes(
        self, parents: list[tuple[Traversable, str]]
    ) -> list[tuple[Traversable, str]]:
        """The parents without splits that share no class with the training split: their folders are
        no classes."""
        classes = [
            {normalize("NFC", one.name) for one in self._holding(parent)} for parent, _ in parents
        ]
        training = set[str]().union(
            *(names for names, (_, split) in zip(classes, parents, strict=True) if split == "train")
        )
        kept = []
        for names, (parent, split) in zip(classes, parents, strict=True):
            if not training or names & training:
                kept.append((parent, split))
            else:
                first = min(names)
                self.skipped.append(
                    f"{parent}: not read; its folders, such as {first}, are none of the classes of "
                    "the training split"
                )
        return kept

    def _leave_out_copies(self, parent: Traversable) -> None:
        """Leave out a folder that holds the classes beside it once more, as in set/set/CLASS."""
        folders = self._holding(parent)
        for folder in folders:
            others = {one.name for one in folders if one != folder}
            if len(others) > 1 and others <= {one.name for one in self._holding(folder)}:
                self.left_out.add(folder)
                self.skipped.append(
                    f"{folder}: not read; it holds the classes once more that lie beside it"
                )


def is_note(file: Traversable) -> bool:
    """Whether a file describes the data set rather than being a part of it."""
    return file.name.lower().startswith(_NOTES)
