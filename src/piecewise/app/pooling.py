"""Class mode: many seats become one project, with the seat in the name of each file.

A net that is scored in folds by seat is scored on people whose samples it never learned from.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ..core.errors import DataError
from ..data.sources.folder_scan import Traversable
from ..data.sources.folders import FolderListing
from ..lessons.seats import seat_names
from .examples import add_samples, letters
from .imports import Batch, import_batches, open_tree, tree_batches
from .project import Project


class Seat(NamedTuple):
    """A seat: its name, its file or folder, and the class folders in it."""

    name: str
    path: Path
    root: Traversable
    listing: FolderListing


class PoolReport(NamedTuple):
    """What was pooled: the samples of each class by seat, and messages about what was left out."""

    seats: dict[str, dict[str, int]]
    skipped: list[str]


def pool_seats(folder: Path, paths: Sequence[Path]) -> PoolReport:
    """Make a new project of the samples of many seats, each a folder or a zip archive.

    The samples that a seat kept for the test are for learning, too: folds by seat keep people
    apart.

    Raises
    ------
    DataError
        If the folder exists, a seat cannot be read or has other data than the first, or two seats
        have the same samples. Nothing is written then.
    """
    _check_new(folder)
    seats = _opened(paths)
    counts: dict[str, Counter[str]] = {one.name: Counter() for one in seats}
    skipped = [message for one in seats for message in one.listing.skipped]
    total = sum(len(one.listing.files) for one in seats)
    with _new_project(folder) as project:
        import_batches(project, _batches(seats, counts, skipped), skipped, total)
    return PoolReport({name: dict(count) for name, count in counts.items()}, skipped)


def fill_seat(folder: Path, each: int, seed: int) -> None:
    """Make a new project with generated drawings of X and O, for somebody who cannot draw;
    DataError if the folder exists."""
    _check_new(folder)
    with _new_project(folder) as project:
        add_samples(project, letters(each, seed))


def _check_new(folder: Path) -> None:
    if folder.exists():
        raise DataError(f"{folder}: exists already; wanted the name of a new folder")


@contextmanager
def _new_project(folder: Path) -> Iterator[Project]:
    """A new project, which is removed if the block fails."""
    project = Project(folder)
    try:
        yield project
    except BaseException:
        project.close()
        shutil.rmtree(folder)
        raise
    project.close()


def _opened(paths: Sequence[Path]) -> list[Seat]:
    """The seats, all of which have the same kind of data; DataError."""
    names = seat_names(paths)
    seats = [Seat(name, path, *open_tree(path)) for name, path in zip(names, paths, strict=True)]
    for one in seats:
        got, wanted = one.listing.modality, seats[0].listing.modality
        if got != wanted:
            raise DataError(f"{one.path}: has {got}, but {seats[0].path} has {wanted}")
    return seats


def _batches(
    seats: Sequence[Seat], counts: dict[str, Counter[str]], skipped: list[str]
) -> Iterator[Batch]:
    """The samples of all seats, whose names end in the seat; DataError for a seat that is there
    twice, since its folds would know each other."""
    known: dict[bytes, Seat] = {}
    for seat in seats:
        digest = sha256()
        for batch in tree_batches(seat.root, seat.listing, skipped):
            for one in batch.uploads:
                digest.update(sha256(one.content).digest())
            counts[seat.name][batch.label] += len(batch.uploads)
            yield batch.in_seat(seat.name)
        if not counts[seat.name]:
            raise DataError(f"{seat.path}: none of its samples can be read")
        if (other := known.setdefault(digest.digest(), seat)) is not seat:
            raise DataError(
                f"{seat.path}: has the same samples as {other.path}; name each seat once"
            )
